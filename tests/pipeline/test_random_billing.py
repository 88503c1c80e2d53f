"""Ten thousand customers' billing, in one build: identities hold and a recount agrees.

The build runs the dbt tests on the way: the waterfall and the receivables roll forward, what is
recognised over a line's life is what was billed less what was credited.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from tests.pipeline import random_billing
from tests.pipeline.raw_fixture import write_raw
from tests.pipeline.warehouse_build import build_warehouse

pytestmark = pytest.mark.long

SELECT = (
    "+rpt_deferred_revenue_waterfall +rpt_receivables +fct_deferred_revenue_schedule "
    "assert_deferred_revenue_is_scheduled "
    "assert_deferred_revenue_rolls_forward assert_receivables_roll_forward"
)
WATERFALL = ("billed", "credited", "recognised")
RECEIVABLES = ("billed", "tax", "cash", "credited")
Sums = dict[random_billing.Key, tuple[int, ...]]


@pytest.fixture(scope="module")
def truth() -> dict[random_billing.Key, random_billing.Month]:
    return random_billing.recount(random_billing.batches())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    root, batches = tmp_path_factory.mktemp("billing"), random_billing.batches()
    write_raw(root / "raw", batches)
    built = build_warehouse(
        root,
        as_of=random_billing.AS_OF,
        select=SELECT,
        entities=sorted({batch.entity for batch in batches}),
    )
    return duckdb.connect(str(built), read_only=True)


def published(
    warehouse: duckdb.DuckDBPyConnection, table: str, names: tuple[str, ...]
) -> Sums:
    """Movements by legal entity, currency and month, in minor units; no months of nothing."""
    amounts = ", ".join(f"sum({name}_original_amount)" for name in names)
    rows = warehouse.execute(
        f"select legal_entity, original_currency, month_start_date, {amounts} "
        f"from {table} where currency = 'USD' group by all"
    ).fetchall()
    found = {
        (entity, currency, start): tuple(
            int(amount.scaleb(random_billing.EXPONENT[currency])) for amount in sums
        )
        for entity, currency, start, *sums in rows
    }
    return {key: sums for key, sums in found.items() if any(sums)}


def test_deferred_revenue_is_what_a_recount_finds(
    warehouse: duckdb.DuckDBPyConnection,
    truth: dict[random_billing.Key, random_billing.Month],
) -> None:
    expected = {
        key: (month.billed, month.credited, month.recognised)
        for key, month in truth.items()
    }
    found = published(warehouse, "rpt_deferred_revenue_waterfall", WATERFALL)
    assert len(found) > 1000
    assert found == {key: sums for key, sums in expected.items() if any(sums)}


def test_receivables_are_what_a_recount_finds(
    warehouse: duckdb.DuckDBPyConnection,
    truth: dict[random_billing.Key, random_billing.Month],
) -> None:
    expected = {
        key: (month.billed, month.tax, month.cash, month.credited_gross)
        for key, month in truth.items()
    }
    found = published(warehouse, "rpt_receivables", RECEIVABLES)
    assert found == {key: sums for key, sums in expected.items() if any(sums)}


def test_what_is_left_is_what_was_billed_less_credited_less_recognised(
    warehouse: duckdb.DuckDBPyConnection,
    truth: dict[random_billing.Key, random_billing.Month],
) -> None:
    left: dict[tuple[str, str], int] = defaultdict(int)
    for (entity, currency, _), month in truth.items():
        left[entity, currency] += month.billed - month.credited - month.recognised
    rows = warehouse.execute(
        "select legal_entity, original_currency, sum(closing_original_amount) "
        "from rpt_deferred_revenue_waterfall "
        "where currency = 'USD' and month_start_date = $month group by all",
        {"month": date(2026, 5, 1)},
    ).fetchall()
    assert {
        (entity, currency): Decimal(minor).scaleb(-random_billing.EXPONENT[currency])
        for (entity, currency), minor in left.items()
        if minor
    } == {(entity, currency): amount for entity, currency, amount in rows if amount}
