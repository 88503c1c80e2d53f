"""Stripe connector against scripted answers; no network."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ingest.config_sources import StripeSource
from ingest.contracts import contract_of
from ingest.errors import ContractViolation, FatalSourceError, TruncatedExtract
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


def product(number: int, **more: object) -> dict:
    return {
        "id": f"prod_{number}",
        "object": "product",
        "name": f"P{number}",
        "active": True,
        "created": T0,
        "livemode": True,
        "metadata": {},
        **more,
    }


def test_list_follows_the_last_id_at_the_pinned_version() -> None:
    pages = {
        None: page(product(3), product(2), has_more=True),
        "prod_2": page(product(1)),
    }
    api = Api({"/v1/products": lambda r: pages[r.url.params.get("starting_after")]})
    extract, records = fetch(api, "products")
    assert [r.values["product_id"] for r in records] == ["prod_3", "prod_2", "prod_1"]
    assert [r.source_ref for r in records] == [
        "/v1/products#1",
        "/v1/products#1",
        "/v1/products#2",
    ]
    assert {r.headers["stripe-version"] for r in api.requests} == {"2025-08-27.basil"}
    assert extract.is_full_list
    assert extract.new_cursor is None
    assert extract.coverage[0].source_account == "acct_1"


def test_repeated_page_is_refused_and_not_followed_for_ever() -> None:
    api = Api({"/v1/products": page(product(2), product(1), has_more=True)})
    with pytest.raises(TruncatedExtract, match="repeats a page cursor"):
        fetch(api, "products")
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"data": []}, "has_more"),
        ({"has_more": False}, "data"),
        ({"data": [], "has_more": None}, "true or false"),
        (page(has_more=True), "empty but says has_more"),
    ],
)
def test_answer_that_is_no_list_is_never_an_empty_one(answer: dict, said: str) -> None:
    with pytest.raises(ContractViolation, match=said):
        fetch(Api({"/v1/products": answer}), "products")


def test_test_rows_are_left_out_and_a_test_key_is_refused() -> None:
    api = Api({"/v1/products": page(product(2, livemode=False), product(1))})
    assert only(api, "products")["product_id"] == "prod_1"
    api = Api({"/v1/products": page(product(2, livemode=False))})
    with pytest.raises(FatalSourceError, match="test key"):
        fetch(api, "products")


def test_unknown_names_are_reported() -> None:
    extract, _ = fetch(Api({"/v1/products": page(product(1, hue="red"))}), "products")
    assert extract.unknown_fields == {"hue"}


def test_product_code_and_price_come_from_their_fields() -> None:
    api = Api({"/v1/products": page(product(1, metadata={"code": "PRO"}))})
    assert only(api, "products")["product_code"] == "PRO"
    price = {
        "id": "price_1",
        "product": "prod_1",
        "nickname": None,
        "unit_amount": 4900,
        "currency": "usd",
        "billing_scheme": "per_unit",
        "active": False,
        "created": T0,
        "livemode": True,
        "recurring": {
            "interval": "month",
            "interval_count": 3,
            "usage_type": "licensed",
        },
    }
    assert only(Api({"/v1/prices": page(price)}), "prices") == {
        "price_id": "price_1",
        "product_id": "prod_1",
        "nickname": None,
        "unit_amount_minor": 4900,
        "currency": "USD",
        "interval": "month",
        "interval_count": 3,
        "usage_type": "licensed",
        "billing_scheme": "per_unit",
        "is_active": False,
        "created_at": datetime.fromtimestamp(T0, UTC),
    }


def customer(number: int, **more: object) -> dict:
    return {
        "id": f"cus_{number}",
        "object": "customer",
        "name": "Acme",
        "email": None,
        "address": {"country": "VN"},
        "currency": "vnd",
        "created": T0,
        "livemode": True,
        "metadata": {"crm_company_id": "31"},
        **more,
    }


def test_deleted_customers_come_from_their_events() -> None:
    gone = [
        {
            "id": f"evt_{n}",
            "type": "customer.deleted",
            "livemode": True,
            "data": {"object": customer(n)},
        }
        for n in (9, 1)
    ]
    api = Api({"/v1/customers": page(customer(1)), "/v1/events": page(*gone)})
    _, records = fetch(api, "customers")
    # cus_1 was deleted while the list was read: tonight it is still a customer.
    assert [(r.values["customer_id"], r.values["is_deleted"]) for r in records] == [
        ("cus_1", False),
        ("cus_9", True),
    ]
    assert records[1].values["crm_account_id"] == "31"
    assert records[1].values["country"] == "VN"


def item(number: int, **more: object) -> dict:
    return {
        "id": f"si_{number}",
        "object": "subscription_item",
        "quantity": 2,
        "current_period_end": T0 + 900,
        "discounts": [],
        "price": {
            "id": "price_1",
            "product": "prod_1",
            "unit_amount": 1_000_000,
            "currency": "vnd",
            "recurring": {
                "interval": "month",
                "interval_count": 1,
                "usage_type": "licensed",
            },
        },
        **more,
    }


def subscription(*items: dict, more_items: bool = False, **more: object) -> dict:
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "created": T0,
        "start_date": T0 + 1,
        "trial_end": None,
        "canceled_at": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "pause_collection": None,
        "currency": "vnd",
        "livemode": True,
        "discounts": [],
        "metadata": {"crm_deal_id": "77"},
        "items": page(*items, has_more=more_items),
        **more,
    }


def test_subscription_item_carries_its_subscription() -> None:
    api = Api({"/v1/subscriptions": page(subscription(item(1)))})
    at = datetime.fromtimestamp(T0, UTC)
    extract, (record,) = fetch(api, "subscription_items")
    assert dict(record.values) == {
        "item_id": "si_1",
        "subscription_created_at": at,
        "subscription_id": "sub_1",
        "customer_id": "cus_1",
        "status": "active",
        "started_at": datetime.fromtimestamp(T0 + 1, UTC),
        "trial_ends_at": None,
        "canceled_at": None,
        "cancel_at": None,
        "ended_at": None,
        "is_paused": False,
        "price_id": "price_1",
        "product_id": "prod_1",
        "unit_amount_minor": 1_000_000,
        "currency": "VND",
        "quantity": 2,
        "interval": "month",
        "interval_count": 1,
        "usage_type": "licensed",
        "discount_percent": None,
        "discount_amount_minor": None,
        "discount_ends_at": None,
        "opportunity_id": "77",
    }
    assert json.loads(record.payload) == item(1)
    (query,) = api.queries("/v1/subscriptions")
    assert ("status", "all") in query
    assert [v for k, v in query if k == "expand[]"] == [
        "data.discounts",
        "data.items.data.discounts",
    ]
    assert extract.is_full_list


def test_items_beyond_the_embedded_ones_are_paged() -> None:
    rest = {"si_20": page(item(21), has_more=True), "si_21": page(item(22))}
    api = Api(
        {
            "/v1/subscriptions": page(
                subscription(*(item(n) for n in range(1, 21)), more_items=True)
            ),
            "/v1/subscription_items": lambda r: rest[r.url.params["starting_after"]],
        }
    )
    _, records = fetch(api, "subscription_items")
    assert [r.values["item_id"] for r in records] == [f"si_{n}" for n in range(1, 23)]
    assert ("subscription", "sub_1") in api.queries("/v1/subscription_items")[0]


def test_metered_tiered_paused_and_trialing_are_told_apart() -> None:
    metered = item(1)
    del metered["quantity"]
    metered["price"] = {
        **metered["price"],
        "unit_amount": None,
        "recurring": {"interval": "year", "interval_count": 1, "usage_type": "metered"},
    }
    values = only(
        Api(
            {
                "/v1/subscriptions": page(
                    subscription(
                        metered,
                        status="trialing",
                        trial_end=T0 + 50,
                        pause_collection={"behavior": "void"},
                    )
                )
            }
        ),
        "subscription_items",
    )
    assert values["quantity"] is None
    assert values["unit_amount_minor"] is None
    assert values["usage_type"] == "metered"
    assert values["is_paused"]
    assert values["trial_ends_at"] == datetime.fromtimestamp(T0 + 50, UTC)


@pytest.mark.parametrize(
    ("subscription_end", "item_end", "expected"),
    [(None, T0 + 900, T0 + 900), (T0 + 700, None, T0 + 700)],
)
def test_cancel_at_period_end_is_the_end_of_the_period(
    subscription_end: int | None, item_end: int | None, expected: int
) -> None:
    row = subscription(
        item(1, current_period_end=item_end),
        cancel_at_period_end=True,
        current_period_end=subscription_end,
    )
    values = only(Api({"/v1/subscriptions": page(row)}), "subscription_items")
    assert values["cancel_at"] == datetime.fromtimestamp(expected, UTC)


def coupon(**more: object) -> dict:
    return {
        "id": "c",
        "percent_off": None,
        "amount_off": None,
        "duration": "forever",
        **more,
    }


def discount(number: int, *, end: int | None = None, **terms: object) -> dict:
    return {"id": f"di_{number}", "end": end, "coupon": coupon(**terms)}


def terms(values: dict[str, Any]) -> tuple[Any, Any, Any]:
    return (
        values["discount_percent"],
        values["discount_amount_minor"],
        values["discount_ends_at"],
    )


def test_discounts_combine_and_end_with_the_first() -> None:
    # 100 − 20 % = 80; 80 − 50 % = 40: together 60 % off.
    both = [
        discount(1, percent_off=20, end=T0 + 500, duration="repeating"),
        discount(2, percent_off=50),
        discount(3, amount_off=700),
        discount(4, percent_off=90, duration="once"),
    ]
    row = subscription(item(1), discounts=both)
    values = only(Api({"/v1/subscriptions": page(row)}), "subscription_items")
    assert terms(values) == (Decimal(60), 700, datetime.fromtimestamp(T0 + 500, UTC))


def test_item_discount_touches_its_item_only() -> None:
    row = subscription(item(1, discounts=[discount(1, percent_off=10)]), item(2))
    _, records = fetch(Api({"/v1/subscriptions": page(row)}), "subscription_items")
    assert [r.values["discount_percent"] for r in records] == [Decimal(10), None]


@pytest.mark.parametrize(("item_count", "expected"), [(1, 300), (2, None)])
def test_amount_off_an_item_counts_only_where_it_is_the_whole_subscription(
    item_count: int, expected: int | None
) -> None:
    items = [item(1, discounts=[discount(1, amount_off=300)]), item(2)][:item_count]
    _, records = fetch(
        Api({"/v1/subscriptions": page(subscription(*items))}), "subscription_items"
    )
    assert records[0].values["discount_amount_minor"] == expected


def test_single_discount_of_old_versions_is_read() -> None:
    row = subscription(item(1), discount=discount(1, percent_off=Decimal("12.5")))
    del row["discounts"]
    row = json.loads(json.dumps(row, default=float))
    values = only(
        Api({"/v1/subscriptions": page(row)}), "subscription_items", version=OLD
    )
    assert terms(values) == (Decimal("12.5"), None, None)


def test_coupon_under_source_is_read_or_looked_up_once() -> None:
    expanded = {
        "id": "di_1",
        "end": None,
        "source": {"type": "coupon", "coupon": coupon(percent_off=10)},
    }
    by_id = {"id": "di_2", "end": None, "source": {"type": "coupon", "coupon": "c2"}}
    row = subscription(
        item(1, discounts=[by_id]), item(2, discounts=[by_id]), discounts=[expanded]
    )
    api = Api(
        {"/v1/subscriptions": page(row), "/v1/coupons/c2": coupon(percent_off=50)}
    )
    _, records = fetch(api, "subscription_items", version=CLOVER)
    # 90 % × 50 % = 45 % left.
    assert [r.values["discount_percent"] for r in records] == [Decimal(55), Decimal(55)]
    assert len(api.queries("/v1/coupons/c2")) == 1
    (query,) = api.queries("/v1/subscriptions")
    assert ("expand[]", "data.discounts.source.coupon") in query


def event(number: int, subject: dict, **more: object) -> dict:
    return {
        "id": f"evt_{number}",
        "object": "event",
        "created": T0 + number,
        "type": "customer.subscription.updated",
        "api_version": "2025-08-27.basil",
        "livemode": True,
        "data": {"object": subject},
        **more,
    }


def test_event_is_one_row_per_item_and_moves_the_cursor() -> None:
    api = Api(
        {
            "/v1/events": page(
                event(5, subscription(item(1), item(2))),
                event(4, subscription(item(1))),
            )
        }
    )
    extract, records = fetch(
        api, "subscription_events", window=night(datetime(2026, 10, 30, tzinfo=UTC))
    )
    assert [(r.values["event_id"], r.values["item_id"]) for r in records] == [
        ("evt_5", "si_1"),
        ("evt_5", "si_2"),
        ("evt_4", "si_1"),
    ]
    first = records[0].values
    assert first["event_type"] == "customer.subscription.updated"
    assert first["occurred_at"] == datetime.fromtimestamp(T0 + 5, UTC)
    assert first["api_version"] == "2025-08-27.basil"
    assert json.loads(records[0].payload)["id"] == "evt_5"
    assert extract.new_cursor == datetime.fromtimestamp(T0 + 5, UTC).isoformat()
    assert not extract.is_full_list
    (query,) = api.queries("/v1/events")
    assert ("type", "customer.subscription.*") in query
    assert (
        "created[gte]",
        str(int(datetime(2026, 10, 30, tzinfo=UTC).timestamp())),
    ) in query
    assert ("created[lt]", str(int(END.timestamp()))) in query


@pytest.mark.parametrize("start", [None, datetime(2026, 8, 1, tzinfo=UTC)])
def test_events_are_asked_for_the_thirty_days_stripe_remembers(
    start: datetime | None, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api({})
    kept = "2026-08-01T00:00:00+00:00"
    extract, _ = fetch(api, "subscription_events", window=night(start), cursor=kept)
    oldest = datetime(2026, 10, 1, 19, tzinfo=UTC)
    assert extract.coverage[0].window_start == oldest
    assert ("created[gte]", str(int(oldest.timestamp()))) in api.queries("/v1/events")[
        0
    ]
    assert extract.new_cursor == kept
    warned = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert warned == (["history_unknown"] if start else [])


def test_gap_found_by_the_window_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    window = night(datetime(2026, 10, 1, 19, tzinfo=UTC), has_gap=True)
    fetch(Api({}), "subscription_events", window=window)
    assert [r.message for r in caplog.records] == ["history_unknown"]


def test_event_of_an_old_version_and_a_new_one_read_the_same() -> None:
    old = subscription(
        item(1, current_period_end=None),
        current_period_end=T0 + 900,
        cancel_at_period_end=True,
        discount=discount(1, percent_off=10),
    )
    new = subscription(
        item(1), cancel_at_period_end=True, discounts=[discount(1, percent_off=10)]
    )
    api = Api({"/v1/events": page(event(2, new), event(1, old, api_version=OLD))})
    _, records = fetch(api, "subscription_events")
    states = [
        {
            k: v
            for k, v in r.values.items()
            if k not in ("event_id", "occurred_at", "api_version")
        }
        for r in records
    ]
    assert states[0] == states[1]
    assert states[0]["discount_percent"] == 10
    assert states[0]["cancel_at"] == datetime.fromtimestamp(T0 + 900, UTC)


def test_discount_ids_in_events_are_looked_up_now_then_in_discount_events(
    caplog: pytest.LogCaptureFixture,
) -> None:
    payload = subscription(item(1), discounts=["di_1", "di_2", "di_3"])

    def events(request: httpx.Request) -> dict:
        if request.url.params["type"] == "customer.discount.*":
            gone = discount(2, percent_off=50)
            return page({"id": "evt_d", "data": {"object": gone}})
        return page(event(2, payload), event(1, payload))

    api = Api(
        {
            "/v1/events": events,
            "/v1/subscriptions/sub_1": subscription(
                item(1), discounts=[discount(1, percent_off=20)]
            ),
        }
    )
    _, records = fetch(api, "subscription_events")
    assert [r.values["discount_percent"] for r in records] == [Decimal(60), Decimal(60)]
    assert len(api.queries("/v1/subscriptions/sub_1")) == 1
    assert len(api.queries("/v1/events")) == 2
    assert {r.message for r in caplog.records} == {"discount_unknown"}


def test_items_an_event_leaves_out_are_read_as_they_are_now() -> None:
    api = Api(
        {
            "/v1/events": page(event(1, subscription(item(1), more_items=True))),
            "/v1/subscription_items": page(item(2)),
        }
    )
    _, records = fetch(api, "subscription_events")
    assert [r.values["item_id"] for r in records] == ["si_1", "si_2"]


def tax(amount: int, behavior: str = "exclusive") -> dict:
    return {"amount": amount, "tax_behavior": behavior}


def line(number: int, **more: object) -> dict:
    return {
        "id": f"il_{number}",
        "object": "line_item",
        "amount": 1000,
        "currency": "vnd",
        "description": "Pro",
        "quantity": 1,
        "livemode": True,
        "period": {"start": T0, "end": T0 + 100},
        "discount_amounts": [{"amount": 100, "discount": "di_1"}],
        "taxes": [tax(90)],
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "subscription": "sub_1",
                "subscription_item": "si_1",
                "proration": False,
            },
        },
        "pricing": {
            "type": "price_details",
            "price_details": {"price": "price_1", "product": "prod_1"},
        },
        **more,
    }


def invoice(*lines: dict, more_lines: bool = False, **more: object) -> dict:
    return {
        "id": "in_1",
        "object": "invoice",
        "number": "A-1",
        "customer": "cus_1",
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": "sub_1"},
        },
        "status": "paid",
        "currency": "vnd",
        "subtotal": 1000,
        "total": 990,
        "amount_paid": 990,
        "created": T0,
        "due_date": None,
        "livemode": True,
        "total_discount_amounts": [{"amount": 100, "discount": "di_1"}],
        "total_taxes": [tax(90)],
        "status_transitions": {
            "finalized_at": T0 + 1,
            "paid_at": T0 + 2,
            "voided_at": None,
            "marked_uncollectible_at": None,
        },
        "lines": page(*lines, has_more=more_lines),
        **more,
    }


def test_invoice_reads_the_same_before_and_after_the_new_tax_shape() -> None:
    new = only(Api({"/v1/invoices": page(invoice())}), "invoices")
    assert new == {
        "invoice_id": "in_1",
        "invoice_number": "A-1",
        "customer_id": "cus_1",
        "subscription_id": "sub_1",
        "status": "paid",
        "currency": "VND",
        "subtotal_minor": 1000,
        "discount_minor": 100,
        "tax_minor": 90,
        "total_minor": 990,
        "amount_paid_minor": 990,
        "created_at": datetime.fromtimestamp(T0, UTC),
        "finalized_at": datetime.fromtimestamp(T0 + 1, UTC),
        "due_at": None,
        "paid_at": datetime.fromtimestamp(T0 + 2, UTC),
        "voided_at": None,
        "uncollectible_at": None,
    }
    row = invoice(
        subscription="sub_1", total_tax_amounts=[{"amount": 90, "inclusive": False}]
    )
    del row["parent"], row["total_taxes"]
    assert only(Api({"/v1/invoices": page(row)}), "invoices", version=OLD) == new


def test_tax_a_price_includes_is_taken_out_before_tax_amounts() -> None:
    # 1,100 with 10 % inside, 110 off: total 990, of which tax 90; 1,010 − 110 + 90 = 990.
    row = invoice(
        subtotal=1100,
        total=990,
        total_taxes=[tax(90, "inclusive")],
        total_discount_amounts=[{"amount": 110}],
    )
    values = only(Api({"/v1/invoices": page(row)}), "invoices")
    assert values["subtotal_minor"] == 1010
    assert (
        values["subtotal_minor"] - values["discount_minor"] + values["tax_minor"]
        == values["total_minor"]
    )


def test_line_reads_the_same_in_both_shapes() -> None:
    new = only(Api({"/v1/invoices": page(invoice(line(1)))}), "invoice_lines")
    assert new == {
        "line_id": "il_1",
        "invoice_id": "in_1",
        "subscription_id": "sub_1",
        "item_id": "si_1",
        "product_id": "prod_1",
        "price_id": "price_1",
        "description": "Pro",
        "quantity": 1,
        "amount_minor": 1000,
        "discount_minor": 100,
        "tax_minor": 90,
        "currency": "VND",
        "service_starts_at": datetime.fromtimestamp(T0, UTC),
        "service_ends_at": datetime.fromtimestamp(T0 + 100, UTC),
        "is_proration": False,
    }
    old = line(
        1,
        subscription="sub_1",
        subscription_item="si_1",
        proration=False,
        price={"id": "price_1", "product": "prod_1"},
        tax_amounts=[{"amount": 90, "inclusive": False}],
    )
    del old["parent"], old["pricing"], old["taxes"]
    api = Api({"/v1/invoices": page(invoice(old))})
    assert only(api, "invoice_lines", version=OLD) == new


def test_one_off_line_has_no_subscription_and_may_be_a_proration() -> None:
    row = line(
        1,
        pricing=None,
        parent={
            "type": "invoice_item_details",
            "subscription_item_details": None,
            "invoice_item_details": {
                "invoice_item": "ii_1",
                "proration": True,
                "subscription": None,
            },
        },
    )
    values = only(Api({"/v1/invoices": page(invoice(row))}), "invoice_lines")
    assert values["is_proration"]
    assert (
        values["subscription_id"],
        values["item_id"],
        values["product_id"],
        values["price_id"],
    ) == (None, None, None, None)


def test_lines_beyond_the_embedded_ten_are_paged() -> None:
    api = Api(
        {
            "/v1/invoices": page(
                invoice(*(line(n) for n in range(1, 11)), more_lines=True)
            ),
            "/v1/invoices/in_1/lines": page(line(11), line(12)),
        }
    )
    _, records = fetch(api, "invoice_lines")
    assert [r.values["line_id"] for r in records] == [f"il_{n}" for n in range(1, 13)]
    assert ("starting_after", "il_10") in api.queries("/v1/invoices/in_1/lines")[0]
    assert json.loads(records[11].payload) == line(12)


def test_invoice_without_its_lines_is_refused() -> None:
    row = invoice()
    del row["lines"]
    with pytest.raises(ContractViolation, match="'lines' is absent"):
        fetch(Api({"/v1/invoices": page(row)}), "invoice_lines")


def credit_note(**more: object) -> dict:
    return {
        "id": "cn_1",
        "object": "credit_note",
        "invoice": "in_1",
        "customer": "cus_1",
        "subtotal": 500,
        "total": 440,
        "currency": "usd",
        "created": T0,
        "status": "issued",
        "voided_at": None,
        "reason": "duplicate",
        "livemode": True,
        **more,
    }


def test_credit_note_before_tax_is_total_without_tax_in_both_shapes() -> None:
    # 500 − 100 discount + 40 tax = 440: revenue falls by 400.
    new = credit_note(total_taxes=[tax(40)], refunds=[{"refund": "re_1"}])
    old = credit_note(tax_amounts=[{"amount": 40, "inclusive": False}], refund="re_1")
    first = only(Api({"/v1/credit_notes": page(new)}), "credit_notes")
    assert (first["subtotal_minor"], first["tax_minor"], first["total_minor"]) == (
        400,
        40,
        440,
    )
    assert first["refund_id"] == "re_1"
    assert only(Api({"/v1/credit_notes": page(old)}), "credit_notes") == first


def charge(**more: object) -> dict:
    return {
        "id": "ch_1",
        "object": "charge",
        "customer": "cus_1",
        "status": "succeeded",
        "amount": 990,
        "amount_refunded": 0,
        "currency": "vnd",
        "created": T0,
        "failure_code": None,
        "balance_transaction": "txn_1",
        "livemode": True,
        "payment_intent": "pi_1",
        **more,
    }


def invoice_payment(invoice_id: str, status: str, **payment: str) -> dict:
    return {
        "id": f"inpay_{invoice_id}",
        "invoice": invoice_id,
        "status": status,
        "payment": payment,
    }


def test_charge_is_linked_through_the_payment_of_its_invoice() -> None:
    links = page(
        invoice_payment("in_9", "open", type="payment_intent", payment_intent="pi_1"),
        invoice_payment("in_1", "paid", type="payment_intent", payment_intent="pi_1"),
        invoice_payment(
            "in_8", "canceled", type="payment_intent", payment_intent="pi_1"
        ),
    )
    api = Api({"/v1/charges": page(charge()), "/v1/invoice_payments": links})
    assert only(api, "charges")["invoice_id"] == "in_1"
    direct = page(invoice_payment("in_2", "paid", type="charge", charge="ch_1"))
    api = Api(
        {
            "/v1/charges": page(charge(payment_intent=None)),
            "/v1/invoice_payments": direct,
        }
    )
    assert only(api, "charges")["invoice_id"] == "in_2"


def test_charge_of_an_old_version_names_its_invoice() -> None:
    api = Api({"/v1/charges": page(charge(invoice="in_1"))})
    assert only(api, "charges", version=OLD)["invoice_id"] == "in_1"
    assert not api.queries("/v1/invoice_payments")


def test_failed_charge_without_ledger_line_and_refund() -> None:
    api = Api(
        {
            "/v1/charges": page(
                charge(
                    status="failed",
                    failure_code="card_declined",
                    balance_transaction=None,
                )
            )
        }
    )
    values = only(api, "charges")
    assert (
        values["failure_code"],
        values["balance_transaction_id"],
        values["invoice_id"],
    ) == ("card_declined", None, None)
    refund = {
        "id": "re_1",
        "charge": "ch_1",
        "amount": 10,
        "currency": "kwd",
        "created": T0,
        "status": "succeeded",
        "reason": None,
        "balance_transaction": "txn_2",
    }
    values = only(Api({"/v1/refunds": page(refund)}), "refunds")
    assert (values["refund_id"], values["currency"], values["amount_minor"]) == (
        "re_1",
        "KWD",
        10,
    )


def test_a_dispute_says_what_it_took_and_when_it_came_back() -> None:
    """Stripe's dispute has no closing date: its ledger lines say when money returned."""
    taken = {"id": "txn_1", "amount": -500, "fee": 15, "created": T0}
    back = {"id": "txn_2", "amount": 500, "fee": 0, "created": T0 + 86_400}
    dispute = {
        "id": "du_1",
        "charge": {"id": "ch_1"},
        "status": "won",
        "reason": "fraudulent",
        "amount": 500,
        "currency": "usd",
        "created": T0,
        "livemode": True,
        "balance_transactions": [taken, back],
    }
    values = only(Api({"/v1/disputes": page(dispute)}), "disputes")
    assert values["charge_id"] == "ch_1"
    assert (values["amount_minor"], values["fee_minor"]) == (500, 15)
    assert values["reinstated_at"] == datetime.fromtimestamp(T0 + 86_400, UTC)
    lost = {**dispute, "status": "lost", "balance_transactions": [taken]}
    assert only(Api({"/v1/disputes": page(lost)}), "disputes")["reinstated_at"] is None


