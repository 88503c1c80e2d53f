"""Workbooks (xlsx) to tables of text: sheets, their headers, their rows in parts.

Belongs here: opening a workbook within bounds, headers over merged cells, cells without a
value. Stays out: writing native cells as text (`tabular`), meaning of columns (`mapping`).

Day numbers formatted as dates come out as dates, whether the book counts from 1900 or 1904.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import re
import zipfile
from decimal import Context, Decimal
from fnmatch import fnmatchcase
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final
from xml.etree.ElementTree import ParseError

import openpyxl
import pyarrow as pa
from openpyxl.styles.numbers import BUILTIN_FORMATS_MAX_SIZE
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.worksheet._reader import WorkSheetParser

from ingest.entities import MONEY_SCALE
from ingest.errors import ContractViolation
from ingest.sources.files.containers import DAMAGES, check_directory, check_sizes
from ingest.sources.files.table import (
    BrokenRow,
    Part,
    RawTable,
    check_headers,
    join_header,
)
from ingest.sources.files.tabular import cell_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from openpyxl.workbook import Workbook

PART_ROWS: Final = 10_000
_HEADER_SCAN: Final = 1000
"""Rows above a header that may be blank; below them a sheet counts as empty."""
_FORMULA: Final = b"<f"
_MERGED: Final = re.compile(
    rb'<(?:\w+:)?mergeCell\b[^<>]*?\bref="([A-Z]{1,3}\d{1,7}(?::[A-Z]{1,3}\d{1,7})?)"'
)
_LONGEST_TAG: Final = 200
_SHEETS: Final = "xl/worksheets/"
MAX_WORDS: Final = 256 << 20
"""Bytes beside the sheets; as words in memory they take some four times as much."""
MAX_ROWS: Final = 1 << 20
"""Rows a sheet can have; a stated number above would be filled up with blank rows."""
MAX_ROW_BYTES: Final = 32 << 20
"""Text of one row, which is held whole and takes some twenty times as much."""
_BLOCK: Final = 1 << 20
_DIGITS: Final = 15
"""Digits of a number a spreadsheet keeps and shows; what a file holds behind them nobody saw."""
_SHOWN: Final = Context(prec=_DIGITS)
_BELOW_MONEY: Final = Decimal(5).scaleb(-MONEY_SCALE - 1)
_NOISE_ULPS: Final = 4
_ZEROS: Final = re.compile("0{2,}")
"""Number format of codes: 123 is shown as 00123."""
_ODDITIES: Final = (*DAMAGES, KeyError, ValueError, TypeError, IndexError, ParseError)
"""What the library raises for a package that is no workbook inside."""


def read_xlsx(
    stream: BinaryIO,
    *,
    what: str,
    sheets: Sequence[str] | None,
    skip_rows: int,
    header_rows: int,
    decimal_sign: str,
    part_rows: int = PART_ROWS,
) -> Iterator[Part]:
    """Yield the rows of some sheets (unless named, the only one with cells) one after another.

    Lines are the sheet's rows; of several sheets, the second and later ones are members.

    Raises:
        ContractViolation: it is not a workbook, unpacks to too much, lacks a sheet, or has
            several and none is named.
    """
    check_directory(stream, what, kind="an xlsx workbook")
    try:
        with zipfile.ZipFile(stream) as archive:
            check_sizes(archive.infolist(), what)
            _check_words(archive, what)
            has_formulas = _holds_formulas(archive)
        book = _open(stream, is_computed=True)
        formulas = _open(stream, is_computed=False) if has_formulas else None
        chosen = _choose(book, sheets, what)
        for number, sheet in enumerate(chosen, start=1):
            yield from _read_sheet(
                book,
                formulas,
                what=what if len(chosen) == 1 else f"{what} (sheet {sheet})",
                sheet=sheet,
                member=f".{number}" if number > 1 else "",
                spans=merged_cells(stream, book, sheet) if header_rows > 1 else (),
                skip_rows=skip_rows,
                header_rows=header_rows,
                decimal_sign=decimal_sign,
                part_rows=part_rows,
            )
    except _ODDITIES as error:
        message = f"{what}: is not an xlsx workbook, or a damaged one ({type(error).__name__})"
        raise ContractViolation(message) from None


def _open(content: BinaryIO, *, is_computed: bool) -> Workbook:
    content.seek(0)
    return openpyxl.load_workbook(
        content, read_only=True, data_only=is_computed, keep_links=False
    )


def _choose(book: Workbook, sheets: Sequence[str] | None, what: str) -> list[str]:
    """Return the sheets that are read: those that match, else the only one seen with cells.

    Raises:
        ContractViolation: none matches, or it could be one of several.
    """
    names = [page.title for page in book.worksheets]
    seen = [page.title for page in book.worksheets if page.sheet_state == "visible"]
    if sheets is not None:
        # A pattern means what people see; a name means that sheet.
        found = {
            word: [n for n in seen if fnmatchcase(n, word)]
            if any(sign in word for sign in "*?[")
            else [n for n in names if n == word]
            for word in sheets
        }
        for word, matched in found.items():
            if not matched:
                message = f"{what}: no sheet {word!r}; there are {', '.join(names)}"
                raise ContractViolation(message)
        wanted = {name for matched in found.values() for name in matched}
        return [name for name in names if name in wanted]
    if len(seen) == 1:
        return seen
    filled = [title for title in seen if _has_cells(book, title, what)]
    if len(filled) > 1:
        message = (
            f"{what}: {len(filled)} sheets have cells ({', '.join(filled)}); declare sheet: the "
            "one with the rows, or several of one shape by a list or a pattern"
        )
        raise ContractViolation(message)
    return (filled or names)[:1]


def _has_cells(book: Workbook, sheet: str, what: str) -> bool:
    with contextlib.closing(_rows(book, sheet, what)) as rows:
        return any(
            value is not None and str(value).strip() for row in rows for value in row
        )


def _check_words(archive: zipfile.ZipFile, what: str) -> None:
    """Refuse a workbook with too much beside its sheets, above all the words cells share.

    Raises:
        ContractViolation: sheets are read row by row, the rest is held in memory.
    """
    entries = archive.infolist()
    size = sum(e.file_size for e in entries if not e.filename.startswith(_SHEETS))
    if size > MAX_WORDS:
        message = (
            f"{what}: holds {size:,} bytes beside its sheets (the words its cells share), more "
            f"than {MAX_WORDS:,}; save the sheet as csv"
        )
        raise ContractViolation(message)


def _holds_formulas(archive: zipfile.ZipFile) -> bool:
    """Say whether any sheet may hold a formula, without parsing it."""
    for entry in archive.infolist():
        if not entry.filename.startswith(_SHEETS):
            continue
        with archive.open(entry) as sheet:
            rest = b""
            while block := sheet.read(_BLOCK):
                if _FORMULA in rest + block:
                    return True
                rest = block[-1:]
    return False


def merged_cells(
    content: BinaryIO, book: Workbook, sheet: str
) -> list[tuple[int, int, int, int]]:
    """Return the merged cells of a sheet: first row and column, last row and column.

    They are said below the last row, so the sheet's text is searched: a workbook opened to be
    told them is held whole in memory.
    """
    page = book[sheet]
    path: str = page._worksheet_path  # type: ignore[union-attr]  # noqa: SLF001 - nothing else says where a sheet lies
    found: list[tuple[int, int, int, int]] = []
    content.seek(0)
    with zipfile.ZipFile(content) as archive, archive.open(path) as text:
        rest = b""
        while block := text.read(_BLOCK):
            block = rest + block
            last = 0
            for match in _MERGED.finditer(block):
                left, top, right, bottom = range_boundaries(match[1].decode())
                if top and left and bottom and right:
                    found.append((top, left, bottom, right))
                last = match.end()
            rest = block[max(last, len(block) - _LONGEST_TAG) :]
    return found


def _read_sheet(
    book: Workbook,
    formulas: Workbook | None,
    *,
    what: str,
    sheet: str,
    member: str,
    spans: Sequence[tuple[int, int, int, int]],
    skip_rows: int,
    header_rows: int,
    decimal_sign: str,
    part_rows: int,
) -> Iterator[Part]:
    grid = enumerate(_rows(book, sheet, what), start=1)
    head, line = _read_head(grid, skip_rows, header_rows, decimal_sign)
    if len(head) < header_rows:
        message = f"{what}: is empty, not even a header"
        raise ContractViolation(message)
    _spread(head, spans, first=line - header_rows + 1)
    headers = check_headers(join_header(head), what=what, line=line)
    written = iter(()) if formulas is None else _rows(formulas, sheet, what)
    for _ in itertools.islice(written, line):
        pass  # the rows above the first record
    first = line + 1
    while True:
        chunk = [row for _, row in itertools.islice(grid, part_rows)]
        if not chunk and first > line + 1:
            return
        beside = list(itertools.islice(written, part_rows))
        read = functools.partial(
            _table,
            chunk,
            beside,
            headers=headers,
            member=member,
            first=first,
            sign=decimal_sign,
        )
        yield Part(headers, read, is_native=True)
        if len(chunk) < part_rows:
            return
        first += len(chunk)


def _read_head(
    grid: Iterator[tuple[int, Sequence[object]]],
    skip_rows: int,
    header_rows: int,
    sign: str,
) -> tuple[list[list[str]], int]:
    """Return the rows of the header and the line of the last one; blank rows above do not count."""
    head: list[list[str]] = []
    line = 0
    for line, row in grid:
        cells = [_shown_text(value, sign) for value in row]
        is_above = line <= skip_rows or not (head or any(map(str.strip, cells)))
        if is_above and line <= skip_rows + _HEADER_SCAN:
            continue
        head.append(cells)
        if len(head) == header_rows:
            break
    return head, line


def _rows(book: Workbook, sheet: str, what: str) -> Generator[Sequence[object]]:
    """Yield the values of every row of a sheet, blank ones included.

    The library's own loop drops a row whose number came before, and cells right of the one
    written last.

    Raises:
        ContractViolation: rows or cells come twice or out of order, or are too large.
    """
    page: Any = book[sheet]
    styles: Any = book
    padded = _padded_styles(book)
    with page._get_source() as source:  # noqa: SLF001 - the library reads in rows only here
        text = _Watched(source, what)
        parser = WorkSheetParser(
            text,
            page._shared_strings,  # noqa: SLF001 - as above
            data_only=book.data_only,
            epoch=book.epoch,
            date_formats=styles._date_formats,  # noqa: SLF001 - as above
            timedelta_formats=styles._timedelta_formats,  # noqa: SLF001 - as above
        )
        last = 0
        for number, cells in parser.parse():
            text.taken = 0
            parser.row_dimensions.clear()  # heights, of every row there is
            if not last < number <= MAX_ROWS:
                order = f"after row {last:,}" if number <= last else "no sheet has it"
                message = f"{what}: row {number:,} stands where it cannot: {order}"
                raise ContractViolation(message)
            for _ in range(last + 1, number):
                yield ()
            last = number
            values: list[object] = []
            for cell in cells:
                place = cell["column"]
                if place <= len(values):
                    column = get_column_letter(place)
                    message = (
                        f"{what}: row {number:,} has column {column} twice or too late"
                    )
                    raise ContractViolation(message)
                values += [None] * (place - 1 - len(values))
                value = cell["value"]
                if cell["style_id"] in padded and type(value) is int:
                    shown = f"{abs(value):0{padded[cell['style_id']]}}"
                    value = f"-{shown}" if value < 0 else shown
                values.append(value)
            yield values


def _padded_styles(book: Workbook) -> dict[int, int]:
    """Return the styles that show a whole number with zeros before it, and how wide."""
    styles: Any = book
    customs = styles._number_formats  # noqa: SLF001 - what a cell shows is told nowhere else
    found: dict[int, int] = {}
    for number, style in enumerate(styles._cell_styles):  # noqa: SLF001 - as above
        place = style.numFmtId - BUILTIN_FORMATS_MAX_SIZE
        if 0 <= place < len(customs) and _ZEROS.fullmatch(customs[place]):
            found[number] = len(customs[place])
    return found


class _Watched:
    """A sheet's text, refused where one row takes too much of it."""

    def __init__(self, source: IO[bytes], what: str) -> None:
        self.source = source
        self.what = what
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            ContractViolation: no row has ended for too long.
        """
        block = self.source.read(size)
        self.taken += len(block)
        if self.taken > MAX_ROW_BYTES:
            message = (
                f"{self.what}: one row of a sheet takes more than {MAX_ROW_BYTES:,} bytes; "
                "no such row is a record"
            )
            raise ContractViolation(message)
        return block


def _spread(
    head: list[list[str]], spans: Sequence[tuple[int, int, int, int]], *, first: int
) -> None:
    """Write the text of a merged cell over every column of the header it spans."""
    for top, left, _, right in spans:
        # A cell over several rows is named once.
        row = top - first
        if not 0 <= row < len(head) or left > len(head[row]):
            continue
        text = head[row][left - 1]
        cells = head[row]
        cells += [""] * (right - len(cells))
        cells[left - 1 : right] = [text] * (right - left + 1)


def _table(
    chunk: Sequence[Sequence[object]],
    written: Sequence[Sequence[object]],
    *,
    headers: tuple[str, ...],
    member: str,
    first: int,
    sign: str,
) -> RawTable:
    """Return the table of some rows of a sheet; short rows end in blanks."""
    width = len(headers)
    rows: list[list[str]] = []
    lines: list[int] = []
    broken: list[BrokenRow] = []
    for place, (line, values) in enumerate(enumerate(chunk, start=first)):
        row = [_shown_text(value, sign) for value in values]
        formula = _uncomputed(values, written[place]) if place < len(written) else ""
        if formula:
            reason = (
                f"has a formula without a value in column {formula}; save it once more"
            )
            broken.append(BrokenRow(line, reason))
        elif any(map(str.strip, row[width:])):
            reason = f"has cells to the right of the {width} headers"
            broken.append(BrokenRow(line, reason))
        else:
            rows.append((row + [""] * width)[:width])
            lines.append(line)
    columns = zip(*rows, strict=True) if rows else ([] for _ in headers)
    return RawTable(
        headers=headers,
        columns=tuple(pa.array(list(column), pa.string()) for column in columns),
        lines=lines,
        broken=tuple(broken),
        is_native=True,
        member=member,
    )


def _shown_text(value: object, sign: str) -> str:
    """Return a cell as text; a number with the digits a spreadsheet shows of it.

    0.1 + 0.2 is kept as 0.30000000000000004 and shown as 0.3. Digits behind the fifteenth are
    left out where money keeps none of them, or where they are what arithmetic in binary leaves;
    others stand, as the file says. Without decimals there are no more than fifteen: larger
    numbers have lost digits and stay scientific, which no identifier or amount is.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return cell_text(value, sign)
    whole = Decimal(repr(value))
    if not whole.is_finite():
        return repr(value)
    shown = _SHOWN.create_decimal(whole)
    if shown.adjusted() >= _DIGITS:
        return f"{shown.normalize():e}"
    noise = max(_BELOW_MONEY, _NOISE_ULPS * Decimal(math.ulp(value)))
    return cell_text(shown if abs(whole - shown) <= noise else whole, sign)


def _uncomputed(values: Sequence[object], written: Sequence[object]) -> str:
    """Return the column of a formula nobody has computed, '' if there is none."""
    for place, (value, text) in enumerate(zip(values, written, strict=False), start=1):
        if value is None and isinstance(text, str) and text.startswith("="):
            return get_column_letter(place)
    return ""
