"""Running nights in this process: the same job a schedule would launch.

Belongs here: executing one night through Dagster with its history kept, and turning how it
ended into the report. Stays out: which nights (`cli.nights`), what they do (`assets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from ingest.errors import IngestError
from orchestration.alerts import send_alert
from orchestration.build import build_definitions
from orchestration.instance import end_dead_runs, open_instance
from orchestration.jobs import LANDING, NIGHTLY
from orchestration.outcome import alert_for, close_night

if TYPE_CHECKING:
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
        try:
            with open_instance(night.settings.home.dagster) as instance:
                end_dead_runs(instance)
                job.execute_in_process(
                    instance=instance,
                    partition_key=night.as_of.isoformat(),
                    resources={"night": night},
                    run_config=_QUIET,
                )
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            self._close(night, "stopped from outside")
            raise KeyboardInterrupt from None
        except IngestError as error:
            problem = str(error)
            night.report.exit_code = error.exit_code
        except dg.DagsterError as error:
            # A red blocking check ends the run with one; the report holds its findings.
            problem = str(error).strip()
            if not night.report.findings():
                self._close(night, problem)
                raise
        except BaseException as error:
            self._close(night, f"{type(error).__name__}: {error}")
            raise
        self._close(night, problem)
        return night.report

    def _close(self, night: NightRun, problem: str) -> None:
        """Settle and keep the report, and tell people when there is something to tell."""
        close_night(night, finished_at=self.session.clock(), problem=problem)
        alert = alert_for(night.report, night.settings.config.company.name)
        if alert is not None:
            for failed in send_alert(alert, night.settings.alerts):
                night.say(f"alert: {failed}")


def make_runner(session: Session) -> NightRunner:
    """Return a runner for a session."""
    session.say("preparing the asset graph")
    return NightRunner(
        session, build_definitions(session.settings, resources={"night": None})
    )
