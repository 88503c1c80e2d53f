"""Missed nights and backfills on real files: what is fetched, when, how often, and by whom.

No marts are built here: the runner only notes which night it was asked for.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import duckdb
import pytest
from typer.testing import CliRunner

from ingest import landing, ledger
from ingest.errors import EXIT_BUSY, ConfigError, RetryableError
from orchestration import backfill, ingestion
from orchestration.backfill import (
    Backfill,
    begin_backfill,
    build_day,
    days_done,
    describe_plan,
    land_missed,
    land_night,
    note_due_night,
    plan_backfill,
    read_backfill,
    run_backfill,
    take_due_night,
)
from orchestration.cli import app, nights
from orchestration.lock import hold_run_lock
from orchestration.night import NightReport, Outcome, read_report
from orchestration.night_run import NightRun
from orchestration.outcome import close_night
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = timedelta(days=1)
FIRST = date(2026, 10, 1)
NOW = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
REPOSITORY = Path(__file__).parents[3]
CONFIG = """
company: {name: Acme, reporting_currency: USD, timezone: UTC}
sources:
  - name: people
    kind: files
    path: drop
    settle_seconds: 0
    datasets:
      users:
        files: users.csv
        mode: replace
        columns: {user_id: id, user_name: name}
        constants: {valid_from: 2026-01-01}
  - name: plans
    kind: files
    path: drop
    settle_seconds: 0
    datasets:
      users:
        files: plans.csv
        mode: replace
        columns: {user_id: id, user_name: name}
        constants: {valid_from: 2026-01-01}
"""
STRIPE = """
company: {name: Acme, reporting_currency: USD, timezone: UTC}
sources:
  - {name: stripe_sg, kind: stripe, key_env: KEY, legal_entity: a, functional_currency: USD}
