"""Targets, forecasts and capacity in the truth of the sandbox company.

Belongs here: what is held against a target, an earlier forecast or what a function can do. Stays
out: the figures themselves.

Decisions:

* `pipeline_coverage` is what is open and due over the target for bookings less what is won, and
  nothing once that is met, or where nobody recorded what the won deals are worth;
* `capacity_coverage` is that of the function which covers least;
* `sales_target` is the sum of the months' targets for `sales_revenue` by the latest revision in
  force on the as-of day, in VND, and nothing where a month has none; in USD each is converted
  at the plan rate of its first day; whoever joins or leaves within a month has the part of it
  that their days are.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.finance import Target, targets_until
from ingest.sandbox.office import capacity_until
from ingest.sandbox.people import EVERYONE
from ingest.sandbox.story import STORY_START
from ingest.sandbox.truth_money import PLAN, round_ratio
from ingest.sandbox.truth_pipeline import forecast_on
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ZERO,
    Figure,
    Night,
    period_end,
    period_start,
    periods_until,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from ingest.sandbox.truth_sums import Key


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


Scope = tuple[str, str]
"""Breakdown and member a target is for."""
_COMPANY: Final = ("total", "(total)")


def aim(
    night: Night, figures: Mapping[Key, Figure], grain: str, scope: Scope = _COMPANY
) -> dict[Key, Figure]:
    """Return a target and how much of it is reached; a member without one has no row."""
    found: dict[Key, Figure] = {}
    for start in periods_until(night.as_of, grain):
        for currency in CURRENCIES:
            wanted = _wanted(night, ("sales_revenue", *scope), start, grain, currency)
            if wanted is None and scope != _COMPANY:
                continue
            if wanted is None:
                found["sales_target", start, currency] = Figure(ZERO, None, None)
                found["target_attainment", start, currency] = Figure(ZERO, None, None)
                continue
            revenue = figures.get(("sales_revenue", start, currency))
            reached = revenue.numerator if revenue else ZERO
            found["sales_target", start, currency] = Figure(wanted, None, wanted)
            found["target_attainment", start, currency] = Figure(
                reached, wanted, round_ratio(reached, wanted)
            )
    return found


def scopes_of(night: Night, breakdown: str) -> set[str]:
    """Return the members of a breakdown that have targets."""
    return {t.scope_id for t in targets_in_force(night) if t.scope_type == breakdown}


def _wanted(
    night: Night, of: tuple[str, str, str], start: date, grain: str, currency: str
) -> Decimal | None:
    """Return a scope's target for a KPI in a period; None = a month of it has none."""
    months = [
        target
        for target in targets_in_force(night)
        if (target.kpi_key, target.scope_type) == of[:2]
        and of[2] in {"(total)", target.scope_id}
        and period_start(target.period_start, grain) == start
    ]
    if len(months) != _MONTHS[grain]:
        return None
    return sum(
        (
            night.rates.convert(_prorated(t), "VND", currency, t.period_start, PLAN)
            for t in months
        ),
        ZERO,
    )


def _prorated(target: Target) -> Decimal:
    """Return a target for the days of its month the person it is for is employed."""
    if target.scope_type != "rep":
        return target.value
    person = next(one for one in EVERYONE if one.user_id == target.scope_id)
    start = target.period_start
    length = (period_end(start, "month") - start).days + 1
    worked = sum(person.works_on(start + timedelta(days=n)) for n in range(length))
    return target.value * worked / length


def cover(
    night: Night, figures: Mapping[Key, Figure], grain: str, scope: Scope = _COMPANY
) -> dict[Key, Figure]:
    """Return what is open over what is missing; a member without a target has no row."""
    if grain not in {"month", "quarter"}:
        return {}
    found: dict[Key, Figure] = {}
    nothing = Figure(ZERO, None, ZERO)
    for start in periods_until(night.as_of, grain):
        for currency in CURRENCIES:
            wanted = _wanted(night, ("sales_bookings", *scope), start, grain, currency)
            if wanted is None and scope != _COMPANY:
                continue
            due = figures.get(("open_pipeline_due", start, currency), nothing).numerator
            won = _won(figures, start, currency)
            missing = None if wanted is None or won is None else wanted - won
            value = round_ratio(due, missing) if missing and missing > 0 else None
            found["pipeline_coverage", start, currency] = Figure(due, missing, value)
    return found


def _won(figures: Mapping[Key, Figure], start: date, currency: str) -> Decimal | None:
    """Return what was signed; None where all that was won has no amount."""
    signed = figures.get(("sales_bookings", start, currency))
    if signed is not None:
        return signed.numerator
    return None if ("deals_won", start, None) in figures else ZERO


def deliver(
    night: Night, figures: Mapping[Key, Figure], grain: str
) -> dict[Key, Figure]:
    """Return what the tightest function can do of what the forecast deals need."""
    if grain not in {"month", "quarter"}:
        return {}
    found: dict[Key, Figure] = {}
    for start in periods_until(night.as_of, grain):
        deals = figures["forecast_deals", start, None].numerator
        covers = [
            figure.value
            for figure in _capacity(night, deals, start, grain).values()
            if figure.value is not None
        ]
        least = min(covers, default=None)
        found["capacity_coverage", start, None] = Figure(ZERO, None, least)
    return found


def hit(night: Night, figures: dict[Key, Figure], grain: str) -> dict[Key, Figure]:
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
