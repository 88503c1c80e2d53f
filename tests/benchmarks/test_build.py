"""Full build of the bulk company: `dbt run` against one script for the same tables.

`BENCH_SCALE=10` is the size of the aim (10 million ad rows); 1 is the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.sandbox.bulk import BulkCompany, land_history
from tests.benchmarks.bulk_build import (
    FIRST_NIGHT,
    differing_tables,
    published_tables,
    run_dbt,
    run_script,
    scale,
    slowest,
    write_script,
)

if TYPE_CHECKING:
    from pathlib import Path

AIM = 1.5


@pytest.mark.bench
def test_dbt_run_costs_little_more_than_one_script(tmp_path: Path) -> None:
    root = tmp_path / "dbt"
    rows = land_history(root, BulkCompany(scale(1), FIRST_NIGHT))
    run_dbt(root, FIRST_NIGHT, "seed")
    by_dbt = run_dbt(root, FIRST_NIGHT, "run", "--full-refresh")
    script = tmp_path / "full_build.sql"
    write_script(root, script)
    nodes = slowest(root, 15)
    built = root / "warehouse.duckdb"
    (tmp_path / "script").mkdir()
    by_script = run_script(script, tmp_path / "script" / "warehouse.duckdb", built)
    tests = run_dbt(root, FIRST_NIGHT, "test", "--exclude-resource-type", "unit_test")
    tables = published_tables(root)
    different = differing_tables(
        built, tmp_path / "script" / "warehouse.duckdb", tables
    )
    ratio = by_dbt.wall_seconds / by_script.wall_seconds
    print(  # noqa: T201 - the figures are the result
        f"\nfull build of {rows:,} landed rows, {len(tables)} published tables\n"
        f"  dbt run {by_dbt}, one script {by_script}: ratio {ratio:.2f}, aim {AIM}\n"
        f"  dbt tests beside it {tests}"
    )
    for seconds, name in nodes:
        print(f"  {seconds:7.2f} s {name}")  # noqa: T201 - where the time goes
    assert different == []
    assert ratio <= AIM
