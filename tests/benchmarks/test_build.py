"""The bulk company: its full build against scripts, then one more night on it.

`BENCH_SCALE=10` is the size of the aims (10 million ad rows); 1 is the default. The tests
share one history, because building it takes the longest; the last one moves it a night on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ingest.sandbox.bulk import BulkCompany, land_history, land_night
from tests.benchmarks.bulk_build import (
    ASKED,
    FIRST_NIGHT,
    Spent,
    differing_tables,
    published_tables,
    run_dbt,
    run_script,
    scale,
    slowest,
    write_by_hand,
    write_by_models,
    write_script,
)

if TYPE_CHECKING:
    from pathlib import Path

SECOND_NIGHT = FIRST_NIGHT + timedelta(days=1)
MOST_TIMES_THE_SCRIPT = 1.5
MOST_GROWN = 0.10
"""Of the full build: how much dearer one more night is on ten times the history."""


@dataclass
class History:
    """A company's history, landed and built from nothing."""

    root: Path
    company: BulkCompany
    rows: int
    full: Spent

    @property
    def database(self) -> Path:
        return self.root / "warehouse.duckdb"

    def one_more_night(self) -> Spent:
        land_night(self.root, self.company, SECOND_NIGHT)
        return run_dbt(self.root, SECOND_NIGHT, "run")


def build_history(root: Path, size: float) -> History:
    company = BulkCompany(size, FIRST_NIGHT)
    rows = land_history(root, company)
    run_dbt(root, FIRST_NIGHT, "seed")
    full = run_dbt(root, FIRST_NIGHT, "run", "--full-refresh")
    return History(root, company, rows, full)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> History:
    return build_history(tmp_path_factory.mktemp("large") / "dbt", scale(1))


@pytest.mark.bench
def test_dbt_run_costs_little_more_than_one_script(
    large: History, tmp_path: Path
) -> None:
    say_slowest(large)
    script = tmp_path / "full_build.sql"
    write_script(large.root, script)
    by_script = tmp_path / "warehouse.duckdb"
    spent = run_script(script, by_script, large.database)
    tables = published_tables(large.root)
    different = differing_tables(large.database, by_script, tables)
    by_script.unlink()  # As large as the build, and the next test needs the room.
    ratio = large.full.wall_seconds / spent.wall_seconds
    say(
        f"full build of {large.rows:,} landed rows, {len(tables)} published tables, "
        f"{large.database.stat().st_size / 2**30:.2f} GiB\n"
        f"  dbt run {large.full}, one script {spent}: ratio {ratio:.2f} "
        f"({large.full.cpu_seconds / spent.cpu_seconds:.2f} of CPU), "
        f"aim {MOST_TIMES_THE_SCRIPT}"
    )
    tests = run_dbt(
        large.root, FIRST_NIGHT, "test", "--exclude-resource-type", "unit_test"
    )
    say(f"  dbt tests beside it {tests}")
    assert different == []
    assert ratio <= MOST_TIMES_THE_SCRIPT


@pytest.mark.bench
def test_statements_cost_little_more_than_those_written_by_hand(
    large: History, tmp_path: Path
) -> None:
    spent = {}
    for write in (write_by_hand, write_by_models):
        folder = tmp_path / write.__name__
        folder.mkdir()
        write(large.root, folder / "script.sql")
        spent[write] = run_script(
            folder / "script.sql", folder / "warehouse.duckdb", large.database
        )
    by_hand, by_models = spent[write_by_hand], spent[write_by_models]
    ratio = by_models.wall_seconds / by_hand.wall_seconds
    say(
        f"{len(ASKED)} KPIs from facts to published rows: models {by_models}, by hand "
        f"{by_hand}: ratio {ratio:.2f} "
        f"({by_models.cpu_seconds / by_hand.cpu_seconds:.2f} of CPU), "
        f"aim {MOST_TIMES_THE_SCRIPT}"
    )
    published = [
        tmp_path / write.__name__ / "warehouse.duckdb"
        for write in (write_by_hand, write_by_models)
    ]
    assert differing_tables(*published, ["rpt_kpi_values"]) == []
    assert ratio <= MOST_TIMES_THE_SCRIPT


@pytest.mark.bench
def test_one_more_night_costs_what_is_new(large: History, tmp_path: Path) -> None:
    on_one = build_history(tmp_path / "small", scale(1) / 10).one_more_night()
    on_ten = large.one_more_night()
    share = (on_ten.cpu_seconds - on_one.cpu_seconds) / large.full.cpu_seconds
    say(
        f"one more night: {on_one} on scale {scale(1) / 10:g}, {on_ten} on {scale(1):g}; "
        f"full build there {large.full}: {share:.1%} of it grows with history, "
        f"aim {MOST_GROWN:.0%}"
    )
    say_slowest(large)
    # What the night left must be what a build from nothing gives.
    one_by_one = tmp_path / "one_by_one.duckdb"
    large.database.rename(one_by_one)
    run_dbt(large.root, SECOND_NIGHT, "seed")
    run_dbt(large.root, SECOND_NIGHT, "run", "--full-refresh")
    tables = published_tables(large.root)
    assert differing_tables(one_by_one, large.database, tables) == []
    assert share <= MOST_GROWN


def say_slowest(history: History) -> None:
    for seconds, name in slowest(history.root, 20):
        say(f"  {seconds:7.2f} s {name}")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the figures are the result
