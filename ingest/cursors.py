"""Cursors: up to where each stream was read, per load date.

Belongs here: reading and writing `state/<stream>/<entity>.json`. Stays out: what a cursor
means (`ingest.windows` and the source), when it may move (`ingest.landing`, after promotion).

One cursor is kept per load date, because a date that is fetched again replaces its batch
whole: it must start where it started the first time, not where later nights have moved to.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ingest import ledger
from ingest.errors import StorageError
from ingest.paths import StreamPath, cursor_file
from ingest.storage import disk_errors, write_file

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from ingest.manifest import BatchManifest


def read_cursor(root: Path, stream: StreamPath, *, before: date) -> str | None:
    """Return the cursor a load of that date starts from; None = read everything."""
    cursors = _read(root, stream)
    earlier = [day for day in cursors if day < before.isoformat()]
    return cursors[max(earlier)] if earlier else None


def write_cursor(root: Path, batch: BatchManifest) -> None:
    """Keep the cursor of a promoted batch; a batch without one leaves none of its date."""
    cursors = _read(root, batch.stream_path)
    day = batch.load_date.isoformat()
    wanted = dict(cursors)
    if batch.new_cursor is None:
        wanted.pop(day, None)
    else:
        wanted[day] = batch.new_cursor
    if wanted != cursors:
        _write(root, batch.stream_path, wanted)


def repair(root: Path) -> None:
    """Make every cursor file say what the ledger says.

    Heals a kill between the ledger line and the cursor, and a lost or damaged file.
    """
    by_stream: dict[StreamPath, dict[str, str]] = {}
    for batch in ledger.live(ledger.read(root)):
        cursors = by_stream.setdefault(batch.stream_path, {})
        if batch.new_cursor is not None:
            cursors[batch.load_date.isoformat()] = batch.new_cursor
    for stream, cursors in by_stream.items():
        try:
            agrees = cursors == _read(root, stream)
        except StorageError:
            agrees = False
        if not agrees:
            _write(root, stream, cursors)


def _read(root: Path, stream: StreamPath) -> dict[str, str]:
    path = cursor_file(root, stream)
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        message = f"{path} is damaged; the next start restores it from the ledger"
        raise StorageError(message)
    return content


def _write(root: Path, stream: StreamPath, cursors: dict[str, str]) -> None:
    path = cursor_file(root, stream)
    with disk_errors(f"write the cursor of {stream}"):
        write_file(path, json.dumps(cursors, indent=1, sort_keys=True).encode())
