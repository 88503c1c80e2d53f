"""The command line on hand-made published builds; no night is run here."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pytest
from typer.testing import CliRunner

from ingest.errors import EXIT_BUSY, EXIT_CONFIG, ConfigError, StorageError
from orchestration.acknowledgements import read_acknowledged
from orchestration.cli import app, nights
from orchestration.cli.look import read_kpi
from orchestration.lock import BusyError, HandedOverError, Holder, hold_run_lock
from orchestration.night import NightReport, Outcome, StreamReport, write_report
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.settings import Home, load_settings
from tests.faults.vendors import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

    from ingest.errors import IngestError
    from orchestration.session import Session

REPOSITORY = Path(__file__).parents[3]
NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        con.execute(
            "create table rpt_kpi_values as select *, 'current' as basis,"
            " 'standard' as variant, period_start_date as period_end_date,"
            " member_id as member_name, 'money' as unit, []::varchar[] as flag,"
            " null::decimal(38,4) as numerator, null::decimal(38,4) as denominator"
            " from (values"
            " ('mrr', 'total', 'month', date '2026-08-01', '(total)', 'VND', 100.0, false),"
            " ('mrr', 'total', 'month', date '2026-09-01', '(total)', 'VND', 110.5, false),"
            " ('mrr', 'total', 'month', date '2026-10-01', '(total)', 'VND', 120.0, true),"
            " ('mrr', 'rep', 'month', date '2026-10-01', 'Lan', 'VND', 120.0, true),"
            " ('won', 'total', 'month', date '2017-12-01', '(total)', 'VND', 5.0, false),"
            " ('won', 'total', 'month', date '2026-09-01', '(total)', 'VND', 0.0, false),"
            " ('won', 'total', 'month', date '2026-10-01', '(total)', 'VND', null, true))"
            " v(kpi_key, breakdown, grain, period_start_date, member_id, currency, value,"
            " is_partial)"
        )
        con.execute("create table kpi_registry as select 'mrr' as kpi_key")
        con.execute("create table fct_balances as select 1 as a")
        con.execute(
            "create table dim_article_lines as select '001-20' as line_id, 'MRR' as text_vi,"
            " 'Recurring revenue' as concept_en, 'mrr|arr' as kpi_keys,"
            " 'plan' as breakdowns, null as places"
        )
    publish_build(
        PublishRequest(
            warehouse=tmp_path / "warehouse.duckdb",
            published=tmp_path / "published",
            tables=(
                *(
                    PublishedTable(name, "main", "core", ())
                    for name in ("rpt_kpi_values", "kpi_registry", "dim_article_lines")
                ),
                PublishedTable("fct_balances", "main", "finance", ()),
            ),
            red_themes=frozenset({"finance"}),
            build_id="2026-10-31T1-a",
            as_of=date(2026, 10, 31),
            code_version="c",
            company_name="Acme",
            now=NOW,
        )
    )
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_kpi_shows_the_newest_periods_oldest_first(root: Path) -> None:
    rows = read_kpi(
        root / "published" / "current", key="mrr", by="total", grain="month", last=2
    )
    assert [row["period_start_date"] for row in rows] == [
        date(2026, 9, 1),
        date(2026, 10, 1),
    ]
    shown = run("kpi", "mrr", "--last", "2", "--root", str(root))
    assert "110.5" in shown.output
    assert "so far" in shown.output
    assert "2026-08-01" not in shown.output


def test_a_screen_of_nothing_says_where_the_figures_are(root: Path) -> None:
    """Tempting: only the dashes. Of an export of years ago nobody would look further back."""
    shown = run("kpi", "won", "--last", "2", "--root", str(root))
    assert "the newest other figure is of 2017-12-01: --last 3" in shown.output
    assert "newest" not in run("kpi", "won", "--last", "3", "--root", str(root)).output


def test_a_kpi_whose_theme_is_held_back_is_no_unknown_word(root: Path) -> None:
    refused = run("kpi", "nrr", "--root", str(root))
    assert isinstance(refused.exception, ConfigError)
    assert (
        "nothing of finance is shown yet: a gate held it back, warehouse status"
        in str(refused.exception)
    )


def test_a_line_of_an_article_is_answered(root: Path) -> None:
    shown = run("kpi", "001-20", "--last", "1", "--root", str(root))
    assert shown.exit_code == 0, shown.output
    assert "Recurring revenue" in shown.output
    assert "--by plan" in shown.output
    assert "arr is not published yet" in shown.output
    assert "120" in shown.output
    unknown = run("kpi", "001-99", "--root", str(root))
    assert isinstance(unknown.exception, ConfigError)
    assert "no line '001-99'" in str(unknown.exception)


def test_kpi_breaks_down_and_speaks_json(root: Path) -> None:
    shown = run("kpi", "mrr", "--by", "rep", "--json", "--root", str(root))
    assert [row["member_id"] for row in json.loads(shown.stdout)] == ["Lan"]


def test_a_narrow_window_cuts_no_figure(root: Path) -> None:
    shown = CliRunner().invoke(
        app, ["kpi", "mrr", "--root", str(root)], env={"COLUMNS": "30"}
    )
    assert shown.exit_code == 0
    assert "110.5" in shown.output
    assert "…" not in shown.output


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ({"key": "mmr"}, "mrr"),
        ({"by": "reps"}, "rep"),
        ({"grain": "mont"}, "month"),
    ],
)
def test_a_wrong_word_names_the_nearest(
    root: Path, words: dict[str, str], hint: str
) -> None:
    asked = {"key": "mrr", "by": "total", "grain": "month", **words}
    with pytest.raises(ConfigError, match=hint):
        read_kpi(root / "published" / "current", last=1, **asked)


def test_status_before_the_first_night_says_how_to_begin(tmp_path: Path) -> None:
    shown = run("status", "--root", str(tmp_path))
    assert shown.exit_code == 69
    assert "warehouse nightly" in shown.output.replace("\n", " ")


def test_status_names_build_and_as_of(root: Path) -> None:
    told = json.loads(run("status", "--json", "--root", str(root)).stdout)
    assert told["current"] == "2026-10-31T1-a"
    assert told["as_of_date"] == "2026-10-31"
    assert told["themes"]["core"]["state"] == "fresh"


def test_second_night_exits_75_and_names_the_holder(tmp_path: Path) -> None:
    with hold_run_lock(tmp_path, step="night of 2026-10-30", now=NOW):
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
    assert "night of 2026-10-30" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nightly", "--as-of", "2126-01-01"], "is not over"),
        (["nightly", "--as-of", "31/10/2026"], "is not a day like"),
        (["backfill", "--from", "2026-10-02", "--to", "2026-10-01"], "is after"),
        (["doctor", "--config", "/nowhere.yml"], "no such configuration file"),
    ],
)
def test_wrong_words_are_configuration_errors(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = run(*arguments, "--root", str(tmp_path))
    assert isinstance(done.exception, ConfigError)
    assert done.exception.exit_code == EXIT_CONFIG
    assert said in str(done.exception)


def test_doctor_lists_sources_and_entities(tmp_path: Path) -> None:
    shown = run("doctor", "--root", str(tmp_path))
    assert shown.exit_code == 0
    assert "hubspot_main · hubspot" in shown.output
    assert "meta_main · meta_ads (optional)" in shown.output


def test_rollback_shows_an_earlier_build_again(root: Path) -> None:
    second = PublishRequest(
        warehouse=root / "warehouse.duckdb",
        published=root / "published",
        tables=(PublishedTable("rpt_kpi_values", "main", "core", ()),),
        build_id="2026-11-01T1-b",
        as_of=date(2026, 11, 1),
        code_version="c",
        company_name="Acme",
        now=NOW,
    )
    publish_build(second)
    assert run("rollback", "2026-10-31T1-a", "--root", str(root)).exit_code == 0
    told = json.loads(run("status", "--json", "--root", str(root)).stdout)
    assert told["current"] == "2026-10-31T1-a"
    # Nothing is pinned: the next good night is served, and the build gone back from is kept.
    publish_build(
        replace(second, build_id="2026-11-02T1-c", now=NOW + timedelta(hours=1))
    )
    told = json.loads(run("status", "--json", "--root", str(root)).stdout)
    assert told["current"] == "2026-11-02T1-c"
    assert set(told["builds"]) == {
        "2026-10-31T1-a",
        "2026-11-01T1-b",
        "2026-11-02T1-c",
    }
    wrong = run("rollback", "2026-10-31T1-x", "--root", str(root))
    assert isinstance(wrong.exception, ConfigError)
    assert "2026-10-31T1-a" in str(wrong.exception)


def test_acknowledgement_is_kept_with_its_reason(tmp_path: Path) -> None:
    done = run("acknowledge", "drop-b", "--reason", "moved", "--root", str(tmp_path))
    assert done.exit_code == 0
    with (tmp_path / "state" / "acknowledged.jsonl").open("a") as handle:
        handle.write('{"finding": "torn')
    assert read_acknowledged(tmp_path) == {"drop-b"}
    kept = (tmp_path / "state" / "acknowledged.jsonl").read_text()
    assert '"reason": "moved"' in kept


def test_an_id_no_night_reported_is_kept_and_said(tmp_path: Path) -> None:
    known = "drop-stripe_sg-refunds-2026-11-01-0a1b2c3d"
    red = [
        f"refunds.row_count (0); if it is true: warehouse acknowledge {known} --reason …"
    ]
    stream = StreamReport(
        "stripe_sg",
        "stripe_sg",
        "refunds",
        optional=False,
        outcome=Outcome.HELD,
        red=red,
    )
    write_report(
        Home(tmp_path).nights,
        NightReport("2026-10-31", "b", NOW.isoformat(), streams=[stream]),
    )
    words = ("--reason", "moved", "--root", str(tmp_path))
    assert "no night" not in run("acknowledge", known, *words).output
    slip = run("acknowledge", known.replace("refunds", "refund"), *words)
    assert slip.exit_code == 0
    assert f"has reported {known.replace('refunds', 'refund')}" in slip.output
    assert f"did you mean {known!r}?" in slip.output


CONFIG = """
company: {name: Acme, reporting_currency: USD, timezone: UTC}
sources: [{name: stripe_sg, kind: stripe, key_env: KEY_OF_ACME}]
"""


@contextmanager
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Listen to alerts."""
    bodies: list[dict[str, Any]] = []

    def take(_m: str, _p: str, _q: dict[str, str], body: bytes) -> tuple[int, Any]:
        bodies.append(json.loads(body))
        return 200, {}

    with serving(take) as url:
        monkeypatch.setenv("WAREHOUSE_ALERT_WEBHOOK", url)
        yield bodies


