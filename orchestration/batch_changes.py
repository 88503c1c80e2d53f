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
    earlier: Sequence[BatchManifest],
    *,
    root: Path,
    as_of: date,
    freshness: Freshness,
) -> tuple[BatchChanges, tuple[str, ...]]:
    """Return how a batch differs from its earlier loads, and notes for people.

    Records are compared with the last load of the same kind, fields with the last load that
    had any rows: after a full list come windows of a few changed records.

    A new field and a lost one nobody needs are noted in the night they are first seen: from
    the next night on they are part of the load compared with.
    """
    manifest = batch.manifest
    stream = f"{manifest.stream}-{manifest.entity}"
    days = None
    # First loads and files bring days of any age.
    if earlier and contract.truth is Truth.RESTATED_DAILY and contract.kind != "files":
        days = count_days(batch.parquet, contract, as_of)
    last = next((b for b in reversed(earlier) if b.row_count), None)
    known = set(last.unknown_fields) if last else set()
    new = [name for name in manifest.unknown_fields if name not in known]
    notes = [f"new field {name!r}" for name in new]
    removed, known_count = None, 0
    lost: list[LostColumn] = []
    same_kind = [b for b in earlier if b.is_full_list == manifest.is_full_list]
    baseline = same_kind[-1] if same_kind else None
    before = _parquet_of(root, baseline)
    if baseline and before and manifest.is_full_list and contract.kind != "files":
        removed = count_removed(batch.parquet, before, contract)
        known_count = baseline.row_count
    fields_before = _parquet_of(root, last)
    if fields_before:
        for field in find_lost_fields(batch.parquet, fields_before, contract):
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
        baseline=last.batch_id if last else "",
        drop_finding=drop_id(baseline) if baseline else "",
        stream=stream,
    )
    age, warn = changes.age_hours, freshness.warn_hours
    if age is not None and warn is not None and age >= warn:
        notes.append(f"newest day {changes.newest_day}, {age} h old")
    return changes, tuple(notes)


def _parquet_of(root: Path, promoted: BatchManifest | None) -> Path | None:
    """Return the data file of a promoted batch, if there is one and it is still kept."""
    if promoted is None:
        return None
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
