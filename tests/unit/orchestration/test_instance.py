"""Runs whose process was killed are ended at the next start, not left open for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

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
