"""The KPI truth of the sandbox company, in plain Python and Decimal.

Belongs here: every KPI of the first issue per month, quarter or year as of a night, for the
company. Stays out: members (`truth_by`), SQL, files, servers; the rules themselves stand with
the rows they are about (`truth_crm`, `truth_ads`, `truth_billing`, `truth_money` and the others).

Decisions that concern adding up:

* a period that has begun is there, cut at the as-of day; additive KPIs without a row are 0,
  ratios without a denominator have no value;
* people reached are of one measurement: of several there is no value;
* a median is of the single cases of the whole period, of an even number the mean of the middle
  two; without cases there is none;
* a stock is taken at the end of the period's last day, or of the as-of day;
* MRR movements are official per month, longer periods add up months; churn and retention
  compare the two ends of the period;
* growth compares whole periods: in a period that is not over it has no value; nor over a
  previous value of 0 or none;
* a KPI put together from others divides their published values; a side with an unknown part
  is unknown, over 0 there is nothing;
* `pipeline_coverage` is what is open and due over the target for bookings less what is won, and
  nothing once that is met; `capacity_coverage` is that of the function which covers least;
* `sales_target` is the sum of the months' targets for `sales_revenue` by the latest revision in
  force on the as-of day, in VND, and nothing where a month has none; in USD each is converted
  at the plan rate of its first day;
* values: counts and money exact, ratios to six places, half away from zero.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
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
from ingest.sandbox.finance import Target, targets_until
from ingest.sandbox.office import capacity_until
from ingest.sandbox.story import STORY_START, month_start
from ingest.sandbox.truth_activities import (
    count_activities,
    count_assignments,
    count_call_targets,
    count_people,
)
from ingest.sandbox.truth_ads import count_ads
from ingest.sandbox.truth_attribution import RETURNS, count_attribution, divide_returns
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
from ingest.sandbox.truth_money import PLAN, round_ratio
from ingest.sandbox.truth_pipeline import (
    count_reengagements,
    count_stages,
    forecast,
    forecast_on,
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
    open_night,
    period_end,
    period_start,
    periods_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ingest.sandbox.model import Company

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
DERIVED: Final = (
    "sales_growth_mom",
    "sales_growth_qoq",
    "sales_growth_yoy",
    "sales_target",
    "target_attainment",
    "sales_revenue_mtd",
    "sales_run_rate",
    "pipeline_coverage",
    "capacity_coverage",
    "forecast_accuracy",
    "forecast_accuracy/one_week_before",
)
BASES: Final = ("", "/booked", "/collected", "/recognised")
"""Revenue bases as variants of `sales_revenue`; the standard one is as invoiced."""
Terms = tuple[tuple[int, str], ...]
"""Factor and KPI; `opening KPI` of the period before, `days KPI` times days that are over,
`company KPI` of the company, whoever is asked about."""
Quotient = tuple[Terms, Terms]
QUOTIENTS: Final[Mapping[str, Quotient]] = {
    "arr": (((12, "mrr"),), ()),
    "arpa": (((1, "mrr"),), ((1, "paying_customers"),)),
    "gross_mrr_churn_rate": (
        ((1, "churned_mrr"), (1, "contraction_mrr")),
        ((1, "opening mrr"),),
    ),
    "net_mrr_churn_rate": (
        ((1, "churned_mrr"), (1, "contraction_mrr"), (-1, "expansion_mrr")),
        ((1, "opening mrr"),),
    ),
    "cpl_full": (((1, "marketing_cost_full"),), ((1, "leads_created"),)),
    "cac": (((1, "acquisition_cost"),), ((1, "new_customers"),)),
    **{
        f"roas{reading}": (
            ((1, f"attributed_ad_revenue{reading}"),),
            ((1, "ad_spend"),),
        )
        for reading in truth_attribution.AD_READINGS
    },
    **{
        f"roi_revenue_basis{reading}": (
            ((1, f"attributed_net_revenue{reading}"), (-1, "marketing_cost_full")),
            ((1, "marketing_cost_full"),),
        )
        for reading in truth_attribution.AD_READINGS
    },
    "cac_full": (((1, "acquisition_cost_full"),), ((1, "new_customers"),)),
    "gross_margin_rate": (((1, "gross_profit"),), ((1, "costed_revenue"),)),
    **{
        f"product_sales_share{basis}": (
            ((1, f"sales_by_product{basis}"),),
            ((1, f"company sales_by_product{basis}"),),
        )
        for basis in BASES
    },
    "gross_margin_coverage": (((1, "costed_revenue"),), ((1, "sales_revenue"),)),
    "quick_ratio": (
        ((1, "new_mrr"), (1, "expansion_mrr"), (1, "reactivation_mrr")),
        ((1, "contraction_mrr"), (1, "churned_mrr")),
    ),
    **truth_activities.QUOTIENTS,
}
"""KPI -> terms above and below the line; without any below, the sum above is the figure."""
COMPOUNDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "customer_ltv": (("gross_margin_rate", "arpa"), ("customer_churn_rate/trailing",)),
    "ltv_revenue": (("arpa",), ("customer_churn_rate/trailing",)),
    "ltv_cac_ratio": (
        ("gross_margin_rate", "arpa"),
        ("cac_full", "customer_churn_rate/trailing"),
    ),
    "cac_payback_months": (("cac_full",), ("arpa", "gross_margin_rate")),
    "cpl_to_monthly_price": (("cpl_media",), ("arpa",)),
    "pipeline_velocity": (
        ("active_deals", "win_rate", "avg_deal_size"),
        ("sales_cycle_days",),
    ),
}
"""KPI -> what is multiplied above and below the line, each product to six places."""
MEDIANS: Final = (
    *truth_crm.MEDIANS,
    *truth_funnel.MEDIANS,
    *truth_deals.MEDIANS,
    *truth_pipeline.MEDIANS,
)
"""Ratios whose contributions are single cases, published as mean and as median."""
KPI_KEYS: Final = (*MEASURED, *DERIVED, *QUOTIENTS, *COMPOUNDS, *RETURNS)

Key = tuple[str, date, str | None]
"""(KPI, first day of the period, presentation currency or None); a variant of a KPI is
`key/variant`."""
_ONLY_BY_MONTH: Final = truth_activities.ONLY_BY_MONTH | truth_margin.ONLY_BY_MONTH
GROWTH: Final = {
    "sales_growth_mom": ("month", 1),
    "sales_growth_qoq": ("quarter", 3),
    "sales_growth_yoy": ("", 12),
}
"""KPI -> (its grain, '' = any; how many months back it compares)."""

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
_FEWEST_DAYS: Final = 3
"""Working days before a month has a pace."""
_FORECAST_DAYS: Final = {
    "forecast_accuracy": 14,
    "forecast_accuracy/one_week_before": 7,
}
"""KPI -> days before the month's end at which the forecast is taken at the latest."""
_HOURS_PER_DEAL: Final = {
    "Triển khai": 40,
    "Hỗ trợ khách hàng": 16,
    "Công nghệ thông tin": 6,
}
"""Hours each function spends on a deal that is won."""
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_NOTHING: Final = Figure(ZERO, None, ZERO)


