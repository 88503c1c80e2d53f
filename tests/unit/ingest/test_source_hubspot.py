"""HubSpot connector against scripted answers; no network."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ingest.config_sources import HubSpotSource
from ingest.contracts import contract_of
from ingest.errors import ContractViolation, RetryableError, TruncatedExtract
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


def ids(records: list[Record]) -> list[Any]:
    return [record.values["call_id"] for record in records]


def test_walk_reads_every_record_once_although_no_query_passes_the_result_cap() -> None:
    portal = Portal([call(n, n * 7) for n in range(1, 1051)])
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == list(range(1, 1051))
    # Paging one query by offset skips rows when a record is touched meanwhile and ends at
    # 10,000: no request may carry an offset.
    assert all("after" not in body for body in portal.searches)
    assert portal.searches[0]["filterGroups"][0]["filters"] == [
        {
            "propertyName": "hs_lastmodifieddate",
            "operator": "GTE",
            "value": str(int(BASE.timestamp() * 1000)),
        },
        {
            "propertyName": "hs_lastmodifieddate",
            "operator": "LT",
            "value": str(int(END.timestamp() * 1000)),
        },
    ]


def test_restart_on_a_shared_stamp_neither_skips_nor_repeats() -> None:
    # 190 rows, then 60 sharing a stamp across the page border at 200, then 30.
    rows = [call(n, n) for n in range(1, 191)]
    rows += [call(n, 500) for n in range(191, 251)]
    rows += [call(n, 600 + n) for n in range(251, 281)]
    _, records = fetch(Portal(rows))
    assert sorted(map(int, ids(records))) == list(range(1, 281))


def test_bulk_edit_of_many_pages_in_one_millisecond_is_read_by_id() -> None:
    rows = [call(1, 5)] + [call(n, 500) for n in range(2, 1_053)] + [call(20_000, 501)]
    portal = Portal(rows)
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == [*range(1, 1_053), 20_000]
    by_id = [
        int(body["filterGroups"][0]["filters"][1]["value"])
        for body in portal.searches
        if body["sorts"][0]["propertyName"] == "hs_object_id"
    ]
    assert all(later > earlier for earlier, later in pairwise(by_id))


def test_record_touched_during_the_walk_hides_no_other_record() -> None:
    portal = Portal([call(n, n) for n in range(1, 451)])
    original = portal.search

    def touch_after_first_page(body: dict) -> dict:
        answer = original(body)
        if len(portal.searches) == 1:
            portal.rows[4] = call(5, int((END - BASE).total_seconds() * 1000) + 1)
        return answer

    portal.search = touch_after_first_page
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == list(range(1, 451))


def test_same_page_for_ever_stops_the_extract() -> None:
    frozen = {
        "total": 450,
        "paging": {"next": {"after": "200"}},
        "results": [call(n, n) for n in range(1, 201)],
    }
    portal = Portal([])
    portal.other["/crm/v3/objects/calls/search"] = frozen
    with pytest.raises(ContractViolation, match="endless loop"):
        fetch(portal)
    assert sum(path.endswith("/search") for path in portal.paths) == 4


def test_page_delivered_twice_is_read_on() -> None:
    portal = Portal([call(n, n) for n in range(1, 651)])
    original, answers = portal.search, []

    def repeat_second(body: dict) -> dict:
        answers.append(answers[1] if len(answers) == 2 else original(body))
        return answers[-1]

    portal.search = repeat_second
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == list(range(1, 651))


def test_page_shorter_than_its_total_is_refused() -> None:
    portal = Portal([])
    portal.other["/crm/v3/objects/calls/search"] = {"total": 3, "results": [call(1, 1)]}
    with pytest.raises(TruncatedExtract, match="3 records match"):
        fetch(portal)


@pytest.mark.parametrize("absent", ["results", "total"])
def test_missing_key_is_never_an_empty_list(absent: str) -> None:
    answer = {"results": [], "total": 0}
    del answer[absent]
    portal = Portal([])
    portal.other["/crm/v3/objects/calls/search"] = {"status": "x", **answer}
    with pytest.raises(ContractViolation, match=absent):
        fetch(portal)


def test_first_load_starts_at_the_epoch_and_is_the_full_list() -> None:
    portal = Portal([call(1, 1)])
    extract, _ = fetch(portal, window=FIRST)
    assert portal.searches[0]["filterGroups"][0]["filters"][0]["value"] == "0"
    assert extract.is_full_list


def test_cursor_is_the_newest_stamp_seen_and_never_goes_back() -> None:
    extract, _ = fetch(Portal([call(1, 10), call(2, 99_000)]))
    assert extract.new_cursor == "2026-10-01T00:01:39+00:00"
    assert extract.coverage[0].source_account == "147"
    kept, _ = fetch(Portal([]), cursor="2026-10-30T00:00:00+00:00")
    assert kept.new_cursor == "2026-10-30T00:00:00+00:00"
    assert not kept.is_full_list


def test_archived_copy_is_newer_than_the_live_one() -> None:
    binned = {**call(1, 10), "archived": True, "archivedAt": stamp(5000)}
    extract, records = fetch(Portal([call(1, 10)], archived=[binned]))
    live, deleted = (record.values for record in records)
    assert (live["is_deleted"], live["deleted_at"]) == (False, None)
    assert deleted["is_deleted"]
    assert deleted["deleted_at"] == BASE + timedelta(seconds=5)
    assert deleted["updated_at"] > live["updated_at"]
    assert extract.new_cursor == (BASE + timedelta(seconds=5)).isoformat()


def test_archived_record_without_its_time_is_refused() -> None:
    with pytest.raises(ContractViolation, match="archivedAt"):
        fetch(Portal([], archived=[{**call(1, 10), "archived": True}]))


def test_blank_text_is_null_and_the_rest_is_passed_as_received() -> None:
    row = call(
        1, 1, hs_call_duration="61000", hs_call_direction="", hs_call_status=None
    )
    _, (record,) = fetch(Portal([row]))
    assert record.values["duration_ms"] == "61000"
    assert record.values["direction"] is None
    assert record.values["status"] is None
    assert json.loads(record.payload) == row
    assert record.source_ref == "/crm/v3/objects/calls/search#1"


def test_unknown_names_are_reported() -> None:
    row = {**call(1, 1, hs_call_mood="good"), "objectColour": "red"}
    extract, _ = fetch(Portal([row]))
    assert extract.unknown_fields == {"hs_call_mood", "objectColour"}


def contact(number: int, changed: int, **properties: str) -> dict:
    row = call(number, changed, **properties)
    row["properties"]["lastmodifieddate"] = row["properties"].pop("hs_lastmodifieddate")
    return row


def test_contacts_use_their_own_stamp_and_keep_merged_ids() -> None:
    row = contact(9, 50, hs_merged_object_ids="7;8", email="a@b.test")
    portal = Portal([])
    portal.other["/crm/v3/objects/contacts/search"] = {"total": 1, "results": [row]}
    _, (record,) = fetch(portal, "contacts")
    assert record.values["merged_object_ids"] == "7;8"
    assert record.values["contact_id"] == "9"
    assert record.values["updated_at"] == BASE + timedelta(milliseconds=50)


def test_revenue_carries_the_portal_currency_and_nothing_has_none() -> None:
    rows = [call(1, 1, annualrevenue="1250000000"), call(2, 2, annualrevenue="")]
    portal = Portal(rows)
    portal.other["/account-info/v3/details"] = {"companyCurrency": "vnd"}
    _, (rich, blank) = fetch(portal, "companies")
    assert rich.values["annual_revenue"] == "1250000000"
    assert rich.values["annual_revenue_currency"] == "VND"
    assert blank.values["annual_revenue"] is None
    assert "annual_revenue_currency" not in blank.values


def linked(*targets: tuple[str, int]) -> dict:
    return {
        "to": [
            {
                "toObjectId": to,
                "associationTypes": [
                    {"category": "HUBSPOT_DEFINED", "typeId": kind, "label": None}
                ],
            }
            for to, kind in targets
        ]
    }


def test_deal_links_are_the_primary_company_and_the_first_contact() -> None:
    portal = Portal([call(1, 1, deal_currency_code="vnd"), call(2, 2)])
    asked = []

    def companies(request: httpx.Request) -> dict:
        inputs = json.loads(request.content)["inputs"]
        asked.append(inputs)
        if inputs[0].get("after"):
            return {"results": [{"from": {"id": "1"}, **linked(("32", 5))}]}
        more = {"paging": {"next": {"after": "x", "link": "https://elsewhere.test"}}}
        return {
            "results": [{"from": {"id": "1"}, **linked(("31", 341)), **more}],
            "errors": [
                {
                    "status": "error",
                    "category": "OBJECT_NOT_FOUND",
                    "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                }
            ],
        }

    portal.other["/crm/v4/associations/deals/companies/batch/read"] = companies
    portal.other["/crm/v4/associations/deals/contacts/batch/read"] = {
        "results": [{"from": {"id": "1"}, **linked(("51", 3), ("50", 3))}]
    }
    _, (first, second) = fetch(portal, "deals")
    assert (first.values["company_id"], first.values["contact_id"]) == ("32", "51")
    assert (second.values["company_id"], second.values["contact_id"]) == (None, None)
    assert first.values["currency"] == "VND"
    assert asked == [[{"id": "1"}, {"id": "2"}], [{"id": "1", "after": "x"}]]


def test_links_that_could_not_be_read_stop_the_extract() -> None:
    portal = Portal([call(1, 1)])
    portal.other["/crm/v4/associations/deals/companies/batch/read"] = {
        "results": [],
        "errors": [{"category": "INTERNAL_ERROR"}],
    }
    with pytest.raises(RetryableError, match="incomplete"):
        fetch(portal, "deals")


def history_of(deal_id: str) -> dict:
    return {
        "id": deal_id,
        "properties": {},
        "propertiesWithHistory": {
            "dealstage": [
                {
                    "value": "won",
                    "timestamp": stamp(900),
                    "sourceType": "CRM_UI",
                    "updatedByUserId": 77,
                },
                {"value": "open", "timestamp": stamp(900), "sourceType": "API"},
                {"value": "new", "timestamp": stamp(1), "sourceType": "API"},
            ],
            "amount": [{"value": "", "timestamp": stamp(5), "sourceType": "API"}],
        },
    }


def test_history_is_read_in_fifties_live_and_archived_apart() -> None:
    binned = {**call(61, 3), "archived": True, "archivedAt": stamp(4)}
    portal = Portal([call(n, n) for n in range(1, 61)], archived=[binned])
    sizes = []

    def batch_read(request: httpx.Request) -> dict:
        body = json.loads(request.content)
        sizes.append((len(body["inputs"]), request.url.params.get("archived")))
        assert "dealstage" in body["propertiesWithHistory"]
        return {"results": [history_of(i["id"]) for i in body["inputs"]]}

    portal.other["/crm/v3/objects/deals/batch/read"] = batch_read
    extract, records = fetch(portal, "deal_property_history")
    assert sizes == [(50, None), (10, None), (1, "true")]
    one = [r.values for r in records if r.values["deal_id"] == "1"]
    assert [
        (v["property"], v["changed_at"], v["value"], v["changed_by_id"]) for v in one
    ] == [
        ("dealstage", stamp(900), "won", "77"),
        ("dealstage", stamp(1), "new", None),
        ("amount", stamp(5), None, None),
    ]
    assert extract.new_cursor == (BASE + timedelta(milliseconds=60)).isoformat()


def test_history_of_contacts_is_that_of_living_ones() -> None:
    living = call(1, 1, lastmodifieddate=stamp(1))
    portal = Portal([living], archived=[call(61, 3)])
    asked = []

    def batch_read(request: httpx.Request) -> dict:
        asked.append(json.loads(request.content))
        versions = [
            {"value": "8", "timestamp": stamp(9), "updatedByUserId": 77},
            {"value": "", "timestamp": stamp(1)},
        ]
        stages = [{"value": "lead", "timestamp": stamp(1)}]
        history = {"hubspot_owner_id": versions, "lifecyclestage": stages}
        return {"results": [{"id": "1", "propertiesWithHistory": history}]}

    portal.other["/crm/v3/objects/contacts/batch/read"] = batch_read
    _, records = fetch(portal, "contact_property_history")
    assert [(a["inputs"], a["propertiesWithHistory"]) for a in asked] == [
        ([{"id": "1"}], ["hubspot_owner_id", "lifecyclestage"])
    ]
    assert [
        (
            v["contact_id"],
            v["property"],
            v["changed_at"],
            v["value"],
            v["changed_by_id"],
        )
        for v in (record.values for record in records)
    ] == [
        ("1", "hubspot_owner_id", stamp(9), "8", "77"),
        ("1", "hubspot_owner_id", stamp(1), None, None),
        ("1", "lifecyclestage", stamp(1), "lead", None),
    ]


def test_history_that_forgets_a_deal_is_refused() -> None:
    portal = Portal([call(1, 1), call(2, 2)])
    portal.other["/crm/v3/objects/deals/batch/read"] = {"results": [history_of("1")]}
    with pytest.raises(TruncatedExtract, match="1 are not in the answer"):
        fetch(portal, "deal_property_history")


def owner(number: int, **more: object) -> dict:
    return {
        "id": str(number),
        "email": "x@acme.test",
        "firstName": "An",
        "lastName": "",
        "userId": number + 1000,
        "createdAt": stamp(0),
        "updatedAt": stamp(0),
        "archived": False,
        **more,
    }


def test_owners_include_leavers_with_their_user_id_and_follow_pages() -> None:
    pages = {
        ("false", None): {
            "results": [
                owner(
                    1,
                    teams=[
                        {"id": "9", "name": "B", "primary": False},
                        {"id": "8", "name": "A", "primary": True},
                    ],
                )
            ],
            "paging": {"next": {"after": "t"}},
        },
        ("false", "t"): {"results": [owner(2)]},
        ("true", None): {
            "results": [
                owner(3, archived=True, userId=None, userIdIncludingInactive=555)
            ]
        },
    }
    portal = Portal([])
    portal.other["/crm/v3/owners"] = lambda request: pages[
        request.url.params["archived"], request.url.params.get("after")
    ]
    extract, records = fetch(portal, "owners", window=FIRST)
    got = [
        (
            r.values["owner_id"],
            r.values["user_id"],
            r.values["team_name"],
            r.values["is_deleted"],
        )
        for r in records
    ]
    assert got == [
        ("1", "1001", "A", False),
        ("2", "1002", None, False),
        ("3", "555", None, True),
    ]
    assert extract.is_full_list


def test_owner_archived_while_we_read_is_one_row() -> None:
    portal = Portal([])
    portal.other["/crm/v3/owners"] = lambda request: {
        "results": [owner(1, archived=request.url.params["archived"] == "true")]
    }
    _, (record,) = fetch(portal, "owners", window=FIRST)
    assert record.values["is_deleted"]


def test_repeated_page_token_of_a_list_is_refused() -> None:
    portal = Portal([])
    portal.other["/crm/v3/owners"] = {
        "results": [owner(1)],
        "paging": {"next": {"after": "same"}},
    }
    with pytest.raises(TruncatedExtract, match="repeats a page cursor"):
        fetch(portal, "owners", window=FIRST)


def test_dispositions_are_a_bare_list() -> None:
    portal = Portal([])
    path = "/calling/v1/dispositions"
    portal.other[path] = [{"id": "g-1", "label": "Connected", "deleted": False}]
    _, (record,) = fetch(portal, "call_dispositions", window=FIRST)
    assert dict(record.values) == {
        "disposition_id": "g-1",
        "label": "Connected",
        "is_deleted": False,
    }
    portal.other[path] = {"results": []}
    with pytest.raises(ContractViolation, match="expected a list"):
        fetch(portal, "call_dispositions", window=FIRST)


def test_stages_carry_their_pipeline_and_metadata_text() -> None:
    stage = {
        "id": "won",
        "label": "Won",
        "displayOrder": 3,
        "archived": False,
        "metadata": {"probability": "1.0", "isClosed": "true"},
    }
    portal = Portal([])
    portal.other["/crm/v3/pipelines/deals"] = {
        "results": [{"id": "default", "label": "Sales", "stages": [stage]}]
    }
    _, (record,) = fetch(portal, "deal_stages", window=FIRST)
    assert dict(record.values) == {
        "pipeline_id": "default",
        "stage_id": "won",
        "pipeline_label": "Sales",
        "stage_label": "Won",
        "display_order": 3,
        "probability": "1.0",
        "is_closed": "true",
    }


def test_dated_api_version_moves_the_paths() -> None:
    portal = Portal([call(1, 1)])
    source = source_of("hubspot")
    config = CONFIG.model_copy(update={"api_version": "2026-03"})
    client = ApiClient(
        config.base_url,
        source="x",
        authorization=source.authorize(config),
        transport=httpx.MockTransport(portal),
        sleep=lambda _: None,
    )
    extract = source.fetch(
        contract_of("hubspot", "calls"),
        NIGHT,
        config=config,
        client=client,
        cursor=None,
    )
    assert len(list(extract.rows)) == 1
    assert portal.paths == [
        "/crm/objects/2026-03/calls/search",
        "/crm/objects/2026-03/calls",
        "/crm/associations/2026-03/calls/contacts/batch/read",
        "/crm/associations/2026-03/calls/companies/batch/read",
        "/crm/associations/2026-03/calls/deals/batch/read",
    ]
