"""Text in columns of fixed width to tables of text, every line a record.

Belongs here: cutting lines at the declared places, refusing what lies outside them. Stays
out: decoding (`text`), delimited text (`delimited`), meaning of columns (`mapping`).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from ingest.errors import ContractViolation
from ingest.sources.files.delimited import check_whole
from ingest.sources.files.table import BrokenRow, Part, RawTable, check_headers
from ingest.sources.files.text import PART_BYTES, decode_text, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def read_fixed(
    stream: BinaryIO,
    *,
    what: str,
    encoding: str,
    fields: Mapping[str, tuple[int, int]],
    skip_rows: int,
    part_bytes: int = PART_BYTES,
) -> Iterator[Part]:
    """Yield the records of a file in parts, at least one.

    A line may end early, as trailing spaces are often cut off; only the last one may not if
    it has no line end.

    Raises:
        ContractViolation: the bytes are not text of that encoding, or the last line is cut.
    """
    headers = check_headers(list(fields), what=what, line=1)
    rest, line, skip = "", 1, skip_rows
    is_blank = True
    for text, is_end in decode_text(
        stream, what=what, encoding=encoding, part_bytes=part_bytes
    ):
        is_blank = is_blank and not text.strip()
        if is_end and is_blank:
            message = f"{what}: is empty"
            raise ContractViolation(message)
        rest = f"{rest}{text}" if rest else text
        lines = whole_lines(rest, is_end=is_end)
        rest = rest[sum(map(len, lines)) :]
        own = lines[skip:]
        first = line + len(lines) - len(own)
        skip, line = skip - (len(lines) - len(own)), line + len(lines)
        cut = functools.partial(
            _cut_lines, own, headers, tuple(fields.values()), first=first, what=what
        )
        yield Part(headers, cut)


def _cut_lines(
    lines: Sequence[str],
    headers: tuple[str, ...],
    places: Sequence[tuple[int, int]],
    *,
    first: int,
    what: str,
) -> RawTable:
    rows: list[list[str]] = []
    numbers: list[int] = []
    broken: list[BrokenRow] = []
    gaps = _gaps(places)
    for number, line in enumerate(lines, start=first):
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        reason = _refuse_line(text, line, gaps, places[-1][1])
        if reason:
            broken.append(BrokenRow(number, reason))
        else:
            rows.append([text[start - 1 : end] for start, end in places])
            numbers.append(number)
    if broken and not lines[-1].endswith(("\n", "\r")):
        check_whole(broken[-1], last=first + len(lines) - 1, what=what)
    columns = zip(*rows, strict=True) if rows else ([] for _ in headers)
    return RawTable(
        headers=headers,
        columns=tuple(pa.array(list(column), pa.string()) for column in columns),
        lines=numbers,
        broken=tuple(broken),
    )


def _gaps(places: Sequence[tuple[int, int]]) -> list[slice]:
    """Return what lies between the columns and behind the last one."""
    starts = [0, *(end for _, end in places)]
    ends = [*(start - 1 for start, _ in places), None]
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def _refuse_line(text: str, line: str, gaps: Sequence[slice], width: int) -> str:
    """Return why a line is no row, '' if it is one."""
    if "\t" in text:
        return "holds a tabulator, so its columns have no fixed width"
    if "\0" in text:
        return "holds a NUL character"
    if text == line and len(text) < width:
        return f"ends after {len(text)} of {width} characters"
    for gap in gaps:
        if text[gap].strip():
            place = (gap.start or 0) + 1
            return f"has text outside the declared columns, from character {place} on"
    return ""
