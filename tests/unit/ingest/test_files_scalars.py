"""Numbers, dates and truths as people write them: exact by the declared format, or refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ingest.sources.files.scalars import (
    Misread,
    read_boolean,
    read_date,
    read_instant,
    read_number,
)

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
NEW_YORK = ZoneInfo("America/New_York")
NBSP, NARROW = "\u00a0", "\u202f"

# text, value as "1.234,56", value as "1,234.56"; None = refused
SPELLINGS = [
    ("1.234.567,89", "1234567.89", None),
    ("1,234,567.89", None, "1234567.89"),
    ("250.000", "250000", "250.000"),
    ("1.500", "1500", "1.500"),
    ("1,500", "1.500", "1500"),
    ("1234", "1234", "1234"),
    ("1234.56", None, "1234.56"),
    ("1234,56", "1234.56", None),
    ("12.34", None, "12.34"),
    ("12,34", "12.34", None),
    ("1.23.456", None, None),
    ("1,23,456", None, None),
    ("1.2345", None, "1.2345"),
    ("1,2345", "1.2345", None),
    ("1.234,5", "1234.5", None),
    ("1,234.5", None, "1234.5"),
    ("1234.567,8", None, None),
    ("0", "0", "0"),
    ("007", "7", "7"),
    ("-1.000", "-1000", "-1.000"),
    ("\u22121.000", "-1000", "-1.000"),
    ("1.000-", "-1000", "-1.000"),
    ("(1.000)", "-1000", "-1.000"),
    ("+1.000", "1000", "1.000"),
    ("(-1.000)", None, None),
    ("--1", None, None),
    ("(1.000", None, None),
    ("1.000)", None, None),
    ("-1.000-", None, None),
    (f"1.000{NBSP}₫", "1000", "1.000"),
    ("1.000đ", "1000", "1.000"),
    ("1.000 VND", "1000", "1.000"),
    ("VND 1.000", "1000", "1.000"),
    ("€1.000", "1000", "1.000"),
    ("-$1,500", "-1.500", "-1500"),
    ("$-1,500", "-1.500", "-1500"),
    ("(US$1,500)", "-1.500", "-1500"),
    ("$1,500$", None, None),
    ("1,5 tỷ", None, None),
    ("1.5M", None, None),
    ("12,5%", None, None),
    ("1,5E+06", None, None),
    ("1e5", None, None),
    ("1 234", None, None),
    ("1'234", None, None),
    ("144.", None, "144"),
    (",5", "0.5", None),
    (".", None, None),
    ("", None, None),
    ("-", None, None),
    ("₫", None, None),
    ("N/A", None, None),
    ("NaN", None, None),
    ("Infinity", None, None),
    ("１２３", None, None),
    ("0x10", None, None),
    ("1_000", None, None),
]


def number(text: str, number_format: str) -> Decimal | None:
    try:
        return read_number(text, number_format)[0]
    except Misread:
        return None


@pytest.mark.parametrize(("text", "german", "english"), SPELLINGS)
def test_numbers_are_exact_or_refused_never_guessed(
    text: str, german: str | None, english: str | None
) -> None:
    assert number(text, "1.234,56") == (None if german is None else Decimal(german))
    assert number(text, "1,234.56") == (None if english is None else Decimal(english))


@pytest.mark.parametrize(
    ("text", "number_format", "expected"),
    [
        (f"1{NBSP}234{NARROW}567,89", "1 234,56", "1234567.89"),
        ("1 234.5", "1 234.56", "1234.5"),
        ("1'234\u2019567.8", "1'234.56", "1234567.8"),
        ("1234.5", "1234.56", "1234.5"),
        ("1234,5", "1234,56", "1234.5"),
    ],
)
def test_other_declared_formats(text: str, number_format: str, expected: str) -> None:
    assert number(text, number_format) == Decimal(expected)


@pytest.mark.parametrize("text", ["1,234.5", "1.234.5", "1 234"])
def test_without_a_declared_format_there_is_no_grouping(text: str) -> None:
    assert number(text, "1234.56") is None


def test_every_digit_of_a_long_number_is_kept() -> None:
    text = "12345678901234567890123456789,1234"

    assert number(text, "1.234,56") == Decimal("12345678901234567890123456789.1234")


def test_a_currency_mark_says_which_currencies_it_can_mean() -> None:
    assert read_number("1.000 ₫", "1.234,56")[1] == {"VND"}
    assert "USD" in (read_number("$5", "1234.56")[1] or ())
    assert read_number("5", "1234.56")[1] is None


def day(text: str, *formats: str) -> dt.date | None:
    try:
        return read_date(text, formats or ("iso",), HANOI)
    except Misread:
        return None


@pytest.mark.parametrize(
    ("text", "formats", "expected"),
    [
        ("05/03/2026", ("%d/%m/%Y",), dt.date(2026, 3, 5)),
        ("5/3/2026", ("%d/%m/%Y",), dt.date(2026, 3, 5)),
        ("05/03/2026", ("%m/%d/%Y",), dt.date(2026, 5, 3)),
        ("31/12/2026", ("%m/%d/%Y",), None),
        ("05/03/2026", ("%d/%m/%Y", "%m/%d/%Y"), None),
        ("13/03/2026", ("%d/%m/%Y", "%m/%d/%Y"), dt.date(2026, 3, 13)),
        ("05/05/2026", ("%d/%m/%Y", "%m/%d/%Y"), dt.date(2026, 5, 5)),
        ("05/03/26", ("%d/%m/%Y",), None),
        ("05/03/26", ("%d/%m/%y",), dt.date(2026, 3, 5)),
        ("30/02/2026", ("%d/%m/%Y",), None),
        ("29/02/2024", ("%d/%m/%Y",), dt.date(2024, 2, 29)),
        ("2026-03-05", ("%d/%m/%Y",), None),
        ("2026-03-05", ("iso",), dt.date(2026, 3, 5)),
        ("2026-3-5", ("iso",), None),
        ("20260305", ("iso",), None),
        ("20260305", ("%Y%m%d",), dt.date(2026, 3, 5)),
        ("46086", ("iso",), None),
        ("05-thg 3-2026", ("%d-%b-%Y",), None),
        ("05-Mar-2026", ("%d-%b-%Y",), dt.date(2026, 3, 5)),
        ("2026-10", ("%Y-%m",), dt.date(2026, 10, 1)),
        ("0000-00-00", ("iso",), None),
        ("2026-13-01", ("iso",), None),
        ("05/03/2026 14:30", ("%d/%m/%Y",), None),
        ("05/03/2026 14:30", ("%d/%m/%Y %H:%M",), dt.date(2026, 3, 5)),
        # 20:00 UTC is 3 a.m. of the next day in Hanoi; without an offset it is local.
        ("2026-03-05T20:00:00Z", ("iso",), dt.date(2026, 3, 6)),
        ("2026-03-05T20:00:00", ("iso",), dt.date(2026, 3, 5)),
        ("today", ("iso",), None),
    ],
)
def test_dates_are_read_by_declared_formats_only(
    text: str, formats: tuple[str, ...], expected: dt.date | None
) -> None:
    assert day(text, *formats) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-05", "2026-03-04T17:00:00"),
        ("2026-03-05 08:30", "2026-03-05T01:30:00"),
        ("2026-03-05T08:30:15.25", "2026-03-05T01:30:15.250000"),
        ("2026-03-05 08:30:15.123456789", "2026-03-05T01:30:15.123456"),
        ("2026-03-05T08:30:00Z", "2026-03-05T08:30:00"),
        ("2026-03-05 08:30:00.000000 UTC", "2026-03-05T08:30:00"),
        ("2026-03-05T08:30:00+07:00", "2026-03-05T01:30:00"),
        ("2026-03-05T08:30:00+0700", "2026-03-05T01:30:00"),
        ("2026-03-05 8:30:00", None),
        ("2026-03-05T25:00:00", None),
        ("2026-03-05 08:30:00 EST", None),
        ("1772674200", None),
    ],
)
def test_instants_without_offset_are_in_the_source_zone(
    text: str, expected: str | None
) -> None:
    try:
        found = read_instant(text, ("iso",), HANOI).replace(tzinfo=None).isoformat()
    except Misread:
        found = None

    assert found == expected


@pytest.mark.parametrize("text", ["2026-03-08 02:30:00", "2026-11-01 01:30:00"])
def test_a_local_time_that_is_not_once_on_the_clock_is_refused(text: str) -> None:
    """New York skips 02:30 on 8 March 2026 and has 01:30 twice on 1 November."""
    with pytest.raises(Misread, match="does not exist once"):
        read_instant(text, ("iso",), NEW_YORK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TRUE", True),
        ("1", True),
        ("Yes", True),
        ("Có", True),
        ("Co\u0301", True),
        ("false", False),
        ("0", False),
        ("NO", False),
        ("Không", False),
        ("kho\u0302ng", False),
    ],
)
def test_truths(text: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the case
    assert read_boolean(text) is expected


@pytest.mark.parametrize("text", ["y", "2", "t", "on", "x", ""])
def test_other_words_are_no_truths(text: str) -> None:
    with pytest.raises(Misread):
        read_boolean(text)
