"""A scripted Stripe: its answers by path, and what the connector makes of them; no network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import httpx

from ingest.config_sources import StripeSource
from ingest.contracts import contract_of
from ingest.http import ApiClient
from ingest.sources import source_of
from ingest.windows import Window

if TYPE_CHECKING:
    from ingest.sources.protocol import Extract, Record

CONFIG = StripeSource(
    name="stripe_vn",
    kind="stripe",
    legal_entity="acme",
    functional_currency="VND",
    timezone="Asia/Ho_Chi_Minh",
    reporting_timezone="Asia/Ho_Chi_Minh",
    base_url="https://stripe.test",
    account="acct_1",
    is_sandbox=True,
)
END = datetime(2026, 10, 31, 19, tzinfo=UTC)
CLOVER = "2025-09-30.clover"
OLD = "2024-06-20"
T0 = 1_790_000_000
Handler = Callable[[httpx.Request], object]


def night(start: datetime | None = None, *, has_gap: bool = False) -> Window:
    return Window(
        load_date=date(2026, 11, 1),
        start=start,
        end=END,
        start_date=None,
        end_date=date(2026, 10, 31),
        extracted_at=END,
        has_gap=has_gap,
    )


def page(*rows: dict, has_more: bool = False) -> dict:
    return {"object": "list", "data": list(rows), "has_more": has_more, "url": "/x"}


class Api:
    """Answers by path; a callable gets the request. Unscripted paths are empty lists."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.get(request.url.path, page())
        return httpx.Response(200, json=answer(request) if callable(answer) else answer)

    def queries(self, path: str) -> list[list[tuple[str, str]]]:
        return [r.url.params.multi_items() for r in self.requests if r.url.path == path]


def fetch(
    api: Api,
    entity: str,
    *,
    window: Window | None = None,
    version: str | None = None,
    cursor: str | None = None,
) -> tuple[Extract, list[Record]]:
    source = source_of("stripe")
    config = CONFIG.model_copy(update={"api_version": version})
    client = ApiClient(
        config.base_url,
        source=config.name,
        authorization=source.authorize(config),
        classify_error=source.classify_error,
        transport=httpx.MockTransport(api),
        sleep=lambda _: None,
    )
    extract = source.fetch(
        contract_of("stripe", entity),
        window or night(),
        config=config,
        client=client,
        cursor=cursor,
    )
    return extract, list(extract.rows)


def only(api: Api, entity: str, **more: Any) -> dict[str, Any]:
    _, (record,) = fetch(api, entity, **more)
    return dict(record.values)
