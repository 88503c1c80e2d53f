"""Plausible business figures of published tables, as aggregates with bounds.

Belongs here: one `Measure` per statement about a published table. Keys, relations and
reconciliation are dbt tests; the same rule never stands in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Measure:
    """One aggregate of a table and the bounds it must lie in; `{as_of}` is filled in."""

    name: str
    sql: str
    low: float | None
    high: float | None
    why: str


def _none(name: str, condition: str, why: str) -> Measure:
    """Return the statement that no row meets the condition."""
    return Measure(name, f"count(*) filter (where {condition})", 0, 0, why)


_SHARES: Final = (
    "select kpi_key from kpi_registry where additivity = 'ratio' and unit = 'rate' "
    "and aggregation <> 'derived' and kpi_key not in ("
    # Of others than the denominator's: clicks of impressions of an earlier day, clicks and
    # openings of forwarded e-mails, interactions of people who never saw the figure's base.
    "'ctr', 'email_open_rate', 'email_click_rate', 'email_ctor', 'email_conversion_rate', "
    "'social_engagement_rate', "
    # A target can be passed.
    "'call_target_attainment'"
    ") union all select unnest(['customer_churn_rate', 'customer_retention_rate', 'grr'])"
)
"""KPIs that are shares of a set they are drawn from, so they lie in 0 to 1, but for
events over events of a period (variant period): every rate of cases, if not excepted."""

_COUNTS: Final = (
    "select kpi_key from kpi_registry where additivity <> 'ratio' "
    "and unit in ('count', 'seconds', 'hours', 'days') union all select unnest(["
    # Money that is spent, wanted or paid every month; what is sold can be credited.
    "'ad_spend', 'mrr', 'new_mrr', 'expansion_mrr', 'contraction_mrr', 'churned_mrr', "
    "'reactivation_mrr', 'sales_target', 'prospecting_cost'])"
)
"""KPIs that count or measure something, so they are never negative."""

MEASURES: Final[dict[str, tuple[Measure, ...]]] = {
    "rpt_kpi_values": (
        _none(
            "shares_out_of_range",
            f"kpi_key in ({_SHARES}) and variant <> 'period' and (value < 0 or value > 1)",
            "a share of a set lies in 0 to 1",
        ),
        _none(
            "negative_counts",
            f"basis = 'current' and kpi_key in ({_COUNTS}) and value < 0",
            "counts, spend and stocks are never negative; adjusted for closed periods they may",
        ),
        _none(
            "not_finite",
            "isinf(cast(value as double)) or isnan(cast(value as double))",
            "a ratio with denominator 0 is NULL, never infinite",
        ),
        _none(
            "periods_after_as_of",
            "period_start_date > date '{as_of}'",
            "no period begins after the as-of date",
        ),
        _none(
            "complete_periods_in_the_future",
            "period_end_date > date '{as_of}' and not is_partial",
            "a period that has not ended is partial",
        ),
        _none(
            "values_without_source",
            "list_contains(flag, 'no_source') and value is not null",
            "a KPI without a source is NULL, never a number",
        ),
        Measure(
            "months_missing",
            "coalesce(date_diff('month', min(period_start_date) filter (where grain = 'month'), "
            "max(period_start_date) filter (where grain = 'month')) + 1 "
            "- count(distinct period_start_date) filter (where grain = 'month'), 0)",
            0,
            0,
            "no month is missing between the first and the last",
        ),
        Measure(
            "days_behind_as_of",
            "coalesce(date_diff('day', max(period_start_date) filter (where grain = 'day'), "
            "date '{as_of}'), 0)",
            0,
            0,
            "the newest day published is the as-of date",
        ),
    ),
    "rpt_kpi_scorecard": (
        _none(
            "attainment_without_target",
            "target_value is null and attainment is not null",
            "attainment needs a target",
        ),
    ),
    "kpi_registry": (
        _none(
            "nameless_kpis", "name_vi is null or name_en is null", "readers see names"
        ),
        _none(
            "formulaless_kpis",
            "formula is null",
            "a figure without formula proves nothing",
        ),
    ),
    "kpi_revenue_monthly": (),
    "fct_ad_performance_daily": (
        _none(
            "future_days", "report_date > date '{as_of}'", "no day after the as-of date"
        ),
    ),
    "fct_attribution_credits": (
        _none(
            "weights_out_of_range",
            "credit_weight <= 0 or credit_weight > 1",
            "a touch earns more than nothing and at most all of a conversion",
        ),
        _none(
            "touches_after_their_conversion",
            "touch_date > converted_date",
            "what came after a conversion did not bring it",
        ),
        Measure(
            "credit_not_conserved",
            # Per conversion and model the weights add to 1, so all of them to their number.
            "abs(coalesce(sum(credit_weight), 0) "
            "- count(distinct (conversion_type, conversion_id, attribution_model)))",
            None,
            0,
            "the credit for every conversion adds to exactly 1",
        ),
    ),
    "fct_invoice_lines": (
        _none(
            "future_lines",
            "report_date > date '{as_of}'",
            "no line after the as-of date",
        ),
    ),
    "rpt_deferred_revenue_waterfall": (
        _none(
            "fx_without_a_second_currency",
            "original_currency = functional_currency and functional_currency = currency "
            "and fx_amount <> 0",
            "one currency alone knows no FX effect",
        ),
        _none(
            "future_months",
            "closing_date > date '{as_of}'",
            "nothing is recognised before its day",
        ),
    ),
    "fct_deferred_revenue_schedule": (
        _none(
            "months_that_are_over",
            "month_end_date <= date '{as_of}'",
            "what is to come is of days after the as-of day",
        ),
    ),
    "fct_cash_transactions": (
        _none(
            "future_cash",
            "report_date > date '{as_of}'",
            "no money after the as-of date",
        ),
    ),
    "rpt_mrr_bridge": (
        _none(
            "movements_of_the_wrong_sign",
            "opening_amount < 0 or closing_amount < 0 or new_amount < 0 "
            "or expansion_amount < 0 or reactivation_amount < 0 or contraction_amount < 0 "
            "or churned_amount < 0",
            "MRR and its movements are never negative; only FX may be",
        ),
    ),
    "rpt_receivables": (
        _none(
            "ages_of_the_wrong_sign",
            "not_due_original_amount < 0 or overdue_1_30_original_amount < 0 "
            "or overdue_31_60_original_amount < 0 or overdue_61_90_original_amount < 0 "
            "or overdue_over_90_original_amount < 0 or credit_balance_original_amount > 0",
            "what is owed is positive, what is owed back is negative",
        ),
        _none(
            "future_receivables",
            "closing_date > date '{as_of}'",
            "nothing is owed before its day",
        ),
    ),
}
