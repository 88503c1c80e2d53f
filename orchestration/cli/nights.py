"""`warehouse nightly` and `warehouse backfill`.

Belongs here: which nights a command runs, in which order, and its closing summary. Stays out:
running one (`orchestration.runner`).
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.errors import ConfigError, IngestError
from orchestration.cli.options import (
    Config,
    Json,
    Root,
    now,
    parse_day,
    print_json,
    say,
)
from orchestration.cli.summary import describe_night
from orchestration.night_run import DAY, missed_nights, yesterday
from orchestration.outcome import PUBLISHED, last_line
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from datetime import date

    from orchestration.night import NightReport
    from orchestration.runner import NightRunner

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Last complete business day; default yesterday there."
    ),
]
FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Rebuild every model from raw.")
]
Refetch = Annotated[
    bool,
    typer.Option("--refetch", help="Ask sources again for what has landed already."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(epilog="Example: warehouse nightly --as-of 2026-10-31")(nightly)
    app.command(epilog="Example: warehouse backfill --from 2026-10-01 --to 2026-10-31")(
        backfill
    )


def nightly(
    config: Config = None,
    as_of: AsOf = None,
    root: Root = None,
    *,
    full_refresh: FullRefresh = False,
    refetch: Refetch = False,
    as_json: Json = False,
) -> None:
    """Run the night: extract, gate, build, gate, publish. Missed nights are landed first."""
    settings = load_settings(root=root, config_path=config)
    day = _as_of(settings, as_of)
    report = _run(
        settings,
        missed=missed_nights(settings, day),
        day=day,
        options={"full_refresh": full_refresh, "refetch": refetch},
    )
    _finish(settings, report, as_json=as_json)


def backfill(
    first: Annotated[str, typer.Option("--from", help="First as-of day.")],
    last: Annotated[str, typer.Option("--to", help="Last as-of day.")],
    source: Annotated[
        str | None, typer.Option("--source", help="Ask only this source again.")
    ] = None,
    config: Config = None,
    root: Root = None,
    *,
    as_json: Json = False,
) -> None:
    """Land every day that is missing between two days, oldest first, then build once.

    Days that have landed are replayed from raw; with `--source` that source is asked again.
    """
    settings = load_settings(root=root, config_path=config)
    start, end = parse_day(first, "--from"), parse_day(last, "--to")
    if start > end:
        message = f"--from {start} is after --to {end}"
        raise ConfigError(message)
    _refuse_future(settings, end)
    options: dict[str, Any] = {}
    if source is not None:
        settings.config.source(source)
        options = {"refetch": True, "only_sources": frozenset({source})}
    days = [start + offset * DAY for offset in range((end - start).days)]
    report = _run(settings, missed=days, day=end, options=options)
    _finish(settings, report, as_json=as_json)


class StoppedError(IngestError):
    """A person or the system asked the run to end."""

    exit_code = 130


def _run(
    settings: Settings, *, missed: list[date], day: date, options: dict[str, Any]
) -> NightReport:
    try:
        return _run_nights(settings, missed=missed, day=day, options=options)
    except KeyboardInterrupt:
        message = (
            f"Night of {day} was stopped. What is published is unchanged; "
            "run `warehouse nightly` to go on from what has landed."
        )
        raise StoppedError(message) from None


def _run_nights(
    settings: Settings, *, missed: list[date], day: date, options: dict[str, Any]
) -> NightReport:
    from orchestration.runner import make_runner  # noqa: PLC0415 - seconds; only nights pay
    from orchestration.session import open_session  # noqa: PLC0415 - as above

    with open_session(settings, step=f"night of {day}", clock=now, say=say) as session:
        runner = make_runner(session)
        for number, earlier in enumerate(missed, start=1):
            say(f"night of {earlier} ({number} of {len(missed)} before {day}): landing")
            report = _run_one(runner, earlier, options, only_landing=True)
            if report.exit_code:
                return report
        say(f"night of {day}")
        return _run_one(runner, day, options, only_landing=False)


def _run_one(
    runner: NightRunner, day: date, options: dict[str, Any], *, only_landing: bool
) -> NightReport:
    night = runner.session.open_night(day, **options)
    night.only_landing = only_landing
    return runner.run(night)


def _as_of(settings: Settings, given: str | None) -> date:
    if given is None:
        return yesterday(now(), settings.config.company.timezone)
    day = parse_day(given, "--as-of")
    _refuse_future(settings, day)
    return day


def _refuse_future(settings: Settings, day: date) -> None:
    newest = yesterday(now(), settings.config.company.timezone)
    if day > newest:
        message = (
            f"{day} is not over in {settings.config.company.timezone}; the newest complete "
            f"day is {newest}"
        )
        raise ConfigError(message)


def _finish(settings: Settings, report: NightReport, *, as_json: bool) -> None:
    if as_json:
        content = {**asdict(report), "last_line": last_line(report)}
        for long in ("gates", "control_rows"):
            content.pop(long)
        print_json(content)
    else:
        sys.stdout.write(describe_night(report, settings))
    if report.state != PUBLISHED:
        sys.stderr.write(f"{last_line(report)}\n")
    elif not as_json:
        sys.stdout.write(f"{last_line(report)}\n")
    raise typer.Exit(report.exit_code)
