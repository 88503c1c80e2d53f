"""Stripe's charges, refunds, disputes, payouts, ledger and invoice payments as JSON.

Belongs here: cash and what ties it to invoices, as docs.stripe.com/api lists it (read
2026-09). Stays out: the invoices themselves (`stripe_invoices`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ingest.sandbox.vendors.stripe_shapes import (
    Books,
    Json,
    Shape,
    epoch,
    lower,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.sandbox.model import Fields


def payment_intent_id(charge: Fields) -> str:
    """Return the payment intent of a charge: one per invoice, however often it was tried."""
    source = charge.get("invoice_id") or charge["charge_id"]
    return f"pi_{str(source).partition('_')[2]}"


def render_charge(state: Fields, books: Books) -> Json:
    """Return a charge; since 2025-03-31 it no longer names its invoice."""
    amount = whole(state.get("amount_minor"))
    refunded = whole(state.get("amount_refunded_minor"))
    good = state["status"] == "succeeded"
    row: Json = {
        "id": state["charge_id"],
        "object": "charge",
        "amount": amount,
        "amount_captured": amount if good else 0,
        "amount_refunded": refunded,
        "balance_transaction": state.get("balance_transaction_id"),
        "captured": good,
        "created": epoch(state["created_at"]),
        "currency": lower(state["currency"]),
        "customer": state.get("customer_id"),
        "description": None,
        "disputed": bool(state.get("is_disputed")),
        "failure_code": state.get("failure_code"),
        "failure_message": None,
        "livemode": books.livemode,
        "metadata": {},
        "paid": good,
        "payment_intent": payment_intent_id(state),
        "payment_method": None,
        "refunded": good and refunded == amount and amount > 0,
        "status": state["status"],
    }
    if books.shape is Shape.CLASSIC:
        row["invoice"] = state.get("invoice_id")
    return row


def render_refund(state: Fields, books: Books) -> Json:
    """Return a refund; Stripe gives it no livemode."""
    charge = books.charges.get(str(state["charge_id"]))
    return {
        "id": state["refund_id"],
        "object": "refund",
        "amount": state["amount_minor"],
        "balance_transaction": state.get("balance_transaction_id"),
        "charge": state["charge_id"],
        "created": epoch(state["created_at"]),
        "currency": lower(state["currency"]),
        "destination_details": None,
        "metadata": {},
        "payment_intent": payment_intent_id(charge) if charge else None,
        "reason": state.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": state["status"],
        "transfer_reversal": None,
    }


def render_balance_transaction(state: Fields, _books: Books) -> Json:
    """Return a balance transaction; Stripe gives it no livemode."""
    fee = whole(state.get("fee_minor"))
    currency = lower(state["currency"])
    details = {"amount": fee, "application": None, "currency": currency}
    rate = state.get("exchange_rate")
    return {
        "id": state["transaction_id"],
        "object": "balance_transaction",
        "amount": state["amount_minor"],
        "available_on": epoch(state.get("available_on")),
        "created": epoch(state["created_at"]),
        "currency": currency,
        "description": None,
        "exchange_rate": None if rate is None else Decimal(str(rate)),
        "fee": fee,
        "fee_details": [{**details, "description": "fees", "type": "stripe_fee"}]
        if fee
        else [],
        "net": state["net_minor"],
        "reporting_category": state["reporting_category"],
        "source": state.get("source_id"),
        "status": "available",
        "type": state["type"],
    }


def render_invoice_payment(charges: Sequence[Fields], books: Books) -> Json:
    """Return the payment of an invoice: all its charges are tries of one intent."""
    first, last = charges[0], charges[-1]
    good = next((one for one in charges if one["status"] == "succeeded"), None)
    return {
        "id": f"inpay_{str(first['invoice_id']).partition('_')[2]}",
        "object": "invoice_payment",
        "amount_paid": good["amount_minor"] if good else None,
        "amount_requested": last["amount_minor"],
        "created": epoch(first["created_at"]),
        "currency": lower(first["currency"]),
        "invoice": first["invoice_id"],
        "is_default": True,
        "livemode": books.livemode,
        "payment": {
            "payment_intent": payment_intent_id(first),
            "type": "payment_intent",
        },
        "status": "paid" if good else "open",
        "status_transitions": {
            "canceled_at": None,
            "paid_at": epoch(good["created_at"]) if good else None,
        },
    }


def render_dispute(state: Fields, books: Books) -> Json:
    """Return a dispute with the ledger lines that took the money and gave it back."""
    charge = books.charges.get(str(state["charge_id"]))
    lines = [
        render_balance_transaction(line, books)
        for line in books.transactions.values()
        if line.get("source_id") == state["dispute_id"]
    ]
    return {
        "id": state["dispute_id"],
        "object": "dispute",
        "amount": state["amount_minor"],
        "balance_transactions": sorted(lines, key=lambda row: str(row["created"])),
        "charge": state["charge_id"],
        "created": epoch(state["created_at"]),
        "currency": lower(state["currency"]),
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {},
        "is_charge_refundable": False,
        "livemode": books.livemode,
        "metadata": {},
        "payment_intent": payment_intent_id(charge) if charge else None,
        "payment_method_details": None,
        "reason": state["reason"],
        "status": state["status"],
    }


def render_payout(state: Fields, books: Books) -> Json:
    """Return a payout."""
    return {
        "id": state["payout_id"],
        "object": "payout",
        "amount": state["amount_minor"],
        "arrival_date": epoch(state["arrives_on"]),
        "automatic": True,
        "balance_transaction": state["balance_transaction_id"],
        "created": epoch(state["created_at"]),
        "currency": lower(state["currency"]),
        "description": "STRIPE PAYOUT",
        "destination": "ba_1",
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": books.livemode,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "reconciliation_status": "completed",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": state["status"],
        "trace_id": {"status": "supported", "value": state["bank_reference"]},
        "type": "bank_account",
    }
