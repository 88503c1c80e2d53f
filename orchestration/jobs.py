"""The two jobs: a whole night, and landing alone (for nights that were missed).

Belongs here: job definitions. Stays out: schedules. Both run in one process: every extra
process would import everything again (2 to 4 s a step) and two would collide on the file.
"""

from __future__ import annotations

from typing import Final

import dagster as dg

NIGHTLY: Final = "nightly"
LANDING: Final = "landing"
WRITER_TAG: Final = {"warehouse/writer": "one"}
"""Runs with this tag exclude each other in the queue (see `instance`)."""


def night_jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """Return the jobs."""
    to_raw = dg.AssetSelection.groups("incoming", "raw")
    return [
        dg.define_asset_job(
            NIGHTLY,
            selection=dg.AssetSelection.all(),
            description="Extract, gate, promote, build, gate, publish one as-of day.",
            executor_def=dg.in_process_executor,
            tags=WRITER_TAG,
        ),
        dg.define_asset_job(
            LANDING,
            selection=to_raw,
            description="Extract, gate and promote one as-of day; nothing is built.",
            executor_def=dg.in_process_executor,
            tags=WRITER_TAG,
        ),
    ]
