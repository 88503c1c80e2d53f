"""How many rows a load is expected to have, by what kind of stream it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.contracts import contract_of
from ingest.manifest import AccountCoverage, BatchManifest
from orchestration.gates import usual_row_counts

SATURDAY = date(2026, 10, 3)


def load(
    day: date,
    *,
    kind: str = "files",
    entity: str = "fx_rates",
    rows: int,
    **more: object,
) -> BatchManifest:
    fields: dict[str, object] = {
        "kind": kind,
        "entity": entity,
        "stream": "drop",
        "load_date": day,
        "batch_id": f"drop-{day}",
        "source_name": "drop",
        "legal_entity": "acme_vn",
        "mode": "",
        "is_full_list": False,
        "has_gap": False,
        "row_count": rows,
        "quarantined_count": 0,
        "extracted_at": datetime(2026, 10, 3, 19, tzinfo=UTC),
        "coverage": (),
        "totals": (),
        "new_cursor": None,
        "file_sha256s": ("ab",) if rows else (),
        "unknown_fields": (),
        "parquet_sha256": "",
        "parquet_bytes": 0,
        **more,
    }
    return BatchManifest(**fields)


def days_before(count: int) -> list[date]:
    return [SATURDAY - timedelta(days=back) for back in range(count, 0, -1)]


def test_a_night_without_a_new_file_is_no_drop() -> None:
    # Banks publish no rates on a Sunday; the tempting rule stopped the night for it.
    past = [load(day, rows=387) for day in days_before(3)]
    contract = contract_of("files", "fx_rates")
    tonight = load(SATURDAY, rows=0)
    assert usual_row_counts(tonight, contract, past) == ((), 0.0)


def test_a_file_that_came_with_few_rows_is_measured_against_its_like() -> None:
    past = [load(day, rows=387) for day in days_before(3)]
    contract = contract_of("files", "fx_rates")
    tonight = load(SATURDAY, rows=10)
    assert usual_row_counts(tonight, contract, past) == ((387, 387, 387), 0.5)
    emptied = load(SATURDAY, rows=0, file_sha256s=("cd",))
    assert usual_row_counts(emptied, contract, past) == ((387, 387, 387), 0.5)


@pytest.mark.parametrize(("weeks", "expected"), [(3, 0.5), (2, 0.0)])
def test_a_window_of_changes_is_compared_with_its_weekday(
    weeks: int, expected: float
) -> None:
    contract = contract_of("hubspot", "deals")
    past = [
        load(day, kind="hubspot", entity="deals", rows=40)
        for day in days_before(7 * weeks)
    ]
    tonight = load(SATURDAY, kind="hubspot", entity="deals", rows=12)
    counts, share = usual_row_counts(tonight, contract, past)
    assert share == expected
    assert set(counts) == {40}


def test_a_piece_of_a_catch_up_is_not_measured_against_whole_windows() -> None:
    # After a gap one load reads a month; the tempting rule then took the nights after it,
    # which had nothing left to read, for a drop, and stopped the catch-up.
    contract = contract_of("stripe", "subscription_events")

    def events(day: date, rows: int, span: timedelta) -> BatchManifest:
        end = datetime(2026, 10, 3, 19, tzinfo=UTC)
        account = AccountCoverage("acct", rows, 0, end - span, end, None, None)
        return load(
            day,
            kind="stripe",
            entity="subscription_events",
            rows=rows,
            coverage=(account,),
        )

    night = timedelta(hours=25)
    past = [events(day, 30, night) for day in days_before(4)]
    past.append(events(SATURDAY - timedelta(days=1), 600, timedelta(days=30)))
    nothing_left = events(SATURDAY, 0, timedelta(0))
    assert usual_row_counts(nothing_left, contract, past) == ((), 0.0)
    whole = events(SATURDAY, 28, night)
    assert usual_row_counts(whole, contract, past) == ((30,) * 4, 0.0)


def test_a_usual_window_of_ads_is_not_measured_against_years_or_sundays() -> None:
    """The first load reads two years and a Sunday ninety days; Monday's 30 stopped the night."""

    def reading(day: date, days: int, rows: int) -> BatchManifest:
        start = day - timedelta(days=days)
        window = AccountCoverage(
            "1", rows, 0, None, None, start, day - timedelta(days=1)
        )
        return load(
            day,
            kind="meta_ads",
            entity="campaign_insights_daily",
            rows=rows,
            coverage=(window,),
        )

    contract = contract_of("meta_ads", "campaign_insights_daily")
    first, second, sunday = date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)
    past = [
        reading(first, 730, 2100),
        reading(second, 30, 93),
        reading(sunday, 90, 269),
    ]
    monday = reading(date(2026, 11, 2), 30, 91)
    assert usual_row_counts(monday, contract, past) == ((2100, 93, 269), 0.0)
    usual = [*past, monday, reading(date(2026, 11, 3), 30, 90)]
    tuesday = reading(date(2026, 11, 4), 30, 40)
    assert usual_row_counts(tuesday, contract, usual) == ((93, 91, 90), 0.5)
