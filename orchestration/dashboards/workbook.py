"""The Monday workbook: scorecard, people, ranking, lists to work from, in both languages.

Belongs here: which published tables a sheet shows and how a cell is written. Stays out: figures
of its own (every number is a published one), the page (`page`). Numbers are numbers and text is
text: nothing that came from data is ever read as a formula.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from orchestration.dashboards import words
from orchestration.dashboards.cells import (
    heading_cell,
    money_format,
    number_cell,
    plain_value,
    text_cell,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

FILES: Final = {"vi": "bao_cao_kinh_doanh.xlsx", "en": "sales_report.xlsx"}
"""File name of each language's workbook in a build."""

_FORMATS: Final = {
    "rate": "0.0%",
    "count": "#,##0",
    "decimal": "#,##0.0",
    "ratio": "#,##0.00",
    "factor": "0.00",
    "date": "dd/mm/yyyy",
    "month": "mm/yyyy",
}
_SHOWN_CLASSES: Final = ("KGI", "KRI", "KPI")
"""Indicator classes of the sheet by person: what somebody answers for, not every count."""


@dataclass(frozen=True)
class Column:
    """One column of a sheet: its heading, its width and how its cells are written.

    `kind` is text, date, month, count, decimal, factor, rate, yes, `value` (in the unit and
    currency of the row) or `money` (in the currency of the row); `code:<type>` looks the word up
    in `labels`.
    """

    name: str
    vi: str
    en: str
    width: int
    kind: str = "text"


@dataclass(frozen=True)
class Sheet:
    """One sheet: a query on the build and its columns; left out where its table is absent."""

    table: str
    vi: str
    en: str
    note_vi: str
    note_en: str
    query: str
    columns: tuple[Column, ...]


