"""The closing summary of a night.

Belongs here: wording a report for people at a terminal. Stays out: taking decisions on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestration.night import CONTROL_TOTAL
from orchestration.outcome import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.night import NightReport, StreamReport
    from orchestration.settings import Settings

_TOTALS_SHOWN: Final = 12


def describe_night(report: NightReport, settings: Settings) -> str:
    """Return the summary: rows per source, gates, KPIs, where the marts are."""
    lines = ["", f"Night of {report.as_of} · {report.state}", ""]
    lines += [_source_line(name, streams) for name, streams in _by_source(report)]
    landed_rules = sum(stream.rules for stream in report.streams)
    mart_rules = sum(table.rules for table in report.tables)
    red = len([s for s in report.streams if s.red]) + len(
        [table for table in report.tables if table.red]
    )
    lines += [
        "",
        f"  gates     {landed_rules} raw rules, {mart_rules} mart rules, {red} suites red",
        (
            f"  dbt       {report.dbt_nodes} models and seeds, {report.dbt_tests} tests, "
            f"{len(report.dbt_failures)} failed"
        ),
        (
            f"  totals    {len(report.control_rows)} control totals, "
            f"{len(report.control_breaks)} off"
        ),
    ]
    lines += _time_line(report)
    lines += _unread_line(report)
    lines += [f"  ! {finding}" for finding in _some(report, settings)]
    lines += [f"  ! {gap}" for gap in report.gaps]
    lines += [f"  ! {report.unpriced}"] if report.unpriced else []
    lines += [f"  · {notice}" for notice in report.notices]
    if report.state == PUBLISHED:
        build = settings.home.published / report.published
        lines += [
            f"  KPIs      {report.kpi_count} published",
            "",
            f"  marts     {build / 'bi.duckdb'}",
            f"  page      {build / 'index.html'}",
            "  look      warehouse kpi mrr · warehouse status · warehouse ui",
        ]
    return "\n".join([*lines, ""]) + "\n"


def _some(report: NightReport, settings: Settings) -> Iterator[str]:
    """Yield what is red, of control totals that are off the first few and their number.

    Books that contradict each other on every line would push all else off the screen.
    """
    shown = set(report.control_breaks[:_TOTALS_SHOWN])
    for finding in report.findings():
        kind, _, text = finding.partition(": ")
        if kind != CONTROL_TOTAL or text in shown:
            yield finding
    more = len(report.control_breaks) - _TOTALS_SHOWN
    if more > 0:
        listed = settings.home.nights / f"{report.as_of}.json"
        yield f"{more} more control totals are off, all of them in {listed}"


def _by_source(report: NightReport) -> list[tuple[str, list[StreamReport]]]:
    grouped: dict[str, list[StreamReport]] = {}
    for stream in report.streams:
        grouped.setdefault(stream.source, []).append(stream)
    return list(grouped.items())


def _source_line(name: str, streams: list[StreamReport]) -> str:
    rows = sum(stream.row_count for stream in streams)
    refused = sum(stream.quarantined_count for stream in streams)
    stale = sum(stream.is_stale for stream in streams)
    state = f"{stale} of {len(streams)} entities stale" if stale else "fresh"
    merged = sum(stream.absorbed_count for stream in streams)
    kept = f", {refused:,} quarantined" if refused else ""
    kept += f", {merged:,} absorbed" if merged else ""
    return f"  {name:<22} {rows:>9,} rows in {len(streams)} entities{kept} · {state}"


def _time_line(report: NightReport) -> list[str]:
    """Return where the night's time went, the longest step first."""
    if not report.seconds:
        return []
    steps = sorted(report.seconds.items(), key=lambda step: -step[1])
    parts = ", ".join(f"{name} {seconds:.0f}" for name, seconds in steps)
    return [f"  time      {sum(report.seconds.values()):.0f} s: {parts}"]


def _unread_line(report: NightReport) -> list[str]:
    """Return the line of entities whose rows no model reads, if there are any."""
    rows: dict[str, int] = {}
    for stream in report.streams:
        if not stream.is_read and stream.row_count:
            rows[stream.entity] = rows.get(stream.entity, 0) + stream.row_count
    if not rows:
        return []
    listed = ", ".join(f"{entity} {count:,}" for entity, count in sorted(rows.items()))
    return [f"  raw only  {listed} (no model reads them)"]
