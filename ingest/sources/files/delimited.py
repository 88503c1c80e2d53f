"""Delimited text (csv, tsv …) to tables of text: strict, with physical line numbers.

Belongs here: decoding bytes in the declared encoding, quoting, ragged rows, line numbers.
Stays out: other formats (`tabular`), meaning of columns (`mapping`).

A file is read in parts of some megabytes, so its size does not matter. Two readers give the
same answer: Arrow's, several times faster, when one line is one record for certain, and
Python's for every other part (line breaks in cells, broken rows). A part ends where a record
ends; a record cut by the end of a part is carried into the next one.
"""

from __future__ import annotations

import codecs
import csv
import functools
import io
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ingest.errors import ContractViolation
from ingest.sources.files.table import BrokenRow, Part, RawTable, check_headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SIGNATURES: Final = (
    (b"PK\x03\x04", "a zip archive or Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a SQLite database"),
)
_LONGEST_SIGNATURE: Final = 16
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
PART_BYTES: Final = 4 << 20
"""Bytes of one part, some ten thousand rows. Measured on 1 million ad rows: parts of 12 MiB
take 8 % more CPU (the memory is new each time) and half as much memory again."""

_NEWLINE, _RETURN, _QUOTE = b'\n\r"'


def read_delimited(
    stream: BinaryIO,
    *,
    what: str,
    encoding: str,
    delimiter: str,
    skip_rows: int,
    part_bytes: int = PART_BYTES,
) -> Iterator[Part]:
    """Yield the records of a delimited file in parts, at least one.

    Raises:
        ContractViolation: the bytes are not text of that encoding, there is no header, or a
            quote is opened and never closed.
    """
    texts = decode_text(stream, what=what, encoding=encoding, part_bytes=part_bytes)
    headers: tuple[str, ...] | None = None
    rest, line, is_blank = "", 1, True
    for text, is_end in texts:
        is_blank = is_blank and not text.strip()
        rest = f"{rest}{text}" if rest else text
        if headers is None:
            if is_end and is_blank:
                message = f"{what}: is empty, not even a header"
                raise ContractViolation(message)
            found = _take_header(
                rest, is_end=is_end, what=what, delimiter=delimiter, skip_rows=skip_rows
            )
            if found is None:
                continue
            headers, line, rest = found
        part, used, lines = _take_part(
            rest,
            headers,
            first=line,
            is_end=is_end,
            what=what,
            delimiter=delimiter,
        )
        rest, line = rest[used:], line + lines
        yield part


