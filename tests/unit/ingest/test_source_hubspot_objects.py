"""HubSpot connector: links, histories, owners and lists, against scripted answers."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from ingest.contracts import contract_of
from ingest.errors import ContractViolation, RetryableError, TruncatedExtract
from ingest.http import ApiClient
from ingest.sources import source_of
from tests.unit.ingest.hubspot_api import (
    BASE,
    CONFIG,
    FIRST,
    NIGHT,
    Portal,
    call,
    fetch,
    stamp,
)


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