def test_a_night_without_its_secret_is_told_to_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "warehouse.yml"
    config.write_text(CONFIG)
    with chat(monkeypatch) as bodies:
        done = run("nightly", "--config", str(config), "--root", str(tmp_path))
    assert isinstance(done.exception, ConfigError)
    [body] = bodies
    assert body["title"] == "KPI warehouse: the night did not start"
    assert "environment variable KEY_OF_ACME is not set" in body["findings"][0]


@dataclass
class Opened:
    """A session as far as telling goes."""

    has_told: bool


HOLDER = Holder(7, "2026-11-01T02:00:00+00:00", "night of 2026-10-31")


@pytest.mark.parametrize(
    ("error", "has_told", "told"),
    [
        (StorageError("disk has 12 bytes free, a night may need 9,000"), None, True),
        (StorageError("dbt's graph cannot be written"), False, True),
        # The night itself has told how it ended, or another one is at work and will.
        (StorageError("the disk is full"), True, False),
        (BusyError(HOLDER), None, False),
        (HandedOverError("a backfill holds this warehouse"), None, False),
    ],
)
def test_a_run_that_ends_before_its_night_is_told_to_people(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: IngestError,
    *,
    has_told: bool | None,
    told: bool,
) -> None:
    """No night report tells of it, and the watch would only notice a day later."""
    config = tmp_path / "warehouse.yml"
    config.write_text(CONFIG)
    monkeypatch.setenv("KEY_OF_ACME", "rk_x")
    with chat(monkeypatch) as bodies:
        settings = load_settings(root=tmp_path, config_path=config)

        def work() -> None:
            with nights._telling(settings, "night of 2026-10-31") as opened:
                if has_told is not None:
                    opened.append(cast("Session", Opened(has_told)))
                raise error

        with pytest.raises(type(error)):
            work()
    assert [body["findings"] for body in bodies] == ([[str(error)]] if told else [])
    if told:
        assert bodies[0]["title"].startswith("KPI warehouse Acme: night of 2026-10-31")


def test_the_command_starts_without_orchestrator_gates_and_frames() -> None:
    script = (
        "import sys, orchestration.cli\n"
        "heavy = {'dagster', 'dbt', 'great_expectations', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"
