"""Stripe connector: subscription items, their discounts, and the events that change them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.ingest.stripe_api import (
    CLOVER,
    END,
    OLD,
    T0,
    Api,
    fetch,
    night,
    only,
    page,
)

if TYPE_CHECKING:
    import httpx


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
