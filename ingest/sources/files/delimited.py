"""Delimited text (csv, tsv …) to tables of text: strict, with physical line numbers.

Belongs here: quoting, ragged rows, line numbers. Stays out: decoding (`text`), other formats
(`fixed`, `tabular`), meaning of columns (`mapping`).

A file is read in parts of some megabytes, so its size does not matter. Two readers give the
same answer: Arrow's, several times faster, when one line is one record for certain, and
Python's for every other part (line breaks in cells, broken rows). A part ends where a record
ends; a record cut by the end of a part is carried into the next one.
"""

from __future__ import annotations

import csv
import functools
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ingest.errors import ContractViolation
from ingest.sources.files.table import (
    BrokenRow,
    Letters,
    Part,
    RawTable,
    check_headers,
    join_header,
)
from ingest.sources.files.text import PART_BYTES, decode_text, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
_SAID: Final = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How a delimited file is laid out, as declared.

    `rows_quoted`: rows stand in quotes as a whole, and what they hold is read once more.
    """

    delimiter: str = ","
    skip_rows: int = 0
    header_rows: int = 1
    rows_quoted: bool = False


@dataclass(frozen=True)
class _Header:
    """Names of the columns, and how many columns the header row has, named or not."""

    names: tuple[str, ...]
    width: int


def read_delimited(
    stream: BinaryIO,
    *,
    what: str,
    encoding: str,
    layout: Layout,
    part_bytes: int = PART_BYTES,
) -> Iterator[Part]:
    """Yield the records of a delimited file in parts, at least one.

    Raises:
        ContractViolation: the bytes are not text of that encoding, there is no header, a
            quote is opened and never closed, or the last line is cut.
    """
    texts = decode_text(stream, what=what, encoding=encoding, part_bytes=part_bytes)
    header: _Header | None = None
    rest, line, is_blank = "", 1, True
    for text, is_end in texts:
        is_blank = is_blank and not text.strip()
        rest = f"{rest}{text}" if rest else text
        if header is None:
            if is_end and is_blank:
                message = f"{what}: is empty, not even a header"
                raise ContractViolation(message)
            found = _take_header(rest, is_end=is_end, what=what, layout=layout)
            if found is None:
                continue
            header, line, rest = found
        part, used, lines = _take_part(
            rest, header, first=line, is_end=is_end, what=what, layout=layout
        )
        rest, line = rest[used:], line + lines
        yield part


def said_delimiter(line: str) -> str | None:
    """Return the delimiter a first line `sep=;` tells Excel, None if it tells none.

    Such a line is no record; it may stand or not stand above the header, and be among the
    lines `skip_rows` counts or not.
    """
    found = _SAID.fullmatch(line.rstrip("\r\n"))
    return found[1] if found else None


def _check_said(line: str, *, what: str, layout: Layout) -> bool:
    """Say whether a first line tells the delimiter, the one that is declared.

    Raises:
        ContractViolation: it tells another one.
    """
    said = said_delimiter(line)
    if said is not None and said != layout.delimiter:
        message = (
            f"{what}:1: says that {said!r} stands between its columns, but they are read by "
            f"{layout.delimiter!r}; name it .csv and declare delimiter: {said!r}"
        )
        raise ContractViolation(message)
    return said is not None


def _take_header(
    text: str, *, is_end: bool, what: str, layout: Layout
) -> tuple[_Header, int, str] | None:
    """Return (header, line after it, text after it); None = the text ends before."""
    lines = whole_lines(text, is_end=is_end)
    skipped, line = 0, 1
    is_said = bool(lines) and _check_said(lines[0], what=what, layout=layout)
    rows: list[list[str]] = []
    for line, cells, used in _records(
        lines, first=1, is_end=is_end, what=what, layout=layout
    ):
        if skipped < layout.skip_rows:
            skipped += 1
        elif line == 1 and is_said:
            continue
        elif isinstance(cells, BrokenRow):
            break
        elif cells:
            if len(cells) == 1 and layout.delimiter in cells[0]:
                message = (
                    f"{what}:{line}: the header is one cell that holds {layout.delimiter!r}: "
                    "rows are wrapped whole in quotes; declare rows_quoted: true"
                )
                raise ContractViolation(message)
            rows.append(cells)
            if len(rows) == layout.header_rows:
                names = check_headers(join_header(rows), what=what, line=line)
                width = max(map(len, rows))
                rest = text[sum(map(len, lines[:used])) :]
                return _Header(names, width), used + 1, rest
    else:
        if not is_end:
            return None
    message = f"{what}:{line}: has no header row"
    raise ContractViolation(message)


def _take_part(
    text: str, header: _Header, *, first: int, is_end: bool, what: str, layout: Layout
) -> tuple[Part, int, int]:
    """Return the whole records of a text, how many characters and lines they are."""
    end = len(text) if is_end else text.rfind("\n") + 1
    data = text[:end].encode()
    if not layout.rows_quoted and _is_line_per_record(data, layout.delimiter):
        count = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        read = functools.partial(
            _read_lines, data, header, first=first, what=what, layout=layout
        )
        return Part(header.names, read), end, count
    lines = whole_lines(text, is_end=is_end)
    table, used = _read_strict(
        lines, header, first=first, is_end=is_end, what=what, layout=layout
    )
    return Part(header.names, lambda: table), sum(map(len, lines[:used])), used


def _read_lines(
    data: bytes, header: _Header, *, first: int, what: str, layout: Layout
) -> RawTable:
    """Return the table of a part whose lines are records."""
    fast = _read_fast(data, header, first=first, delimiter=layout.delimiter)
    if fast is not None:
        return fast
    lines = whole_lines(data.decode(), is_end=True)
    table, _ = _read_strict(
        lines, header, first=first, is_end=True, what=what, layout=layout
    )
    return table


def _read_fast(
    data: bytes, header: _Header, *, first: int, delimiter: str
) -> RawTable | None:
    """Return the table of lines that are records, None if Arrow reads other rows."""
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    if not data:
        return None
    names = [str(position) for position in range(header.width)]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=pacsv.ReadOptions(
                column_names=names, block_size=len(data) + 1, use_threads=False
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None  # ragged rows: the strict reader says which
    if table.num_rows != count:
        return None
    columns = [column.combine_chunks() for column in table.columns]
    named = len(header.names)
    if any(Letters.of(column).data.size for column in columns[named:]):
        return None  # text in a column without a name: the strict reader says where
    return RawTable(
        headers=header.names,
        columns=tuple(columns[:named]),
        lines=range(first, first + count),
    )


def _is_line_per_record(data: bytes, delimiter: str) -> bool:
    """Say whether lines and records coincide: quotes closed and at cell borders only."""
    if b"\0" in data or data.startswith((b"\n", b"\r\n")) or b"\n\n" in data:
        return False
    if b"\r" in data and (
        data.count(b"\r") != data.count(b"\r\n") or b"\n\r\n" in data
    ):
        return False
    if not data or len(delimiter.encode()) != 1:
        return False
    if b'"' not in data:
        return True
    letters = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    newlines = np.flatnonzero(letters == _NEWLINE)
    if np.any(np.searchsorted(quotes, newlines) % 2) or len(quotes) % 2:
        return False  # a line break inside a cell
    before = np.concatenate(([_NEWLINE], letters))[quotes[::2]]
    after = np.concatenate((letters, [_NEWLINE]))[quotes[1::2] + 1]
    border = np.zeros(256, dtype=bool)
    border[[_NEWLINE, _RETURN, _QUOTE, ord(delimiter)]] = True
    return bool(border[before].all() and border[after].all())


def _read_strict(
    lines: Sequence[str],
    header: _Header,
    *,
    first: int,
    is_end: bool,
    what: str,
    layout: Layout,
) -> tuple[RawTable, int]:
    """Return the table record by record, broken rows apart, and how many lines it took."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    broken: list[BrokenRow] = []
    used = 0
    for line, cells, used in _records(  # noqa: B007 - what was used is the answer
        lines, first=first, is_end=is_end, what=what, layout=layout
    ):
        if isinstance(cells, BrokenRow):
            broken.append(cells)
            continue
        reason = _refuse_cells(cells, header, layout) if cells else ""
        if reason:
            broken.append(BrokenRow(line, reason))
        elif cells:
            rows.append(cells[: len(header.names)])
            numbers.append(line)
    if is_end and broken and lines and not lines[-1].endswith(("\n", "\r")):
        check_whole(broken[-1], last=first + len(lines) - 1, what=what)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header.names)
    table = RawTable(
        headers=header.names,
        columns=tuple(pa.array(list(column), pa.string()) for column in columns),
        lines=numbers,
        broken=tuple(broken),
    )
    return table, used


