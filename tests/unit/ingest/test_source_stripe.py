"""Stripe connector: lists, products, prices and customers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.errors import ContractViolation, FatalSourceError, TruncatedExtract
from tests.unit.ingest.stripe_api import (
    T0,
    Api,
    fetch,
    only,
    page,
)


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
