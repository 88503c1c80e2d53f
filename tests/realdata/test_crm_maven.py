"""A year of a hardware seller's pipeline: 8,800 opportunities, 35 reps, one CRM source."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.realdata.conftest import RealNight, run_night, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Deal = dict[str, str]
AS_OF = date(2017, 12, 31)
KPIS = {
    "opportunities_created",
    "active_deals",
    "open_pipeline_value",
    "deals_won",
    "deals_lost",
    "win_rate",
    "avg_deal_size",
    "sales_cycle_days",
    "sales_bookings",
}
PRODUCT_OF = {"GTXPro": "GTX Pro"}
"""The pipeline's spelling -> the product list's."""


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> RealNight:
    return run_night("crm_maven", AS_OF, tmp_path_factory.mktemp("crm_maven"))


@pytest.fixture(scope="session")
def deals(night: RealNight) -> list[Deal]:
    return night.read("sales_pipeline.csv")


def closed(deals: Iterable[Deal], stage: str) -> list[Deal]:
    return [deal for deal in deals if deal["deal_stage"] == stage]


def month(day: str) -> str:
    return day[:7]


def product(deal: Deal) -> str:
    return PRODUCT_OF.get(deal["product"], deal["product"])


def without_zeros(figures: dict) -> dict:
    return {key: value for key, value in figures.items() if value}


def test_the_set_is_the_one_the_figures_are_known_of(deals: list[Deal]) -> None:
    stages = Counter(deal["deal_stage"] for deal in deals)
    assert stages == {"Won": 4238, "Lost": 2473, "Engaging": 1589, "Prospecting": 500}


def test_every_row_of_every_file_is_landed_quarantined_or_absorbed(
    night: RealNight,
) -> None:
    files = {
        "crm_maven.accounts": "accounts.csv",
        "crm_maven.products": "products.csv",
        "crm_maven.users__1": "sales_teams.csv",
        "crm_maven.users__2": "sales_teams.csv",
        "crm_maven.opportunities": "sales_pipeline.csv",
    }
    assert night.unaccounted(files) == {}
    managers = {row["manager"] for row in night.read("sales_teams.csv")}
    assert night.batches["crm_maven.users__2"]["row_count"] == len(managers)
    assert all(batch["quarantined_count"] == 0 for batch in night.batches.values())
    (source,) = night.quality["sources"]
    assert source["landed_rows"] == 8800 + 85 + 7 + 35 + 6
    assert source["absorbed_rows"] == 35 - 6
    assert source["unread_rows"] == {}


def test_every_row_reaches_its_mart(night: RealNight, deals: list[Deal]) -> None:
    found = night.published("select source_record_id from fct_opportunities")
    assert sorted(name for (name,) in found) == sorted(
        deal["opportunity_id"] for deal in deals
    )
    teams = night.read("sales_teams.csv")
    people = {row["sales_agent"] for row in teams} | {row["manager"] for row in teams}
    users = night.published("select user_name from dim_users")
    assert {name for (name,) in users} - {"(unknown)"} == people
    accounts = night.published(
        "select account_name, industry, country, annual_revenue_amount from dim_accounts"
        " where account_id <> '(unknown)'"
    )
    respelt = {"technolgy": "technology", "Philipines": "Philippines"}
    assert sorted(accounts) == sorted(
        (
            row["account"],
            respelt.get(row["sector"], row["sector"]),
            respelt.get(row["office_location"], row["office_location"]),
            Decimal(row["revenue"]) * 1_000_000,
        )
        for row in night.read("accounts.csv")
    )
    products = night.published("select product_id from dim_products where is_listed")
    assert {name for (name,) in products} == {
        row["product"] for row in night.read("products.csv")
    }


def test_closes_by_month_are_the_files(night: RealNight, deals: list[Deal]) -> None:
    won = Counter(month(deal["close_date"]) for deal in closed(deals, "Won"))
    lost = Counter(month(deal["close_date"]) for deal in closed(deals, "Lost"))
    booked: dict[str, Decimal] = defaultdict(Decimal)
    for deal in closed(deals, "Won"):
        booked[month(deal["close_date"])] += Decimal(deal["close_value"])
    assert (sum(won.values()), sum(lost.values())) == (4238, 2473)
    assert sum(booked.values()) == 10_005_534
    assert without_zeros(night.monthly("deals_won")) == won
    assert without_zeros(night.monthly("deals_lost")) == lost
    assert without_zeros(night.monthly("sales_bookings")) == booked
    rates = night.monthly("win_rate")
    sizes = night.monthly("avg_deal_size")
    assert rates == {m: share(won[m], won[m] + lost[m]) for m in rates}
    assert sizes == {m: share(booked[m], won[m]) for m in sizes}


def test_the_year_is_the_files(night: RealNight, deals: list[Deal]) -> None:
    won = closed(deals, "Won")
    days = [
        (
            date.fromisoformat(d["close_date"]) - date.fromisoformat(d["engage_date"])
        ).days
        for d in won
    ]
    year = {
        (kpi_key, variant): value
        for kpi_key, variant, value in night.published(
            "select kpi_key, variant, value from rpt_kpi_values where grain = 'year'"
            " and period_start_date = '2017-01-01' and breakdown = 'total'"
        )
    }
    assert year["deals_won", "standard"] == 4238
    assert year["deals_lost", "standard"] == 2473
    assert year["win_rate", "standard"] == share(4238, 4238 + 2473)
    assert year["sales_bookings", "standard"] == 10_005_534
    assert year["avg_deal_size", "standard"] == share(10_005_534, 4238)
    assert year["sales_cycle_days", "standard"] == share(sum(days), 4238)
    assert year["sales_cycle_days", "median"] == Decimal(statistics.median(days))


@pytest.mark.parametrize(
    ("breakdown", "member"),
    [
        ("rep", lambda deal: deal["sales_agent"]),
        ("product", product),
    ],
)
def test_closes_by_rep_and_by_product_are_the_files(
    night: RealNight, deals: list[Deal], breakdown: str, member: Callable[[Deal], str]
) -> None:
    won: Counter = Counter()
    lost: Counter = Counter()
    booked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for deal in deals:
        key = (month(deal["close_date"]), member(deal))
        if deal["deal_stage"] == "Won":
            won[key] += 1
            booked[key] += Decimal(deal["close_value"])
        elif deal["deal_stage"] == "Lost":
            lost[key] += 1
    assert without_zeros(night.monthly("deals_won", breakdown)) == won
    assert without_zeros(night.monthly("deals_lost", breakdown)) == lost
    assert without_zeros(night.monthly("sales_bookings", breakdown)) == booked
    assert night.monthly("win_rate", breakdown) == {
        key: share(won[key], won[key] + lost[key]) for key in {*won, *lost}
    }


def test_closes_by_team_are_those_of_its_reps(
    night: RealNight, deals: list[Deal]
) -> None:
    manager = {
        row["sales_agent"]: row["manager"] for row in night.read("sales_teams.csv")
    }
    booked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for deal in closed(deals, "Won"):
        key = (month(deal["close_date"]), manager[deal["sales_agent"]])
        booked[key] += Decimal(deal["close_value"])
    assert without_zeros(night.monthly("sales_bookings", "team")) == booked


def test_the_other_spelling_of_a_product_loses_no_deal(
    night: RealNight, deals: list[Deal]
) -> None:
    misspelt = [deal for deal in deals if deal["product"] == "GTXPro"]
    assert len(misspelt) == 1480
    assert not [deal for deal in deals if deal["product"] == "GTX Pro"]
    found = night.published(
        "select count(*) from fct_opportunities where product_id = 'GTX Pro'"
    )
    assert found == [(1480,)]
    unlisted = night.published(
        "select count(*) from fct_opportunities"
        " anti join dim_products using (product_id)"
    )
    assert unlisted == [(0,)]


def test_open_deals_without_dates_amount_or_account_are_open_deals(
    night: RealNight, deals: list[Deal]
) -> None:
    still_open = [deal for deal in deals if not deal["close_date"]]
    undated = [deal for deal in still_open if not deal["engage_date"]]
    assert (len(still_open), len(undated)) == (2089, 500)
    assert not [deal for deal in still_open if deal["close_value"]]
    assert len([deal for deal in still_open if not deal["account"]]) == 1425
    assert night.monthly("active_deals")["2017-12"] == 2089
    stages = night.published(
        "select member_name, value from rpt_kpi_values where kpi_key = 'active_deals'"
        " and grain = 'year' and period_start_date = '2017-01-01' and breakdown = 'stage'"
    )
    assert sum(value for _, value in stages) == 2089
    rows = night.published(
        "select stage, count(*), count(created_date), count(amount), count(account_id)"
        " from fct_opportunities where status = 'open' group by 1"
    )
    assert sorted(rows) == [
        ("Engaging", 1589, 1589, 0, 1589 - 1088),
        ("Prospecting", 500, 0, 0, 500 - 337),
    ]


def test_a_pipeline_of_deals_without_amounts_is_unknown_and_not_zero(
    night: RealNight,
) -> None:
    flags = dict(
        night.published(
            "select strftime(period_start_date, '%Y-%m'), flag from rpt_kpi_values"
            " where kpi_key = 'open_pipeline_value' and grain = 'month'"
            " and breakdown = 'total'"
        )
    )
    assert set(night.monthly("open_pipeline_value").values()) == {None}
    assert flags.pop("2017-12") == ["no_amount"]
    # The file has no change log: what a deal was worth before it was seen, nobody knows.
    assert set(map(tuple, flags.values())) == {("no_history",)}


def test_a_deal_is_active_from_the_day_it_was_engaged_until_it_closed(
    night: RealNight, deals: list[Deal]
) -> None:
    # A deal without a date is known from the first night that saw it: the last month only.
    ends = {f"2017-{m:02}": f"2017-{m:02}-31" for m in range(1, 13)}
    ends |= {f"2016-{m}": f"2016-{m}-31" for m in (10, 11, 12)}
    expected = {
        name: sum(
            bool(deal["engage_date"])
            and deal["engage_date"] <= end
            and not (deal["close_date"] and deal["close_date"] <= end)
            for deal in deals
        )
        for name, end in ends.items()
    }
    expected["2017-12"] += 500
    assert night.monthly("active_deals") == expected


def test_deals_created_are_those_with_a_date(
    night: RealNight, deals: list[Deal]
) -> None:
    created = Counter(month(d["engage_date"]) for d in deals if d["engage_date"])
    assert sum(created.values()) == 8300
    assert without_zeros(night.monthly("opportunities_created")) == created


def test_a_kpi_without_a_source_is_never_zero(night: RealNight) -> None:
    night.assert_nothing_is_said_without_a_source(KPIS)
