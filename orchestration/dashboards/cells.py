"""Cells of a workbook: numbers are numbers, text is text.

Belongs here: how a value is written into a spreadsheet. Stays out: which values.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill

from orchestration.inert import printable_text, runs_as_formula

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

ZERO_DECIMALS: Final = frozenset({"JPY", "KRW"})
_VND: Final = '#,##0\\ "₫"'


def money_format(currency: str) -> str:
    """Return the number format of an amount in the currency."""
    if currency == "VND":
        return _VND
    if currency in ZERO_DECIMALS:
        return f'#,##0\\ "{currency}"'
    return f'#,##0.00\\ "{currency}"'


def plain_value(value: Any) -> Any:  # noqa: ANN401 - whatever a table holds
    """Return a value as a spreadsheet holds it: 15 digits are all it can show."""
    if isinstance(value, Decimal):
        whole = value.to_integral_value()
        return int(whole) if value == whole else float(value)
    return value


def text_cell(page: WriteOnlyWorksheet, text: str, font: Font | None = None) -> Cell:
    """Return a cell of text, also where the text looks like a formula."""
    cell = WriteOnlyCell(page, value=printable_text(text))
    cell.data_type = "s"
    if runs_as_formula(text):
        cell.style = "Normal"
        cell.quotePrefix = True
    if font is not None:
        cell.font = font
    return cell


def number_cell(
    page: WriteOnlyWorksheet,
    value: Any,  # noqa: ANN401 - whatever a table holds
    number_format: str,
) -> Cell:
    """Return a cell of a number or day; unknown is blank, never 0."""
    cell = WriteOnlyCell(page, value=plain_value(value))
    cell.number_format = number_format
    return cell


def heading_cell(page: WriteOnlyWorksheet, text: str) -> Cell:
    """Return a cell of the heading row."""
    cell = text_cell(page, text, Font(bold=True, color="FFFFFF"))
    cell.fill = PatternFill("solid", fgColor="1F3A5F")
    cell.alignment = Alignment(wrap_text=True, vertical="center")
    return cell
