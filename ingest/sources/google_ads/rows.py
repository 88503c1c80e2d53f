"""Rows of Google Ads as contract values.

Belongs here: names, zero metrics, dates in both spellings, UTM parameters. Stays out: asking
for rows (`gaql`), micros to major units (dbt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from ingest.contracts.google_ads import (
    ACCOUNTS,
    CAMPAIGN_PERFORMANCE_DAILY,
    CAMPAIGNS,
)
from ingest.sources.wire import Json, dig, key_of, required

if TYPE_CHECKING:
    from ingest.entities import EntityContract

_NO_END: Final = "2037-12-30"
"""End date of an open campaign before v23; since then it is left out."""


def values_of(entity: EntityContract, row: Json) -> dict[str, object]:
    """Return the contract values of one row of an entity."""
    where = f"google_ads {entity.name}"
    customer = required(row, "customer", where)
    if entity.name == ACCOUNTS.name:
        return {
            "account_id": key_of(customer, "id", where),
            "account_name": customer.get("descriptiveName"),
            "currency": required(customer, "currencyCode", where),
            "timezone": required(customer, "timeZone", where),
        }
    if entity.name == CAMPAIGNS.name:
        return _campaign_values(row, where)
    values = _day_values(row, where)
    if entity.name == CAMPAIGN_PERFORMANCE_DAILY.name:
        campaign_id = key_of(required(row, "campaign", where), "id", where)
        return {"campaign_id": campaign_id, **values}
    return {"account_id": key_of(customer, "id", where), **values}


def _campaign_values(row: Json, where: str) -> dict[str, object]:
    campaign = required(row, "campaign", where)
    campaign_id = key_of(campaign, "id", where)
    ended = str(campaign.get("endDateTime") or campaign.get("endDate") or "")[:10]
    started = str(campaign.get("startDateTime") or campaign.get("startDate") or "")[:10]
    suffix = campaign.get("finalUrlSuffix") or dig(row, "customer", "finalUrlSuffix")
    return {
        "campaign_id": campaign_id,
        "campaign_name": required(campaign, "name", where),
        "status": required(campaign, "status", where),
        "channel_type": campaign.get("advertisingChannelType"),
        "utm_campaign": _utm_campaign(suffix, campaign_id),
        "started_on": started or None,
        "ended_on": None if ended in ("", _NO_END) else ended,
    }


def _day_values(row: Json, where: str) -> dict[str, object]:
    """Return the metrics of one day.

    Units: cost in micros. int64 comes as text. The field mask proves that a metric was
    answered, and protobuf's JSON leaves a value that was never set out: that is zero.
    """
    customer = required(row, "customer", where)
    metrics = row.get("metrics") or {}
    return {
        "date": required(required(row, "segments", where), "date", where),
        "cost_micros": metrics.get("costMicros", 0),
        "currency": required(customer, "currencyCode", where),
        "impressions": metrics.get("impressions", 0),
        "clicks": metrics.get("clicks", 0),
        "conversions": metrics.get("conversions", 0),
        "conversion_value": metrics.get("conversionsValue", 0),
        "source_timezone": required(customer, "timeZone", where),
    }


def _utm_campaign(suffix: str | None, campaign_id: str | None) -> str | None:
    """Return utm_campaign as it reaches the landing page; `{campaignid}` is the id."""
    found = parse_qs((suffix or "").lstrip("?&")).get("utm_campaign")
    return found[0].replace("{campaignid}", campaign_id or "") if found else None
