"""Where a warehouse stands: what is served, how fresh it is, what needs a person.

Belongs here: collecting the facts from the published builds, the ledger, the night reports and
the lock, and judging them. Stays out: printing (`cli.state`), telling people (`watch`).
Nothing here opens the build file or takes the lock, so it may be asked at any time, also while
a night runs and when the scheduler is dead.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest import ledger
from ingest.errors import (
    EXIT_BAD_DATA,
    EXIT_BUSY,
    EXIT_CONFIG,
    EXIT_CREDENTIALS,
    EXIT_OK,
    EXIT_STORAGE_IO,
    EXIT_STORAGE_WRITE,
    EXIT_UNAVAILABLE,
    IngestError,
)
from ingest.landing import waiting_batches
from ingest.manifest import GATE_FILE
from ingest.paths import quarantine_dir
from orchestration.acknowledgements import COMMAND, read_acknowledged
from orchestration.backfill import read_backfill
from orchestration.file_history import (
    ReadOtherwise,
    Unproven,
    find_read_otherwise,
    find_unproven,
)
from orchestration.freshness import (
    STALE,
    SourceFreshness,
    measure_freshness,
)
from orchestration.lock import Holder, find_worker, read_holder
from orchestration.night import NightReport, describe_stream, list_nights, read_report
from orchestration.night_run import DAY, night_instant, yesterday
from orchestration.outcome import FAILED, last_line, next_step
from orchestration.periods import AREAS
from orchestration.periods.chain import closed_now, verify_closes
from orchestration.publish import Manifest, current_build, list_builds, read_manifest
from orchestration.publish.manifest import FRESH, HELD, find_damage
from orchestration.totals import BILLING_CONTROL
from orchestration.unpriced import NEXT_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ingest.config import WarehouseConfig
    from ingest.landing import LandedBatch
    from ingest.manifest import BatchManifest
    from orchestration.settings import Home

WORST_FIRST: Final = (
    EXIT_STORAGE_IO,
    EXIT_STORAGE_WRITE,
    EXIT_CONFIG,
    EXIT_CREDENTIALS,
    EXIT_BAD_DATA,
    EXIT_UNAVAILABLE,
    EXIT_BUSY,
)
"""What readers get comes first, then what never heals without a person, then what may."""

_NIGHTS_SHOWN: Final = 7
_QUARANTINE_DAYS: Final = timedelta(days=7)


@dataclass(frozen=True)
class Limits:
    """From when on something is wrong.

    `publish_age` is an hour more than a day: nights end at about the same time, and a look
    every hour then tells people at most 26 hours after the last publication.
    """

    publish_age: timedelta = timedelta(hours=25)
    run_length: timedelta = timedelta(hours=2)


@dataclass(frozen=True)
class Finding:
    """One thing a person should know: what, what to do, and the exit code it counts as.

    Exit code 0: worth saying, but the next night may well settle it by itself. `topic` is
    the same while the same thing is wrong, whatever figures the text holds by now.
    """

    topic: str
    text: str
    next_step: str
    exit_code: int


@dataclass(frozen=True)
class Waiting:
    """A batch that landed and is not in raw: which, and whether its gate was red."""

    source: str
    stream: str
    entity: str
    load_date: str
    row_count: int
    gate: str


@dataclass(frozen=True)
class Quarantined:
    """Rows refused in the last seven load dates, by source, entity, column and reason."""

    source: str
    entity: str
    column: str
    reason: str
    row_count: int


@dataclass(frozen=True)
class ClosedMonth:
    """A month of an area that is closed now: by whom, when, on which day's figures."""

    period: str
    by: str
    at: str
    as_of_date: str


