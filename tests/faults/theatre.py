"""Nights played in processes that may be killed: one stage, a fork for every performance.

Belongs here: the process that has everything imported once, and the steps of a small night in
the order Dagster runs them. Stays out: the company (`world`), judging (`invariants`).

Starting Python, dbt's graph, Great Expectations and Dagster costs five seconds; a fork costs
milliseconds. That is what makes a kill at every point affordable in `make test`. The same
points are killed in whole nights through the command in the long lane.

    python -m tests.faults.theatre <folder>      one JSON order per line on standard input
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

# Everything a night imports on its way, so that no fork pays for it.
import duckdb
import great_expectations  # noqa: F401 - loaded once, before the forks
import httpcore  # noqa: F401 - loaded once, before the forks
import pandas.core.methods.to_dict  # noqa: F401 - loaded once, before the forks
import pyarrow.acero
import pyarrow.dataset  # noqa: F401 - loaded once, before the forks

from ingest import faults, landing, ledger
from ingest.errors import IngestError
from ingest.sources import file_source, source_of
from orchestration.assets.models import run_dbt
from orchestration.build_file import prepare_build_file
from orchestration.dbt_setup import dbt_vars, manifest_file, prepare_manifest
from orchestration.gates import judge_tables
from orchestration.ingestion import blocking_problems, land_source, promote_source
from orchestration.lock import hold_run_lock
from orchestration.night_run import NightRun, night_instant
from orchestration.publish import (
    PublishedTable,
    PublishRequest,
    build_id_for,
    publish_build,
    read_published_tables,
    recover,
)
from orchestration.room import check_room, explained
from orchestration.session import open_session
from orchestration.settings import Settings, load_settings
from orchestration.stopping import end_when_asked, was_stopped
from tests.faults import world

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ("land", "build", "publish")


@dataclass(frozen=True)
class Order:
    """One performance: which night, up to or from which stage, and what befalls it."""

    as_of: str
    faults: str = ""
    first: str = "land"
    last: str = "publish"
    after: float = 0.0
    """Seconds until the signal, when one is to be sent."""
    signal: int = 0
    whole_group: bool = True
    reached: str = ""


@dataclass(frozen=True)
class Ended:
    """How a performance ended: exit code (minus the signal), what it said, how long."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True)
class TinySettings(Settings):
    """The settings of a warehouse that builds the small project."""

    project: Path = Path()

    @property
    def dbt_project_dir(self) -> Path:
        return self.project


def settings_in(folder: Path, url: str = "http://127.0.0.1:1") -> TinySettings:
    """Return the settings of the company in a folder, with its vendor at an address."""
    config = folder / "warehouse.yml"
    config.write_text(world.CONFIG.replace("URL", url), "utf-8")
    read = load_settings(
        root=folder / "root",
        config_path=config,
        environ={world.TOKEN_ENV: world.TOKEN},
    )
    given = {field.name: getattr(read, field.name) for field in fields(read)}
    return TinySettings(**given, project=folder / "project")


def prepare(folder: Path) -> None:
    """Write the company and parse its dbt project, once."""
    world.write_project(folder / "project")
    settings = settings_in(folder)
    prepare_manifest(
        settings, dbt_vars(settings.config, raw=settings.home.raw_from_root)
    )


def play(folder: Path, order: Order) -> None:
    """Run the stages of one small night, as the jobs do."""
    as_of = date.fromisoformat(order.as_of)
    vendor = world.Vendor(as_of, folder / "asked.txt")
    settings = settings_in(folder, vendor.url)
    world.write_drop(folder / "drop", as_of)
    stages = STAGES[STAGES.index(order.first) : STAGES.index(order.last) + 1]
    with _session(settings, as_of, needs_dbt="build" in stages) as run:
        if "land" in stages:
            _land(run)
        if "build" in stages:
            manifest = json.loads(manifest_file(settings).read_text("utf-8"))
            for _ in run_dbt(run, manifest, []):
                pass
        elif "publish" in stages:
            _take_over(run)
        if "publish" in stages:
            tables = read_published_tables(manifest_file(settings))
            for _, _, verdict in judge_tables(
                settings.home.warehouse, tables, as_of=as_of
            ):
                assert verdict.passed, verdict.describe()
            _publish(run, tables)


