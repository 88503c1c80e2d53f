"""One source in one night: extract, judge, promote, and whether the night may build.

Belongs here: the order of those steps for one configured source, and turning what goes wrong
into a line of the night's report. Stays out: extraction and landing themselves (`ingest`),
rules (`expectations`), the asset graph. A stream that fails never stops its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import landing, ledger
from ingest.config import VendorSource
from ingest.contracts import contract_of
from ingest.errors import EXIT_BAD_DATA, IngestError, StorageError
from ingest.job import extract_entity
from ingest.pages import forget_pages
from ingest.paths import StreamPath
from ingest.sources import streams_of
from ingest.storage import disk_errors
from ingest.windows import is_full_list
from orchestration.batch_changes import NEVER_LATE, Freshness
from orchestration.gaps import describe_gap
from orchestration.gates import judge_batch
from orchestration.night import Outcome, StreamReport, describe_stream
from orchestration.periods.late import describe_late_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expectations.results import GateResult
    from ingest.config import SourceConfig
    from ingest.landing import LandedBatch
    from ingest.manifest import BatchManifest
    from ingest.sources.protocol import Stream
    from orchestration.night_run import NightRun


def stream_path(stream: Stream) -> StreamPath:
    """Return where a stream's batches lie."""
    return StreamPath(kind=stream.kind, entity=stream.entity, stream=stream.name)


def land_source(
    run: NightRun, source: SourceConfig
) -> Iterator[tuple[Stream, StreamReport]]:
    """Extract and judge every stream of a source; nothing is promoted yet.

    What this night promoted before is not asked for again (unless `refetch`): a replay works
    on what was landed.

    Raises:
        StorageError: the disk refused; going on would only repeat that.
    """
    reports: list[StreamReport] = []
    for stream in streams_of(source):
        report = _land_stream(run, source, stream)
        run.report.note_stream(report)
        reports.append(report)
        yield stream, report
    run.say(describe_source(source.name, reports))


def describe_source(name: str, reports: list[StreamReport]) -> str:
    """Return one line of progress: what a source brought and what the gate said."""
    stale = [report for report in reports if report.is_stale]
    replayed = sum(report.outcome is Outcome.REPLAYED for report in reports)
    rows = sum(report.row_count for report in reports)
    refused = sum(report.quarantined_count for report in reports)
    parts = [f"{rows:,} rows in {len(reports)} entities"]
    parts += [f"{refused:,} quarantined"] if refused else []
    absorbed = sum(report.absorbed_count for report in reports)
    unproven = sum(report.unproven_files for report in reports)
    parts += [f"{absorbed:,} absorbed"] if absorbed else []
    parts += [f"{unproven} files unproven"] if unproven else []
    parts += [f"{replayed} already landed"] if replayed else []
    parts += [f"{sum(report.rules for report in reports)} rules"]
    parts += [f"STALE: {describe_stream(report)}" for report in stale]
    return f"{name}: {', '.join(parts)}"


def promote_source(
    run: NightRun, source: SourceConfig
) -> Iterator[tuple[Stream, StreamReport]]:
    """Promote every batch of the night the gate let through.

    Raises:
        StorageError: the disk refused.
    """
    reports = {(r.stream, r.entity): r for r in run.report.streams}
    for stream in streams_of(source):
        report = reports[stream.name, stream.entity]
        if report.outcome is Outcome.LANDED:
            waiting = landing.read_landed(
                run.settings.home.root, stream_path(stream), run.load_date
            )
            if waiting is None:
                message = f"{stream.name} {stream.entity}: the landed batch is gone"
                raise StorageError(message)
            landing.promote_batch(run.settings.home.root, waiting)
            report.outcome = Outcome.PROMOTED
        yield stream, report


def blocking_problems(run: NightRun) -> list[str]:
    """Return why dbt must not run: each stream of a required source without tonight's data.

    Judged by the ledger, which is what dbt will read, not by what this process remembers. A
    stream asked again that failed this time is without them too: what it landed for the date
    before stands in raw, and is not what was asked for.
    """
    root = run.settings.home.root
    promoted = {
        (batch.stream, batch.entity)
        for batch in ledger.live(ledger.read(root))
        if batch.load_date == run.load_date
    }
    reports = {(r.stream, r.entity): r for r in run.report.streams}
    problems: list[str] = []
    for source in run.settings.config.sources:
        if source.optional:
            continue
        for stream in streams_of(source):
            key = (stream.name, stream.entity)
            report = reports.get(key)
            is_deferred = report is not None and report.outcome is Outcome.DEFERRED
            is_failed = report is not None and report.is_stale
            is_there = key in promoted and not is_failed
            if is_there or (run.only_landing and is_deferred):
                continue
            why = (report.problem or "; ".join(report.red)) if report else ""
            problems.append(f"{source.name} {stream.entity}: {why or 'not landed'}")
    return problems


