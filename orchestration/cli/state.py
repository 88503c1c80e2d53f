"""`warehouse status` and `warehouse watch`: where things stand, and telling people.

Belongs here: the two verbs and the words on the terminal. Stays out: finding out
(`orchestration.status`), news and channels (`orchestration.watch`).
"""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.errors import EXIT_CONFIG, EXIT_OK, ConfigError
from orchestration.cli.options import Config, Json, Root, now, print_json, say
from orchestration.outcome import last_line
from orchestration.publish.manifest import FRESH
from orchestration.settings import (
    Home,
    Settings,
    find_root,
    load_settings,
    read_alert_settings,
)
from orchestration.status import Finding, Limits, Status, hours, read_status
from orchestration.watch import tell_people

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from orchestration.file_history import Unproven

MaxAge = Annotated[
    str,
    typer.Option("--max-age", help="Age of the last publication that is too much."),
]
MaxRun = Annotated[
    str, typer.Option("--max-run", help="Length of a run that is too much.")
]
_SPAN = re.compile(r"(\d+)(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(epilog="Examples: warehouse status · warehouse status --max-age 26h")(
        status
    )
    app.command(
        epilog="Example, in a crontab of any machine that sees the root: "
        "7 * * * * warehouse watch --root /srv/kpi --config /srv/kpi/warehouse.yml"
    )(watch)


def status(
    config: Config = None,
    root: Root = None,
    max_age: MaxAge = "25h",
    max_run: MaxRun = "2h",
    *,
    as_json: Json = False,
) -> None:
    """Say where things stand: served build, themes, sources, quarantine, what needs a person.

    Leaves with 0 when nothing needs a person, else with the code of the worst finding: 74
    what is served is damaged, 78 configuration, 77 credentials, 65 bad data or a held theme,
    69 nothing published in time, or ever, or a stale source, 75 a run that hangs or was
    killed.
    """
    found, _ = _read(root, config, max_age, max_run)
    if as_json:
        print_json(_as_json(found))
    else:
        home = Home(find_root(root))
        sys.stdout.write("\n".join(_lines(found, home.root)) + "\n")
    raise typer.Exit(found.exit_code)


def watch(
    config: Config = None,
    root: Root = None,
    max_age: MaxAge = "25h",
    max_run: MaxRun = "2h",
) -> None:
    """Look from outside, and alert by webhook and mail when something is wrong.

    For a cron of its own, every hour: it notices a dead scheduler, a run that hangs, a stale
    source. The same trouble is told once a day. Exit codes are those of `status`.
    """
    found, company = _read(root, config, max_age, max_run)
    home = Home(find_root(root))
    for line in _finding_lines(found.findings):
        sys.stdout.write(line + "\n")
    for problem in tell_people(
        found,
        company=company,
        state=home.root / "state",
        alerts=read_alert_settings(),
    ):
        say(f"alert: {problem}")
    raise typer.Exit(found.exit_code)


def _read(
    root: Path | None, config: Path | None, max_age: str, max_run: str
) -> tuple[Status, str]:
    """Return the status and the company's name; a wrong configuration is a finding."""
    limits = Limits(_span(max_age, "--max-age"), _span(max_run, "--max-run"))
    settings: Settings | None = None
    wrong: ConfigError | None = None
    try:
        settings = load_settings(root=root, config_path=config, require_secrets=False)
    except ConfigError as error:
        wrong = error
    home = Home(find_root(root))
    at = now()
    found = read_status(
        home, settings.config if settings else None, now=at, limits=limits
    )
    if wrong is not None:
        finding = Finding("config", str(wrong), "warehouse doctor", EXIT_CONFIG)
        found.findings.insert(0, finding)
    build = found.build
    name = settings.config.company.name if settings else ""
    return found, build.company_name if build else name


