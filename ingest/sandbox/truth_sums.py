"""What is measured in the sandbox company, added up by KPI, period and currency.

Belongs here: which modules count what, sums and quotients of sums. Stays out: the rows
themselves (the modules that count them), what is put together of sums (`truth_quotients`).

Decisions that concern adding up:

* a period that has begun is there, cut at the as-of day; additive KPIs without a row are 0,
  ratios without a denominator have no value;
* people reached are of one measurement: of several there is no value;
* a median is of the single cases of the whole period, of an even number the mean of the middle
  two; without cases there is none;
* a stock is taken at the end of the period's last day, or of the as-of day;
* MRR movements are official per month, longer periods add up months; churn and retention
  compare the two ends of the period;
* values: counts and money exact, ratios to six places, half away from zero.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Final

from ingest.sandbox import (
    truth_activities,
    truth_ads,
    truth_attribution,
    truth_billing,
    truth_costs,
    truth_crm,
    truth_deals,
    truth_funnel,
    truth_margin,
    truth_marketing,
    truth_pipeline,
    truth_recognition,
    truth_recon,
    truth_retention,
)
from ingest.sandbox.truth_activities import (
    count_activities,
    count_assignments,
    count_call_targets,
    count_people,
)
from ingest.sandbox.truth_ads import count_ads
from ingest.sandbox.truth_attribution import count_attribution
from ingest.sandbox.truth_billing import (
    count_revenue,
    move_mrr,
    snapshot_mrr,
)
from ingest.sandbox.truth_costs import count_costs
from ingest.sandbox.truth_crm import (
    count_deals,
    count_leads,
    snapshot_pipeline,
)
from ingest.sandbox.truth_deals import (
    count_opportunities,
    count_trials,
    snapshot_year,
)
from ingest.sandbox.truth_funnel import count_funnel
from ingest.sandbox.truth_margin import count_margin, count_orders
from ingest.sandbox.truth_marketing import count_emails, count_posts, count_visits
from ingest.sandbox.truth_money import round_ratio
from ingest.sandbox.truth_pipeline import (
    count_reengagements,
    count_stages,
    forecast,
    snapshot_open_deals,
    snapshot_reengagements,
)
from ingest.sandbox.truth_recognition import (
    count_cash,
    count_recognition,
    snapshot_deferred,
)
from ingest.sandbox.truth_retention import count_retention
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ZERO,
    Contribution,
    Figure,
    Kind,
    Night,
    period_end,
    period_start,
    periods_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal


MEASURED: Final[Mapping[str, Kind]] = {
    **truth_crm.KPIS,
    **truth_activities.KPIS,
    **truth_funnel.KPIS,
    **truth_deals.KPIS,
    **truth_pipeline.KPIS,
    **truth_ads.KPIS,
    **truth_attribution.KPIS,
    **truth_marketing.KPIS,
    **truth_billing.KPIS,
    **truth_recognition.KPIS,
    **truth_costs.KPIS,
    **truth_margin.KPIS,
    **truth_recon.KPIS,
    **truth_retention.KPIS,
}
"""Every figure added up from contributions, as its module declares it."""
MEDIANS: Final = (
    *truth_crm.MEDIANS,
    *truth_funnel.MEDIANS,
    *truth_deals.MEDIANS,
    *truth_pipeline.MEDIANS,
)
"""Ratios whose contributions are single cases, published as mean and as median."""
Key = tuple[str, date, str | None]
"""(KPI, first day of the period, presentation currency or None); a variant of a KPI is
`key/variant`."""
_ONLY_BY_MONTH: Final = truth_activities.ONLY_BY_MONTH | truth_margin.ONLY_BY_MONTH
_EVENTS: Final = (
    count_leads,
    count_funnel,
    count_deals,
    count_opportunities,
    count_trials,
    count_stages,
    count_reengagements,
    count_activities,
    count_people,
    count_call_targets,
    count_assignments,
    count_ads,
    count_attribution,
    count_emails,
    count_posts,
    count_visits,
    count_revenue,
    move_mrr,
    count_costs,
    count_margin,
    count_orders,
    count_recognition,
    count_cash,
)
_STOCKS: Final = (
    snapshot_pipeline,
    snapshot_open_deals,
    snapshot_reengagements,
    snapshot_year,
    snapshot_mrr,
    snapshot_deferred,
)
"""Taken at the end of a day."""
_NOTHING: Final = Figure(ZERO, None, ZERO)


def contributions_of(night: Night, grain: str) -> tuple[Contribution, ...]:
    """Return every contribution of the night.

    Counting takes nine tenths of an answer, and each breakdown asks for the same.
    """
    kept = f"contributions by {grain}"
    if kept not in night.found:
        if "events" not in night.found:
            night.found["events"] = tuple(
                row for count in _EVENTS for row in count(night)
            )
        night.found[kept] = (*night.found["events"], *_contribute(night, grain))
    return night.found[kept]


def _contribute(night: Night, grain: str) -> Iterator[Contribution]:
    """Yield what depends on the grain: stocks once per period."""
    yield from count_retention(night, grain)
    yield from forecast(night, grain)
    for start in periods_until(night.as_of, grain):
        day = min(period_end(start, grain), night.as_of)
        for snapshot in _STOCKS:
            yield from snapshot(night, day)


def add_up(rows: Iterable[Contribution], grain: str) -> dict[Key, Figure]:
    """Return Σ numerators and Σ denominators per KPI, period and currency."""
    if grain != "month":
        rows = [r for r in rows if r.kpi_key not in _ONLY_BY_MONTH]
    tops: dict[Key, Decimal] = defaultdict(lambda: ZERO)
    bottoms: dict[Key, Decimal] = {}
    for row in rows:
        key = (row.kpi_key, period_start(row.day, grain), row.currency)
        tops[key] += row.numerator
        if row.denominator is not None:
            bottoms[key] = bottoms.get(key, ZERO) + row.denominator
    return {key: _figure(key[0], top, bottoms.get(key)) for key, top in tops.items()}


def _figure(kpi: str, top: Decimal, bottom: Decimal | None) -> Figure:
    """Return a sum, or a quotient of sums; of an unknown part there is no value."""
    if top.is_nan():
        return Figure(ZERO, bottom, None)
    if MEASURED[kpi].is_single:
        return Figure(top, None, top if bottom == 1 else None)
    return Figure(top, bottom, top if bottom is None else round_ratio(top, bottom))


def fill(found: dict[Key, Figure], as_of: date, grain: str) -> dict[Key, Figure]:
    """Return the figures with every period: 0 for sums, no value for ratios."""
    figures: dict[Key, Figure] = {}
    for start in periods_until(as_of, grain):
        for kpi, kind in MEASURED.items():
            if grain == "year" and kpi in truth_pipeline.NOT_YEARLY:
                continue
            if kpi in _ONLY_BY_MONTH and grain != "month":
                continue
            nothing = Figure(ZERO, ZERO, None) if kind.is_ratio else _NOTHING
            for currency in CURRENCIES if kind.is_money else (None,):
                key = (kpi, start, currency)
                figures[key] = found.get(key, nothing)
    return figures
