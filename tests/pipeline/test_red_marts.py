"""A red mart gate: core stops the publication, another theme is carried from the last build.

The night's build file is spoiled by hand, one row in one table; then the two steps that follow
dbt run through the same job as every night.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from ingest.errors import EXIT_OK
from orchestration.night_run import NightRun, night_instant
from orchestration.outcome import close_night
from orchestration.publish import build_id_for
from orchestration.settings import SANDBOX_CONFIG, load_settings
from tests.pipeline.conftest import FIRST_NIGHT

if TYPE_CHECKING:
    from tests.pipeline.conftest import Warehouse

ROW_TWICE = "insert into {table} select * from {table} limit 1"
# What dbt finds when an invoice's total is one dong more than its lines.
ONE_DONG = """
    update {table} set other_amount = other_amount + 1,
        difference_amount = -1, reference = 'stripe_vn:in_x', is_explained = false,
        reason_code = 'unexplained'
    where line = 'invoices_vs_lines' and legal_entity = 'acme_vn'
        and period_start_date = '2026-09-01'
"""
SPOILED = {
    "sales": ("fct_opportunities", ROW_TWICE, "mart gate fct_opportunities (sales)"),
    "marketing": (
        "fct_ad_performance_daily",
        ROW_TWICE,
        "mart gate fct_ad_performance_daily (marketing)",
    ),
    "finance": (
        "rpt_reconciliation",
        ONE_DONG,
        "billing control: acme_vn invoices_vs_lines stripe_vn:in_x",
    ),
}
"""The one table spoiled in a theme, how, and what the morning's findings say of it."""
NOW = datetime(2026, 10, 31, 20, tzinfo=UTC)


def spoil(warehouse: Warehouse, sql: str) -> None:
    with duckdb.connect(str(warehouse.root / "warehouse.duckdb")) as con:
        con.execute(sql)


def judge_and_publish(warehouse: Warehouse) -> tuple[bool, NightRun]:
    """Run what follows dbt; return whether the run succeeded, and the night."""
    # Imported here, where the mark above covers it.
    from orchestration.build import build_definitions  # noqa: PLC0415 - after the mark above

    settings = load_settings(
        root=warehouse.root,
        config_path=SANDBOX_CONFIG,
        environ={},
        sandbox_url="http://x",
    )
    night = NightRun(
        settings,
        FIRST_NIGHT,
        now=night_instant(FIRST_NIGHT, "Asia/Ho_Chi_Minh"),
        build_id=build_id_for(FIRST_NIGHT, NOW, seed="red"),
        clock=lambda: NOW + timedelta(days=400),
    )
    job = build_definitions(settings, resources={"night": None}).resolve_job_def(
        "nightly"
    )
    result = job.execute_in_process(
        partition_key=FIRST_NIGHT.isoformat(),
        op_selection=["judge_marts", "published__bi"],
        resources={"night": night},
        raise_on_error=False,
    )
    close_night(night, finished_at=NOW)
    return result.success, night


def themes(warehouse: Warehouse) -> dict[str, Any]:
    return {name: s["state"] for name, s in warehouse.manifest()["themes"].items()}


def test_red_themes_are_held_and_core_is_new(warehouse: Warehouse) -> None:
    """One theme red beside green ones is the next test's business."""
    before = warehouse.manifest()
    for table, sql, _ in SPOILED.values():
        spoil(warehouse, sql.format(table=table))

    success, night = judge_and_publish(warehouse)

    assert success
    assert night.report.exit_code == EXIT_OK
    assert sorted(night.report.red_themes) == sorted(SPOILED)
    findings = "\n".join(night.report.findings())
    after = warehouse.manifest()
    assert after["build_id"] != before["build_id"]
    assert themes(warehouse) == {
        name: "held" if name in SPOILED else "fresh" for name in before["themes"]
    }
    for theme, (table, _, finding) in SPOILED.items():
        assert finding in findings
        assert after["themes"][theme]["as_of_date"] == FIRST_NIGHT.isoformat()
        assert after["tables"][table] == before["tables"][table]
        found = warehouse.query(
            f"select distinct build_id from {table}", audience="finance"
        )
        assert found == [(before["build_id"],)]
    found = warehouse.query(
        "select distinct build_id from dim_dates", audience="finance"
    )
    assert found == [(after["build_id"],)]
    (held,) = warehouse.query("select distinct held_themes from build_info")
    assert set(SPOILED) == set(re.findall(r"[a-z]+", held[0]))


def test_a_red_figure_holds_its_theme_row_by_row_and_a_ledger_difference_none(
    warehouse: Warehouse,
) -> None:
    count = (
        "select theme, count(*), sum(value) from rpt_kpi_values group by 1 order by 1"
    )
    before = warehouse.query(count)
    spoil(
        warehouse,
        "update rpt_kpi_values set value = -5 where kpi_key = 'deals_won'"
        " and grain = 'month' and breakdown = 'total'",
    )
    # The ledger blocks a close, not the morning.
    spoil(
        warehouse,
        "update rpt_reconciliation set other_amount = other_amount + 1,"
        " difference_amount = -1, is_explained = false, reason_code = 'unexplained'"
        " where line = 'billings_vs_ledger' and period_start_date = '2026-09-01'"
        " and reason_code = 'agreed'",
    )
    success, night = judge_and_publish(warehouse)
    assert success
    assert night.report.red_themes == ["sales"]
    assert themes(warehouse) == {
        name: "held" if name == "sales" else "fresh"
        for name in ("core", "sales", "marketing", "finance")
    }
    assert warehouse.query(count) == before


def test_red_core_publishes_nothing_and_names_the_rule(warehouse: Warehouse) -> None:
    before = warehouse.manifest()
    spoil(warehouse, "insert into dim_dates select * from dim_dates limit 1")

    success, night = judge_and_publish(warehouse)

    assert not success
    assert night.report.state == "failed"
    assert night.report.red_themes == ["core"]
    assert "dim_dates.rows_repeating_a_key" in night.report.findings()[0]
    assert warehouse.manifest() == before
