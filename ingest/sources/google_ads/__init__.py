"""Google Ads: accounts, campaigns, and cost per campaign-day and account-day.

Belongs here: credentials and going through the accounts. Stays out: queries and the stream
(`gaql`), contract values (`rows`), sums below campaign level, which miss Performance Max and
removed ads.

Days are those of the account's own time zone. Sources: design/sources.md §4; Google Ads API
REST reference v26 (`googleAds:searchStream`), read 2026-11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ingest.contracts.google_ads import CONTRACTS
from ingest.entities import EntityContract, Truth
from ingest.errors import ConfigError, IngestError
from ingest.http import ApiClient, Authorization, dump_json
from ingest.sources.google_ads.gaql import first_day, query_of, rows_of
from ingest.sources.google_ads.oauth import exchange_token, secrets_of
from ingest.sources.google_ads.rows import values_of
from ingest.sources.protocol import AccountWindow, Extract, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config import SourceConfig
    from ingest.config_sources import GoogleAdsSource
    from ingest.windows import Window

API_VERSION: Final = "v26"


class GoogleAds:
    """The Google Ads connector."""

    kind = "google_ads"
    entities: tuple[EntityContract, ...] = CONTRACTS

    def authorize(self, config: SourceConfig) -> Authorization:
        """Return access token and developer token as headers.

        The access token is exchanged for the refresh token before the first request, and
        once more when it expires on the way (it lasts an hour).
        """
        google = cast("GoogleAdsSource", config)
        headers = {"developer-token": google.developer_token.get_secret_value()}
        if google.token is None:
            return Authorization(
                headers,
                renew=lambda: exchange_token(google),
                secrets=secrets_of(google),
            )
        headers["Authorization"] = f"Bearer {google.token.get_secret_value()}"
        return Authorization(headers)

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
    query = query_of(entity, version)
    headers = {}
    if config.login_customer_id:
        headers["login-customer-id"] = _digits(config.login_customer_id)
    for customer_id in map(_digits, config.customer_ids):
        path = f"/{version}/customers/{customer_id}/googleAds:searchStream"
        stream = client.post(path, json={"query": query.text(window)}, headers=headers)
        for row, origin in rows_of(stream, path, query, extract.unknown_fields):
            yield Record(values_of(entity, row), dump_json(row), origin, customer_id)
        extract.coverage.append(
            AccountWindow(
                customer_id,
                window_start=window.start,
                window_end=window.end,
                start_date=first_day(window) if query.by_day else None,
                end_date=window.end_date if query.by_day else None,
            )
        )


def _digits(customer_id: str) -> str:
    return customer_id.replace("-", "")
