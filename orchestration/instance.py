"""The Dagster instance of a warehouse: run history below its root, nothing reported home.

Belongs here: writing `dagster.yaml`, opening the instance, ending runs a kill left open,
forgetting old ones.
Stays out: definitions.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from ingest.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

_OPEN: Final = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

_ENDED: Final = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
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
retention:
  schedule:
    purge_after_days: 90
  sensor:
    # The failure sensor looks twice a minute: ticks that found nothing tell nothing.
    purge_after_days: {skipped: 1, failure: 90, success: 90, started: 1}
event_log_storage:
  # Where Dagster itself would put it.
  module: orchestration.event_log
  class: OpenEventLog
  config:
    base_dir: {events}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def prepare_instance(folder: Path) -> None:
    """Write the instance's configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dagster.yaml"
    events = json.dumps(str(folder.resolve() / "history" / "runs"))
    content = _YAML.replace("{events}", events)
    if not path.is_file() or path.read_text("utf-8") != content:
        path.write_text(content, encoding="utf-8")


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


def forget_old_runs(
    folder: Path, *, keep: int, dry_run: bool = False
) -> tuple[int, int]:
    """Delete all but the newest runs with their events; return how many, and the bytes.

    Dagster deletes rows: the file it keeps per run, and the rows it writes about checks, stay
    behind, so both are removed here (1.13.27, read in its source).
    """
    if not (folder / "history" / "runs.db").is_file():
        return 0, 0
    try:
        return _forget_old_runs(folder, keep=keep, dry_run=dry_run)
    except (sqlite3.Error, SQLAlchemyError) as error:
        message = (
            f"{folder}: the run history cannot be cut ({type(error).__name__}); the next "
            "night tries again"
        )
        raise StorageError(message) from error


def _forget_old_runs(folder: Path, *, keep: int, dry_run: bool) -> tuple[int, int]:
    freed = 0
    with open_instance(folder) as instance:
        runs = instance.get_runs(filters=dg.RunsFilter(statuses=_ENDED))[keep:]
        for run in runs:
            shard = folder / "history" / "runs" / f"{run.run_id}.db"
            freed += shard.stat().st_size if shard.is_file() else 0
            if not dry_run:
                instance.delete_run(run.run_id)
                for path in shard.parent.glob(f"{shard.name}*"):
                    path.unlink()
    if runs and not dry_run:
        _forget_checks(
            folder / "history" / "runs" / "index.db", [r.run_id for r in runs]
        )
    return len(runs), freed


def _forget_checks(index: Path, run_ids: list[str]) -> None:
    """Delete what is kept of the checks of runs; freed pages are used again."""
    with closing(sqlite3.connect(index, timeout=30)) as con, con:
        con.executemany(
            "delete from asset_check_executions where run_id = ?",
            [(run_id,) for run_id in run_ids],
        )
