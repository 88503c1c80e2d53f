"""Whole nights on public data sets, run as a user runs them: through the command.

The data lies beside the project (or where KPI_REALDATA points) and is not part of it; a set
that is absent is skipped. Expectations are counted from the CSV files by Python's csv module,
apart from every decoder, mapping and model.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

HERE = Path(__file__).parent
CONFIGURED_DATA = "../../../../shared/data"
"""Where the configurations look, relative to themselves."""

MILLIONTH = Decimal("0.000001")


def data_root() -> Path:
    """Folder of the data sets."""
    named = os.environ.get("KPI_REALDATA")  # noqa: TID251 - where a person keeps the data
    return Path(named) if named else (HERE / "any" / CONFIGURED_DATA).resolve()


def share(numerator: Decimal | int, denominator: Decimal | int) -> Decimal | None:
    """A ratio as published: six places, half away from zero, none over zero."""
    if not denominator:
        return None
    return (Decimal(numerator) / Decimal(denominator)).quantize(
        MILLIONTH, rounding=ROUND_HALF_UP
    )


@dataclass(frozen=True)
class RealNight:
    """One night on one data set: its files, and what the command made of them."""

    data: Path
    root: Path
    as_of: date
    said: str

    def read(self, name: str) -> list[dict[str, str]]:
        """Every row of one file, as text."""
        with (self.data / name).open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines))

    def published(
        self, sql: str, *, audience: str = "finance"
    ) -> list[tuple[Any, ...]]:
        """Rows of a query on the file an audience is served."""
        path = self.root / "published" / "current" / f"{audience}.duckdb"
        with duckdb.connect(str(path), read_only=True) as con:
            return con.execute(sql).fetchall()

    def built(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the build file, where the steps before the marts are too."""
        with duckdb.connect(str(self.root / "warehouse.duckdb"), read_only=True) as con:
            # Staging's views name raw as it lies in the root.
            con.execute(f"set file_search_path = '{self.root}'")
            return con.execute(sql).fetchall()

    def monthly(self, key: str, breakdown: str = "total") -> dict[Any, Any]:
        """Published values of a KPI by month (and member)."""
        rows = self.published(
            "select strftime(period_start_date, '%Y-%m'), member_id, value"
            f" from rpt_kpi_values where kpi_key = '{key}' and grain = 'month'"
            f" and breakdown = '{breakdown}' and variant = 'standard'"
        )
        if breakdown == "total":
            return {month: value for month, _, value in rows}
        return {(month, member): value for month, member, value in rows}

    @cached_property
    def batches(self) -> dict[str, dict[str, Any]]:
        """The ledger's line of every stream."""
        lines = (self.root / "state" / "ledger.jsonl").read_text("utf-8").splitlines()
        return {batch["stream"]: batch for batch in map(json.loads, lines)}

    @cached_property
    def quality(self) -> dict[str, Any]:
        """The published quality report."""
        path = self.root / "published" / "current" / "quality.json"
        return json.loads(path.read_text("utf-8"))

    def unaccounted(self, files: dict[str, str]) -> dict[str, str]:
        """Streams whose landed, quarantined and absorbed records are not the file's rows."""
        assert set(files) == set(self.batches), "every stream is one file"
        wrong = {}
        for stream, name in files.items():
            batch = self.batches[stream]
            counted = batch["row_count"] + batch["quarantined_count"]
            counted += sum(batch["absorbed"].values())
            if counted != (received := len(self.read(name))):
                wrong[stream] = f"{received} rows in {name}, {counted} accounted for"
        return wrong

    @cached_property
    def answerable(self) -> set[str]:
        """KPIs all of whose entities are configured."""
        config = yaml.safe_load((self.root / "warehouse.yml").read_text("utf-8"))
        delivered = {name for s in config["sources"] for name in s["datasets"]}
        rows = self.published("select kpi_key, required_entities from kpi_registry")
        return {key for key, needed in rows if set(needed.split("|")) <= delivered}

    def assert_nothing_is_said_without_a_source(self, known: Iterable[str]) -> None:
        """Every KPI that lacks an entity is NULL and says why, in every period.

        None of the others does, and `known` are among those.
        """
        rows = self.published(
            "select kpi_key, count(*), count(value),"
            " count(*) filter (where list_contains(flag, 'no_source'))"
            " from rpt_kpi_values group by 1"
        )
        registered = {
            key for (key,) in self.published("select kpi_key from kpi_registry")
        }
        assert {key for key, *_ in rows} == registered
        assert set(known) <= self.answerable
        for key, total, valued, flagged in rows:
            if key in self.answerable:
                assert (key, flagged) == (key, 0)
            else:
                assert (key, valued, flagged) == (key, 0, total)


def run_night(name: str, as_of: date, root: Path) -> RealNight:
    """Run the command on one set; skip where its data is absent, fail on another exit code."""
    data = data_root() / name
    if not data.is_dir():
        pytest.skip(f"{data} is absent; KPI_REALDATA names the folder of the data sets")
    config = root / "warehouse.yml"
    text = (HERE / name / "warehouse.yml").read_text("utf-8")
    config.write_text(text.replace(CONFIGURED_DATA, str(data_root())), "utf-8")
    command = [
        str(Path(sys.executable).with_name("warehouse")), "nightly",
        "--config", str(config), "--root", str(root), "--as-of", as_of.isoformat(),
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DO_NOT_TRACK": "1"},  # noqa: TID251 - a child process
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return RealNight(data, root, as_of, done.stdout)
