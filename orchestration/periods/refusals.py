"""Why a period of an area cannot be closed now, each reason with what to do about it.

Belongs here: the conditions of a close. Stays out: the chain's own proof (`chain`), the
freezing. Everything is judged from what readers see and from the last night's report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from ingest.errors import EXIT_BAD_DATA, ConfigError, IngestError
from orchestration.night import NightReport, describe_stream, list_nights, read_report
from orchestration.outcome import PUBLISHED, last_line
from orchestration.periods.chain import closed_now
from orchestration.periods.differences import blocking_differences
from orchestration.periods.served import FIGURES, REGISTRY
from orchestration.publish.manifest import FRESH
from orchestration.publish.tables import CORE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ingest.config import WarehouseConfig
    from orchestration.periods.chain import Entry
    from orchestration.periods.served import Period, Served

FINANCE: Final = "finance"
_SHOWN: Final = 5


class CloseRefusedError(IngestError):
    """The figures of the period cannot be signed off as they stand; every reason is named."""

    exit_code = EXIT_BAD_DATA

    def __init__(self, what: str, reasons: Sequence[str]) -> None:
        """Say what was asked and why not, a reason a line."""
        listed = "".join(f"\n  - {reason}" for reason in reasons)
        super().__init__(f"{what} is not closed:{listed}")


@dataclass(frozen=True)
class Candidate:
    """A period of an area somebody wants to close, on what readers see now."""

    period: Period
    area: str
    served: Served
    chain: tuple[Entry, ...]


def refuse_out_of_order(candidate: Candidate) -> None:
    """Refuse a period that is closed, or not the one after the last closed.

    The first close of an area begins its record: months before it stay open for ever.

    Raises:
        ConfigError: it is closed already, or another is to be closed first.
    """
    period, area = candidate.period, candidate.area
    closed = closed_now(candidate.chain, area)
    if period.label in closed:
        entry = closed[period.label]
        message = (
            f"{area} {period.label} is closed since {entry.at} by {entry.by}; to change it: "
            f"warehouse reopen {period.label} --area {area} --by NAME --reason TEXT"
        )
        raise ConfigError(message)
    expected = next_to_close(candidate)
    if expected and expected != period.label:
        message = (
            f"{area} {expected} is to be closed before {period.label}: periods of an area "
            "are closed in order, without gaps"
            if expected < period.label
            else f"{period.label} lies before the first close of {area} ({expected} is next)"
        )
        raise ConfigError(message)


def next_to_close(candidate: Candidate) -> str:
    """Return the month to be closed next; '' = none was ever closed, any may be first."""
    ever = [e.period for e in candidate.chain if e.area == candidate.area and e.period]
    if not ever:
        return ""
    closed = closed_now(candidate.chain, candidate.area)
    labels = [period.label for period in candidate.served.months()]
    if not closed:
        return min(ever)
    following = labels.index(max(closed)) + 1
    return labels[following] if following < len(labels) else ""


def reasons_against(
    candidate: Candidate,
    *,
    config: WarehouseConfig,
    nights: Path,
    tolerance_minor: int = 0,
) -> list[str]:
    """Return everything that keeps the period open, worst first; empty = it may close."""
    period, served = candidate.period, candidate.served
    # A day more: some figures are known of a running month alone, and are gone the day after.
    if served.as_of <= period.last:
        reason = (
            f"it is not over for readers: it ends on {period.last}, they see {served.as_of}; "
            "close it after the night of the day that follows"
        )
        return [reason]
    needed = _needed_entities(candidate)
    return [
        *_night_reasons(candidate, nights),
        *_theme_reasons(candidate),
        *_gate_reasons(candidate, nights),
        *_stream_reasons(config, nights, needed),
        *_completeness_reasons(candidate),
        *_difference_reasons(candidate, tolerance_minor),
    ]


def _last_night(nights: Path) -> NightReport | None:
    """Return the report of the night that ran last, whichever day it was for."""
    reports = [read_report(nights, date.fromisoformat(d)) for d in list_nights(nights)]
    known = [report for report in reports if report is not None]
    return max(known, key=lambda report: report.started_at, default=None)


def _night_reasons(candidate: Candidate, nights: Path) -> Iterator[str]:
    report = _last_night(nights)
    if report is None:
        yield "no night's report is there to say what the gates found; run warehouse nightly"
    elif report.state != PUBLISHED:
        yield f"the last build is not published: {last_line(report)}"
    elif report.published != candidate.served.build_id:
        yield (
            f"readers see {candidate.served.build_id}, not the last build "
            f"({report.published}); run warehouse nightly"
        )


def _theme_reasons(candidate: Candidate) -> Iterator[str]:
    for theme in (CORE, candidate.area):
        state = candidate.served.manifest.themes.get(theme)
        if state is None:
            yield f"the build has no {theme} figures"
        elif state.state != FRESH:
            yield (
                f"{theme} is {state.state}: readers see its figures of {state.as_of_date}; "
                "repair what the gate names, run warehouse nightly"
            )


def _gate_reasons(candidate: Candidate, nights: Path) -> Iterator[str]:
    """Yield what the last night found red in the area's tables, tests and control totals."""
    themes = {CORE, candidate.area}
    report = _last_night(nights)
    for table in report.tables if report else ():
        if table.theme in themes and table.red:
            yield f"gate of {table.table} is red: {'; '.join(table.red)}"
    for failure in report.dbt_failures if report else ():
        yield f"a test failed: {failure}"
    for total in candidate.served.quality.get("control_totals", []):
        if total["theme"] in themes and total["difference"] != "0":
            yield (
                f"control total {total['source']} {total['entity']}.{total['column']} "
                f"{total['currency']} is off by {total['difference']} ({total['step']})"
            )


