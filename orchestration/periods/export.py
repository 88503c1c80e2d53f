"""The closes that stand on a day, flattened into the files dbt reads.

Belongs here: choosing and writing them before every build. Stays out: their columns
(`ingest.closed_files`), the chain.

A build is a function of raw, closes, configuration and as-of day: a decision made on the
figures of a later day is none yet on an earlier one, so a replayed night sees what it saw.
"""

from __future__ import annotations

import os
import shutil
from datetime import date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from ingest.closed_files import (
    CLOSES_FILE,
    CLOSES_SCHEMA,
    EMPTY_FIGURES,
    FIGURES_FOLDER,
    FIGURES_SCHEMA,
    encode,
)
from ingest.paths import TEMPORARY, closed_dir
from ingest.storage import disk_errors, swap_directory, write_file
from orchestration.periods import AREAS
from orchestration.periods.chain import Entry, close_dir, closed_now
from orchestration.periods.changes import DAY, export_changes
from orchestration.periods.freezing import FIGURES_FILE, read_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any


def export_closes(
    root: Path, entries: Sequence[Entry], *, as_of: date, zone: str
) -> None:
    """Write which closes stand on a day, their figures, and what was loaded after them.

    Raises:
        StorageError: the disk refused.
    """
    day = as_of.isoformat()
    known = [entry for entry in entries if entry.as_of_date <= day]
    standing = [entry for area in AREAS for entry in closed_now(known, area).values()]
    folder = closed_dir(root)
    rows = [_row(root, entry) for entry in standing]
    with disk_errors("write raw/_closes"):
        write_file(
            folder / CLOSES_FILE, encode(pa.Table.from_pylist(rows, CLOSES_SCHEMA))
        )
        aside = folder / f"{FIGURES_FOLDER}{TEMPORARY}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        write_file(aside / EMPTY_FIGURES, encode(FIGURES_SCHEMA.empty_table()))
        for entry in standing:
            _share(
                close_dir(root, entry) / FIGURES_FILE,
                aside / f"{entry.subject}.parquet",
            )
        swap_directory(aside, folder / FIGURES_FOLDER)
    export_changes(
        root,
        since=min((row["as_of_date"] + DAY for row in rows), default=None),
        until=as_of + DAY,
        closed_through=max((row["period_end_date"] for row in rows), default=None),
        zone=zone,
    )


def _row(root: Path, entry: Entry) -> dict[str, Any]:
    record = read_record(close_dir(root, entry))
    return {
        "close_id": entry.subject,
        "area": entry.area,
        "period_label": entry.period,
        "period_start_date": date.fromisoformat(record["period_start_date"]),
        "period_end_date": date.fromisoformat(record["period_end_date"]),
        "as_of_date": date.fromisoformat(entry.as_of_date),
        "closed_at": datetime.fromisoformat(entry.at),
        "closed_by": entry.by,
        "build_id": entry.build_id,
        "code_version": entry.code_version,
        "models": record["models"],
        "entry_hash": entry.hash,
    }


def _share(source: Path, path: Path) -> None:
    """Give a file a second name; a copy where the disk knows no links."""
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)
