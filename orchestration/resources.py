"""The night as a Dagster resource, for runs the schedule or the web page starts.

Belongs here: opening a session around such a run. Stays out: the command line, which holds a
session over several nights and hands its night in. With the in-process executor a resource
is opened once per run, so the run lock is held from the first step to the last.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from ingest.errors import IngestError
from orchestration.backfill import land_missed
from orchestration.instance import end_dead_runs
from orchestration.jobs import TOLD_TAG
from orchestration.lock import BusyError, HandedOverError
from orchestration.outcome import close_night, last_line
from orchestration.partitions import as_of_of
from orchestration.session import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.night_run import NightRun
    from orchestration.settings import Settings


class MissedNightError(IngestError):
    """A night that has to be landed first did not land."""


def night_resource(settings: Settings) -> dg.ResourceDefinition:
    """Return the resource that locks the warehouse and opens the run's night."""

    @contextmanager
    def open_night(context: dg.InitResourceContext) -> Iterator[NightRun]:
        run = context.run
        if run is None:
            message = "A night is opened inside a run."
            raise dg.DagsterInvariantViolationError(message)
        with (
            _marking_what_is_told(context),
            open_session(
                settings,
                step=f"Dagster run {run.run_id[:8]}",
                due=as_of_of(run.tags),
                clock=lambda: datetime.now(UTC),
                say=lambda text: print(text, file=sys.stderr),  # noqa: T201 - the run's log
            ) as session,
        ):
            if context.instance is not None:
                end_dead_runs(context.instance, but=run.run_id)
            as_of = as_of_of(run.tags)
            failed = land_missed(session, as_of)
            if failed is not None:
                raise MissedNightError(last_line(failed))
            session.start_dbt()
            night = session.open_night(as_of)
            try:
                yield night
            finally:
                close_night(night, finished_at=datetime.now(UTC))
                # A failed run is told by the sensor, which also hears of runs that never
                # came so far; of a night that published something held back it hears nothing.
                if night.report.published:
                    session.tell_people(night)

    return dg.ResourceDefinition(resource_fn=open_night)


@contextmanager
def _marking_what_is_told(context: dg.InitResourceContext) -> Iterator[None]:
    """Keep the sensor from telling of a missed night again, or of a run that found another."""
    try:
        yield
    except (BusyError, HandedOverError, MissedNightError):
        if context.instance is not None and context.run is not None:
            context.instance.add_run_tags(context.run.run_id, {TOLD_TAG: "true"})
        raise
