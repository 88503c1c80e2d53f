"""A policy changes the figures of the KPIs that name it, their version, and nothing else.

The registry names the policies each KPI depends on; a row's `kpi_version` holds a hash of what
they were set to. So figures of two settings can never be taken for the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.pipeline.conftest import FIRST_NIGHT

if TYPE_CHECKING:
    from typing import Any

    from tests.pipeline.conftest import Warehouse

PACKAGED = Path(__file__).resolve().parents[2] / "ingest" / "sandbox" / "warehouse.yml"
SWITCHED = {
    # Policies set otherwise in one night, and KPIs that must move by it. Two nights take each
    # switch that has a second reading; what a third computes is shown by dbt's unit tests, and
    # so is deferred_fx: each entity of the sandbox bills in the currency of its own books.
    "first": (
        {
            "sales_revenue_basis": "booked",
            "win_rate_base": "created_cohort",
            "ad_conversion_date": "conversion_date",
            "deferred_fx": "closing_rate",
            "mrr_source": "invoice_lines",
            "contact_method_touch": "first_completed_before_creation",
            "win_rate_excluded_reasons": [],
            "reopened_deal_close": "first",
            "nrr_reactivation": "include",
            "social_engagement_base": "reach",
            "attribution_default_model": "linear",
        },
        {
            "sales_revenue", "target_attainment", "sales_per_rep", "sales_growth_mom",
            "average_order_value", "win_rate", "pipeline_velocity", "deals_won",
            "attributed_ad_revenue", "roas", "mrr", "nrr", "sales_by_contact_method",
            "social_engagement_rate", "attributed_revenue",
        },
    ),
    "second": (
        {
            "sales_revenue_basis": "recognised",
            "win_rate_base": "closed_or_overdue",
            "churn_date": "unpaid_days",
            "churn_unpaid_days": 5,
            "contact_method_touch": "recorded_on_deal",
            "mrr_discounts": "gross",
            "mrr_paused": "include",
            "mrr_trials": "include",
        },
        {
            "sales_revenue", "sales_run_rate", "target_attainment", "win_rate", "mrr",
            "churned_mrr", "sales_by_contact_method",
        },
    ),
}  # fmt: skip


def published(warehouse: Warehouse) -> dict[str, tuple[str, set[Any]]]:
    """Version and figures of every KPI."""
    rows = warehouse.query(
        "select kpi_key, kpi_version, variant, grain, period_start_date, breakdown, "
        "member_id, currency, numerator, denominator, value, flag from rpt_kpi_values",
        audience="finance",
    )
    found: dict[str, tuple[str, set[Any]]] = {}
    for key, version, *figure, flags in rows:
        known = found.setdefault(key, (version, set()))
        assert known[0] == version
        known[1].add((*figure, tuple(flags)))
    return found


@pytest.mark.long
@pytest.mark.parametrize("night", SWITCHED)
def test_a_policy_moves_the_kpis_that_name_it_and_their_version(
    warehouse: Warehouse, tmp_path: Path, night: str
) -> None:
    switched, must_move = SWITCHED[night]
    named = {
        key: set((policies or "").split("|"))
        for key, policies in warehouse.query(
            "select kpi_key, policies from kpi_registry", audience="finance"
        )
    }
    before = published(warehouse)
    content = yaml.safe_load(PACKAGED.read_text("utf-8"))
    content["policies"] |= {
        name: value if isinstance(value, list) else str(value)
        for name, value in switched.items()
    }
    config = tmp_path / "warehouse.yml"
    config.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    warehouse.night(FIRST_NIGHT, "--config", str(config))
    after = published(warehouse)

    assert before.keys() == after.keys() == named.keys()
    depend = {key for key, policies in named.items() if policies & set(switched)}
    renamed = {key for key in before if before[key][0] != after[key][0]}
    moved = {key for key in before if before[key][1] != after[key][1]}
    assert renamed == depend, (
        "the version tells which policies a figure was computed with"
    )
    assert moved <= depend, f"moved without naming a policy: {sorted(moved - depend)}"
    assert moved >= must_move, "a switch that changes nothing is none"
    numbers = {key: (before[key][0], after[key][0]) for key in renamed}
    for key, (old, new) in numbers.items():
        assert old.split("+")[0] == new.split("+")[0], f"{key}: not another definition"
