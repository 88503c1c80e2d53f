"""Formats that type their own cells (xlsx, Parquet, JSON Lines) to a table of text.

Belongs here: writing native numbers, dates and truths as text the declared formats read back
exactly. Stays out: delimited text (`delimited`), meaning of columns (`mapping`).

A native number is written with the declared decimal sign and without grouping, so 1234.5 is
"1234,5" in a source declared as "1.234,56" and can never be read as 12,345.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.errors import ContractViolation
from ingest.sources.files.table import BrokenRow, RawTable, check_headers
from ingest.sources.files.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_UNZIPPED: Final = 2 << 30
_MAX_RATIO: Final = 200
_MAX_ENTRIES: Final = 1000
"""What one workbook may unpack to; a bomb is refused before it is opened."""

_EXACT_FLOAT: Final = 1e15
"""Spreadsheets keep 15 digits: a larger float has lost the rest and stays scientific."""


def read_jsonl(
    content: bytes, *, what: str, encoding: str, decimal_sign: str
) -> RawTable:
    """Return one record per line of JSON objects; a line that is none is broken.

    Raises:
        ContractViolation: the bytes are not text of that encoding.
    """
    parts = decode_text(io.BytesIO(content), what=what, encoding=encoding)
    text = "".join(part for part, _ in parts)
    headers: dict[str, None] = {}
    records: list[dict[str, str]] = []
    lines: list[int] = []
    payloads: list[str] = []
    broken: list[BrokenRow] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped:
            continue
        try:
            parsed = json.loads(
                stripped,
                parse_float=Decimal,
                parse_constant=_refuse,
                object_pairs_hook=_pairs_once,
            )
        except (ValueError, RecursionError):
            broken.append(BrokenRow(number, "is not JSON"))
            continue
        if not isinstance(parsed, dict):
            broken.append(BrokenRow(number, "is not a JSON object"))
            continue
        record = {key: _cell_text(value, decimal_sign) for key, value in parsed.items()}
        headers.update(dict.fromkeys(record))
        records.append(record)
        lines.append(number)
        payloads.append(stripped)
    names = check_headers(list(headers), what=what, line=1)
    return RawTable(
        headers=names,
        columns=tuple(
            pa.array([record.get(header, "") for record in records], pa.string())
            for header in headers
        ),
        lines=lines,
        broken=tuple(broken),
        payloads=payloads,
        is_native=True,
    )


def read_parquet(content: bytes, *, what: str, decimal_sign: str) -> RawTable:
    """Return the rows of a Parquet file; lines count rows from 1.

    Raises:
        ContractViolation: it is not a Parquet file.
    """
    try:
        table = pq.read_table(io.BytesIO(content))
    except pa.ArrowException:
        message = f"{what}: is not a Parquet file, or a damaged one"
        raise ContractViolation(message) from None
    columns = []
    for column in table.columns:
        flat = column.combine_chunks()
        if pa.types.is_string(flat.type) or pa.types.is_large_string(flat.type):
            columns.append(flat.cast(pa.string()))
        else:
            texts = [_cell_text(value, decimal_sign) for value in flat.to_pylist()]
            columns.append(pa.array(texts, pa.string()))
    return RawTable(
        headers=check_headers(table.column_names, what=what, line=1),
        columns=tuple(columns),
        lines=range(1, table.num_rows + 1),
        is_native=True,
    )


def read_xlsx(
    content: bytes, *, what: str, sheet: str | None, skip_rows: int, decimal_sign: str
) -> RawTable:
    """Return the rows of one sheet (the first one unless named); lines are its rows.

    Raises:
        ContractViolation: it is not a workbook, unpacks to too much, or lacks the sheet.
    """
    _check_workbook(content, what)
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    try:
        if sheet is not None and sheet not in book.sheetnames:
            message = (
                f"{what}: no sheet {sheet!r}; there are {', '.join(book.sheetnames)}"
            )
            raise ContractViolation(message)
        page = book[sheet] if sheet is not None else book.worksheets[0]
        # The size a writer states may be wrong; the cells are not.
        page.reset_dimensions()
        grid = [
            [_cell_text(value, decimal_sign) for value in row]
            for row in page.iter_rows(values_only=True)
        ]
    finally:
        book.close()
    return _table_of_grid(grid, what=what, skip_rows=skip_rows)


def _table_of_grid(grid: Sequence[list[str]], *, what: str, skip_rows: int) -> RawTable:
    """Return the table below the header row of a sheet; short rows end in blanks."""
    head = skip_rows
    while head < len(grid) and not any(grid[head]):
        head += 1
    if head >= len(grid):
        message = f"{what}: is empty, not even a header"
        raise ContractViolation(message)
    cells = list(grid[head])
    while cells and not cells[-1].strip():
        cells.pop()
    headers = check_headers(cells, what=what, line=head + 1)
    width = len(headers)
    rows: list[list[str]] = []
    lines: list[int] = []
    broken: list[BrokenRow] = []
    for number, row in enumerate(grid[head + 1 :], start=head + 2):
        if any(row[width:]):
            reason = f"has cells to the right of the {width} headers"
            broken.append(BrokenRow(number, reason))
        else:
            rows.append((row + [""] * width)[:width])
            lines.append(number)
    columns = zip(*rows, strict=True) if rows else ([] for _ in headers)
    return RawTable(
        headers=headers,
        columns=tuple(pa.array(list(column), pa.string()) for column in columns),
        lines=lines,
        broken=tuple(broken),
        is_native=True,
    )


def _check_workbook(content: bytes, what: str) -> None:
    """Refuse what is no workbook, or one that unpacks to far more than it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile:
        message = f"{what}: is not an xlsx workbook"
        raise ContractViolation(message) from None
    unzipped = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if (
        len(entries) > _MAX_ENTRIES
        or unzipped > _MAX_UNZIPPED
        or (unzipped > _MAX_UNZIPPED // 100 and unzipped / packed > _MAX_RATIO)
    ):
        message = (
            f"{what}: unpacks to {unzipped:,} bytes in {len(entries)} parts; refused"
        )
        raise ContractViolation(message)


def _cell_text(value: object, decimal_sign: str) -> str:
    """Return a native cell as text the declared formats read back exactly."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.date, dt.time)):
        return _time_text(value)
    if isinstance(value, (int, float, Decimal)):
        return _number_text(value, decimal_sign)
    return json.dumps(value, ensure_ascii=False, default=str)


def _time_text(value: dt.date | dt.time) -> str:
    """Return a native date or time in ISO; a spreadsheet's midnight is a day."""
    if isinstance(value, dt.datetime):
        is_day = value.tzinfo is None and value.time() == dt.time()
        return value.date().isoformat() if is_day else value.isoformat()
    return value.isoformat()


def _number_text(value: float | Decimal, decimal_sign: str) -> str:
    """Return a native number without grouping; one that lost digits stays scientific."""
    if isinstance(value, float):
        if not abs(value) < _EXACT_FLOAT:  # NaN too
            return repr(value)
        value = Decimal(repr(value))
    plain = format(value, "f") if isinstance(value, Decimal) else str(value)
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain.replace(".", decimal_sign)


def _refuse(word: str) -> float:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(word)


def _pairs_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that says a key twice, where the last would win silently."""
    once = dict(pairs)
    if len(once) != len(pairs):
        message = "key twice"
        raise ValueError(message)
    return once
