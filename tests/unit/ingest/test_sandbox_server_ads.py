"""The Google and Meta renderings keep the real APIs' rules, on accounts small enough to see."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ingest.sandbox.model import AdFact, AdPlatform, Version, Versioned
from ingest.sandbox.vendors.google_ads import GoogleAdsApi
from ingest.sandbox.vendors.meta_ads import MetaAdsApi
from ingest.sandbox.wire import ApiAnswer, ApiRequest

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = date(2026, 5, 1)


def campaign(identity: str, status: str, **more: object) -> Versioned:
    fields = {
        "campaign_id": identity,
        "campaign_name": f"C{identity}",
        "status": status,
        "utm_campaign": identity,
        "started_on": DAY,
        "ended_on": None,
        **more,
    }
    return Versioned(identity, (Version(T0, fields),))


def fact(identity: str, day: date, *states: dict[str, object] | None) -> AdFact:
    shown = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
    versions = tuple(
        Version(shown + timedelta(days=n), state) for n, state in enumerate(states)
    )
    return AdFact("1234567890", identity, day, versions)


def platform(campaigns: tuple[Versioned, ...], *facts: AdFact) -> AdPlatform:
    account = {
        "account_id": "1234567890",
        "account_name": "Acme",
        "currency": "VND",
        "timezone": "Asia/Ho_Chi_Minh",
    }
    return AdPlatform(account=account, campaigns=campaigns, facts=facts)


def cost(micros: int, clicks: int = 1) -> dict[str, object]:
    return {
        "cost_micros": micros,
        "impressions": clicks * 10,
        "clicks": clicks,
        "conversions": Decimal("1.5"),
        "conversion_value": Decimal(0),
    }


GOOGLE = platform(
    (campaign("1", "ENABLED"), campaign("2", "REMOVED", ended_on=DAY)),
    fact("1", DAY, cost(5_000_000), cost(7_000_000)),
    fact("2", DAY, cost(3_000_000)),
    fact("1", DAY + timedelta(days=1), dict.fromkeys(cost(1), 0)),
    fact("2", DAY + timedelta(days=1), None),
)
BY_DAY = (
    "SELECT campaign.id, segments.date, metrics.cost_micros, metrics.conversions "
    "FROM campaign WHERE segments.date BETWEEN '2026-05-01' AND '2026-05-31'"
)


def google(
    query: str,
    *,
    version: int = 26,
    verb: str = "search",
    now: datetime = NOW,
    path: str = "",
    headers: dict[str, str] | None = None,
    **more: object,
) -> ApiAnswer:
    where = path or f"/v{version}/customers/1234567890/googleAds:{verb}"
    full = {"authorization": "Bearer t", "developer-token": "t"}
    body = json.dumps({"query": query, **more}).encode()
    request = ApiRequest(
        "POST", where, "", full if headers is None else headers, body, "http://x"
    )
    return GoogleAdsApi(GOOGLE).answer(request, now)


def results(answer: ApiAnswer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.payload
    return answer.payload.get("results", [])


def failure(answer: ApiAnswer) -> dict[str, str]:
    details = answer.payload["error"]["details"]
    return details[0]["errors"][0]["errorCode"]


def test_days_are_micros_in_text_and_rows_without_metrics_are_left_out() -> None:
    assert results(google(BY_DAY)) == [
        {
            "campaign": {"resourceName": "customers/1234567890/campaigns/1", "id": "1"},
            "segments": {"date": "2026-05-01"},
            "metrics": {"costMicros": "7000000", "conversions": Decimal("1.5")},
        },
        {
            "campaign": {"resourceName": "customers/1234567890/campaigns/2", "id": "2"},
            "segments": {"date": "2026-05-01"},
            "metrics": {"costMicros": "3000000", "conversions": Decimal("1.5")},
        },
    ]


def test_a_day_is_restated_with_the_clock() -> None:
    evening = datetime(2026, 5, 1, 20, tzinfo=UTC)
    rows = results(google(BY_DAY, now=evening))
    assert rows[0]["metrics"]["costMicros"] == "5000000"


def test_removed_campaigns_are_there_unless_filtered() -> None:
    everything = "SELECT campaign.id, campaign.status FROM campaign"
    assert [row["campaign"]["id"] for row in results(google(everything))] == ["1", "2"]
    some = f"{everything} WHERE campaign.status != 'REMOVED'"
    assert [row["campaign"]["id"] for row in results(google(some))] == ["1"]


def test_account_totals_hold_every_campaign() -> None:
    query = BY_DAY.replace("campaign.id", "customer.currency_code").replace(
        "FROM campaign", "FROM customer"
    )
    rows = results(google(query))
    assert [row["metrics"]["costMicros"] for row in rows] == ["10000000"]
    assert rows[0]["customer"]["currencyCode"] == "VND"


def test_campaign_dates_were_renamed_and_no_end_is_said_differently() -> None:
    old = "SELECT campaign.start_date, campaign.end_date FROM campaign"
    rows = results(google(old, version=22))
    assert rows[0]["campaign"]["endDate"] == "2037-12-30"
    assert failure(google(old)) == {"queryError": "UNRECOGNIZED_FIELD"}
    new = "SELECT campaign.start_date_time, campaign.end_date_time FROM campaign"
    open_, ended = (row["campaign"] for row in results(google(new)))
    assert open_["startDateTime"] == "2026-05-01 00:00:00"
    assert "endDateTime" not in open_
    assert ended["endDateTime"] == "2026-05-01 23:59:59"


def test_a_stream_is_a_list_of_batches_and_an_empty_one_has_no_results() -> None:
    stream = google(BY_DAY, verb="searchStream").payload
    assert [len(batch["results"]) for batch in stream] == [2]
    assert stream[0]["fieldMask"] == (
        "campaign.id,segments.date,metrics.costMicros,metrics.conversions"
    )
    empty = google(BY_DAY.replace("2026", "2025"), verb="searchStream").payload
    assert [sorted(batch) for batch in empty] == [["fieldMask", "requestId"]]


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (
            google("SELECT campaign.id FROM ad_group"),
            400,
            "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE",
        ),
        (
            google("SELECT segments.date FROM campaign"),
            400,
            "EXPECTED_FILTERS_ON_DATE_RANGE",
        ),
        (google("SELECT campaign.id WHERE x = 1"), 400, "EXPECTED_FROM"),
        (
            google("SELECT campaign.id FROM campaign", version=19),
            400,
            "UNSUPPORTED_VERSION",
        ),
        (
            google("SELECT campaign.id FROM campaign", pageSize=10),
            400,
            "PAGE_SIZE_NOT_SUPPORTED",
        ),
        (
            google("", headers={"authorization": "Bearer t"}),
            401,
            "DEVELOPER_TOKEN_PARAMETER_MISSING",
        ),
        (
            google("", path="/v26/customers/1/googleAds:search"),
            403,
            "USER_PERMISSION_DENIED",
        ),
    ],
)
def test_refusals_carry_googles_code(answer: ApiAnswer, status: int, code: str) -> None:
    assert (answer.status, list(failure(answer).values())) == (status, [code])


def test_gaql_orders_limits_and_compares() -> None:
    query = (
        "SELECT campaign.id FROM campaign WHERE campaign.id IN (1, 2) "
        "AND campaign.name != 'C9' ORDER BY campaign.id DESC LIMIT 1"
    )
    assert [row["campaign"]["id"] for row in results(google(query))] == ["2"]
    during = (
        BY_DAY.split(" WHERE", maxsplit=1)[0]
        + " WHERE segments.date DURING LAST_30_DAYS"
    )
    # Today in Vietnam is 1 June, so the range starts on 2 May and misses the first.
    assert results(google(during)) == []


def spend(amount: str, leads: int = 0) -> dict[str, object]:
    return {
        "spend": Decimal(amount),
        "impressions": 100,
        "clicks": 8,
        "reported_leads": leads,
        "conversion_value": Decimal(0),
    }


META = platform(
    (campaign("1", "ACTIVE"), campaign("2", "ARCHIVED"), campaign("3", "DELETED")),
    fact("1", DAY, spend("10.05", leads=2)),
    fact("2", DAY, spend("20")),
    fact("3", DAY, spend("30")),
    fact("1", DAY + timedelta(days=1), spend("1")),
)
ALL = json.dumps(["ACTIVE", "ARCHIVED", "DELETED"])
RANGE = json.dumps({"since": "2026-05-01", "until": "2026-05-31"})


def meta(
    path: str, *, method: str = "GET", authorization: str = "Bearer t", **query: str
) -> ApiAnswer:
    headers = {"authorization": authorization} if authorization else {}
    request = ApiRequest(
        method, f"/v24.0{path}", urlencode(query), headers, b"", "http://x/meta_ads"
    )
    return MetaAdsApi(META).answer(request, NOW)


def insights(level: str, **query: str) -> list[dict[str, Any]]:
    asked = {"fields": "campaign_id,spend", "time_increment": "1", "time_range": RANGE}
    answer = meta("/act_1234567890/insights", level=level, **{**asked, **query})
    assert answer.status == 200, answer.payload
    return answer.payload["data"]


def test_hidden_campaigns_are_lost_at_campaign_level_and_kept_by_the_account() -> None:
    shown = insights("campaign")
    assert [(row["campaign_id"], row["spend"]) for row in shown] == [
        ("1", "10.05"),
        ("1", "1"),
    ]
    hidden = [
        {"field": "campaign.effective_status", "operator": "IN", "value": ["DELETED"]}
    ]
    filtered = insights("campaign", filtering=json.dumps(hidden))
    assert [row["spend"] for row in filtered] == ["30"]
    totals = insights("account", fields="spend")
    assert [row["spend"] for row in totals] == ["60.05", "1"]


def test_insights_are_text_and_one_lead_counts_under_several_types() -> None:
    fields = "spend,impressions,inline_link_clicks,actions,action_values"
    row = insights("campaign", fields=fields)[0]
    assert row == {
        "spend": "10.05",
        "impressions": "100",
        "inline_link_clicks": "8",
        "actions": [
            {"action_type": "link_click", "value": "8"},
            {"action_type": "lead", "value": "2"},
            {"action_type": "onsite_conversion.lead_grouped", "value": "2"},
        ],
        "date_start": "2026-05-01",
        "date_stop": "2026-05-01",
    }


def test_a_range_without_increment_is_one_row_over_all_days() -> None:
    rows = insights("account", fields="spend", time_increment="all_days")
    assert rows == [
        {"spend": "61.05", "date_start": "2026-05-01", "date_stop": "2026-05-31"}
    ]


def test_lists_hide_archived_and_deleted_without_a_filter() -> None:
    path = "/act_1234567890/campaigns"
    assert [c["id"] for c in meta(path).payload["data"]] == ["1"]
    every = meta(path, effective_status=ALL, fields="id,effective_status")
    assert [c["effective_status"] for c in every.payload["data"]] == [
        "ACTIVE",
        "ARCHIVED",
        "DELETED",
    ]
    own = meta("/3", fields="name")
    assert own.payload == {"id": "3", "name": "C3"}


def test_url_tags_come_from_the_ads_of_a_campaign() -> None:
    fields = "name,start_time,ads.limit(1){creative{url_tags}}"
    found = meta("/act_1234567890/campaigns", fields=fields)
    row = found.payload["data"][0]
    tags = row["ads"]["data"][0]["creative"]["url_tags"]
    assert parse_qs(tags)["utm_campaign"] == ["1"]
    assert row["start_time"] == "2026-05-01T00:00:00+0700"


def test_pages_follow_cursors_and_the_next_link_carries_the_token() -> None:
    query = {"effective_status": ALL, "limit": "2", "access_token": "secret"}
    first = meta("/act_1234567890/campaigns", authorization="", **query).payload
    paging = first["paging"]
    link = parse_qs(urlsplit(paging["next"]).query)
    assert (link["after"], link["access_token"]) == (
        [paging["cursors"]["after"]],
        ["secret"],
    )
    second = meta("/act_1234567890/campaigns", **{**query, "after": link["after"][0]})
    assert [c["id"] for c in second.payload["data"]] == ["3"]
    assert "next" not in second.payload["paging"]


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (meta("/act_1234567890", authorization=""), 400, 190),
        (meta("/act_9"), 400, 100),
        (meta("/act_1234567890/campaigns", fields="nothing"), 400, 100),
        (
            meta(
                "/act_1234567890/insights",
                time_range=json.dumps({"since": "2023-01-01", "until": "2023-01-02"}),
            ),
            400,
            3018,
        ),
        (
            meta(
                "/act_1234567890/insights",
                level="campaign",
                time_increment="1",
                time_range=json.dumps({"since": "2025-01-01", "until": "2026-05-01"}),
            ),
            500,
            1,
        ),
    ],
)
def test_refusals_carry_graphs_code(answer: ApiAnswer, status: int, code: int) -> None:
    assert answer.status == status
    assert answer.payload["error"]["code"] == code


def test_a_report_may_be_asked_for_and_fetched() -> None:
    api = MetaAdsApi(META)

    def send(method: str, path: str, query: dict[str, str]) -> dict[str, Any]:
        headers = {"authorization": "Bearer t"}
        where = f"/v24.0{path}"
        request = ApiRequest(method, where, urlencode(query), headers, b"", "http://x")
        return api.answer(request, NOW).payload

    asked = {"level": "account", "fields": "spend", "time_range": RANGE}
    run = send("POST", "/act_1234567890/insights", asked)["report_run_id"]
    assert send("GET", f"/{run}", {})["async_status"] == "Job Completed"
    assert [row["spend"] for row in send("GET", f"/{run}/insights", {})["data"]] == [
        "61.05"
    ]
