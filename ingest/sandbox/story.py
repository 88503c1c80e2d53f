"""What every part of the sandbox story uses: its calendar, its dice and its drafts.

Belongs here: the story's start and zone, instants from local clock times, seeded randomness,
`Draft` (a record being written, change by change). Stays out: any content of the story.

Determinism: dice are thrown by `dice(seed, …names)` per day or entity, never by one running
generator, so the state at an instant does not depend on how far the story is told.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import exp
from random import Random
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Version, Versioned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STORY_START: Final = date(2024, 11, 1)
ZONE_NAME: Final = "Asia/Ho_Chi_Minh"
_OFFSET: Final = timedelta(hours=7)
"""The company's zone has had this offset without summer time since 1975."""

TET: Final = (
    (date(2025, 1, 25), date(2025, 2, 2)),
    (date(2026, 2, 14), date(2026, 2, 22)),
    (date(2027, 2, 4), date(2027, 2, 12)),
    (date(2028, 1, 24), date(2028, 2, 1)),
)
"""Lunar new year holidays, first and last day."""

_ONCE: Final = frozenset({"mql_at", "sql_at", "opportunity_at", "customer_at"})
"""Fields HubSpot sets the first time only; a later setting changes nothing."""


def dice(seed: int, *names: object) -> Random:
    """Return the dice of one thing in the story; the same names always throw the same."""
    return Random("|".join(map(str, (seed, *names))))  # noqa: S311  # no secret


def at_local(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """Return the UTC instant of a wall-clock time in the company's zone."""
    wall = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
    return wall - _OFFSET


def local_day(instant: datetime) -> date:
    """Return the day an instant falls on in the company's zone."""
    return (instant + _OFFSET).date()


def days_until(until: datetime) -> Iterator[date]:
    """Yield every day of the story up to the one `until` falls on."""
    for number in range(STORY_START.toordinal(), local_day(until).toordinal() + 1):
        yield date.fromordinal(number)


def month_start(day: date, months: int = 0) -> date:
    """Return the first day of the month `months` after the one of `day`."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def is_business_day(day: date) -> bool:
    """Return whether the company works: no weekend, no lunar new year."""
    return day.weekday() < 5 and not any(start <= day <= end for start, end in TET)


def next_business_day(day: date) -> date:
    """Return the first working day on or after `day`."""
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


def office_instant(day: date, throw: Random) -> datetime:
    """Return an instant in office hours of the first working day on or after `day`.

    Changes that leave no date of their own in the source (merges, archiving, reopening) only
    happen then: a night that reads at 02:00 cannot tell when between 00:00 and 02:00 they did.
    """
    day = next_business_day(day)
    return at_local(
        day, throw.randrange(9, 18), throw.randrange(60), throw.randrange(60)
    )


def any_instant(day: date, throw: Random) -> datetime:
    """Return an instant on `day`: mostly office hours, some after midnight, some on the edge.

    On the last and first day of a month a good share falls on 23:59:30, 00:00:10 or 00:30
    local (17:30Z of the day before), where months are won and lost by a wrong zone.
    """
    chance = throw.random()
    tomorrow = day + timedelta(days=1)
    if tomorrow.day == 1 and chance < 0.3:
        return at_local(day, 23, 59, 30) - timedelta(seconds=throw.randrange(3))
    if day.day == 1 and chance < 0.5:
        edge = at_local(day, 0, 0, 10) if chance < 0.25 else at_local(day, 0, 30)
        return edge + timedelta(seconds=throw.randrange(3))
    if chance > 0.92:
        return at_local(day) + timedelta(seconds=throw.randrange(1, 2 * 3600))
    if chance > 0.82:
        return at_local(day, 18) + timedelta(seconds=throw.randrange(6 * 3600 - 60))
    return at_local(day, 8) + timedelta(seconds=throw.randrange(10 * 3600))


def draw_count(mean: float, throw: Random) -> int:
    """Return a Poisson-distributed count (normal approximation for large means)."""
    if mean > 30:
        return max(0, round(throw.gauss(mean, mean**0.5)))
    limit, product, count = exp(-mean), throw.random(), 0
    while product > limit:
        product *= throw.random()
        count += 1
    return count


def _moment(change: tuple[datetime, object, object, object]) -> datetime:
    """Return the instant changes are put in order by."""
    return change[0]


class Draft:
    """A record being written: changes in any order, put in sequence by `finish`."""

    def __init__(self, record_id: str) -> None:
        """Begin a record without versions."""
        self.id = record_id
        self._changes: list[
            tuple[datetime, Mapping[str, object], str | None, bool]
        ] = []
        self.gone_at: datetime | None = None

    @property
    def born_at(self) -> datetime:
        """When the record begins."""
        return min(change[0] for change in self._changes)

    def change(
        self,
        at: datetime,
        values: Mapping[str, object],
        *,
        by: str | None = None,
        force: bool = False,
    ) -> None:
        """Note that fields take these values at `at`; `force` also resets set-once fields."""
        self._changes.append((at, values, by, force))

    def vanish(self, at: datetime) -> None:
        """Note that the record is gone from `at` on."""
        self.gone_at = at

    def value_at(self, name: str, at: datetime) -> object:
        """Return one field as it stands at `at`, of the changes noted so far."""
        value: object = None
        for moment, values, _, force in sorted(self._changes, key=_moment):
            is_kept = name in _ONCE and value is not None and not force
            if moment <= at and name in values and not is_kept:
                value = values[name]
        return value

    def finish(self, *, stamp: str = "") -> Versioned:
        """Return the record; `stamp` names a field that takes each version's instant."""
        versions: list[Version] = []
        state: dict[str, object] = {}
        for at, values, by, force in sorted(self._changes, key=_moment):
            if self.gone_at is not None and at >= self.gone_at:
                break
            fresh = {
                name: value
                for name, value in values.items()
                if force or name not in _ONCE or state.get(name) is None
            }
            state = {**state, **fresh}
            if stamp:
                state[stamp] = at
            if versions and versions[-1].at == at:
                versions.pop()
            versions.append(Version(at, state, by))
        if self.gone_at is not None:
            versions.append(Version(self.gone_at, None))
        return Versioned(self.id, tuple(versions))
