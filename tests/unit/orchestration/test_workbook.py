"""The Monday workbook: published figures as numbers, words as text, in both languages."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import openpyxl
import pytest

from orchestration.dashboards.workbook import FILES, render_workbooks

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.workbook import Workbook

SCORE = {
    "kpi_key": "sales_revenue", "grain": "month", "variant": "standard",
    "basis": "current", "breakdown": "total", "member_id": "(total)",
    "member_name": "(total)", "period_start_date": "2026-10-01", "unit": "money",
    "currency": "VND", "value": "412300000", "target_value": "500000000",
    "attainment": "0.8246", "previous_value": None, "previous_growth_rate": None,
    "yoy_growth_rate": None, "trend_direction": "up", "is_anomaly": "false",
    "anomaly_reason": "partial_period", "is_partial": "true",
}  # fmt: skip
TYPES = {
    "value": "decimal(38,6)", "target_value": "decimal(38,6)",
    "attainment": "decimal(18,6)", "previous_value": "decimal(38,6)",
    "previous_growth_rate": "decimal(18,6)", "yoy_growth_rate": "decimal(18,6)",
    "period_start_date": "date", "is_anomaly": "boolean", "is_partial": "boolean",
}  # fmt: skip


def score(**changes: str | None) -> dict[str, str | None]:
    return {**SCORE, **changes}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build of two KPIs: the company's, and those of one person with an unkind name."""
    rows = [
        score(),
        score(kpi_key="win_rate", unit="rate", currency=None, value="0.25",
              target_value=None, attainment=None, is_anomaly="true",
              anomaly_reason="above_usual_range"),
        score(period_start_date="2026-08-01", value="1"),
        score(currency="USD", value="2"),
        score(breakdown="rep", member_id="NV1", member_name="=1+1", value="7.5"),
    ]  # fmt: skip
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"as_of_date": "2026-10-30", "build_id": "b", "company_name": "Acme"}
        )
    )
    with duckdb.connect(str(tmp_path / "bi.duckdb")) as con:
        columns = ", ".join(f"{name} {TYPES.get(name, 'varchar')}" for name in SCORE)
        con.execute(f"create table rpt_kpi_scorecard ({columns})")
        marks = ", ".join("?" for _ in SCORE)
        con.executemany(
            f"insert into rpt_kpi_scorecard values ({marks})",
            [list(row.values()) for row in rows],
        )
        con.execute(
            "create table kpi_registry as from (values"
            " ('sales_revenue', 'Doanh thu', 'Revenue', 'finance', 'KPI'),"
            " ('win_rate', 'Tỷ lệ chốt', 'Win rate', 'sales', 'PI'))"
            " as t (kpi_key, name_vi, name_en, theme, indicator_class)"
        )
        con.execute(
            "create table labels as from (values"
            " ('theme', 'finance', 'Tài chính', 'Finance'),"
            " ('theme', 'sales', 'Bán hàng', 'Sales'),"
            " ('unit', 'days', 'Ngày', 'Days'),"
            " ('trend_direction', 'up', 'Tăng', 'Up'),"
            " ('anomaly_reason', 'above_usual_range', 'Cao hơn mức thường thấy', 'Above'))"
            " as t (code_type, code, label_vi, label_en)"
        )
        con.execute(
            "create table dim_currencies as select 'VND' as currency_id, true as is_reporting"
        )
    return tmp_path


def opened(build: Path, language: str) -> Workbook:
    content = render_workbooks(build)[FILES[language]]
    return openpyxl.load_workbook(io.BytesIO(content))


def test_figures_are_numbers_in_the_reporting_currency(build: Path) -> None:
    page = opened(build, "vi")["Bảng điểm"]
    rows = [[cell.value for cell in row] for row in page.iter_rows(min_row=4)]
    # Sales first. Two months are shown, not three; dollars are another sheet's business.
    assert rows == [
        ["Bán hàng", "Tỷ lệ chốt", datetime(2026, 10, 1), 0.25, None, None, None,  # noqa: DTZ001 - a spreadsheet has no zones
         None, None, "Tăng", "Cao hơn mức thường thấy", "có"],
        ["Tài chính", "Doanh thu", datetime(2026, 10, 1), 412300000, 500000000,  # noqa: DTZ001 - a spreadsheet has no zones
         0.8246, None, None, None, "Tăng", None, "có"],
    ]  # fmt: skip
    assert page["D4"].number_format == "0.0%"
    assert page["D5"].number_format == '#,##0\\ "₫"'
    assert "30/10/2026" in page["A2"].value


