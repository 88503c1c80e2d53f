"""One night at work: what every step of it shares.

Belongs here: `NightRun` and the dates of nights to run. Stays out: the steps
(`ingestion`, `gates`, `dbt_run`, `publish`), who calls them in which order (`assets`, `cli`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ingest import ledger
from orchestration.night import NightReport, read_report, write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestration.dbt_process import DbtProcess
    from orchestration.settings import Settings

DAY: Final = timedelta(days=1)
MOST_MISSED_NIGHTS: Final = 40
"""Nights caught up one by one. Of a longer gap only the last ones are: the first of them
reads from the cursor, which covers whatever came before."""
NIGHT_HOUR: Final = time(2, 0)
"""When the night extracts, in the company zone: the business day is over everywhere in the
company, and platforms have closed their day."""
REST: Final = "rest"
"""The step of whatever has no other: the orchestrator's own work, mostly."""


def _silent(_text: str) -> None:
    """Say nothing."""


@dataclass
class NightRun:
    """One night of one warehouse, and the report it fills in.

    `now` is the instant of extraction (the sandbox's own time there), `clock` the wall clock,
    `say` shows progress to whoever watches. `refetch`
    asks sources again for what was promoted already (before line `ledger_lines` of the ledger
    when that is given); `full_refresh` rebuilds every model. `dbt` was started in advance, if
    it was.
    """

    settings: Settings
    as_of: date
    now: datetime
    build_id: str
    clock: Callable[[], datetime]
    refetch: bool = False
    full_refresh: bool = False
    only_sources: frozenset[str] = frozenset()
    only_landing: bool = False
    ledger_lines: int | None = None
    acknowledged: frozenset[str] = frozenset()
    say: Callable[[str], None] = _silent
    dbt: DbtProcess | None = None
    report: NightReport = field(init=False)
    _step: str = field(init=False, default=REST)
    _step_since: float = field(init=False, default_factory=perf_counter)

    def __post_init__(self) -> None:
        """Open the night's report."""
        self.report = NightReport(
            as_of=self.as_of.isoformat(),
            build_id=self.build_id,
            started_at=self.clock().isoformat(timespec="seconds"),
        )

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count the time of a block to a step; a step inside another is not counted twice."""
        outer = self._step
        self._count_to(step)
        try:
            yield
        finally:
            self._count_to(outer)

    def _count_to(self, step: str) -> None:
        now = perf_counter()
        seconds = self.report.seconds
        passed = seconds.get(self._step, 0.0) + now - self._step_since
        seconds[self._step] = round(passed, 3)
        self._step, self._step_since = step, now

    @property
    def load_date(self) -> date:
        """The day the night's batches are landed under."""
        return self.as_of + DAY

    @property
    def caught_up_at(self) -> datetime | None:
        """When the night should have run, if it is landed at least a day late; else None.

        Such a night is followed by the next missed one, so it reads no further than that.
        """
        instant = night_instant(self.as_of, self.settings.config.company.timezone)
        is_late = self.only_landing and self.now >= instant + DAY
        return instant if is_late else None

    def save(self) -> None:
        """Keep the report as it stands."""
        self._count_to(self._step)
        write_report(self.settings.home.nights, self.report)


def yesterday(now: datetime, zone: str) -> date:
    """Return the last complete business day in the company zone."""
    return now.astimezone(ZoneInfo(zone)).date() - DAY


def night_instant(as_of: date, zone: str) -> datetime:
    """Return when the night of an as-of day runs, 02:00 of the next day there, as UTC."""
    local = datetime.combine(as_of + DAY, NIGHT_HOUR, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


def missed_nights(settings: Settings, as_of: date) -> list[date]:
    """Return the nights between the newest one that landed anything and `as_of`.

    Both ends left out, oldest first; the ledger knows, not a scheduler. Empty before the
    first night and when an older day is run again. A night without a report was killed while
    it landed: it is among the missed ones, and what it has landed is not fetched again.
    """
    promoted = ledger.read(settings.home.root)
    if not promoted:
        return []
    newest = max(batch.load_date for batch in promoted) - DAY
    was_killed = read_report(settings.home.nights, newest) is None
    days = (as_of - newest).days
    missed = [newest + offset * DAY for offset in range(0 if was_killed else 1, days)]
    return missed[-MOST_MISSED_NIGHTS:]
