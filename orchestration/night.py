"""The report of one night: what landed, what the gates said, what was published.

Belongs here: the facts of a night and keeping them in `state/nights/<as_of>.json`, from which
the closing summary, `warehouse status`, alerts and the build's page are made. Stays out:
doing any of it. Reports hold counts, rule ids and reasons, never rows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path


class Outcome(StrEnum):
    """What became of one stream in one night.

    Deferred: not asked, because only another source was, or because a missed night is caught
    up late and a list read now says nothing of it.
    """

    PROMOTED = "promoted"
    REPLAYED = "replayed"
    HELD = "held"
    FAILED = "failed"
    LANDED = "landed"
    DEFERRED = "deferred"


CONTROL_TOTAL = "control total"
STALE = frozenset({Outcome.HELD, Outcome.FAILED})


@dataclass
class StreamReport:
    """One stream of one entity: how it was extracted and what the raw gate said.

    Records received = `row_count` landed + `quarantined_count` + `absorbed_count` (added up
    into a row, equal duplicates, older versions). `is_read`: a model reads the entity; rows
    of any other stay in raw.
    """

    source: str
    stream: str
    entity: str
    optional: bool
    outcome: Outcome
    row_count: int = 0
    quarantined_count: int = 0
    absorbed_count: int = 0
    unproven_files: int = 0
    is_read: bool = True
    rules: int = 0
    red: list[str] = field(default_factory=list)
    problem: str = ""
    exit_code: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_stale(self) -> bool:
        """Whether tonight's data of this stream did not reach raw."""
        return self.outcome in STALE


@dataclass
class TableReport:
    """One published table and what the mart gate said."""

    table: str
    theme: str
    rules: int
    red: list[str]


@dataclass
class NightReport:
    """Everything worth saying about one night."""

    as_of: str
    build_id: str
    started_at: str
    finished_at: str = ""
    state: str = "running"
    streams: list[StreamReport] = field(default_factory=list)
    dbt_nodes: int = 0
    dbt_tests: int = 0
    dbt_failures: list[str] = field(default_factory=list)
    tables: list[TableReport] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    control_rows: list[dict[str, Any]] = field(default_factory=list)
    control_breaks: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """About dropped files: what feeds nothing, values that match no member."""
    unpriced: str = ""
    """Subscriptions MRR cannot count; '' = none."""
    red_themes: list[str] = field(default_factory=list)
    published: str = ""
    content_hash: str = ""
    kpi_count: int = 0
    problem: str = ""
    exit_code: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def note_stream(self, report: StreamReport) -> None:
        """Put a stream's report in, replacing an earlier one of the same stream."""
        kept = [
            other
            for other in self.streams
            if (other.stream, other.entity) != (report.stream, report.entity)
        ]
        self.streams = [*kept, report]

    def stale_streams(self, *, optional: bool) -> list[StreamReport]:
        """Return the streams without tonight's data, of optional or required sources."""
        return [s for s in self.streams if s.is_stale and s.optional == optional]

    def findings(self) -> list[str]:
        """Return everything that is red or broken, one line each, worst first."""
        required = [describe_stream(s) for s in self.stale_streams(optional=False)]
        optional = [describe_stream(s) for s in self.stale_streams(optional=True)]
        gates = [
            f"mart gate {t.table} ({t.theme}): {r}" for t in self.tables for r in t.red
        ]
        return [
            *required,
            *(f"dbt: {failure}" for failure in self.dbt_failures),
            *gates,
            *(f"{CONTROL_TOTAL}: {text}" for text in self.control_breaks),
            *optional,
        ]

    def info_notes(self) -> tuple[str, ...]:
        """Return what a reader of the build should know.

        Sources without tonight's data, and time a source had forgotten when it was asked.
        """
        return (*self.stale_notes(), *self.gaps)

    def stale_notes(self) -> tuple[str, ...]:
        """Return one note per optional source without tonight's data."""
        stale = sorted({s.source for s in self.stale_streams(optional=True)})
        return tuple(f"source {name} is stale" for name in stale)


def describe_stream(report: StreamReport) -> str:
    """Return one line: which stream, which entity, why it has no data tonight."""
    why = report.problem or "; ".join(report.red) or report.outcome.value
    return f"{report.source} {report.entity}: {why}"


def write_report(folder: Path, report: NightReport) -> None:
    """Keep a report; the newest run of a day replaces the earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.as_of}.json"
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    aside.replace(path)


def read_report(folder: Path, as_of: date) -> NightReport | None:
    """Return the report of a day, or None when there is none (or none readable)."""
    try:
        raw = json.loads((folder / f"{as_of.isoformat()}.json").read_text("utf-8"))
        return _from_json(raw)
    except (OSError, ValueError, TypeError):
        return None


def list_nights(folder: Path) -> list[str]:
    """Return the as-of days that have a report, oldest first."""
    return sorted(path.stem for path in folder.glob("????-??-??.json"))


def _from_json(raw: dict[str, Any]) -> NightReport:
    streams: Iterable[dict[str, Any]] = raw.pop("streams")
    tables: Iterable[dict[str, Any]] = raw.pop("tables")
    return NightReport(
        **raw,
        streams=[
            StreamReport(**{**stream, "outcome": Outcome(stream["outcome"])})
            for stream in streams
        ],
        tables=[TableReport(**table) for table in tables],
    )
