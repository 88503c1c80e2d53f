"""Rows of the Graph API as contract values.

Belongs here: names, counts left out when zero, the action type that is picked, days in the
account's zone. Stays out: asking for rows (`graph`).

Clicks are link clicks. One lead is counted under several action types, so one is picked:
`lead`, the total of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from ingest.contracts.meta_ads import ACCOUNT_INSIGHTS_DAILY
from ingest.sources.wire import Json, dig, key_of, parse_instant, required

if TYPE_CHECKING:
    from datetime import date

    from ingest.entities import EntityContract

LEAD: Final = "lead"
PURCHASE: Final = "purchase"


@dataclass(frozen=True)
class AdAccount:
    """One ad account as Meta describes it."""

    account_id: str
    timezone: str
    payload: Json
    origin: str


def account_values(account: AdAccount) -> dict[str, object]:
    """Return the account itself."""
    return {
        "account_id": account.account_id,
        "account_name": account.payload.get("name"),
        "currency": required(account.payload, "currency", account.origin),
        "timezone": account.timezone,
    }


def campaign_values(row: Json, account: AdAccount) -> dict[str, object]:
    """Return one campaign, its dates in the account's zone."""
    where = "meta_ads campaign"
    campaign_id = key_of(row, "id", where)
    ads = dig(row, "ads", "data") or [{}]
    return {
        "campaign_id": campaign_id,
        "campaign_name": required(row, "name", where),
        "status": required(row, "effective_status", where),
        "objective": row.get("objective"),
        "utm_campaign": _utm_campaign(dig(ads[0], "creative", "url_tags"), row),
        "started_on": _local_date(row.get("start_time"), account.timezone),
        "ended_on": _local_date(row.get("stop_time"), account.timezone),
    }


def insight_values(
    row: Json, entity: EntityContract, account: AdAccount
) -> dict[str, object]:
    """Return one day's figures. Meta leaves a count that is zero out of the row."""
    where = f"meta_ads {entity.name}"
    key = "account_id" if entity.name == ACCOUNT_INSIGHTS_DAILY.name else "campaign_id"
    return {
        key: key_of(row, key, where),
        "date": required(row, "date_start", where),
        "spend": required(row, "spend", where),
        "currency": required(row, "account_currency", where),
        "impressions": row.get("impressions", 0),
        "clicks": row.get("inline_link_clicks", 0),
        "reported_leads": _action(row.get("actions"), LEAD),
        "conversion_value": _action(row.get("action_values"), PURCHASE),
        "source_timezone": account.timezone,
    }


def _action(actions: Any, action_type: str) -> object:  # noqa: ANN401  # JSON
    """Return the value of one action type, 0 when it did not happen.

    Units: as reported; "3" and "3.0" are both a count of three.
    """
    for action in actions or ():
        if action.get("action_type") == action_type:
            value = required(action, "value", "meta_ads action")
            try:
                exact = Decimal(str(value))
            except InvalidOperation:
                return value
            whole = exact.is_finite() and exact == exact.to_integral_value()
            return int(exact) if whole else exact
    return 0


def _utm_campaign(url_tags: str | None, row: Json) -> str | None:
    """Return utm_campaign as it reaches the landing page."""
    found = parse_qs((url_tags or "").lstrip("?&")).get("utm_campaign")
    if not found:
        return None
    return (
        found[0]
        .replace("{{campaign.id}}", str(row["id"]))
        .replace("{{campaign.name}}", str(row["name"]))
    )


def _local_date(stamp: str | None, timezone: str) -> date | None:
    """Return the day of an instant in the account's zone; None = not set."""
    if not stamp:
        return None
    instant = parse_instant(stamp, "meta_ads campaign")
    return instant.astimezone(ZoneInfo(timezone)).date()
