"""Where everything lies under the warehouse root.

Belongs here: path arithmetic of the folders ingest writes. Stays out: reading or writing
them, the folders of other parts (`orchestration`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

EMPTY_LOAD_DATE: Final = date(1970, 1, 1)
"""Load date of the schema-only files: before every night, so no night replaces them."""

TEMPORARY: Final = ".tmp"
"""Ending of whatever is being written; nothing reads it, repair removes it."""


@dataclass(frozen=True)
class StreamPath:
    """Identity of one stream of one entity: the folders its batches lie in."""

    kind: str
    entity: str
    stream: str

    @property
    def relative(self) -> Path:
        """Path below `incoming/`, `raw/` and `quarantine/`."""
        return Path(self.kind) / self.entity / self.stream

    def __str__(self) -> str:
        """Return the name people see: `hubspot_main/deals`."""
        return f"{self.stream}/{self.entity}"


def incoming_dir(root: Path, stream: StreamPath, load_date: date) -> Path:
    """Return the folder of an unaudited batch."""
    return root / "incoming" / stream.relative / _dated(load_date)


def pages_dir(root: Path, stream: StreamPath) -> Path:
    """Return the folder of the pages an unfinished extraction has received."""
    return root / "pages" / stream.relative


def raw_dir_of(root: Path, stream: StreamPath) -> Path:
    """Return the folder of all promoted batches of a stream."""
    return root / "raw" / stream.relative


def raw_dir(root: Path, stream: StreamPath, load_date: date) -> Path:
    """Return the folder of a promoted batch."""
    return raw_dir_of(root, stream) / _dated(load_date)


def quarantine_dir(root: Path, stream: StreamPath, load_date: date) -> Path:
    """Return the folder of the refused rows of a batch."""
    return root / "quarantine" / stream.relative / _dated(load_date)


def empty_file(root: Path, kind: str, entity: str) -> Path:
    """Return the schema-only file of an entity."""
    folder = root / "raw" / kind / entity / "_empty" / _dated(EMPTY_LOAD_DATE)
    return folder / "empty.parquet"


def archive_dir(root: Path) -> Path:
    """Return the folder of the original bytes of dropped files."""
    return root / "archive"


def ledger_file(root: Path) -> Path:
    """Return the append-only list of promoted batches."""
    return root / "state" / "ledger.jsonl"


def cursor_file(root: Path, stream: StreamPath) -> Path:
    """Return the cursors of one stream."""
    return root / "state" / stream.stream / f"{stream.entity}.json"


def batches_dir(root: Path) -> Path:
    """Return the folder of the flattened ledger dbt reads."""
    return root / "raw" / "_batches"


def closed_dir(root: Path) -> Path:
    """Return the folder of the flattened closes dbt reads."""
    return root / "raw" / "_closes"


def _dated(load_date: date) -> str:
    return f"load_date={load_date.isoformat()}"
