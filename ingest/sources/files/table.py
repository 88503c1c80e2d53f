"""One file as text: headers, columns, the physical line of every record.

Belongs here: the shape every reader ends in, what makes a header row acceptable, looking at
the letters of a whole column at once, and the row as received (JSON). Stays out: how one
format is read (`delimited`, `tabular`), what a column means (`mapping`).
"""

from __future__ import annotations

import itertools
import json
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow.compute import (
    JoinOptions,
    ReplaceSubstringOptions,
    TrimOptions,
    call_function,
)

from ingest.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


BLANKS: Final = " \t\r\n\v\f\u00a0\u2007\u202f\u200b\ufeff"
"""What is cut off both ends of a cell: spaces, the no-break ones and invisible marks too."""

_FIRST_PRINTABLE: Final = 0x20
_LAST_ASCII: Final = 0x7F
_SPACE, _QUOTE, _BACKSLASH = b' "\\'


@dataclass(frozen=True)
class BrokenRow:
    """A record whose cells cannot be told apart; it goes to quarantine as a whole."""

    line: int
    reason: str


@dataclass(frozen=True)
class TotalRow:
    """A row that adds up others: its line, its cells, how many records stand above it."""

    line: int
    cells: Mapping[str, str]
    above: int


@dataclass(frozen=True)
class RawTable:
    """A file's records as text.

    Grain: one element of each column per record. `lines` are physical (the first line of the
    file is 1). `payloads` is given where the format has its own text of a record. `is_native`:
    the format types its cells, so ISO dates stand beside the declared formats. `totals` and
    `repeated_headers` are rows that are no records (`apart`). `member`: which of
    several files of an archive (`.1`) or sheets of a workbook (`.2` the second) it is, '' where
    there is one.
    """

    headers: tuple[str, ...]
    columns: tuple[pa.Array, ...]
    lines: Sequence[int]
    broken: tuple[BrokenRow, ...] = ()
    payloads: Sequence[str] | None = None
    is_native: bool = False
    totals: tuple[TotalRow, ...] = ()
    repeated_headers: int = 0
    member: str = ""

    @property
    def received(self) -> int:
        """Return how many rows the file holds here, whatever becomes of them."""
        apart = len(self.totals) + self.repeated_headers
        return len(self.lines) + len(self.broken) + apart

    def column(self, header: str) -> pa.Array:
        """Return the column under a header."""
        return self.columns[self.headers.index(header)]

    def payload_array(self) -> pa.Array:
        """Return each record as received: JSON of header -> text."""
        if self.payloads is not None:
            return pa.array(self.payloads, pa.string())
        return _json_objects(self.headers, self.columns)

    def payload_texts(self) -> Sequence[str]:
        """Return each record as received: JSON of header -> text."""
        return self.payload_array().to_pylist()

    def take(self, rows: Sequence[int]) -> RawTable:
        """Return some of the records, nothing broken among them."""
        return RawTable(
            headers=self.headers,
            columns=tuple(
                column.take(pa.array(rows, pa.int64())) for column in self.columns
            ),
            lines=[self.lines[row] for row in rows],
            payloads=None
            if self.payloads is None
            else [self.payloads[row] for row in rows],
            is_native=self.is_native,
        )


@dataclass(frozen=True)
class Part:
    """A run of a file's records, parsed when asked for: parts can be read side by side."""

    headers: tuple[str, ...]
    read: Callable[[], RawTable]
    is_native: bool = False


@dataclass(frozen=True)
class Letters:
    """The bytes of a column of text and where each cell begins and ends."""

    data: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @staticmethod
    def of(column: pa.Array) -> Letters:
        """Return the letters of a column; they are not copied."""
        if not len(column):
            return Letters(np.empty(0, np.uint8), *(np.empty(0, np.int32),) * 2)
        _, offsets, data = column.buffers()
        first, last = column.offset, column.offset + len(column)
        places = np.frombuffer(offsets, dtype=np.int32)[first : last + 1]
        letters = np.frombuffer(data or b"", dtype=np.uint8)
        letters = letters[places[0] : places[-1]]
        places = places - places[0]
        return Letters(letters, places[:-1], places[1:])

    @property
    def is_plain(self) -> bool:
        """True if all is printable ASCII and no cell begins or ends with a space.

        Such cells are read as they stand: composed already, with nothing to cut off.
        """
        if not self.data.size:
            return True
        if self.data.min() < _FIRST_PRINTABLE or self.data.max() >= _LAST_ASCII:
            return False
        if _SPACE not in self.data.tobytes():
            return True
        filled = self.ends > self.starts
        starts, ends = self.starts[filled], self.ends[filled] - 1
        return not (
            (self.data[starts] == _SPACE).any() or (self.data[ends] == _SPACE).any()
        )

    @property
    def needs_escape(self) -> bool:
        """True if a letter cannot stand in a JSON string as it is."""
        if not self.data.size:
            return False
        letters = self.data.tobytes()  # searching bytes is faster than comparing them
        return (
            _QUOTE in letters
            or _BACKSLASH in letters
            or bool(self.data.min() < _FIRST_PRINTABLE)
        )


