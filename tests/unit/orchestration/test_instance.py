"""Runs whose process was killed are ended at the next start, not left open for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

from orchestration.event_log import OpenEventLog
from orchestration.instance import end_dead_runs, open_instance

if TYPE_CHECKING:
    from pathlib import Path


@dg.op
def wait_for_ever() -> None:
    """Stand for a night."""


@dg.job
def night() -> None:
    """Stand for the nightly job."""
    wait_for_ever()


def test_a_run_left_started_by_a_kill_is_failed_at_the_next_start(
    tmp_path: Path,
) -> None:
    with open_instance(tmp_path) as instance:
        dead = instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED)
        own = instance.create_run_for_job(night, status=dg.DagsterRunStatus.STARTED)
        done = night.execute_in_process(instance=instance).run_id
        waiting = instance.create_run_for_job(night)

    with open_instance(tmp_path) as instance:
        assert end_dead_runs(instance, but=own.run_id) == [dead.run_id]
        found = {run.run_id: run.status for run in instance.get_runs()}
        assert found == {
            dead.run_id: dg.DagsterRunStatus.FAILURE,
            own.run_id: dg.DagsterRunStatus.STARTED,
            done: dg.DagsterRunStatus.SUCCESS,
            waiting.run_id: dg.DagsterRunStatus.NOT_STARTED,
        }
        assert end_dead_runs(instance, but=own.run_id) == []


def test_events_are_on_disk_for_everybody_while_the_log_is_kept_open(
    tmp_path: Path,
) -> None:
    with open_instance(tmp_path) as instance:
        run_id = night.execute_in_process(instance=instance).run_id
        written = len(instance.all_logs(run_id))
        log = instance.event_log_storage
        assert isinstance(log, OpenEventLog)
        with log.run_connection(run_id) as connection:
            assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("pragma synchronous").scalar() == 1
        # Dagster's own reader, in the place where it looks.
        own = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
        assert len(own.get_logs_for_run(run_id)) == written > 5
