"""A signed figure is made of the records its close kept, and adds up to what was signed.

A close and the night after it, so it has a lane of its own: `make nights`.
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from typing import Any

import pytest

from tests.pipeline.conftest import Warehouse

pytestmark = pytest.mark.long

SIGNED, LATER = "2026-09", date(2026, 11, 3)


@pytest.fixture(scope="module")
def closed(
    first_night: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("signed") / "root")
    shutil.copytree(first_night.root, warehouse.root, symlinks=True)
    warehouse.run("close", SIGNED, "--area", "finance", "--by", "Hoa")
    warehouse.night(LATER)
    return warehouse


def told(warehouse: Warehouse, key: str, *words: str) -> dict[str, Any]:
    asked = (
        "explain",
        key,
        "--period",
        SIGNED,
        "--basis",
        "as_closed",
        "--json",
        *words,
    )
    return json.loads(warehouse.run(*asked).stdout)


def test_every_signed_figure_of_records_adds_up(closed: Warehouse) -> None:
    """Each finance figure of the signed month that is a sum or a ratio of kept records."""
    keys = closed.query(
        "select distinct f.kpi_key from rpt_kpi_values f"
        " inner join fct_kpi_records r on f.kpi_key = r.kpi_key"
        " inner join kpi_registry k on f.kpi_key = k.kpi_key"
        " and k.freezes_at = 'period_close'"
        " where f.basis = 'as_closed' and f.grain = 'month' and f.theme = 'finance'"
        f" and f.period_start_date = date '{SIGNED}-01' and f.value is not null"
        " order by 1",
        audience="finance",
    )
    assert len(keys) > 15
    for (key,) in keys:
        found = told(closed, key)
        for side in found["sides"]:
            assert side["published"] == side["total"] or side["published"] is None, key
        assert found["figure"]["basis"] == "as_closed"
        assert found["signed_by"] == "Hoa"
        # Nothing of September changed in the sandbox between the two nights.
        assert found["changes"] == []


def test_a_figure_that_waits_for_its_window_is_not_signed_with_its_month(
    closed: Warehouse,
) -> None:
    asked = ("explain", "repeat_purchase_rate", "--period", SIGNED)
    said = closed.run(*asked, "--basis", "as_closed", expect=65)
    assert "signed when the window of its cases has ended" in said.stderr


def test_a_month_nobody_signed_is_refused_with_those_that_are(
    closed: Warehouse,
) -> None:
    said = closed.run(
        *("explain", "billings", "--period", "2026-10", "--basis", "as_closed"),
        expect=78,
    )
    assert "finance 2026-10 is not closed; closed months: 2026-09" in said.stderr