def test_months_of_whole_weeks_are_named_as_people_do(build: Path) -> None:
    """4-4-5: December begins on 23 November and November on 26 October; both are shown."""
    with duckdb.connect(str(build / "bi.duckdb")) as con:
        con.execute(
            "update rpt_kpi_scorecard set period_start_date = case period_start_date"
            " when '2026-10-01' then date '2026-11-23' else date '2026-10-26' end"
        )
    (build / "manifest.json").write_text(
        json.dumps({"as_of_date": "2026-12-30", "build_id": "b"})
    )
    page = opened(build, "vi")["Bảng điểm"]
    months = [row[2].value for row in page.iter_rows(min_row=4)]
    assert sorted(set(months)) == [datetime(2026, 11, 1), datetime(2026, 12, 1)]  # noqa: DTZ001 - a spreadsheet has no zones
    assert page["C4"].number_format == "mm/yyyy"


@pytest.mark.parametrize(
    ("language", "said"), [("vi", "Không có mục nào."), ("en", "None.")]
)
def test_a_sheet_without_rows_says_so(build: Path, language: str, said: str) -> None:
    with duckdb.connect(str(build / "bi.duckdb")) as con:
        con.execute("delete from rpt_kpi_scorecard where breakdown = 'rep'")
    page = opened(build, language).worksheets[1]
    assert [row[0].value for row in page.iter_rows(min_row=4)] == [said]


def test_a_length_of_time_is_shown_with_its_unit(build: Path) -> None:
    with duckdb.connect(str(build / "bi.duckdb")) as con:
        con.execute(
            "update rpt_kpi_scorecard set unit = 'days', value = 12.5 "
            "where kpi_key = 'win_rate'"
        )
    assert opened(build, "vi")["Bảng điểm"]["D4"].number_format == '#,##0.0\\ "ngày"'
    assert opened(build, "en")["Scorecard"]["D4"].number_format == '#,##0.0\\ "days"'
    # 0,92 of a capacity shown as 0,9 would hide what it is about.
    with duckdb.connect(str(build / "bi.duckdb")) as con:
        con.execute("update rpt_kpi_scorecard set unit = 'ratio' where unit = 'days'")
    assert opened(build, "vi")["Bảng điểm"]["D4"].number_format == "#,##0.00"


def test_a_sheet_prints_as_wide_as_a_page_with_its_headings(build: Path) -> None:
    page = opened(build, "vi")["Bảng điểm"]
    assert (page.page_setup.orientation, page.page_setup.fitToHeight) == (
        "landscape",
        0,
    )
    assert page.sheet_properties.pageSetUpPr.fitToPage
    assert page.print_title_rows == "$3:$3"


def test_the_other_language_has_the_same_figures(build: Path) -> None:
    vi, en = opened(build, "vi"), opened(build, "en")
    assert en.sheetnames == ["Scorecard", "By person", "About the figures"]
    assert [c.value for c in en["Scorecard"]["D"][3:]] == [
        c.value for c in vi["Bảng điểm"]["D"][3:]
    ]
    assert en["Scorecard"]["A4"].value == "Sales"


def test_what_has_a_target_comes_first_then_results_before_causes(
    build: Path,
) -> None:
    def names() -> list[str]:
        return [c.value for c in opened(build, "en")["Scorecard"]["B"][3:]]

    def change(*statements: str) -> None:
        with duckdb.connect(str(build / "bi.duckdb")) as con:
            for statement in statements:
                con.execute(statement)

    change("update kpi_registry set theme = 'sales'")
    assert names() == ["Revenue", "Win rate"]
    change(
        "update rpt_kpi_scorecard set target_value = null",
        "update kpi_registry set indicator_class = 'KRI' where kpi_key = 'win_rate'",
    )
    assert names() == ["Win rate", "Revenue"]


def test_a_name_that_looks_like_a_formula_stays_a_name(build: Path) -> None:
    cell = opened(build, "en")["By person"]["A4"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_people_are_judged_by_main_indicators_only(build: Path) -> None:
    with duckdb.connect(str(build / "bi.duckdb")) as con:
        con.execute("update kpi_registry set indicator_class = 'PI'")
    page = opened(build, "en")["By person"]
    assert [row[0].value for row in page.iter_rows(min_row=4)] == ["None."]


def test_a_build_without_a_table_has_no_sheet_of_it(build: Path) -> None:
    with duckdb.connect(str(build / "bi.duckdb")) as con:
        con.execute("drop table rpt_kpi_scorecard")
    assert opened(build, "vi").sheetnames == ["Về số liệu"]