def kpi_truth(
    company: Company,
    as_of: date,
    *,
    grain: str = "month",
    first_as_of: date | None = None,
) -> dict[Key, Figure]:
    """Return every KPI of the company for every period begun by `as_of`.

    `first_as_of` is the day of the warehouse's first night: a deal that had left the recycle
    bin by then is unknown to its snapshots. `sales_growth_mom` exists at month only,
    `sales_growth_qoq` at quarter only.
    """
    night = open_night(company, as_of, first_as_of)
    kept = f"figures by {grain}"
    if kept not in night.found:
        night.found[kept] = _count(night, grain)
    return night.found[kept]


def _count(night: Night, grain: str) -> dict[Key, Figure]:
    """Return every KPI of the company."""
    as_of = night.as_of
    figures = _fill(add_up(contributions_of(night, grain), grain), as_of, grain)
    figures.update(_compare(figures, as_of, grain))
    figures.update(_aim(night, figures, grain))
    figures.update(divide(figures, as_of, grain, QUOTIENTS))
    figures.update(multiply(figures, as_of, grain))
    figures.update(
        {
            (kpi, start, currency): figure
            for start in periods_until(as_of, grain)
            for kpi, currency, figure in divide_returns(figures, start)
        }
    )
    figures.update(run(night, figures, grain))
    figures.update(_cover(night, figures, grain))
    figures.update(_hit(night, figures, grain))
    return figures


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


def _fill(found: dict[Key, Figure], as_of: date, grain: str) -> dict[Key, Figure]:
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


def _compare(figures: dict[Key, Figure], as_of: date, grain: str) -> dict[Key, Figure]:
    """Return growth of sales revenue over the period before and the year before."""
    found: dict[Key, Figure] = {}
    for key, now, earlier, is_whole in compared(as_of, grain):
        before = figures.get(earlier)
        found[key] = growth(
            figures[now].numerator, before.numerator if before and is_whole else None
        )
    return found


def compared(as_of: date, grain: str) -> Iterator[tuple[Key, Key, Key, bool]]:
    """Yield each growth, the revenue it is of, that it is over, and whether its period ended."""
    for start in periods_until(as_of, grain):
        is_whole = period_end(start, grain) <= as_of
        for kpi, (own_grain, months) in GROWTH.items():
            if own_grain not in {"", grain}:
                continue
            earlier = month_start(start, -months)
            for basis, currency in product(BASES, CURRENCIES):
                revenue = f"sales_revenue{basis}"
                yield (
                    (f"{kpi}{basis}", start, currency),
                    (revenue, start, currency),
                    (revenue, earlier, currency),
                    is_whole,
                )


