"""Five ad platforms, each with its own units, names and grain, through one kind of source."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.realdata.conftest import RealNight, run_night, share

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_OF = date(2021, 9, 30)
KPIS = {"ad_spend", "impressions", "clicks", "ctr", "cpc"}
UNKNOWN = "(unknown)"
PERFORMANCE = {
    "ads.ad_performance_daily__1": "google_ads_campaign_stats_data.csv",
    "ads.ad_performance_daily__2": "facebook_ads_basic_ad_data.csv",
    "ads.ad_performance_daily__3": "linkedin_ad_analytics_by_campaign_data.csv",
    "ads.ad_performance_daily__4": (
        "microsoft_ads_campaign_performance_daily_report_data.csv"
    ),
    "ads.ad_performance_daily__5": "tiktok_campaign_report_hourly_data.csv",
}
CAMPAIGNS = {
    "ads.campaigns__1": "google_ads_campaign_history_data.csv",
    "ads.campaigns__2": "facebook_ads_campaign_history_data.csv",
    "ads.campaigns__3": "linkedin_ad_campaign_group_history_data.csv",
    "ads.campaigns__4": "microsoft_ads_campaign_history_data.csv",
    "ads.campaigns__5": "tiktok_campaign_history_data.csv",
}


@dataclass(frozen=True)
class Day:
    """One row of a platform's report in common words; None = the platform said nothing."""

    platform: str
    campaign: str
    currency: str
    day: str
    spend: Decimal
    impressions: int | None
    clicks: int | None

    @property
    def month(self) -> str:
        return self.day[:7]


def number(text: str) -> int | None:
    return int(text) if text else None


def google(night: RealNight) -> Iterator[Day]:
    (account,) = night.read("google_ads_account_history_data.csv")
    for row in night.read(PERFORMANCE["ads.ad_performance_daily__1"]):
        assert row["customer_id"] == account["id"]
        yield Day(
            "google", row["id"], account["currency_code"], row["date"],
            Decimal(row["cost_micros"]) / 1_000_000,
            number(row["impressions"]), number(row["clicks"]),
        )  # fmt: skip


def meta(night: RealNight) -> Iterator[Day]:
    campaigns = {
        row["id"]: row["campaign_id"]
        for row in night.read("facebook_ads_ad_history_data.csv")
    }
    for row in night.read(PERFORMANCE["ads.ad_performance_daily__2"]):
        # The export has no currency; the configuration says what the account is kept in.
        yield Day(
            "meta", campaigns[row["ad_id"]], "USD", row["date"], Decimal(row["spend"]),
            number(row["impressions"]), number(row["inline_link_clicks"]),
        )  # fmt: skip


def linkedin(night: RealNight) -> Iterator[Day]:
    (currency,) = {
        row["currency"] for row in night.read("linkedin_ad_account_history_data.csv")
    }
    group = {
        row["id"]: row["campaign_group_id"]
        for row in night.read("linkedin_ad_campaign_history_data.csv")
    }
    for row in night.read(PERFORMANCE["ads.ad_performance_daily__3"]):
        yield Day(
            "linkedin", group[row["campaign_id"]], currency, row["day"][:10],
            Decimal(row["cost_in_local_currency"]),
            number(row["impressions"]), number(row["landing_page_clicks"]),
        )  # fmt: skip


def microsoft(night: RealNight) -> Iterator[Day]:
    for row in night.read(PERFORMANCE["ads.ad_performance_daily__4"]):
        yield Day(
            "microsoft", row["campaign_id"], row["currency_code"], row["date"],
            Decimal(row["spend"]), number(row["impressions"]), number(row["clicks"]),
        )  # fmt: skip


