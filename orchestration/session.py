"""A warehouse at work: locked, repaired, with its sandbox served when it has one.

Belongs here: what holds for several nights in a row (command line) or for one (schedule).
Stays out: the nights' steps, the asset graph.
"""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest import landing
from ingest.errors import StorageError
from orchestration.acknowledgements import read_acknowledged
from orchestration.dbt_setup import wait_for_build_file
from orchestration.lock import RunLock, hold_run_lock
from orchestration.night_run import NightRun, night_instant
from orchestration.publish import build_id_for, recover
from orchestration.sandbox import Sandbox, serve_sandbox
from orchestration.settings import Settings, disable_telemetry, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime
    from pathlib import Path

_ROOM_FACTOR: Final = 3
"""A night needs a new build file, a new published build and spill space at most."""


@dataclass(frozen=True)
class Session:
    """A held warehouse."""

    settings: Settings
    lock: RunLock
    clock: Callable[[], datetime]
    say: Callable[[str], None]
    sandbox: Sandbox | None

    def open_night(
        self,
        as_of: date,
        *,
        refetch: bool = False,
        full_refresh: bool = False,
        only_sources: frozenset[str] = frozenset(),
    ) -> NightRun:
        """Return one night to run; in the sandbox the clock is set to it first."""
        now = self.clock()
        if self.sandbox is not None:
            now = night_instant(as_of, self.settings.config.company.timezone)
            self.say(f"sandbox company: it is {now.isoformat(timespec='minutes')}")
            self.sandbox.set_clock(now)
        self.lock.note_step(f"night of {as_of.isoformat()}")
        seed = f"{self.settings.code_version}|{self.settings.home.root}"
        return NightRun(
            settings=self.settings,
            as_of=as_of,
            now=now,
            build_id=build_id_for(as_of, self.clock(), seed=seed),
            clock=self.clock,
            refetch=refetch,
            full_refresh=full_refresh,
            only_sources=only_sources,
            acknowledged=read_acknowledged(self.settings.home.root),
            say=self.say,
        )


@contextmanager
def open_session(
    settings: Settings,
    *,
    step: str,
    clock: Callable[[], datetime],
    say: Callable[[str], None],
) -> Iterator[Session]:
    """Hold the warehouse: lock it, put it in order after a kill, serve its sandbox.

    Raises:
        BusyError: another run holds it.
        StorageError: the disk is full or not ours.
    """
    disable_telemetry()
    home = settings.home
    with ExitStack() as stack:
        lock = stack.enter_context(hold_run_lock(home.root, step=step, now=clock()))
        landing.repair(home.root)
        said = recover(home.published)
        if said:
            say(said)
        check_room(home.root, home.warehouse, home.published)
        wait_for_build_file(home.warehouse, sleep=time.sleep)
        sandbox = None
        if settings.config.uses_sandbox and not settings.sandbox_url:
            say("sandbox company: starting")
            sandbox = stack.enter_context(serve_sandbox(home.sandbox, now=clock()))
            settings = load_settings(
                root=home.root,
                config_path=settings.config.path,
                sandbox_url=sandbox.url,
            )
        yield Session(settings, lock, clock, say, sandbox)


def check_room(root: Path, warehouse: Path, published: Path) -> None:
    """Refuse to start when the last build would not fit three times.

    Raises:
        StorageError: too little is free.
    """
    sizes = [warehouse.stat().st_size] if warehouse.exists() else [0]
    current = published / "current"
    if current.exists():
        files = (path for path in current.resolve().rglob("*") if path.is_file())
        sizes.append(sum(path.stat().st_size for path in files))
    needed = _ROOM_FACTOR * max(sizes)
    free = shutil.disk_usage(root).free
    if free < needed:
        message = (
            f"{root} has {free:,} bytes free, a night may need {needed:,}; "
            "free some space and run again. What is published is not affected."
        )
        raise StorageError(message)
