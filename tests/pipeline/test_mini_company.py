"""The warehouse built from the mini company gives the figures worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.golden import mini_company
from tests.pipeline.raw_fixture import write_raw
from tests.pipeline.warehouse_build import build_warehouse

if TYPE_CHECKING:
    from pathlib import Path

MEASURES = """
    with measures as (
        select * from kpi_sales_measures
        union all
        select * from kpi_pipeline_measures
        union all
        select * from kpi_marketing_measures
    )
"""
FLOWS = sorted({kpi for kpi, _, _ in mini_company.FLOWS})
STOCKS = sorted({kpi for kpi, _, _ in mini_company.STOCKS})


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory, parsed_project: Path
) -> duckdb.DuckDBPyConnection:
    root = tmp_path_factory.mktemp("mini")
    write_raw(root / "raw", mini_company.BATCHES)
    built = build_warehouse(
        root,
        parsed=parsed_project,
        as_of=mini_company.AS_OF,
        select="+rpt_kpi_base_values",
        entities=("leads", "opportunities", "activities", "ad_performance_daily"),
    )
    return duckdb.connect(str(built), read_only=True)


def as_figures(
    rows: list[tuple[str, str, str | None, Decimal, Decimal | None]],
) -> dict[tuple[str, str, str | None], tuple[Decimal, Decimal | None]]:
    return {(kpi, when, currency): (num, den) for kpi, when, currency, num, den in rows}


def expected(
    figures: mini_company.Figures,
) -> dict[tuple[str, str, str | None], tuple[Decimal, Decimal | None]]:
    return {
        key: (Decimal(num), None if den is None else Decimal(den))
        for key, (num, den) in figures.items()
    }


def test_flows_of_every_month(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.execute(
        f"""
        {MEASURES}
        select kpi_key, strftime(report_date, '%Y-%m') as month, currency,
            sum(numerator), sum(denominator)
        from measures
        where kpi_key in (select unnest($flows)) and variant = 'standard'
        group by all
        """,
        {"flows": FLOWS},
    ).fetchall()
    assert as_figures(rows) == expected(mini_company.FLOWS)


def test_stocks_at_the_end_of_each_month(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        f"""
        {MEASURES}
        select kpi_key, cast(report_date as varchar), currency,
            sum(numerator), sum(denominator)
        from measures
        where kpi_key in (select unnest($stocks))
            and report_date = last_day(report_date)
        group by all
        """,
        {"stocks": STOCKS},
    ).fetchall()
    assert as_figures(rows) == expected(mini_company.STOCKS)


def test_the_median_of_a_longer_period_comes_from_its_cases(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        """
        select grain, cast(period_start_date as varchar), value, denominator, numerator
        from rpt_kpi_base_values
        where kpi_key = 'sales_cycle_days' and variant = 'median'
            and breakdown = 'total' and grain in ('month', 'quarter', 'year')
        """,
    ).fetchall()
    assert {(grain, start): (value, wins) for grain, start, value, wins, _ in rows} == {
        key: (None if value is None else Decimal(value), Decimal(wins))
        for key, (value, wins) in mini_company.MEDIAN_CYCLES.items()
    }
    assert {numerator for *_, numerator in rows} == {None}


def test_new_or_existing_is_judged_at_the_event(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        f"""
        {MEASURES}
        select kpi_key, strftime(report_date, '%Y-%m'), customer_type, sum(numerator)
        from measures
        where kpi_key in ('opportunities_created', 'deals_won', 'deals_lost')
        group by all
        """,
    ).fetchall()
    assert {tuple(row[:3]): row[3] for row in rows} == {
        key: Decimal(count) for key, count in mini_company.CUSTOMER_TYPES.items()
    }


def test_credit_goes_to_the_owner_and_team_of_the_day(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        f"""
        {MEASURES}
        select kpi_key, strftime(report_date, '%Y-%m'), rep_id, team_id
        from measures
        where kpi_key in ('deals_won', 'calls_made')
        """,
    ).fetchall()
    assert {(kpi, month): (rep, team) for kpi, month, rep, team in rows} == (
        mini_company.REPS
    )


def test_who_returns_to_the_qualification_is_counted_apart(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        """
        select strftime(report_date, '%Y-%m'), rep_id, team_id, lead_source_group,
            sum(numerator)
        from kpi_marketing_measures
        where kpi_key = 'mql_count' and variant = 'requalified'
        group by all
        """,
    ).fetchall()
    assert rows == mini_company.RETURNS


def test_without_a_history_of_stages_nobody_knows_who_returned(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """This build names no source of changes; the leads themselves are there."""
    rows = warehouse.execute(
        """
        select variant, flag, count(value)
        from rpt_kpi_base_values
        where kpi_key = 'mql_count' and breakdown = 'total' and grain = 'month'
        group by all
        """,
    ).fetchall()
    known = {variant: (flag, count) for variant, flag, count in rows}
    assert known["requalified"] == (["no_source"], 0)
    assert known["standard"][0] == []
    assert known["standard"][1] > 0


def test_credit_for_a_lead_goes_to_its_owner_at_the_event(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        """
        select kpi_key, strftime(report_date, '%Y-%m'), rep_id, team_id, sum(numerator)
        from kpi_marketing_measures
        where kpi_key in (
            'leads_created', 'lead_source_completeness', 'mql_count', 'sql_count'
        ) and variant = 'standard'
        group by all
        """,
    ).fetchall()
    assert {tuple(row[:4]): row[4] for row in rows} == {
        key: Decimal(count) for key, count in mini_company.LEAD_REPS.items()
    }


def test_an_owner_nobody_knows_is_the_unknown_member(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    found = warehouse.execute(
        "select rep_id from fct_opportunities where source_record_id = 'D4'"
    ).fetchall()
    assert found == [("(unknown)",)]


def test_no_personal_data_of_leads_is_in_the_facts(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    columns = {row[0] for row in warehouse.execute("describe fct_leads").fetchall()}
    assert columns.isdisjoint({"email", "phone", "first_name", "last_name", "click_id"})
