"""Periods of the company's calendar, worked out by hand (R-CAL).

4-4-5 from January: 1 January 2026 is a Thursday, so the year begins on Monday 29 December 2025;
1 January 2027 is a Friday, so the next one begins on Monday 4 January 2027: 371 days, 53 weeks.
Quarters of 13 weeks begin 91 days apart: 29 December, 30 March, 29 June, 28 September. The
last quarter's months have 4, 4 and 5 weeks and the week over: 28 September, 26 October,
23 November to 3 January.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from jinja2 import Environment, FileSystemLoader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MACROS = Path(__file__).resolve().parents[2] / "dbt_project" / "macros"
STARTS = ("month_start", "fiscal_quarter_start", "fiscal_year_start")


def starts_of(
    days: Iterable[date],
    variables: Mapping[str, object],
    names: Sequence[str] = STARTS,
) -> list[tuple[date, ...]]:
    """First day of the month, quarter and year the macros put each day into."""
    environment = Environment(loader=FileSystemLoader(MACROS), autoescape=False)  # noqa: S701 - SQL
    environment.globals["var"] = variables.__getitem__
    calendar = environment.get_template("calendar.sql").module
    columns = ", ".join(getattr(calendar, name)("day") for name in names)
    query = (
        f"select {columns} from (select unnest(?::date[]) as day, generate_subscripts(?, 1) as n)"
        " order by n"
    )
    given = list(days)
    return duckdb.execute(query, [given, given]).fetchall()


def starts(
    day: date, variables: Mapping[str, object], names: Sequence[str] = STARTS
) -> tuple[date, ...]:
    """The same of one day."""
    return starts_of([day], variables, names)[0]


@pytest.mark.parametrize(
    ("day", "month", "quarter", "year"),
    [
        ("2025-12-28", "2025-11-24", "2025-09-29", "2024-12-30"),
        ("2025-12-29", "2025-12-29", "2025-12-29", "2025-12-29"),
        ("2026-01-25", "2025-12-29", "2025-12-29", "2025-12-29"),
        ("2026-01-26", "2026-01-26", "2025-12-29", "2025-12-29"),
        ("2026-03-29", "2026-02-23", "2025-12-29", "2025-12-29"),
        ("2026-03-30", "2026-03-30", "2026-03-30", "2025-12-29"),
        ("2026-11-22", "2026-10-26", "2026-09-28", "2025-12-29"),
        ("2026-11-23", "2026-11-23", "2026-09-28", "2025-12-29"),
        # week 53
        ("2027-01-03", "2026-11-23", "2026-09-28", "2025-12-29"),
        ("2027-01-04", "2027-01-04", "2027-01-04", "2027-01-04"),
    ],
)
def test_four_four_five(day: str, month: str, quarter: str, year: str) -> None:
    found = starts(
        date.fromisoformat(day), {"calendar": "4-4-5", "fiscal_year_start_month": 1}
    )
    assert [str(one) for one in found] == [month, quarter, year]


@pytest.mark.parametrize(
    ("day", "quarter", "year"),
    [
        ("2026-03-31", "2026-01-01", "2025-04-01"),
        ("2026-04-01", "2026-04-01", "2026-04-01"),
        ("2026-12-31", "2026-10-01", "2026-04-01"),
    ],
)
def test_a_fiscal_year_from_april(day: str, quarter: str, year: str) -> None:
    found = starts(
        date.fromisoformat(day), {"calendar": "gregorian", "fiscal_year_start_month": 4}
    )
    month = date.fromisoformat(day).replace(day=1)
    assert [str(one) for one in found] == [str(month), quarter, year]


@pytest.mark.parametrize(
    ("day", "company_month", "first_of_next"),
    [
        ("2026-03-01", "2026-02-23", "2026-03-30"),
        # its first day lies in the third month, its middle in the fourth
        ("2029-04-01", "2029-04-02", "2029-04-30"),
        # six weeks: 23 November to 3 January
        ("2026-12-31", "2026-11-23", "2027-01-04"),
    ],
)
def test_a_month_people_name(day: str, company_month: str, first_of_next: str) -> None:
    """Books, costs and capacity are of calendar months: of the company's the same number."""
    named = ("stated_month_start", "next_month_start")
    (stated, _) = starts(
        date.fromisoformat(day),
        {"calendar": "4-4-5", "fiscal_year_start_month": 1},
        named,
    )
    assert str(stated) == company_month
    (_, following) = starts(
        stated, {"calendar": "4-4-5", "fiscal_year_start_month": 1}, named
    )
    assert str(following) == first_of_next


def test_every_month_has_a_name_of_its_own() -> None:
    """The fifth month of 2027 begins on 3 May, the sixth on 31 May: two months, two names."""
    variables = {"calendar": "4-4-5", "fiscal_year_start_month": 1}
    middles = [
        date(year, month, 15) for year in range(2024, 2044) for month in range(1, 13)
    ]
    begins = {begin for (begin,) in starts_of(middles, variables, ["month_start"])}
    # As a string: the macro formats, so it comes back as text.
    names = starts_of(sorted(begins), variables, ["month_name"])
    assert [name for (name,) in names] == [
        f"{year}-{month:02}" for year in range(2024, 2044) for month in range(1, 13)
    ]


def test_every_week_year_has_whole_quarters() -> None:
    """Over twenty years: 13 weeks a quarter, 52 or 53 a year, no day twice or in none."""
    variables = {"calendar": "4-4-5", "fiscal_year_start_month": 7}
    days = [date.fromordinal(n) for n in range(date(2015, 6, 1).toordinal(), 743_000)]
    found = starts_of(days[:: 7 * 5], variables)
    assert len(found) > 200
    for month, quarter, year in found:
        assert {one.weekday() for one in (month, quarter, year)} == {0}
        assert (quarter - year).days in {0, 91, 182, 273}
        assert (month - quarter).days in {0, 28, 56}
        assert abs((year - date(year.year, 7, 1)).days) <= 3
