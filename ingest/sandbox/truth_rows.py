"""What every KPI of the truth is made of: dated contributions, added up by period.

Belongs here: `Contribution`, `Night` (what a night may know), periods. Stays out: which
contributions there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ingest.sandbox.story import STORY_START, at_local, month_start
from ingest.sandbox.truth_money import RateTable, read_rates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ingest.sandbox.model import Company, Fields, Versioned

CURRENCIES: Final = ("VND", "USD")
REPORTING: Final = "VND"
ONE: Final = Decimal(1)
ZERO: Final = Decimal(0)
UNKNOWN: Final = "(unknown)"
UNKNOWN_AMOUNT: Final = Decimal("NaN")
"""What nobody recorded: every sum it is in is unknown."""
_TICK: Final = timedelta(microseconds=1)


class Kind(Enum):
    """What a KPI's figure is: whether a quotient, whether money, whether of one row only."""

    COUNT = (False, False, False)
    AMOUNT = (False, True, False)
    RATE = (True, False, False)
    MONEY_RATIO = (True, True, False)
    SINGLE = (False, False, True)

    @property
    def is_ratio(self) -> bool:
        """Whether Σ numerators are divided by Σ denominators."""
        return self.value[0]

    @property
    def is_money(self) -> bool:
        """Whether there is a figure per presentation currency."""
        return self.value[1]

    @property
    def is_single(self) -> bool:
        """Whether several rows make no figure; denominators count them."""
        return self.value[2]


class Figure(NamedTuple):
    """One KPI of one period: what is divided, by what (None = not a ratio), the result."""

    numerator: Decimal
    denominator: Decimal | None
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Contribution:
    """One row's part of one KPI; money is already in `currency` (None = no money).

    `kpi_key` may name a variant, `key/variant`. `members` names the row's member of each
    breakdown that the KPI has.
    """

    kpi_key: str
    day: date
    numerator: Decimal
    denominator: Decimal | None = None
    currency: str | None = None
    members: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Night:
    """What a night knows: every record as it stood before the end of its as-of day.

    A record that left the recycle bin (90 days) before the first night ever read it is unknown.
    """

    company: Company
    as_of: date
    first_as_of: date
    rates: RateTable
    found: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What a module worked out once for the night, under a name of its own."""

    @cached_property
    def cut(self) -> datetime:
        """First instant after the as-of day."""
        return end_of(self.as_of)

    def state(self, record: Versioned) -> Fields | None:
        """Return the record as it stands at the end of the as-of day; None = not there."""
        return record.state_at(self.cut - _TICK)

    def state_on(self, record: Versioned, day: date) -> Fields | None:
        """Return the record as it stood at the end of `day`."""
        return record.state_at(end_of(day) - _TICK)

    def contact(self, contact_id: object) -> Fields | None:
        """Return a contact that is there and not deleted at the end of the as-of day."""
        return self._contacts.get(contact_id)

    @cached_property
    def _contacts(self) -> dict[object, Fields]:
        states = (
            (record.id, self.state(record)) for record in self.company.hubspot.contacts
        )
        return {
            key: state for key, state in states if state and not state["is_deleted"]
        }

    def is_purged(self, state: Fields) -> bool:
        """Return whether nobody can know an archived record: it left the bin too early."""
        deleted_at = state.get("deleted_at")
        if not isinstance(deleted_at, datetime):
            return False
        first_read = end_of(self.first_as_of) + timedelta(hours=2)
        return deleted_at < first_read - timedelta(days=90)


_LAST: Final[list[Night]] = []
"""The night opened last: questions come one after another."""


def open_night(company: Company, as_of: date, first_as_of: date | None = None) -> Night:
    """Return the night of a day; the company's first night is that same one by default.

    Asked for again it is the same night, with what was worked out for it.
    """
    asked = (as_of, first_as_of or as_of)
    for night in _LAST:
        if night.company is company and (night.as_of, night.first_as_of) == asked:
            return night
    rates = read_rates(company.seed, end_of(as_of) - _TICK)
    _LAST[:] = [Night(company, *asked, rates)]
    return _LAST[0]


@cache
def end_of(day: date) -> datetime:
    """Return the first instant after a day of the company's zone."""
    return at_local(day + timedelta(days=1))


def period_start(day: date, grain: str) -> date:
    """Return the first day of the month, quarter or year a day is in.

    Raises:
        ValueError: another grain.
    """
    if grain == "month":
        return month_start(day)
    if grain == "quarter":
        return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    if grain == "year":
        return date(day.year, 1, 1)
    message = f"no grain {grain!r}: month, quarter or year"
    raise ValueError(message)


def period_end(start: date, grain: str) -> date:
    """Return the last day of a period."""
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    return month_start(start, months) - timedelta(days=1)


def periods_until(as_of: date, grain: str) -> Iterator[date]:
    """Yield the first day of every period from the story's start on."""
    start = period_start(STORY_START, grain)
    while start <= as_of:
        yield start
        start = period_end(start, grain) + timedelta(days=1)