def tidy_header(text: str) -> str:
    """Return a header as it is compared: composed Unicode, blanks cut off."""
    return unicodedata.normalize("NFC", text).strip(BLANKS)


def join_header(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one name per column of a header spread over several rows: its texts in order."""
    width = max(map(len, rows))
    filled = [[*row, *[""] * (width - len(row))] for row in rows]
    return [" / ".join(filter(str.strip, cells)) for cells in zip(*filled, strict=True)]


def check_headers(cells: Sequence[str], *, what: str, line: int) -> tuple[str, ...]:
    """Return the headers of a file; columns without a name behind the last one are left out.

    Raises:
        ContractViolation: a column has no name, two have the same one, or a name is of a
            wrong encoding.
    """
    names = [tidy_header(cell) for cell in cells]
    while len(names) > 1 and not names[-1]:
        names.pop()
    headers = tuple(names)
    for position, header in enumerate(headers, start=1):
        if not header:
            message = f"{what}:{line}: column {position} has no name; give it one"
            raise ContractViolation(message)
        if header in headers[: position - 1]:
            message = f"{what}:{line}: header {header!r} occurs twice; rename one"
            raise ContractViolation(message)
    return headers


def without_blank_rows(table: RawTable) -> RawTable:
    """Return the table without rows whose cells are all blank (what Excel leaves behind)."""
    blank: pa.Array | None = None
    trim = TrimOptions(characters=BLANKS)
    for column in table.columns:
        letters = Letters.of(column)
        if letters.is_plain and (letters.ends > letters.starts).all():
            return table
        texts = call_function("utf8_trim", [column.fill_null("")], trim)
        empty = call_function("equal", [texts, pa.scalar("")])
        blank = empty if blank is None else call_function("and", [blank, empty])
        if not call_function("any", [blank]).as_py():
            return table
    if blank is None:
        return table
    return _keep(table, call_function("invert", [blank]))


def without_rows(table: RawTable, places: Sequence[int]) -> RawTable:
    """Return the table without the records at some places."""
    keep = np.ones(len(table.lines), dtype=bool)
    keep[places] = False
    return _keep(table, pa.array(keep))


def _keep(table: RawTable, keep: pa.Array) -> RawTable:
    flags = keep.to_pylist()
    payloads = table.payloads
    if payloads is not None:
        payloads = [text for text, kept in zip(payloads, flags, strict=True) if kept]
    return replace(
        table,
        columns=tuple(column.filter(keep) for column in table.columns),
        lines=[line for line, kept in zip(table.lines, flags, strict=True) if kept],
        payloads=payloads,
    )


def join_tables(tables: Sequence[RawTable]) -> RawTable:
    """Return the tables of one file as one."""
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    payloads = [text for table in tables for text in table.payloads or ()]
    above = itertools.accumulate((len(table.lines) for table in tables), initial=0)
    return RawTable(
        headers=first.headers,
        columns=tuple(
            pa.concat_arrays(list(columns))
            for columns in zip(*(table.columns for table in tables), strict=True)
        ),
        lines=[line for table in tables for line in table.lines],
        broken=tuple(row for table in tables for row in table.broken),
        payloads=None if first.payloads is None else payloads,
        is_native=first.is_native,
        totals=tuple(
            replace(row, above=before + row.above)
            for before, table in zip(above, tables, strict=False)
            for row in table.totals
        ),
        repeated_headers=sum(table.repeated_headers for table in tables),
    )


def _json_objects(headers: Sequence[str], columns: Sequence[pa.Array]) -> pa.Array:
    """Return one JSON object of strings per row, built column by column."""
    parts: list[pa.Array | pa.Scalar] = []
    for position, (header, column) in enumerate(zip(headers, columns, strict=True)):
        opening = "{" if position == 0 else '",'
        parts += [
            pa.scalar(f'{opening}{json.dumps(header, ensure_ascii=False)}:"'),
            _escape(column.fill_null("")),
        ]
    parts += [pa.scalar('"}'), pa.scalar("")]
    return call_function("binary_join_element_wise", parts, JoinOptions())


def _escape(column: pa.Array) -> pa.Array:
    """Return the texts as they stand between the quotes of a JSON string."""
    letters = Letters.of(column)
    if not letters.needs_escape:
        return column
    if letters.data.min() < _FIRST_PRINTABLE:
        texts = [json.dumps(text, ensure_ascii=False) for text in column.to_pylist()]
        return pa.array([text[1:-1] for text in texts], pa.string())
    for character, escaped in (("\\", "\\\\"), ('"', '\\"')):
        options = ReplaceSubstringOptions(character, escaped)
        column = call_function("replace_substring", [column], options)
    return column
