"""The Stripe rendering keeps the real API's rules, on an account small enough to see."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from ingest.sandbox.model import Fields, StripeAccount, Version, Versioned
from ingest.sandbox.vendors.stripe import StripeApi
from ingest.sandbox.wire import ApiAnswer, ApiRequest

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CLASSIC, BASIL, CLOVER = "2024-06-20", "2025-03-31.basil", "2025-09-30.clover"
COLLECTIONS = (
    "customers",
    "products",
    "prices",
    "coupons",
    "subscriptions",
    "invoices",
    "charges",
    "refunds",
    "credit_notes",
    "balance_transactions",
)
ITEM = {
    "item_id": "si_1",
    "price_id": "price_1",
    "product_id": "prod_1",
    "currency": "VND",
    "unit_amount_minor": 190000,
    "quantity": 5,
    "interval": "month",
    "interval_count": 1,
    "usage_type": "licensed",
    "current_period_start": T0,
    "current_period_end": T0 + timedelta(days=31),
}
SUBSCRIPTION = {
    "subscription_id": "sub_1",
    "customer_id": "cus_1",
    "status": "active",
    "created_at": T0,
    "started_at": T0,
    "coupon_id": "TET",
    "currency": "VND",
    "discount_ends_at": None,
    "opportunity_id": "77",
    "items": (ITEM,),
}
COUPON = {
    "coupon_id": "TET",
    "percent_off": 20,
    "duration": "forever",
    "created_at": T0,
}
LINE = {
    "line_id": "il_0",
    "invoice_id": "in_1",
    "subscription_id": "sub_1",
    "item_id": "si_1",
    "product_id": "prod_1",
    "price_id": "price_1",
    "quantity": 5,
    "amount_minor": 950000,
    "discount_minor": 190000,
    "tax_minor": 76000,
    "currency": "VND",
    "service_starts_at": T0,
    "service_ends_at": NOW,
    "is_proration": False,
}
INVOICE = {
    "invoice_id": "in_1",
    "invoice_number": None,
    "customer_id": "cus_1",
    "subscription_id": "sub_1",
    "status": "open",
    "currency": "VND",
    "subtotal_minor": 950000,
    "discount_minor": 190000,
    "tax_minor": 76000,
    "total_minor": 836000,
    "amount_paid_minor": 0,
    "created_at": T0,
    "lines": (LINE,),
}
CHARGE = {
    "charge_id": "ch_1",
    "customer_id": "cus_1",
    "invoice_id": "in_1",
    "status": "succeeded",
    "amount_minor": 836000,
    "amount_refunded_minor": 0,
    "currency": "VND",
    "created_at": T0,
    "balance_transaction_id": "txn_1",
}


def one(identity: str, fields: Fields, at: datetime = T0) -> Versioned:
    return Versioned(identity, (Version(at, fields),))


def account(**parts: tuple[Versioned, ...]) -> StripeAccount:
    empty: dict[str, tuple[Versioned, ...]] = dict.fromkeys(COLLECTIONS, ())
    return StripeAccount(
        name="stripe_vn",
        account_id="acct_1",
        currency="VND",
        legal_entity="acme_vn",
        **{**empty, **parts},
    )


SOLD = account(
    coupons=(one("TET", COUPON),),
    subscriptions=(one("sub_1", SUBSCRIPTION),),
    invoices=(one("in_1", INVOICE),),
    charges=(
        one("ch_0", {**CHARGE, "charge_id": "ch_0", "status": "failed"}),
        one("ch_1", {**CHARGE, "created_at": T0 + timedelta(days=1)}),
    ),
)


def ask(
    where: StripeAccount,
    path: str,
    version: str = BASIL,
    *,
    now: datetime = NOW,
    authorization: str = "Bearer sk",
    **query: str,
) -> ApiAnswer:
    names = {
        name.replace("__", "[") + "]" * ("__" in name): v for name, v in query.items()
    }
    request = ApiRequest(
        method="GET",
        path=path,
        query_text=urlencode(names),
        headers={"authorization": authorization, "stripe-version": version},
        body=b"",
        base_url="http://x/stripe_vn",
    )
    return StripeApi(where, default_version=CLASSIC).answer(request, now)


def rows(answer: ApiAnswer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.payload
    return answer.payload["data"]


def live(answer: ApiAnswer) -> dict[str, Any]:
    return next(row for row in rows(answer) if row["livemode"])


def customers(count: int) -> StripeAccount:
    made = (
        {"customer_id": f"cus_{n:03}", "created_at": T0 + timedelta(hours=n)}
        for n in range(count)
    )
    return account(customers=tuple(one(str(c["customer_id"]), c) for c in made))


def test_without_a_key_the_body_is_stripes() -> None:
    answer = ask(SOLD, "/v1/customers", authorization="")
    assert answer.status == 401
    assert answer.payload["error"]["type"] == "invalid_request_error"


def test_lists_run_newest_first_by_cursor_and_range() -> None:
    where = customers(25)
    first = ask(where, "/v1/customers")
    shown = [row["id"] for row in rows(first) if row["livemode"]]
    assert (len(rows(first)), shown[0]) == (10, "cus_024")
    assert first.payload["has_more"] is True
    rest = ask(where, "/v1/customers", limit="100", starting_after="cus_002")
    assert [r["id"] for r in rows(rest) if r["livemode"]] == ["cus_001", "cus_000"]
    assert rest.payload["has_more"] is False
    bounds = {"created__gte": str(int(T0.timestamp()) + 3600)}
    bounds["created__lt"] = str(int(T0.timestamp()) + 3 * 3600)
    ranged = rows(ask(where, "/v1/customers", **bounds))
    assert [row["id"] for row in ranged if row["livemode"]] == ["cus_002", "cus_001"]


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/v1/customers", {"limit": "101"}, 400, "parameter_invalid_integer"),
        ("/v1/customers", {"starting_after": "cus_no"}, 400, "resource_missing"),
        ("/v1/customers", {"updated__gte": "1"}, 400, "parameter_unknown"),
        ("/v1/invoices/in_no", {}, 404, "resource_missing"),
        ("/v1/invoices/in_no/lines", {}, 404, "resource_missing"),
        ("/v1/subscription_items", {}, 400, "parameter_missing"),
    ],
)
def test_refusals_carry_stripes_code(
    path: str, query: dict[str, str], status: int, code: str
) -> None:
    answer = ask(SOLD, path, **query)
    assert answer.status == status
    assert answer.payload["error"]["code"] == code


def test_test_mode_twins_are_told_apart_by_livemode_only() -> None:
    modes = {row["id"]: row["livemode"] for row in rows(ask(SOLD, "/v1/invoices"))}
    assert modes == {"in_1": True, "in_1Test": False}
    lines = rows(ask(SOLD, "/v1/invoices/in_1Test/lines"))
    assert [(line["id"], line["livemode"]) for line in lines] == [("il_0Test", False)]


def test_cancelled_subscriptions_need_status_all() -> None:
    ended = one(
        "sub_2", {**SUBSCRIPTION, "subscription_id": "sub_2", "status": "canceled"}
    )
    where = account(coupons=SOLD.coupons, subscriptions=(ended,))
    assert rows(ask(where, "/v1/subscriptions")) == []
    assert live(ask(where, "/v1/subscriptions", status="all"))["id"] == "sub_2"


def test_periods_move_to_items_and_discount_becomes_a_list_of_ids() -> None:
    classic = live(ask(SOLD, "/v1/subscriptions", CLASSIC))
    start, end = int(T0.timestamp()), int((T0 + timedelta(days=31)).timestamp())
    assert (classic["current_period_start"], classic["current_period_end"]) == (
        start,
        end,
    )
    assert classic["discount"]["coupon"]["percent_off"] == 20
    basil = live(ask(SOLD, "/v1/subscriptions", BASIL))
    assert "current_period_end" not in basil
    assert "discount" not in basil
    assert basil["items"]["data"][0]["current_period_end"] == end
    assert basil["discounts"] == [classic["discount"]["id"]]
    assert basil["metadata"] == {"crm_deal_id": "77"}


def test_the_coupon_leaves_the_discount_with_clover() -> None:
    query = {"expand__": "data.discounts"}
    basil = live(ask(SOLD, "/v1/subscriptions", BASIL, **query))["discounts"][0]
    assert basil["coupon"]["id"] == "TET"
    clover = live(ask(SOLD, "/v1/subscriptions", CLOVER, **query))["discounts"][0]
    assert clover["source"] == {"coupon": "TET", "type": "coupon"}
    assert "coupon" not in clover
    deep = {"expand__": "data.discounts.source.coupon"}
    expanded = live(ask(SOLD, "/v1/subscriptions", CLOVER, **deep))["discounts"][0]
    assert expanded["source"]["coupon"]["percent_off"] == 20


@pytest.mark.parametrize("path", ["data.metadata", "data.nothing", "discounts"])
def test_what_cannot_be_expanded_is_refused(path: str) -> None:
    answer = ask(SOLD, "/v1/subscriptions", expand__=path)
    if path == "data.metadata":  # already an object: nothing to do
        assert answer.status == 200
        return
    assert answer.status == 400
    assert "cannot be expanded" in answer.payload["error"]["message"]


def test_expansion_leaves_the_next_answer_alone() -> None:
    api_rows = [ask(SOLD, "/v1/subscriptions", expand__="data.discounts")]
    assert isinstance(live(api_rows[0])["discounts"][0], dict)
    assert isinstance(live(ask(SOLD, "/v1/subscriptions"))["discounts"][0], str)


def test_invoice_links_and_taxes_in_both_shapes() -> None:
    classic = live(ask(SOLD, "/v1/invoices", CLASSIC))
    assert (classic["subscription"], classic["tax"], classic["charge"]) == (
        "sub_1",
        76000,
        "ch_1",
    )
    basil = live(ask(SOLD, "/v1/invoices", BASIL))
    assert not {"subscription", "tax", "charge", "payment_intent"} & set(basil)
    assert basil["parent"]["subscription_details"]["subscription"] == "sub_1"
    assert [tax["amount"] for tax in basil["total_taxes"]] == [76000]
    assert basil["number"] is None
    old, new = classic["lines"]["data"][0], basil["lines"]["data"][0]
    assert (old["subscription_item"], old["proration"]) == ("si_1", False)
    parent = new["parent"]["subscription_item_details"]
    assert (parent["subscription_item"], parent["proration"]) == ("si_1", False)
    assert new["pricing"]["price_details"] == {"price": "price_1", "product": "prod_1"}
    assert [d["amount"] for d in new["discount_amounts"]] == [190000]


def test_embedded_lines_stop_at_ten() -> None:
    lines = tuple({**LINE, "line_id": f"il_{n:02}"} for n in range(12))
    where = account(invoices=(one("in_1", {**INVOICE, "lines": lines}),))
    embedded = live(ask(where, "/v1/invoices"))["lines"]
    assert (len(embedded["data"]), embedded["has_more"]) == (10, True)
    assert embedded["url"] == "/v1/invoices/in_1/lines"
    rest = rows(ask(where, embedded["url"], starting_after="il_09"))
    assert [line["id"] for line in rest] == ["il_10", "il_11"]


def test_a_charge_finds_its_invoice_through_the_payment_since_basil() -> None:
    assert live(ask(SOLD, "/v1/charges", CLASSIC))["invoice"] == "in_1"
    tries = [r for r in rows(ask(SOLD, "/v1/charges", BASIL)) if r["livemode"]]
    assert all("invoice" not in charge for charge in tries)
    intents = {charge["payment_intent"] for charge in tries}
    payments = rows(ask(SOLD, "/v1/invoice_payments", BASIL))
    assert [p["payment"]["payment_intent"] for p in payments] == list(intents)
    assert (payments[0]["invoice"], payments[0]["status"]) == ("in_1", "paid")
    expanded = live(ask(SOLD, "/v1/invoices", BASIL, expand__="data.payments"))
    assert expanded["payments"]["data"] == payments


def test_money_rows_without_livemode_stay_without() -> None:
    transaction = {
        "transaction_id": "txn_1",
        "created_at": T0,
        "available_on": date(2026, 1, 3),
        "type": "charge",
        "reporting_category": "charge",
        "amount_minor": 836000,
        "fee_minor": 0,
        "net_minor": 836000,
        "currency": "VND",
    }
    where = account(balance_transactions=(one("txn_1", transaction),))
    row = rows(ask(where, "/v1/balance_transactions"))[0]
    assert "livemode" not in row
    assert row["available_on"] == int(datetime(2026, 1, 3, tzinfo=UTC).timestamp())
    assert (row["currency"], row["net"]) == ("vnd", 836000)


def test_a_refund_of_a_credit_note_becomes_a_list() -> None:
    refund = {
        "refund_id": "re_1",
        "charge_id": "ch_1",
        "amount_minor": 100,
        "currency": "USD",
        "created_at": T0,
        "status": "succeeded",
    }
    note = {
        "credit_note_id": "cn_1",
        "invoice_id": "in_1",
        "customer_id": "cus_1",
        "subtotal_minor": 90,
        "tax_minor": 10,
        "total_minor": 100,
        "currency": "USD",
        "created_at": T0,
        "status": "issued",
        "refund_id": "re_1",
    }
    where = account(refunds=(one("re_1", refund),), credit_notes=(one("cn_1", note),))
    assert rows(ask(where, "/v1/credit_notes", CLASSIC))[0]["refund"] == "re_1"
    basil = rows(ask(where, "/v1/credit_notes", BASIL))[0]
    assert "refund" not in basil
    assert [r["refund"] for r in basil["refunds"]] == ["re_1"]


def test_a_deleted_customer_is_a_stub_beside_the_list() -> None:
    gone = {"customer_id": "cus_1", "created_at": T0, "customer_name": "A"}
    record = Versioned(
        "cus_1",
        (Version(T0, gone), Version(NOW, {**gone, "is_deleted": True})),
    )
    where = account(customers=(record,))
    assert rows(ask(where, "/v1/customers")) == []
    stub = {"id": "cus_1", "object": "customer", "deleted": True}
    assert ask(where, "/v1/customers/cus_1").payload == stub
    event = rows(ask(where, "/v1/events", type="customer.deleted"))[0]
    assert event["data"]["object"]["name"] == "A"


def test_events_reach_back_thirty_days_in_the_accounts_own_version() -> None:
    old = NOW - timedelta(days=31)
    new = NOW - timedelta(days=29)
    states = (
        Version(old, SUBSCRIPTION),
        Version(new, {**SUBSCRIPTION, "coupon_id": None, "status": "past_due"}),
    )
    where = account(coupons=SOLD.coupons, subscriptions=(Versioned("sub_1", states),))
    found = rows(ask(where, "/v1/events", BASIL))
    assert [(e["type"], e["api_version"]) for e in found] == [
        ("customer.discount.deleted", CLASSIC),
        ("customer.subscription.updated", CLASSIC),
    ]
    change = found[1]
    assert change["created"] == int(new.timestamp())
    # The payload is in the old shape although the request asked for the new one.
    assert "current_period_end" in change["data"]["object"]
    assert change["data"]["previous_attributes"]["status"] == "active"
    filtered = rows(ask(where, "/v1/events", type="customer.subscription.*"))
    assert [event["id"] for event in filtered] == [change["id"]]


def test_tiered_and_metered_have_no_amount_and_no_quantity() -> None:
    price = {
        "price_id": "price_1",
        "product_id": "prod_1",
        "unit_amount_minor": None,
        "currency": "VND",
        "interval": "month",
        "interval_count": 1,
        "usage_type": "metered",
        "billing_scheme": "tiered",
        "created_at": T0,
    }
    item = {**ITEM, "quantity": None}
    where = account(
        prices=(one("price_1", price),),
        subscriptions=(
            one("sub_1", {**SUBSCRIPTION, "coupon_id": None, "items": (item,)}),
        ),
    )
    shown = live(ask(where, "/v1/subscriptions"))["items"]["data"][0]
    assert "quantity" not in shown
    assert (shown["price"]["unit_amount"], shown["price"]["tiers_mode"]) == (
        None,
        "graduated",
    )
