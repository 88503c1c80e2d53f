"""Ticks: a day is launched once, whatever happens to the schedule or the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from orchestration.instance import open_instance
from orchestration.schedules import nightly_schedule

if TYPE_CHECKING:
    from pathlib import Path

ZONE = "Asia/Ho_Chi_Minh"


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone=ZONE)
)
def figure() -> None:
    """Stand for the graph."""


def tick(at: datetime) -> dg.RunRequest:
    """What the schedule asks for at an instant."""
    schedule = nightly_schedule(dg.define_asset_job("nightly", [figure]), ZONE)
    definitions = dg.Definitions(assets=[figure], schedules=[schedule])
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=at,
            repository_def=definitions.get_repository_def(),
        ) as context,
    ):
        (request,) = schedule.evaluate_tick(context).run_requests or ()
    return request


def test_a_night_is_of_the_day_before_in_the_company_zone() -> None:
    # 19:00 UTC is 02:00 of the next day in Vietnam.
    request = tick(datetime(2026, 10, 31, 19, tzinfo=UTC))
    assert request.partition_key == "2026-10-31"


@pytest.mark.parametrize(
    "again",
    [
        # The cron text was edited: an hour later the same night ticks again.
        datetime(2026, 10, 31, 20, tzinfo=UTC),
        # The clock was set back behind midnight and passes the hour a second time.
        datetime(2026, 10, 31, 19, tzinfo=UTC),
    ],
)
def test_a_second_tick_of_the_same_night_carries_the_same_key(again: datetime) -> None:
    # Dagster launches one run per key; a new schedule or an edited one keeps its name.
    first = tick(datetime(2026, 10, 31, 19, tzinfo=UTC))
    second = tick(again)
    assert first.run_key == second.run_key == "2026-10-31"


def test_the_next_night_is_another_run() -> None:
    keys = [tick(datetime(2026, 10, day, 19, tzinfo=UTC)).run_key for day in (30, 31)]
    assert keys == ["2026-10-30", "2026-10-31"]


def test_ticks_of_the_failure_sensor_are_not_kept_for_ever(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        kept = instance.get_settings("retention")
    assert kept["sensor"]["purge_after_days"]["skipped"] == 1
    assert kept["schedule"]["purge_after_days"] == 90
