"""Many nights of the small company in one process: on time, caught up late, or backfilled.

Belongs here: the order of such nights, told on the command line. Stays out: the company
(`world`), how one of its nights is built (`theatre`), judging (the tests).

    python -m tests.faults.long_hauls <folder> nights <day>…     each on its own evening
    python -m tests.faults.long_hauls <folder> backfill <from> <to> [source]

A night after missed ones lands them first, late: its sources tell what they know by then.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator  # noqa: TC003 - Dagster reads it
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import dagster as dg

from ingest.errors import IngestError
from orchestration.assets.models import run_dbt
from orchestration.backfill import (
    STEP,
    begin_backfill,
    land_missed,
    plan_backfill,
    run_backfill,
)
from orchestration.dbt_setup import manifest_file
from orchestration.instance import open_instance
from orchestration.night_run import night_instant
from orchestration.publish import read_published_tables
from orchestration.session import Session, open_session
from orchestration.settings import arm_faults
from tests.faults import theatre, world

if TYPE_CHECKING:
    from orchestration.night import NightReport
    from orchestration.night_run import NightRun
    from orchestration.runner import NightRunner

ZONE = "Asia/Ho_Chi_Minh"
PARTS = 150
"""About what a whole night writes into the run history: a materialization per model."""


@dataclass(frozen=True)
class Runner:
    """Builds and publishes nights as the small company's theatre does."""

    session: Session

    def run_all(self, as_of: date) -> NightReport:
        failed = land_missed(self.session, as_of)
        return failed or self.run(self.session.open_night(as_of))

    def run(self, night: NightRun) -> NightReport:
        theatre._land(night)
        settings = night.settings
        manifest = json.loads(manifest_file(settings).read_text("utf-8"))
        for _ in run_dbt(night, manifest, []):
            pass
        theatre._publish(night, read_published_tables(manifest_file(settings)))
        night.report.published = night.build_id
        with open_instance(settings.home.dagster) as instance:
            dg.materialize([models], instance=instance)
        self.session.end_night(night)
        return night.report


@dg.multi_asset(
    specs=[dg.AssetSpec(f"part_{number}") for number in range(PARTS)],
    check_specs=[dg.AssetCheckSpec("rows", asset=f"part_{n}") for n in range(PARTS)],
)
def models() -> Iterator[dg.MaterializeResult]:
    """Stand for the night's graph in the run history."""
    for number in range(PARTS):
        yield dg.MaterializeResult(
            asset_key=f"part_{number}",
            metadata={"seconds": 0.1},
            check_results=[
                dg.AssetCheckResult(
                    check_name="rows", asset_key=f"part_{number}", passed=True
                )
            ],
        )


@contextmanager
def hold(folder: Path, as_of: date, step: str) -> Iterator[Session]:
    """Hold the warehouse on the evening of a day; vendor and drop say what they say then."""
    vendor = world.Vendor(as_of, folder / "asked.txt")
    world.write_drop(folder / "drop", as_of)
    settings = theatre.settings_in(folder, vendor.url)
    # The evening goes on while a test lasts: two builds of one evening have two ids.
    passed = time.time() - (folder / "project").stat().st_mtime
    now = night_instant(as_of, ZONE) + timedelta(seconds=passed)
    with open_session(
        settings, step=step, clock=lambda: now, say=theatre._say
    ) as session:
        yield session


def nights(folder: Path, days: list[date]) -> None:
    """Run every night on its own evening."""
    for as_of in days:
        with hold(folder, as_of, f"night of {as_of}") as session:
            Runner(session).run_all(as_of)


def backfill(folder: Path, first: date, last: date, source: str) -> None:
    """Fill in days long gone; it is the evening of the newest day the company has had."""
    lines = (folder / "root" / "state" / "ledger.jsonl").read_text("utf-8").splitlines()
    loads = [date.fromisoformat(json.loads(line)["load_date"]) for line in lines]
    newest = max([last, *(day - world.DAY for day in loads)])
    with hold(folder, newest, STEP) as session:
        root = session.settings.home.root
        plan = plan_backfill(root, first, last, source=source, now=session.clock())
        begin_backfill(root, plan)
        runner = cast("NightRunner", Runner(session))
        run_backfill(session, plan, runner=lambda: runner)


def main(folder: Path, what: str, *words: str) -> int:
    """Do what was asked; return the exit code."""
    arm_faults()
    if not (folder / "project").exists():
        theatre.prepare(folder)
    try:
        if what == "backfill":
            first, last, *source = words
            days = date.fromisoformat(first), date.fromisoformat(last)
            backfill(folder, *days, "".join(source))
        else:
            nights(folder, [date.fromisoformat(word) for word in words])
    except IngestError as error:
        theatre._say(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
