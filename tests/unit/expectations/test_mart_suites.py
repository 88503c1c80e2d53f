"""Every statement about a published table is seen red on a table with one wrong row."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from expectations.catalogue import PublishedTable, mart_suite
from expectations.gate import run_gate

AS_OF = dt.date(2026, 10, 31)
KPI_VALUES = PublishedTable(
    "rpt_kpi_values", "core", ("kpi_key", "grain", "period_start_date", "member_id")
)
GOOD_ROWS = """
    create table rpt_kpi_values as
    select *, 'standard' as variant, 'current' as basis,
        list_value()::varchar[] as flag from (values
        ('win_rate', 'month', date '2026-09-01', date '2026-09-30', false, 0.5, '(total)'),
        ('win_rate', 'month', date '2026-10-01', date '2026-10-31', false, 0.6, '(total)'),
        ('deals_won', 'day', date '2026-10-31', date '2026-10-31', false, 3.0, '(total)')
    ) as t(kpi_key, grain, period_start_date, period_end_date, is_partial, value, member_id);
    create table kpi_registry as select * from (values
        ('win_rate', 'ratio', 'rate', 'sum'), ('deals_won', 'additive', 'count', 'sum')
    ) as t(kpi_key, additivity, unit, aggregation)
"""
CREDITS = PublishedTable(
    "fct_attribution_credits", "marketing", ("attribution_credit_id",)
)
CREDIT_ROWS = """
    create table fct_attribution_credits as select * from (values
        ('1', 'deal', 'd', 'linear', 0.5, date '2026-10-01', date '2026-10-31'),
        ('2', 'deal', 'd', 'linear', 0.5, date '2026-10-31', date '2026-10-31'),
        ('3', 'lead', 'd', 'linear', 1.0, null, date '2026-10-31')
    ) as t(
        attribution_credit_id, conversion_type, conversion_id, attribution_model,
        credit_weight, touch_date, converted_date
    )
"""


def red_rules(connection: duckdb.DuckDBPyConnection) -> set[str]:
    gate = mart_suite(KPI_VALUES, as_of_date=AS_OF)
    frame = connection.sql(gate.query("rpt_kpi_values")).df()
    return {rule.rule_id.split(".")[1] for rule in run_gate(gate.suite, frame).failed}


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(GOOD_ROWS)
    return connection


def test_a_good_table_is_green(connection: duckdb.DuckDBPyConnection) -> None:
    assert red_rules(connection) == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("delete from rpt_kpi_values", "rows_total"),
        (
            "update rpt_kpi_values set member_id = null where grain = 'day'",
            "rows_with_null_key",
        ),
        (
            "insert into rpt_kpi_values select * from rpt_kpi_values where grain = 'day'",
            "rows_repeating_a_key",
        ),
        (
            "update rpt_kpi_values set value = 1.2 where value = 0.5",
            "shares_out_of_range",
        ),
        (
            "update rpt_kpi_values set value = 1.2, variant = 'days_90' where value = 0.5",
            "shares_out_of_range",
        ),
        (
            "update rpt_kpi_values set value = -1 where kpi_key = 'deals_won'",
            "negative_counts",
        ),
        (
            (
                "alter table rpt_kpi_values alter value type double; "
                "update rpt_kpi_values set value = 'inf'::double where grain = 'day'"
            ),
            "not_finite",
        ),
        (
            "update rpt_kpi_values set period_start_date = '2026-11-01' where grain = 'day'",
            "periods_after_as_of",
        ),
        (
            "update rpt_kpi_values set period_end_date = '2026-11-30' where value = 0.6",
            "complete_periods_in_the_future",
        ),
        (
            "update rpt_kpi_values set flag = ['no_source'] where grain = 'day'",
            "values_without_source",
        ),
        (
            "update rpt_kpi_values set period_start_date = '2026-08-01' where value = 0.5",
            "months_missing",
        ),
        (
            "update rpt_kpi_values set period_start_date = '2026-10-30' where grain = 'day'",
            "days_behind_as_of",
        ),
    ],
)
def test_one_wrong_row_turns_its_rule_red(
    connection: duckdb.DuckDBPyConnection, change: str, rule: str
) -> None:
    connection.execute(change)
    assert rule in red_rules(connection)


def test_every_measure_of_the_values_table_has_a_case_above() -> None:
    gate = mart_suite(KPI_VALUES, as_of_date=AS_OF)
    marks = test_one_wrong_row_turns_its_rule_red.pytestmark
    seen = {
        case[1] for mark in marks if mark.name == "parametrize" for case in mark.args[1]
    }
    assert set(gate.measures) == seen


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ("select 1", set()),
        (
            "update fct_attribution_credits set credit_weight = 0.4 where touch_date is null",
            {"credit_not_conserved"},
        ),
        (
            "delete from fct_attribution_credits where touch_date = '2026-10-01'",
            {"credit_not_conserved"},
        ),
        (
            (
                "update fct_attribution_credits set touch_date = '2026-11-01' "
                "where touch_date = '2026-10-01'"
            ),
            {"touches_after_their_conversion"},
        ),
        (
            (
                "update fct_attribution_credits set credit_weight = "
                "case attribution_credit_id when '1' then 0 else 1 end "
                "where conversion_type = 'deal'"
            ),
            {"weights_out_of_range"},
        ),
    ],
)
def test_credit_is_conserved_and_earned_before(change: str, rules: set[str]) -> None:
    connection = duckdb.connect()
    connection.execute(CREDIT_ROWS)
    connection.execute(change)
    gate = mart_suite(CREDITS, as_of_date=AS_OF)
    frame = connection.sql(gate.query("fct_attribution_credits")).df()
    failed = run_gate(gate.suite, frame).failed
    assert {rule.rule_id.split(".")[1] for rule in failed} == rules
