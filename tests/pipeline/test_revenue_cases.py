"""The warehouse built from the revenue cases says of every month what was worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.golden import revenue_cases
from tests.pipeline.raw_fixture import write_raw
from tests.pipeline.warehouse_build import build_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MONTHS = [date(2026, month, 1) for month in range(1, 7)]
NAMES = ("mrr", "billed", "recognised", "deferred", "cash", "owed")
QUERIES = {
    "mrr": "select legal_entity, original_currency, month_start_date,"
    " sum(closing_original_amount) from fct_mrr_monthly where currency = 'VND' group by all",
    **{
        name: f"select legal_entity, original_currency, month_start_date,"
        f" sum({column}_original_amount) from {table} where currency = 'VND' group by all"
        for name, column, table in (
            ("billed", "billed", "rpt_deferred_revenue_waterfall"),
            ("recognised", "recognised", "rpt_deferred_revenue_waterfall"),
            ("deferred", "closing", "rpt_deferred_revenue_waterfall"),
            ("cash", "cash", "rpt_receivables"),
            ("owed", "closing", "rpt_receivables"),
        )
    },
}
STEPS = ("new", "expansion", "contraction", "churned", "reactivation")


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory, parsed_project: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    root = tmp_path_factory.mktemp("revenue")
    batches = [batch for case in revenue_cases.CASES for batch in case.batches()]
    write_raw(root / "raw", [*batches, revenue_cases.RATES])
    built = build_warehouse(
        root,
        parsed=parsed_project,
        as_of=revenue_cases.AS_OF,
        select="+rpt_deferred_revenue_waterfall +rpt_receivables +rpt_mrr_bridge"
        " fct_deferred_revenue_schedule assert_deferred_revenue_is_scheduled"
        " assert_deferred_revenue_rolls_forward assert_receivables_roll_forward"
        " assert_mrr_bridge_closes",
        entities=sorted({batch.entity for batch in batches}),
    )
    with duckdb.connect(str(built), read_only=True) as con:
        yield con


def test_every_month_of_every_case(warehouse: duckdb.DuckDBPyConnection) -> None:
    found: dict[tuple[str, str], dict[date, dict[str, Decimal]]] = defaultdict(
        lambda: {month: dict.fromkeys(NAMES, Decimal(0)) for month in MONTHS}
    )
    for name, query in QUERIES.items():
        for entity, currency, month, amount in warehouse.execute(query).fetchall():
            if amount:
                found[entity, currency][month][name] = amount
    expected = {
        key: {
            month: dict(zip(NAMES, map(Decimal, amounts), strict=True))
            for month, amounts in zip(MONTHS, months, strict=True)
        }
        for key, months in revenue_cases.MONTHS.items()
    }
    assert found == expected


def test_mrr_moves_in_the_month_and_for_the_reason(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    amounts = ", ".join(f"sum({step}_mrr_amount)" for step in STEPS)
    rows = warehouse.execute(
        f"select legal_entity, strftime(month_start_date, '%Y-%m'), {amounts}"
        " from fct_mrr_monthly where currency = 'VND' and original_currency = 'VND'"
        " and legal_entity <> 'both' group by all"
    ).fetchall()
    moved = {
        (entity, month): (step, amount)
        for entity, month, *sums in rows
        for step, amount in zip(STEPS, sums, strict=True)
        if amount
    }
    assert moved == {
        key: (step, Decimal(amount))
        for key, (step, amount) in revenue_cases.MOVEMENTS.items()
    }


def test_what_is_deferred_has_its_months_to_come(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        "select legal_entity, list(to_recognise_original_amount order by month_start_date)"
        " from fct_deferred_revenue_schedule where to_recognise_original_amount <> 0"
        " group by all"
    ).fetchall()
    assert dict(rows) == {
        case: list(map(Decimal, amounts))
        for case, amounts in revenue_cases.SCHEDULES.items()
    }
