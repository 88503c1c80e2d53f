"""The evidence pack of a tie-out: a workbook finance people file with the month, per language.

Belongs here: which columns a sheet shows. Stays out: figures of its own (every number is a
published one), reading them (`orchestration.reconciliation`).
"""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from orchestration.dashboards.cells import (
    heading_cell,
    money_format,
    number_cell,
    text_cell,
)
from orchestration.reconciliation import word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from orchestration.reconciliation import Words

FILES: Final = {"vi": "doi_chieu_{period}.xlsx", "en": "reconciliation_{period}.xlsx"}
"""File name of each language's workbook."""


@dataclass(frozen=True)
class _Tongue:
    """One language and its words of the codes."""

    language: str
    words: Words

    def of(self, vi: str, en: str) -> str:
        """Return the text of the language."""
        return vi if self.language == "vi" else en

    def word(self, code: str | None) -> str:
        """Return the word of a code."""
        return word(self.words, code, self.language)


@dataclass(frozen=True)
class _Column:
    """One column; `kind` is text, code, count, date, month or money (in the row's currency)."""

    name: str
    vi: str
    en: str
    width: int
    kind: str = "text"


_SUMMARY: Final = (
    _Column("month", "Tháng", "Month", 10, "month"),
    _Column("legal_entity", "Pháp nhân", "Legal entity", 16),
    _Column("name", "Chỉ tiêu đối chiếu", "Line", 48),
    _Column("accounts", "Tài khoản", "Accounts", 16),
    _Column("currency", "Tiền tệ", "Currency", 10),
    _Column("warehouse", "Kho dữ liệu", "Warehouse", 22, "money"),
    _Column("other", "Bên kia", "Other side", 22, "money"),
    _Column("difference", "Chênh lệch", "Difference", 20, "money"),
    _Column("explained", "Đã giải thích", "Explained", 20, "money"),
    _Column("unexplained", "Chưa giải thích", "Unexplained", 20, "money"),
    _Column("unexplained_count", "Số khoản chưa rõ", "Items open", 12, "count"),
    _Column("state", "Trạng thái", "State", 20, "code"),
)
_DIFFERENCES: Final = (
    _Column("period_start_date", "Tháng", "Month", 10, "month"),
    _Column("legal_entity", "Pháp nhân", "Legal entity", 16),
    _Column("line_name", "Chỉ tiêu đối chiếu", "Line", 44),
    _Column("reference", "Chứng từ", "Document", 36),
    _Column("currency", "Tiền tệ", "Currency", 10),
    _Column("warehouse_amount", "Kho dữ liệu", "Warehouse", 20, "money"),
    _Column("other_amount", "Bên kia", "Other side", 20, "money"),
    _Column("difference_amount", "Chênh lệch", "Difference", 20, "money"),
    _Column("reason_code", "Lý do", "Reason", 26, "code"),
    _Column("explanation_state", "Giải trình", "Explanation", 30, "code"),
    _Column("explanation_reason_code", "Lý do giải trình", "Reason given", 22, "code"),
    _Column("measure", "Loại", "Kind", 22, "code"),
)
_RECORDS: Final = (
    _Column("period_start_date", "Tháng", "Month", 10, "month"),
    _Column("legal_entity", "Pháp nhân", "Legal entity", 16),
    _Column("line", "Chỉ tiêu", "Line", 24),
    _Column("reference", "Chứng từ", "Document", 36),
    _Column("side", "Bên", "Side", 14, "code"),
    _Column("record_type", "Loại bản ghi", "Kind of record", 20),
    _Column("record_id", "Mã bản ghi", "Record", 40),
    _Column("occurred_date", "Ngày", "Day", 12, "date"),
    _Column("currency", "Tiền tệ", "Currency", 10),
    _Column("amount", "Số tiền", "Amount", 20, "money"),
    _Column("source_ref", "Nguồn", "Read from", 60),
    _Column("batch_id", "Lô nạp", "Loaded with", 44),
)