def test_a_payout_is_known_by_the_banks_own_reference() -> None:
    payout = {
        "id": "po_1",
        "status": "in_transit",
        "amount": 1070,
        "currency": "vnd",
        "created": T0,
        "arrival_date": T0 + 86_400 * 2,
        "livemode": True,
        "balance_transaction": "txn_9",
        "statement_descriptor": "ACME",
        "trace_id": {"status": "supported", "value": "REF-1"},
    }
    values = only(Api({"/v1/payouts": page(payout)}), "payouts")
    assert values["bank_reference"] == "REF-1"
    assert values["arrives_on"] == datetime.fromtimestamp(T0 + 86_400 * 2, UTC).date()
    pending = {**payout, "trace_id": None}
    values = only(Api({"/v1/payouts": page(pending)}), "payouts")
    assert values["bank_reference"] == "ACME"


def test_ledger_lines_are_read_by_creation_with_exact_rates() -> None:
    row = {
        "id": "txn_1",
        "created": T0,
        "available_on": T0 + 86_400 * 2,
        "type": "charge",
        "reporting_category": "charge",
        "amount": 990,
        "fee": 30,
        "net": 960,
        "currency": "usd",
        "exchange_rate": "RATE",
        "source": "ch_1",
    }
    text = json.dumps(page(row)).replace('"RATE"', "0.1234567890123456789")
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, text=text)

    start = datetime(2026, 10, 30, tzinfo=UTC)
    extract, (record,) = fetch(
        handler,
        "balance_transactions",
        window=night(start),
    )
    assert record.values["exchange_rate"] == Decimal("0.1234567890123456789")
    assert '"exchange_rate":0.1234567890123456789' in record.payload
    assert (
        record.values["available_on"]
        == datetime.fromtimestamp(T0 + 86_400 * 2, UTC).date()
    )
    assert dict(requests[0].url.params)["created[gte]"] == str(int(start.timestamp()))
    assert extract.new_cursor == datetime.fromtimestamp(T0, UTC).isoformat()
    assert not extract.is_full_list
