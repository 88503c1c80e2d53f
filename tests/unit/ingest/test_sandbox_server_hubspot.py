"""The HubSpot rendering keeps the real API's rules, on a portal small enough to see."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from ingest.sandbox.model import HubSpotPortal, Version, Versioned
from ingest.sandbox.vendors.hubspot import HubSpotApi
from ingest.sandbox.wire import ApiAnswer, ApiRequest

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
BULK = datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)


def contact(number: int, at: datetime = BULK, **fields: object) -> Versioned:
    state = {"contact_id": str(number), "created_at": T0, "updated_at": at, **fields}
    return Versioned(str(number), (Version(at, state),))


def portal(**parts: object) -> HubSpotPortal:
    empty = {"owners": (), "companies": (), "contacts": (), "deals": (), "calls": ()}
    rest = {"call_dispositions": (), "deal_stages": ()}
    return HubSpotPortal(portal_id="1", **{**empty, **rest, **parts})


def ask(
    where: HubSpotPortal,
    method: str,
    path: str,
    body: object = None,
    *,
    now: datetime = NOW,
    authorization: str = "Bearer t",
    **query: str,
) -> ApiAnswer:
    request = ApiRequest(
        method=method,
        path=path,
        query_text=urlencode(query),
        headers={"authorization": authorization},
        body=b"" if body is None else json.dumps(body).encode(),
        base_url="http://x/hubspot",
    )
    return HubSpotApi(where, home_currency="VND").answer(request, now)


def search(where: HubSpotPortal, body: object, kind: str = "contacts") -> ApiAnswer:
    return ask(where, "POST", f"/crm/v3/objects/{kind}/search", body)


def ids(answer: ApiAnswer) -> list[str]:
    return [row["id"] for row in answer.payload["results"]]


def test_without_a_token_the_body_is_hubspots() -> None:
    answer = ask(portal(), "GET", "/crm/v3/owners", authorization="")
    assert answer.status == 401
    assert answer.payload["category"] == "INVALID_AUTHENTICATION"
    assert set(answer.payload) == {
        "status",
        "message",
        "correlationId",
        "category",
    }


def test_values_are_text_and_blanks_null_or_empty() -> None:
    first = {
        "deal_id": "7",
        "created_at": T0,
        "updated_at": T0,
        "amount": Decimal("9.50"),
    }
    later = {**first, "amount": None, "term_months": 12, "updated_at": BULK}
    deal = Versioned("7", (Version(T0, first), Version(BULK, later)))
    names = ["amount", "contract_term_months", "competitor", "no_such_property"]
    answer = search(portal(deals=(deal,)), {"properties": names}, "deals")
    assert answer.payload["results"] == [
        {
            "id": "7",
            "properties": {
                "amount": "",  # cleared
                "contract_term_months": "12",
                "competitor": None,  # never filled
                "createdate": "2026-01-01T00:00:00Z",
                "hs_lastmodifieddate": "2026-03-01T08:00:00.123Z",
                "hs_object_id": "7",
            },
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-03-01T08:00:00.123Z",
            "archived": False,
        }
    ]


def test_search_filters_groups_and_pages() -> None:
    rows = tuple(
        contact(n, T0 + timedelta(days=n), lifecycle_stage="lead" if n % 2 else "mql")
        for n in range(1, 11)
    )
    group = {
        "filters": [
            {"propertyName": "lifecyclestage", "operator": "EQ", "value": "LEAD"},
            {
                "propertyName": "lastmodifieddate",
                "operator": "GTE",
                "value": str(int((T0 + timedelta(days=5)).timestamp() * 1000)),
            },
        ]
    }
    other = {
        "filters": [{"propertyName": "hs_object_id", "operator": "IN", "values": ["2"]}]
    }
    body = {
        "filterGroups": [group, other],
        "sorts": [{"propertyName": "hs_object_id", "direction": "DESCENDING"}],
        "limit": 2,
    }
    first = search(portal(contacts=rows), body)
    assert first.payload["total"] == 4
    assert ids(first) == ["9", "7"]
    assert first.payload["paging"] == {"next": {"after": "2"}}
    second = search(portal(contacts=rows), {**body, "after": "2"})
    assert ids(second) == ["5", "2"]
    assert "paging" not in second.payload


def test_ids_sort_as_numbers_and_equal_times_in_no_order_of_ids() -> None:
    where = portal(contacts=tuple(contact(n) for n in range(1, 101)))
    by_id = {"sorts": [{"propertyName": "hs_object_id"}], "limit": 100}
    assert ids(search(where, by_id)) == [str(n) for n in range(1, 101)]
    by_time = {"sorts": [{"propertyName": "lastmodifieddate"}], "limit": 100}
    tied = ids(search(where, by_time))
    assert tied != sorted(tied, key=int)
    assert tied == ids(search(where, by_time))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"limit": 201}, "200"),
        ({"limit": 200, "after": "9801"}, "10000"),
        ({"sorts": ["createdate", "email"]}, "Only one"),
        ({"filterGroups": [{"filters": []}] * 6}, "5 filterGroups"),
        ({"properties": ["x" * 3000]}, "3000"),
        (
            {"filterGroups": [{"filters": [{"propertyName": "no", "operator": "EQ"}]}]},
            "does not exist",
        ),
    ],
)
def test_search_refuses_what_hubspot_refuses(body: object, said: str) -> None:
    answer = search(portal(), body)
    assert answer.status == 400
    assert answer.payload["category"] == "VALIDATION_ERROR"
    assert said in answer.payload["message"]


def test_search_reaches_exactly_ten_thousand() -> None:
    assert search(portal(), {"limit": 200, "after": "9800"}).status == 200


def test_archived_records_show_only_on_request_and_for_90_days() -> None:
    gone = contact(5, is_deleted=True, deleted_at=NOW - timedelta(days=90))
    where = portal(contacts=(contact(4), gone))
    path = "/crm/v3/objects/contacts"
    assert ids(ask(where, "GET", path)) == ["4"]
    assert ids(search(where, {})) == ["4"]
    archived = ask(where, "GET", path, archived="true")
    assert ids(archived) == ["5"]
    row = archived.payload["results"][0]
    assert (row["archived"], row["archivedAt"]) == (True, "2026-03-03T00:00:00Z")
    later = NOW + timedelta(seconds=1)
    assert ids(ask(where, "GET", path, archived="true", now=later)) == []


def test_a_merged_contact_is_nowhere_and_its_deals_are_the_survivors() -> None:
    loser = Versioned(
        "8", (Version(T0, {"contact_id": "8", "created_at": T0}), Version(BULK, None))
    )
    survivor = contact(9, merged_object_ids="8")
    deal = {"deal_id": "70", "created_at": T0, "contact_id": "8"}
    where = portal(
        contacts=(loser, survivor), deals=(Versioned("70", (Version(T0, deal),)),)
    )
    path = "/crm/v3/objects/contacts"
    assert ids(ask(where, "GET", path)) == ["9"]
    assert ids(ask(where, "GET", path, archived="true")) == []
    batch = {
        "inputs": [{"id": "8"}, {"id": "9"}],
        "properties": ["hs_merged_object_ids"],
    }
    read = ask(where, "POST", f"{path}/batch/read", batch)
    assert read.status == 207
    assert read.payload["errors"][0]["context"] == {"ids": ["8"]}
    row = read.payload["results"][0]
    assert row["properties"]["hs_merged_object_ids"] == "8"
    linked = ask(
        where,
        "POST",
        "/crm/v4/associations/deals/contacts/batch/read",
        {"inputs": [{"id": "70"}, {"id": "71"}]},
    )
    assert linked.status == 207
    assert linked.payload["results"] == [
        {
            "from": {"id": "70"},
            "to": [
                {
                    "toObjectId": "9",
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}
                    ],
                }
            ],
        }
    ]
    back = ask(
        where,
        "POST",
        "/crm/v4/associations/contacts/deals/batch/read",
        {"inputs": [{"id": "9"}]},
    )
    assert back.payload["results"][0]["to"][0]["toObjectId"] == "70"


def test_list_pages_by_id_and_embeds_each_association_label() -> None:
    company = Versioned("3", (Version(T0, {"company_id": "3", "created_at": T0}),))
    where = portal(
        contacts=tuple(contact(n, company_id="3") for n in (12, 7, 30)),
        companies=(company,),
    )
    path = "/crm/v3/objects/contacts"
    first = ask(where, "GET", path, limit="2", associations="companies")
    assert ids(first) == ["7", "12"]
    assert first.payload["paging"]["next"]["after"] == "30"
    row = first.payload["results"][0]
    assert row["associations"] == {
        "companies": {
            "results": [
                {"id": "3", "type": "contact_to_company"},
                {"id": "3", "type": "contact_to_company_unlabeled"},
            ]
        }
    }
    assert ids(ask(where, "GET", path, limit="2", after="30")) == ["30"]


@pytest.mark.parametrize(
    ("limit", "history", "status"),
    [("100", "", 200), ("101", "", 400), ("50", "email", 200), ("51", "email", 400)],
)
def test_list_page_size_is_halved_by_history(
    limit: str, history: str, status: int
) -> None:
    query = {"limit": limit, "propertiesWithHistory": history}
    answer = ask(portal(), "GET", "/crm/v3/objects/contacts", **query)
    assert answer.status == status


def test_history_is_newest_first_with_who_set_it() -> None:
    states = [("appointmentscheduled", T0, "11"), ("closedwon", BULK, None)]
    deal = Versioned(
        "7",
        tuple(Version(at, {"stage_id": stage}, by) for stage, at, by in states),
    )
    body = {"inputs": [{"id": "7"}], "propertiesWithHistory": ["dealstage"]}
    answer = ask(
        portal(deals=(deal,)), "POST", "/crm/v3/objects/deals/batch/read", body
    )
    row = answer.payload["results"][0]
    assert row["propertiesWithHistory"]["dealstage"] == [
        {
            "value": "closedwon",
            "timestamp": "2026-03-01T08:00:00.123Z",
            "sourceType": "AUTOMATION_PLATFORM",
        },
        {
            "value": "appointmentscheduled",
            "timestamp": "2026-01-01T00:00:00Z",
            "sourceType": "CRM_UI",
            "sourceId": "userId:11",
            "updatedByUserId": 11,
        },
    ]


def test_an_owner_who_left_is_archived_and_has_lost_the_user_id() -> None:
    def owner(number: str, *, left: bool) -> Versioned:
        fields = {
            "owner_id": number,
            "user_id": f"9{number}",
            "email": "a@b.example",
            "first_name": "A",
            "last_name": "B",
            "team_name": None,
            "is_deleted": left,
            "created_at": T0,
            "updated_at": T0,
        }
        return Versioned(number, (Version(T0, fields),))

    where = portal(owners=(owner("1", left=False), owner("2", left=True)))
    active = ask(where, "GET", "/crm/v3/owners").payload["results"]
    left = ask(where, "GET", "/crm/v3/owners", archived="true")
    gone = left.payload["results"]
    shown = [
        (o["id"], o["userId"], o["userIdIncludingInactive"]) for o in active + gone
    ]
    assert shown == [("1", 91, 91), ("2", None, 92)]


def test_stage_metadata_are_texts_and_dispositions_a_bare_list() -> None:
    stage = {
        "pipeline_id": "default",
        "stage_id": "closedwon",
        "pipeline_label": "Bán hàng",
        "stage_label": "Thắng",
        "display_order": 5,
        "probability": Decimal("1.0"),
        "is_closed": True,
    }
    label = {"disposition_id": "f2", "label": "Connected", "is_deleted": False}
    where = portal(deal_stages=(stage,), call_dispositions=(label,))
    found = ask(where, "GET", "/crm/v3/pipelines/deals").payload["results"]
    assert found[0]["stages"][0]["metadata"] == {
        "isClosed": "true",
        "probability": "1.0",
    }
    answer = ask(where, "GET", "/calling/v1/dispositions")
    assert answer.payload == [{"id": "f2", "label": "Connected", "deleted": False}]
