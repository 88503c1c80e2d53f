"""What brought the leads of the sandbox company: clicks, visits, e-mails, events.

Belongs here: the touches a tracker recorded since 2026, as it exports them. Stays out: how the
file is written (`drop`), who earns credit (`truth_attribution`).

The tracker knows half of the people. It exports a touch once its person has become a lead, so
visits of the weeks before arrive late, under the person's key alone; only the touch that made
the lead carries the lead's id too.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ingest.sandbox.story import at_local, dice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from ingest.sandbox.model import Company, Fields

TRACKED_FROM: Final = at_local(date(2026, 1, 1))
_CHANNELS: Final = {
    "PAID_SEARCH": "google_ads",
    "PAID_SOCIAL": "meta_ads",
    "ORGANIC_SEARCH": "organic_search",
    "DIRECT_TRAFFIC": "direct_traffic",
    "SOCIAL_MEDIA": "social_media",
    "REFERRALS": "referral",
    "OTHER_CAMPAIGNS": "newsletter",
    "OFFLINE": "event",
}
_EARLIER: Final = ("organic_search", "social_media", "google_ads", "meta_ads")
_LATER: Final = ("newsletter", "event", "referral", "direct_traffic")


@dataclass(frozen=True, slots=True)
class Touch:
    """One row of the tracker's export."""

    touch_id: str
    occurred_at: datetime
    channel: str
    campaign_id: str | None
    person_key: str | None
    lead_id: str | None
    account_id: str | None
    is_view_through: bool = False


def touches_until(company: Company, now: datetime) -> list[Touch]:
    """Return every touch the tracker has exported by `now`, oldest first."""
    found: list[Touch] = []
    for record in company.hubspot.contacts:
        born = record.versions[0]
        if born.fields is None or not TRACKED_FROM <= born.at <= now:
            continue
        throw = dice(company.seed, "touch", record.id)
        if throw.random() < 0.5:
            continue
        told = _tell_person(record.id, born.at, born.fields, throw)
        found.extend(touch for touch in told if touch.occurred_at <= now)
    return sorted(found, key=lambda touch: (touch.occurred_at, touch.touch_id))


def _tell_person(
    contact_id: str, born_at: datetime, fields: Fields, throw: Random
) -> Iterator[Touch]:
    """Yield the touches of one person: before the form, the form, and afterwards."""
    person_key = sha256(contact_id.encode()).hexdigest()[:16]
    number = 0

    def touch(
        at: datetime, channel: str, campaign: str | None = None, *, viewed: bool = False
    ) -> Touch:
        nonlocal number
        number += 1
        return Touch(
            f"{contact_id}-{number}",
            at,
            channel,
            campaign,
            person_key,
            None,
            None,
            viewed,
        )

    for _ in range(throw.choice((0, 0, 1, 1, 2, 3))):
        ago = timedelta(days=throw.randrange(130), minutes=throw.randrange(5, 900))
        channel = throw.choice(_EARLIER)
        viewed = channel == "meta_ads" and throw.random() < 0.6
        # A tag of a campaign no platform knows any more.
        lost = channel == "google_ads" and throw.random() < 0.4
        campaign = "chien-dich-cu" if lost else fields["utm_campaign"]
        paid = str(campaign) if campaign and channel.endswith("_ads") else None
        yield touch(born_at - ago, channel, paid, viewed=viewed)
    channel = _CHANNELS.get(str(fields["source"]))
    if channel is None:
        return
    # A form sent at once: the visit and the lead have the same instant.
    formed_at = born_at - timedelta(seconds=throw.choice((0, 40, 300)))
    paid = fields["utm_campaign"] if channel.endswith("_ads") else None
    made = touch(formed_at, channel, str(paid) if paid else None)
    yield _of_lead(made, contact_id)
    if throw.random() < 0.1:
        # Opened in two windows: only the ids tell the order.
        yield _of_lead(touch(formed_at, "direct_traffic"), contact_id)
    for _ in range(throw.choice((0, 0, 1, 1, 2))):
        later = timedelta(days=throw.randrange(70), minutes=throw.randrange(5, 900))
        yield _of_lead(touch(born_at + later, throw.choice(_LATER)), contact_id)
    if fields["company_id"] is not None and throw.random() < 0.12:
        # A booth notes the company's name, not the visitor's.
        yield Touch(
            f"{contact_id}-c",
            born_at + timedelta(days=throw.randrange(45), minutes=30),
            "event",
            None,
            None,
            None,
            str(fields["company_id"]),
        )


def _of_lead(touch: Touch, contact_id: str) -> Touch:
    """Return the touch with the lead's id beside the person's key."""
    return Touch(
        touch.touch_id,
        touch.occurred_at,
        touch.channel,
        touch.campaign_id,
        touch.person_key,
        contact_id,
        None,
        touch.is_view_through,
    )
