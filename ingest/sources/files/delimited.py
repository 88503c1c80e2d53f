"""Delimited text (csv, tsv …) to a table of text: strict, with physical line numbers.

Belongs here: decoding bytes in the declared encoding, quoting, ragged rows, line numbers.
Stays out: other formats (`tabular`), meaning of columns (`mapping`).

Two readers give the same answer: Arrow's, several times faster, when one line is one record
for certain, and Python's for everything else (line breaks in cells, broken rows).
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ingest.errors import ContractViolation
from ingest.sources.files.table import BrokenRow, RawTable, check_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURES: Final = (
    (b"PK\x03\x04", "a zip archive or Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a SQLite database"),
)
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_BLOCK: Final = 16 << 20
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'


def read_delimited(
    content: bytes, *, what: str, encoding: str, delimiter: str, skip_rows: int
) -> RawTable:
    """Return the records of a delimited file.

    Raises:
        ContractViolation: the bytes are not text of that encoding, there is no header, or a
            quote is opened and never closed.
    """
    text = decode_text(content, what=what, encoding=encoding)
    if not text.strip():
        message = f"{what}: is empty, not even a header"
        raise ContractViolation(message)
    fast = _read_fast(text, what=what, delimiter=delimiter, skip_rows=skip_rows)
    return fast or _read_strict(
        text, what=what, delimiter=delimiter, skip_rows=skip_rows
    )


def decode_text(content: bytes, *, what: str, encoding: str) -> str:
    """Return the text, or say what the bytes are instead.

    Raises:
        ContractViolation: not text, or not in the declared encoding.
    """
    for signature, name in _SIGNATURES:
        if content.startswith(signature):
            message = f"{what}: is {name}, not text; drop it under its own ending"
            raise ContractViolation(message)
    is_utf16 = encoding.lower().replace("_", "-").startswith("utf-16")
    if content.startswith(_UTF16_MARKS) and not is_utf16:
        message = f"{what}: is UTF-16; declare encoding: utf-16"
        raise ContractViolation(message)
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = (
            f"{what}:{line}: byte 0x{content[error.start]:02x} is not {encoding}; declare "
            "the encoding the file was written in"
        )
        raise ContractViolation(message) from None
    if "\ufffd" in text:
        line = text.count("\n", 0, text.index("\ufffd")) + 1
        message = (
            f"{what}:{line}: holds U+FFFD, so letters were lost before it was dropped"
        )
        raise ContractViolation(message)
    return text


def _read_fast(
    text: str, *, what: str, delimiter: str, skip_rows: int
) -> RawTable | None:
    """Return the table if every line is one whole record, else None."""
    data = text.encode()
    if not _is_line_per_record(data, delimiter):
        return None
    start = header_end = 0
    for _ in range(skip_rows + 1):
        start = header_end
        header_end = data.find(b"\n", start) + 1
        if header_end == 0:
            return None
    header_text = data[start:header_end].decode().rstrip("\r\n")
    (cells,) = csv.reader([header_text], delimiter=delimiter, strict=True)
    headers = check_headers(cells, what=what, line=skip_rows + 1)
    body = memoryview(data)[header_end:]
    count = data.count(b"\n", header_end) + (not data.endswith(b"\n"))
    if not count or not body.nbytes:
        return None
    names = [str(position) for position in range(len(headers))]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(pa.py_buffer(body)),
            read_options=pacsv.ReadOptions(column_names=names, block_size=_BLOCK),
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
    first = skip_rows + 2
    return RawTable(
        headers=headers,
        columns=tuple(column.combine_chunks() for column in table.columns),
        lines=range(first, first + count),
    )


def _is_line_per_record(data: bytes, delimiter: str) -> bool:
    """Say whether lines and records coincide: quotes closed and at cell borders only."""
    if b"\0" in data or data.count(b"\r") != data.count(b"\r\n"):
        return False
    if data.startswith((b"\n", b"\r\n")) or b"\n\n" in data or b"\n\r\n" in data:
        return False
    if len(delimiter.encode()) != 1:
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


def _read_strict(text: str, *, what: str, delimiter: str, skip_rows: int) -> RawTable:
    """Return the table record by record, broken rows apart."""
    records = _records(text, what=what, delimiter=delimiter)
    for _ in range(skip_rows):
        next(records, None)
    line, cells = next(records, (1, None))
    while cells is not None and not cells:
        line, cells = next(records, (line, None))
    if cells is None or isinstance(cells, BrokenRow):
        message = f"{what}:{line}: has no header row"
        raise ContractViolation(message)
    headers = check_headers(cells, what=what, line=line)
    rows: list[list[str]] = []
    lines: list[int] = []
    broken: list[BrokenRow] = []
    for line, cells in records:
        if isinstance(cells, BrokenRow):
            broken.append(cells)
        elif cells and len(cells) != len(headers):
            reason = f"has {len(cells)} cells where the header has {len(headers)}"
            broken.append(BrokenRow(line, reason))
        elif cells and any("\0" in cell for cell in cells):
            broken.append(BrokenRow(line, "holds a NUL character"))
        elif cells:
            rows.append(cells)
            lines.append(line)
    columns = zip(*rows, strict=True) if rows else ([] for _ in headers)
    return RawTable(
        headers=headers,
        columns=tuple(pa.array(list(column), pa.string()) for column in columns),
        lines=lines,
        broken=tuple(broken),
    )


def _records(
    text: str, *, what: str, delimiter: str
) -> Iterator[tuple[int, list[str] | BrokenRow]]:
    """Yield (first physical line, cells) of each record.

    A quoting mistake inside one line breaks that record only. One that spans lines has
    swallowed other records, and where they began is not knowable: the file is refused.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num > line or "end of data" in str(error):
                message = (
                    f"{what}:{line}: a quote opened here is not closed properly ({error}); "
                    "correct the file and drop it again"
                )
                raise ContractViolation(message) from None
            yield line, BrokenRow(line, "has text after a closing quote")
            continue
        yield line, cells
