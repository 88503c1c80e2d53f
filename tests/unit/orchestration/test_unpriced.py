"""Subscriptions without a price are out of MRR, and people hear of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from ingest.config_policies import POLICIES
from orchestration.unpriced import tell_unpriced

AS_OF = date(2026, 10, 31)
DEFAULTS: dict[str, Any] = {name: policy.default for name, policy in POLICIES.items()}


@pytest.fixture
def build() -> duckdb.DuckDBPyConnection:
    """`s:tiers` and four like it stand, two items of one; `s:gone` ends and `s:later` begins."""
    con = duckdb.connect()
    con.execute("attach ':memory:' as build")
    con.execute(
        "create table build.main.int_subscription_item_mrr_priced as select * from (values"
        " ('s:priced', false, date '2026-01-01', null),"
        " ('s:gone', true, date '2026-01-01', date '2026-10-31'),"
        " ('s:later', true, date '2026-11-01', null),"
        " ('s:tiers', true, date '2026-01-01', date '2026-11-01'),"
        " ('s:tiers', true, date '2026-10-31', null),"
        " ('s:a', true, date '2026-01-01', null), ('s:b', true, date '2026-01-01', null),"
        " ('s:c', true, date '2026-01-01', null), ('s:d', true, date '2026-01-01', null))"
        " as t (subscription_id, is_price_unknown, paid_from_date, paid_to_date)"
    )
    return con


def test_those_in_service_are_counted_and_named(
    build: duckdb.DuckDBPyConnection,
) -> None:
    told = tell_unpriced(build, DEFAULTS, AS_OF)
    assert "without a price per unit" in told
    assert told.endswith(", 5 of them: s:a, s:b, s:c and 2 more")


def test_nothing_is_said_where_every_price_is_known_or_none_is_needed(
    build: duckdb.DuckDBPyConnection,
) -> None:
    assert not tell_unpriced(build, DEFAULTS, date(2025, 12, 31))
    by_bills = DEFAULTS | {"mrr_source": "invoice_lines"}
    assert not tell_unpriced(build, by_bills, AS_OF)
    con = duckdb.connect()
    con.execute("attach ':memory:' as build")
    assert not tell_unpriced(con, DEFAULTS, AS_OF)
