"""Meta Ads connector against scripted answers; no network."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ingest.config_sources import MetaAdsSource
from ingest.contracts import contract_of
from ingest.errors import (
    ConfigError,
    ContractViolation,
    CredentialsError,
    FatalSourceError,
    RetryableError,
    TruncatedExtract,
)
from ingest.http import ApiClient
from ingest.sources import source_of
from ingest.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.sources.protocol import Extract, Record

CONFIG = MetaAdsSource(
    name="meta_main",
    kind="meta_ads",
    legal_entity="acme",
    functional_currency="USD",
    timezone="Asia/Ho_Chi_Minh",
    reporting_timezone="Asia/Ho_Chi_Minh",
    base_url="https://graph.test",
    account_ids=("act_11",),
    is_sandbox=True,
)
END = datetime(2026, 10, 31, 19, tzinfo=UTC)
AS_OF = date(2026, 10, 31)
INSIGHTS = "/v25.0/act_11/insights"
CAMPAIGNS = "/v25.0/act_11/campaigns"
ACCOUNT = {
    "id": "act_11",
    "account_id": "11",
    "name": "Acme",
    "currency": "USD",
    "timezone_name": "America/New_York",
}
TOO_MUCH = {
    "error": {
        "code": 1,
        "message": "Please reduce the amount of data you're "
        "asking for, then retry your request",
    }
}


def night(start_date: date | None = date(2026, 10, 4)) -> Window:
    return Window(
        load_date=date(2026, 11, 1),
        start=None,
        end=END,
        start_date=start_date,
        end_date=AS_OF,
        extracted_at=END,
    )


class Graph:
    """Answers by path; the account is always there."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = {"/v25.0/act_11": ACCOUNT, **answers}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[request.url.path]
        answer = answer(request) if callable(answer) else answer
        status = 500 if isinstance(answer, dict) and "error" in answer else 200
        return httpx.Response(status, json=answer)

    def spans(self) -> list[tuple[str, str]]:
        ranges = [
            json.loads(r.url.params["time_range"])
            for r in self.requests
            if r.url.path == INSIGHTS
        ]
        return [(r["since"], r["until"]) for r in ranges]


def fetch(
    handler: Callable[[httpx.Request], httpx.Response],
    entity: str,
    *,
    window: Window | None = None,
    **config: Any,
) -> tuple[Extract, list[Record]]:
    source = source_of("meta_ads")
    configured = CONFIG.model_copy(update=config)
    client = ApiClient(
        configured.base_url,
        source="meta_main",
        authorization=source.authorize(configured),
        classify_error=source.classify_error,
        transport=httpx.MockTransport(handler),
        sleep=lambda _: None,
    )
    extract = source.fetch(
        contract_of("meta_ads", entity),
        window or night(),
        config=configured,
        client=client,
        cursor=None,
    )
    return extract, list(extract.rows)


def page(*rows: dict, after: str = "z", more: bool = False) -> dict:
    paging: dict[str, Any] = {"cursors": {"before": "a", "after": after}}
    if more:
        paging["next"] = "https://evil.test/insights?access_token=stolen"
    return {"data": list(rows), "paging": paging}


def day(number: int = 30, **more: object) -> dict:
    at = f"2026-10-{number:02}"
    return {
        "account_id": "11",
        "campaign_id": "5",
        "account_currency": "USD",
        "date_start": at,
        "date_stop": at,
        "spend": "120.05",
        "impressions": "1000",
        **more,
    }