def growth(now: Decimal, before: Decimal | None) -> Figure:
    """Return the relative change; over nothing, 0 or less there is none."""
    if before is None or before <= 0:
        return Figure(ZERO, None, None)
    return Figure(now - before, before, round_ratio(now - before, before))


def divide(
    figures: Mapping[Key, Figure],
    as_of: date,
    grain: str,
    quotients: Mapping[str, Quotient],
    company: Mapping[Key, Figure] | None = None,
) -> dict[Key, Figure]:
    """Return the KPIs that are put together from others, of the company or a member."""

    def added(terms: Terms, start: date, currency: str | None) -> Decimal | None:
        total = ZERO
        for factor, term in terms:
            is_opening = term.startswith("opening ")
            day = (
                period_start(start - timedelta(days=1), grain) if is_opening else start
            )
            key = key_of(term)
            of = figures
            if company is not None and term.startswith("company "):
                of = company
            found = of.get((key, day, currency)) or of.get((key, day, None))
            if found is None or found.value is None:
                return None
            days = 1
            if term.startswith("days "):
                days = (min(period_end(start, grain), as_of) - start).days + 1
            total += factor * days * found.value
        return total

    found: dict[Key, Figure] = {}
    for start in periods_until(as_of, grain):
        for kpi, (above, below) in quotients.items():
            for currency in currencies_of(above + below):
                top, bottom = (
                    added(above, start, currency),
                    added(below, start, currency),
                )
                value = top if not below else None
                if below and top is not None and bottom:
                    value = round_ratio(top, bottom)
                found[kpi, start, currency] = Figure(top or ZERO, bottom, value)
    return found


def run(night: Night, figures: Mapping[Key, Figure], grain: str) -> dict[Key, Figure]:
    """Return the month so far and what it comes to at its pace, after three working days.

    Whoever has no revenue in a month has no row of it.
    """
    if grain != "month":
        return {}
    found: dict[Key, Figure] = {}
    for start in periods_until(night.as_of, grain):
        days = truth_activities.working_days(night, start)
        elapsed = sum(day <= night.as_of for day in days)
        for currency in CURRENCIES:
            if ("sales_revenue", start, currency) not in figures:
                continue
            reached = figures["sales_revenue", start, currency].numerator
            found["sales_revenue_mtd", start, currency] = Figure(reached, None, reached)
            top, bottom = reached * len(days), Decimal(elapsed)
            value = round_ratio(top, bottom) if elapsed >= _FEWEST_DAYS else None
            found["sales_run_rate", start, currency] = Figure(top, bottom, value)
    return found


def currencies_of(terms: Terms) -> tuple[str | None, ...]:
    """Return the currencies a quotient stands in: none where no term is money."""
    has_money = any(MEASURED[key_of(term)].is_money for _, term in terms)
    return CURRENCIES if has_money else (None,)


def key_of(term: str) -> str:
    """Return the KPI a term of a quotient names."""
    return term.rpartition(" ")[2]


def multiply(
    figures: Mapping[Key, Figure],
    as_of: date,
    grain: str,
    compounds: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = COMPOUNDS,
) -> dict[Key, Figure]:
    """Return the KPIs that divide products of others."""

    def product(terms: tuple[str, ...], start: date, currency: str) -> Decimal | None:
        total = Decimal(1)
        for term in terms:
            found = figures.get((term, start, currency)) or figures.get(
                (term, start, None)
            )
            if found is None or found.value is None:
                return None
            total *= found.value
        return round_ratio(total, Decimal(1))

    found: dict[Key, Figure] = {}
    for start in periods_until(as_of, grain):
        for kpi, (above, below) in compounds.items():
            for currency in CURRENCIES:
                top = product(above, start, currency)
                bottom = product(below, start, currency)
                value = None if top is None else round_ratio(top, bottom)
                found[kpi, start, currency] = Figure(top or ZERO, bottom, value)
    return found


def _aim(night: Night, figures: dict[Key, Figure], grain: str) -> dict[Key, Figure]:
    """Return the company's target and how much of it is reached."""
    found: dict[Key, Figure] = {}
    for start in periods_until(night.as_of, grain):
        for currency in CURRENCIES:
            aim = _wanted(night, "sales_revenue", start, grain, currency)
            if aim is None:
                found["sales_target", start, currency] = Figure(ZERO, None, None)
                found["target_attainment", start, currency] = Figure(ZERO, None, None)
                continue
            reached = figures["sales_revenue", start, currency].numerator
            found["sales_target", start, currency] = Figure(aim, None, aim)
            found["target_attainment", start, currency] = Figure(
                reached, aim, round_ratio(reached, aim)
            )
    return found


