"""Stripe connector: invoices, credit notes, payments and the ledger, old and new shapes alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from ingest.errors import ContractViolation
from tests.unit.ingest.stripe_api import (
    OLD,
    T0,
    Api,
    fetch,
    night,
    only,
    page,
)


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
