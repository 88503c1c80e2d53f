"""Google Ads: accounts, campaigns, and cost per campaign-day and account-day.

Belongs here: GAQL queries, reading the stream, contract values. Stays out: micros to major
units (dbt), sums below campaign level, which miss Performance Max and removed ads.

No query filters on campaign status, so a removed campaign keeps its name and its spend. Days
are those of the account's own time zone. Sources: design/sources.md §4; Google Ads API REST
reference v26 (`googleAds:searchStream`), read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qs

from ingest.contracts.google_ads import (
    ACCOUNT_PERFORMANCE_DAILY,
    ACCOUNTS,
    CAMPAIGN_PERFORMANCE_DAILY,
    CAMPAIGNS,
    CONTRACTS,
)
from ingest.entities import EntityContract, Truth
from ingest.errors import ConfigError, ContractViolation, IngestError, RetryableError
from ingest.http import ApiClient, Authorization, dump_json
from ingest.sources.protocol import AccountWindow, Extract, Record
from ingest.sources.wire import Json, dig, list_of, required, unknown_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config import SourceConfig
    from ingest.config_sources import GoogleAdsSource
    from ingest.windows import Window

API_VERSION: Final = "v26"
HISTORY: Final = timedelta(days=10 * 365)
"""Days asked for when there is no earlier load; daily figures are kept for 11 years."""

_DATE_TIMES_SINCE: Final = 23
"""From this version on `start_date` is `start_date_time`, and no end is no value."""
_NO_END: Final = "2037-12-30"
"""End date of an open campaign before that version."""

_METRICS: Final = (
    "metrics.cost_micros",
    "metrics.impressions",
    "metrics.clicks",
    "metrics.conversions",
    "metrics.conversions_value",
)
_ACCOUNT: Final = ("customer.id", "customer.currency_code", "customer.time_zone")
_BATCH_NAMES: Final = frozenset(
    {
        "results",
        "fieldMask",
        "requestId",
        "summaryRow",
        "queryResourceConsumption",
        "metricAttributes",
    }
)


@dataclass(frozen=True)
class Query:
    """One GAQL query: what to select from where, and whether by day."""

    resource: str
    fields: tuple[str, ...]
    by_day: bool = False

    def text(self, window: Window) -> str:
        """Return the query; daily ones cover the days of the window."""
        query = f"SELECT {', '.join(self.fields)} FROM {self.resource}"  # noqa: S608  # GAQL
        if not self.by_day:
            return query
        first = _first_day(window)
        return (
            f"{query} WHERE segments.date BETWEEN '{first.isoformat()}' AND "
            f"'{window.end_date.isoformat()}'"
        )


class GoogleAds:
    """The Google Ads connector."""

    kind = "google_ads"
    entities: tuple[EntityContract, ...] = CONTRACTS

    def authorize(self, config: SourceConfig) -> Authorization:
        """Return access token and developer token as headers."""
        google = cast("GoogleAdsSource", config)
        return Authorization(
            {
                "Authorization": f"Bearer {google.token.get_secret_value()}",
                "developer-token": google.developer_token.get_secret_value(),
            }
        )

    def classify_error(self, status: int, body: object) -> type[IngestError] | None:
        """Return None: Google's statuses say what to do."""
        del status, body

    def fetch(
        self,
        entity: EntityContract,
        window: Window,
        *,
        config: SourceConfig,
        client: ApiClient,
        cursor: str | None,
    ) -> Extract:
        """Return the records of one entity for every configured account."""
        google = cast("GoogleAdsSource", config)
        daily = entity.truth is Truth.RESTATED_DAILY
        if not google.customer_ids:
            message = f"source {google.name}: customer_ids is empty; name at least one"
            raise ConfigError(message)
        extract = Extract(
            is_full_list=not daily,
            new_cursor=window.end_date.isoformat() if daily else cursor,
        )
        extract.rows = _read_accounts(extract, entity, window, google, client)
        return extract


SOURCE = GoogleAds()


