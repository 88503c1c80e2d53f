"""A warm night on the sandbox company: what is fixed, what each dbt node adds, where it goes.

Seconds of the machine at hand, so run it alone; the report of the night (`state/nights`) holds
the same figures for every night.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

WAREHOUSE = Path(sys.executable).with_name("warehouse")
FIRST = date(2026, 10, 30)
FIXED_SECONDS, NODE_SECONDS = 20.0, 0.12


def run_night(root: Path, as_of: date) -> tuple[float, float]:
    """Run one night; return wall seconds and CPU seconds of it and all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
        [str(WAREHOUSE), "nightly", "--as-of", as_of.isoformat(), "--root", str(root)],
        check=True,
        capture_output=True,
        env={**os.environ, "DO_NOT_TRACK": "1"},  # noqa: TID251 - a child process
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@pytest.mark.bench
def test_a_warm_night_costs_little_beside_its_nodes(tmp_path: Path) -> None:
    run_night(tmp_path, FIRST)
    second = FIRST + timedelta(days=1)
    wall, cpu = run_night(tmp_path, second)
    report = json.loads((tmp_path / f"state/nights/{second}.json").read_text("utf-8"))
    models, tests = report["dbt_nodes"], report["dbt_tests"]
    inside = sum(report["seconds"].values())
    steps = {**report["seconds"], "start and end of the process": wall - inside}
    results = json.loads((tmp_path / "dbt/target/run_results.json").read_text("utf-8"))
    in_sql = sum(
        result["execution_time"]
        for result in results["results"]
        if result["unique_id"].startswith(("model.", "seed."))
    )
    fixed = wall - steps["dbt"]
    aim = FIXED_SECONDS + NODE_SECONDS * models
    print(  # noqa: T201 - the figures are the result
        f"\nwarm night: {wall:.1f} s, {cpu:.1f} s of CPU; outside dbt {fixed:.1f} s; in dbt "
        f"{steps['dbt'] / models:.3f} s per model or seed ({models}), "
        f"{steps['dbt'] / (models + tests):.3f} s per node with tests ({models + tests}); "
        f"aim {aim:.0f} s by models and seeds, "
        f"{FIXED_SECONDS + NODE_SECONDS * (models + tests):.0f} s by all nodes"
    )
    for name, seconds in sorted(steps.items(), key=lambda step: -step[1]):
        print(f"  {seconds:6.1f} s {name}")  # noqa: T201 - the figures are the result
    print(f"  of dbt: {in_sql:.1f} s of two threads in models and seeds")  # noqa: T201 - the figures are the result
    assert report["state"] == "published"
    # Every second is some step's, so that a slow one cannot hide between them.
    assert inside == pytest.approx(wall, abs=15)
    assert min(steps.values()) >= 0