def test_day_is_typed_from_text_and_zero_counts_left_out_are_zero() -> None:
    rich = day(
        inline_link_clicks="12",
        actions=[
            {"action_type": "link_click", "value": "12"},
            {"action_type": "lead", "value": "3", "7d_click": "2"},
            {"action_type": "onsite_conversion.lead_grouped", "value": "3"},
        ],
        action_values=[{"action_type": "purchase", "value": "99.5"}],
    )
    graph = Graph({INSIGHTS: page(rich, day(31))})
    extract, records = fetch(graph, "campaign_insights_daily")
    assert dict(records[0].values) == {
        "campaign_id": "5",
        "date": "2026-10-30",
        "spend": "120.05",
        "currency": "USD",
        "impressions": "1000",
        "clicks": "12",
        "reported_leads": 3,
        "conversion_value": Decimal("99.5"),
        "source_timezone": "America/New_York",
    }
    assert [
        records[1].values[k] for k in ("clicks", "reported_leads", "conversion_value")
    ] == [0, 0, 0]
    assert json.loads(records[0].payload) == rich
    params = graph.requests[1].url.params
    assert (params["level"], params["time_increment"]) == ("campaign", "1")
    # Campaign level leaves deleted campaigns out unless told not to; the account keeps them.
    assert "DELETED" in params["filtering"]
    assert extract.new_cursor == "2026-10-31"
    (covered,) = extract.coverage
    assert (covered.source_account, covered.start_date, covered.end_date) == (
        "11",
        date(2026, 10, 4),
        AS_OF,
    )


def test_only_the_cursor_is_followed_never_the_link() -> None:
    pages = {None: page(day(1), after="p2", more=True), "p2": page(day(2))}
    graph = Graph({INSIGHTS: lambda r: pages[r.url.params.get("after")]})
    _, records = fetch(graph, "account_insights_daily")
    assert [r.source_ref for r in records] == [f"{INSIGHTS}#1", f"{INSIGHTS}#2"]
    assert {r.url.host for r in graph.requests} == {"graph.test"}
    assert all("token" not in str(r.url) for r in graph.requests)
    assert graph.requests[-1].url.params["level"] == "account"
    assert "filtering" not in graph.requests[-1].url.params


def test_repeated_cursor_is_refused() -> None:
    graph = Graph({INSIGHTS: page(day(1), after="same", more=True)})
    with pytest.raises(TruncatedExtract, match="repeats a page cursor"):
        fetch(graph, "account_insights_daily")


@pytest.mark.parametrize(
    "answer",
    [
        {"paging": {}},
        {"data": [day()]},
        {"data": [day()], "paging": {}},
        {"data": [day()], "paging": {"next": "x"}},
    ],
)
def test_answer_without_its_keys_is_no_page(answer: dict) -> None:
    with pytest.raises(ContractViolation, match="absent"):
        fetch(Graph({INSIGHTS: answer}), "account_insights_daily")


def test_empty_answer_has_no_paging_and_is_covered() -> None:
    extract, records = fetch(Graph({INSIGHTS: {"data": []}}), "account_insights_daily")
    assert records == []
    assert len(extract.coverage) == 1


def test_long_windows_are_asked_in_months_and_end_at_what_meta_keeps() -> None:
    graph = Graph({INSIGHTS: {"data": []}})
    extract, _ = fetch(graph, "account_insights_daily", window=night(None))
    oldest = AS_OF - timedelta(days=1110)
    spans = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in graph.spans()]
    assert spans[0][0] == oldest == extract.coverage[0].start_date
    assert spans[-1][1] == AS_OF
    assert all((until - since).days <= 29 for since, until in spans)
    days = [s + timedelta(days=n) for s, u in spans for n in range((u - s).days + 1)]
    assert days == [oldest + timedelta(days=n) for n in range(1111)]


def test_too_much_data_is_asked_for_in_halves_and_nothing_comes_twice() -> None:
    def answer(request: httpx.Request) -> dict:
        asked = json.loads(request.url.params["time_range"])
        since, until = (date.fromisoformat(asked[k]) for k in ("since", "until"))
        days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
        if "after" in request.url.params:
            # The refusal comes on the second page of the span of four.
            return TOO_MUCH if len(days) == 4 else page(day(days[-1].day))
        if len(days) > 4:
            return TOO_MUCH
        rows = [day(d.day) for d in days]
        return page(*rows[:-1], after="p2", more=True) if len(rows) > 1 else page(*rows)

    graph = Graph({INSIGHTS: answer})
    _, records = fetch(
        graph, "account_insights_daily", window=night(date(2026, 10, 24))
    )
    assert [r.values["date"] for r in records] == [
        f"2026-10-{n}" for n in range(24, 32)
    ]
    # A refusal of the amount is not repeated as it is: that would spend the quota for nothing.
    assert graph.spans().count(("2026-10-24", "2026-10-31")) == 1