def _land_stream(run: NightRun, source: SourceConfig, stream: Stream) -> StreamReport:
    root = run.settings.home.root
    where = stream_path(stream)
    report = StreamReport(
        source=source.name,
        stream=stream.name,
        entity=stream.entity,
        optional=source.optional,
        outcome=Outcome.FAILED,
    )
    promoted = ledger.live_batch(root, where, run.load_date)
    wanted = not run.only_sources or source.name in run.only_sources
    if promoted is not None and not (wanted and _is_asked_again(run, where)):
        report.outcome = Outcome.REPLAYED
        _count_rows(report, promoted)
        return report
    late = run.caught_up_at
    contract = contract_of(stream.kind, stream.entity)
    if not wanted or (late is not None and is_full_list(contract)):
        report.outcome = Outcome.DEFERRED
        return report
    run.say(f"{source.name}: extracting {stream.dataset or stream.entity}")
    try:
        batch = extract_entity(
            source,
            stream,
            root=root,
            as_of=run.as_of,
            now=run.now,
            until=late,
            acknowledged=run.acknowledged,
            resume=not run.refetch,
        )
    except StorageError:
        raise
    except IngestError as error:
        report.problem = str(error)
        report.exit_code = error.exit_code
        return report
    return _judge(run, source, batch, report)


def _is_asked_again(run: NightRun, where: StreamPath) -> bool:
    """Return whether a promoted batch of the night is fetched once more."""
    if not run.refetch or run.ledger_lines is None:
        return run.refetch
    since = ledger.read(run.settings.home.root)[run.ledger_lines :]
    return (where, run.load_date) not in {(b.stream_path, b.load_date) for b in since}


def _count_rows(report: StreamReport, manifest: BatchManifest) -> None:
    report.row_count = manifest.row_count
    report.quarantined_count = manifest.quarantined_count
    report.absorbed_count = manifest.absorbed_count
    report.unproven_files = len(manifest.unproven)


def _judge(
    run: NightRun, source: SourceConfig, batch: LandedBatch, report: StreamReport
) -> StreamReport:
    manifest = batch.manifest
    _count_rows(report, manifest)
    if manifest.has_gap:
        earlier = ledger.read(run.settings.home.root, manifest.stream_path)
        report.notes.append(describe_gap(manifest, earlier))
        run.say(report.notes[-1])
    where = f"judge {manifest.stream}/{manifest.entity}"
    with run.timed("raw gate"), disk_errors(where):
        verdict = judge_batch(
            batch,
            root=run.settings.home.root,
            as_of=run.as_of,
            acknowledged=run.acknowledged,
            freshness=_freshness_of(source),
        )
    report.notes += [*verdict.notes, *_excluded(manifest), *_unmatched_codes(manifest)]
    zone = run.settings.config.company.timezone
    report.notes += describe_late_rows(run.settings.home.root, batch, zone)
    run.report.gates.append(verdict.as_dict())
    note_verdict(report, verdict)
    if not verdict.passed:
        forget_pages(run.settings.home.root, manifest.stream_path)
    return report


def _freshness_of(source: SourceConfig) -> Freshness:
    if not isinstance(source, VendorSource):
        return NEVER_LATE
    return Freshness(source.freshness_warn_hours, source.freshness_fail_hours)


def _excluded(manifest: BatchManifest) -> list[str]:
    """Return what was refused, in rows and money, as far as amounts could be read."""
    if not manifest.quarantined_count:
        return []
    money = [
        f"{total.column_name} {total.quarantined_sum:,f} {total.currency}".strip()
        for total in manifest.totals
        if total.quarantined_sum
    ]
    amounts = f", {'; '.join(money)}" if money else ""
    return [f"excluded {manifest.quarantined_count} rows{amounts}: see quarantine/"]


def _unmatched_codes(manifest: BatchManifest) -> list[str]:
    """Return which codes no lookup file holds, by column."""
    return [
        f"{column}: the lookup file does not hold {', '.join(codes)}; left blank"
        for column, codes in manifest.unmatched_codes.items()
    ]


def note_verdict(report: StreamReport, verdict: GateResult) -> None:
    """Write a raw gate's verdict into a stream's report."""
    report.rules = len(verdict.rules)
    if verdict.passed:
        report.outcome = Outcome.LANDED
        return
    report.outcome = Outcome.HELD
    report.exit_code = EXIT_BAD_DATA
    report.red = [verdict.describe()]
    findings = dict.fromkeys(rule.finding for rule in verdict.failed if rule.finding)
    report.red += [
        f"if it is true: warehouse acknowledge {finding} --reason …"
        for finding in findings
    ]
