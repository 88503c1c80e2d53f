"""The Dagster instance of a warehouse: run history below its root, nothing reported home.

Belongs here: writing `dagster.yaml`, opening the instance, ending runs a kill left open.
Stays out: definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import dagster as dg

if TYPE_CHECKING:
    from pathlib import Path

_OPEN: Final = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

_YAML: Final = """\
# Written by the warehouse at every start; changes are lost.
telemetry:
  enabled: false
nux:
  # No dialog that asks for an address in front of the night.
  enabled: false
concurrency:
  runs:
    # Two runs would collide on the build file; the run lock is the second line of defence.
    max_concurrent_runs: 1
run_monitoring:
  enabled: true
  # A killed run is ended here: the local launcher never notices by itself.
  max_runtime_seconds: 7200
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def prepare_instance(folder: Path) -> None:
    """Write the instance's configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dagster.yaml"
    if not path.is_file() or path.read_text("utf-8") != _YAML:
        path.write_text(_YAML, encoding="utf-8")


def open_instance(folder: Path) -> dg.DagsterInstance:
    """Return the instance, to be used as a context manager."""
    prepare_instance(folder)
    return dg.DagsterInstance.from_config(str(folder))


def end_dead_runs(instance: dg.DagsterInstance, *, but: str = "") -> list[str]:
    """Mark runs failed whose process is gone, and return their ids; `but` is our own run.

    Call it under the run lock: whoever does not hold the lock cannot be at work, and a run
    that is only about to ask for it is refused (exit 75). Without this a killed run would
    stay STARTED for ever, because a run inside a process has nobody who watches it.
    """
    dead = [
        run
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=_OPEN))
        if run.run_id != but
    ]
    for run in dead:
        instance.report_run_failed(
            run, "Its process ended without a word (killed or power cut)."
        )
    return [run.run_id for run in dead]
