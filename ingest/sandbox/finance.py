"""What the sandbox company's finance people keep in files: rates, targets, costs.

Belongs here: FX rates with their publications and corrections, targets with their approval and
one revision, monthly costs, product costs. Stays out: how the files are written (`drop`), the
ledger (`gl`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.offer import PRODUCTS
from ingest.sandbox.people import MANAGERS, REPS, Person
from ingest.sandbox.story import (
    STORY_START,
    at_local,
    dice,
    local_day,
    month_start,
    next_business_day,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE: Final = "USD"
QUOTE: Final = "VND"
RATES_FROM: Final = date(2024, 10, 1)
"""A month before the story, so that its first days have a rate."""
_PLAN: Final = {2024: 24_500, 2025: 25_500, 2026: 26_300, 2027: 26_900, 2028: 27_400}
_CLOSED: Final = ((1, 1), (4, 30), (5, 1), (9, 2))
"""Public holidays without a rate, (month, day); of the lunar new year only the first days."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One publication: 1 USD is `rate` VND; a later publication of the day corrects it."""

    rate_date: date
    rate_type: str
    rate: Decimal
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """One revision of one target, money in VND; None of the fields is ever blank."""

    kpi_key: str
    scope_type: str
    scope_id: str
    period_start: date
    period_end: date
    value: Decimal
    effective_from: date
    approved_at: date
    approved_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cost:
    """One cost of one month, in VND."""

    month: date
    cost_type: str
    department: str
    channel: str
    product_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ProductCost:
    """Direct cost of one unit and month from a day on, in VND."""

    product_id: str
    valid_from: date
    valid_to: date | None
    unit_cost: Decimal


def rates_until(seed: int, now: datetime) -> list[Rate]:
    """Return every rate published up to `now`, in order of day, type and publication."""
    found: list[Rate] = [rate for rate in _plan_rates() if rate.published_at <= now]
    day = RATES_FROM
    while day <= local_day(now):
        if _has_rate(day):
            found.extend(r for r in _rates_of(seed, day) if r.published_at <= now)
        day += timedelta(days=1)
    return sorted(found, key=lambda r: (r.rate_date, r.rate_type, r.published_at))


def _has_rate(day: date) -> bool:
    """Return whether the bank publishes on `day`; it never pauses longer than six days."""
    new_year_eves = (
        date(2025, 1, 28),
        date(2026, 2, 16),
        date(2027, 2, 5),
        date(2028, 1, 25),
    )
    in_tet = any(eve <= day <= eve + timedelta(days=2) for eve in new_year_eves)
    return day.weekday() < 5 and (day.month, day.day) not in _CLOSED and not in_tet


def _rates_of(seed: int, day: date) -> Iterator[Rate]:
    """Yield the day's rates; about one in forty is corrected the next working day."""
    throw = dice(seed, "fx", day)
    age = (day - RATES_FROM).days
    wave = abs(age % 180 - 90) * 4
    middle = Decimal(25_150 + age + wave) + Decimal(throw.randrange(-120, 121)) / 2
    closing = middle + Decimal(throw.randrange(-60, 61)) / 4
    yield Rate(day, "average_transfer", middle, at_local(day, 9, 15))
    yield Rate(day, "closing", closing, at_local(day, 17, 5))
    if throw.random() < 0.025:
        later = next_business_day(day + timedelta(days=1))
        change = Decimal(throw.choice((-37, -12, 15, 41)))
        yield Rate(day, "average_transfer", middle + change, at_local(later, 10))
        yield Rate(day, "closing", closing + change, at_local(later, 10))


def _plan_rates() -> Iterator[Rate]:
    """Yield the plan rate of each year, set in December before."""
    for year, rate in _PLAN.items():
        day = date(year, 1, 1)
        yield Rate(day, "plan", Decimal(rate), at_local(date(year - 1, 12, 20), 15))


MONEY_TARGETS: Final = ("sales_revenue", "sales_bookings")
"""KPIs whose targets are amounts in VND."""
_YEARLY_MILLIONS: Final = {2024: 60, 2025: 720, 2026: 1450, 2027: 1750, 2028: 2000}
"""Company target of an average month of the year, million VND."""
_SEASON: Final = (70, 75, 100, 100, 105, 110, 95, 95, 105, 110, 115, 120)
"""Share of the average month in percent, January to December; Tết is slow."""
_REVISED_MONTHS: Final = tuple(date(2026, month, 1) for month in range(7, 13))
_REVISED_FROM: Final = date(2026, 7, 15)
_REVISED_AT: Final = date(2026, 7, 10)
_MILLION: Final = Decimal(1_000_000)