def decode_text(
    stream: BinaryIO, *, what: str, encoding: str, part_bytes: int = PART_BYTES
) -> Iterator[tuple[str, bool]]:
    """Yield (text, is the end) in parts, or say what the bytes are instead.

    Raises:
        ContractViolation: not text, or not in the declared encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    block = stream.read(max(part_bytes, _LONGEST_SIGNATURE))
    _check_signature(block, what=what, encoding=encoding)
    line, is_first = 1, True
    while True:
        following = stream.read(part_bytes)
        try:
            text = decoder.decode(block, final=not following)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            message = (
                f"{what}:{line}: byte 0x{error.object[error.start]:02x} is not {encoding}; "
                "declare the encoding the file was written in"
            )
            raise ContractViolation(message) from None
        if "\ufffd" in text:
            line += text.count("\n", 0, text.index("\ufffd"))
            message = f"{what}:{line}: holds U+FFFD, so letters were lost before it was dropped"
            raise ContractViolation(message)
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        line += text.count("\n")
        yield text, not following
        if not following:
            return
        block = following


def _check_signature(start: bytes, *, what: str, encoding: str) -> None:
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            message = f"{what}: is {name}, not text; drop it under its own ending"
            raise ContractViolation(message)
    is_utf16 = encoding.lower().replace("_", "-").startswith("utf-16")
    if start.startswith(_UTF16_MARKS) and not is_utf16:
        message = f"{what}: is UTF-16; declare encoding: utf-16"
        raise ContractViolation(message)


def _take_header(
    text: str, *, is_end: bool, what: str, delimiter: str, skip_rows: int
) -> tuple[tuple[str, ...], int, str] | None:
    """Return (headers, line after them, text after them); None = the text ends before."""
    lines = _whole_lines(text, is_end=is_end)
    skipped, line = 0, 1
    for line, cells, used in _records(
        lines, first=1, is_end=is_end, what=what, delimiter=delimiter
    ):
        if skipped < skip_rows:
            skipped += 1
        elif isinstance(cells, BrokenRow):
            break
        elif cells:
            headers = check_headers(cells, what=what, line=line)
            return headers, used + 1, text[sum(map(len, lines[:used])) :]
    else:
        if not is_end:
            return None
    message = f"{what}:{line}: has no header row"
    raise ContractViolation(message)


def _take_part(
    text: str,
    headers: tuple[str, ...],
    *,
    first: int,
    is_end: bool,
    what: str,
    delimiter: str,
) -> tuple[Part, int, int]:
    """Return the whole records of a text, how many characters and lines they are."""
    end = len(text) if is_end else text.rfind("\n") + 1
    data = text[:end].encode()
    if _is_line_per_record(data, delimiter):
        count = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        read = functools.partial(
            _read_lines, data, headers, first=first, what=what, delimiter=delimiter
        )
        return Part(headers, read), end, count
    lines = _whole_lines(text, is_end=is_end)
    table, used = _read_strict(
        lines, headers, first=first, is_end=is_end, what=what, delimiter=delimiter
    )
    return Part(headers, lambda: table), sum(map(len, lines[:used])), used


def _whole_lines(text: str, *, is_end: bool) -> list[str]:
    """Return the lines that are complete, their ends kept (any of CR, LF, CR LF)."""
    lines = list(io.StringIO(text, newline=""))
    if lines and not is_end and not lines[-1].endswith("\n"):
        lines.pop()  # even after a CR: the next part may begin with its LF
    return lines


def _read_lines(
    data: bytes, headers: tuple[str, ...], *, first: int, what: str, delimiter: str
) -> RawTable:
    """Return the table of a part whose lines are records."""
    fast = _read_fast(data, headers, first=first, delimiter=delimiter)
    if fast is not None:
        return fast
    lines = _whole_lines(data.decode(), is_end=True)
    table, _ = _read_strict(
        lines, headers, first=first, is_end=True, what=what, delimiter=delimiter
    )
    return table


def _read_fast(
    data: bytes, headers: tuple[str, ...], *, first: int, delimiter: str
) -> RawTable | None:
    """Return the table of lines that are records, None if Arrow reads other rows."""
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    if not data:
        return None
    names = [str(position) for position in range(len(headers))]
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
    return RawTable(
        headers=headers,
        columns=tuple(column.combine_chunks() for column in table.columns),
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
    headers: tuple[str, ...],
    *,
    first: int,
    is_end: bool,
    what: str,
    delimiter: str,
) -> tuple[RawTable, int]:
    """Return the table record by record, broken rows apart, and how many lines it took."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    broken: list[BrokenRow] = []
    used = 0
    for line, cells, used in _records(  # noqa: B007 - what was used is the answer
        lines, first=first, is_end=is_end, what=what, delimiter=delimiter
    ):
        if isinstance(cells, BrokenRow):
            broken.append(cells)
        elif cells and len(cells) != len(headers):
            reason = f"has {len(cells)} cells where the header has {len(headers)}"
            broken.append(BrokenRow(line, reason))
        elif cells and any("\0" in cell for cell in cells):
            broken.append(BrokenRow(line, "holds a NUL character"))
        elif cells:
            rows.append(cells)
            numbers.append(line)
    columns = zip(*rows, strict=True) if rows else ([] for _ in headers)
    table = RawTable(
        headers=headers,
        columns=tuple(pa.array(list(column), pa.string()) for column in columns),
        lines=numbers,
        broken=tuple(broken),
    )
    return table, used


def _records(
    lines: Sequence[str], *, first: int, is_end: bool, what: str, delimiter: str
) -> Iterator[tuple[int, list[str] | BrokenRow, int]]:
    """Yield (first physical line, cells, lines used so far) of each whole record.

    A quoting mistake inside one line breaks that record only. One that spans lines has
    swallowed other records, and where they began is not knowable: the file is refused.
    """
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
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
            broken = BrokenRow(line, "has text after a closing quote")
            yield line, broken, reader.line_num
            continue
        yield line, cells, reader.line_num