def _span(text: str, option: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match is None:
        message = f"{option} {text!r} is not a length of time like 90m, 26h or 2d"
        raise ConfigError(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _as_json(found: Status) -> dict[str, Any]:
    build = found.build
    return {
        "healthy": found.exit_code == EXIT_OK,
        "exit_code": found.exit_code,
        "checked_at": found.checked_at.isoformat(timespec="seconds"),
        "findings": [asdict(finding) for finding in found.findings],
        "current": build.build_id if build else None,
        "as_of_date": build.as_of_date if build else None,
        "published_at": build.published_at if build else None,
        "age_hours": found.build_age // timedelta(hours=1) if found.build_age else None,
        "themes": {n: asdict(s) for n, s in build.themes.items()} if build else {},
        "builds": found.builds,
        "running": asdict(found.running) if found.running else None,
        "killed": asdict(found.killed) if found.killed else None,
        "missed_nights": found.missed,
        "sources": [asdict(source) for source in found.sources],
        "waiting": [asdict(batch) for batch in found.waiting],
        "quarantine": [asdict(count) for count in found.quarantine],
        "unproven_files": [asdict(file) for file in found.unproven],
        "read_otherwise": [
            asdict(one) | {"next": one.command} for one in found.read_otherwise
        ],
        "closes": {
            area: [asdict(month) for month in months]
            for area, months in found.closes.items()
        },
        "nights": [
            {"as_of": n.as_of, "state": n.state, "last_line": last_line(n)}
            for n in found.nights
        ],
    }


def _lines(found: Status, root: Path) -> list[str]:
    lines = _build_lines(found, root)
    if found.running:
        worked = found.checked_at.isoformat(timespec="minutes")
        lines.append(
            f"Running: {found.running.step}, {found.running.describe()}, since "
            f"{found.running.started_at} (now {worked})"
        )
    if found.sources and any(source.loaded_through for source in found.sources):
        lines += ["Sources (asked through, newest business day)"]
        lines += [
            f"  {s.source:<22} {s.loaded_through or '–'!s:<11} "
            f"{s.data_through or '–'!s:<11} {s.state}"
            + (" (optional)" if s.optional else "")
            for s in found.sources
        ]
    if found.closes:
        lines.append("Closed periods")
        lines += [
            f"  {area:<22} {months[0].period} to {months[-1].period}, the last by "
            f"{months[-1].by} on {months[-1].at[:10]}, figures of {months[-1].as_of_date}"
            for area, months in found.closes.items()
        ]
    if found.quarantine:
        lines.append("Quarantine, last 7 days")
        lines += [
            f"  {q.row_count:>7,}  {q.source} {q.entity}"
            f"{'.' + q.column if q.column else ''}: {q.reason}"
            for q in found.quarantine[:_SHOWN]
        ]
        lines += _more(len(found.quarantine))
    lines += _unproven_lines(found)
    if found.waiting:
        lines.append("Landed and not let through")
        lines += [
            f"  {w.stream} {w.entity} of {w.load_date}: {w.row_count:,} rows, gate {w.gate}"
            for w in found.waiting[:_SHOWN]
        ]
        lines += _more(len(found.waiting))
    if found.nights:
        lines.append("Nights")
        lines += [f"  {last_line(night)}" for night in reversed(found.nights)]
    needs = [finding for finding in found.findings if finding.exit_code != EXIT_OK]
    lines.append("Needs a person" if needs else "Nothing needs a person.")
    return [*lines, *_finding_lines(found.findings)]


def _unproven_lines(found: Status) -> list[str]:
    """Return the files nothing proves to be whole, a line per dataset, and what would."""
    if not found.unproven:
        return []
    by_stream: dict[str, list[Unproven]] = {}
    for one in found.unproven:
        by_stream.setdefault(one.stream, []).append(one)
    lines = ["Loaded files nothing proves to be whole"]
    for stream, files in list(by_stream.items())[:_SHOWN]:
        last = max(files, key=lambda one: (one.since, one.file))
        which = last.file
        if len(files) > 1:
            which = f"{len(files):,} files, the last {last.file}"
        lines.append(f"  {stream}: {which}, loaded by the night of {last.since}")
    lines += _more(len(by_stream))
    step = "have the sender put a manifest.json beside them, or declare total_rows"
    return [*lines, f"  next: {step}"]


def _build_lines(found: Status, root: Path) -> list[str]:
    build = found.build
    if build is None or found.build_age is None:
        return [f"Nothing is published in {root}."]
    lines = [
        (
            f"{build.company_name}: published as of {build.as_of_date}, "
            f"{hours(found.build_age)} ago, build {build.build_id}, {len(build.tables)} tables"
        )
    ]
    for name, state in build.themes.items():
        since = "" if state.state == FRESH else f" as of {state.as_of_date}"
        lines.append(f"  {name}: {state.state}{since}")
    return lines + [f"  note: {note}" for note in build.notes]


def _more(count: int) -> list[str]:
    return [f"  … and {count - _SHOWN} more (--json)"] if count > _SHOWN else []


def _finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield findings; what is to be done about several in a row is said once."""
    for step, alike in groupby(findings, key=lambda finding: finding.next_step):
        for finding in alike:
            yield f"  {'!' if finding.exit_code else '·'} {finding.text}"
        yield f"      next: {step}"
