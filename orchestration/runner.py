"""Running nights in this process: the same job a schedule would launch.

Belongs here: executing one night through Dagster with its history kept, and turning how it
ended into the report. Stays out: which nights (`cli.nights`), what they do (`assets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingest.errors import IngestError
from orchestration.backfill import land_missed
from orchestration.build import build_definitions
from orchestration.dbt_setup import dbt_vars, prepare_manifest
from orchestration.instance import end_dead_runs, open_instance
from orchestration.jobs import NIGHTLY
from orchestration.room import explained
from orchestration.stopping import was_stopped

if TYPE_CHECKING:
    from datetime import date

    from orchestration.night import NightReport
    from orchestration.night_run import NightRun
    from orchestration.session import Session

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class NightRunner:
    """Executes nights of one session; definitions are built once for all of them."""

    session: Session
    definitions: dg.Definitions

    def run_all(self, as_of: date, **options: Any) -> NightReport:  # noqa: ANN401 - options of a night
        """Land what was missed before a night, then run it; stop at what fails."""
        failed = land_missed(self.session, as_of)
        if failed is not None:
            return failed
        self.session.say(f"night of {as_of}")
        return self.run(self.session.open_night(as_of, **options))

    def run(self, night: NightRun) -> NightReport:
        """Run one night to its end and alert people if it did not end well."""
        job = self.definitions.resolve_job_def(NIGHTLY)
        problem = ""
        try:
            with (
                explained(night.settings),
                open_instance(night.settings.home.dagster) as instance,
            ):
                end_dead_runs(instance)
                job.execute_in_process(
                    instance=instance,
                    partition_key=night.as_of.isoformat(),
                    resources={"night": night},
                    run_config=_QUIET,
                )
        except BaseException as error:  # noqa: BLE001 - what is no bad night is raised again
            problem = self._problem_of(error, night)
        self.session.end_night(night, problem=problem)
        return night.report

    def _problem_of(self, error: BaseException, night: NightRun) -> str:
        """Return what a bad night says of itself; keep its report and raise what is more."""
        if was_stopped(error):
            self.session.end_night(night, problem="stopped from outside")
            raise KeyboardInterrupt from None
        if isinstance(error, IngestError):
            night.report.exit_code = error.exit_code
            return str(error)
        if isinstance(error, dg.DagsterError):
            # A red blocking check ends the run with one; the report holds its findings.
            problem = str(error).strip()
            if night.report.findings():
                return problem
        else:
            problem = f"{type(error).__name__}: {error}"
        self.session.end_night(night, problem=problem)
        raise error


def make_runner(session: Session) -> NightRunner:
    """Return a runner for a session."""
    session.say("preparing the asset graph")
    variables = dbt_vars(
        session.settings.config, raw=session.settings.home.raw_from_root
    )
    prepare_manifest(session.settings, variables, dbt=session.start_dbt())
    return NightRunner(
        session, build_definitions(session.settings, resources={"night": None})
    )
