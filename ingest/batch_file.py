"""The data file of one batch: typed rows written aside, then completed to Parquet.

Belongs here: the bytes of a batch and the digest of its content. Stays out: which rows land
(`ingest.conform`), where files lie and what is written down about them (`ingest.landing`).

The batch id stands in every row and depends on all of them, so rows are written once without
it (the spool) and copied into the Parquet file when it is known. Memory stays at one chunk.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.conform import Tally, conform_rows, conformed_schema
from ingest.faults import fault
from ingest.paths import TEMPORARY
from ingest.storage import sync_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from hashlib import _Hash
    from pathlib import Path

    from ingest.entities import EntityContract
    from ingest.sources.protocol import Extract

ROW_GROUP_ROWS: Final = 100_000
ROW_GROUP_BYTES: Final = 64 << 20
"""A row group is written when either is reached; DuckDB reads groups of this size well."""


def spool_rows(
    extract: Extract, contract: EntityContract, *, tally: Tally, spool: Path
) -> _Hash:
    """Write typed rows aside and return the digest of their accounts and hashes."""
    digest = hashlib.sha256()
    schema = conformed_schema(contract)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.OSFile(str(spool), "wb") as sink,
        pa.ipc.new_stream(sink, schema, options=options) as writer,
    ):
        for batch in conform_rows(extract.rows, contract, tally=tally):
            accounts = batch.column("source_account").to_pylist()
            hashes = batch.column("_row_hash").to_pylist()
            for account, row_hash in zip(accounts, hashes, strict=True):
                digest.update(f"{account}|{row_hash}\n".encode())
            writer.write_batch(batch)
            fault("land.rows_spooled")
    return digest


def write_parquet(
    path: Path, spool: Path, schema: pa.Schema, shared: Mapping[str, object]
) -> None:
    """Write the spooled rows with the columns they share, in the order of `schema`."""
    with (
        pa.OSFile(str(spool), "rb") as source,
        pa.ipc.open_stream(source) as reader,
        pq.ParquetWriter(path, schema, compression="zstd") as writer,
    ):
        pending: list[pa.RecordBatch] = []
        for batch in reader:
            pending.append(_complete(batch, schema, shared))
            rows = sum(part.num_rows for part in pending)
            size = sum(part.nbytes for part in pending)
            if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(pending, schema))
                pending = []
        if pending:
            writer.write_table(pa.Table.from_batches(pending, schema))
        fault("land.rows_written")
    sync_file(path)
    fault("land.parquet_synced")


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
