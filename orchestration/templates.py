"""Workbooks people fill in: one sheet per entity, laid out so that it loads as it is.

Belongs here: the layout, the notes, the example row. Stays out: how a filled one is read
(`ingest.config_templates` declares it, `ingest.sources.files` reads it).

What is above the header line is never data: the title, a note per column, one example row and
the Vietnamese headers. The header line itself holds the names the contracts know, so that the
rows below it need no mapping.
"""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from ingest.config_files import required_columns
from ingest.config_templates import HEADER_LINE
from ingest.config_yaml import nearest
from ingest.contracts import CONTRACTS
from ingest.contracts.headers import TITLES, VIETNAMESE
from ingest.contracts.notes import UNITS, note_in_vietnamese
from ingest.entities import Type
from ingest.errors import ConfigError

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from ingest.entities import Column, EntityContract

Cell = str | int | Decimal | dt.date
_ROWS: Final = 5000
"""Rows that offer the choices of a closed list; a person types no more by hand."""
_FORMATTED: Final = 201
"""Rows whose cells carry their format themselves; further ones have that of their column,
which some spreadsheets forget."""
_NAVY, _PALE, _GREY = "1F3A5F", "E8EEF5", "7F7F7F"
_FORMATS: Final[dict[Type, str]] = {
    Type.TEXT: "@",
    Type.INTEGER: "#,##0",
    Type.MONEY: "#,##0.00",
    Type.NUMBER: "General",
    Type.RATE: "General",
    Type.BOOLEAN: "@",
    Type.DATE: "yyyy-mm-dd",
    Type.INSTANT: "yyyy-mm-dd hh:mm:ss",
}
_HOW: Final[dict[Type, tuple[str, str]]] = {
    Type.TEXT: ("chữ", "text"),
    Type.INTEGER: ("số nguyên", "whole number"),
    Type.MONEY: (
        "số tiền, theo đơn vị đầy đủ (đồng, đô la)",
        "amount in full units (dong, dollars)",
    ),
    Type.NUMBER: ("số", "number"),
    Type.RATE: ("tỷ giá", "rate"),
    Type.BOOLEAN: ("có hoặc không", "có (yes) or không (no)"),
    Type.DATE: ("ngày, ví dụ 2026-10-31", "day, such as 2026-10-31"),
    Type.INSTANT: (
        "ngày giờ theo múi giờ công ty, ví dụ 2026-10-31 17:30:00",
        "day and time in the company's zone, such as 2026-10-31 17:30:00",
    ),
}
_EXAMPLES: Final[dict[str, Cell]] = {
    "kpi_key": "sales_revenue",
    "user_id": "NV011",
    "user_name": "Nguyễn Văn An",
    "owner_id": "NV011",
    "manager_id": "NV001",
    "scope_type": "rep",
    "scope_id": "NV011",
    "team": "Nhóm Hà Nội",
    "department": "Kinh doanh",
    "role": "rep",
    "unit": "money",
    "value": 500_000_000,
    "period_start": dt.date(2026, 10, 1),
    "effective_from": dt.date(2026, 10, 1),
    "month": dt.date(2026, 10, 1),
    "period": dt.date(2026, 10, 1),
    "breakdown": "total",
    "base_currency": "USD",
    "quote_currency": "VND",
    "rate": 25_450,
    "rate_source": "Vietcombank",
    "account_code": "5113",
    "account_prefix": "511",
    "tie_out_line": "revenue",
    "sign": -1,
    "reason_code": "timing",
    "product_id": "SP01",
    "fte": 1,
    "weight": Decimal("0.3"),
    "probability": Decimal("0.4"),
    "tax_rate": Decimal("0.1"),
    "interval_count": 1,
    "external_ids": '{"hubspot_main": "42"}',
    "email": "an.nguyen@cong-ty.vn",
    "platform": "google",
    "channel": "search",
    "touches.channel": "paid_search",
    "source": "google ads",
    "source_timezone": "Asia/Ho_Chi_Minh",
    "country": "VN",
}
_BY_TYPE: Final[dict[Type, Cell]] = {
    Type.INTEGER: 10,
    Type.MONEY: 1_500_000,
    Type.NUMBER: Decimal("1.5"),
    Type.RATE: 25_450,
    Type.BOOLEAN: "có",
    Type.DATE: dt.date(2026, 10, 31),
    Type.INSTANT: dt.datetime(2026, 10, 31, 9, 30),  # noqa: DTZ001 - a wall clock, as typed
}


def find_entity(name: str) -> EntityContract:
    """Return the contract of an entity.

    Raises:
        ConfigError: there is none of that name; the nearest is named.
    """
    known = CONTRACTS["files"]
    if name not in known:
        message = f"no entity {name!r}{nearest(name, known)}; `warehouse files template` lists them"
        raise ConfigError(message)
    return known[name]


