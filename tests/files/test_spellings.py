"""Every spelling of a number or a day, landed as a night lands it: exact, or in quarantine."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING

import openpyxl
import pytest

from tests.files.landing import Drop
from tests.files.spellings import DATES, NUMBER_WORDS, NUMBERS

if TYPE_CHECKING:
    from pathlib import Path

DAY = dt.date(2026, 10, 1)


@pytest.mark.parametrize("repeats", [1, 200])
@pytest.mark.parametrize(("number_format", "place"), [("1.234,56", 2), ("1,234.56", 3)])
def test_numbers(tmp_path: Path, number_format: str, place: int, repeats: int) -> None:
    """Repeated, the column has few words and is typed by another way than once each."""
    drop = Drop(
        tmp_path,
        "costs",
        {
            "files": "c.csv",
            "keep_duplicates": True,
            "mode": "append",
            "number_format": number_format,
            "number_words": NUMBER_WORDS,
            "max_quarantine_share": 1,
            "delimiter": "|",
        },
    )
    lines = ["month|cost_type|amount|currency"]
    lines += [f"2026-10-01|tool|{case[0]}|{case[1]}" for case in NUMBERS] * repeats
    drop.write("c.csv", "\n".join(lines) + "\n")

    landed = drop.land()

    expected = {
        number: Decimal(meaning)
        for number, case in enumerate(NUMBERS * repeats, start=2)
        if (meaning := case[place]) is not None
    }
    assert {line: row["amount"] for line, row in landed.rows.items()} == expected
    assert [finding[:2] for finding in landed.refused] == [
        (number, "amount")
        for number, case in enumerate(NUMBERS * repeats, start=2)
        if case[place] is None
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250.000", None),
        ("1.500", None),
        ("-99.999", None),
        ("1,500", None),
        ("1.5", "1.5"),
        ("1234.567", "1234.567"),
        ("0.125", "0.125"),
        ("250.0000", "250"),
        ("250", "250"),
    ],
)
def test_without_a_declaration_what_reads_two_ways_is_refused(
    tmp_path: Path, text: str, expected: str | None
) -> None:
    """250.000 đồng read as 250.0 is the mistake every reader of this field makes."""
    drop = Drop(tmp_path, "costs", {"files": "c.csv", "delimiter": "|"})
    drop.write(
        "c.csv",
        "month|cost_type|amount|currency\n2026-10-01|tool|1|USD\n"
        f"2026-10-01|agency|{text}|USD\n",
    )

    landed = drop.land()

    assert [row["amount"] for row in landed.values][1:] == (
        [] if expected is None else [Decimal(expected)]
    )
    if expected is None:
        ((line, column, reason),) = landed.refused
        assert (line, column) == (3, "amount")
        assert "declare number_format" in reason


@pytest.mark.parametrize(("text", "formats", "expected"), DATES)
def test_dates(
    tmp_path: Path, text: str, formats: tuple[str, ...], expected: str | None
) -> None:
    drop = Drop(
        tmp_path,
        "costs",
        {"files": "c.csv", "date_formats": ["%Y_%m_%d", *formats]},
    )
    drop.write(
        "c.csv",
        f"month,cost_type,amount,currency\n2026_10_01,tool,1,USD\n{text},agency,2,USD\n",
    )

    landed = drop.land()

    days = [row["month"] for row in landed.values]
    assert days == [DAY, *([dt.date.fromisoformat(expected)] if expected else [])]
    assert [finding[:2] for finding in landed.refused] == (
        [] if expected else [(3, "month")]
    )


@pytest.mark.parametrize(
    "formats",
    [
        ["%d/%m/%Y", "%m/%d/%Y"],
        ["%d/%m/%y", "%y/%m/%d"],
        ["iso", "%Y-%d-%m"],
        ["%y%m%d", "excel"],
        ["excel", "excel-1904"],
        ["%d/%m/%Y", "%d.%m.%Y", "%m.%d.%Y"],
    ],
)
def test_formats_that_can_be_confused_do_not_stand_side_by_side(
    tmp_path: Path, formats: list[str]
) -> None:
    from ingest.errors import ConfigError  # noqa: PLC0415 - only here

    with pytest.raises(ConfigError, match="as two different days"):
        Drop(tmp_path, "costs", {"files": "c.csv", "date_formats": formats})


def test_formats_no_text_confuses_stand_side_by_side(tmp_path: Path) -> None:
    formats = ["iso", "%d/%m/%Y", "%d.%m.%Y", "%d-%b-%Y", "%Y%m%d", "excel"]
    Drop(tmp_path, "costs", {"files": "c.csv", "date_formats": formats})


@pytest.mark.parametrize("number_format", ["1234.56", "1.234,56", "undeclared"])
def test_numbers_a_workbook_computed(tmp_path: Path, number_format: str) -> None:
    """What binary arithmetic leaves is no decimal of an amount; a real fifth one is."""
    kept = {
        "0.30000000000000004": "0.3",
        "1234.5600000000002": "1234.56",
        "-110.00000000000001": "-110",
        "412300000": "412300000",
        "412300000.00000006": "412300000",
        "1234567890123.0002": "1234567890123",
        "12345678901234.56": "12345678901234.56",
        "1234.567": "1234.567",
        "1234.56789": None,
        "1234567890123456": None,
        "1E+15": None,
    }
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.append(["month", "cost_type", "amount", "currency", "channel"])
    for number in range(len(kept)):
        page.append([DAY, "tool", 7000 + number, "USD", f"c{number}"])
    saved = io.BytesIO()
    book.save(saved)
    changed = io.BytesIO()
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            for number, written in enumerate(kept):
                text = text.replace(f"<v>{7000 + number}</v>", f"<v>{written}</v>")
            new.writestr(name, text)
    drop = Drop(
        tmp_path,
        "costs",
        {
            "files": "c.xlsx",
            "number_format": number_format,
            "max_quarantine_share": 1,
        },
    )
    drop.write("c.xlsx", changed.getvalue())

    landed = drop.land()

    assert {line: row["amount"] for line, row in landed.rows.items()} == {
        line: Decimal(meaning)
        for line, meaning in enumerate(kept.values(), start=2)
        if meaning is not None
    }
    lost = "is in scientific notation, where digits are lost; export it in full"
    assert landed.refused == [
        (10, "amount", "has more than 4 decimals or 38 digits"),
        (11, "amount", lost),
        (12, "amount", lost),
    ]


def test_identifiers_a_workbook_keeps_as_numbers(tmp_path: Path) -> None:
    """Sixteen digits of a card or an order are fifteen and a zero once a spreadsheet saved them."""
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.append(["lead_id", "created_at"])
    for lead_id in (812345678901234, 4111111111111110, 84912345678, 42):
        page.append([lead_id, DAY])
    page["A5"].number_format = "000000"
    saved = io.BytesIO()
    book.save(saved)
    drop = Drop(tmp_path, "leads", {"files": "c.xlsx", "max_quarantine_share": 1})
    drop.write("c.xlsx", saved.getvalue())

    landed = drop.land()

    assert [row["lead_id"] for row in landed.values] == [
        "812345678901234",
        "84912345678",
        "000042",
    ]
    assert landed.refused == [
        (
            3,
            "lead_id",
            "is an identifier a spreadsheet turned into a rounded number",
        )
    ]
