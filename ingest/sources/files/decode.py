"""One dropped file to tables of text, by the kind its name or its bytes say.

Belongs here: choosing the reader. Stays out: the readers (`delimited`, `tabular`).
"""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

from ingest.errors import ContractViolation
from ingest.sources.files.apart import set_apart
from ingest.sources.files.delimited import Layout, read_delimited
from ingest.sources.files.fixed import read_fixed
from ingest.sources.files.scalars import decimal_sign
from ingest.sources.files.table import Part, RawTable, join_tables, without_blank_rows
from ingest.sources.files.tabular import read_jsonl, read_parquet, read_xlsx
from ingest.sources.files.text import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config_files import Dataset

_ENDINGS: Final = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}


def format_of(name: str) -> str:
    """Return the kind of a file by its name.

    Raises:
        ContractViolation: the ending is none that can be read.
    """
    lowered = name.lower()
    for ending, kind in _ENDINGS.items():
        if lowered.endswith(ending):
            return kind
    message = f"{name}: cannot be read; drop csv, tsv, txt, jsonl, parquet or xlsx"
    raise ContractViolation(message)


def guess_ending(start: bytes) -> str:
    """Return the ending the first bytes of a content belong to."""
    if start.startswith(b"PAR1"):
        return ".parquet"
    if start.startswith(b"PK"):
        return ".xlsx"
    return ".jsonl" if start.lstrip().startswith(b"{") else ".csv"


def decode_parts(
    stream: BinaryIO, dataset: Dataset, *, name: str, part_bytes: int = PART_BYTES
) -> Iterator[Part]:
    """Yield the records of one file in parts, at least one, rows of blanks left out.

    Delimited text is read as it is asked for. Other formats hold a whole file in memory:
    what a workbook can hold is bounded, and exports of millions of rows are text.

    Raises:
        ContractViolation: the bytes are not what the name and the configuration say.
    """
    for part in _read_parts(stream, dataset, name=name, part_bytes=part_bytes):
        yield replace(part, read=partial(_tidy, part, dataset))


def _read_parts(
    stream: BinaryIO, dataset: Dataset, *, name: str, part_bytes: int
) -> Iterator[Part]:
    kind = format_of(name)
    sign = decimal_sign(dataset.number_format)
    if kind == "text" and dataset.fixed_width:
        yield from read_fixed(
            stream,
            what=name,
            encoding=dataset.encoding,
            fields=dataset.fixed_width,
            skip_rows=dataset.skip_rows,
            part_bytes=part_bytes,
        )
        return
    if kind == "text":
        tab = name.lower().endswith(".tsv")
        layout = Layout(
            delimiter="\t" if tab else dataset.delimiter,
            skip_rows=dataset.skip_rows,
            header_rows=dataset.header_rows,
            rows_quoted=dataset.rows_quoted,
        )
        yield from read_delimited(
            stream,
            what=name,
            encoding=dataset.encoding,
            layout=layout,
            part_bytes=part_bytes,
        )
        return
    content = stream.read()
    if kind == "jsonl":
        table = read_jsonl(
            content, what=name, encoding=dataset.encoding, decimal_sign=sign
        )
    elif kind == "parquet":
        table = read_parquet(content, what=name, decimal_sign=sign)
    else:
        table = read_xlsx(
            content,
            what=name,
            sheet=dataset.sheet,
            skip_rows=dataset.skip_rows,
            decimal_sign=sign,
        )
    yield Part(table.headers, lambda: table, is_native=table.is_native)


def decode_file(content: bytes, dataset: Dataset, *, name: str) -> RawTable:
    """Return the records of one small file, rows of blanks left out.

    Raises:
        ContractViolation: the bytes are not what the name and the configuration say.
    """
    parts = decode_parts(io.BytesIO(content), dataset, name=name)
    return join_tables([part.read() for part in parts])


def _tidy(part: Part, dataset: Dataset) -> RawTable:
    return set_apart(without_blank_rows(part.read()), dataset.total_rows)
