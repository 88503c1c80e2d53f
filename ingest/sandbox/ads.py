"""The ad accounts of the sandbox company: campaigns and their restated days.

Belongs here: a Google account in VND, a Meta account in USD, five campaigns each (times the
scale), daily facts with every restatement. Stays out: leads that come of it (`crm`), vendor
JSON (`vendors`).

A day's first figure shows at 23:00 local of the day, settles next morning and moves up, down or
vanishes for up to 27 days more; never between midnight and 02:00, when the night reads.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import AdFact, AdPlatform, Fields, Version, Versioned
from ingest.sandbox.story import (
    STORY_START,
    ZONE_NAME,
    Draft,
    at_local,
    days_until,
    dice,
    is_business_day,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

GOOGLE_ACCOUNT: Final = "4815162342"
META_ACCOUNT: Final = "220145790311045"
RESTATED_DAYS: Final = 27
"""Last day after the day itself on which a figure still moves."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign of the story; `budget` is a day's spend in account currency."""

    campaign_id: str
    name: str
    kind: str
    budget: int
    starts: date
    ends: date | None
    closed_as: str = ""
    """Status after the end: REMOVED or PAUSED at Google, ARCHIVED or DELETED at Meta."""
    tagged: bool = True
    """Whether its links carry utm_campaign."""

    def runs_on(self, day: date) -> bool:
        """Return whether ads are shown on `day`."""
        return self.starts <= day and (self.ends is None or day <= self.ends)


_GOOGLE: Final = (
    Plan(
        "20100000011", "Tìm kiếm – Phần mềm CRM", "SEARCH", 560_000, STORY_START, None
    ),
    Plan("20100000028", "Tìm kiếm – Thương hiệu", "SEARCH", 170_000, STORY_START, None),
    Plan(
        "20100000035",
        "PMax – Quản lý bán hàng",
        "PERFORMANCE_MAX",
        390_000,
        date(2025, 2, 10),
        None,
        tagged=False,
    ),
    Plan(
        "20100000042",
        "Hiển thị – Tiếp thị lại",
        "DISPLAY",
        120_000,
        STORY_START,
        date(2025, 8, 31),
        "REMOVED",
    ),
    Plan(
        "20100000059",
        "YouTube – Giới thiệu sản phẩm",
        "VIDEO",
        250_000,
        date(2025, 9, 15),
        date(2026, 6, 30),
        "PAUSED",
    ),
)
_META: Final = (
    Plan(
        "120210000000010011",
        "Lead form – Chủ doanh nghiệp",
        "OUTCOME_LEADS",
        21,
        STORY_START,
        None,
    ),
    Plan(
        "120210000000020022",
        "Traffic – Bảng giá",
        "OUTCOME_TRAFFIC",
        10,
        STORY_START,
        None,
    ),
    Plan(
        "120210000000030033",
        "Singapore – Demo",
        "OUTCOME_LEADS",
        17,
        date(2025, 1, 6),
        None,
    ),
    Plan(
        "120210000000040044",
        "Tết – Ưu đãi năm",
        "OUTCOME_SALES",
        27,
        date(2025, 12, 15),
        date(2026, 2, 10),
        "ARCHIVED",
    ),
    Plan(
        "120210000000050055",
        "Nhận diện thương hiệu",
        "OUTCOME_AWARENESS",
        8,
        STORY_START,
        date(2025, 12, 31),
        "DELETED",
    ),
)


def campaign_plans(platform: str, scale: int) -> tuple[Plan, ...]:
    """Return the campaigns of `google` or `meta`; every scale step copies the set."""
    base = _GOOGLE if platform == "google" else _META
    return tuple(
        Plan(
            str(int(plan.campaign_id) + copy * 1000),
            f"{plan.name} ({copy + 1})" if copy else plan.name,
            plan.kind,
            plan.budget,
            plan.starts,
            plan.ends,
            plan.closed_as,
            plan.tagged,
        )
        for copy in range(scale)
        for plan in base
    )


def build_google(seed: int, scale: int, until: datetime) -> AdPlatform:
    """Return the Google Ads account: VND, cost in micros."""
    account: Fields = {
        "account_id": GOOGLE_ACCOUNT,
        "account_name": "Acme Việt Nam",
        "currency": "VND",
        "timezone": ZONE_NAME,
    }
    return _build("google", account, seed=seed, scale=scale, until=until)


