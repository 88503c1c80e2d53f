"""When nights run by themselves, and who is told when one fails.

Belongs here: the nightly schedule and the failure sensor. Stays out: catching up missed
nights, which every night does from the ledger and not from missed ticks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from orchestration.alerts import Alert, send_alert
from orchestration.jobs import TOLD_TAG
from orchestration.night import read_report
from orchestration.night_run import NIGHT_HOUR, yesterday
from orchestration.outcome import alert_for
from orchestration.partitions import as_of_of

if TYPE_CHECKING:
    from orchestration.settings import Settings


def nightly_schedule(
    job: dg.UnresolvedAssetJobDefinition, timezone: str
) -> dg.ScheduleDefinition:
    """Return the schedule: every night at 02:00 in the company zone, for yesterday."""

    @dg.schedule(
        name="every_night",
        job=job,
        cron_schedule=f"{NIGHT_HOUR.minute} {NIGHT_HOUR.hour} * * *",
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        as_of = yesterday(context.scheduled_execution_time, timezone).isoformat()
        # The key makes an edited or doubled tick of the same day launch nothing.
        return dg.RunRequest(run_key=as_of, partition_key=as_of)

    return every_night


def failure_alert(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that reports a failed run with the gate's findings."""

    @dg.run_failure_sensor(
        name="tell_people",
        default_status=dg.DefaultSensorStatus.RUNNING,
        monitor_all_code_locations=False,
    )
    def tell_people(context: dg.RunFailureSensorContext) -> None:
        if TOLD_TAG in context.dagster_run.tags:
            return
        as_of = as_of_of(context.dagster_run.tags)
        company = settings.config.company.name
        report = read_report(settings.home.nights, as_of)
        alert = alert_for(report, company) if report else None
        if alert is None:
            title = f"KPI warehouse {company}: night of {as_of} failed"
            alert = Alert(
                title, (context.failure_event.message or "",), "look at the run"
            )
        for problem in send_alert(alert, settings.alerts):
            context.log.warning(problem)

    return tell_people
