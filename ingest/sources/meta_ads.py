"""Meta Ads: accounts, campaigns, and spend per campaign-day and account-day.

Belongs here: Graph API paths, cursor paging, splitting of windows, contract values. Stays
out: reach and frequency (not additive), ad-level rows.

Clicks are link clicks. The same lead is counted under several action types, so one is
picked: `lead`, the total of all. Only `after` cursors are followed, never a `next` link: a
link carries the token and may name any host. Sources: design/sources.md §5; Marketing API
v25.0, read 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from ingest.contracts.meta_ads import (
    ACCOUNT_INSIGHTS_DAILY,
    ACCOUNTS,
    CAMPAIGN_INSIGHTS_DAILY,
    CAMPAIGNS,
    CONTRACTS,
)
from ingest.entities import EntityContract, Truth
from ingest.errors import (
    ConfigError,
    CredentialsError,
    FatalSourceError,
    IngestError,
    RetryableError,
)
from ingest.http import ApiClient, Authorization, PageGuard, dump_json
from ingest.sources.protocol import AccountWindow, Extract, Record
from ingest.sources.wire import Json, dig, list_of, required, unknown_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config import SourceConfig
    from ingest.config_sources import MetaAdsSource
    from ingest.windows import Window

API_VERSION: Final = "v25.0"
HISTORY: Final = timedelta(days=37 * 30)
"""Insights go back 37 months; asking for more is refused (read 2026-08)."""
MAX_DAYS: Final = 30
"""Days per request: large requests are refused rather than paged."""
PAGE_SIZE: Final = 200
LEAD: Final = "lead"
PURCHASE: Final = "purchase"

_INVALID_TOKEN: Final = frozenset({102, 190, 463, 467})
_NO_PERMISSION: Final = frozenset({3, 10, *range(200, 300)})
_THROTTLED: Final = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_TEMPORARY: Final = frozenset({1, 2})
_TOO_MUCH: Final = "reduce the amount of data"

_STATUSES: Final = (
    "ACTIVE",
    "PAUSED",
    "DELETED",
    "ARCHIVED",
    "IN_PROCESS",
    "WITH_ISSUES",
)
_EVERY_STATUS: Final = dump_json(
    [{"field": "campaign.effective_status", "operator": "IN", "value": list(_STATUSES)}]
)
"""Every status a campaign can have. Without the filter Meta leaves archived and deleted ones
out of lists and of campaign-level insights, while the account's totals keep their spend."""
_CAMPAIGN_FIELDS: Final = (
    "id",
    "name",
    "effective_status",
    "objective",
    "start_time",
    "stop_time",
    "ads.limit(1){creative{url_tags}}",
)
_METRIC_FIELDS: Final = (
    "account_id",
    "account_currency",
    "spend",
    "impressions",
    "inline_link_clicks",
    "actions",
    "action_values",
)
_INSIGHT_NAMES: Final = frozenset(
    {*_METRIC_FIELDS, "campaign_id", "date_start", "date_stop"}
)
_CAMPAIGN_NAMES: Final = frozenset({*_CAMPAIGN_FIELDS[:-1], "ads"})


class TooMuchDataError(FatalSourceError):
    """Meta refuses to compute so much at once; fewer days may pass."""


@dataclass(frozen=True)
class AdAccount:
    """One ad account as Meta describes it."""

    account_id: str
    timezone: str
    payload: Json
    origin: str


class MetaAds:
    """The Meta Ads connector."""

    kind = "meta_ads"
    entities: tuple[EntityContract, ...] = CONTRACTS

    def authorize(self, config: SourceConfig) -> Authorization:
        """Return the system user's token as a header, so it is in no URL."""
        token = cast("MetaAdsSource", config).token.get_secret_value()
        return Authorization({"Authorization": f"Bearer {token}"})

    def classify_error(self, status: int, body: object) -> type[IngestError] | None:
        """Return the class of a Graph error code; Meta sends most with status 400 or 500."""
        del status
        code = dig(body, "error", "code")
        if _TOO_MUCH in str(dig(body, "error", "message")).lower():
            return TooMuchDataError
        if code in _INVALID_TOKEN or code in _NO_PERMISSION:
            return CredentialsError
        if code in _THROTTLED or code in _TEMPORARY:
            return RetryableError
        return None

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
        meta = cast("MetaAdsSource", config)
        daily = entity.truth is Truth.RESTATED_DAILY
        if not meta.account_ids:
            message = f"source {meta.name}: account_ids is empty; name at least one"
            raise ConfigError(message)
        extract = Extract(
            is_full_list=not daily,
            new_cursor=window.end_date.isoformat() if daily else cursor,
        )
        extract.rows = _read_accounts(extract, entity, window, meta, client)
        return extract


SOURCE = MetaAds()


def _read_accounts(
    extract: Extract,
    entity: EntityContract,
    window: Window,
    config: MetaAdsSource,
    client: ApiClient,
) -> Iterator[Record]:
    """Yield the rows of every account; each gets its coverage, rows or none."""
    graph = _Graph(client, config.api_version or API_VERSION, extract.unknown_fields)
    oldest = window.end_date - HISTORY
    first = max(window.start_date or oldest, oldest)
    daily = entity.truth is Truth.RESTATED_DAILY
    for configured in config.account_ids:
        account = graph.account(configured.removeprefix("act_"))
        if entity.name == ACCOUNTS.name:
            rows = iter([(_account_values(account), account.payload, account.origin)])
        elif entity.name == CAMPAIGNS.name:
            rows = graph.campaigns(account)
        else:
            rows = graph.insights(account, entity, first, window.end_date)
        for values, payload, origin in rows:
            yield Record(values, dump_json(payload), origin, account.account_id)
        extract.coverage.append(
            AccountWindow(
                account.account_id,
                window_start=window.start,
                window_end=window.end,
                start_date=first if daily else None,
                end_date=window.end_date if daily else None,
            )
        )


