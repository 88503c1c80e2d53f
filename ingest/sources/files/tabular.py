"""Formats that type their own cells (Parquet, JSON Lines, cells of xlsx) to tables of text.

Belongs here: writing native numbers, dates and truths as text the declared formats read back
exactly. Stays out: sheets of workbooks (`workbook`), delimited text (`delimited`), meaning of
columns (`mapping`).

A native number is written with the declared decimal sign and without grouping, so 1234.5 is
"1234,5" in a source declared as "1.234,56" and can never be read as 12,345.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.errors import ContractViolation
from ingest.sources.files.containers import FREE_BYTES, MAX_RATIO
from ingest.sources.files.table import BrokenRow, Part, RawTable, check_headers
from ingest.sources.files.text import PART_BYTES, decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PART_ROWS: Final = 10_000
_GROUP_DIGITS: Final = 3
_BUFFER_BYTES: Final = 1 << 20
"""Without a buffer a whole column of a row group is read at once, however large it is."""
_FREE_ROWS: Final = 1_000_000
"""Rows a Parquet file may have however small it is."""
_TEXTUAL: Final = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
    pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary,
)  # fmt: skip
_EXACT_FLOAT: Final = 1e15
"""A larger float may have lost digits and stays scientific."""


@dataclass(frozen=True)
class _JsonLines:
    """Objects of some lines, keyed as they are; lines that are none are broken."""

    records: list[dict[str, str]]
    lines: list[int]
    payloads: list[str]
    broken: tuple[BrokenRow, ...]


def read_jsonl(
    stream: BinaryIO,
    *,
    what: str,
    encoding: str,
    decimal_sign: str,
    part_bytes: int = PART_BYTES,
) -> Iterator[Part]:
    """Yield one record per line of JSON objects; a line that is none is broken.

    What the columns are is known when all lines were read, so a file of several parts is read
    twice: for its keys, then for its rows.

    Raises:
        ContractViolation: the bytes are not text of that encoding.
    """

    def parts() -> Iterator[_JsonLines]:
        stream.seek(0)
        rest, line = "", 1
        for text, is_end in decode_text(
            stream, what=what, encoding=encoding, part_bytes=part_bytes
        ):
            own, found, after = f"{rest}{text}".rpartition("\n")
            if is_end:
                own, after = f"{own}{found}{after}", ""
            rest = after
            if own or is_end:
                lines = own.split("\n")
                yield _parse_lines(lines, first=line, decimal_sign=decimal_sign)
                line += len(lines)

    headers: dict[str, None] = {}
    read: list[_JsonLines] = []
    count = refused = 0
    for part in parts():
        for record in part.records:
            headers.update(dict.fromkeys(record))
        count += 1
        read = [part] if count == 1 else []
        refused += len(part.broken)
    if refused and not headers:
        message = f"{what}: no line is a JSON object; write one object per line"
        raise ContractViolation(message)
    names = check_headers(list(headers), what=what, line=1)
    for part in read if count == 1 else parts():
        yield Part(
            names, partial(_json_table, part, names, tuple(headers)), is_native=True
        )


def _parse_lines(lines: list[str], *, first: int, decimal_sign: str) -> _JsonLines:
    records: list[dict[str, str]] = []
    numbers: list[int] = []
    payloads: list[str] = []
    broken: list[BrokenRow] = []
    for number, line in enumerate(lines, start=first):
        stripped = line.strip()
        if not stripped:
            continue
        record: dict[str, str] = {}
        try:
            parsed = json.loads(
                stripped,
                parse_float=Decimal,
                parse_constant=_refuse,
                object_pairs_hook=_pairs_once,
            )
            if isinstance(parsed, dict):
                record = {k: cell_text(v, decimal_sign) for k, v in parsed.items()}
                # Half a letter (\\ud800) is valid JSON and no text.
                "".join([*record, *record.values()]).encode()
        except (ValueError, RecursionError):
            broken.append(BrokenRow(number, "is not JSON"))
            continue
        if not isinstance(parsed, dict):
            broken.append(BrokenRow(number, "is not a JSON object"))
            continue
        records.append(record)
        numbers.append(number)
        payloads.append(stripped)
    return _JsonLines(records, numbers, payloads, tuple(broken))


def _json_table(
    part: _JsonLines, names: tuple[str, ...], keys: tuple[str, ...]
) -> RawTable:
    return RawTable(
        headers=names,
        columns=tuple(
            pa.array([record.get(key, "") for record in part.records], pa.string())
            for key in keys
        ),
        lines=part.lines,
        broken=part.broken,
        payloads=part.payloads,
        is_native=True,
    )


def read_parquet(
    stream: BinaryIO, *, what: str, decimal_sign: str, part_rows: int = PART_ROWS
) -> Iterator[Part]:
    """Yield the rows of a Parquet file in parts, at least one; lines count rows from 1.

    Raises:
        ContractViolation: it is not a Parquet file, or holds more than its size can mean.
    """
    size = stream.seek(0, io.SEEK_END)
    try:
        # `pre_buffer` reads a whole group of rows ahead, whatever the buffer.
        with pq.ParquetFile(
            stream, buffer_size=_BUFFER_BYTES, pre_buffer=False
        ) as file:
            _refuse_bomb(file.metadata, size, what=what)
            headers = check_headers(file.schema_arrow.names, what=what, line=1)
            first = 1
            for batch in file.iter_batches(part_rows):
                read = partial(
                    _parquet_table, batch, headers, first=first, sign=decimal_sign
                )
                yield Part(headers, read, is_native=True)
                first += batch.num_rows
            if first == 1:
                empty = file.schema_arrow.empty_table().to_batches() or [
                    pa.RecordBatch.from_pylist([], schema=file.schema_arrow)
                ]
                read = partial(
                    _parquet_table, empty[0], headers, first=1, sign=decimal_sign
                )
                yield Part(headers, read, is_native=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        message = f"{what}: is not a Parquet file, or a damaged one"
        raise ContractViolation(message) from None


def _refuse_bomb(stated: pq.FileMetaData, size: int, *, what: str) -> None:
    """Refuse a file that would become far more than it is, before any of it is read.

    Rows alike take next to nothing, so a million are let through whatever the size.

    Raises:
        ContractViolation: it would.
    """
    groups = map(stated.row_group, range(stated.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    if stated.num_rows > max(_FREE_ROWS, size * MAX_RATIO) or unpacked > max(
        FREE_BYTES, size * MAX_RATIO
    ):
        message = (
            f"{what}: states {stated.num_rows:,} rows and {unpacked:,} bytes in a file of"
            f" {size:,} bytes, more than its size can mean; refused"
        )
        raise ContractViolation(message)


def _parquet_table(
    batch: pa.RecordBatch, headers: tuple[str, ...], *, first: int, sign: str
) -> RawTable:
    columns: list[pa.Array] = []
    broken: dict[int, str] = {}
    for header, column in zip(headers, batch.columns, strict=True):
        texts, unread = _column_texts(column, sign)
        columns.append(texts)
        for place in unread:
            reason = f"holds what is no text, number or time in {header!r}"
            broken.setdefault(place, reason)
    lines: Sequence[int] = range(first, first + batch.num_rows)
    if broken:
        kept = [place for place in range(batch.num_rows) if place not in broken]
        columns = [column.take(pa.array(kept, pa.int64())) for column in columns]
        lines = [first + place for place in kept]
    return RawTable(
        headers=headers,
        columns=tuple(columns),
        lines=lines,
        broken=tuple(BrokenRow(first + p, why) for p, why in sorted(broken.items())),
        is_native=True,
    )


def _column_texts(column: pa.Array, sign: str) -> tuple[pa.Array, list[int]]:
    """Return a column's cells as text, and the places of those that are none.

    Writers do not check what they call text: it may be no UTF-8, and a day may lie outside
    the calendar. Bytes are text if they are UTF-8.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    is_text = any(is_kind(column.type) for is_kind in _TEXTUAL)
    try:
        if is_text:
            return column.cast(pa.binary()).cast(pa.string()).fill_null(""), []
        texts = [cell_text(value, sign) for value in column.to_pylist()]
        return pa.array(texts, pa.string()), []
    except (pa.ArrowException, ValueError, OverflowError):
        read = [_read_cell(cell, sign, is_text=is_text) for cell in column]
    unread = [place for place, text in enumerate(read) if text is None]
    return pa.array([text or "" for text in read], pa.string()), unread


