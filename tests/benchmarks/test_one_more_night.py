"""One more night on one and on ten times the history: cost has to follow what is new.

`BENCH_SCALE=1` compares 1 and 10 million ad rows as the aim says; 0.1 is the default.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ingest.sandbox.bulk import BulkCompany, land_history, land_night
from tests.benchmarks.bulk_build import (
    FIRST_NIGHT,
    Spent,
    differing_tables,
    published_tables,
    run_dbt,
    scale,
    slowest,
)

if TYPE_CHECKING:
    from pathlib import Path

AIM = 0.10
SECOND_NIGHT = FIRST_NIGHT + timedelta(days=1)


def history_and_night(root: Path, size: float) -> tuple[Spent, Spent]:
    """Build the history, then one more night; return what each `dbt run` took."""
    company = BulkCompany(size, FIRST_NIGHT)
    land_history(root, company)
    run_dbt(root, FIRST_NIGHT, "seed")
    full = run_dbt(root, FIRST_NIGHT, "run", "--full-refresh")
    land_night(root, company, SECOND_NIGHT)
    return full, run_dbt(root, SECOND_NIGHT, "run")


@pytest.mark.bench
def test_one_more_night_costs_what_is_new(tmp_path: Path) -> None:
    size = scale(0.1)
    _, small = history_and_night(tmp_path / "small", size)
    root = tmp_path / "large"
    full, large = history_and_night(root, size * 10)
    share = (large.cpu_seconds - small.cpu_seconds) / full.cpu_seconds
    print(  # noqa: T201 - the figures are the result
        f"\none more night: {small} on scale {size:g}, {large} on {size * 10:g}; "
        f"full build there {full}: {share:.1%} of it grows with history, aim {AIM:.0%}"
    )
    for seconds, name in slowest(root, 15):
        print(f"  {seconds:7.2f} s {name}")  # noqa: T201 - where the time goes
    # What the night left must be what a build from nothing gives.
    one_by_one = tmp_path / "one_by_one.duckdb"
    shutil.copy(root / "warehouse.duckdb", one_by_one)
    run_dbt(root, SECOND_NIGHT, "run", "--full-refresh")
    rebuilt = root / "warehouse.duckdb"
    assert differing_tables(one_by_one, rebuilt, published_tables(root)) == []
    assert share <= AIM
