"""The ledger of promoted batches: one line each, and the only commit point of ingest.

Belongs here: appending, reading, repairing the ledger, and flattening it for dbt. Stays
out: moving data (`ingest.landing`), cursors (`ingest.cursors`).

A batch is in the warehouse when its line is in the ledger, whatever files lie around. The
newest line of a (kind, entity, stream, load date) is the live one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.errors import StorageError
from ingest.faults import fault
from ingest.manifest import BatchManifest, decode_manifest, encode_manifest, line_prefix
from ingest.paths import TEMPORARY, StreamPath, batches_dir, ledger_file
from ingest.storage import disk_errors, sync_directory, sync_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_SUM: Final = pa.decimal128(38, 6)

BATCHES_SCHEMA: Final = pa.schema(
    [
        ("batch_id", pa.string()),
        ("kind", pa.string()),
        ("source_name", pa.string()),
        ("stream", pa.string()),
        ("entity", pa.string()),
        ("source_account", pa.string()),
        ("legal_entity", pa.string()),
        ("mode", pa.string()),
        ("load_date", pa.date32()),
        ("window_start", _INSTANT),
        ("window_end", _INSTANT),
        ("window_start_date", pa.date32()),
        ("window_end_date", pa.date32()),
        ("is_full_list", pa.bool_()),
        ("row_count", pa.int64()),
        ("quarantined_count", pa.int64()),
        ("extracted_at", _INSTANT),
    ]
)
"""One row per live batch and source account; counts are those of the account."""

TOTALS_SCHEMA: Final = pa.schema(
    [
        ("batch_id", pa.string()),
        ("source_account", pa.string()),
        ("column_name", pa.string()),
        ("currency", pa.string()),
        ("row_count", pa.int64()),
        ("source_sum", _SUM),
        ("landed_sum", _SUM),
        ("quarantined_sum", _SUM),
    ]
)
"""One row per live batch, account, money column and currency."""


def append(root: Path, manifest: BatchManifest) -> None:
    """Add one line and make it durable; when this returns the batch is promoted.

    Raises:
        StorageError: the line could not be written.
    """
    path = ledger_file(root)
    with disk_errors("write the ledger"):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            line = encode_manifest(manifest) + b"\n"
            if os.write(descriptor, line) != len(line):
                message = "the disk took only a part of the line"
                raise OSError(message)
            fault("ledger.line_written")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            sync_directory(path.parent)


def repair(root: Path) -> int:
    """Cut off a last line a crash left torn; return how many bytes were cut.

    Such a line was never acknowledged: its batch still lies in `incoming/`.
    """
    path = ledger_file(root)
    if not path.exists():
        return 0
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end:
        start = content.rfind(b"\n", 0, end - 1) + 1
        # A power cut may leave the length of the line without its bytes.
        if not _is_manifest(content[start : end - 1]):
            end = start
    if end == len(content):
        return 0
    with disk_errors("repair the ledger"):
        os.truncate(path, end)
        sync_file(path)
    return len(content) - end


def read(root: Path, stream: StreamPath | None = None) -> list[BatchManifest]:
    """Return the promoted batches in the order of promotion, of one stream or of all.

    Raises:
        StorageError: a line is damaged.
    """
    path = ledger_file(root)
    if not path.exists():
        return []
    prefix = b"" if stream is None else line_prefix(stream)
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.startswith(prefix):
            continue
        try:
            found.append(decode_manifest(line))
        except ValueError:
            message = (
                f"{path}:{number} is damaged; restore state/ledger.jsonl from a backup"
            )
            raise StorageError(message) from None
    return found


def live(batches: Iterable[BatchManifest]) -> list[BatchManifest]:
    """Return the newest batch of every stream and load date, by load date."""
    newest: dict[tuple[StreamPath, date], BatchManifest] = {}
    for batch in batches:
        newest[batch.stream_path, batch.load_date] = batch
    return sorted(newest.values(), key=lambda batch: (batch.load_date, batch.batch_id))


def live_batch(root: Path, stream: StreamPath, load_date: date) -> BatchManifest | None:
    """Return the promoted batch of one stream and load date, if there is one."""
    for batch in live(read(root, stream)):
        if batch.load_date == load_date:
            return batch
    return None


def last_full_list(
    root: Path, stream: StreamPath, *, before: date
) -> BatchManifest | None:
    """Return the newest promoted full list of an earlier load date."""
    lists = [
        b for b in live(read(root, stream)) if b.is_full_list and b.load_date < before
    ]
    return lists[-1] if lists else None


def newest_date(root: Path, stream: StreamPath) -> date | None:
    """Return the newest load date of a stream; None = nothing was promoted."""
    return max((batch.load_date for batch in read(root, stream)), default=None)


def loaded_files(
    root: Path, stream: StreamPath, *, load_date: date
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the SHA-256s other load dates loaded, and those this date loaded before.

    A date that is run again replaces its batch whole, so its own files come once more.
    """
    others: set[str] = set()
    own: tuple[str, ...] = ()
    for batch in live(read(root, stream)):
        if batch.load_date == load_date:
            own = batch.file_sha256s
        else:
            others.update(batch.file_sha256s)
    return frozenset(others), own


def export(root: Path) -> None:
    """Write the flattened ledger dbt reads: `data.parquet` and `totals.parquet`.

    Both always exist afterwards, with their schema, also when nothing was ever promoted.
    """
    batches = live(read(root))
    rows = [_batch_row(batch, part) for batch in batches for part in _parts(batch)]
    totals = [
        {
            "batch_id": batch.batch_id,
            "source_account": total.source_account,
            "column_name": total.column_name,
            "currency": total.currency,
            "row_count": total.row_count,
            "source_sum": total.source_sum,
            "landed_sum": total.landed_sum,
            "quarantined_sum": total.quarantined_sum,
        }
        for batch in batches
        for total in batch.totals
    ]
    folder = batches_dir(root)
    with disk_errors("write raw/_batches"):
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "data.parquet", pa.Table.from_pylist(rows, BATCHES_SCHEMA))
        fault("export.batches_written")
        _write(folder / "totals.parquet", pa.Table.from_pylist(totals, TOTALS_SCHEMA))
        fault("export.written")


def _is_manifest(line: bytes) -> bool:
    try:
        decode_manifest(line)
    except ValueError:
        return False
    return True


def _parts(batch: BatchManifest) -> list[dict[str, object]]:
    if not batch.coverage:
        return [{"source_account": "", "row_count": 0, "quarantined_count": 0}]
    return [dict(vars(part)) for part in batch.coverage]


def _batch_row(batch: BatchManifest, part: dict[str, object]) -> dict[str, object]:
    shared = {
        name: getattr(batch, name)
        for name in BATCHES_SCHEMA.names
        if hasattr(batch, name)
    }
    return shared | part


def _write(path: Path, table: pa.Table) -> None:
    temporary = path.with_name(f"{path.name}{TEMPORARY}")
    pq.write_table(table, temporary)
    sync_file(temporary)
    temporary.replace(path)
    sync_directory(path.parent)
