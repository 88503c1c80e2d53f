"""One source in one night on real files: landed, judged, promoted, replayed, held."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from ingest import ledger
from orchestration.ingestion import blocking_problems, land_source, promote_source
from orchestration.night import Outcome
from orchestration.night_run import NightRun
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
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
    optional: true
    datasets:
      users:
        files: more.csv
        mode: replace
        columns: {user_id: id, user_name: name}
        constants: {valid_from: 2026-01-01}
"""
GOOD = "id,name\n1,Lan\n2,Minh\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "warehouse.yml").write_text(CONFIG)
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "users.csv").write_text(GOOD)
    (tmp_path / "drop" / "more.csv").write_text(GOOD)
    return load_settings(
        root=tmp_path / "root", config_path=tmp_path / "warehouse.yml", environ={}
    )


def drop(settings: Settings, name: str, content: str) -> None:
    (settings.config.path.parent / "drop" / name).write_text(content)


def land(settings: Settings, *, refetch: bool = False) -> NightRun:
    run = NightRun(
        settings, AS_OF, now=NOW, build_id="b", clock=lambda: NOW, refetch=refetch
    )
    for source in settings.config.sources:
        list(land_source(run, source))
        list(promote_source(run, source))
    return run


def outcomes(run: NightRun) -> dict[str, Outcome]:
    return {report.source: report.outcome for report in run.report.streams}


def test_green_batches_are_promoted_and_the_night_may_build(settings: Settings) -> None:
    run = land(settings)
    assert outcomes(run) == {"people": Outcome.PROMOTED, "plans": Outcome.PROMOTED}
    assert blocking_problems(run) == []
    assert len(ledger.read(settings.home.root)) == 2


def test_what_was_promoted_is_not_asked_for_again(settings: Settings) -> None:
    land(settings)
    drop(settings, "users.csv", GOOD + "3,Nga\n")
    assert outcomes(land(settings))["people"] is Outcome.REPLAYED
    run = land(settings, refetch=True)
    assert outcomes(run)["people"] is Outcome.PROMOTED
    assert next(r.row_count for r in run.report.streams if r.source == "people") == 3


def test_what_is_asked_again_and_fails_stops_the_night(settings: Settings) -> None:
    land(settings)
    drop(settings, "users.csv", "id,ten\n1,Lan\n")
    run = land(settings, refetch=True)
    (problem,) = blocking_problems(run)
    assert problem.startswith("people users: ")
    # Not asked again, the date has its data as before.
    assert blocking_problems(land(settings)) == []


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        # The same key twice with different content: the gate sees it.
        ("id,name\n1,Lan\n1,Minh\n", {Outcome.HELD, Outcome.FAILED}),
        # A mapped column is gone: the file is not what was configured.
        ("id,ten\n1,Lan\n", {Outcome.FAILED}),
    ],
)
def test_a_bad_required_source_stops_the_night_and_is_named(
    settings: Settings, content: str, outcome: set[Outcome]
) -> None:
    drop(settings, "users.csv", content)
    run = land(settings)
    assert outcomes(run)["people"] in outcome
    assert outcomes(run)["plans"] is Outcome.PROMOTED
    (problem,) = blocking_problems(run)
    assert problem.startswith("people users: ")
    assert len(problem) > len("people users: not landed")
    assert not list(
        (settings.home.raw / "files/users/people.users").glob("**/*.parquet")
    )


def test_a_bad_optional_source_is_noted_and_the_night_goes_on(
    settings: Settings,
) -> None:
    drop(settings, "more.csv", "id,ten\n1,Lan\n")
    run = land(settings)
    assert blocking_problems(run) == []
    assert run.report.info_notes() == ("source plans is stale",)


def test_the_next_night_tries_again_and_heals(settings: Settings) -> None:
    drop(settings, "users.csv", "id,ten\n1,Lan\n")
    assert blocking_problems(land(settings))
    drop(settings, "users.csv", GOOD)
    assert blocking_problems(land(settings)) == []