_FIGURES: Final = (
    Column("value", "Thực hiện", "Actual", 20, "value"),
    Column("target_value", "Mục tiêu", "Target", 20, "value"),
    Column("attainment", "Tỷ lệ đạt", "Attainment", 12, "rate"),
    Column("previous_value", "Kỳ trước", "Previous period", 20, "value"),
    Column("previous_growth_rate", "So với kỳ trước", "Change on previous", 14, "rate"),
    Column("yoy_growth_rate", "So với năm trước", "Change on last year", 14, "rate"),
    Column("trend_direction", "Xu hướng", "Trend", 16, "code:trend_direction"),
    Column("anomaly_reason", "Bất thường", "Anomaly", 24, "code:anomaly_reason"),
    Column("is_partial", "Chưa hết kỳ", "Period not over", 12, "yes"),
)
_SCORES: Final = """
    select scores.* exclude (anomaly_reason),
           case when scores.is_anomaly then scores.anomaly_reason end as anomaly_reason,
           registry.name_vi, registry.name_en, registry.theme as kpi_theme
      from rpt_kpi_scorecard as scores
      join kpi_registry as registry using (kpi_key)
     where scores.grain = 'month' and scores.variant = 'standard'
       and scores.basis = 'current'
       and (scores.currency is null or scores.currency = $currency)
       and scores.period_start_date >= (
           select max(period_start_date) - 42 from rpt_kpi_scorecard
            where grain = 'month' and period_start_date <= $as_of::date
       )
"""
"""The company's month and the one before: of whole weeks a month has 28 to 42 days."""
_MATTERS: Final = (
    "list_position(['sales', 'marketing', 'finance'], registry.theme), "
    "bool_or(scores.target_value is not null) over (partition by scores.kpi_key) desc, "
    "list_position(['KGI', 'KRI', 'KPI', 'PI'], registry.indicator_class)"
)
"""What a sales manager looks for first: sales, what has a target, results before causes."""
SHEETS: Final = (
    Sheet(
        "rpt_kpi_scorecard",
        "Bảng điểm",
        "Scorecard",
        "Toàn công ty, tháng này (đến nay) và tháng trước.",
        "The company, this month so far and the month before.",
        _SCORES + " and scores.breakdown = 'total' and scores.value is not null "
        f"order by {_MATTERS}, registry.name_vi, scores.period_start_date desc",
        (
            Column("kpi_theme", "Nhóm", "Theme", 14, "code:theme"),
            Column("name", "Chỉ tiêu", "Indicator", 68),
            Column("period_start_date", "Tháng", "Month", 10, "month"),
            *_FIGURES,
        ),
    ),
    Sheet(
        "rpt_kpi_scorecard",
        "Theo nhân viên",
        "By person",
        "Chỉ tiêu chính của từng nhân viên, tháng này (đến nay) và tháng trước.",
        "The main indicators of each person, this month so far and the month before.",
        _SCORES + " and scores.breakdown = 'rep' and scores.value is not null "
        f"and registry.indicator_class in {_SHOWN_CLASSES} "
        "order by scores.member_id = '(unknown)', scores.member_name, scores.member_id, "
        f"{_MATTERS}, registry.name_vi, scores.period_start_date desc",
        (
            Column("member_name", "Nhân viên", "Person", 24, "code:member"),
            Column("name", "Chỉ tiêu", "Indicator", 68),
            Column("period_start_date", "Tháng", "Month", 10, "month"),
            *_FIGURES,
        ),
    ),
    Sheet(
        "rpt_leaderboard",
        "Xếp hạng",
        "Ranking",
        "Theo tỷ lệ đạt mục tiêu, hoặc giá trị quy đổi toàn thời gian; hai tháng gần nhất.",
        "By target attainment, else by full-time equivalent value; the last two months.",
        """
        select board.*, registry.name_vi, registry.name_en
          from rpt_leaderboard as board
          join kpi_registry as registry using (kpi_key)
         where board.grain = 'month' and board.period_start_date >= (
               select max(period_start_date) - 42 from rpt_leaderboard
                where grain = 'month' and period_start_date <= $as_of::date
           )
         order by registry.name_vi, board.period_start_date desc,
               board.rank_in_company, board.user_name
        """,
        (
            Column("name", "Chỉ tiêu", "Indicator", 44),
            Column("period_start_date", "Tháng", "Month", 10, "month"),
            Column("rank_in_company", "Hạng", "Rank", 8, "count"),
            Column("user_name", "Nhân viên", "Person", 24),
            Column("team_id", "Nhóm", "Team", 18),
            Column("rank_in_team", "Hạng trong nhóm", "Rank in team", 12, "count"),
            Column("value", "Thực hiện", "Actual", 20, "value"),
            Column("fte", "Mức toàn thời gian", "Full-time share", 12, "factor"),
            Column(
                "value_per_fte",
                "Quy đổi toàn thời gian",
                "Per full-time person",
                20,
                "value",
            ),
            Column("attainment", "Tỷ lệ đạt", "Attainment", 12, "rate"),
            Column(
                "unranked_reason",
                "Không xếp hạng vì",
                "Not ranked because",
                34,
                "code:unranked_reason",
            ),
        ),
    ),
    Sheet(
        "queue_reengagement",
        "Cần gọi lại",
        "Call back",
        "Cơ hội đã mất từ 3 đến 6 tháng, chưa ai liên hệ lại; quá hạn: từ 6 đến 12 tháng.",
        "Deals lost three to six months ago that nobody has contacted since; overdue: six to "
        "twelve.",
        """
        select queue.*, accounts.account_name
          from queue_reengagement as queue
          left join dim_accounts as accounts using (account_id)
         order by queue.due_to_date, queue.opportunity_id
        """,
        (
            Column("rep_name", "Nhân viên", "Person", 24, "code:member"),
            Column("account_name", "Khách hàng", "Customer", 34),
            Column("opportunity_id", "Mã cơ hội", "Opportunity", 28),
            Column("lost_date", "Ngày mất", "Lost on", 12, "date"),
            Column("win_loss_reason", "Lý do", "Reason", 24, "code:win_loss_reason"),
            Column("amount", "Giá trị", "Amount", 20, "money"),
            Column("due_to_date", "Gọi trước ngày", "Call before", 14, "date"),
            Column("is_overdue", "Quá hạn", "Overdue", 10, "yes"),
        ),
    ),
    Sheet(
        "queue_without_next_step",
        "Chưa có bước tiếp theo",
        "No next step",
        "Cơ hội đang mở chưa có hoạt động nào được hẹn từ hôm nay trở đi.",
        "Open deals with nothing scheduled from today on.",
        """
        select queue.* exclude (stage), accounts.account_name,
               coalesce(stages.stage_name, queue.stage) as stage
          from queue_without_next_step as queue
          left join dim_accounts as accounts using (account_id)
          left join dim_stages as stages on queue.stage = stages.stage_id
         order by queue.rep_name = '(unknown)', queue.rep_name, queue.amount desc nulls last,
               queue.opportunity_id
        """,
        (
            Column("rep_name", "Nhân viên", "Person", 24, "code:member"),
            Column("account_name", "Khách hàng", "Customer", 34),
            Column("opportunity_id", "Mã cơ hội", "Opportunity", 28),
            Column("stage", "Giai đoạn", "Stage", 24),
            Column("amount", "Giá trị", "Amount", 20, "money"),
            Column("days_open", "Số ngày mở", "Days open", 12, "count"),
            Column("expected_close_date", "Dự kiến chốt", "Expected close", 14, "date"),
            Column("is_overdue", "Quá hạn chốt", "Past close date", 12, "yes"),
            Column("missed_step_date", "Hẹn gần nhất", "Last step due", 14, "date"),
        ),
    ),
    Sheet(
        "queue_priority",
        "Ưu tiên theo đuổi",
        "What to pursue",
        "Điểm = giá trị kỳ vọng × mức phù hợp × tuổi ở giai đoạn × phản hồi gần đây.",
        "Score = expected value x fit x age in the stage x recency of a reply.",
        """
        select queue.* exclude (currency), queue.reporting_currency as currency,
               accounts.account_name
          from queue_priority as queue
          left join dim_accounts as accounts using (account_id)
         order by queue.opportunity_priority_score desc nulls last, queue.opportunity_id
        """,
        (
            Column("rep_name", "Nhân viên", "Person", 24, "code:member"),
            Column("account_name", "Khách hàng", "Customer", 34),
            Column("opportunity_id", "Mã cơ hội", "Opportunity", 28),
            Column("opportunity_priority_score", "Điểm ưu tiên", "Score", 20, "money"),
            Column(
                "expected_value_amount",
                "Giá trị kỳ vọng",
                "Expected value",
                20,
                "money",
            ),
            Column("probability", "Xác suất", "Probability", 10, "rate"),
            Column("fit_weight", "Hệ số phù hợp", "Fit", 10, "factor"),
            Column("age_weight", "Hệ số tuổi", "Age", 10, "factor"),
            Column("reply_weight", "Hệ số phản hồi", "Reply", 10, "factor"),
            Column("stage_days", "Ngày ở giai đoạn", "Days in stage", 12, "count"),
            Column("expected_close_date", "Dự kiến chốt", "Expected close", 14, "date"),
        ),
    ),
    Sheet(
        "queue_churn_scheduled",
        "Sắp rời bỏ",
        "About to leave",
        "Gói khách đã báo hủy mà dịch vụ chưa ngừng, gói ngừng sớm nhất đứng trước.",
        "Subscriptions cancelled whose service still runs, the first to end on top.",
        """
        select queue.* exclude (currency), queue.reporting_currency as currency,
               accounts.account_name, queue.kept_mrr_amount = 0 as is_whole_customer
          from queue_churn_scheduled as queue
          left join dim_accounts as accounts using (account_id)
         order by queue.ends_date nulls last, queue.reporting_mrr_amount desc nulls last,
               queue.subscription_id, queue.currency
        """,
        (
            Column("owner_name", "Người phụ trách", "Owner", 24, "code:member"),
            Column("account_name", "Khách hàng", "Customer", 34),
            Column("customer_id", "Mã khách hàng", "Billing customer", 28),
            Column("subscription_id", "Mã gói", "Subscription", 28),
            Column("plan", "Gói chính", "Plan", 18),
            Column("requested_date", "Ngày báo hủy", "Cancelled on", 14, "date"),
            Column("ends_date", "Ngừng từ ngày", "Ends on", 14, "date"),
            Column("days_left", "Còn lại (ngày)", "Days left", 12, "count"),
            Column(
                "reporting_mrr_amount",
                "Doanh thu định kỳ hằng tháng",
                "Monthly recurring revenue",
                20,
                "money",
            ),
            Column("is_whole_customer", "Mất cả khách", "Whole customer", 12, "yes"),
        ),
    ),
    Sheet(
        "queue_leads_without_source",
        "Thiếu nguồn",
        "Without a source",
        "Khách hàng tiềm năng chưa ghi rõ nguồn, theo người nhập.",
        "Leads without a named source, by who entered them.",
        """
        select * from queue_leads_without_source
         order by coalesce(entered_by_name, '(unknown)') = '(unknown)', entered_by_name,
               created_date desc, lead_id
        """,
        (
            Column("entered_by_name", "Người nhập", "Entered by", 24, "code:member"),
            Column("owner_name", "Người phụ trách", "Owner", 24, "code:member"),
            Column("source_record_id", "Mã trong CRM", "CRM record", 22),
            Column("created_date", "Ngày tạo", "Created", 12, "date"),
            Column("is_blank", "Bỏ trống", "Left blank", 10, "yes"),
        ),
    ),
)


