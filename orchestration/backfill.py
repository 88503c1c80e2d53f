"""Nights that were missed or are asked for again: what is planned, done, and comes between.

Belongs here: landing one day without building it, the plan of a backfill, the night that falls
due while one runs. Stays out: extraction and promotion (`orchestration.ingestion`), building
(`orchestration.runner`), the verbs (`cli.nights`).

The ledger says what is done, so a plan holds no state of its own that a kill could leave
wrong: a stream and day it has promoted since the plan began is not fetched again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from ingest import ledger
from ingest.errors import ConfigError, IngestError
from ingest.sources import streams_of
from ingest.storage import disk_errors, write_file
from orchestration.ingestion import (
    blocking_problems,
    land_source,
    promote_source,
    stream_path,
)
from orchestration.night import Outcome
from orchestration.night_run import DAY, missed_nights
from orchestration.outcome import last_line
from orchestration.publish import current_build, read_manifest
from orchestration.room import explained
from orchestration.stopping import was_stopped
from orchestration.totals import landed_breaks

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from orchestration.night import NightReport
    from orchestration.night_run import NightRun
    from orchestration.runner import NightRunner
    from orchestration.session import Session
    from orchestration.settings import Settings

STEP: Final = "backfill"
"""How the step of a lock held by a backfill begins: a night that finds it is handed over."""

_LEFT_ALONE: Final = frozenset({Outcome.REPLAYED, Outcome.DEFERRED})


@dataclass(frozen=True)
class Backfill:
    """Days to land, both ends in; `source` '' = every source, as far as days are missing.

    `ledger_lines` is how long the ledger was when it began: with a source, what was promoted
    later is done and what was promoted before is asked for again.
    """

    first: str
    last: str
    source: str
    ledger_lines: int
    begun_at: str

    @property
    def days(self) -> list[date]:
        """Every as-of day, oldest first."""
        start, end = date.fromisoformat(self.first), date.fromisoformat(self.last)
        return [start + number * DAY for number in range((end - start).days + 1)]

    def asks_for(self, first: date, last: date, source: str) -> bool:
        """Return whether it is the plan of these words."""
        return (self.first, self.last, self.source) == (
            first.isoformat(),
            last.isoformat(),
            source,
        )


def read_backfill(root: Path) -> Backfill | None:
    """Return the backfill that was begun and not finished, if there is one."""
    try:
        return Backfill(**json.loads(_plan_file(root).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def plan_backfill(
    root: Path, first: date, last: date, *, source: str, now: datetime
) -> Backfill:
    """Return the plan to follow: the unfinished one of the same words, or a new one."""
    known = read_backfill(root)
    if known is not None and known.asks_for(first, last, source):
        return known
    return Backfill(
        first=first.isoformat(),
        last=last.isoformat(),
        source=source,
        ledger_lines=len(ledger.read(root)),
        begun_at=now.isoformat(timespec="seconds"),
    )


def begin_backfill(root: Path, plan: Backfill) -> None:
    """Keep the plan, so that the same words go on with it after a kill."""
    with disk_errors("write the plan of the backfill"):
        write_file(_plan_file(root), json.dumps(asdict(plan), indent=1).encode())


def days_done(settings: Settings, plan: Backfill) -> list[date]:
    """Return the planned days on which every wanted source has landed something since.

    For people: the last word on a single stream is the ledger's, when the day is landed.
    """
    batches = ledger.read(settings.home.root)
    since = batches[plan.ledger_lines :] if plan.source else ledger.live(batches)
    landed = {(batch.stream_path, batch.load_date) for batch in since}
    wanted = [
        {stream_path(stream) for stream in streams_of(source)}
        for source in settings.config.sources
        if plan.source in ("", source.name)
    ]
    return [
        day
        for day in plan.days
        if all(
            any((stream, day + DAY) in landed for stream in streams)
            for streams in wanted
        )
    ]


def describe_plan(plan: Backfill, done: list[date]) -> str:
    """Return one line: how much of a backfill has landed and what comes next."""
    remaining = [day for day in plan.days if day not in set(done)]
    of = f" of {plan.source}" if plan.source else ""
    following = f"next is {remaining[0]}" if remaining else "it remains to build"
    return (
        f"backfill{of} {plan.first} to {plan.last}, begun {plan.begun_at}: "
        f"{len(done)} of {len(plan.days)} days have landed, {following}"
    )


def run_backfill(
    session: Session, plan: Backfill, *, runner: Callable[[], NightRunner]
) -> NightReport:
    """Land the planned days, then build; return the report of the build or what failed.

    A night that falls due meanwhile is run between two days. The last day is landed by the
    build itself, unless newer nights have run: then the newest is built.
    """
    root, made = session.settings.home.root, _Once(runner)
    asked: dict[str, Any] = {}
    if plan.source:
        asked = {
            "refetch": True,
            "ledger_lines": plan.ledger_lines,
            "only_sources": frozenset({plan.source}),
        }
    for number, day in enumerate(plan.days, start=1):
        _run_due_night(session, made)
        if day == build_day(session.settings, plan):
            break
        session.say(f"{day} ({number} of {len(plan.days)}): landing")
        report = land_night(session, session.open_night(day, **asked))
        if report.exit_code:
            return report
    day = build_day(session.settings, plan)
    if day not in plan.days:
        # Newer than what was asked for: nothing of it is asked again.
        asked.pop("refetch", None)
    session.say(f"night of {day}")
    report = made.get().run(session.open_night(day, **asked))
    if not report.exit_code:
        _plan_file(root).unlink(missing_ok=True)
    _run_due_night(session, made)
    return report


def _run_due_night(session: Session, runner: _Once) -> None:
    """Run the night a backfill was left word of, unless a newer one is published."""
    due = take_due_night(session.settings.home.root)
    build = current_build(session.settings.home.published)
    if due is None or (build and read_manifest(build).as_of_date >= due.isoformat()):
        return
    session.say(f"night of {due} fell due meanwhile: it runs first")
    report = runner.get().run_all(due)
    session.say(last_line(report))


class _Once:
    """Makes the runner when a night is first built: the asset graph takes seconds."""

    def __init__(self, make: Callable[[], NightRunner]) -> None:
        self._make = make
        self._made: NightRunner | None = None

    def get(self) -> NightRunner:
        """Return the runner."""
        self._made = self._made or self._make()
        return self._made


def build_day(settings: Settings, plan: Backfill) -> date:
    """Return the day a backfill builds: its last one, or the newest night when that is later.

    Readers are never taken back to an older day because history was filled in.

    Raises:
        ConfigError: one source alone is asked for days the others have not had a night for.
    """
    last = date.fromisoformat(plan.last)
    landed = ledger.read(settings.home.root)
    newest = max((batch.load_date - DAY for batch in landed), default=None)
    if plan.source and (newest is None or newest < last):
        until = f"the newest night is {newest}" if newest else "no night has run yet"
        message = (
            f"--to {last} with --source {plan.source}: {until}, so the other sources have "
            "nothing for that day; run `warehouse nightly` first or choose an earlier --to"
        )
        raise ConfigError(message)
    return last if newest is None else max(last, newest)


def land_missed(session: Session, as_of: date) -> NightReport | None:
    """Land the nights missed before `as_of`, oldest first; return the first that failed.

    What has landed stays landed: a kill or a failure costs the night it happens in.
    """
    missed = missed_nights(session.settings, as_of)
    for number, earlier in enumerate(missed, start=1):
        session.say(
            f"night of {earlier} ({number} of {len(missed)} before {as_of}): landing"
        )
        report = land_night(session, session.open_night(earlier))
        if report.exit_code:
            return report
    return None


def land_night(session: Session, night: NightRun) -> NightReport:
    """Extract, judge and promote every stream of one day and keep its report; build nothing."""
    night.only_landing = True
    problem = ""
    try:
        with explained(night.settings):
            problem = "; ".join(_land_sources(night))
    except BaseException as error:
        if was_stopped(error):
            session.end_night(night, problem="stopped from outside")
            raise KeyboardInterrupt from None
        if not isinstance(error, IngestError):
            raise
        problem = str(error)
        night.report.exit_code = error.exit_code
    if problem or _has_fetched(night):
        session.end_night(night, problem=problem)
    return night.report


def _land_sources(night: NightRun) -> list[str]:
    """Return why the day is not whole: streams without data, control totals that differ."""
    for source in night.settings.config.sources:
        for _ in land_source(night, source):
            pass
        for _ in promote_source(night, source):
            pass
    return [*blocking_problems(night), *landed_breaks(night)]


def _has_fetched(night: NightRun) -> bool:
    """Return whether the day asked any source; if not, its earlier report stands."""
    return any(stream.outcome not in _LEFT_ALONE for stream in night.report.streams)


def note_due_night(root: Path, as_of: date) -> None:
    """Leave word that a night was due while a backfill held the warehouse."""
    with disk_errors("note the night that is due"):
        write_file(_due_file(root), as_of.isoformat().encode())


def take_due_night(root: Path) -> date | None:
    """Return the night that fell due meanwhile, once."""
    path = _due_file(root)
    try:
        as_of = date.fromisoformat(path.read_text("utf-8").strip())
    except (OSError, ValueError):
        return None
    path.unlink()
    return as_of


def _plan_file(root: Path) -> Path:
    return root / "state" / "backfill.json"


def _due_file(root: Path) -> Path:
    return root / "state" / "night_due"
