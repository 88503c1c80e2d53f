"""What a landed batch is compared with: its last promoted load, and what the models need.

Belongs here: finding the batch to compare with, asking `ingest.changes` for the difference and
`orchestration.column_use` whether it matters. Stays out: what is too much
(`expectations.changes`), running the gate (`orchestration.gates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from expectations.changes import BatchChanges, LostColumn
from ingest.changes import LostField, count_days, count_removed, find_lost_fields
from ingest.control import drop_id
from ingest.entities import EntityContract, Truth
from ingest.paths import raw_dir
from orchestration.column_use import used_columns
from orchestration.settings import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from ingest.landing import LandedBatch
    from ingest.manifest import BatchManifest


@dataclass(frozen=True)
class Freshness:
    """Ages of the newest business day, in hours, from which on people are told, and held."""

    warn_hours: int | None = None
    fail_hours: int | None = None


NEVER_LATE: Final = Freshness()


def measure_changes(
    batch: LandedBatch,
    contract: EntityContract,
    past: Sequence[BatchManifest],
    *,
    root: Path,
    as_of: date,
    freshness: Freshness,
) -> tuple[BatchChanges, tuple[str, ...]]:
    """Return how a batch differs from `past`, its earlier loads, and notes for people.

    A new field and a lost one nobody needs are noted in the night they are first seen: from
    the next night on they are part of the load compared with.
    """
    manifest = batch.manifest
    stream = f"{manifest.stream}-{manifest.entity}"
    days = None
    # First loads and files bring days of any age.
    if past and contract.truth is Truth.RESTATED_DAILY and contract.kind != "files":
        days = count_days(batch.parquet, contract, as_of)
    known = set(past[-1].unknown_fields) if past else set()
    notes = [f"new field {n!r}" for n in manifest.unknown_fields if n not in known]
    removed, known_count = None, 0
    lost: list[LostColumn] = []
    baseline = past[-1] if past else None
    before = None if baseline is None else _parquet_of(root, baseline)
    if baseline is not None and before is not None:
        if manifest.is_full_list and contract.kind != "files":
            removed = count_removed(batch.parquet, before, contract)
            known_count = baseline.row_count
        for field in find_lost_fields(batch.parquet, before, contract):
            needed = _needed(field, contract)
            if needed:
                lost.append(LostColumn(needed, field.describe()))
            else:
                notes.append(f"{field.describe()}; no published figure needs it")
    changes = BatchChanges(
        subject=f"{manifest.kind}.{manifest.entity}",
        removed_count=removed,
        known_count=known_count,
        lost=tuple(lost),
        newest_day=days.newest if days else None,
        as_of_date=as_of,
        newest_day_rows=days.row_count if days else 0,
        same_weekday_rows=days.same_weekday_counts if days else (),
        fail_hours=freshness.fail_hours,
        baseline=baseline.batch_id if baseline else "",
        drop_finding=drop_id(baseline) if baseline else "",
        stream=stream,
    )
    age, warn = changes.age_hours, freshness.warn_hours
    if age is not None and warn is not None and age >= warn:
        notes.append(f"newest day {changes.newest_day}, {age} h old")
    return changes, tuple(notes)


def _parquet_of(root: Path, promoted: BatchManifest) -> Path | None:
    """Return the data file of a promoted batch, if it is still kept."""
    folder = raw_dir(root, promoted.stream_path, promoted.load_date)
    path = folder / promoted.parquet_name
    return path if path.is_file() else None


def _needed(field: LostField, contract: EntityContract) -> tuple[str, ...]:
    """Return the columns the field filled that a model beyond staging reads."""
    used = used_columns(PACKAGES / "dbt_project", contract.kind, contract.name)
    if used is None:
        return ()
    # Staging itself tells records and their states apart by these.
    always = {*contract.key, contract.version_column, contract.date_column}
    return tuple(column for column in field.columns if column in used | always)
