"""What a landed batch may differ by from the loads before it: figures, not rows.

Belongs here: the measures of a batch and their bounds: records gone, fields gone, a thin or
late newest day. Stays out: measuring (`ingest.changes`), rules on rows (`expectations.suites`).
One number against one bound needs no library, so Great Expectations is not asked.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from expectations.results import RuleResult

if TYPE_CHECKING:
    import datetime as dt

REMOVED_FLOOR: Final = 50
REMOVED_SHARE: Final = 0.01
"""Records that may leave a full list unasked: the larger of 50 and 1 % (reliability.md D5). A
list cut by paging loses whole pages of 100; people delete by the handful."""
MIN_SAME_WEEKDAYS: Final = 3
MIN_DAY_ROWS: Final = 20
"""Below this median the halving of a day is noise, as for whole loads (`catalogue`)."""
DAY_HOURS: Final = 24
NIGHT_HOURS: Final = 2
"""The night runs at 02:00, so a day that is there in time is two hours old."""


@dataclass(frozen=True)
class LostColumn:
    """Columns whose field the source no longer sends, and what happened to it, in words."""

    columns: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class BatchChanges:
    """How one batch differs from the loads before it; None and () = not measured.

    `lost` are the fields gone that a published figure needs. `newest_day` is that of the
    account furthest behind. `accepted` holds the findings a person has let through.
    """

    subject: str
    removed_count: int | None = None
    known_count: int = 0
    lost: tuple[LostColumn, ...] = ()
    newest_day: dt.date | None = None
    as_of_date: dt.date | None = None
    newest_day_rows: int = 0
    same_weekday_rows: tuple[int, ...] = ()
    fail_hours: int | None = None
    baseline: str = ""
    drop_finding: str = ""
    stream: str = ""
    accepted: frozenset[str] = frozenset()

    @property
    def age_hours(self) -> int | None:
        """Return the age of the newest business day when the night ran."""
        if self.newest_day is None or self.as_of_date is None:
            return None
        return (self.as_of_date - self.newest_day).days * DAY_HOURS + NIGHT_HOURS


def judge_changes(changes: BatchChanges) -> tuple[RuleResult, ...]:
    """Return one result per measure that could be taken."""
    return tuple(
        result
        for result in (
            _removed(changes),
            *(_lost(changes, lost) for lost in changes.lost),
            _thin_day(changes),
            _late_day(changes),
        )
        if result is not None
    )


def _removed(changes: BatchChanges) -> RuleResult | None:
    if changes.removed_count is None:
        return None
    allowed = max(REMOVED_FLOOR, math.floor(REMOVED_SHARE * changes.known_count))
    return _judge(
        changes,
        "removed_records",
        finding=changes.drop_finding,
        is_good=changes.removed_count <= allowed,
        observed=f"{changes.removed_count} of {changes.known_count} records",
        why=f"a list that lost more than {allowed} records at once is taken for a cut one; "
        "no deletion is applied",
    )


def _lost(changes: BatchChanges, lost: LostColumn) -> RuleResult:
    names = "+".join(lost.columns)
    return _judge(
        changes,
        f"{names}.still_sent",
        finding=f"lost-{names}-{changes.baseline}",
        is_good=False,
        observed=lost.text,
        why="published figures need it and would silently go empty",
    )


def _thin_day(changes: BatchChanges) -> RuleResult | None:
    counts = changes.same_weekday_rows
    usual = statistics.median(counts) if len(counts) >= MIN_SAME_WEEKDAYS else 0
    # A day without any row is late, not thin: `newest_day_age` judges it.
    if usual < MIN_DAY_ROWS or not changes.newest_day_rows:
        return None
    least = math.ceil(usual / 2)
    return _judge(
        changes,
        "newest_day_rows",
        finding=f"day-{changes.stream}-{changes.as_of_date}",
        is_good=changes.newest_day_rows >= least,
        observed=f"{changes.newest_day_rows} rows on {changes.as_of_date}",
        why=f"at least half of the median {usual:g} of {len(counts)} same weekdays before",
    )


def _late_day(changes: BatchChanges) -> RuleResult | None:
    age, limit = changes.age_hours, changes.fail_hours
    if age is None or limit is None:
        return None
    return _judge(
        changes,
        "newest_day_age",
        finding=f"stale-{changes.stream}-{changes.newest_day}",
        # A day of the future is as wrong as an old one; tomorrow is a matter of zones.
        is_good=-DAY_HOURS < age < limit,
        observed=f"newest day {changes.newest_day}, {age} h old",
        why=f"business days older than {limit} h are no longer news "
        "(freshness_fail_hours)",
    )


def _judge(
    changes: BatchChanges,
    name: str,
    *,
    finding: str,
    is_good: bool,
    observed: str,
    why: str,
) -> RuleResult:
    is_accepted = not is_good and finding in changes.accepted
    return RuleResult(
        f"{changes.subject}.{name}",
        passed=is_good or is_accepted,
        why=f"{why}; accepted as {finding}" if is_accepted else why,
        observed=observed,
        finding="" if is_good or is_accepted else finding,
    )