def test_single_day_that_is_too_much_is_for_a_person() -> None:
    graph = Graph({INSIGHTS: TOO_MUCH})
    with pytest.raises(FatalSourceError, match="reduce the amount"):
        fetch(graph, "account_insights_daily", window=night(AS_OF))
    assert graph.spans() == [("2026-10-31", "2026-10-31")]


def campaign(**more: object) -> dict:
    return {
        "id": "5",
        "name": "Retarget",
        "effective_status": "DELETED",
        "objective": "OUTCOME_LEADS",
        "start_time": "2025-01-02T23:30:00+0700",
        **more,
    }


def test_campaign_dates_are_those_of_the_account() -> None:
    graph = Graph({CAMPAIGNS: page(campaign())})
    extract, records = fetch(graph, "campaigns")
    # 23:30 at +07:00 is 11:30 in New York; 02:00 on the 3rd there would be the 2nd.
    assert dict(records[0].values) == {
        "campaign_id": "5",
        "campaign_name": "Retarget",
        "status": "DELETED",
        "objective": "OUTCOME_LEADS",
        "utm_campaign": None,
        "started_on": date(2025, 1, 2),
        "ended_on": None,
    }
    late = campaign(stop_time="2025-01-03T02:00:00+0000")
    _, records = fetch(Graph({CAMPAIGNS: page(late)}), "campaigns")
    assert records[0].values["ended_on"] == date(2025, 1, 2)
    (asked,) = json.loads(graph.requests[-1].url.params["filtering"])
    assert (asked["field"], asked["operator"]) == ("campaign.effective_status", "IN")
    assert {"ACTIVE", "PAUSED", "ARCHIVED", "DELETED"} <= set(asked["value"])
    assert extract.is_full_list


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("utm_source=fb&utm_campaign={{campaign.id}}", "5"),
        ("utm_campaign={{campaign.name}}", "Retarget"),
        ("utm_campaign=x%20y", "x y"),
        ("utm_source=fb", None),
    ],
)
def test_utm_campaign_is_what_reaches_the_landing_page(
    tags: str, expected: str | None
) -> None:
    ads = {"data": [{"id": "1", "creative": {"id": "2", "url_tags": tags}}]}
    _, records = fetch(Graph({CAMPAIGNS: page(campaign(ads=ads))}), "campaigns")
    assert records[0].values["utm_campaign"] == expected


def test_account_row_and_drift() -> None:
    _, records = fetch(Graph({}), "accounts")
    assert dict(records[0].values) == {
        "account_id": "11",
        "account_name": "Acme",
        "currency": "USD",
        "timezone": "America/New_York",
    }
    extract, _ = fetch(
        Graph({INSIGHTS: page(day(mood="good"))}), "account_insights_daily"
    )
    assert extract.unknown_fields == {"mood"}


@pytest.mark.parametrize(
    ("code", "raised", "tries"),
    [
        (190, CredentialsError, 1),
        (200, CredentialsError, 1),
        (17, RetryableError, 6),
        (80004, RetryableError, 6),
        (4, RetryableError, 6),
        (2, RetryableError, 6),
        (2635, FatalSourceError, 1),
    ],
)
def test_graph_codes_are_classified_whatever_the_status(
    code: int, raised: type[Exception], tries: int
) -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(400, json={"error": {"code": code, "message": "no"}})

    with pytest.raises(raised):
        fetch(handler, "accounts")
    assert len(sent) == tries


def test_source_without_accounts_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="account_ids"):
        fetch(Graph({}), "accounts", account_ids=())
