"""The truth of the ad platforms: spend, impressions, clicks per campaign and day.

Belongs here: contributions of ad facts as the platforms show them at the end of a night's
as-of day. Stays out: leads of campaigns (`truth_crm`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.story import STORY_START
from ingest.sandbox.truth_described import AD_ENTITIES, channel_of
from ingest.sandbox.truth_money import FLOW
from ingest.sandbox.truth_rows import CURRENCIES, Contribution, Kind, Night

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from ingest.sandbox.model import AdPlatform, Fields

KPIS: Final = {
    "ad_spend": Kind.AMOUNT,
    "impressions": Kind.COUNT,
    "clicks": Kind.COUNT,
    "ctr": Kind.RATE,
    "cpc": Kind.MONEY_RATIO,
    "cpl_media": Kind.MONEY_RATIO,
    "platform_conversion_value": Kind.AMOUNT,
}


def count_ads(night: Night) -> Iterator[Contribution]:
    """Yield spend and its ratios; each campaign-day is converted once, at its day's rate."""
    for name, platform in (
        ("google", night.company.google),
        ("meta", night.company.meta),
    ):
        yield from _count_platform(night, name, platform)


def _count_platform(
    night: Night, name: str, platform: AdPlatform
) -> Iterator[Contribution]:
    """Yield the contributions of one platform; ids are unique only inside it."""
    days = platform.campaign_days(night.cut, STORY_START, night.as_of)
    for fact, state in days:
        members = members_of_campaign(night, f"{name}:{fact.campaign_id}")
        money = {**members, "currency": str(platform.account["currency"])}
        clicks, shown = (
            Decimal(str(state["clicks"])),
            Decimal(str(state["impressions"])),
        )
        yield Contribution("impressions", fact.date, shown, members=members)
        yield Contribution("clicks", fact.date, clicks, members=members)
        yield Contribution("ctr", fact.date, clicks, shown, members=members)
        spend = _spend_of(state)
        for currency in CURRENCIES:
            worth = night.rates.convert(
                spend, str(platform.account["currency"]), currency, fact.date, FLOW
            )
            yield Contribution("ad_spend", fact.date, worth, None, currency, money)
            yield Contribution("cpc", fact.date, worth, clicks, currency, members)
            yield Contribution(
                "cpl_media", fact.date, worth, Decimal(0), currency, members
            )
            claimed = night.rates.convert(
                Decimal(str(state["conversion_value"])),
                str(platform.account["currency"]),
                currency,
                fact.date,
                FLOW,
            )
            yield Contribution(
                "platform_conversion_value", fact.date, claimed, None, currency, money
            )


def members_of_campaign(night: Night, campaign: str) -> dict[str, str]:
    """Return where a campaign's ads count."""
    platform = campaign.partition(":")[0]
    return {
        "campaign": campaign,
        "platform": platform,
        "channel": channel_of(night, campaign),
        "legal_entity": AD_ENTITIES[platform],
    }


def spend_days(night: Night) -> Iterator[tuple[date, str, Decimal, str]]:
    """Yield day, campaign, spend and its currency of every campaign-day."""
    for name, platform in (
        ("google", night.company.google),
        ("meta", night.company.meta),
    ):
        currency = str(platform.account["currency"])
        days = platform.campaign_days(night.cut, STORY_START, night.as_of)
        for fact, state in days:
            campaign = f"{name}:{fact.campaign_id}"
            yield fact.date, campaign, _spend_of(state), currency


def _spend_of(state: Fields) -> Decimal:
    """Return the cost of a day in account currency."""
    if "cost_micros" in state:
        return Decimal(str(state["cost_micros"])).scaleb(-6)
    return Decimal(str(state["spend"]))
