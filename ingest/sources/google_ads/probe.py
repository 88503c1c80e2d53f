"""What Google Ads is asked before the first night.

Belongs here: access to each customer account, and how many campaign-days there are, from the
last thirty of them. Stays out: queries and rows (`gaql`, `rows`).
"""

from __future__ import annotations

from datetime import date, timedelta
from math import ceil
from typing import TYPE_CHECKING, Final, cast

from ingest.contracts.google_ads import (
    ACCOUNTS,
    CAMPAIGN_PERFORMANCE_DAILY,
    CAMPAIGNS,
)
from ingest.sources.google_ads import API_VERSION
from ingest.sources.google_ads.gaql import HISTORY, query_of, rows_of
from ingest.sources.google_ads.rows import values_of
from ingest.sources.probing import ESTIMATED, NOTHING, Check, Size
from ingest.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ingest.config import SourceConfig
    from ingest.config_sources import GoogleAdsSource
    from ingest.entities import EntityContract
    from ingest.http import ApiClient

_LOOKED_AT: Final = timedelta(days=30)
_ACCESS: Final = (
    "an approved developer token; customer access, directly or by login_customer_id"
)


class GoogleAdsProbe:
    """The probe of Google Ads client accounts."""

    samples = ("campaigns",)
    seconds_per_request = 0.0

    def checks(
        self, config: SourceConfig, client: ApiClient, now: datetime
    ) -> Iterator[Check]:
        """Yield two checks per customer account: access, and size."""
        google = cast("GoogleAdsSource", config)
        for customer in google.customer_ids:
            asked = _Asked(google, client, customer.replace("-", ""), now)
            yield Check(f"customer {customer}", _ACCESS, asked.reach)
            yield Check(f"campaign-days of {customer}", _ACCESS, asked.measure)


PROBE = GoogleAdsProbe()


class _Asked:
    """One customer account."""

    def __init__(
        self, config: GoogleAdsSource, client: ApiClient, customer: str, now: datetime
    ) -> None:
        self._client = client
        self._version = config.api_version or API_VERSION
        self._path = f"/{self._version}/customers/{customer}/googleAds:searchStream"
        self._headers: dict[str, str] = {}
        if config.login_customer_id:
            self._headers["login-customer-id"] = config.login_customer_id.replace(
                "-", ""
            )
        last = now.date() - timedelta(days=1)
        self._window = Window(
            load_date=now.date(),
            start=None,
            end=now,
            start_date=last - _LOOKED_AT + timedelta(days=1),
            end_date=last,
            extracted_at=now,
        )

    def reach(self) -> Size:
        """Read the account itself."""
        self._rows(ACCOUNTS)
        return NOTHING

    def measure(self) -> Size:
        """Return the campaign-days since the first campaign, at the density of the last 30."""
        started = [
            str(day)
            for values in self._rows(CAMPAIGNS)
            if (day := values["started_on"])
        ]
        recent = len(self._rows(CAMPAIGN_PERFORMANCE_DAILY))
        last = self._window.end_date
        first = max(
            date.fromisoformat(min(started, default=last.isoformat())), last - HISTORY
        )
        days = (last - first).days + 1
        return Size(ceil(recent * days / _LOOKED_AT.days), 4, ESTIMATED)

    def _rows(self, entity: EntityContract) -> list[dict[str, object]]:
        query = query_of(entity, self._version)
        stream = self._client.post(
            self._path, json={"query": query.text(self._window)}, headers=self._headers
        )
        return [
            values_of(entity, row)
            for row, _ in rows_of(stream, self._path, query, set())
        ]
