"""`warehouse nightly` and `warehouse backfill`.

Belongs here: which nights a command runs, in which order, and its closing summary. Stays out:
running one (`orchestration.runner`).
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.errors import ConfigError, IngestError
from orchestration.alerts import send_alert
from orchestration.backfill import (
    STEP,
    Backfill,
    begin_backfill,
    build_day,
    days_done,
    describe_plan,
    plan_backfill,
    run_backfill,
)
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
from orchestration.lock import BusyError, HandedOverError
from orchestration.night_run import yesterday
from orchestration.outcome import PUBLISHED, alert_of_no_night, last_line
from orchestration.publish import current_build, read_manifest
from orchestration.settings import (
    AlertSettings,
    Settings,
    load_settings,
    read_alert_settings,
)
from orchestration.stopping import was_stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.night import NightReport
    from orchestration.session import Session

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
    try:
        settings = load_settings(root=root, config_path=config)
    except ConfigError as error:
        _tell_of_no_night("the night", error, "", read_alert_settings())
        raise
    day = _as_of(settings, as_of)
    newest = _published_day(settings)
    if as_of is None and newest is not None and day < newest:
        # The clock went back: readers are not taken back with it.
        sys.stdout.write(
            f"Night of {newest} is published and the clock says {day} is the last complete "
            "day: nothing to do. Name an older day with --as-of to build it again.\n"
        )
        return
    with _stopping(f"Night of {day}", "nightly"):
        report = _run_night(
            settings, day, {"full_refresh": full_refresh, "refetch": refetch}
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
    plan_only: Annotated[
        bool,
        typer.Option("--plan", help="Say what is done and what remains; run nothing."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Land every day that is missing between two days, oldest first, then build once.

    Days that have landed are replayed from raw; with `--source` that source is asked again
    and no other. The same words again go on where a killed backfill stood. The build is of
    the newest night, so readers are not taken back; a night that falls due meanwhile runs
    between two days.
    """
    settings = load_settings(root=root, config_path=config)
    start, end = parse_day(first, "--from"), parse_day(last, "--to")
    if start > end:
        message = f"--from {start} is after --to {end}"
        raise ConfigError(message)
    _refuse_future(settings, end)
    if source is not None:
        settings.config.source(source)
    plan = plan_backfill(settings.home.root, start, end, source=source or "", now=now())
    build_day(settings, plan)
    done = days_done(settings, plan)
    if plan_only:
        _show_plan(plan, done, as_json=as_json)
        return
    say(describe_plan(plan, done))
    with _stopping(f"Backfill of {start} to {end}", "backfill"):
        report = _run_backfill(settings, plan)
    _finish(settings, report, as_json=as_json)


class StoppedError(IngestError):
    """A person or the system asked the run to end."""

    exit_code = 130


@contextmanager
def _stopping(what: str, verb: str) -> Iterator[None]:
    """Say what a run that was asked to end leaves behind.

    Raises:
        StoppedError: it was asked to end.
    """
    try:
        yield
    except BaseException as error:
        if not was_stopped(error):
            raise
        message = (
            f"{what} was stopped. What is published is whole; run the same "
            f"`warehouse {verb}` to go on from what has landed."
        )
        raise StoppedError(message) from None


def _run_night(settings: Settings, day: date, options: dict[str, Any]) -> NightReport:
    from orchestration.runner import make_runner  # noqa: PLC0415 - seconds; only nights pay
    from orchestration.session import open_session  # noqa: PLC0415 - as above

    step = f"night of {day}"
    with (
        _telling(settings, step) as opened,
        open_session(settings, step=step, clock=now, say=say, due=day) as session,
    ):
        opened.append(session)
        return make_runner(session).run_all(day, **options)


def _run_backfill(settings: Settings, plan: Backfill) -> NightReport:
    from orchestration.runner import make_runner  # noqa: PLC0415 - seconds; only nights pay
    from orchestration.session import open_session  # noqa: PLC0415 - as above

    step = f"{STEP} of {plan.first} to {plan.last}"
    with (
        _telling(settings, step) as opened,
        open_session(settings, step=step, clock=now, say=say) as session,
    ):
        opened.append(session)
        begin_backfill(settings.home.root, plan)
        return run_backfill(session, plan, runner=lambda: make_runner(session))


@contextmanager
def _telling(settings: Settings, what: str) -> Iterator[list[Session]]:
    """Alert people of what ends the block before any of its nights could.

    A run that finds another one at work is no failure: that one tells how it ends.
    """
    opened: list[Session] = []
    try:
        yield opened
    except (BusyError, HandedOverError):
        raise
    except Exception as error:
        if not was_stopped(error) and not any(s.has_told for s in opened):
            company = settings.config.company.name
            _tell_of_no_night(what, error, company, settings.alerts)
        raise


def _tell_of_no_night(
    what: str, error: Exception, company: str, alerts: AlertSettings
) -> None:
    for failed in send_alert(alert_of_no_night(what, str(error), company), alerts):
        say(f"alert: {failed}")


def _show_plan(plan: Backfill, done: list[date], *, as_json: bool) -> None:
    remaining = [day for day in plan.days if day not in set(done)]
    if as_json:
        print_json({**asdict(plan), "done": done, "remaining": remaining})
        return
    sys.stdout.write(f"{describe_plan(plan, done)}\n")
    for day in plan.days:
        sys.stdout.write(f"  {day}  {'landed' if day in set(done) else 'remains'}\n")


def _published_day(settings: Settings) -> date | None:
    build = current_build(settings.home.published)
    return date.fromisoformat(read_manifest(build).as_of_date) if build else None


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
