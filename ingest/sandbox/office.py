"""When the sandbox company works, and what its people are asked to do.

Belongs here: public holidays and the Saturday worked instead, leave, hours written down,
targets for calls, KPIs given and agreed to. Stays out: what people do (`calls`, `messages`,
`meetings`), money targets (`finance`).

Plans are known early: holidays of every year from the start, leave of a month from its first
day on, targets from December on. The story's own activity pauses at Tết only; some people
ring on other holidays, and on leave.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.people import REPS, reps_on
from ingest.sandbox.story import (
    STORY_START,
    TET,
    days_until,
    dice,
    is_business_day,
    local_day,
    month_start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

CALENDAR: Final = "VN"
_HOLIDAYS: Final = {
    date(2025, 1, 1): "Tết Dương lịch",
    date(2025, 4, 7): "Giỗ Tổ Hùng Vương",
    date(2025, 4, 30): "Ngày Giải phóng miền Nam",
    date(2025, 5, 1): "Ngày Quốc tế Lao động",
    date(2025, 5, 2): "Nghỉ hoán đổi",
    date(2025, 9, 1): "Quốc khánh",
    date(2025, 9, 2): "Quốc khánh",
    date(2026, 1, 1): "Tết Dương lịch",
    date(2026, 4, 27): "Nghỉ bù Giỗ Tổ Hùng Vương",
    date(2026, 4, 30): "Ngày Giải phóng miền Nam",
    date(2026, 5, 1): "Ngày Quốc tế Lao động",
    date(2026, 9, 1): "Quốc khánh",
    date(2026, 9, 2): "Quốc khánh",
    date(2027, 1, 1): "Tết Dương lịch",
}
"""Beside Tết, whose days stand in the story."""
_WORKED_INSTEAD: Final = (date(2025, 4, 26),)
"""Saturdays worked for a day off on another."""
_TARGETS_FROM: Final = date(2026, 1, 1)
_APPROVED: Final = date(2025, 12, 19)


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day that differs from the week; `user_id` None = for everyone."""

    calendar_id: str
    day: date
    is_working: bool
    name: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallTarget:
    """Calls one representative is to make in one month."""

    user_id: str
    month: date
    value: Decimal
    approved_at: date


def calendar_until(seed: int, now: datetime) -> list[CalendarDay]:
    """Return every holiday of the company and the leave of every month begun."""
    found = [CalendarDay(CALENDAR, day, False, name) for day, name in _HOLIDAYS.items()]  # noqa: FBT003  # a dataclass
    found += [
        CalendarDay(CALENDAR, day, True, "Làm bù")  # noqa: FBT003  # a dataclass
        for day in _WORKED_INSTEAD
    ]
    for first, last in TET:
        found += [
            CalendarDay(CALENDAR, first + timedelta(days=n), False, "Tết Nguyên đán")  # noqa: FBT003  # a dataclass
            for n in range((last - first).days + 1)
        ]
    found.sort(key=lambda one: one.day)
    return [*found, *_leave(seed, local_day(now))]


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours one person wrote down for one day and kind of work."""

    user_id: str
    day: date
    kind: str
    hours: Decimal
    hourly_cost: Decimal


@dataclass(frozen=True, slots=True)
class Assignment:
    """One KPI given to one person for one quarter."""

    user_id: str
    kpi_key: str
    quarter: date
    acknowledged_at: date | None


def timesheets_until(seed: int, now: datetime) -> list[Hours]:
    """Return what was written down for every day that is over."""
    found: list[Hours] = []
    for day in days_until(now):
        if day >= local_day(now) or not is_business_day(day):
            continue
        cost = Decimal(120_000) if day.year < 2026 else Decimal(135_000)
        for rep in reps_on(day):
            throw = dice(seed, "hours", rep.user_id, day)
            chance = throw.random()
            if chance < 0.35:
                kind = "prospecting" if chance < 0.25 else "administration"
                hours = Decimal(throw.randrange(1, 9)) / 4
                found.append(Hours(rep.user_id, day, kind, hours, cost))
    return found


def assignments_until(seed: int, now: datetime) -> list[Assignment]:
    """Return the KPIs of every quarter begun and whether they were agreed to by now."""
    found: list[Assignment] = []
    quarter = date(2025, 1, 1)
    while quarter <= local_day(now):
        for rep in REPS:
            if not rep.works_on(quarter):
                continue
            for kpi_key in ("calls_made", "sales_revenue"):
                throw = dice(seed, "assignment", rep.user_id, kpi_key, quarter)
                days = throw.choice((-9, -5, -2, -1, 0, 0, 1, 6, 20, 400))
                agreed = quarter + timedelta(days=days)
                is_known = agreed < local_day(now)
                found.append(
                    Assignment(
                        rep.user_id, kpi_key, quarter, agreed if is_known else None
                    )
                )
        quarter = month_start(quarter, 3)
    return found


def _leave(seed: int, today: date) -> Iterator[CalendarDay]:
    """Yield the leave of every representative: one or two days in a third of the months."""
    month = STORY_START
    while month <= today:
        for rep in REPS:
            throw = dice(seed, "leave", rep.user_id, month)
            if throw.random() < 0.35:
                first = month + timedelta(days=throw.randrange(26))
                for day in (first, first + timedelta(days=1))[: throw.randint(1, 2)]:
                    yield CalendarDay(rep.user_id, day, False, "Nghỉ phép", rep.user_id)  # noqa: FBT003  # a dataclass
        month = month_start(month, 1)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Hours one function says it has for new customers in one month."""

    function: str
    month: date
    hours: Decimal


_HOURS_A_MONTH: Final = {
    "Triển khai": (520, 8),
    "Hỗ trợ khách hàng": (240, 6),
    "Công nghệ thông tin": (95, 1),
}
"""Function -> hours of January 2025, and how many more each month."""
CAPACITY_FROM: Final = date(2025, 1, 1)


def capacity_until(now: datetime) -> list[Capacity]:
    """Return what was stated: of each month on the first day of the quarter it is in."""
    today = local_day(now)
    stated_to = month_start(today.replace(month=(today.month - 1) // 3 * 3 + 1), 3)
    found: list[Capacity] = []
    month, number = CAPACITY_FROM, 0
    while month < stated_to:
        found += [
            Capacity(function, month, Decimal(hours + number * more))
            for function, (hours, more) in _HOURS_A_MONTH.items()
        ]
        month, number = month_start(month, 1), number + 1
    return found


def call_targets_until(now: datetime) -> list[CallTarget]:
    """Return the targets approved before the day of `now`: a call a day, by share of time."""
    if local_day(now) <= _APPROVED:
        return []
    found: list[CallTarget] = []
    month = _TARGETS_FROM
    while month <= date(2027, 12, 1):
        days = (month_start(month, 1) - month).days
        found += [
            CallTarget(
                rep.user_id, month, days * Decimal(rep.postings[0].fte), _APPROVED
            )
            for rep in REPS
            if rep.works_on(month)
        ]
        month = month_start(month, 1)
    return found
