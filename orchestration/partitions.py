"""Days: one partition per as-of day, in the company zone.

Belongs here: the partitions and how a run tells its day. Stays out: when nights run
(`schedules`).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_DAY: Final = "2015-01-01"
"""Earliest as-of day a night can be run for; older history lies inside the first load."""

PARTITION_TAG: Final = "dagster/partition"


def daily_partitions(timezone: str) -> dg.DailyPartitionsDefinition:
    """Return one partition per as-of day; a day is a partition once it is over."""
    return dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone=timezone)


def as_of_of(tags: Mapping[str, str]) -> date:
    """Return the as-of day of a run.

    Raises:
        dg.DagsterInvariantViolationError: the run has no partition.
    """
    key = tags.get(PARTITION_TAG)
    if key is None:
        message = "A night is run for one day: launch it with a partition."
        raise dg.DagsterInvariantViolationError(message)
    return date.fromisoformat(key)
