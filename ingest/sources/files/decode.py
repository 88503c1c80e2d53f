"""One dropped file to a table of text, by the kind its name or its bytes say.

Belongs here: choosing the reader. Stays out: the readers (`delimited`, `tabular`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.errors import ContractViolation
from ingest.sources.files.delimited import read_delimited
from ingest.sources.files.scalars import decimal_sign
from ingest.sources.files.table import RawTable, without_blank_rows
from ingest.sources.files.tabular import read_jsonl, read_parquet, read_xlsx

if TYPE_CHECKING:
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


def decode_file(content: bytes, dataset: Dataset, *, name: str) -> RawTable:
    """Return the records of one file, rows of blanks left out.

    Raises:
        ContractViolation: the bytes are not what the name and the configuration say.
    """
    kind = format_of(name)
    sign = decimal_sign(dataset.number_format)
    if kind == "jsonl":
        table = read_jsonl(
            content, what=name, encoding=dataset.encoding, decimal_sign=sign
        )
    elif kind == "parquet":
        table = read_parquet(content, what=name, decimal_sign=sign)
    elif kind == "xlsx":
        table = read_xlsx(
            content,
            what=name,
            sheet=dataset.sheet,
            skip_rows=dataset.skip_rows,
            decimal_sign=sign,
        )
    else:
        tab = name.lower().endswith(".tsv")
        table = read_delimited(
            content,
            what=name,
            encoding=dataset.encoding,
            delimiter="\t" if tab else dataset.delimiter,
            skip_rows=dataset.skip_rows,
        )
    return without_blank_rows(table)