def _read_cell(cell: pa.Scalar, sign: str, *, is_text: bool) -> str | None:
    """Return one cell as text, None if it is none."""
    try:
        if is_text:
            content = cell.cast(pa.binary()).as_py()
            return "" if content is None else content.decode()
        text = cell_text(cell.as_py(), sign)
        text.encode()
    except (pa.ArrowException, ValueError, OverflowError):
        return None
    return text


def cell_text(value: object, decimal_sign: str) -> str:
    """Return a native cell as text the declared formats read back exactly."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.date, dt.time, dt.timedelta)):
        return _time_text(value)
    if isinstance(value, (int, float, Decimal)):
        return _number_text(value, decimal_sign)
    return json.dumps(value, ensure_ascii=False, default=str)


def _time_text(value: dt.date | dt.time | dt.timedelta) -> str:
    """Return a native date or time in ISO; a spreadsheet's midnight is a day."""
    if isinstance(value, dt.timedelta):
        return str(value)
    if isinstance(value, dt.datetime):
        is_day = value.tzinfo is None and value.time() == dt.time()
        return value.date().isoformat() if is_day else value.isoformat()
    return value.isoformat()


def _number_text(value: float | Decimal, decimal_sign: str) -> str:
    """Return a native number without grouping; one that lost digits stays scientific."""
    if isinstance(value, float):
        if not abs(value) < _EXACT_FLOAT:  # NaN too
            return f"{Decimal(repr(value)).normalize():e}"
        value = Decimal(repr(value))
    plain = format(value, "f") if isinstance(value, Decimal) else str(value)
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
        # Exactly three places read as thousands where no format is declared.
        is_doubtful = len(plain.partition(".")[2]) == _GROUP_DIGITS
        plain += "0" if is_doubtful and decimal_sign == "." else ""
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
