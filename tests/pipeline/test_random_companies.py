"""What must be true of any company's figures, over twenty that came from a seed.

The build runs every dbt test on them too: breakdowns add up to their total, the MRR bridge
closes to the minor unit, credit is conserved, no row is lost between raw and mart.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from ingest.config_policies import POLICIES
from tests.pipeline import random_companies
from tests.pipeline.raw_fixture import RawBatch, write_raw
from tests.pipeline.warehouse_build import build_warehouse

pytestmark = pytest.mark.long

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MILLIONTH = Decimal("0.000001")
COLUMNS = (
    "kpi_key, variant, grain, period_start_date, breakdown, member_id, currency,"
    " value_original, numerator, denominator, value, is_partial, low_sample, flag"
)
FIGURES = f"select {COLUMNS} from rpt_kpi_values where value is not null"


def build(
    root: Path, batches: Sequence[RawBatch], select: str = ""
) -> duckdb.DuckDBPyConnection:
    write_raw(root / "raw", batches)
    built = build_warehouse(
        root,
        as_of=random_companies.AS_OF,
        select=select,
        entities=sorted({batch.entity for batch in batches}),
        policies={
            name: list(policy.default)
            if isinstance(policy.default, tuple)
            else policy.default
            for name, policy in POLICIES.items()
        },
    )
    return duckdb.connect(str(built), read_only=True)


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The warehouse of all of them; any red dbt test on the way fails."""
    return build(tmp_path_factory.mktemp("random"), random_companies.batches())


def off(db: duckdb.DuckDBPyConnection, condition: str) -> list[tuple[Any, ...]]:
    return db.execute(f"{FIGURES} and ({condition}) limit 5").fetchall()


def test_figures_are_many(companies: duckdb.DuckDBPyConnection) -> None:
    """Nothing below says anything of an empty warehouse."""
    counted = companies.execute(
        f"select count(*), count(distinct kpi_key) from ({FIGURES}) where value <> 0"
    ).fetchone()
    assert counted is not None
    assert counted[0] > 10_000
    assert counted[1] > 35


def test_no_figure_is_infinite(companies: duckdb.DuckDBPyConnection) -> None:
    assert off(companies, "not isfinite(value::double)") == []


def test_a_ratio_is_its_numerator_over_its_denominator(
    companies: duckdb.DuckDBPyConnection,
) -> None:
    rows = companies.execute(
        "select values_.kpi_key, values_.breakdown, values_.numerator,"
        " values_.denominator, values_.value"
        " from rpt_kpi_values as values_ join kpi_registry as registry using (kpi_key)"
        " where registry.additivity = 'ratio' and registry.aggregation = 'sum'"
        " and values_.variant <> 'median' and values_.value is not null"
    ).fetchall()
    assert len(rows) > 1_000
    wrong = [
        row
        for row in rows
        if (row[2] / row[3]).quantize(MILLIONTH, ROUND_HALF_UP) != row[4]
    ]
    assert wrong[:5] == []


def test_what_is_kept_and_what_is_lost_are_the_whole(
    companies: duckdb.DuckDBPyConnection,
) -> None:
    rows = companies.execute(
        "select kept.value + lost.value"
        " from rpt_kpi_values as kept join rpt_kpi_values as lost"
        " on kept.kpi_key = 'customer_retention_rate'"
        " and lost.kpi_key = 'customer_churn_rate' and kept.variant = lost.variant"
        " and kept.grain = lost.grain and kept.breakdown = lost.breakdown"
        " and kept.member_id = lost.member_id"
        " and kept.period_start_date = lost.period_start_date"
        " where kept.value is not null"
    ).fetchall()
    assert len(rows) > 100
    assert {row for (row,) in rows if abs(row - 1) > MILLIONTH} == set()


def test_shares_are_shares(companies: duckdb.DuckDBPyConnection) -> None:
    shares = (
        "'win_rate', 'lead_source_completeness', 'customer_retention_rate',"
        " 'customer_churn_rate', 'grr', 'call_answer_rate', 'next_step_coverage',"
        " 'opportunity_to_sale_rate', 'stage_conversion_rate', 'lead_to_sale_rate'"
    )
    wrong = (
        f"kpi_key in ({shares}) and variant <> 'period' and value not between 0 and 1"
    )
    assert off(companies, wrong) == []


def test_companies_add_up_to_the_whole(companies: duckdb.DuckDBPyConnection) -> None:
    """Additive figures of twenty legal entities are the company's, to the last unit."""
    rows = companies.execute(
        "select parts.kpi_key, parts.variant, parts.period_start_date, parts.currency,"
        " sum(parts.value), any_value(whole.value)"
        " from rpt_kpi_values as parts join rpt_kpi_values as whole"
        " on parts.kpi_key = whole.kpi_key and parts.variant = whole.variant"
        " and parts.grain = whole.grain and whole.breakdown = 'total'"
        " and parts.period_start_date = whole.period_start_date"
        " and parts.currency is not distinct from whole.currency"
        " where parts.breakdown = 'legal_entity' and parts.grain = 'month'"
        " and parts.additivity in ('additive', 'semi_additive')"
        " and whole.value is not null group by 1, 2, 3, 4"
    ).fetchall()
    assert len(rows) > 300
    assert [row for row in rows if row[4] != row[5]][:5] == []


def test_order_and_deliveries_do_not_matter(
    companies: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    again = random_companies.shuffled_and_split(random_companies.batches(), 7)
    other = build(tmp_path, again, select="+rpt_kpi_values")
    query = f"select {COLUMNS} from rpt_kpi_values order by all"
    first, second = companies.execute(query), other.execute(query)
    while rows := first.fetchmany(20_000):
        assert second.fetchmany(20_000) == rows
    assert second.fetchall() == []
