"""One file as text: headers, columns, the physical line of every record.

Belongs here: the shape every reader ends in, what makes a header row acceptable, and the row
as received (JSON). Stays out: how one format is read (`delimited`, `tabular`), what a column
means (`mapping`).
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow.compute import (
    JoinOptions,
    MatchSubstringOptions,
    ReplaceSubstringOptions,
    TrimOptions,
    call_function,
)

from ingest.errors import ContractViolation

if TYPE_CHECKING:
    from collections.abc import Sequence

BLANKS: Final = " \t\r\n\v\f\u00a0\u2007\u202f\u200b\ufeff"
"""What is cut off both ends of a cell: spaces, the no-break ones and invisible marks too."""

_CONTROL: Final = r"[\x00-\x1f]"


@dataclass(frozen=True)
class BrokenRow:
    """A record whose cells cannot be told apart; it goes to quarantine as a whole."""

    line: int
    reason: str


@dataclass(frozen=True)
class RawTable:
    """A file's records as text.

    Grain: one element of each column per record. `lines` are physical (the first line of the
    file is 1). `payloads` is given where the format has its own text of a record. `is_native`:
    the format types its cells, so ISO dates stand beside the declared formats.
    """

    headers: tuple[str, ...]
    columns: tuple[pa.Array, ...]
    lines: Sequence[int]
    broken: tuple[BrokenRow, ...] = ()
    payloads: Sequence[str] | None = None
    is_native: bool = False

    def column(self, header: str) -> pa.Array:
        """Return the column under a header."""
        return self.columns[self.headers.index(header)]

    def payload_texts(self) -> Sequence[str]:
        """Return each record as received: JSON of header -> text."""
        if self.payloads is not None:
            return self.payloads
        return _json_objects(self.headers, self.columns).to_pylist()


def tidy_header(text: str) -> str:
    """Return a header as it is compared: composed Unicode, blanks cut off."""
    return unicodedata.normalize("NFC", text).strip(BLANKS)


def check_headers(cells: Sequence[str], *, what: str, line: int) -> tuple[str, ...]:
    """Return the headers of a file.

    Raises:
        ContractViolation: a column has no name, or two have the same one.
    """
    headers = tuple(tidy_header(cell) for cell in cells)
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
        texts = call_function("utf8_trim", [column.fill_null("")], trim)
        empty = call_function("equal", [texts, pa.scalar("")])
        blank = empty if blank is None else call_function("and", [blank, empty])
        if not call_function("any", [blank]).as_py():
            return table
    if blank is None:
        return table
    keep = call_function("invert", [blank])
    flags = keep.to_pylist()
    return RawTable(
        headers=table.headers,
        columns=tuple(column.filter(keep) for column in table.columns),
        lines=[line for line, kept in zip(table.lines, flags, strict=True) if kept],
        broken=table.broken,
        payloads=None
        if table.payloads is None
        else [text for text, kept in zip(table.payloads, flags, strict=True) if kept],
        is_native=table.is_native,
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
    control = call_function(
        "match_substring_regex", [column], MatchSubstringOptions(_CONTROL)
    )
    if call_function("any", [control]).as_py():
        texts = [json.dumps(text, ensure_ascii=False) for text in column.to_pylist()]
        return pa.array([text[1:-1] for text in texts], pa.string())
    for character, escaped in (("\\", "\\\\"), ('"', '\\"')):
        options = ReplaceSubstringOptions(character, escaped)
        column = call_function("replace_substring", [column], options)
    return column
