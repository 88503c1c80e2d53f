"""Which campaign a word of the CRM or a tracker names, in the truth.

Belongs here: ids, tags and names of the ad platforms' campaigns as a night knows them. Stays
out: what campaigns cost (`truth_ads`), what they earn (`truth_attribution`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.sandbox.truth_rows import UNKNOWN, Night

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.sandbox.model import Fields

Campaigns = dict[tuple[str, str], tuple[str, str]]
"""(platform, id, tag or name) -> (campaign, its channel)."""
_PAID_SOURCES: Final = frozenset({"PAID_SEARCH", "PAID_SOCIAL"})
_CAMPAIGN_CHANNELS: Final = {
    "SEARCH": "search",
    "PERFORMANCE_MAX": "cross_network",
    "DISPLAY": "display",
    "VIDEO": "video",
}


def campaigns_of(night: Night) -> Campaigns:
    """Return (platform, id, tag or name) -> (campaign, its channel)."""
    found: Campaigns = {}
    for platform, told in (
        ("google", night.company.google),
        ("meta", night.company.meta),
    ):
        for record in told.campaigns:
            state = night.state(record)
            if state is None:
                continue
            channel = "social"
            if platform == "google":
                channel = _CAMPAIGN_CHANNELS[str(state["channel_type"])]
            campaign = f"{platform}:{state['campaign_id']}", channel
            for name in ("campaign_name", "utm_campaign", "campaign_id"):
                if state[name]:
                    found[platform, str(state[name])] = campaign
    return found


def noted_campaign(
    state: Fields, campaigns: Mapping[tuple[str, str], tuple[str, str]]
) -> tuple[str, tuple[str, str] | None]:
    """Return the platform a contact came by, and the campaign if its words name one."""
    platform = UNKNOWN
    if state["google_click_id"] or state["utm_source"] == "google":
        platform = "google"
    elif state["facebook_click_id"] or state["utm_source"] == "facebook":
        platform = "meta"
    found = campaigns.get((platform, str(state["utm_campaign"])))
    if found is None and state["source"] in _PAID_SOURCES:
        found = campaigns.get((platform, str(state["source_detail_1"])))
    return platform, found
