"""The records a close kept, what it booked beside them, and which say something else now."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.explain.figures import Explanation, Question, Side
from orchestration.explain.records import Explainer, NotExplainedError, Part
from orchestration.explain.signed import (
    ADJUSTMENT,
    SignedRecords,
    changes_since,
    explain_signed,
)
from tests.unit.orchestration.closing_desk import Desk

PROJECT = Path(__file__).parents[3] / "dbt_project"
SEPTEMBER = date(2026, 9, 1)
FIGURE: dict[str, Any] = {
    "kpi_key": "billings", "variant": "standard", "grain": "month",
    "period_start_date": SEPTEMBER, "period_end_date": date(2026, 9, 30),
    "breakdown": "rep", "member_id": "NV1", "currency": "VND",
}  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> SignedRecords:
    """NV1 was signed with 100 and 50, NV2 with 7; 5 of months before were booked with NV1."""
    (tmp_path / "tables").mkdir()
    with duckdb.connect() as con:
        con.execute(
            "copy (select 'billings' as kpi_key, 'standard' as variant,"
            " date '2026-09-10' as report_date, 'VND' as currency,"
            " 'invoice_lines' as record_type, record_id,"
            " amount::decimal(38, 6) as original_amount, 'VND' as original_currency,"
            " amount::decimal(38, 6) as numerator, null::decimal(38, 6) as denominator,"
            " rep_id from (values ('a', 100, 'NV1'), ('b', 50, 'NV1'), ('c', 7, 'NV2'))"
            " as t (record_id, amount, rep_id))"
            f" to '{tmp_path / 'tables' / 'fct_kpi_records.parquet'}'"
        )
        con.execute(
            "copy (select 'billings' as kpi_key, 'standard' as variant, 'month' as grain,"
            " date '2026-09-01' as period_start_date, 'rep' as breakdown,"
            " 'NV1' as member_id, 'VND' as currency, basis, amount::decimal(38, 6) as value"
            " from (values ('current', 150), ('as_closed', 155)) as t (basis, amount))"
            f" to '{tmp_path / 'figures.parquet'}'"
        )
    now = Explainer(duckdb.connect(), {}, PROJECT)
    return SignedRecords(now, {"2026-09": tmp_path}, "2026-09")


def test_a_member_is_made_of_its_kept_records_and_what_was_booked_with_it(
    kept: SignedRecords,
) -> None:
    parts = kept.parts(
        "billings", variant="standard", days=(SEPTEMBER, date(2026, 9, 30)),
        period=("month", SEPTEMBER), by="rep", member="NV1", currency="VND",
    )  # fmt: skip
    assert [(part.record_id, part.numerator) for part in parts] == [
        ("a", 100),
        ("b", 50),
    ]
    (booked,) = kept.adjustments(FIGURE)
    assert (booked.record_type, booked.numerator) == (ADJUSTMENT, 5)
    # 100 + 50 + 5 = 155, as signed.
    assert Side("numerator", Decimal(155), (*parts, booked)).adds_up
    assert kept.adjustments(FIGURE | {"member_id": "NV2"}) == []


def test_a_kpi_the_close_kept_no_records_of_is_refused(kept: SignedRecords) -> None:
    with pytest.raises(NotExplainedError, match="has no records of calls_made"):
        kept.variants("calls_made")


def test_a_close_that_kept_no_records_says_where_they_are(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {("billings", "2026-10"): "250.5"})
    desk.publish()
    desk.close("2026-10")
    asked = Question(
        "billings", "2026-10", "total", "(total)", "standard", "VND", "VND"
    )
    said = (
        r"the close of finance 2026-10 \(finance-0001-.*\) kept figures and no records .*"
        r"warehouse explain billings --period 2026-10 without --basis"
    )
    with duckdb.connect(str(desk.settings.home.warehouse), read_only=True) as con:
        explainer = Explainer(con, {}, PROJECT)
        with pytest.raises(NotExplainedError, match=said):
            explain_signed(desk.settings.home, explainer, asked, "finance")


def _part(record: str, amount: int | None, kind: str = "invoice_lines") -> Part:
    value = None if amount is None else Decimal(amount)
    return Part("billings", kind, record, SEPTEMBER, SEPTEMBER, None, None, value, None)


def _explanation(*parts: Part) -> Explanation:
    return Explanation(FIGURE, {}, (Side("numerator", None, parts),), "b")


def test_what_changed_is_named_record_by_record() -> None:
    then = _explanation(
        _part("a", 100), _part("b", 50), _part("c", 7), _part("x", 5, ADJUSTMENT)
    )
    now = _explanation(_part("a", 90), _part("c", 7), _part("d", 3), _part("e", None))
    found = changes_since(then, now)
    assert [(one.record_id, one.signed, one.now, one.delta) for one in found] == [
        ("b", 50, None, -50),
        ("a", 100, 90, -10),
        ("d", None, 3, 3),
        ("e", None, None, 0),
    ]
    # 100 + 50 + 7 became 90 + 7 + 3: moved by -57.
    assert sum(one.delta for one in found) == -57
