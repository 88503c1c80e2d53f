"""What the sandbox company's marketing people keep in files: e-mails, posts, website visits.

Belongs here: the figures of a day as its tool shows them at an instant. Stays out: how the
files are written (`drop`), what the KPIs make of them (`truth_marketing`).

Tools restate their recent days: opens and clicks of an e-mail come in for a week, conversions
for two, a post's first day and a website's last three are provisional.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.story import (
    STORY_START,
    dice,
    is_business_day,
    local_day,
    month_start,
    next_business_day,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from random import Random

_FILTERED_SINCE: Final = date(2025, 6, 1)
"""The e-mail tool tells machine opens apart from then on."""
_KEY_EVENTS_SINCE: Final = date(2025, 3, 1)
"""The website's key event is set up from then on."""


@dataclass(frozen=True, slots=True)
class EmailDay:
    """The e-mails of one campaign sent on one day."""

    campaign_id: str
    date: date
    sent: int
    bounced: int
    dropped: int
    unique_opens: int
    unique_opens_filtered: int | None
    unique_clicks: int
    conversions: int
    unsubscribes: int


@dataclass(frozen=True, slots=True)
class PostDay:
    """One post on one day; None = the platform does not report it."""

    platform: str
    post_id: str
    date: date
    reach: int
    impressions: int
    reactions: int
    comments: int
    shares: int
    saves: int | None
    clicks: int | None
    followers: int


@dataclass(frozen=True, slots=True)
class VisitDay:
    """Sessions of one day that came one way to one page."""

    property_id: str
    date: date
    source: str
    medium: str
    campaign: str
    landing_page: str
    sessions: int
    users: int
    key_events: int | None
    key_event_sessions: int | None


def emails_until(seed: int, now: datetime) -> list[EmailDay]:
    """Return every send up to the day before `now`: a weekly letter, a monthly offer."""
    today = local_day(now)
    return [
        _tell_email(seed, campaign, day, (today - day).days)
        for day in _days(today)
        for campaign in _campaigns_on(day)
    ]


def _campaigns_on(day: date) -> Iterator[str]:
    """Yield what is sent on a day; the offer goes out in two halves."""
    if day.weekday() == 1 and is_business_day(day):
        year, week, _ = day.isocalendar()
        yield f"ban-tin-{year}-{week:02d}"
    first = next_business_day(month_start(day) + timedelta(days=9))
    if day in {first, first + timedelta(days=1)}:
        yield f"uu-dai-{day:%Y-%m}"


def _tell_email(seed: int, campaign: str, day: date, age: int) -> EmailDay:
    """Return one send as the tool shows it `age` days later."""
    throw = dice(seed, "email", campaign, day)
    sent = throw.randint(900, 1400) + (day - STORY_START).days
    bounced, dropped = throw.randint(4, 30), throw.randint(0, 6)
    opens = round(sent * throw.uniform(0.28, 0.46) * min(age, 7) / 7)
    human = round(opens * throw.uniform(0.6, 0.8))
    clicks = round(human * throw.uniform(0.06, 0.2))
    goals = round(sent * throw.uniform(0.001, 0.006) * min(age, 14) / 14)
    return EmailDay(
        campaign,
        day,
        sent,
        bounced,
        dropped,
        opens,
        human if day >= _FILTERED_SINCE else None,
        clicks,
        goals,
        throw.randint(0, 9),
    )


_POSTING_DAYS: Final = {"linkedin": 1, "facebook": 2, "tiktok": 4}
"""Platform -> weekday of its weekly post."""
_POST_LIFE: Final = 4


def posts_until(seed: int, now: datetime) -> list[PostDay]:
    """Return every post on its first days, up to the day before `now`."""
    today = local_day(now)
    found: list[PostDay] = []
    for platform, weekday in _POSTING_DAYS.items():
        for born in _days(today):
            if born.weekday() != weekday or not is_business_day(born):
                continue
            for age in range(_POST_LIFE):
                day = born + timedelta(days=age)
                throw = dice(seed, "post", platform, born, age)
                if day < today and (age == 0 or throw.random() < 0.8):
                    found.append(_tell_post(platform, born, day, throw, today))
    return found


def _tell_post(
    platform: str, born: date, day: date, throw: Random, today: date
) -> PostDay:
    """Return one post and day; yesterday's first figures are still low."""
    settled = 0.85 if day == today - timedelta(days=1) else 1.0
    fading = settled / (1 + (day - born).days)
    reach = round(throw.randint(500, 4000) * fading)

    def count(least: float, most: float) -> int:
        """Return a share of the people reached."""
        return round(reach * throw.uniform(least, most))

    reactions, comments, shares = count(0.01, 0.06), count(0, 0.01), count(0, 0.012)
    saves, clicks = count(0, 0.008), count(0.005, 0.03)
    return PostDay(
        platform,
        f"{platform[0]}{born:%y%m%d}",
        day,
        reach,
        reach + count(0.1, 0.6),
        reactions,
        comments,
        shares,
        None if platform == "linkedin" else saves,
        clicks,
        1500 + (day - STORY_START).days * 2,
    )


_WAYS: Final = (
    # source, medium, campaign, landing page, mean sessions on a working day
    ("google", "organic", "", "/", 46),
    ("google", "organic", "", "/blog/crm-la-gi", 31),
    ("facebook", "social", "", "/blog/cham-soc-khach-hang/?ref=fb", 14),
    ("google", "cpc", "20100000011", "/bang-gia", 27),
    ("", "", "", "/huong-dan/nhap-khach-hang", 9),
    ("newsletter", "email", "ban-tin", "/bang-gia", 6),
)


def visits_until(seed: int, now: datetime) -> list[VisitDay]:
    """Return the website's sessions up to the day before `now`."""
    today = local_day(now)
    found: list[VisitDay] = []
    for day in _days(today):
        for way in _WAYS:
            throw = dice(seed, "visits", *way[:4], day)
            if throw.random() < 0.9:
                found.append(_tell_visits(way, day, throw, (today - day).days))
    return found


def _tell_visits(
    way: tuple[str, str, str, str, int], day: date, throw: Random, age: int
) -> VisitDay:
    """Return one day's sessions of one way; three days pass until all are counted."""
    source, medium, campaign, page, mean = way
    growth = 1 + (day - STORY_START).days / 1200
    weight = (1.0 if is_business_day(day) else 0.5) * growth
    counted = {1: 0.9, 2: 0.97, 3: 0.99}.get(age, 1.0)
    sessions = max(1, round(mean * weight * throw.uniform(0.7, 1.3) * counted))
    converted = round(sessions * throw.uniform(0.0, 0.09))
    is_tracked = day >= _KEY_EVENTS_SINCE
    return VisitDay(
        "acme.example",
        day,
        source,
        medium,
        campaign,
        page,
        sessions,
        max(1, round(sessions * throw.uniform(0.75, 0.98))),
        converted + throw.randint(0, converted) if is_tracked else None,
        converted if is_tracked else None,
    )


def _days(today: date) -> Iterator[date]:
    """Yield the story's days before `today`."""
    for number in range(STORY_START.toordinal(), today.toordinal()):
        yield date.fromordinal(number)