def render_pack(content: Mapping[str, Any], language: str) -> bytes:
    """Return the workbook of a tie-out (`reconciliation.TieOut` as a mapping) in a language."""
    tongue = _Tongue(language, content["words"])
    book = Workbook(write_only=True)
    # The same build is the same file: no clock of the machine in its properties.
    moment = dt.datetime.combine(
        dt.date.fromisoformat(content["as_of_date"]), dt.time()
    )
    book.properties.created = book.properties.modified = moment
    book.properties.creator = content["company_name"]
    sheets = (
        (("Tổng hợp", "Summary"), _SUMMARY, content["lines"]),
        (("Chênh lệch", "Differences"), _DIFFERENCES, content["differences"]),
        (("Bản ghi", "Records"), _RECORDS, content["records"]),
    )
    for titles, columns, rows in sheets:
        _write(book, tongue.of(*titles), columns, rows, tongue)
    page = book.create_sheet(tongue.of("Về số liệu", "About the figures"))
    page.column_dimensions["A"].width = 34
    page.column_dimensions["B"].width = 80
    for name, value in _about(content, tongue):
        page.append([text_cell(page, name), text_cell(page, value)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write(
    book: Workbook,
    title: str,
    columns: Sequence[_Column],
    rows: Sequence[Mapping[str, Any]],
    tongue: _Tongue,
) -> None:
    page = book.create_sheet(title)
    for number, column in enumerate(columns, start=1):
        page.column_dimensions[get_column_letter(number)].width = column.width
    page.freeze_panes = "A3"
    page.auto_filter.ref = f"A2:{get_column_letter(len(columns))}{2 + len(rows)}"
    page.append([text_cell(page, title, Font(bold=True))])
    page.append([heading_cell(page, tongue.of(one.vi, one.en)) for one in columns])
    for row in rows:
        page.append([_cell(page, row, one, tongue) for one in columns])


def _cell(
    page: WriteOnlyWorksheet,
    row: Mapping[str, Any],
    column: _Column,
    tongue: _Tongue,
) -> Cell:
    name = column.name
    if name in {"name", "line_name"}:
        name = f"{name}_{tongue.language}"
    value = row[name]
    if column.kind == "money":
        return number_cell(page, value, money_format(row["currency"]))
    if column.kind == "count":
        return number_cell(page, value, "#,##0")
    if column.kind in {"date", "month"}:
        shown = "dd/mm/yyyy" if column.kind == "date" else "mm/yyyy"
        return number_cell(page, value, shown)
    shown = str(value or "")
    if column.kind == "code":
        shown = tongue.word(value)
    return text_cell(page, shown)


def _about(content: Mapping[str, Any], tongue: _Tongue) -> Iterator[tuple[str, str]]:
    """Yield what the figures are and where they come from."""
    yield tongue.of("Công ty", "Company"), content["company_name"]
    yield tongue.of("Kỳ", "Period"), content["period"]
    yield (
        tongue.of("Kết luận", "Verdict"),
        tongue.of("khớp hoặc đã giải thích", "tied out or explained")
        if content["is_tied_out"]
        else tongue.of("còn chênh lệch chưa giải thích", "differences unexplained"),
    )
    yield tongue.of("Dữ liệu đến hết ngày", "Data through"), content["as_of_date"]
    if content["held_as_of"]:
        yield (
            tongue.of("Số liệu tài chính giữ ở ngày", "Finance held at"),
            content["held_as_of"],
        )
    yield tongue.of("Bản dựng", "Build"), content["build_id"]
    yield tongue.of("Mã nội dung bản dựng", "Content hash"), content["content_hash"]
    yield tongue.of("Phiên bản mã", "Code version"), content["code_version"]
    yield (
        tongue.of("Nguồn của từng bản ghi", "Where each record was read"),
        tongue.of("trang Bản ghi, cột Nguồn", "sheet Records, column Read from"),
    )
