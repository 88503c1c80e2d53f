"""A warehouse at work: locked, repaired, with its sandbox served when it has one.

Belongs here: what holds for several nights in a row (command line) or for one (schedule).
Stays out: the nights' steps, the asset graph.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest import landing
from ingest.errors import IngestError
from orchestration.acknowledgements import read_acknowledged
from orchestration.alerts import send_alert
from orchestration.backfill import STEP, note_due_night
from orchestration.build_file import prepare_build_file
from orchestration.dbt_setup import start_night_dbt
from orchestration.lock import BusyError, HandedOverError, RunLock, hold_run_lock
from orchestration.night_run import NightRun, night_instant
from orchestration.outcome import alert_for, close_night
from orchestration.prune import prune
from orchestration.publish import build_id_for, recover
from orchestration.room import check_room, explained
from orchestration.sandbox import Sandbox, serve_sandbox
from orchestration.settings import Settings, disable_telemetry, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime
    from pathlib import Path

    from orchestration.dbt_process import DbtProcess


@dataclass
class Session:
    """A held warehouse; what is entered into `stack` ends with it."""

    settings: Settings
    step: str
    lock: RunLock
    clock: Callable[[], datetime]
    say: Callable[[str], None]
    sandbox: Sandbox | None
    stack: ExitStack
    dbt: DbtProcess | None = None
    has_told: bool = False
    """Whether a night of this session has said how it ended, to people as well."""

    def start_dbt(self) -> DbtProcess:
        """Start the dbt of the next night that builds: it parses while sources are read."""
        self.dbt = self.stack.enter_context(start_night_dbt(self.settings))
        return self.dbt

    def open_night(
        self,
        as_of: date,
        *,
        refetch: bool = False,
        full_refresh: bool = False,
        only_sources: frozenset[str] = frozenset(),
        ledger_lines: int | None = None,
    ) -> NightRun:
        """Return one night to run; in the sandbox the clock is set to it first."""
        now = self.clock()
        if self.sandbox is not None:
            now = night_instant(as_of, self.settings.config.company.timezone)
            self.say(f"sandbox company: it is {now.isoformat(timespec='minutes')}")
            self.sandbox.set_clock(now)
        step = f"night of {as_of.isoformat()}"
        is_backfill = self.step.startswith(STEP)
        self.lock.note_step(f"{self.step}: {step}" if is_backfill else step)
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
            ledger_lines=ledger_lines,
            acknowledged=read_acknowledged(self.settings.home.root),
            say=self.say,
            dbt=self.dbt,
        )

    def end_night(self, night: NightRun, *, problem: str = "") -> None:
        """Settle and keep the report, and tell people when there is something to tell."""
        try:
            close_night(night, finished_at=self.clock(), problem=problem)
        finally:
            # Also when a full disk takes no report: then people have nothing but this.
            self.tell_people(night)

    def tell_people(self, night: NightRun) -> None:
        """Alert people if the night failed or held something back."""
        self.has_told = True
        alert = alert_for(night.report, night.settings.config.company.name)
        if alert is not None:
            for failed in send_alert(alert, night.settings.alerts):
                night.say(f"alert: {failed}")


@contextmanager
def open_session(
    settings: Settings,
    *,
    step: str,
    clock: Callable[[], datetime],
    say: Callable[[str], None],
    due: date | None = None,
) -> Iterator[Session]:
    """Hold the warehouse: lock it, put it in order after a kill, serve its sandbox.

    `due` is the night this is for, if it is one that must not be lost to a long backfill.

    Raises:
        BusyError: another run holds it.
        HandedOverError: a backfill holds it and was left word of the night that is due.
        StorageError: the disk is full or not ours, now or at any time in the block.
        ForeignHolderError: a program outside the pipeline has the build file open.
    """
    disable_telemetry()
    home = settings.home
    with explained(settings), ExitStack() as stack:
        lock = _hold_or_hand_over(stack, home.root, step, now=clock(), due=due)
        landing.repair(home.root)
        said = recover(home.published)
        if said:
            say(said)
        check_room(settings)
        prepare_build_file(
            home.warehouse,
            sleep=time.sleep,
            say=say,
            patience_seconds=settings.patience_seconds,
        )
        sandbox = None
        if settings.config.uses_sandbox and not settings.sandbox_url:
            say("sandbox company: starting")
            sandbox = stack.enter_context(serve_sandbox(home.sandbox, now=clock()))
            settings = load_settings(
                root=home.root,
                config_path=settings.config.path,
                sandbox_url=sandbox.url,
            )
        try:
            yield Session(settings, step, lock, clock, say, sandbox, stack)
        finally:
            _tidy(settings, say)


def _hold_or_hand_over(
    stack: ExitStack, root: Path, step: str, *, now: datetime, due: date | None
) -> RunLock:
    try:
        return stack.enter_context(hold_run_lock(root, step=step, now=now))
    except BusyError as busy:
        holder = busy.holder
        if due is None or holder is None or not holder.step.startswith(STEP):
            raise
        note_due_night(root, due)
        message = (
            f"A {holder.step.split(':')[0]} holds this warehouse (pid {holder.pid}); it was "
            f"left word and runs the night of {due} between two of its days."
        )
        raise HandedOverError(message) from None


def _tidy(settings: Settings, say: Callable[[str], None]) -> None:
    """Keep what nights leave behind within its bounds; never the reason a night fails."""
    try:
        prune(settings.home, keep_builds=settings.config.publish.keep)
    except IngestError as error:
        say(f"not tidied up: {error}")