def render_workbooks(build_dir: Path) -> Mapping[str, bytes]:
    """Return the workbook of a published build in each language, by file name.

    Read from the sales audience's file, where there is one: the lists name customers' companies.
    """
    source = build_dir / "sales.duckdb"
    if not source.is_file():
        source = build_dir / "bi.duckdb"
    manifest = json.loads((build_dir / "manifest.json").read_text("utf-8"))
    with duckdb.connect(str(source), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        build = _Build(con, manifest)
        return {name: build.workbook(language) for language, name in FILES.items()}


class _Build:
    """One build as the workbook reads it; every query runs once for both languages."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any]
    ) -> None:
        self.manifest = manifest
        self.as_of = dt.date.fromisoformat(manifest["as_of_date"])
        tables = {name for (name,) in con.execute("show tables").fetchall()}
        self.currency = _reporting_currency(con, tables)
        self.labels: dict[tuple[str, str], tuple[str, str]] = {}
        if "labels" in tables:
            self.labels = {
                (kind, code): (vi, en)
                for kind, code, vi, en in con.execute(
                    "select code_type, code, label_vi, label_en from labels"
                ).fetchall()
            }
        known = {"as_of": self.as_of, "currency": self.currency}
        self.sheets = [
            (sheet, _read(con, sheet.query, known))
            for sheet in SHEETS
            if sheet.table in tables
        ]
        self.sources = _read(con, _SOURCES, {}) if {"build_info"} <= tables else []

    def workbook(self, language: str) -> bytes:
        """Return the whole workbook in one language."""
        book = Workbook(write_only=True)
        # The same build is the same file: no clock of the machine in its properties.
        moment = dt.datetime.combine(self.as_of, dt.time())
        book.properties.created = book.properties.modified = moment
        book.properties.creator = str(self.manifest.get("company_name") or "")
        for sheet, rows in self.sheets:
            self._write(book, sheet, rows, language)
        self._write_about(book, language)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    def _write(
        self,
        book: Workbook,
        sheet: Sheet,
        rows: Sequence[Mapping[str, Any]],
        language: str,
    ) -> None:
        page = book.create_sheet(_of(language, sheet.vi, sheet.en))
        last = get_column_letter(len(sheet.columns))
        for number, column in enumerate(sheet.columns, start=1):
            page.column_dimensions[get_column_letter(number)].width = column.width
        page.freeze_panes = "B4"
        page.auto_filter.ref = f"A3:{last}{3 + len(rows)}"
        # On paper: as wide as a page, the headings on each.
        page.page_setup.orientation = "landscape"
        page.page_setup.paperSize = 9  # A4
        page.page_setup.fitToHeight = 0
        page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        page.print_title_rows = "3:3"
        # Two lines: programs that open a file do not measure wrapped headings.
        page.row_dimensions[3].height = 30
        page.append(
            [text_cell(page, _of(language, sheet.vi, sheet.en), Font(bold=True))]
        )
        page.append([text_cell(page, self._through(language, sheet))])
        page.append(
            [heading_cell(page, _of(language, one.vi, one.en)) for one in sheet.columns]
        )
        for row in rows:
            page.append([self._cell(page, row, one, language) for one in sheet.columns])
        if not rows:
            # A bare heading looks like a sheet that failed to load.
            page.append([text_cell(page, _of(language, "Không có mục nào.", "None."))])

    def _through(self, language: str, sheet: Sheet) -> str:
        """Return the line under the title: what it is, and up to when data is in."""
        day = self.as_of.strftime("%d/%m/%Y")
        return _of(
            language,
            f"{sheet.note_vi} Dữ liệu đến hết ngày {day}.",
            f"{sheet.note_en} Data through {day}.",
        )

    def _cell(
        self,
        page: WriteOnlyWorksheet,
        row: Mapping[str, Any],
        column: Column,
        language: str,
    ) -> Cell:
        """Return one cell; unknown is blank, never 0."""
        value = row.get(column.name)
        if column.name == "name":
            value = row[f"name_{language}"]
        if value is None:
            return WriteOnlyCell(page, value=None)
        if column.kind.startswith("code:"):
            word = self.labels.get((column.kind.removeprefix("code:"), str(value)))
            return text_cell(page, _of(language, *word) if word else str(value))
        if column.kind == "yes":
            return text_cell(page, _of(language, "có", "yes") if value else "")
        if column.kind == "text":
            return text_cell(page, str(value))
        if column.kind == "month":
            value = words.month_of(value)
        return number_cell(page, value, self._format(row, column, language))

    def _format(self, row: Mapping[str, Any], column: Column, language: str) -> str:
        """Return the number format of a cell that is no text."""
        kind = column.kind
        if kind == "value":
            unit = row["unit"]
            kind = unit if unit in {"money", "rate", "count", "ratio"} else "decimal"
            word = self.labels.get(("unit", str(unit)))
            if kind in {"decimal", "ratio"} and word:
                # 12,5 ngày: a length without its unit is taken for money.
                return f'{_FORMATS[kind]}\\ "{_of(language, *word).lower()}"'
        if kind == "money":
            return money_format(row.get("currency") or self.currency)
        return _FORMATS[kind]

    def _write_about(self, book: Workbook, language: str) -> None:
        """Write the last sheet: which build this is and how far each source reaches."""
        page = book.create_sheet(_of(language, "Về số liệu", "About the figures"))
        page.column_dimensions["A"].width = 34
        page.column_dimensions["B"].width = 44
        for line in self._about(language):
            page.append([text_cell(page, part) for part in line])

    def _about(self, language: str) -> Iterator[tuple[str, ...]]:
        company = str(self.manifest.get("company_name") or "")
        yield _of(language, "Công ty", "Company"), company
        yield (
            _of(language, "Dữ liệu đến hết ngày", "Data through"),
            self.as_of.strftime("%d/%m/%Y"),
        )
        yield _of(language, "Bản dựng", "Build"), str(self.manifest["build_id"])
        yield _of(language, "Tiền tệ báo cáo", "Reporting currency"), self.currency
        yield ("",)
        yield (
            _of(language, "Nguồn dữ liệu", "Source"),
            _of(language, "Dữ liệu đến", "Data through"),
        )
        for source in self.sources:
            reach = source["data_through_date"]
            yield (
                str(source["source_name"]),
                reach.strftime("%d/%m/%Y") if reach else "–",
            )


_SOURCES: Final = """
    select source_name, max(data_through_date) as data_through_date
      from build_info where source_name is not null group by 1 order by 1
"""


def _reporting_currency(con: duckdb.DuckDBPyConnection, tables: set[str]) -> str:
    """Return the company's currency; '' where a build has no currencies."""
    if "dim_currencies" not in tables:
        return ""
    found = con.execute(
        "select currency_id from dim_currencies where is_reporting"
    ).fetchone()
    return str(found[0]) if found else ""


def _read(
    con: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object]
) -> list[dict[str, Any]]:
    """Return a query's rows as dictionaries; `$name` in it takes the value of that name."""
    used = {name: value for name, value in values.items() if f"${name}" in query}
    cursor = con.execute(query, used)
    names = [column[0] for column in cursor.description]
    return [
        {name: plain_value(value) for name, value in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def _of(language: str, vi: str, en: str) -> str:
    """Return the text of a language."""
    return vi if language == "vi" else en
