"""Which window to pull tonight.

Belongs here: `Window` and the rule that turns a cursor, a look-back and the night's dates into
one. Stays out: the wall clock (the caller passes `now`), paging and vendor filters (sources),
reading and writing cursors (`ingest.cursors`).

Cursors are text. Of a restated daily entity: the last covered day, `2026-10-31`. Of every
other entity read in windows: the newest source instant seen, `2026-10-31T19:00:00+00:00`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ingest.entities import EntityContract, Truth
from ingest.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

DAY: Final = timedelta(days=1)

DEEP_WEEKDAY: Final = 6
"""The night of a Sunday reads deeper: vendors and people are least busy then."""

EARLIEST_DAY: Final = date(2000, 1, 1)
"""First day a batch of restated facts without a start covers: before any ad platform."""


@dataclass(frozen=True)
class Window:
    """What one extraction asks of a source.

    `start` is inclusive, None = everything the source has. `end` is exclusive and equals the
    instant of extraction, or lies before it when missed nights are caught up one by one;
    sources use it wherever they would otherwise ask the clock.
    `start_date` and `end_date` are the inclusive days of restated daily facts (`end_date` is
    the as-of day; `start_date` None = from the beginning). `has_gap` = the source forgot part
    of what came after the cursor, so the stream is read from the beginning again.
    """

    load_date: date
    start: datetime | None
    end: datetime
    start_date: date | None
    end_date: date
    extracted_at: datetime
    has_gap: bool = False


@dataclass(frozen=True)
class LookBack:
    """How far before its cursor an entity is read again, and how far its source remembers.

    `deep` is the overlap of the night of a Sunday, for what changes after the usual one.
    """

    overlap: timedelta
    memory: timedelta | None = None
    deep: timedelta = timedelta(0)

    def on(self, as_of: date) -> timedelta:
        """Return the overlap of one night; by the calendar, so that a replay asks the same."""
        is_deep = as_of.weekday() == DEEP_WEEKDAY
        return max(self.overlap, self.deep) if is_deep else self.overlap


_NONE: Final = LookBack(timedelta(0))

LOOK_BACKS: Final[Mapping[str, LookBack]] = MappingProxyType(
    {
        # Search lags writes by seconds to minutes and bulk edits share one millisecond
        # (design/sources.md §1); a day costs little and covers both.
        "hubspot": LookBack(DAY),
        # Objects created in the same second may become visible out of order.
        "stripe": LookBack(timedelta(hours=1)),
        # Stripe keeps events for 30 days (design/sources.md §3, read 2026-08).
        "stripe.subscription_events": LookBack(timedelta(hours=1), memory=30 * DAY),
        # Conversions are dated at the click and arrive for 30 days by default, for 90 where
        # a conversion action says so (design/sources.md §4).
        "google_ads": LookBack(30 * DAY, deep=90 * DAY),
        # Meta restates the last 28 days (§5); invalid clicks are taken back for longer.
        "meta_ads": LookBack(28 * DAY, deep=90 * DAY),
    }
)
"""Look-back by `<kind>.<entity>`, else by `<kind>`; a source may configure others."""


def is_full_list(contract: EntityContract) -> bool:
    """Return whether a vendor's entity has no cursor and is read whole every night.

    Such a list says what is there at the instant it is read, and nothing of a night before.
    """
    return (
        contract.kind != "files"
        and contract.truth is Truth.MUTABLE
        and not contract.version_column
    )


def look_back_of(
    contract: EntityContract,
    *,
    lookback_days: int | None = None,
    deep_reread_days: int | None = None,
) -> LookBack:
    """Return the look-back of an entity: what its source configures, else the default."""
    usual = LOOK_BACKS.get(
        f"{contract.kind}.{contract.name}", LOOK_BACKS.get(contract.kind, _NONE)
    )
    overlap = usual.overlap if lookback_days is None else lookback_days * DAY
    deep = usual.deep if deep_reread_days is None else deep_reread_days * DAY
    return LookBack(overlap, usual.memory, deep)


def window_for(
    contract: EntityContract,
    cursor: str | None,
    *,
    as_of: date,
    tz: ZoneInfo,
    now: datetime,
    look_back: LookBack | None = None,
    until: datetime | None = None,
) -> Window:
    """Return the window of one entity for the night of `as_of`.

    A full list (`is_full_list`) is read whole every night and has no start. A gap of several
    nights is caught up, because the window starts at the cursor and not at yesterday; a gap
    longer than the source remembers makes it read everything the source has. `until` bounds
    the window of a missed night, whose successors read on from there.

    Raises:
        ConfigError: `now` is before the end of `as_of` in the company zone, or the stored
            cursor is not a date or instant.
    """
    load_date = as_of + DAY
    if now < datetime.combine(load_date, time.min, tzinfo=tz):
        message = (
            f"as-of day {as_of} is not over in {tz.key} at {now.isoformat()}; "
            "choose an earlier --as-of"
        )
        raise ConfigError(message)
    start: datetime | None = None
    start_date: date | None = None
    has_gap = False
    if cursor is not None:
        look_back = look_back or look_back_of(contract)
        overlap = look_back.on(as_of)
        if contract.truth is Truth.RESTATED_DAILY:
            last_day = min(_cursor_date(contract, cursor), as_of)
            start_date = last_day - overlap + DAY
            start = datetime.combine(start_date, time.min, tzinfo=tz).astimezone(UTC)
        elif contract.truth is Truth.LEDGER or contract.version_column:
            seen = _cursor_instant(contract, cursor)
            start = min(seen, now) - overlap
            if look_back.memory is not None and start < now - look_back.memory:
                has_gap = seen < now - look_back.memory
                start = None if has_gap else now - look_back.memory
    end = now
    if until is not None and not has_gap:
        # What an earlier, late extract has read already is not read backwards.
        end = min(now, max(until, start or until))
    return Window(
        load_date=load_date,
        start=start,
        end=end.astimezone(UTC),
        start_date=start_date,
        end_date=as_of,
        extracted_at=now.astimezone(UTC),
        has_gap=has_gap,
    )


def _cursor_date(contract: EntityContract, cursor: str) -> date:
    try:
        return date.fromisoformat(cursor)
    except ValueError:
        raise ConfigError(_bad_cursor(contract, "a date")) from None


def _cursor_instant(contract: EntityContract, cursor: str) -> datetime:
    try:
        instant = datetime.fromisoformat(cursor)
    except ValueError:
        raise ConfigError(_bad_cursor(contract, "an instant")) from None
    if instant.tzinfo is None:
        raise ConfigError(_bad_cursor(contract, "an instant with a zone"))
    return instant.astimezone(UTC)


def _bad_cursor(contract: EntityContract, wanted: str) -> str:
    return (
        f"cursor of {contract.kind}.{contract.name} is not {wanted}; run with "
        "--full-refresh to read the entity from the beginning"
    )
