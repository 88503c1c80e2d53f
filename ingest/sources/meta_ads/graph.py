"""Reading the Graph API: accounts, campaigns and insights.

Belongs here: paths, fields, cursor paging, splitting of windows. Stays out: contract values
(`rows`), credentials and error codes (the package).

Only `after` cursors are followed, never a `next` link: a link carries the token and may name
any host.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from ingest.contracts.meta_ads import CAMPAIGN_INSIGHTS_DAILY
from ingest.errors import FatalSourceError
from ingest.http import ApiClient, PageGuard, dump_json
from ingest.sources.meta_ads.rows import AdAccount, campaign_values, insight_values
from ingest.sources.wire import Json, list_of, required, unknown_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.entities import EntityContract

MAX_DAYS: Final = 30
"""Days per request: large requests are refused rather than paged."""
PAGE_SIZE: Final = 200

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


class Graph:
    """The Graph API at one version."""

    def __init__(self, client: ApiClient, version: str, drift: set[str]) -> None:
        """Read with `client`; names we do not know are added to `drift`."""
        self._client = client
        self._version = version
        self._drift = drift

    def account(self, account_id: str) -> AdAccount:
        """Return one account, with the zone its days are in."""
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
            yield campaign_values(row, account), row, origin

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
                yield insight_values(row, entity, account), row, origin

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
