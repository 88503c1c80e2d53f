"""Replays, pairs of nights, and two nights at once: a run is a function of what has landed."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingest.sandbox.company import build_company
from ingest.sandbox.truth import kpi_truth
from tests.pipeline.conftest import FIRST_NIGHT, WAREHOUSE, Warehouse
from tests.pipeline.test_truth import differences, published

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)
OF_BATCHES = {
    "build_info": "build_id, loaded_tonight_count, quarantined_tonight_count",
    "fct_tie_out_records": "build_id, tie_out_record_id, source_ref, batch_id",
}
"""Columns that say what landed tonight, and in which batch a record came."""


def content(warehouse: Warehouse) -> str:
    """Content hash of what is published: build id and load columns are left out of it."""
    return warehouse.manifest()["content_hash"]


def content_by_table(warehouse: Warehouse) -> dict[str, object]:
    """What every published table holds, apart from the batches it came in."""
    tables = warehouse.manifest()["tables"]
    found = {name: table["content_hash"] for name, table in tables.items()}
    file = warehouse.root / "published" / "current" / "finance.duckdb"
    with duckdb.connect(str(file), read_only=True) as con:
        for name, columns in OF_BATCHES.items():
            found[name] = con.execute(
                "select count(*), sum(hash(kept)::hugeint) from"
                f" (select * exclude ({columns}) from {name}) as kept"
            ).fetchone()
    return found


def requests_sent(output: str) -> bool:
    return "extracting" in output


@pytest.mark.long
def test_two_nights_one_by_one_equal_both_at_once_and_a_replay_changes_nothing(
    warehouse: Warehouse, first_night: Warehouse, tmp_path: Path
) -> None:
    warehouse.night(FIRST_NIGHT + DAY)
    one_by_one = content_by_table(warehouse)
    assert content(warehouse) != content(first_night)
    # Restated ad days, merged contacts, late records: the second night is the truth as well.
    company = build_company(until=datetime(2026, 11, 2, tzinfo=UTC))
    truth = kpi_truth(company, FIRST_NIGHT + DAY, first_as_of=FIRST_NIGHT)
    values = {key: figure.value for key, figure in truth.items()}
    assert differences(values, published(warehouse, "month")) == []

    # Replaying the older night from raw gives what it gave (going on again: `make nights`).
    warehouse.night(FIRST_NIGHT)
    assert content(warehouse) == content(first_night)

    # A warehouse that first ran a night later knows the same, from fewer batches.
    later = Warehouse(tmp_path / "later")
    later.night(FIRST_NIGHT + DAY)
    assert content_by_table(later) == one_by_one


# In `make test` small nights do this four times over (`test_two_runs`).
@pytest.mark.long
def test_of_the_same_night_twice_at_once_one_publishes_the_same_and_the_other_leaves_with_75(
    warehouse: Warehouse,
) -> None:
    before = content(warehouse), warehouse.manifest()["build_id"]
    command = [
        str(WAREHOUSE), "nightly", "--as-of", FIRST_NIGHT.isoformat(),
        "--root", str(warehouse.root),
    ]  # fmt: skip
    pair = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    outcomes = []
    for process in pair:
        output, _ = process.communicate()
        outcomes.append((process.returncode, output))
    assert sorted(code for code, _ in outcomes) == [0, 75], outcomes
    (busy,) = [output for code, output in outcomes if code == 75]
    assert "pid" in busy.splitlines()[-1]
    (said,) = [output for code, output in outcomes if code == 0]
    assert not requests_sent(said), "what has landed is not fetched again"
    after = content(warehouse), warehouse.manifest()["build_id"]
    assert after[0] == before[0]
    assert after[1] != before[1]