def targets_until(now: datetime) -> list[Target]:
    """Return every revision approved before the day of `now`."""
    today = local_day(now)
    found: list[Target] = []
    for year in _YEARLY_MILLIONS:
        effective = max(date(year, 1, 1), STORY_START)
        approved = effective - timedelta(days=11)
        for month in range(1, 13):
            start = date(year, month, 1)
            if start >= STORY_START:
                millions = _YEARLY_MILLIONS[year] * _SEASON[month - 1] // 100
                found.extend(
                    _split(start, millions, effective, approved, "Kế hoạch năm")
                )
    found.extend(_aim_marketing())
    for start in _REVISED_MONTHS:
        millions = _YEARLY_MILLIONS[2026] * _SEASON[start.month - 1] * 108 // 10_000
        found.extend(
            _split(start, millions, _REVISED_FROM, _REVISED_AT, "Điều chỉnh giữa năm")
        )
    return [target for target in found if target.approved_at < today]


_LEADS_A_MONTH: Final = {
    "website": 45,
    "social": 25,
    "sales_team": 18,
    "referral": 7,
    "other": 3,
}
"""Leads wanted of every source in January 2026; one per cent more each month."""
_VISITS_A_MONTH: Final = {"/blog/crm-la-gi": 900, "Bản tin": 160}
"""Visits wanted of a piece of content; a fifth more each quarter."""


def _aim_marketing() -> Iterator[Target]:
    """Yield what marketing wants of each lead source and piece of content in 2026."""
    year = date(2026, 1, 1)
    for month in range(12):
        start = month_start(year, month)
        end = month_start(start, 1) - timedelta(days=1)
        wanted = [
            ("leads_created", "lead_source_group", source, leads * (100 + month) // 100)
            for source, leads in _LEADS_A_MONTH.items()
        ]
        wanted += [
            (
                "content_website_visits",
                "content_piece",
                piece,
                visits * (100 + 20 * (month // 3)) // 100,
            )
            for piece, visits in _VISITS_A_MONTH.items()
        ]
        for kpi_key, scope_type, scope_id, value in wanted:
            yield Target(
                kpi_key,
                scope_type,
                scope_id,
                start,
                end,
                Decimal(value),
                year,
                year - timedelta(days=11),
                "Trần Quốc Bảo",
                "Kế hoạch năm",
            )


def _split(
    start: date, millions: int, effective: date, approved: date, reason: str
) -> Iterator[Target]:
    """Yield the company's target of a month, its teams' and its reps'; parts add up."""
    end = month_start(start, 1) - timedelta(days=1)

    def target(scope_type: str, scope_id: str, value: int) -> Iterator[Target]:
        """Yield what is wanted in revenue, and as much in signed contracts."""
        for kpi_key in MONEY_TARGETS:
            yield Target(
                kpi_key,
                scope_type,
                scope_id,
                start,
                end,
                value * _MILLION,
                effective,
                approved,
                "Nguyễn Thị Hạnh",
                reason,
            )

    yield from target("total", "", millions)
    teams: dict[str, list[Person]] = {m.postings[0].team: [] for m in MANAGERS}
    for rep in REPS:
        if rep.works_on(start):
            teams[rep.team_on(start)].append(rep)
    heads = sum(len(reps) for reps in teams.values())
    given = 0
    for number, (team, reps) in enumerate(teams.items()):
        is_last = number == len(teams) - 1
        share = millions - given if is_last else millions * len(reps) // heads
        given += share
        yield from target("team", team, share)
        handed = 0
        for place, rep in enumerate(reps):
            part = share - handed if place == len(reps) - 1 else share // len(reps)
            handed += part
            yield from target("rep", rep.user_id, part)


_MONTHLY: Final = (
    # cost type, department, channel, product, million VND a month
    ("salary", "Kinh doanh", "", "", 310),
    ("salary", "Marketing", "", "", 78),
    ("tool", "Marketing", "", "", 9),
    ("tool", "Kinh doanh", "", "", 14),
    ("agency", "Marketing", "search", "", 16),
    ("content", "Marketing", "social", "", 12),
    ("research", "Marketing", "", "CRM-PRO", 5),
    ("other", "Marketing", "", "", 3),
)


def costs_until(seed: int, now: datetime) -> list[Cost]:
    """Return the costs of every month that is booked: on the fifth of the next."""
    found: list[Cost] = []
    month = STORY_START
    while at_local(month_start(month, 1) + timedelta(days=4), 16) <= now:
        throw = dice(seed, "costs", month)
        for cost_type, department, channel, product_id, millions in _MONTHLY:
            amount = Decimal(round(millions * throw.uniform(0.9, 1.15) * 1000)) * 1000
            found.append(
                Cost(month, cost_type, department, channel, product_id, amount)
            )
        if month.month in {3, 9}:
            amount = Decimal(throw.randint(60, 140)) * _MILLION
            found.append(Cost(month, "event", "Marketing", "event", "", amount))
        month = month_start(month, 1)
    return found


def product_costs_until(now: datetime) -> list[ProductCost]:
    """Return the direct costs of products: dearer by 8 % from 2026 on."""
    second = date(2026, 1, 1)
    is_dearer = local_day(now) >= second
    found: list[ProductCost] = []
    for product in PRODUCTS:
        cost = Decimal(product.unit_cost_vnd)
        ends = second - timedelta(days=1) if is_dearer else None
        found.append(ProductCost(product.code, STORY_START, ends, cost))
        if is_dearer:
            found.append(ProductCost(product.code, second, None, cost * 108 / 100))
    return found
