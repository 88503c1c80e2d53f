"""The published build a period is closed from: its tables, its quality report, its calendar.

Belongs here: reading those. Stays out: judging (`refusals`), writing (`freezing`). Only what
readers see is read, never the build file: what is signed off is what people saw.
"""

# ruff: noqa: S608 - paths and names of our own manifest, values are parameters

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.config_yaml import nearest
from ingest.errors import ConfigError, StorageError
from orchestration.publish import current_build, read_manifest
from orchestration.publish.copying import quote
from orchestration.publish.manifest import find_damage
from orchestration.rehearsal import BUILT_FROM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestration.publish import Manifest

FIGURES: Final = "rpt_kpi_values"
REGISTRY: Final = "kpi_registry"
PERIODS: Final = "dim_periods"


@dataclass(frozen=True)
class Period:
    """A month of the company's calendar, or whole months of a tie-out; both days inclusive."""

    label: str
    first: date
    last: date


@dataclass(frozen=True)
class Served:
    """One published build, proven whole."""

    folder: Path
    manifest: Manifest
    quality: Mapping[str, Any]

    @property
    def build_id(self) -> str:
        """Return the build's id."""
        return self.manifest.build_id

    @property
    def as_of(self) -> date:
        """Return the day the build shows."""
        return date.fromisoformat(self.manifest.as_of_date)

    @property
    def built_from(self) -> Mapping[str, Any]:
        """Return what the build was made of, as far as it says so."""
        return self.quality.get(BUILT_FROM, {})

    def path_of(self, table: str) -> Path:
        """Return the Parquet file of a published table, from its home audience.

        Raises:
            ConfigError: the build has no such table.
        """
        entry = self.manifest.tables.get(table)
        if entry is None:
            message = (
                f"build {self.build_id} has no table {table}; run warehouse nightly"
            )
            raise ConfigError(message)
        return self.folder / "parquet" / entry.audiences[0] / f"{table}.parquet"

    def has(self, table: str) -> bool:
        """Return whether the build has a table."""
        return table in self.manifest.tables

    @contextmanager
    def open(self, *tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a connection that sees the named tables as views; no file is written."""
        with duckdb.connect() as con:
            for table in tables:
                path = str(self.path_of(table)).replace("'", "''")
                con.execute(
                    f"create view {quote(table)} as select * from read_parquet('{path}')"
                )
            yield con

    def find_period(self, label: str) -> Period:
        """Return the month of that label.

        Raises:
            ConfigError: the company's calendar has none; the nearest one is named.
        """
        known = {period.label: period for period in self.months()}
        if label not in known:
            as_of = date.fromisoformat(self.manifest.as_of_date)
            begun = max(name for name, month in known.items() if month.first <= as_of)
            message = (
                f"no month {label!r}{nearest(label, known)} A month is like {begun}"
            )
            raise ConfigError(message)
        return known[label]

    def months(self) -> list[Period]:
        """Return every month of the calendar, oldest first."""
        with self.open(PERIODS) as con:
            rows = con.execute(
                "select period_label, period_start_date, period_end_date"
                " from dim_periods where grain = 'month' order by 2"
            ).fetchall()
        return [Period(*row) for row in rows]


def open_served(published: Path) -> Served:
    """Return the build readers see now.

    Raises:
        ConfigError: nothing is published.
        StorageError: what is published is damaged.
    """
    folder = current_build(published)
    if folder is None:
        message = f"Nothing is published in {published}; run `warehouse nightly` first."
        raise ConfigError(message)
    damage = find_damage(folder)
    if damage is not None:
        message = (
            f"the build readers see ({folder.name}) is damaged: {damage}; run "
            "`warehouse nightly`, then close"
        )
        raise StorageError(message)
    return Served(folder, read_manifest(folder), read_quality(folder))


def read_quality(folder: Path) -> Mapping[str, Any]:
    """Return a build's quality report; nothing of one that has none or is unreadable."""
    try:
        return json.loads((folder / "quality.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