@contextmanager
def _session(settings: Settings, as_of: date, *, needs_dbt: bool) -> Iterator[NightRun]:
    """Open a night as the command does; without dbt's process where nothing is built."""
    now = night_instant(as_of, settings.config.company.timezone)
    step = f"night of {as_of}"
    if needs_dbt:
        with open_session(settings, step=step, clock=_clock, say=_say) as session:
            yield replace(session.open_night(as_of), now=now)
        return
    home = settings.home
    with explained(settings), hold_run_lock(home.root, step=step, now=_clock()):
        landing.repair(home.root)
        recover(home.published)
        check_room(settings)
        prepare_build_file(
            home.warehouse, sleep=time.sleep, say=_say, patience_seconds=0
        )
        yield NightRun(
            settings=settings,
            as_of=as_of,
            now=now,
            build_id=build_id_for(as_of, _clock(), seed="faults"),
            clock=_clock,
            say=_say,
        )


def _clock() -> datetime:
    return datetime.now(UTC)


def _take_over(run: NightRun) -> None:
    """Write this run's build id where dbt would have written it, to publish without dbt."""
    with duckdb.connect(str(run.settings.home.warehouse)) as con:
        for table in ("fct_ad_performance_daily", "build_info"):
            con.execute(f"update {table} set build_id = ?", [run.build_id])


def _publish(run: NightRun, tables: tuple[PublishedTable, ...]) -> None:
    """Publish as `publish_night` does; its page needs KPIs, which this company has none of."""
    publish_build(
        PublishRequest(
            warehouse=run.settings.home.warehouse,
            published=run.settings.home.published,
            tables=tables,
            build_id=run.build_id,
            as_of=run.as_of,
            code_version="faults",
            company_name=run.settings.config.company.name,
            now=run.clock(),
            keep=run.settings.config.publish.keep,
        ),
        render=lambda folder: {"index.html": f"<p>{folder.name}</p>".encode()},
    )


def _land(run: NightRun) -> None:
    sources = run.settings.config.sources
    for source in sources:
        list(land_source(run, source))
    for source in sources:
        list(promote_source(run, source))
    landing.ensure_empty_batches(run.settings.home.root)
    ledger.export(run.settings.home.root)
    problems = blocking_problems(run)
    assert not problems, problems


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def perform(folder: Path, order: Order) -> Ended:
    """Play one night in a fork and tell how it ended."""
    said = folder / "said.txt"
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _child(folder, order, said)
    deadline = began + order.after if order.signal else None
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if deadline is not None and time.monotonic() >= deadline:
            deadline = None
            with suppress(ProcessLookupError):
                send = os.killpg if order.whole_group else os.kill
                send(child, order.signal)
            began = time.monotonic()
        time.sleep(0.005)
    return Ended(
        os.waitstatus_to_exitcode(status),
        said.read_text("utf-8", errors="replace") if said.exists() else "",
        round(time.monotonic() - began, 3),
    )


def _child(folder: Path, order: Order, said: Path) -> None:
    """Be the night: own process group, own output, the code a command would leave with."""
    code = 1
    try:
        os.setsid()
        sink = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        end_when_asked()
        record = Path(order.reached) if order.reached else None
        faults.arm(order.faults, record=record)
        play(folder, order)
        code = 0
    except IngestError as error:
        _say(str(error))
        code = error.exit_code
    except BaseException as error:  # noqa: BLE001 - the parent must see every end
        if was_stopped(error):
            code = 130
        else:
            traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Perform orders until the input ends."""
    folder = Path(sys.argv[1])
    file_source()
    source_of("meta_ads")
    prepare(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        ended = perform(folder, Order(**json.loads(line)))
        sys.stdout.write(json.dumps(asdict(ended)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
