"""What is put together from other figures of the truth, of the company or a member.

Belongs here: sums and quotients of KPIs, products of them, growth, the pace of a month. Stays out:
sums of rows (`truth_sums`), what needs targets or forecasts (`truth_aims`).

Decisions:

* growth compares whole periods: in a period that is not over it has no value; nor over a
  previous value of 0 or none; `working_days` compares what a working day brought;
* a KPI put together from others divides their published values; a side with an unknown part
  is unknown, over 0 there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Final

from ingest.sandbox import truth_activities, truth_attribution
from ingest.sandbox.story import month_start
from ingest.sandbox.truth_money import round_ratio
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ZERO,
    Figure,
    Night,
    period_end,
    period_start,
    periods_until,
)
from ingest.sandbox.truth_sums import MEASURED, Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
GROWTH: Final = {
    "sales_growth_mom": ("month", 1),
    "sales_growth_qoq": ("quarter", 3),
    "sales_growth_yoy": ("", 12),
}
"""KPI -> (its grain, '' = any; how many months back it compares)."""
PER_WORKING_DAY: Final = ("sales_growth_mom", "sales_growth_yoy")
"""Growth also told per working day."""
_FEWEST_DAYS: Final = 3
"""Working days before a month has a pace."""


def compare(
    night: Night, figures: Mapping[Key, Figure], grain: str
) -> dict[Key, Figure]:
    """Return growth of sales revenue over the period before and the year before."""
    found: dict[Key, Figure] = {}
    for one in compared(night, grain):
        before = figures.get(one.earlier)
        base = before.numerator if before and one.is_whole else None
        found[one.key] = one.grow(figures[one.now].numerator, base)
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """One growth: the revenue it is of, that it is over, and whether its period ended."""

    key: Key
    now: Key
    earlier: Key
    is_whole: bool
    days: tuple[int, int] = (1, 1)
    """What both are counted per: working days of the period and of the earlier one."""

    def grow(self, now: Decimal, before: Decimal | None) -> Figure:
        """Return the relative change; over nothing, 0 or less there is none."""
        days, days_before = self.days
        if before is None or before * days <= 0:
            return Figure(ZERO, None, None)
        base = before * days
        change = now * days_before - base
        return Figure(change, base, round_ratio(change, base))


def compared(night: Night, grain: str) -> Iterator[Comparison]:
    """Yield every comparison of sales revenue there is at a grain."""
    for start in periods_until(night.as_of, grain):
        is_whole = period_end(start, grain) <= night.as_of
        for kpi, (own_grain, months) in GROWTH.items():
            if own_grain not in {"", grain}:
                continue
            earlier = month_start(start, -months)
            for basis, currency in product(BASES, CURRENCIES):
                revenue = f"sales_revenue{basis}"
                plain = Comparison(
                    (f"{kpi}{basis}", start, currency),
                    (revenue, start, currency),
                    (revenue, earlier, currency),
                    is_whole,
                )
                yield plain
                if not basis and kpi in PER_WORKING_DAY:
                    key = f"{kpi}/working_days", start, currency
                    days = tuple(
                        _days_worked(night, d, grain) for d in (start, earlier)
                    )
                    yield replace(plain, key=key, days=(days[0], days[1]))


def _days_worked(night: Night, start: date, grain: str) -> int:
    """Return how many days of a period the company works."""
    found, month, end = 0, start, period_end(start, grain)
    while month <= end:
        found += len(truth_activities.working_days(night, month))
        month = month_start(month, 1)
    return found


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