def render_template(contract: EntityContract) -> bytes:
    """Return the workbook of an entity.

    Line 1 title and instruction, 2 notes, 3 example, 4 Vietnamese headers, 5 the names that
    are read; data from line 6. The second sheet explains every column.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    page = book.create_sheet(contract.name)
    vietnamese, english = TITLES[contract.name]
    page["A1"] = (
        f"{vietnamese} · {english}. Điền từ dòng {HEADER_LINE + 1}; dòng 3 là ví dụ và không "
        f"bao giờ được nạp; giữ nguyên dòng 1–{HEADER_LINE}. · Fill in from line "
        f"{HEADER_LINE + 1}; line 3 is an example and never loaded; leave lines "
        f"1–{HEADER_LINE} as they are."
    )
    page["A1"].font = Font(bold=True)
    required = required_columns(contract)
    for number, column in enumerate(contract.columns, 1):
        _write_column(
            page,
            number,
            column,
            entity=contract.name,
            is_required=column.name in required,
        )
    page.row_dimensions[2].height = 84
    page.freeze_panes = f"A{HEADER_LINE + 1}"
    _write_guide(book.create_sheet("Hướng dẫn - Guide"), contract, required)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def note_of(column: Column, *, is_required: bool) -> tuple[str, str]:
    """Return the note of a column in Vietnamese and in English: format, unit, choices."""
    vi, en = _HOW[column.type]
    vi = f"{'Bắt buộc' if is_required else 'Có thể để trống'}; {vi}"
    en = f"{'Required' if is_required else 'May be blank'}; {en}"
    if column.currency_column:
        vi += f", loại tiền ở cột {column.currency_column}"
        en += f", currency in {column.currency_column}"
    elif column.unit:
        vi += f", đơn vị: {UNITS[column.unit]}"
        en += f", unit: {column.unit}"
    if column.values:
        words = ", ".join(column.values)
        vi += f"; một trong: {words}"
        en += f"; one of: {words}"
    return vi, en


def example_of(entity: str, column: Column) -> Cell:
    """Return the cell of a column in the example row."""
    if column.values:
        return column.values[0]
    if f"{entity}.{column.name}" in _EXAMPLES:
        return _EXAMPLES[f"{entity}.{column.name}"]
    if column.name in _EXAMPLES:
        return _EXAMPLES[column.name]
    if column.name.endswith("currency"):
        return "VND"
    if column.type is Type.TEXT:
        return f"{column.name.removesuffix('_id').upper()[:3]}-001"
    return _BY_TYPE[column.type]


def _write_column(
    page: Worksheet,
    number: int,
    column: Column,
    *,
    entity: str,
    is_required: bool,
) -> None:
    letter = get_column_letter(number)
    vi, en = note_of(column, is_required=is_required)
    meaning = note_in_vietnamese(entity, column.name)
    note = page.cell(2, number, f"{meaning}\n{vi}\n{column.doc}")
    note.font = Font(size=8, color=_GREY)
    note.alignment = Alignment(wrap_text=True, vertical="top")
    example = page.cell(3, number, example_of(entity, column))
    example.font = Font(italic=True, color=_GREY)
    example.number_format = _FORMATS[column.type]
    mark = " *" if is_required else ""
    called = f"{VIETNAMESE[column.name]}{mark}"
    title = page.cell(HEADER_LINE - 1, number, called)
    title.font, title.fill = Font(bold=True), PatternFill("solid", fgColor=_PALE)
    head = page.cell(HEADER_LINE, number, column.name)
    head.font = Font(bold=True, color="FFFFFF")
    head.fill = PatternFill("solid", fgColor=_NAVY)
    head.comment = Comment(
        f"{meaning}\n{vi}\n\n{column.doc}\n{en}", "warehouse", height=160, width=280
    )
    page.column_dimensions[letter].width = max(14, len(called) + 3)
    page.column_dimensions[letter].number_format = _FORMATS[column.type]
    cells = f"{letter}{HEADER_LINE + 1}:{letter}{HEADER_LINE + _ROWS}"
    choices = ("có", "không") if column.type is Type.BOOLEAN else column.values
    if choices:
        choice = DataValidation(
            "list", formula1=f'"{",".join(choices)}"', allow_blank=True
        )
        page.add_data_validation(choice)
        choice.add(cells)
    for row in range(HEADER_LINE + 1, HEADER_LINE + _FORMATTED):
        page.cell(row, number).number_format = _FORMATS[column.type]


def _write_guide(
    page: Worksheet, contract: EntityContract, required: tuple[str, ...]
) -> None:
    """Write what every column means, in words, for reading and printing."""
    key = ", ".join(VIETNAMESE[n] for n in contract.key if n != "legal_entity")
    columns = ", ".join(contract.key)
    told = f"Mỗi dòng được nhận biết bởi: {key}. · {contract.grain} Key: {columns}."
    page.append([told])
    page.append(
        [
            *("Cột", "Column", "Bắt buộc · Required"),
            *("Ý nghĩa", "Meaning", "Cách ghi", "How"),
        ]
    )
    for column in contract.columns:
        is_required = column.name in required
        vi, en = note_of(column, is_required=is_required)
        needed = "có · yes" if is_required else ""
        meaning = note_in_vietnamese(contract.name, column.name)
        titles = VIETNAMESE[column.name], column.name
        page.append([*titles, needed, meaning, column.doc, vi, en])
    for cell in page[2]:
        cell.font = Font(bold=True)
    for letter, width in zip("ABCDEFG", (26, 22, 20, 60, 60, 60, 60), strict=True):
        page.column_dimensions[letter].width = width
