from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from orchestration.night_run import night_instant, yesterday


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
