"""The Dagster instance of a warehouse: run history below its root, nothing reported home.

Belongs here: writing `dagster.yaml` and opening the instance. Stays out: definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import dagster as dg

if TYPE_CHECKING:
    from pathlib import Path

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
