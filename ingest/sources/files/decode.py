"""One dropped file to tables of text, by the kind its name or its bytes say.

Belongs here: choosing the reader. Stays out: the readers (`delimited`, `tabular`).
"""

from __future__ import annotations

import io
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from ingest.errors import ContractViolation
from ingest.sources.files.apart import set_apart
from ingest.sources.files.containers import open_members
from ingest.sources.files.delimited import Layout, read_delimited
from ingest.sources.files.fixed import read_fixed
from ingest.sources.files.scalars import decimal_sign
from ingest.sources.files.table import Part, RawTable, join_tables, without_blank_rows
from ingest.sources.files.tabular import read_jsonl, read_parquet
from ingest.sources.files.text import PART_BYTES
from ingest.sources.files.workbook import read_xlsx
from ingest.storage import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config_files import Dataset

_ENDINGS: Final = {
    ".csv": "text",
    ".tsv": "text",
    ".psv": "text",
    ".txt": "text",
    ".dat": "text",
    ".prn": "text",
    ".asc": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}


GUESSED_BYTES: Final = 64
_WORKBOOK_NAMES: Final = (b"[Content_Types]", b"xl/", b"_rels/", b"docProps/")
"""What the first member of a workbook is called."""


def format_of(name: str) -> str:
    """Return the kind of a file by its name.

    Raises:
        ContractViolation: the ending is none that can be read.
    """
    lowered = name.lower()
    for ending, kind in _ENDINGS.items():
        if lowered.endswith(ending):
            return kind
    message = (
        f"{name}: cannot be read; drop csv, tsv, psv, txt, jsonl, parquet or xlsx, or one of "
        "them in zip or gz"
    )
    raise ContractViolation(message)


def guess_ending(start: bytes) -> str:
    """Return the ending the first bytes of a content belong to."""
    if start.startswith(b"PAR1"):
        return ".parquet"
    if start.startswith(b"PK"):
        is_workbook = any(name in start for name in _WORKBOOK_NAMES)
        return ".xlsx" if is_workbook else ".zip"
    if start.startswith(b"\x1f\x8b"):
        return ".csv.gz"
    return ".jsonl" if start.lstrip().startswith(b"{") else ".csv"


def decode_parts(
    stream: BinaryIO, dataset: Dataset, *, name: str, part_bytes: int = PART_BYTES
) -> Iterator[Part]:
    """Yield the records of one file in parts, at least one, rows of blanks left out.

    A part is read as it is asked for, so memory does not grow with the file; of a workbook
    the words its cells share are held, within a bound.

    Raises:
        ContractViolation: the bytes are not what the name and the configuration say.
    """
    for inner, member, content in open_members(
        stream, name=name, member=dataset.member
    ):
        for part in _read_parts(content, dataset, name=inner, part_bytes=part_bytes):
            yield replace(part, read=partial(_tidy, part, dataset, member))


def _read_parts(
    stream: BinaryIO, dataset: Dataset, *, name: str, part_bytes: int
) -> Iterator[Part]:
    kind = format_of(name)
    if kind != "text":
        with _seekable(stream) as content:
            yield from _read_native(
                kind, content, dataset, name=name, part_bytes=part_bytes
            )
        return
    yield from _read_text(stream, dataset, name=name, part_bytes=part_bytes)


@contextmanager
def _seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Give a stream that can be read twice or from its end; out of an archive, by the disk."""
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as spooled:
        while block := stream.read(PART_BYTES):
            with disk_errors("unpack a dropped file"):
                spooled.write(block)
        spooled.seek(0)
        yield cast("BinaryIO", spooled)


def _read_native(
    kind: str, stream: BinaryIO, dataset: Dataset, *, name: str, part_bytes: int
) -> Iterator[Part]:
    sign = decimal_sign(dataset.number_format)
    if kind == "jsonl":
        return read_jsonl(
            stream,
            what=name,
            encoding=dataset.encoding,
            decimal_sign=sign,
            part_bytes=part_bytes,
        )
    if kind == "parquet":
        return read_parquet(stream, what=name, decimal_sign=sign)
    return read_xlsx(
        stream,
        what=name,
        sheets=dataset.sheet,
        skip_rows=dataset.skip_rows,
        header_rows=dataset.header_rows,
        decimal_sign=sign,
    )


def _read_text(
    stream: BinaryIO, dataset: Dataset, *, name: str, part_bytes: int
) -> Iterator[Part]:
    if dataset.fixed_width:
        return read_fixed(
            stream,
            what=name,
            encoding=dataset.encoding,
            fields=dataset.fixed_width,
            skip_rows=dataset.skip_rows,
            part_bytes=part_bytes,
        )
    own = {".tsv": "\t", ".psv": "|"}
    layout = Layout(
        delimiter=own.get(PurePosixPath(name.lower()).suffix, dataset.delimiter),
        skip_rows=dataset.skip_rows,
        header_rows=dataset.header_rows,
        rows_quoted=dataset.rows_quoted,
    )
    return read_delimited(
        stream,
        what=name,
        encoding=dataset.encoding,
        layout=layout,
        part_bytes=part_bytes,
    )


def decode_file(content: bytes, dataset: Dataset, *, name: str) -> RawTable:
    """Return the records of one small file, rows of blanks left out.

    Raises:
        ContractViolation: the bytes are not what the name and the configuration say.
    """
    parts = decode_parts(io.BytesIO(content), dataset, name=name)
    return join_tables([part.read() for part in parts])


def _tidy(part: Part, dataset: Dataset, member: str) -> RawTable:
    table = set_apart(without_blank_rows(part.read()), dataset.total_rows)
    return replace(table, member=f"{member}{table.member}")
