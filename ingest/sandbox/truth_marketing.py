"""The truth of e-mails, social posts and website visits.

Belongs here: contributions of the marketing files as they stand at the end of a night's as-of
day. Stays out: ads (`truth_ads`), leads (`truth_crm`), the files themselves (`marketing`).

Decisions, where the catalogue leaves a choice:

* an e-mail counts on the day it was sent, with the opens, clicks and goals it has had so far;
  delivered is sent less bounced and dropped;
* people reached are those of one post and day; of two there is no figure, so only a cell with
  one measurement has a value;
* engagement is what the platform's list says: LinkedIn without saves, TikTok without clicks;
* a session came to content when its page lies under one of the content folders, each page a
  piece of its own, or its campaign is the newsletter; the key event is counted in sessions.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.marketing import emails_until, posts_until, visits_until
from ingest.sandbox.truth_rows import ONE, UNKNOWN, Contribution, Kind, Night

if TYPE_CHECKING:
    from collections.abc import Iterator

KPIS: Final = {
    "email_delivered": Kind.COUNT,
    "email_open_rate": Kind.RATE,
    "email_open_rate/filtered": Kind.RATE,
    "email_click_rate": Kind.RATE,
    "email_ctor": Kind.RATE,
    "email_ctor/filtered": Kind.RATE,
    "email_conversion_rate": Kind.RATE,
    "social_reach": Kind.SINGLE,
    "social_engagements": Kind.COUNT,
    "social_engagement_rate": Kind.RATE,
    "social_shares": Kind.COUNT,
    "content_website_visits": Kind.COUNT,
    "website_conversion_rate": Kind.RATE,
}
_UNCOUNTED: Final = {"linkedin": "saves", "tiktok": "clicks"}
_FOLDERS: Final = ("/blog/", "/huong-dan/", "/tai-lieu/")
_CHANNELS: Final = {
    "organic": "organic_search",
    "social": "organic_social",
    "cpc": "search",
    "email": "email",
    "": "direct",
}


def count_emails(night: Night) -> Iterator[Contribution]:
    """Yield every send with what it has brought so far."""
    for day in emails_until(night.company.seed, night.cut):
        members = {"campaign": f"email:{day.campaign_id}"}
        delivered = day.sent - day.bounced - day.dropped
        human = day.unique_opens_filtered
        yield Contribution(
            "email_delivered", day.date, Decimal(delivered), members=members
        )
        for kpi, top, bottom in (
            ("email_open_rate", day.unique_opens, delivered),
            ("email_open_rate/filtered", human, delivered),
            ("email_click_rate", day.unique_clicks, delivered),
            ("email_ctor", day.unique_clicks, day.unique_opens),
            ("email_ctor/filtered", day.unique_clicks, human),
            ("email_conversion_rate", day.conversions, delivered),
        ):
            if top is not None and bottom is not None:
                yield Contribution(
                    kpi, day.date, Decimal(top), Decimal(bottom), members=members
                )


def count_posts(night: Night) -> Iterator[Contribution]:
    """Yield every post and day."""
    for day in posts_until(night.company.seed, night.cut):
        members = {
            "platform": day.platform,
            "content_piece": f"{day.platform}:{day.post_id}",
        }
        counted = {
            "reactions": day.reactions,
            "comments": day.comments,
            "shares": day.shares,
            "saves": day.saves,
            "clicks": day.clicks,
        }
        counted.pop(_UNCOUNTED.get(day.platform, ""), None)
        engaged = Decimal(sum(count or 0 for count in counted.values()))
        shown = Decimal(day.impressions)
        for kpi, top, bottom in (
            ("social_reach", Decimal(day.reach), ONE),
            ("social_engagements", engaged, None),
            ("social_engagement_rate", engaged, shown),
            ("social_shares", Decimal(day.shares), None),
        ):
            yield Contribution(kpi, day.date, top, bottom, members=members)


def count_visits(night: Night) -> Iterator[Contribution]:
    """Yield every way sessions came on a day."""
    for day in visits_until(night.company.seed, night.cut):
        piece = _content_of(day.landing_page, day.campaign)
        members = {
            "content_piece": piece,
            "channel": _CHANNELS.get(day.medium, UNKNOWN),
        }
        sessions = Decimal(day.sessions)
        if piece != "(none)":
            yield Contribution(
                "content_website_visits", day.date, sessions, members=members
            )
        if day.key_event_sessions is not None:
            yield Contribution(
                "website_conversion_rate",
                day.date,
                Decimal(day.key_event_sessions),
                sessions,
                members=members,
            )


def _content_of(page: str, campaign: str) -> str:
    """Return the piece of content a session came to."""
    path = page.split("?", maxsplit=1)[0].rstrip("/")
    if path.startswith(_FOLDERS):
        return path
    return "Bản tin" if campaign.startswith("ban-tin") else "(none)"
