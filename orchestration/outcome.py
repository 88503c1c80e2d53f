"""How a night ended: its state, its exit code, the last line, the alert.

Belongs here: judging a finished report and wording it. Stays out: running the night.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import EXIT_BAD_DATA, EXIT_OK
from orchestration.alerts import Alert
from orchestration.night import describe_stream
from orchestration.publish.tables import CORE

if TYPE_CHECKING:
    from datetime import datetime

    from orchestration.night import NightReport
    from orchestration.night_run import NightRun

PUBLISHED = "published"
LANDED = "landed"
FAILED = "failed"


def close_night(run: NightRun, *, finished_at: datetime, problem: str = "") -> None:
    """Settle state and exit code of a night that has ended, and keep its report."""
    report = run.report
    report.finished_at = finished_at.isoformat(timespec="seconds")
    if report.published:
        report.state, report.exit_code = PUBLISHED, EXIT_OK
    elif not problem and run.only_landing and not blocking(report):
        report.state, report.exit_code = LANDED, EXIT_OK
    else:
        report.state = FAILED
        report.problem = problem
        report.exit_code = report.exit_code or _exit_code(run.report)
    run.save()


def blocking(report: NightReport) -> list[str]:
    """Return why required sources have no data tonight, one line per stream."""
    return [describe_stream(s) for s in report.stale_streams(optional=False)]


def last_line(report: NightReport) -> str:
    """Return the sentence a run ends with: what happened, where, what to do next."""
    if report.state == PUBLISHED:
        held = sorted(set(report.red_themes) - {CORE})
        kept = (
            f"; held back: {', '.join(held)} (its last good figures, if any, are shown; "
            "why and what to do: warehouse status)"
            if held
            else ""
        )
        stale = "".join(f"; {note}" for note in report.stale_notes())
        return f"Night of {report.as_of}: published {report.published}{kept}{stale}."
    if report.state == LANDED:
        return f"Night of {report.as_of}: landed."
    first, *others = report.findings() or [report.problem or "unknown reason"]
    more = f" (and {len(others)} more, see state/nights)" if others else ""
    return (
        f"Night of {report.as_of} failed: {first}{more}. Nothing new is published; "
        f"{next_step(report)}."
    )


def next_step(report: NightReport) -> str:
    """Return what a person should do about a failed night."""
    again = "then run `warehouse nightly` again"
    if blocking(report):
        return f"repair the source or mark it optional in warehouse.yml, {again}"
    if report.dbt_failures:
        return f"look at the rows the test names in warehouse.duckdb, {again}"
    if CORE in report.red_themes:
        return f"look at the red rules in the report, repair what they name, {again}"
    return f"look at the message above, {again}"


def alert_for(report: NightReport, company: str) -> Alert | None:
    """Return the alert of a night that failed or held something back; None = all well."""
    findings = report.findings()
    if report.state == PUBLISHED and not findings:
        return None
    if report.state == PUBLISHED:
        title = (
            f"KPI warehouse {company}: night of {report.as_of} published with findings"
        )
        step = "look at the findings; the next night tries again"
    else:
        title = f"KPI warehouse {company}: night of {report.as_of} failed"
        step = next_step(report)
    return Alert(title, tuple(findings or [report.problem]), step)


def alert_of_no_night(what: str, reason: str, company: str) -> Alert:
    """Return the alert of a run that ended before it could open a night."""
    title = f"KPI warehouse {company}".rstrip() + f": {what} did not start"
    step = "repair what is named, then run `warehouse nightly` again"
    return Alert(title, (reason,), step)


def _exit_code(report: NightReport) -> int:
    """Return the code of the first required stream that stopped the night, else bad data."""
    codes = [stream.exit_code for stream in report.stale_streams(optional=False)]
    return next((code for code in codes if code), EXIT_BAD_DATA)