def _stream_reasons(
    config: WarehouseConfig, nights: Path, needed: frozenset[str]
) -> Iterator[str]:
    """Yield the streams of needed sources whose data the last night did not let in."""
    report = _last_night(nights)
    feeding = {s.name for s in config.sources if s.canonical_entities() & needed}
    for stream in report.streams if report else ():
        if stream.is_stale and stream.source in feeding:
            yield f"source not up to date: {describe_stream(stream)}"


def _needed_entities(candidate: Candidate) -> frozenset[str]:
    """Return the canonical entities the area's KPIs are made of."""
    with candidate.served.open(REGISTRY) as con:
        rows = con.execute(
            "select distinct unnest(string_split(required_entities, '|'))"
            " from kpi_registry where theme = ? and required_entities is not null",
            [candidate.area],
        ).fetchall()
    return frozenset(entity for (entity,) in rows)


def _completeness_reasons(candidate: Candidate) -> Iterator[str]:
    """Yield the KPIs whose sources do not reach the period's end (R-PARTIAL).

    A KPI with a window is left out: its young cases are not the period's incompleteness.
    """
    period = candidate.period
    with candidate.served.open(FIGURES, REGISTRY, "build_info") as con:
        partial = con.execute(
            """
            select distinct f.kpi_key
            from rpt_kpi_values f
            inner join kpi_registry r on f.kpi_key = r.kpi_key
            where f.basis = 'current' and f.theme = ? and f.grain = 'month'
                and f.period_start_date = ? and f.breakdown = 'total'
                and f.is_partial and r.window_days is null
            order by 1
            """,
            [candidate.area, period.first],
        ).fetchall()
        late = con.execute(
            "select source_name, data_through_date from build_info"
            " where data_through_date < ? order by 1",
            [period.last],
        ).fetchall()
    if not partial:
        return
    keys = ", ".join(key for (key,) in partial[:_SHOWN])
    more = f" and {len(partial) - _SHOWN} more" if len(partial) > _SHOWN else ""
    sources = ", ".join(f"{name} (known through {day})" for name, day in late)
    what = f"; behind: {sources}" if sources else ""
    yield f"a needed source is incomplete for the period: {keys}{more} are partial{what}"


def _difference_reasons(candidate: Candidate, tolerance_minor: int) -> Iterator[str]:
    if candidate.area != FINANCE:
        return
    found = blocking_differences(
        candidate.served, candidate.period, tolerance_minor=tolerance_minor
    )
    for difference in found[:_SHOWN]:
        yield f"unexplained difference: {difference.describe()}"
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more unexplained differences"