def tiktok(night: RealNight) -> Iterator[Day]:
    currency = {
        row["id"]: {"CAN": "CAD"}.get(row["currency"], row["currency"])
        for row in night.read("tiktok_advertiser_data.csv")
    }
    advertiser = {
        row["campaign_id"]: row["advertiser_id"]
        for row in night.read("tiktok_campaign_history_data.csv")
    }
    for row in night.read(PERFORMANCE["ads.ad_performance_daily__5"]):
        # Advertisers 3 and 4 are in no advertiser file: nobody knows their currency.
        yield Day(
            "tiktok", row["CAMPAIGN_ID"],
            currency.get(advertiser[row["CAMPAIGN_ID"]], UNKNOWN),
            row["STAT_TIME_HOUR"][:10], Decimal(row["SPEND"]),
            number(row["IMPRESSIONS"]), number(row["CLICKS"]),
        )  # fmt: skip


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> RealNight:
    return run_night("ads_fivetran", AS_OF, tmp_path_factory.mktemp("ads_fivetran"))


@pytest.fixture(scope="session")
def days(night: RealNight) -> list[Day]:
    platforms = (google, meta, linkedin, microsoft, tiktok)
    return [day for platform in platforms for day in platform(night)]


def test_every_row_of_every_file_is_landed_quarantined_or_absorbed(
    night: RealNight,
) -> None:
    assert night.unaccounted(PERFORMANCE | CAMPAIGNS) == {}
    assert all(batch["quarantined_count"] == 0 for batch in night.batches.values())
    (source,) = night.quality["sources"]
    assert source["unread_rows"] == {}


def test_rows_finer_than_a_campaign_day_are_added_up(night: RealNight) -> None:
    rows = night.read(PERFORMANCE["ads.ad_performance_daily__4"])
    campaign_days = {(r["account_id"], r["campaign_id"], r["date"]) for r in rows}
    assert (len(rows), len(campaign_days)) == (2630, 403)
    batch = night.batches["ads.ad_performance_daily__4"]
    assert batch["row_count"] == 403
    assert batch["absorbed"] == {"added up": 2630 - 403}


def test_every_campaign_day_reaches_the_mart_with_its_sums(
    night: RealNight, days: list[Day]
) -> None:
    expected: dict[tuple[str, str, str, str], list[Decimal | int | None]] = {}
    for one in days:
        key = (f"{one.platform}:{one.campaign}", one.currency, one.day, one.platform)
        sums = expected.setdefault(key, [None, None, None])
        for place, count in enumerate((one.spend, one.impressions, one.clicks)):
            if count is not None:
                sums[place] = (sums[place] or 0) + count
    found = {
        (campaign, currency, day, platform): [spend, impressions, clicks]
        for campaign, currency, day, platform, spend, impressions, clicks in (
            night.published(
                "select campaign_id, currency, cast(report_date as varchar), platform,"
                " spend_amount, impression_count, click_count"
                " from fct_ad_performance_daily",
                audience="marketing",
            )
        )
    }
    assert found == expected


def test_campaigns_carry_their_newest_name(night: RealNight) -> None:
    def newest(file: str, changed: str) -> dict[str, str]:
        rows = sorted(night.read(file), key=lambda row: row[changed])
        return {row["id"]: row["name"] for row in rows}

    expected = {
        "google": newest(CAMPAIGNS["ads.campaigns__1"], "updated_at"),
        "meta": newest(CAMPAIGNS["ads.campaigns__2"], "updated_time"),
        "linkedin": newest(CAMPAIGNS["ads.campaigns__3"], "last_modified_time"),
        "microsoft": newest(CAMPAIGNS["ads.campaigns__4"], "modified_time"),
        # The file holds ads: a campaign has no name of its own there.
        "tiktok": {
            row["campaign_id"]: row["campaign_id"]
            for row in night.read(CAMPAIGNS["ads.campaigns__5"])
        },
    }
    found = night.published(
        "select platform, source_record_id, campaign_name from dim_campaigns"
        " where campaign_id <> '(unknown)'"
    )
    assert sorted(found) == sorted(
        (platform, campaign, name)
        for platform, names in expected.items()
        for campaign, name in names.items()
    )