@dataclass
class Status:
    """The whole picture; `findings` are judged from the rest, worst first."""

    checked_at: datetime
    build: Manifest | None = None
    build_age: timedelta | None = None
    builds: list[str] = field(default_factory=list)
    running: Holder | None = None
    killed: Holder | None = None
    nights: list[NightReport] = field(default_factory=list)
    last_run: NightReport | None = None
    missed: list[date] = field(default_factory=list)
    sources: list[SourceFreshness] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    quarantine: list[Quarantined] = field(default_factory=list)
    unproven: list[Unproven] = field(default_factory=list)
    read_otherwise: list[ReadOtherwise] = field(default_factory=list)
    closes: dict[str, list[ClosedMonth]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """Exit code of the worst finding; 0 = nothing needs a person."""
        codes = {finding.exit_code for finding in self.findings}
        return next((code for code in WORST_FIRST if code in codes), EXIT_OK)


def read_status(
    home: Home,
    config: WarehouseConfig | None,
    *,
    now: datetime,
    limits: Limits | None = None,
) -> Status:
    """Collect and judge; whatever cannot be read becomes a finding, nothing is raised.

    Without a configuration nothing is said about sources and missed nights.
    """
    status = Status(checked_at=now)
    judge = _Judge(home, config, status, limits or Limits())
    judge.collect()
    status.findings = sorted(
        judge.judge(),
        key=lambda f: (*WORST_FIRST, EXIT_OK).index(
            f.exit_code if f.exit_code in WORST_FIRST else EXIT_OK
        ),
    )
    return status


@dataclass
class _Judge:
    """One look at one warehouse."""

    home: Home
    config: WarehouseConfig | None
    status: Status
    limits: Limits
    unreadable: list[Finding] = field(default_factory=list)

    def collect(self) -> None:
        """Fill in the status."""
        status, home = self.status, self.home
        build = current_build(home.published)
        try:
            status.build = read_manifest(build) if build else None
        except (OSError, ValueError, KeyError, TypeError):
            status.build = None  # find_damage says so below
        if status.build is not None:
            published = datetime.fromisoformat(status.build.published_at)
            status.build_age = max(status.checked_at - published, timedelta(0))
        status.builds = [path.name for path, _ in list_builds(home.published)]
        holder = read_holder(home.root)
        status.running = find_worker(home.root)
        status.killed = holder if status.running is None else None
        status.nights = [_read_night(home, day) for day in list_nights(home.nights)]
        # Of the day worked on last, which is not always the newest day.
        status.last_run = max(status.nights, key=lambda n: n.started_at, default=None)
        status.nights = status.nights[-_NIGHTS_SHOWN:]
        try:
            live = ledger.live(ledger.read(home.root))
            status.waiting = [_describe_waiting(b) for b in waiting_batches(home.root)]
        except IngestError as error:
            live = []
            self.unreadable.append(
                Finding("unreadable", str(error), "see the message", EXIT_STORAGE_IO)
            )
        status.quarantine = list(_count_quarantine(home, live))
        status.closes = self._read_closes()
        if self.config is not None:
            clock = self._company_clock(live)
            status.sources = measure_freshness(
                home.root, self.config.sources, live, now=clock
            )
            status.missed = self._find_missed()
            status.unproven = find_unproven(self.config.sources, live)
            status.read_otherwise = find_read_otherwise(self.config.sources, live)

    def _read_closes(self) -> dict[str, list[ClosedMonth]]:
        """Return what is closed, by area; a record that was changed is a finding."""
        try:
            entries = verify_closes(self.home.root)
        except IngestError as error:
            step = "restore closes/ from a backup"
            self.unreadable.append(Finding("closes", str(error), step, EXIT_STORAGE_IO))
            return {}
        closed = {area: closed_now(entries, area).values() for area in AREAS}
        return {
            area: [ClosedMonth(e.period, e.by, e.at, e.as_of_date) for e in found]
            for area, found in closed.items()
            if found
        }

    def _company_clock(self, live: Sequence[BatchManifest]) -> datetime:
        """Return what time it is for the sources: the sandbox's stands between nights."""
        config = self.config
        if config is None or not config.uses_sandbox or not live:
            return self.status.checked_at
        newest = max(batch.load_date for batch in live) - DAY
        return night_instant(newest, config.company.timezone)

    def _find_missed(self) -> list[date]:
        """Return the nights due since the build served now, oldest first."""
        config, build = self.config, self.status.build
        if config is None or build is None or config.uses_sandbox:
            return []
        # A night has its time to finish before its absence says anything.
        done_by = self.status.checked_at - self.limits.run_length
        due = yesterday(done_by, config.company.timezone)
        if done_by < night_instant(due, config.company.timezone):
            due -= DAY
        newest = date.fromisoformat(build.as_of_date)
        return [newest + DAY * n for n in range(1, (due - newest).days + 1)]

    def judge(self) -> Iterator[Finding]:
        """Yield everything worth saying about the status."""
        yield from self.unreadable
        yield from self._judge_build()
        yield from self._judge_runs()
        yield from self._judge_streams()
        yield from self._judge_sources()
        yield from self._judge_prices()
        yield from self._judge_files()

    def _judge_build(self) -> Iterator[Finding]:
        status = self.status
        folder = current_build(self.home.published)
        damage = find_damage(folder) if folder else None
        if damage is not None and folder is not None:
            yield Finding(
                "served",
                f"the build readers see ({folder.name}) is damaged: {damage}",
                "warehouse nightly (goes back to the last whole build and makes a new one)",
                EXIT_STORAGE_IO,
            )
        build, age = status.build, status.build_age
        if build is None or age is None:
            if damage is None and not self._is_first_told():
                yield Finding(
                    "never",
                    f"nothing has ever been published in {self.home.root}",
                    "warehouse nightly; if nights do run, look at --root",
                    EXIT_UNAVAILABLE,
                )
            return
        if age > self.limits.publish_age:
            missed = f", {len(status.missed)} nights missed" if status.missed else ""
            yield Finding(
                "publish_age",
                f"nothing was published for {hours(age)}, more than "
                f"{hours(self.limits.publish_age)}{missed}",
                "see whether the scheduler runs, then warehouse nightly",
                EXIT_UNAVAILABLE,
            )
        elif status.missed:
            first, last = status.missed[0], status.missed[-1]
            days = f"{first}" if first == last else f"{first} to {last}"
            yield Finding(
                "missed",
                f"{len(status.missed)} nights are due and not published: {days}",
                "warehouse nightly (lands missed nights first, oldest first)",
                EXIT_UNAVAILABLE,
            )
        for name, theme in build.themes.items():
            if theme.state == FRESH:
                continue
            since = "was never green, so no figure of it is shown"
            if theme.state == HELD:
                since = f"is held since the night after {theme.as_of_date}"
            red, step = self._red_of(name)
            yield Finding(
                f"theme {name}",
                f"theme {name} {since}: {red}",
                f"{step}, then warehouse nightly",
                EXIT_BAD_DATA,
            )

    def _is_first_told(self) -> bool:
        """Return whether a first night is at work, or what ended it is told of its own."""
        status = self.status
        has_failed = status.last_run is not None and status.last_run.state == FAILED
        return bool(status.running or status.killed or has_failed)

    def _red_of(self, theme: str) -> tuple[str, str]:
        """Return what the last run found red in a theme, and what to do about it."""
        report = self.status.last_run
        off = [
            row
            for row in (report.control_rows if report else [])
            if row["theme"] == theme and row["difference"] != "0"
        ]
        red = [
            f"{table.table}: {text}"
            for table in (report.tables if report else [])
            if table.theme == theme
            for text in table.red
        ]
        if off:
            one = off[0]
            red.append(
                f"{len(off)} control totals are off, such as {one['step']}: {one['source']} "
                f"{one['entity']} by {one['difference']} {one['currency']}".strip()
            )
        step = "repair what the rules name"
        if report and any(row["step"] == BILLING_CONTROL for row in off):
            step = (
                "correct the documents that contradict each other (all of them: "
                f"{self.home.nights / f'{report.as_of}.json'}), or have them only told by "
                "policies: {recon_controls: report} in warehouse.yml"
            )
        return "; ".join(red) or "its gate was red", step

    def _judge_runs(self) -> Iterator[Finding]:
        status = self.status
        if status.running is not None:
            worked = status.checked_at - _instant(status.running.started_at)
            if worked > self.limits.run_length:
                yield Finding(
                    "stuck",
                    f"{status.running.describe()} has worked on {status.running.step} "
                    f"for {hours(worked)}, more than {hours(self.limits.run_length)}",
                    f"look at what it waits for; if it hangs: kill {status.running.pid} "
                    f"(kill -9 {status.running.pid} if it is still there after 10 s; nothing "
                    "is lost by it), then warehouse nightly",
                    EXIT_BUSY,
                )
        if status.killed is not None:
            yield Finding(
                "killed",
                f"the run of {status.killed.started_at} ended without a word during "
                f"{status.killed.step} (process {status.killed.pid} is gone)",
                "warehouse nightly (puts everything in order first)",
                EXIT_BUSY,
            )
        plan = read_backfill(self.home.root)
        if plan is not None and status.running is None:
            words = f" --source {plan.source}" if plan.source else ""
            yield Finding(
                "backfill",
                f"the backfill of {plan.first} to {plan.last} begun {plan.begun_at} has "
                "not come to its end",
                f"warehouse backfill --from {plan.first} --to {plan.last}{words}",
                EXIT_OK,
            )
        last = status.last_run
        if last is not None and last.state == FAILED:
            stale = sum(stream.is_stale for stream in last.streams)
            yield Finding(
                "last_run",
                # Streams are told one by one below.
                f"night of {last.as_of} failed, {stale} streams without its data"
                if stale
                else last_line(last),
                next_step(last),
                last.exit_code or EXIT_BAD_DATA,
            )

    def _judge_prices(self) -> Iterator[Finding]:
        """Yield subscriptions the last run found no price of; MRR is right but for them."""
        report = self.status.last_run
        if report is not None and report.unpriced:
            yield Finding("unpriced", report.unpriced, NEXT_STEP, EXIT_OK)

    def _judge_files(self) -> Iterator[Finding]:
        """Yield what of the drops a person may want to mend; none of it is wrong."""
        for one in self.status.read_otherwise:
            yield Finding(f"mapping {one.source}", one.describe(), one.command, EXIT_OK)
        told = {one.notice for one in self.status.read_otherwise}
        report = self.status.last_run
        for notice in report.notices if report else []:
            if notice in told:
                continue
            yield Finding(f"files {notice}", notice, "warehouse files check", EXIT_OK)

    def _judge_streams(self) -> Iterator[Finding]:
        """Yield what the last run held back, with the command that lets it through."""
        report = self.status.last_run
        if report is None:
            return
        accepted = read_acknowledged(self.home.root)
        for stream in (s for s in report.streams if s.is_stale):
            said = describe_stream(stream)
            marks = COMMAND.findall(f"{stream.problem} {' '.join(stream.red)}")
            step = "repair the source, then warehouse nightly"
            code = stream.exit_code or EXIT_BAD_DATA
            if marks and set(marks) <= accepted:
                step, code = "accepted; the next night takes it", EXIT_OK
            elif marks:
                step = f"if it is true: warehouse acknowledge {marks[0]} --reason …"
            yield Finding(f"stream {stream.stream} {stream.entity}", said, step, code)

    def _judge_sources(self) -> Iterator[Finding]:
        for source in self.status.sources:
            if source.state != STALE:
                continue
            hour = max(source.loaded_hours or 0, source.data_hours or 0)
            yield Finding(
                f"source {source.source}",
                f"{source.source} is stale: asked through {source.loaded_through}, "
                f"newest business day {source.data_through or 'none'}, {hour} h old "
                f"(limit {source.fail_hours} h)",
                "see whether the account still delivers, then warehouse nightly",
                EXIT_UNAVAILABLE,
            )


def hours(age: timedelta) -> str:
    """Return an age in the words of people."""
    whole = age // timedelta(hours=1)
    return f"{whole} h" if whole else f"{age // timedelta(minutes=1)} min"


def _read_night(home: Home, day: str) -> NightReport:
    report = read_report(home.nights, date.fromisoformat(day))
    return report or NightReport(day, "", "", state="unreadable")


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _describe_waiting(batch: LandedBatch) -> Waiting:
    manifest = batch.manifest
    return Waiting(
        source=manifest.source_name,
        stream=manifest.stream,
        entity=manifest.entity,
        load_date=manifest.load_date.isoformat(),
        row_count=manifest.row_count,
        gate=_read_verdict(batch),
    )


def _read_verdict(batch: LandedBatch) -> str:
    try:
        verdict = json.loads((batch.directory / GATE_FILE).read_text("utf-8"))
        if verdict["batch_id"] != batch.manifest.batch_id:
            return "not judged"
        return "green" if verdict["passed"] else "red"
    except (OSError, ValueError, KeyError):
        return "not judged"


def _count_quarantine(
    home: Home, live: Sequence[BatchManifest]
) -> Iterator[Quarantined]:
    """Yield the counts of the last days, most rows first."""
    newest = max((batch.load_date for batch in live), default=None)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for batch in live:
        if newest is None or not batch.quarantined_count:
            continue
        if batch.load_date <= newest - _QUARANTINE_DAYS:
            continue
        folder = quarantine_dir(home.root, batch.stream_path, batch.load_date)
        seen: set[tuple[str, str, str]] = set()
        for row in _read_lines(folder / f"{batch.batch_id}.jsonl"):
            # A row refused for two columns is told under both, but under each once.
            where = (row.get("source_ref", ""), row["column"], row["reason"])
            if where in seen:
                continue
            seen.add(where)
            counts[batch.source_name, batch.entity, row["column"], row["reason"]] += 1
    for (source, entity, column, reason), count in counts.most_common():
        yield Quarantined(source, entity, column, reason, count)


def _read_lines(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
