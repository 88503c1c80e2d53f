"""Google Ads connector against scripted answers; no network."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ingest.config_sources import GoogleAdsSource
from ingest.contracts import contract_of
from ingest.errors import (
    ConfigError,
    ContractViolation,
    CredentialsError,
    RetryableError,
)
from ingest.http import ApiClient
from ingest.sources import source_of
from ingest.windows import Window

if TYPE_CHECKING:
    from ingest.sources.protocol import Extract, Record

CONFIG = GoogleAdsSource(
    name="google_main",
    kind="google_ads",
    legal_entity="acme",
    functional_currency="VND",
    timezone="Asia/Ho_Chi_Minh",
    reporting_timezone="Asia/Ho_Chi_Minh",
    base_url="https://ads.test",
    customer_ids=("123-456-7890", "222"),
    login_customer_id="999-000-1111",
    token_env="GOOGLE_TOKEN",  # noqa: S106 - the name of a variable
    is_sandbox=True,
)
END = datetime(2026, 10, 31, 19, tzinfo=UTC)
Handler = Callable[[httpx.Request], httpx.Response]


def night(start_date: date | None = date(2026, 10, 2)) -> Window:
    return Window(
        load_date=date(2026, 11, 1),
        start=None,
        end=END,
        start_date=start_date,
        end_date=date(2026, 10, 31),
        extracted_at=END,
    )


def fetch(
    handler: Handler,
    entity: str,
    *,
    window: Window | None = None,
    **config: Any,
) -> tuple[Extract, list[Record]]:
    source = source_of("google_ads")
    configured = CONFIG.model_copy(update=config)
    client = ApiClient(
        configured.base_url,
        source="google_main",
        authorization=source.authorize(configured),
        transport=httpx.MockTransport(handler),
        classify_error=source.classify_error,
        sleep=lambda _: None,
    )
    extract = source.fetch(
        contract_of("google_ads", entity),
        window or night(),
        config=configured,
        client=client,
        cursor=None,
    )
    return extract, list(extract.rows)


def answering(*batches: dict, asked: list[httpx.Request] | None = None) -> Handler:
    """Answer every account with these batches, masks filled in from the query."""

    def handler(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        fields = json.loads(request.content)["query"].split(" FROM ")[0][7:].split(", ")
        mask = ",".join(camel(field) for field in fields)
        return httpx.Response(200, json=[{"fieldMask": mask, **b} for b in batches])

    return handler


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


CUSTOMER = {"id": "1234567890", "currencyCode": "VND", "timeZone": "Asia/Ho_Chi_Minh"}
DAY = {
    "customer": CUSTOMER,
    "campaign": {"id": "77"},
    "segments": {"date": "2026-10-30"},
    "metrics": {
        "costMicros": "1250000000000",
        "impressions": "9007199254740993",
        "clicks": "12",
        "conversions": 1.5,
        "conversionsValue": 0,
    },
}


def test_day_keeps_int64_text_micros_and_fractions() -> None:
    asked: list[httpx.Request] = []
    handler = answering({"results": [DAY]}, asked=asked)
    extract, records = fetch(handler, "campaign_performance_daily")
    assert dict(records[0].values) == {
        "campaign_id": "77",
        "date": "2026-10-30",
        "cost_micros": "1250000000000",
        "currency": "VND",
        "impressions": "9007199254740993",
        "clicks": "12",
        "conversions": Decimal("1.5"),
        "conversion_value": 0,
        "source_timezone": "Asia/Ho_Chi_Minh",
    }
    assert json.loads(records[0].payload) == DAY
    assert [r.source_account for r in records] == ["1234567890", "222"]
    assert [r.url.path for r in asked] == [
        "/v26/customers/1234567890/googleAds:searchStream",
        "/v26/customers/222/googleAds:searchStream",
    ]
    assert asked[0].headers["login-customer-id"] == "9990001111"
    assert asked[0].headers["developer-token"] == "sandbox"
    assert json.loads(asked[0].content)["query"].endswith(
        "FROM campaign WHERE segments.date BETWEEN '2026-10-02' AND '2026-10-31'"
    )
    assert extract.new_cursor == "2026-10-31"
    assert not extract.is_full_list


def test_account_without_rows_is_covered_too() -> None:
    extract, records = fetch(
        lambda _: httpx.Response(200, json=[]), "account_performance_daily"
    )
    assert records == []
    assert [(c.source_account, c.start_date, c.end_date) for c in extract.coverage] == [
        ("1234567890", date(2026, 10, 2), date(2026, 10, 31)),
        ("222", date(2026, 10, 2), date(2026, 10, 31)),
    ]


def test_first_load_goes_back_ten_years() -> None:
    asked: list[httpx.Request] = []
    extract, _ = fetch(
        answering(asked=asked), "account_performance_daily", window=night(None)
    )
    assert "BETWEEN '2016-11-02'" in json.loads(asked[0].content)["query"]
    assert extract.coverage[0].start_date == date(2016, 11, 2)


def test_metric_left_out_of_a_row_is_zero_because_the_mask_has_it() -> None:
    row = {**DAY, "metrics": {"costMicros": "5"}}
    _, records = fetch(answering({"results": [row]}), "account_performance_daily")
    assert records[0].values["impressions"] == 0
    assert records[0].values["account_id"] == "1234567890"


def test_field_asked_for_and_not_answered_is_refused() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json=[{"fieldMask": "customer.id", "results": [DAY]}]
        )

    with pytest.raises(ContractViolation, match=r"metrics\.costMicros"):
        fetch(handler, "account_performance_daily")


def test_stream_that_breaks_off_is_no_extract() -> None:
    broken = {"results": [DAY]}, {"error": {"code": 500, "status": "INTERNAL"}}
    with pytest.raises(RetryableError, match="batch 2"):
        fetch(answering(*broken), "account_performance_daily")


def test_several_batches_and_a_batch_of_metadata_alone() -> None:
    handler = answering(
        {"results": [DAY]},
        {"results": [DAY]},
        {"queryResourceConsumption": "5", "moonPhase": "new"},
    )
    extract, records = fetch(handler, "campaign_performance_daily", customer_ids=("1",))
    assert [r.source_ref.rpartition("#")[2] for r in records] == ["1", "2"]
    assert extract.unknown_fields == {"moonPhase"}


def campaign(**more: object) -> dict:
    return {
        "customer": {
            "id": "1",
            **(
                {"finalUrlSuffix": more.pop("account_suffix")}
                if "account_suffix" in more
                else {}
            ),
        },
        "campaign": {
            "id": "77",
            "name": "Tìm kiếm",
            "status": "REMOVED",
            "advertisingChannelType": "SEARCH",
            **more,
        },
    }


@pytest.mark.parametrize(
    ("version", "dates", "ended_on"),
    [
        (
            "v26",
            {
                "startDateTime": "2025-01-02 00:00:00",
                "endDateTime": "2026-03-04 23:59:59",
            },
            "2026-03-04",
        ),
        ("v26", {"startDateTime": "2025-01-02 00:00:00"}, None),
        ("v22", {"startDate": "2025-01-02", "endDate": "2026-03-04"}, "2026-03-04"),
        ("v22", {"startDate": "2025-01-02", "endDate": "2037-12-30"}, None),
    ],
)
def test_campaign_dates_in_both_spellings(
    version: str, dates: dict, ended_on: str | None
) -> None:
    asked: list[httpx.Request] = []
    extract, records = fetch(
        answering({"results": [campaign(**dates)]}, asked=asked),
        "campaigns",
        api_version=version,
        customer_ids=("1",),
    )
    assert dict(records[0].values) == {
        "campaign_id": "77",
        "campaign_name": "Tìm kiếm",
        "status": "REMOVED",
        "channel_type": "SEARCH",
        "utm_campaign": None,
        "started_on": "2025-01-02",
        "ended_on": ended_on,
    }
    query = json.loads(asked[0].content)["query"]
    assert ("campaign.start_date_time" in query) is (version == "v26")
    # A filter on status would lose removed campaigns, and with them their spend's name.
    assert "WHERE" not in query
    assert extract.is_full_list
    assert extract.coverage[0].start_date is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (campaign(finalUrlSuffix="utm_source=g&utm_campaign={campaignid}"), "77"),
        (campaign(account_suffix="?utm_campaign=brand%20vn"), "brand vn"),
        (
            campaign(
                finalUrlSuffix="utm_campaign=own", account_suffix="utm_campaign=a"
            ),
            "own",
        ),
        (campaign(finalUrlSuffix="utm_source=g"), None),
    ],
)
def test_utm_campaign_is_what_reaches_the_landing_page(
    row: dict, expected: str | None
) -> None:
    _, records = fetch(answering({"results": [row]}), "campaigns")
    assert records[0].values["utm_campaign"] == expected


def test_accounts_say_their_currency_and_zone() -> None:
    row = {"customer": {**CUSTOMER, "descriptiveName": "Acme VN"}}
    _, records = fetch(answering({"results": [row]}), "accounts", customer_ids=("1",))
    assert dict(records[0].values) == {
        "account_id": "1234567890",
        "account_name": "Acme VN",
        "currency": "VND",
        "timezone": "Asia/Ho_Chi_Minh",
    }


@pytest.mark.parametrize(
    ("status", "raised"), [(401, CredentialsError), (429, RetryableError)]
)
def test_errors_are_classified_by_recovery(
    status: int, raised: type[Exception]
) -> None:
    body = [{"error": {"code": status, "status": "X", "message": "no"}}]
    with pytest.raises(raised):
        fetch(lambda _: httpx.Response(status, json=body), "accounts")


def test_source_without_accounts_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="customer_ids"):
        fetch(answering(), "accounts", customer_ids=())