def test_spend_by_platform_and_month_is_the_files(
    night: RealNight, days: list[Day]
) -> None:
    spend: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in days:
        spend[one.month, one.platform] += one.spend
    assert spend["2021-09", "tiktok"] == Decimal("444.792")
    by_platform: dict[str, Decimal] = defaultdict(Decimal)
    for (_, platform), amount in spend.items():
        by_platform[platform] += amount
    del by_platform["tiktok"]
    assert by_platform == {
        "google": Decimal("231.33"),  # 231,330,000 micros
        "meta": Decimal("643.63"),
        "linkedin": Decimal("530.62"),
        "microsoft": Decimal("946.34"),
    }
    # Part of it is in currencies nobody gave a rate for: neither 0 nor a part of the sum.
    expected = {**spend, ("2021-09", "tiktok"): None}
    assert night.monthly("ad_spend", "platform") == expected


def test_spend_without_a_rate_is_kept_in_its_own_currency(
    night: RealNight, days: list[Day]
) -> None:
    spend: dict[str, Decimal] = defaultdict(Decimal)
    for one in days:
        if one.month == "2021-09":
            spend[one.currency] += one.spend
    assert spend == {
        "USD": Decimal("222.12"),
        "CAD": Decimal("0.22"),
        UNKNOWN: Decimal("222.452"),
    }
    rows = night.published(
        "select member_id, value_original, value, list_contains(flag, 'no_rate')"
        " from rpt_kpi_values where kpi_key = 'ad_spend' and breakdown = 'currency'"
        " and grain = 'month' and period_start_date = '2021-09-01'"
    )
    assert sorted(rows) == [
        (UNKNOWN, Decimal("222.452"), None, True),
        ("CAD", Decimal("0.22"), None, True),
        ("USD", Decimal("222.12"), Decimal("222.12"), False),
    ]
    assert night.monthly("ad_spend")["2021-09"] is None


def test_delivery_by_platform_and_month_is_the_files(
    night: RealNight, days: list[Day]
) -> None:
    shown: dict[tuple[str, str], int] = defaultdict(int)
    clicked: dict[tuple[str, str], int] = defaultdict(int)
    for one in days:
        if one.impressions is not None:
            shown[one.month, one.platform] += one.impressions
        if one.clicks is not None:
            clicked[one.month, one.platform] += one.clicks
    assert night.monthly("impressions", "platform") == shown
    assert night.monthly("clicks", "platform") == clicked


def test_rates_divide_what_is_known_of_both_sides(
    night: RealNight, days: list[Day]
) -> None:
    clicked_of_shown: dict[tuple[str, str], int] = defaultdict(int)
    shown: dict[tuple[str, str], int] = defaultdict(int)
    spend: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    clicked: dict[tuple[str, str], int] = defaultdict(int)
    for one in days:
        key = (one.month, one.platform)
        if one.impressions is not None and one.clicks is not None:
            clicked_of_shown[key] += one.clicks
            shown[key] += one.impressions
        if one.clicks is not None:
            spend[key] += one.spend
            clicked[key] += one.clicks
    assert night.monthly("ctr", "platform") == {
        key: share(clicked_of_shown[key], shown[key]) for key in shown
    }
    costs = {key: share(spend[key], clicked[key]) for key in spend}
    costs["2021-09", "tiktok"] = None
    assert night.monthly("cpc", "platform") == costs


def test_months_without_spend_between_months_with_some_are_zero(
    night: RealNight, days: list[Day]
) -> None:
    # The source was read and holds nothing for them; before and after it is the same.
    spend: dict[str, Decimal] = defaultdict(Decimal)
    for one in days:
        spend[one.month] += one.spend
    totals = night.monthly("ad_spend")
    assert min(totals) == min(spend)
    assert max(totals) == "2021-09"
    assert len(totals) == 12 * (2021 - 2018) + 9 - 9 + 1
    del totals["2021-09"]
    assert totals == {m: spend.get(m, Decimal(0)) for m in totals}


def test_a_kpi_without_a_source_is_never_zero(night: RealNight) -> None:
    # Cost per lead needs leads, and there is no source of leads.
    night.assert_nothing_is_said_without_a_source(KPIS)
