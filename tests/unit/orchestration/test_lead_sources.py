"""A company may ask that leads name their source; too few hold marketing back."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from ingest.config_policies import POLICIES
from orchestration.lead_sources import tell_missing_sources

DEFAULTS: dict[str, Any] = {name: policy.default for name, policy in POLICIES.items()}


@pytest.fixture
def build() -> duckdb.DuckDBPyConnection:
    """A build whose September has 96 of 100 sources named, October so far 94 of 100."""
    con = duckdb.connect()
    con.execute("attach ':memory:' as build")
    con.execute(
        "create table build.main.rpt_kpi_values as select * from (values"
        " ('lead_source_completeness', 'month', date '2026-09-01', 'total', 96, 100),"
        " ('lead_source_completeness', 'month', date '2026-10-01', 'total', 94, 100),"
        " ('lead_source_completeness', 'month', date '2026-10-01', 'rep', 0, 100),"
        " ('lead_source_completeness', 'day', date '2026-10-30', 'total', 0, 100),"
        " ('lead_source_completeness', 'month', date '2026-11-01', 'total', 0, 4))"
        " as t (kpi_key, grain, period_start_date, breakdown, numerator, denominator),"
        " (values ('standard', 'current')) as s (variant, basis)"
    )
    return con


def test_no_gate_unless_a_company_asks_for_one(
    build: duckdb.DuckDBPyConnection,
) -> None:
    assert tell_missing_sources(build, DEFAULTS) is None


@pytest.mark.parametrize(("asked", "is_held"), [(94, False), (95, True)])
def test_the_last_month_with_a_sample_is_judged(
    build: duckdb.DuckDBPyConnection, asked: int, *, is_held: bool
) -> None:
    told = tell_missing_sources(build, {**DEFAULTS, "lead_source_gate_percent": asked})
    assert (told is not None) == is_held
    if told:
        assert "94 of 100 leads of 2026-10" in told
        assert "queue_leads_without_source" in told


def test_a_build_without_the_figure_is_not_judged() -> None:
    con = duckdb.connect()
    con.execute("attach ':memory:' as build")
    policies = {**DEFAULTS, "lead_source_gate_percent": 100}
    assert tell_missing_sources(con, policies) is None