def _read_accounts(
    extract: Extract,
    entity: EntityContract,
    window: Window,
    config: GoogleAdsSource,
    client: ApiClient,
) -> Iterator[Record]:
    """Yield the rows of every account; each gets its coverage, rows or none."""
    version = config.api_version or API_VERSION
    query = _query_of(entity, version)
    headers = {}
    if config.login_customer_id:
        headers["login-customer-id"] = _digits(config.login_customer_id)
    for customer_id in map(_digits, config.customer_ids):
        path = f"/{version}/customers/{customer_id}/googleAds:searchStream"
        stream = client.post(path, json={"query": query.text(window)}, headers=headers)
        for row, origin in _rows_of(stream, path, query, extract.unknown_fields):
            yield Record(_values_of(entity, row), dump_json(row), origin, customer_id)
        extract.coverage.append(
            AccountWindow(
                customer_id,
                window_start=window.start,
                window_end=window.end,
                start_date=_first_day(window) if query.by_day else None,
                end_date=window.end_date if query.by_day else None,
            )
        )


def _query_of(entity: EntityContract, version: str) -> Query:
    if entity.name == ACCOUNTS.name:
        return Query("customer", (*_ACCOUNT, "customer.descriptive_name"))
    if entity.name == CAMPAIGNS.name:
        stamp = "_time" if _major(version) >= _DATE_TIMES_SINCE else ""
        return Query(
            "campaign",
            (
                "customer.id",
                "customer.final_url_suffix",
                "campaign.id",
                "campaign.name",
                "campaign.status",
                "campaign.advertising_channel_type",
                f"campaign.start_date{stamp}",
                f"campaign.end_date{stamp}",
                "campaign.final_url_suffix",
            ),
        )
    daily = (*_ACCOUNT, "segments.date", *_METRICS)
    if entity.name == ACCOUNT_PERFORMANCE_DAILY.name:
        return Query("customer", daily, by_day=True)
    return Query("campaign", ("campaign.id", *daily), by_day=True)


def _rows_of(
    stream: object, path: str, query: Query, drift: set[str]
) -> Iterator[tuple[Json, str]]:
    """Yield the rows of a stream's batches. A stream without rows is an empty list.

    Raises:
        ContractViolation: not a list of batches, or a field asked for is not in the mask.
        RetryableError: the stream broke off with an error after its first batches.
    """
    if not isinstance(stream, list):
        message = f"google_ads {path}: expected a list, got {type(stream).__name__}"
        raise ContractViolation(message)
    for number, batch in enumerate(stream, start=1):
        if isinstance(batch, dict) and "error" in batch:
            status = dig(batch, "error", "status")
            message = (
                f"google_ads {path}: stream broke off at batch {number} ({status})"
            )
            raise RetryableError(message)
        mask = str(required(batch, "fieldMask", f"google_ads {path}")).split(",")
        absent = sorted({_camel(name) for name in query.fields} - set(mask))
        if absent:
            message = f"google_ads {path}: answer lacks {', '.join(absent)}"
            raise ContractViolation(message)
        drift |= unknown_names(batch, _BATCH_NAMES)
        # A batch of metadata alone has no `results`.
        for row in list_of(batch, "results", path) if "results" in batch else ():
            yield row, f"{path}#{number}"


def _values_of(entity: EntityContract, row: Json) -> dict[str, object]:
    where = f"google_ads {entity.name}"
    customer = required(row, "customer", where)
    if entity.name == ACCOUNTS.name:
        return {
            "account_id": str(required(customer, "id", where)),
            "account_name": customer.get("descriptiveName"),
            "currency": required(customer, "currencyCode", where),
            "timezone": required(customer, "timeZone", where),
        }
    if entity.name == CAMPAIGNS.name:
        return _campaign_values(row, where)
    values = _day_values(row, where)
    if entity.name == CAMPAIGN_PERFORMANCE_DAILY.name:
        campaign_id = required(required(row, "campaign", where), "id", where)
        return {"campaign_id": str(campaign_id), **values}
    return {"account_id": str(required(customer, "id", where)), **values}


def _campaign_values(row: Json, where: str) -> dict[str, object]:
    campaign = required(row, "campaign", where)
    campaign_id = str(required(campaign, "id", where))
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


def _utm_campaign(suffix: str | None, campaign_id: str) -> str | None:
    """Return utm_campaign as it reaches the landing page; `{campaignid}` is the id."""
    found = parse_qs((suffix or "").lstrip("?&")).get("utm_campaign")
    return found[0].replace("{campaignid}", campaign_id) if found else None


def _camel(name: str) -> str:
    """Return a GAQL field as the JSON mask spells it: `metrics.costMicros`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _first_day(window: Window) -> date:
    return window.start_date or window.end_date - HISTORY


def _digits(customer_id: str) -> str:
    return customer_id.replace("-", "")


def _major(version: str) -> int:
    return int(version.lstrip("v").split("_", maxsplit=1)[0])
