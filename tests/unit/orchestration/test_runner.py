"""How a night run through Dagster ends, told apart by what ended it; no models are built."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ingest.errors import CredentialsError
from orchestration.jobs import NIGHTLY
from orchestration.runner import NightRunner
from orchestration.session import open_session
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestration.night_run import NightRun

CONFIG = """
company: {name: Acme, reporting_currency: VND, timezone: UTC}
sources:
  - {name: drop, kind: files, path: drop, templates: true}
"""
AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)


@contextmanager
def runner_and_night(
    tmp_path: Path, error: BaseException, cause: BaseException | None = None
) -> Iterator[tuple[NightRunner, NightRun]]:
    """Yield a runner of a night whose only step raises."""

    @dg.op
    def step() -> None:
        raise error from cause

    @dg.job(name=NIGHTLY, partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
    def nightly() -> None:
        step()

    config = tmp_path / "warehouse.yml"
    config.write_text(CONFIG)
    settings = load_settings(root=tmp_path / "root", config_path=config, environ={})
    with open_session(
        settings, step="night", clock=lambda: NOW, say=lambda _: None
    ) as session:
        runner = NightRunner(session, dg.Definitions(jobs=[nightly]))
        yield runner, session.open_night(AS_OF)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        pytest.param(KeyboardInterrupt(), None, id="between two statements"),
        pytest.param(
            RuntimeError("Query interrupted"), KeyboardInterrupt(), id="in a query"
        ),
    ],
)
def test_a_night_that_is_stopped_says_so(
    tmp_path: Path, error: BaseException, cause: BaseException | None
) -> None:
    with (
        runner_and_night(tmp_path, error, cause) as (runner, night),
        pytest.raises(KeyboardInterrupt),
    ):
        runner.run(night)
    assert night.report.problem == "stopped from outside"


def test_a_night_ended_by_its_data_leaves_with_their_code(tmp_path: Path) -> None:
    refused = CredentialsError("token refused")
    with runner_and_night(tmp_path, refused) as (runner, night):
        report = runner.run(night)
    assert (report.problem, report.exit_code) == ("token refused", 77)


def test_an_error_of_ours_is_kept_and_raised(tmp_path: Path) -> None:
    with (
        runner_and_night(tmp_path, ValueError("a slip")) as (runner, night),
        pytest.raises(ValueError, match="a slip"),
    ):
        runner.run(night)
    assert night.report.problem == "ValueError: a slip"
