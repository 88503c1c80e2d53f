from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from orchestration.night import NightReport, read_report, write_report
from orchestration.night_run import (
    NightRun,
    missed_nights,
    night_instant,
    yesterday,
)
from orchestration.settings import SANDBOX_CONFIG, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        # 18:30 UTC is already the next day in Vietnam.
        ("2026-10-31T18:30:00+00:00", "Asia/Ho_Chi_Minh", date(2026, 10, 31)),
        ("2026-10-31T16:59:59+00:00", "Asia/Ho_Chi_Minh", date(2026, 10, 30)),
        ("2026-10-31T18:30:00+00:00", "America/New_York", date(2026, 10, 30)),
    ],
)
def test_yesterday_is_the_last_complete_day_there(
    instant: str, zone: str, day: date
) -> None:
    assert yesterday(datetime.fromisoformat(instant), zone) == day


def test_night_runs_at_two_in_the_company_zone() -> None:
    assert night_instant(date(2026, 10, 31), "Asia/Ho_Chi_Minh") == datetime(
        2026, 10, 31, 19, 0, tzinfo=UTC
    )
    # New York had just left daylight saving time at that very hour.
    assert night_instant(date(2026, 10, 31), "America/New_York") == datetime(
        2026, 11, 1, 7, 0, tzinfo=UTC
    )


def test_a_long_gap_is_caught_up_by_its_last_nights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = SimpleNamespace(load_date=date(2026, 1, 2))
    monkeypatch.setattr("orchestration.night_run.ledger.read", lambda _root: [landed])
    settings = load_settings(root=tmp_path, config_path=SANDBOX_CONFIG, environ={})
    # Without a report the newest night was killed, so it is landed to its end as well.
    assert missed_nights(settings, date(2026, 1, 3)) == [
        date(2026, 1, 1),
        date(2026, 1, 2),
    ]
    write_report(settings.home.nights, NightReport("2026-01-01", "b", ""))
    assert missed_nights(settings, date(2026, 1, 4)) == [
        date(2026, 1, 2),
        date(2026, 1, 3),
    ]
    assert missed_nights(settings, date(2026, 1, 1)) == []
    assert missed_nights(settings, date(2025, 12, 1)) == []
    long = missed_nights(settings, date(2026, 12, 31))
    assert len(long) == 40
    assert long[-1] == date(2026, 12, 30)


def test_time_is_counted_to_the_innermost_step_and_adds_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([1.0, 4.0, 6.0, 9.5, 10.0])
    monkeypatch.setattr("orchestration.night_run.perf_counter", lambda: next(ticks))
    night = NightRun(
        load_settings(root=tmp_path, config_path=SANDBOX_CONFIG, environ={}),
        date(2026, 10, 31),
        now=datetime(2026, 10, 31, 19, tzinfo=UTC),
        build_id="b",
        clock=lambda: datetime(2026, 10, 31, 19, tzinfo=UTC),
    )
    night._step_since = 0.0
    with night.timed("landing"), night.timed("raw gate"):
        pass
    night.save()
    kept = read_report(night.settings.home.nights, date(2026, 10, 31))
    assert kept is not None
    # Landing: 1 to 4 and 6 to 9.5; the gate between.
    assert kept.seconds == {"rest": 1.5, "landing": 6.5, "raw gate": 2.0}
