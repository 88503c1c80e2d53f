"""Running nights in this process: the same job a schedule would launch.

Belongs here: executing one night through Dagster with its history kept, and turning how it
ended into the report. Stays out: which nights (`cli.nights`), what they do (`assets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.alerts import send_alert
from orchestration.build import build_definitions
from orchestration.instance import open_instance
from orchestration.jobs import LANDING, NIGHTLY
from orchestration.outcome import alert_for, close_night

if TYPE_CHECKING:
    import dagster as dg

    from orchestration.night import NightReport
    from orchestration.night_run import NightRun
    from orchestration.session import Session

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class NightRunner:
    """Executes nights of one session; definitions are built once for all of them."""

    session: Session
    definitions: dg.Definitions

    def run(self, night: NightRun) -> NightReport:
        """Run one night to its end and alert people if it did not end well."""
        job = self.definitions.resolve_job_def(
            LANDING if night.only_landing else NIGHTLY
        )
        problem = ""
        with open_instance(night.settings.home.dagster) as instance:
            result = job.execute_in_process(
                instance=instance,
                partition_key=night.as_of.isoformat(),
                resources={"night": night},
                run_config=_QUIET,
                raise_on_error=False,
            )
            if not result.success:
                problem = _first_failure(result)
        close_night(night, finished_at=self.session.clock(), problem=problem)
        alert = alert_for(night.report, night.settings.config.company.name)
        if alert is not None:
            for failed in send_alert(alert, night.settings.alerts):
                night.say(f"alert: {failed}")
        return night.report


def make_runner(session: Session) -> NightRunner:
    """Return a runner for a session."""
    session.say("preparing the asset graph")
    return NightRunner(
        session, build_definitions(session.settings, resources={"night": None})
    )


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    """Return the innermost message of the first failed step, and which step it was."""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        text = error.message.strip() if error else "failed"
        return f"{event.step_key}: {text}"
    return "the run did not finish"
