"""No model compares every row with every row: such a join is quadratic in the history.

DuckDB looks rows up only where both sides of the condition are keys. A condition on one side of
an outer join (`left join … on flag and a = b`), or one expression over both, makes it compare
all pairs: invisible on the sandbox, hours on ten million rows. Such a condition goes into the
key (`case when flag then a end = b`) or into a filter.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipeline.conftest import Warehouse

ALL_PAIRS = "BLOCKWISE_NL_JOIN"
A_FEW_CURRENCIES = "one side is the currencies shown: a handful of rows"
A_FEW_SUMS = "both sides are sums per line, month and currency"
A_SEED = "one side is a seed a person keeps by hand"
WITH_ALL_PAIRS = {
    "fct_invoice_lines": "one row: the reporting currency's exponent",
    "fct_lead_conversions": A_SEED,
    "fct_recon_explanations": "explanations and account prefixes are written by hand",
    "fct_tie_out_differences": A_FEW_SUMS,
    "fct_tie_out_judged": A_FEW_SUMS,
    "fct_web_sessions_daily": A_SEED,
    "int_capacity_needed": A_SEED,
    "int_gl_accounts_mapped": "accounts, not entries, against prefixes",
    "kpi_deal_measures": A_FEW_CURRENCIES,
    "rpt_compound_values": A_FEW_CURRENCIES,
    "rpt_kpi_base_values": A_FEW_CURRENCIES,
    "rpt_kpi_periods": "all KPIs in all periods is what is asked for",
    "rpt_marketing_monthly": A_FEW_CURRENCIES,
    "rpt_quotient_values": A_FEW_CURRENCIES,
    "rpt_receivables": A_FEW_CURRENCIES,
    "rpt_reconciliation": A_FEW_SUMS,
    "rpt_retention_values": A_FEW_CURRENCIES,
    "rpt_revenue_monthly": A_FEW_CURRENCIES,
    "rpt_sales_monthly": A_FEW_CURRENCIES,
}


def steps(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["name"].strip()
    for child in plan.get("children", ()):
        yield from steps(child)


def test_only_small_sides_are_compared_pair_by_pair(first_night: Warehouse) -> None:
    compiled = sorted(
        path
        for path in (first_night.root / "dbt" / "target" / "compiled").glob(
            "*/models/**/*.sql"
        )
        if path.is_file() and not path.parent.suffix
    )
    assert len(compiled) > 200
    found = set()
    with duckdb.connect(
        str(first_night.root / "warehouse.duckdb"), read_only=True
    ) as con:
        con.execute("set file_search_path = ?", [str(first_night.root)])
        for path in compiled:
            text = path.read_text("utf-8")
            ((_, said),) = con.execute(f"explain (format json) {text}").fetchall()
            (plan,) = json.loads(said)
            if ALL_PAIRS in set(steps(plan)):
                found.add(path.stem)
    assert found == set(WITH_ALL_PAIRS)
