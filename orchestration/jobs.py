"""The nightly job.

Belongs here: job definitions. Stays out: schedules. It runs in one process: every extra
process would import everything again (2 to 4 s a step) and two would collide on the file.
"""

from __future__ import annotations

from typing import Final

import dagster as dg

NIGHTLY: Final = "nightly"
WRITER_TAG: Final = {"warehouse/writer": "one"}
"""Runs with this tag exclude each other in the queue (see `instance`)."""
TOLD_TAG: Final = "warehouse/told"
"""On a failed run of which people know, or will hear from the run that is in its way."""


def nightly_job() -> dg.UnresolvedAssetJobDefinition:
    """Return the job of a whole night; missed nights are landed before its first step."""
    return dg.define_asset_job(
        NIGHTLY,
        selection=dg.AssetSelection.all(),
        description="Extract, gate, promote, build, gate, publish one as-of day.",
        executor_def=dg.in_process_executor,
        tags=WRITER_TAG,
    )
