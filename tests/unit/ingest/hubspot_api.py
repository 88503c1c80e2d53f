"""A scripted HubSpot: records in memory, and what the connector makes of them; no network."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import httpx

from ingest.config_sources import HubSpotSource
from ingest.contracts import contract_of
from ingest.http import ApiClient
from ingest.sources import source_of
from ingest.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.sources.protocol import Extract, Record

CONFIG = HubSpotSource(
    name="hubspot_main",
    kind="hubspot",
    legal_entity="acme",
    functional_currency="VND",
    timezone="Asia/Ho_Chi_Minh",
    reporting_timezone="Asia/Ho_Chi_Minh",
    base_url="https://hubspot.test",
    account="147",
    is_sandbox=True,
)
BASE = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 10, 31, 19, tzinfo=UTC)
NIGHT = Window(
    load_date=date(2026, 11, 1),
    start=BASE,
    end=END,
    start_date=None,
    end_date=date(2026, 10, 31),
    extracted_at=END,
)
FIRST = Window(
    load_date=date(2026, 11, 1),
    start=None,
    end=END,
    start_date=None,
    end_date=date(2026, 10, 31),
    extracted_at=END,
)


def stamp(milliseconds: int) -> str:
    at = BASE + timedelta(milliseconds=milliseconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def call(number: int, changed: int, **properties: str | None) -> dict:
    return {
        "id": str(number),
        "properties": {
            "hs_object_id": str(number),
            "hs_lastmodifieddate": stamp(changed),
            **properties,
        },
        "createdAt": stamp(0),
        "updatedAt": stamp(changed),
        "archived": False,
    }


class Portal:
    """HubSpot over records in memory: documented search semantics, ties in no id order."""

    def __init__(self, rows: list[dict], archived: list[dict] | None = None) -> None:
        self.rows = rows
        self.archived = archived or []
        self.searches: list[dict] = []
        self.paths: list[str] = []
        self.other: dict[str, object] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.paths.append(path)
        if path in self.other:
            answer = self.other[path]
            return httpx.Response(
                200, json=answer(request) if callable(answer) else answer
            )
        if path.endswith("/search"):
            return httpx.Response(200, json=self.search(json.loads(request.content)))
        if "/associations/" in path:
            return httpx.Response(207, json={"status": "COMPLETE", "results": []})
        assert request.url.params["archived"] == "true"
        return httpx.Response(200, json={"results": self.archived})

    def search(self, body: dict) -> dict:
        self.searches.append(body)
        (group,) = body["filterGroups"]
        found = [r for r in self.rows if all(matches(r, f) for f in group["filters"])]
        (sort,) = body["sorts"]
        by_id = sort["propertyName"] == "hs_object_id"
        found.sort(key=lambda r: int(r["id"]) if by_id else (millis(r), hash(r["id"])))
        page = found[: body["limit"]]
        answer = {"total": len(found), "results": page}
        if len(found) > len(page):
            answer["paging"] = {"next": {"after": str(len(page))}}
        return answer


@cache
def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def millis(row: dict) -> int:
    at = parse(row["properties"]["hs_lastmodifieddate"])
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def matches(row: dict, condition: dict) -> bool:
    is_id = condition["propertyName"] == "hs_object_id"
    value = int(row["id"]) if is_id else millis(row)
    wanted = int(condition["value"])
    return {
        "GTE": value >= wanted,
        "GT": value > wanted,
        "LT": value < wanted,
        "EQ": value == wanted,
    }[condition["operator"]]


def fetch(
    handler: Callable[[httpx.Request], httpx.Response],
    entity: str = "calls",
    window: Window = NIGHT,
    cursor: str | None = None,
) -> tuple[Extract, list[Record]]:
    source = source_of("hubspot")
    client = ApiClient(
        CONFIG.base_url,
        source=CONFIG.name,
        authorization=source.authorize(CONFIG),
        classify_error=source.classify_error,
        transport=httpx.MockTransport(handler),
        sleep=lambda _: None,
    )
    extract = source.fetch(
        contract_of("hubspot", entity),
        window,
        config=CONFIG,
        client=client,
        cursor=cursor,
    )
    return extract, list(extract.rows)