def check_whole(broken: BrokenRow, *, last: int, what: str) -> None:
    """Refuse a file whose last line has no end and is no whole row: it was cut.

    Raises:
        ContractViolation: the broken row is the last line.
    """
    if broken.line == last:
        message = (
            f"{what}:{last}: the file ends in the middle of a row (it {broken.reason}); it was "
            "cut, drop it again"
        )
        raise ContractViolation(message)


def _refuse_cells(cells: Sequence[str], header: _Header, layout: Layout) -> str:
    """Return why cells are no row of the header, '' if they are."""
    named = len(header.names)
    if not named <= len(cells) <= header.width:
        if len(cells) == 1 and layout.delimiter in cells[0]:
            return "is wrapped whole in quotes; declare rows_quoted: true"
        return f"has {len(cells)} cells where the header has {header.width}"
    if any(cell.strip() for cell in cells[named:]):
        return f"has text in column {named + 1}, which the header does not name"
    if any("\0" in cell for cell in cells):
        return "holds a NUL character"
    return ""


def _records(
    lines: Sequence[str], *, first: int, is_end: bool, what: str, layout: Layout
) -> Iterator[tuple[int, list[str] | BrokenRow, int]]:
    """Yield (first physical line, cells, lines used so far) of each whole record.

    A quoting mistake inside one line breaks that record only. One that spans lines has
    swallowed other records, and where they began is not knowable: the file is refused.
    """
    reader = csv.reader(iter(lines), delimiter=layout.delimiter, strict=True)
    while True:
        begun = reader.line_num
        line = first + begun
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_cut = "end of data" in str(error)
            if is_cut and not is_end:
                return  # the rest of the record is in the next part
            if is_cut or reader.line_num > begun + 1:
                message = (
                    f"{what}:{line}: a quote opened here is not closed properly ({error}); "
                    "correct the file and drop it again"
                )
                raise ContractViolation(message) from None
            reason = "has text after a closing quote"
            if "limit" in str(error):
                reason = f"has a cell longer than {csv.field_size_limit():,} letters"
            yield line, BrokenRow(line, reason), reader.line_num
            continue
        if layout.rows_quoted and len(cells) == 1:
            cells = _unwrap(cells[0], layout.delimiter) or BrokenRow(
                line, "is wrapped in quotes, and what they hold is no row"
            )
        yield line, cells, reader.line_num


def _unwrap(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of a row that stood in quotes as a whole, None if it is none."""
    try:
        rows = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        )
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
