"""Every spelling of a number or a day, landed as a night lands it: exact, or in quarantine."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

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
