"""Time no source can tell about any more: the warehouse was away longer than one remembers.

Belongs here: naming such gaps from the ledger, for the report, the build and its readers.
Stays out: noticing one and reading the stream whole (`ingest.windows`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ingest import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from ingest.manifest import BatchManifest


def known_gaps(root: Path, *, until: date) -> list[str]:
    """Return one sentence per gap in what was loaded up to a load date, oldest first.

    A gap never closes: what happened in it stays dated at the first look after it.
    """
    batches = [b for b in ledger.live(ledger.read(root)) if b.load_date <= until]
    return [describe_gap(batch, batches) for batch in batches if batch.has_gap]


def describe_gap(batch: BatchManifest, known: Iterable[BatchManifest]) -> str:
    """Return which time a batch could not cover, going by the stream's earlier batches."""
    cursors = [
        earlier.new_cursor
        for earlier in ledger.live(known)
        if earlier.stream_path == batch.stream_path
        and earlier.load_date < batch.load_date
        and earlier.new_cursor
    ]
    starts = [part.window_start for part in batch.coverage if part.window_start]
    since = _day(cursors[-1]) if cursors else "the last load"
    until = f"{min(starts):%Y-%m-%d}" if starts else "then"
    return (
        f"{batch.source_name} {batch.entity}: what changed between {since} and {until} is "
        f"unknown, the source had forgotten it on {batch.extracted_at:%Y-%m-%d}; all it "
        "still had was read again"
    )


def _day(cursor: str) -> str:
    return f"{datetime.fromisoformat(cursor):%Y-%m-%d}"
