"""Meta Ads: accounts, campaigns, and spend per campaign-day and account-day.

Belongs here: credentials, error codes, going through the accounts. Stays out: the Graph API
(`graph`), contract values (`rows`), reach and frequency (not additive), ad-level rows.

Sources: design/sources.md §5; Marketing API v25.0, read 2026-11.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from ingest.contracts.meta_ads import ACCOUNTS, CAMPAIGNS, CONTRACTS
from ingest.entities import EntityContract, Truth
from ingest.errors import ConfigError, CredentialsError, IngestError, RetryableError
from ingest.http import ApiClient, Authorization, dump_json
from ingest.sources.meta_ads.graph import Graph, TooMuchDataError
from ingest.sources.meta_ads.rows import account_values
from ingest.sources.protocol import AccountWindow, Extract, Record
from ingest.sources.wire import dig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config import SourceConfig
    from ingest.config_sources import MetaAdsSource
    from ingest.windows import Window

API_VERSION: Final = "v25.0"
HISTORY: Final = timedelta(days=37 * 30)
"""Insights go back 37 months; asking for more is refused (read 2026-08)."""

_INVALID_TOKEN: Final = frozenset({102, 190, 463, 467})
_NO_PERMISSION: Final = frozenset({3, 10, *range(200, 300)})
_THROTTLED: Final = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_TEMPORARY: Final = frozenset({1, 2})
_TOO_MUCH: Final = "reduce the amount of data"


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
    graph = Graph(client, config.api_version or API_VERSION, extract.unknown_fields)
    oldest = window.end_date - HISTORY
    first = max(window.start_date or oldest, oldest)
    daily = entity.truth is Truth.RESTATED_DAILY
    for configured in config.account_ids:
        account = graph.account(configured.removeprefix("act_"))
        if entity.name == ACCOUNTS.name:
            rows = iter([(account_values(account), account.payload, account.origin)])
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