def _wanted(
    night: Night, kpi: str, start: date, grain: str, currency: str
) -> Decimal | None:
    """Return the company's target of a period; None = a month of it has none."""
    months = [
        target
        for target in targets_in_force(night)
        if (target.kpi_key, target.scope_type) == (kpi, "total")
        and period_start(target.period_start, grain) == start
    ]
    if len(months) != _MONTHS[grain]:
        return None
    return sum(
        (
            night.rates.convert(t.value, "VND", currency, t.period_start, PLAN)
            for t in months
        ),
        ZERO,
    )


def _cover(night: Night, figures: dict[Key, Figure], grain: str) -> dict[Key, Figure]:
    """Return what is open over what is missing, and what the tightest function can do."""
    if grain not in {"month", "quarter"}:
        return {}
    found: dict[Key, Figure] = {}
    for start in periods_until(night.as_of, grain):
        for currency in CURRENCIES:
            wanted = _wanted(night, "sales_bookings", start, grain, currency)
            due = figures["open_pipeline_due", start, currency].numerator
            won = figures["sales_bookings", start, currency].numerator
            missing = None if wanted is None else wanted - won
            value = round_ratio(due, missing) if missing and missing > 0 else None
            found["pipeline_coverage", start, currency] = Figure(due, missing, value)
        deals = figures["forecast_deals", start, None].numerator
        covers = [
            figure.value
            for figure in _capacity(night, deals, start, grain).values()
            if figure.value is not None
        ]
        least = min(covers, default=None)
        found["capacity_coverage", start, None] = Figure(ZERO, None, least)
    return found


def _hit(night: Night, figures: dict[Key, Figure], grain: str) -> dict[Key, Figure]:
    """Return how near the forecast of an earlier Sunday was to what a month signed."""
    if grain != "month":
        return {}
    found: dict[Key, Figure] = {}
    for start in periods_until(night.as_of, grain):
        end = period_end(start, grain)
        for kpi, days in _FORECAST_DAYS.items():
            latest = end - timedelta(days=days)
            sunday = latest - timedelta(days=latest.isoweekday() % 7)
            rows = [] if end > night.as_of else forecast_on(night, start, end, sunday)
            made: dict[str | None, Decimal] = defaultdict(lambda: ZERO)
            for row in rows:
                if row.kpi_key == "forecast_sales":
                    made[row.currency] += row.numerator
            for currency in CURRENCIES:
                signed = figures["sales_bookings", start, currency].numerator
                right = signed - abs(made[currency] - signed)
                value = round_ratio(right, signed) if end <= night.as_of else None
                found[kpi, start, currency] = Figure(right, signed, value)
    return found


def capacity_by_function(
    night: Night, figures: Mapping[Key, Figure], grain: str
) -> dict[tuple[str, str, date, str | None], Figure]:
    """Return what every function can do, by (KPI, function, period, no currency)."""
    return {
        ("capacity_coverage", function, start, None): figure
        for start in periods_until(night.as_of, grain)
        for function, figure in _capacity(
            night, figures["forecast_deals", start, None].numerator, start, grain
        ).items()
    }


def _capacity(
    night: Night, deals: Decimal, start: date, grain: str
) -> dict[str, Figure]:
    """Return what every function can do of what the forecast deals need of it."""
    hours: dict[str, list[Decimal]] = defaultdict(list)
    for one in capacity_until(night.cut - timedelta(seconds=1)):
        if period_start(one.month, grain) == start:
            hours[one.function].append(one.hours)
    found: dict[str, Figure] = {}
    for function, months in hours.items():
        demand = deals * _HOURS_PER_DEAL[function]
        stated = sum(months, ZERO) if len(months) == _MONTHS[grain] else None
        value = round_ratio(stated, demand) if stated is not None else None
        found[function] = Figure(stated or ZERO, demand, value)
    return found


def targets_in_force(night: Night) -> list[Target]:
    """Return the newest revision of every target that holds on the as-of day."""
    if "targets" not in night.found:
        night.found["targets"] = _find_targets(night)
    return night.found["targets"]


def _find_targets(night: Night) -> list[Target]:
    newest: dict[tuple[str, str, str, date], Target] = {}
    for target in sorted(targets_until(night.cut), key=lambda t: t.effective_from):
        is_due = (
            target.effective_from <= night.as_of and target.approved_at <= night.as_of
        )
        if is_due and target.period_start >= STORY_START:
            scope = (target.kpi_key, target.scope_type, target.scope_id)
            newest[*scope, target.period_start] = target
    return list(newest.values())