def build_meta(seed: int, scale: int, until: datetime) -> AdPlatform:
    """Return the Meta Ads account: USD, decimal amounts."""
    account: Fields = {
        "account_id": META_ACCOUNT,
        "account_name": "Acme Singapore",
        "currency": "USD",
        "timezone": ZONE_NAME,
    }
    return _build("meta", account, seed=seed, scale=scale, until=until)


def _build(
    platform: str, account: Fields, *, seed: int, scale: int, until: datetime
) -> AdPlatform:
    """Return one platform told up to `until`."""
    plans = campaign_plans(platform, scale)
    account_id = str(account["account_id"])
    facts = tuple(
        AdFact(account_id, plan.campaign_id, day, versions)
        for day in days_until(until)
        for plan in plans
        if plan.runs_on(day) and (versions := _versions_of(platform, plan, day, seed))
    )
    campaigns = tuple(_write_campaign(platform, plan) for plan in plans)
    return AdPlatform(account, campaigns, facts)


def _versions_of(
    platform: str, plan: Plan, day: date, seed: int
) -> tuple[Version, ...]:
    """Return the figures of one campaign and day; none where nothing was shown."""
    return tuple(
        _tell_day(platform, plan, day, dice(seed, "ad", plan.campaign_id, day))
    )


def _tell_day(platform: str, plan: Plan, day: date, throw: Random) -> Iterator[Version]:
    """Yield the figures of one campaign and day as they are restated."""
    if throw.random() < 0.01:
        return  # nothing shown: the platforms send no row
    growth = 1 + min((day - STORY_START).days, 1100) / 1500
    weight = (1.0 if is_business_day(day) else 0.55) * growth
    spend = plan.budget * weight * throw.uniform(0.75, 1.2)
    first = _measure(platform, plan, spend * throw.uniform(0.86, 0.99), throw)
    settled = _measure(platform, plan, spend, throw)
    yield Version(at_local(day, 23), first)
    yield Version(at_local(day + timedelta(days=1), 6, 10), settled)
    if throw.random() < 0.35:
        lag = throw.randint(2, 12)
        change = throw.choice((0.93, 0.97, 0.99, 1.01, 1.03, 1.06))
        moved = _measure(platform, plan, spend * change, throw)
        yield Version(at_local(day + timedelta(days=lag), 6, 20), moved)
    if throw.random() < 0.012:
        lag = throw.randint(13, RESTATED_DAYS)
        yield Version(at_local(day + timedelta(days=lag), 7), None)
    elif throw.random() < 0.05:
        lag = throw.randint(13, RESTATED_DAYS)
        moved = _measure(platform, plan, spend * throw.uniform(0.95, 1.04), throw)
        yield Version(at_local(day + timedelta(days=lag), 8), moved)


def _measure(platform: str, plan: Plan, spend: float, throw: Random) -> Fields:
    """Return the metrics that go with a spend in account currency."""
    click_price = plan.budget / (70 if platform == "google" else 45)
    clicks = max(1, round(spend / click_price * throw.uniform(0.97, 1.03)))
    impressions = clicks * throw.randint(18, 60)
    if platform == "google":
        return {
            "cost_micros": round(spend) * 1_000_000,
            "impressions": impressions,
            "clicks": clicks,
            "conversions": Decimal(round(clicks * 3.7)) / 100,
            "conversion_value": Decimal(round(clicks * 41_000)),
        }
    return {
        "spend": Decimal(round(spend * 100)) / 100,
        "impressions": impressions,
        "clicks": clicks,
        "reported_leads": round(clicks * 0.05),
        "conversion_value": Decimal(round(clicks * 180)) / 100,
    }


def _write_campaign(platform: str, plan: Plan) -> Versioned:
    """Return one campaign with its renames and its end."""
    draft = Draft(plan.campaign_id)
    running = "ENABLED" if platform == "google" else "ACTIVE"
    draft.change(
        at_local(plan.starts, 0, 5),
        {
            "campaign_id": plan.campaign_id,
            "campaign_name": plan.name,
            "status": running,
            "channel_type" if platform == "google" else "objective": plan.kind,
            "utm_campaign": plan.campaign_id if plan.tagged else None,
            "started_on": plan.starts,
            "ended_on": plan.ends,
        },
    )
    if plan.ends:
        done = at_local(plan.ends + timedelta(days=1), 9)
        draft.change(done, {"status": plan.closed_as})
    return draft.finish()
