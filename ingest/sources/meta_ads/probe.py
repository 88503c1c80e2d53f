"""What Meta is asked before the first night.

Belongs here: the permissions granted to the token, access to each ad account, and how many
campaign-days there are, from the last thirty. Stays out: the Graph API (`graph`).
"""

from __future__ import annotations

from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING, Final, cast

from ingest.contracts.meta_ads import CAMPAIGN_INSIGHTS_DAILY
from ingest.errors import CredentialsError, FatalSourceError
from ingest.sources.meta_ads import API_VERSION, HISTORY
from ingest.sources.meta_ads.graph import MAX_DAYS, PAGE_SIZE, Graph
from ingest.sources.probing import ESTIMATED, NOTHING, Check, Size
from ingest.sources.wire import list_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ingest.config import SourceConfig
    from ingest.config_sources import MetaAdsSource
    from ingest.http import ApiClient

_LOOKED_AT: Final = timedelta(days=30)
_READING: Final = frozenset({"ads_read", "ads_management"})
"""Either lets insights be read."""


class MetaAdsProbe:
    """The probe of Meta ad accounts."""

    samples = ("campaigns",)
    seconds_per_request = 0.0

    def checks(
        self, config: SourceConfig, client: ApiClient, now: datetime
    ) -> Iterator[Check]:
        """Yield the token's permissions, then two checks per ad account."""
        meta = cast("MetaAdsSource", config)
        version = meta.api_version or API_VERSION
        yield Check("token", "ads_read", lambda: _check_permissions(client, version))
        graph = Graph(client, version, set())
        for configured in meta.account_ids:
            account = configured.removeprefix("act_")
            yield Check(
                f"account {account}",
                "ads_read on this account",
                lambda account=account: _reach(graph, account),
            )
            yield Check(
                f"campaign-days of {account}",
                "ads_read on this account",
                lambda account=account: _measure(graph, account, now.date()),
            )


PROBE = MetaAdsProbe()


def _check_permissions(client: ApiClient, version: str) -> Size:
    """Refuse a token none of whose permissions reads ads.

    Raises:
        CredentialsError: it lacks `ads_read`; what it has is named.
    """
    path = f"/{version}/me/permissions"
    try:
        answer = client.get(path)
    except CredentialsError:
        raise
    except FatalSourceError:
        # Not every kind of token may ask for its own permissions; the accounts will tell.
        return NOTHING
    granted = {
        str(row.get("permission"))
        for row in list_of(answer, "data", path)
        if row.get("status") == "granted"
    }
    if not granted & _READING:
        message = (
            f"the token lacks ads_read; it has {', '.join(sorted(granted)) or 'nothing'}. "
            "Give the system user ads_read and make a new token"
        )
        raise CredentialsError(message)
    return NOTHING


def _reach(graph: Graph, account_id: str) -> Size:
    graph.account(account_id)
    return NOTHING


def _measure(graph: Graph, account_id: str, today: date) -> Size:
    """Return the campaign-days since the first campaign, at the density of the last 30."""
    account = graph.account(account_id)
    last = today - timedelta(days=1)
    started = [
        str(values["started_on"])[:10]
        for values, _row, _origin in graph.campaigns(account)
        if values.get("started_on")
    ]
    earliest = date.fromisoformat(min(started, default=last.isoformat()))
    days = (last - max(earliest, last - HISTORY)).days + 1
    since = last - _LOOKED_AT + timedelta(days=1)
    insights = graph.insights(account, CAMPAIGN_INSIGHTS_DAILY, since, last)
    recent = sum(1 for _ in insights)
    rows = ceil(recent * days / _LOOKED_AT.days)
    requests = ceil(HISTORY.days / MAX_DAYS) * 2 + ceil(rows / PAGE_SIZE)
    return Size(rows, requests, ESTIMATED)