class _Graph:
    """The Graph API at one version."""

    def __init__(self, client: ApiClient, version: str, drift: set[str]) -> None:
        self._client = client
        self._version = version
        self._drift = drift

    def account(self, account_id: str) -> AdAccount:
        path = f"/{self._version}/act_{account_id}"
        fields = "account_id,name,currency,timezone_name"
        payload = self._client.get(path, params={"fields": fields})
        return AdAccount(
            account_id=str(required(payload, "account_id", path)),
            timezone=str(required(payload, "timezone_name", path)),
            payload=payload,
            origin=path,
        )

    def campaigns(
        self, account: AdAccount
    ) -> Iterator[tuple[dict[str, object], Json, str]]:
        """Yield every campaign, archived and deleted ones included."""
        params = {
            "fields": ",".join(_CAMPAIGN_FIELDS),
            "filtering": _EVERY_STATUS,
        }
        path = f"/{self._version}/act_{account.account_id}/campaigns"
        for row, origin in self._pages(path, params):
            self._drift |= unknown_names(row, _CAMPAIGN_NAMES)
            yield _campaign_values(row, account), row, origin

    def insights(
        self, account: AdAccount, entity: EntityContract, first: date, last: date
    ) -> Iterator[tuple[dict[str, object], Json, str]]:
        """Yield the daily rows of the days, asking for fewer at once when told to."""
        spans = _spans(first, last, MAX_DAYS)
        while spans:
            since, until = spans.pop()
            try:
                # A refusal may come on a later page: rows count only once all pages are in.
                rows = list(self._insight_pages(account, entity, since, until))
            except TooMuchDataError:
                if since == until:
                    raise
                spans.extend(_spans(since, until, ((until - since).days + 1 + 1) // 2))
                continue
            for row, origin in rows:
                self._drift |= unknown_names(row, _INSIGHT_NAMES)
                yield _insight_values(row, entity, account), row, origin

    def _insight_pages(
        self, account: AdAccount, entity: EntityContract, since: date, until: date
    ) -> Iterator[tuple[Json, str]]:
        by_campaign = entity.name == CAMPAIGN_INSIGHTS_DAILY.name
        fields = (("campaign_id",) if by_campaign else ()) + _METRIC_FIELDS
        params = {
            "level": "campaign" if by_campaign else "account",
            "time_increment": "1",
            "time_range": dump_json(
                {"since": since.isoformat(), "until": until.isoformat()}
            ),
            "fields": ",".join(fields),
        }
        if by_campaign:
            params["filtering"] = _EVERY_STATUS
        path = f"/{self._version}/act_{account.account_id}/insights"
        return self._pages(path, params)

    def _pages(self, path: str, params: dict[str, str]) -> Iterator[tuple[Json, str]]:
        """Yield the rows of an edge by `after` cursors; `next` only says there is more."""
        where = f"meta_ads {path}"
        guard = PageGuard(where)
        asked = {**params, "limit": str(PAGE_SIZE)}
        page = 0
        while True:
            page += 1
            answer = self._client.get(path, params=asked)
            rows = list_of(answer, "data", where)
            for row in rows:
                yield row, f"{path}#{page}"
            # Meta leaves `paging` out of an empty answer and `next` out of the last page.
            if not rows and "paging" not in answer:
                return
            paging = required(answer, "paging", where)
            if "next" not in paging:
                required(paging, "cursors", where)
                return
            after = str(required(required(paging, "cursors", where), "after", where))
            guard.check(after)
            asked["after"] = after


def _spans(first: date, last: date, days: int) -> list[tuple[date, date]]:
    """Return the days in spans of at most `days`, newest first: the last is popped first."""
    spans = []
    since = first
    while since <= last:
        until = min(since + timedelta(days=days - 1), last)
        spans.append((since, until))
        since = until + timedelta(days=1)
    return spans[::-1]


def _account_values(account: AdAccount) -> dict[str, object]:
    return {
        "account_id": account.account_id,
        "account_name": account.payload.get("name"),
        "currency": required(account.payload, "currency", account.origin),
        "timezone": account.timezone,
    }


def _campaign_values(row: Json, account: AdAccount) -> dict[str, object]:
    where = "meta_ads campaign"
    campaign_id = str(required(row, "id", where))
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


def _insight_values(
    row: Json, entity: EntityContract, account: AdAccount
) -> dict[str, object]:
    """Return one day's figures. Meta leaves a count that is zero out of the row."""
    where = f"meta_ads {entity.name}"
    key = "account_id" if entity.name == ACCOUNT_INSIGHTS_DAILY.name else "campaign_id"
    return {
        key: str(required(row, key, where)),
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
            return int(exact) if exact == exact.to_integral_value() else exact
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
    return datetime.fromisoformat(stamp).astimezone(ZoneInfo(timezone)).date()