"""


def days(first: int, last: int) -> list[date]:
    return [date(2026, 10, number) for number in range(first, last + 1)]


@dataclass
class Company:
    """A warehouse on files, with what a session does and without what it costs."""

    settings: Settings
    now: datetime = NOW
    built: list[date] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    before_night: Callable[[date], None] = lambda _day: None

    def say(self, text: str) -> None:
        self.said.append(text)

    def open_night(self, as_of: date, **options: Any) -> NightRun:
        self.before_night(as_of)
        return NightRun(
            self.settings,
            as_of,
            now=self.now,
            build_id=f"b{as_of}",
            clock=lambda: self.now,
            say=self.say,
            **options,
        )

    def end_night(self, night: NightRun, *, problem: str = "") -> None:
        close_night(night, finished_at=self.now, problem=problem)

    def run(self, night: NightRun) -> NightReport:
        """Be the runner: land the night and note that it was built."""
        report = land_night(self, night)
        if not report.exit_code:
            self.built.append(night.as_of)
        return report

    def run_all(self, as_of: date) -> NightReport:
        failed = land_missed(self, as_of)
        return failed or self.run(self.open_night(as_of))

    def backfill(self, first: date, last: date, source: str = "") -> NightReport:
        plan = plan_backfill(self.root, first, last, source=source, now=self.now)
        begin_backfill(self.root, plan)
        return run_backfill(self, plan, runner=lambda: self)

    @property
    def root(self) -> Path:
        return self.settings.home.root

    def lines(self) -> list[tuple[str, date]]:
        """Source and as-of day of every promotion there ever was, in order."""
        return [(b.source_name, b.load_date - DAY) for b in ledger.read(self.root)]


@pytest.fixture
def company(tmp_path: Path) -> Company:
    (tmp_path / "warehouse.yml").write_text(CONFIG)
    (tmp_path / "drop").mkdir()
    for name in ("users.csv", "plans.csv"):
        (tmp_path / "drop" / name).write_text("id,name\n1,Lan\n2,Minh\n")
    settings = load_settings(
        root=tmp_path / "root", config_path=tmp_path / "warehouse.yml", environ={}
    )
    return Company(settings)


class Killed(BaseException):
    """What a kill is to the code above it: nothing runs any more."""


def kill_at(monkeypatch: pytest.MonkeyPatch, promotion: int) -> None:
    """Die before the given promotion."""
    real, count = landing.promote_batch, iter(range(1, 1000))

    def promote(root: Path, batch: landing.LandedBatch) -> None:
        if next(count) == promotion:
            raise Killed
        real(root, batch)

    monkeypatch.setattr("orchestration.ingestion.landing.promote_batch", promote)


def test_missed_nights_are_landed_oldest_first_and_survive_a_kill(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.run_all(FIRST)
    with monkeypatch.context() as patch:
        kill_at(patch, 6)  # the second of two sources on the third missed night
        with pytest.raises(Killed):
            company.run_all(date(2026, 10, 9))
    every = [(source, day) for day in days(1, 9) for source in ("people", "plans")]
    assert company.lines() == every[:7]

    company.run_all(date(2026, 10, 9))
    assert company.lines() == every
    assert company.built == [FIRST, date(2026, 10, 9)]


def test_a_failed_missed_night_stops_there_and_says_so(company: Company) -> None:
    company.run_all(FIRST)
    drop = company.settings.config.path.parent / "drop" / "plans.csv"
    drop.write_text("id,ten\n1,Lan\n")
    report = company.run_all(date(2026, 10, 5))
    assert (report.as_of, report.state) == ("2026-10-02", "failed")
    assert report.exit_code == 65
    assert "plans users" in report.problem
    assert company.built == [FIRST]


@pytest.mark.parametrize("source", ["", "plans"])
def test_a_backfill_killed_twice_does_every_day_once(
    company: Company, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    company.run_all(date(2026, 10, 12))
    for promotion in (3, 4):
        with monkeypatch.context() as patch:
            kill_at(patch, promotion)
            with pytest.raises(Killed):
                company.backfill(*days(1, 8)[::7], source)
    plan = read_backfill(company.root)
    assert plan is not None
    done = days_done(company.settings, plan)
    assert 0 < len(done) < 8
    company.now += DAY
    report = company.backfill(*days(1, 8)[::7], source)

    assert report.exit_code == 0
    wanted = [source] if source else ["people", "plans"]
    since = company.lines()[2:]
    assert sorted(since) == sorted((s, day) for s in wanted for day in days(1, 8))
    assert read_backfill(company.root) is None
    assert company.built == [date(2026, 10, 12)] * 2


def test_one_source_asked_again_twice_is_fetched_twice(company: Company) -> None:
    company.run_all(date(2026, 10, 4))
    for _ in range(2):
        company.backfill(date(2026, 10, 4), date(2026, 10, 4), "plans")
    assert company.lines()[2:] == [("plans", date(2026, 10, 4))] * 2


def test_history_of_one_source_asks_no_other(company: Company) -> None:
    for day in days(1, 3):
        company.run_all(day)
    before = company.lines()
    asked = []
    company.before_night = asked.append
    company.backfill(date(2026, 9, 28), date(2026, 10, 2), "plans")
    added = company.lines()[len(before) :]
    assert [source for source, _ in added] == ["plans"] * 5
    assert [day for _, day in added] == [date(2026, 9, 28) + n * DAY for n in range(5)]
    # Built is the newest night, from what had landed of every source.
    assert company.built[-1] == date(2026, 10, 3)
    assert asked[-1] == date(2026, 10, 3)
    day = read_report(company.settings.home.nights, date(2026, 9, 28))
    assert day is not None
    assert {s.source: s.outcome for s in day.streams} == {
        "people": Outcome.DEFERRED,
        "plans": Outcome.PROMOTED,
    }


def test_a_new_source_gets_its_history_and_the_others_are_left_alone(
    company: Company,
) -> None:
    both = company.settings
    (both.config.path.parent / "one.yml").write_text(
        CONFIG.partition("  - name: plans")[0]
    )
    one = load_settings(
        root=both.home.root, config_path=both.config.path.parent / "one.yml", environ={}
    )
    company.settings = one
    for day in days(1, 3):
        company.run_all(day)
    company.settings = both
    before = company.lines()
    assert company.backfill(*days(1, 2), "plans").exit_code == 0
    # Days 1 and 2 were asked for; day 3 is built, so the new source is read for it too.
    assert company.lines()[len(before) :] == [("plans", day) for day in days(1, 3)]


def test_readers_are_never_taken_back_by_a_backfill(company: Company) -> None:
    company.run_all(date(2026, 10, 20))
    company.backfill(*days(1, 2))
    assert company.built == [date(2026, 10, 20)] * 2
    company.backfill(date(2026, 10, 20), date(2026, 10, 22))
    assert company.built[-1] == date(2026, 10, 22)


def test_one_source_beyond_the_newest_night_is_refused(company: Company) -> None:
    plan = plan_backfill(company.root, *days(1, 2), source="plans", now=NOW)
    with pytest.raises(ConfigError, match="no night has run yet"):
        build_day(company.settings, plan)
    company.run_all(FIRST)
    with pytest.raises(ConfigError, match="the newest night is 2026-10-01"):
        build_day(company.settings, plan)


def test_a_night_that_falls_due_runs_between_two_days(company: Company) -> None:
    order: list[date] = []

    def before(day: date) -> None:
        order.append(day)
        if day == date(2026, 10, 2):
            note_due_night(company.root, date(2026, 10, 30))

    company.before_night = before
    company.run_all(date(2026, 10, 29))
    order.clear()
    company.backfill(*days(1, 5)[::4])
    assert order == [*days(1, 2), date(2026, 10, 30), *days(3, 5), date(2026, 10, 30)]
    assert company.built[-2:] == [date(2026, 10, 30)] * 2
    assert take_due_night(company.root) is None


def test_a_due_night_somebody_else_has_published_is_not_run_again(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "current_build", lambda _published: company.root)
    monkeypatch.setattr(
        backfill,
        "read_manifest",
        lambda _build: type("M", (), {"as_of_date": "2026-10-29"}),
    )
    company.run_all(date(2026, 10, 29))
    note_due_night(company.root, date(2026, 10, 28))
    company.backfill(*days(1, 2))
    assert date(2026, 10, 28) not in company.built


def test_a_night_that_meets_a_backfill_leaves_word_and_exits_75(tmp_path: Path) -> None:
    with hold_run_lock(tmp_path, step="backfill of 2026-01-01 to 2026-01-31", now=NOW):
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from orchestration.cli import main; main()"),
                *("nightly", "--root", str(tmp_path), "--as-of", "2026-10-31"),
            ],
            check=False,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        )
    assert done.returncode == EXIT_BUSY
    assert "runs the night of 2026-10-31 between two of its days" in done.stderr
    assert take_due_night(tmp_path) == date(2026, 10, 31)


def test_a_plan_says_what_is_done_and_what_remains(company: Company) -> None:
    company.run_all(date(2026, 10, 2))
    plan = Backfill("2026-10-01", "2026-10-04", "", 0, "2026-11-10T03:00:00+00:00")
    done = days_done(company.settings, plan)
    assert done == [date(2026, 10, 2)]
    assert describe_plan(plan, done) == (
        "backfill 2026-10-01 to 2026-10-04, begun 2026-11-10T03:00:00+00:00: "
        "1 of 4 days have landed, next is 2026-10-01"
    )


def test_a_late_night_asks_for_what_has_a_time_and_leaves_lists_to_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, datetime | None] = {}

    def extract(_source: object, stream: Any, **words: Any) -> None:
        asked[stream.entity] = words["until"]
        message = "down"
        raise RetryableError(message)

    monkeypatch.setattr(ingestion, "extract_entity", extract)
    (tmp_path / "warehouse.yml").write_text(STRIPE)
    settings = load_settings(
        root=tmp_path / "root",
        config_path=tmp_path / "warehouse.yml",
        environ={"KEY": "rk_x"},
    )
    company = Company(settings)
    report = land_night(company, company.open_night(FIRST))
    instant = datetime(2026, 10, 2, 2, tzinfo=UTC)
    assert asked == {
        "subscription_events": instant,
        "balance_transactions": instant,
    }
    deferred = {s.entity for s in report.streams if s.outcome is Outcome.DEFERRED}
    assert {"subscription_items", "invoices", "customers"} <= deferred
    # What was left alone is no reason to stop; what failed is.
    assert report.problem.count("down") == 2
    assert "invoices" not in report.problem

    asked.clear()
    company.now = instant
    land_night(company, company.open_night(FIRST))
    assert {"subscription_items", "invoices", "customers"} <= set(asked)
    assert set(asked.values()) == {None}


def test_the_clock_set_back_takes_nobody_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        con.execute("create table t as select 1 as a")
    publish_build(
        PublishRequest(
            warehouse=tmp_path / "warehouse.duckdb",
            published=tmp_path / "published",
            tables=(PublishedTable("t", "main", "core", ()),),
            build_id="b",
            as_of=date(2026, 11, 9),
            code_version="c",
            company_name="Acme",
            now=NOW,
        )
    )
    monkeypatch.setattr(nights, "now", lambda: NOW - 3 * DAY)
    done = CliRunner().invoke(app, ["nightly", "--root", str(tmp_path)])
    assert done.exit_code == 0
    assert "Night of 2026-11-09 is published" in done.stdout
    assert "nothing to do" in done.stdout
    assert not (tmp_path / "state").exists()


def test_a_day_stopped_in_a_query_says_so(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine makes of Ctrl-C is no error of the day."""

    def interrupted(*_: object) -> NoReturn:
        message = "Query interrupted"
        raise RuntimeError(message) from KeyboardInterrupt()

    monkeypatch.setattr(backfill, "land_source", interrupted)
    night = company.open_night(FIRST)
    with pytest.raises(KeyboardInterrupt):
        land_night(company, night)
    assert night.report.problem == "stopped from outside"
