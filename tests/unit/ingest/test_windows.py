"""Which window is pulled for a night."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from ingest.contracts import CONTRACTS
from ingest.errors import ConfigError
from ingest.windows import Window, is_full_list, look_back_of, window_for

if TYPE_CHECKING:
    from ingest.entities import EntityContract

HO_CHI_MINH = ZoneInfo("Asia/Ho_Chi_Minh")
AS_OF = date(2026, 10, 31)
NIGHT = datetime(2026, 10, 31, 19, tzinfo=UTC)
"""02:00 on 1 November in Vietnam (UTC+7)."""

DEALS = CONTRACTS["hubspot"]["deals"]
STAGES = CONTRACTS["hubspot"]["deal_stages"]
EVENTS = CONTRACTS["stripe"]["subscription_events"]
CHARGES = CONTRACTS["stripe"]["charges"]
INSIGHTS = CONTRACTS["meta_ads"]["campaign_insights_daily"]


def window(contract: EntityContract, cursor: str | None) -> Window:
    return window_for(contract, cursor, as_of=AS_OF, tz=HO_CHI_MINH, now=NIGHT)


@pytest.mark.parametrize("contract", [DEALS, STAGES, EVENTS, INSIGHTS])
def test_the_first_load_takes_everything(contract: EntityContract) -> None:
    assert window(contract, None) == Window(
        load_date=date(2026, 11, 1),
        start=None,
        end=NIGHT,
        start_date=None,
        end_date=AS_OF,
        extracted_at=NIGHT,
    )


def test_mutable_records_are_read_again_from_a_day_before_the_cursor() -> None:
    found = window(DEALS, "2026-10-30T18:59:00+00:00")
    assert found.start == datetime(2026, 10, 29, 18, 59, tzinfo=UTC)
    assert (found.end, found.start_date) == (NIGHT, None)


def test_a_cursor_ahead_of_the_clock_does_not_skip_what_happens_until_then() -> None:
    # The tempting change: cursor - 24 h, which would start in the future.
    found = window(DEALS, "2026-11-05T00:00:00+00:00")
    assert found.start == NIGHT - timedelta(days=1)


def test_a_list_without_versions_is_always_read_whole() -> None:
    for contract in (STAGES, CHARGES):
        assert window(contract, "2026-10-30T00:00:00+00:00").start is None


def test_restated_facts_are_read_again_for_the_whole_restatement_period() -> None:
    found = window(INSIGHTS, "2026-10-31")
    # 28 days ending with the as-of day: 4 October to 31 October.
    assert (found.start_date, found.end_date) == (date(2026, 10, 4), AS_OF)
    assert found.start == datetime(2026, 10, 3, 17, tzinfo=UTC)


def test_restated_facts_catch_up_after_missed_nights() -> None:
    # Last read up to 20 October: days before 23 September were settled by then.
    found = window(INSIGHTS, "2026-10-20")
    assert (found.start_date, found.end_date) == (date(2026, 9, 23), AS_OF)


def test_an_older_date_run_again_does_not_end_after_it() -> None:
    found = window(INSIGHTS, "2026-12-01")
    assert (found.start_date, found.end_date) == (date(2026, 10, 4), AS_OF)


def test_events_inside_the_sources_memory_have_no_gap() -> None:
    found = window(EVENTS, "2026-10-30T20:00:00+00:00")
    assert found.start == datetime(2026, 10, 30, 19, tzinfo=UTC)
    assert not found.has_gap


def test_a_look_back_beyond_the_memory_is_cut_without_a_gap() -> None:
    cursor = NIGHT - timedelta(days=30)
    found = window(EVENTS, cursor.isoformat())
    assert (found.start, found.has_gap) == (NIGHT - timedelta(days=30), False)


def test_a_cursor_older_than_the_memory_is_a_gap_and_everything_is_read_again() -> None:
    cursor = NIGHT - timedelta(days=31)
    found = window(EVENTS, cursor.isoformat())
    assert (found.start, found.end, found.has_gap) == (None, NIGHT, True)


def late(
    contract: EntityContract, cursor: str | None, *, until: datetime, days: int = 40
) -> Window:
    """The window of a night caught up `days` later, bounded at `until`."""
    now = NIGHT + timedelta(days=days)
    return window_for(
        contract, cursor, as_of=AS_OF, tz=HO_CHI_MINH, now=now, until=until
    )


def test_a_missed_night_is_read_up_to_its_own_end() -> None:
    found = late(DEALS, "2026-10-30T19:00:00+00:00", until=NIGHT)
    assert found.start == datetime(2026, 10, 29, 19, tzinfo=UTC)
    assert (found.end, found.extracted_at) == (NIGHT, NIGHT + timedelta(days=40))


def test_a_missed_night_that_a_later_cursor_covers_reads_nothing_backwards() -> None:
    # The night before was itself late and has read up to three days after this one's end.
    found = late(DEALS, (NIGHT + timedelta(days=4)).isoformat(), until=NIGHT)
    assert found.start == found.end == NIGHT + timedelta(days=3)


def test_a_night_in_time_is_not_bounded_beyond_its_clock() -> None:
    found = late(DEALS, None, until=NIGHT + timedelta(days=99), days=1)
    assert found.end == NIGHT + timedelta(days=1)


def test_a_gap_is_read_whole_at_once_not_in_pieces() -> None:
    # The tempting change: bounding this window too. What the source remembers begins ten
    # days after this night, so each missed night would ask for nothing and find a gap again.
    found = late(EVENTS, "2026-10-30T19:00:00+00:00", until=NIGHT)
    assert (found.start, found.has_gap) == (None, True)
    assert found.end == NIGHT + timedelta(days=40)


def test_full_lists_are_those_a_cursor_would_not_help() -> None:
    lists = [c for c in (DEALS, STAGES, EVENTS, CHARGES, INSIGHTS) if is_full_list(c)]
    assert lists == [STAGES, CHARGES]
    assert not is_full_list(CONTRACTS["files"]["users"])


def test_a_source_may_configure_its_look_back() -> None:
    found = window_for(
        DEALS,
        "2026-10-31T00:00:00+00:00",
        as_of=AS_OF,
        tz=HO_CHI_MINH,
        now=NIGHT,
        look_back=look_back_of(DEALS, lookback_days=3),
    )
    assert found.start == datetime(2026, 10, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "configured", "first_day"),
    [
        # 2026-10-31 is a Saturday: the last 28 days up to the cursor, then tonight's.
        (date(2026, 10, 31), {}, date(2026, 10, 3)),
        # The night of Sunday the 1st reads 90 days.
        (date(2026, 11, 1), {}, date(2026, 8, 3)),
        (date(2026, 11, 1), {"deep_reread_days": 0}, date(2026, 10, 4)),
        (date(2026, 11, 1), {"lookback_days": 7, "deep_reread_days": 60},
         date(2026, 9, 2)),
        (date(2026, 11, 2), {"lookback_days": 7, "deep_reread_days": 60},
         date(2026, 10, 26)),
    ],
)  # fmt: skip
def test_once_a_week_restated_facts_are_read_deeper(
    as_of: date, configured: dict[str, int], first_day: date
) -> None:
    """D1: outside the look-back a figure is right again after the next Sunday night."""
    found = window_for(
        INSIGHTS,
        (as_of - timedelta(days=1)).isoformat(),
        as_of=as_of,
        tz=HO_CHI_MINH,
        now=datetime(2026, 11, 3, 19, tzinfo=UTC),
        look_back=look_back_of(INSIGHTS, **configured),
    )
    assert found.start_date == first_day


def test_the_as_of_day_must_be_over_in_the_company_zone() -> None:
    # 16:59 UTC is 23:59 of the same day in Vietnam; a minute later the day is over.
    almost = datetime(2026, 10, 31, 16, 59, tzinfo=UTC)
    with pytest.raises(ConfigError, match="2026-10-31 is not over"):
        window_for(DEALS, None, as_of=AS_OF, tz=HO_CHI_MINH, now=almost)
    over = almost + timedelta(minutes=1)
    assert window_for(DEALS, None, as_of=AS_OF, tz=HO_CHI_MINH, now=over).end == over


@pytest.mark.parametrize(
    ("contract", "cursor"),
    [
        (DEALS, "yesterday"),
        (DEALS, "2026-10-30T18:59:00"),
        (INSIGHTS, "2026-10-30T18:59:00"),
    ],
)
def test_a_cursor_of_the_wrong_shape_is_refused(
    contract: EntityContract, cursor: str
) -> None:
    with pytest.raises(ConfigError, match=f"{contract.kind}.{contract.name} is not"):
        window(contract, cursor)
