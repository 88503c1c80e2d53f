"""The data file of one batch: typed rows written aside, then completed to Parquet.

Belongs here: the bytes of a batch and the digest of its content. Stays out: which rows land
(`ingest.conform`), where files lie and what is written down about them (`ingest.landing`).

The batch id stands in every row and depends on all of them. Rows are written once, under a
placeholder of the same length: the column is kept uncompressed as one word per row group, so
the id is filled in afterwards in a few places, and read back. (Writing the rows aside and
copying them when the id is known cost a third of landing.)
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.compute import call_function

from ingest.conform import ROW_FIELDS, Tally, conform_rows
from ingest.entities import LOAD_FIELDS, EntityContract, Type
from ingest.errors import StorageError
from ingest.faults import fault
from ingest.paths import TEMPORARY
from ingest.storage import sync_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from hashlib import _Hash
    from pathlib import Path

    from ingest.sources.protocol import Extract

ROW_GROUP_ROWS: Final = 100_000
ROW_GROUP_BYTES: Final = 64 << 20
"""A row group is written when either is reached; DuckDB reads groups of this size well."""

_ID: Final = "_batch_id"
_ID_ROWS: Final = 1 << 20
_TAIL: Final = 8
"""Bytes of a Parquet file behind its metadata: their length and the mark."""

_NEVER_SOUGHT: Final = frozenset({"_payload", "_source_ref", "_row_hash"})
_RARELY_REPEATED: Final = frozenset({Type.MONEY, Type.NUMBER, Type.RATE, Type.INTEGER})


def write_rows(
    extract: Extract,
    contract: EntityContract,
    *,
    tally: Tally,
    path: Path,
    shared: Mapping[str, object],
) -> _Hash:
    """Write the typed rows with the columns they share, in the contract's order.

    Returns the digest of their accounts and hashes. Memory stays at a few chunks.
    """
    digest = hashlib.sha256()
    schema = contract.arrow_schema()
    with pq.ParquetWriter(path, schema, **_writing_options(contract)) as writer:
        pending: list[pa.RecordBatch] = []
        for batch in conform_rows(extract.rows, contract, tally=tally):
            if not batch.num_rows:
                continue  # a row group without rows has no place for the batch id
            _digest_rows(digest, batch)
            pending.append(_complete(batch, schema, shared))
            rows = sum(part.num_rows for part in pending)
            size = sum(part.nbytes for part in pending)
            if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(pending, schema))
                pending = []
            fault("land.rows_written")
        if pending:
            writer.write_table(pa.Table.from_batches(pending, schema))
    return digest


def fill_batch_id(path: Path, placeholder: str, batch_id: str) -> None:
    """Put the batch id in the place of its placeholder and make the file durable.

    Raises:
        StorageError: the file does not say the id of every row afterwards.
    """
    before, after = placeholder.encode(), batch_id.encode()
    metadata = pq.read_metadata(path)
    with path.open("r+b") as handle:
        for group in range(metadata.num_row_groups):
            chunk = _id_chunk(metadata.row_group(group))
            _replace_at(
                handle,
                chunk.dictionary_page_offset,
                chunk.data_page_offset,
                before,
                after,
            )
        end = handle.seek(0, os.SEEK_END)
        _replace_at(handle, end - metadata.serialized_size - _TAIL, end, before, after)
    sync_file(path)
    fault("land.parquet_synced")
    with pq.ParquetFile(path, read_dictionary=[_ID]) as file:
        for batch in file.iter_batches(_ID_ROWS, columns=[_ID]):
            if batch.column(0).dictionary.to_pylist() != [batch_id]:
                message = (
                    f"{path.name}: does not carry its batch id; extract the date again"
                )
                raise StorageError(message)


def _writing_options(contract: EntityContract) -> dict[str, Any]:
    """Return how columns are stored: the id so that it can be filled in, text by its words.

    Measured on 1 million ad rows: zstd takes 0.2 s of CPU more than snappy and half the space.
    Looking for repeated words in numbers, payloads and hashes costs time and finds none. Hashes
    without a length before each take 0.20 s instead of 0.36 and 6 % less space (payloads and
    references gain nothing by it). The smallest and largest payload of a row group help nobody
    and would hold personal data.
    """
    names = contract.arrow_schema().names
    repeating = [c.name for c in contract.columns if c.type not in _RARELY_REPEATED]
    shared = [f.name for f in LOAD_FIELDS if f.name not in ROW_FIELDS]
    return {
        "compression": {name: "none" if name == _ID else "zstd" for name in names},
        "column_encoding": {"_row_hash": "DELTA_LENGTH_BYTE_ARRAY"},
        "use_dictionary": [*repeating, *shared, "source_account"],
        "write_statistics": [name for name in names if name not in _NEVER_SOUGHT],
    }


def _digest_rows(digest: _Hash, batch: pa.RecordBatch) -> None:
    """Add `account|hash` of every row, a line each."""
    lines = call_function(
        "binary_join_element_wise",
        [
            batch.column("source_account"),
            pa.scalar("|"),
            batch.column("_row_hash"),
            pa.scalar("\n"),
            pa.scalar(""),
        ],
    )
    digest.update(lines.buffers()[2])


def _id_chunk(group: pq.RowGroupMetaData) -> pq.ColumnChunkMetaData:
    chunks = (group.column(index) for index in range(group.num_columns))
    return next(chunk for chunk in chunks if chunk.path_in_schema == _ID)


def _replace_at(
    handle: BinaryIO, start: int, end: int, before: bytes, after: bytes
) -> None:
    """Replace a text by one of the same length in a stretch of a file."""
    handle.seek(start)
    content = handle.read(end - start)
    handle.seek(start)
    handle.write(content.replace(before, after))


def _complete(
    batch: pa.RecordBatch, schema: pa.Schema, shared: Mapping[str, object]
) -> pa.RecordBatch:
    """Return the batch with the columns all its rows share, in contract order."""
    arrays = [
        pa.repeat(pa.scalar(shared[field.name], type=field.type), batch.num_rows)
        if field.name in shared
        else batch.column(field.name)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def write_empty_file(path: Path, schema: pa.Schema) -> None:
    """Write a file without rows, unless it is there with this schema."""
    if path.exists() and pq.read_schema(path).equals(schema):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}{TEMPORARY}")
    pq.write_table(schema.empty_table(), temporary)
    temporary.replace(path)
