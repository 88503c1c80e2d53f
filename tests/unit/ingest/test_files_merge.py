"""Rows of one key: added up, collapsed, ordered, or refused; never picked by accident."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ingest.config_files import Aggregate, Dataset
from ingest.contracts import contract_of
from ingest.errors import ContractViolation
from ingest.sources.files.merge import (
    Period,
    Row,
    aggregate_rows,
    covered_periods,
    join_periods,
    resolve_duplicates,
    round_micros,
    supersede_periods,
)
from ingest.sources.protocol import Unreadable

UTC = ZoneInfo("UTC")
BY_DAY = Aggregate(by=("campaign_id", "date"), sum=("spend", "clicks"))


def row(line: int, *, file: int = 0, version: object = None, **values: object) -> Row:
    return Row(values, f'{{"line":{line}}}', file, line, f"sha:{line}", version)


def rules(entity: str = "products", mode: str = "upsert", **options: object) -> Dataset:
    given = {
        "entity": entity,
        "name": entity,
        "files": "f.csv",
        "mode": mode,
        "timezone": "UTC",
        **options,
    }
    return Dataset.model_validate(given)


def product(line: int, name: str, **more: object) -> Row:
    return row(line, product_id="P", product_name=name, **more)


def spend(line: int, day: int, amount: object, **more: object) -> Row:
    date = dt.date(2026, 10, day)
    return row(line, campaign_id="C", date=date, spend=amount, **more)


def test_finer_rows_are_added_up_exactly_and_null_adds_nothing() -> None:
    merged = aggregate_rows(
        [
            spend(2, 1, Decimal("0.1"), clicks=None),
            spend(3, 1, Decimal("0.2"), clicks=None),
            spend(4, 1, None, clicks=None),
            spend(5, 2, Decimal(7), clicks=Decimal(1)),
        ],
        BY_DAY,
        what="f",
    )

    first, second = merged.rows
    assert (first.values["spend"], first.values["clicks"]) == (Decimal("0.3"), None)
    assert first.payload == '[{"line":2},{"line":3},{"line":4}]'
    assert (second.values["spend"], second.payload) == (Decimal(7), '{"line":5}')
    assert merged.absorbed == {"added up": 2}


def test_an_unreadable_row_is_not_added_but_kept_for_quarantine() -> None:
    bad = spend(3, 1, Unreadable("x", "is no number"), clicks=None)

    merged = aggregate_rows(
        [spend(2, 1, Decimal(1), clicks=None), bad], BY_DAY, what="f"
    )

    assert sorted(r.line for r in merged.rows) == [2, 3]
    assert merged.absorbed == {}


def test_a_column_that_differs_inside_a_sum_is_refused() -> None:
    rows = [
        spend(2, 1, Decimal(1), clicks=None, currency="USD"),
        spend(3, 1, Decimal(1), clicks=None, currency="VND"),
    ]

    with pytest.raises(
        ContractViolation, match="currency differs between lines 2 and 3"
    ):
        aggregate_rows(rows, BY_DAY, what="f")


def test_equal_duplicates_collapse_with_a_count() -> None:
    merged = resolve_duplicates(
        [product(2, "A"), product(3, "A"), product(4, "A")], rules(), what="f"
    )

    assert [r.line for r in merged.rows] == [2]
    assert merged.absorbed == {"equal duplicate": 2}


def test_one_key_with_two_contents_is_refused_naming_the_lines() -> None:
    """Tempting: keep the last line. Nothing says the last line is the right one."""
    with pytest.raises(ContractViolation) as caught:
        resolve_duplicates([product(2, "A"), product(9, "B")], rules(), what="f.csv")

    assert str(caught.value) == (
        "f.csv: lines 2 and 9 have the same product_id but different product_name; correct "
        "the file, or declare version_column or keep_duplicates"
    )


def test_the_newest_version_stands_in_any_order() -> None:
    rows = [
        product(2, "A", version=2),
        product(3, "B", version=3),
        product(4, "C", version=1),
    ]

    for order in (rows, rows[::-1], [rows[1], rows[0], rows[2]]):
        merged = resolve_duplicates(order, rules(), what="f")
        assert [r.values["product_name"] for r in merged.rows] == ["B"]
        assert merged.absorbed == {"older version": 2}


def test_a_tie_of_versions_is_refused() -> None:
    rows = [product(2, "A", version=2), product(3, "B", version=2)]

    with pytest.raises(ContractViolation, match="lines 2 and 3"):
        resolve_duplicates(rows, rules(), what="f")


def test_of_two_files_the_later_one_stands_but_an_append_is_refused() -> None:
    rows = [product(2, "A", file=0), product(2, "B", file=1)]

    merged = resolve_duplicates(rows, rules(), what="f")

    assert [r.values["product_name"] for r in merged.rows] == ["B"]
    with pytest.raises(ContractViolation):
        resolve_duplicates(rows, rules(mode="append"), what="f")


def test_kept_duplicates_and_rows_without_key_all_stand() -> None:
    rows = [product(2, "A"), product(3, "A")]
    keyless = [row(4, product_id=None), row(5, product_id=None)]

    kept = resolve_duplicates(
        rows, rules(mode="append", keep_duplicates=True), what="f"
    )
    unkeyed = resolve_duplicates(keyless, rules(), what="f")

    assert len(kept.rows) == 2
    assert len(unkeyed.rows) == 2


def test_blank_key_parts_are_equal_to_each_other() -> None:
    costs = [
        row(
            2,
            month=dt.date(2026, 10, 1),
            cost_type="tool",
            channel=None,
            amount=Decimal(1),
        ),
        row(
            3,
            month=dt.date(2026, 10, 1),
            cost_type="tool",
            channel="",
            amount=Decimal(2),
        ),
    ]

    with pytest.raises(ContractViolation, match="different amount, channel"):
        resolve_duplicates(costs, rules("costs"), what="f")


def test_a_file_covers_whole_months_and_a_daily_one_its_days() -> None:
    costs = [row(2, month=dt.date(2026, 1, 1)), row(3, month=dt.date(2026, 3, 1))]
    days = [spend(2, 5, Decimal(1)), spend(3, 9, Decimal(1))]

    assert covered_periods(costs, contract_of("files", "costs"), UTC) == [
        Period(dt.date(2026, 1, 1), dt.date(2026, 3, 31))
    ]
    assert covered_periods(days, contract_of("files", "ad_performance_daily"), UTC) == [
        Period(dt.date(2026, 10, 5), dt.date(2026, 10, 9))
    ]


def test_instants_belong_to_the_month_of_the_company_zone() -> None:
    """31 January 17:30 UTC is 1 February in Vietnam."""
    at = dt.datetime(2026, 1, 31, 17, 30, tzinfo=dt.UTC)
    contract = contract_of("files", "opportunities")

    covered = covered_periods(
        [row(2, created_at=at)], contract, ZoneInfo("Asia/Ho_Chi_Minh")
    )

    assert covered == [Period(dt.date(2026, 2, 1), dt.date(2026, 2, 28))]


def test_a_later_file_replaces_the_days_it_covers_and_nothing_else() -> None:
    contract = contract_of("files", "ad_performance_daily")
    rows = [
        spend(2, 1, Decimal(1), file=0),
        spend(3, 2, Decimal(1), file=0),
        spend(4, 3, Decimal(1), file=0),
        spend(5, 5, Decimal(1), file=0),
        spend(2, 2, Decimal(9), file=1),
        spend(3, 4, Decimal(9), file=1),
    ]

    merged, periods = supersede_periods(rows, contract, UTC)

    assert [(r.file, r.values["date"].day) for r in merged.rows] == [
        (0, 1),
        (0, 5),
        (1, 2),
        (1, 4),
    ]
    assert merged.absorbed == {"replaced by a later file": 2}
    assert periods == [Period(dt.date(2026, 10, 1), dt.date(2026, 10, 5))]


def test_periods_that_touch_are_joined() -> None:
    def period(start: int, end: int) -> Period:
        return Period(dt.date(2026, 10, start), dt.date(2026, 10, end))

    assert join_periods([period(5, 6), period(1, 2), period(3, 4), period(8, 9)]) == [
        period(1, 6),
        period(8, 9),
    ]


def test_micros_end_at_four_places_once_and_nothing_else_is_rounded() -> None:
    given = row(2, spend=Decimal("36.151250"), clicks=Decimal("0.12345"))
    micros = rules("ad_performance_daily", units={"spend": "micros"})

    assert round_micros(given, micros).values == {
        "spend": Decimal("36.1513"),
        "clicks": Decimal("0.12345"),
    }
    assert round_micros(given, rules("ad_performance_daily")) is given
