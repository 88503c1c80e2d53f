"""Stripe's invoices, lines and credit notes as JSON (docs.stripe.com/api, read 2026-09).

Belongs here: what is billed and taken back. Stays out: how it is paid (`stripe_payments`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ingest.sandbox.vendors.stripe_catalogue import render_price
from ingest.sandbox.vendors.stripe_shapes import (
    Books,
    Json,
    Shape,
    discount_amounts,
    epoch,
    lower,
    sublist,
    tax_amounts,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.sandbox.model import Fields


def render_invoice(state: Fields, books: Books) -> Json:
    """Return an invoice with its first lines."""
    identity = str(state["invoice_id"])
    lines = render_lines(state, books)
    total, paid = (
        whole(state.get("total_minor")),
        whole(state.get("amount_paid_minor")),
    )
    tax, discount = whole(state.get("tax_minor")), whole(state.get("discount_minor"))
    subtotal = whole(state.get("subtotal_minor"))
    subscription = state.get("subscription_id")
    discount_key = books.discounts.get(str(subscription))
    starts = [line.get("service_starts_at") for line in _lines_of(state)]
    row: Json = {
        "id": identity,
        "object": "invoice",
        "account_country": "VN",
        "amount_due": total,
        "amount_paid": paid,
        "amount_remaining": total - paid,
        "attempt_count": 1 if paid else 0,
        "attempted": bool(paid),
        "auto_advance": state["status"] == "draft",
        "billing_reason": "subscription_cycle" if subscription else "manual",
        "collection_method": "charge_automatically",
        "created": epoch(state["created_at"]),
        "currency": lower(state["currency"]),
        "customer": state["customer_id"],
        "description": None,
        "discounts": [discount_key] if discount else [],
        "due_date": epoch(state.get("due_at")),
        "effective_at": epoch(state.get("finalized_at")),
        "lines": sublist(lines, f"/v1/invoices/{identity}/lines"),
        "livemode": books.livemode,
        "metadata": {},
        "number": state.get("invoice_number"),
        "period_end": epoch(state["created_at"]),
        "period_start": epoch(starts[0] if starts else state["created_at"]),
        "starting_balance": 0,
        "status": state["status"],
        "status_transitions": {
            "finalized_at": epoch(state.get("finalized_at")),
            "marked_uncollectible_at": epoch(state.get("uncollectible_at")),
            "paid_at": epoch(state.get("paid_at")),
            "voided_at": epoch(state.get("voided_at")),
        },
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": discount_amounts(discount, discount_key),
        "total_excluding_tax": total - tax,
    }
    if books.shape is Shape.CLASSIC:
        charge = books.newest_charges.get(identity)
        return {
            **row,
            "charge": charge,
            "paid": state["status"] == "paid",
            "payment_intent": f"pi_{identity.partition('_')[2]}" if charge else None,
            "subscription": subscription,
            "tax": tax,
            "total_tax_amounts": tax_amounts(tax, total - tax, Shape.CLASSIC),
        }
    parent: Json | None = None
    if subscription:
        details = {"metadata": {}, "subscription": subscription}
        parent = {
            "quote_details": None,
            "subscription_details": details,
            "type": "subscription_details",
        }
    return {
        **row,
        "parent": parent,
        "total_taxes": tax_amounts(tax, total - tax, books.shape),
    }


def render_lines(invoice: Fields, books: Books) -> list[Json]:
    """Return all lines of an invoice, in the invoice's order."""
    return [_render_line(line, invoice, books) for line in _lines_of(invoice)]


def _render_line(line: Fields, invoice: Fields, books: Books) -> Json:
    """Return one invoice line."""
    amount, tax = whole(line.get("amount_minor")), whole(line.get("tax_minor"))
    discount = whole(line.get("discount_minor"))
    subscription, item = line.get("subscription_id"), line.get("item_id")
    proration = bool(line.get("is_proration"))
    discount_key = books.discounts.get(str(subscription))
    quantity = line.get("quantity")
    row: Json = {
        "id": line["line_id"],
        "object": "line_item",
        "amount": amount,
        "currency": lower(line.get("currency") or invoice["currency"]),
        "description": line.get("description"),
        "discount_amounts": discount_amounts(discount, discount_key),
        "discountable": not proration,
        "discounts": [discount_key] if discount else [],
        "invoice": invoice["invoice_id"],
        "livemode": books.livemode,
        "metadata": {},
        "period": {
            "end": epoch(line.get("service_ends_at")),
            "start": epoch(line.get("service_starts_at")),
        },
        "quantity": quantity,
        "subscription": subscription,
    }
    taxable = amount - discount
    price_id = line.get("price_id")
    if books.shape is Shape.CLASSIC:
        price = books.prices.get(str(price_id)) if price_id else None
        row |= {
            "price": render_price(price, books) if price else None,
            "proration": proration,
            "tax_amounts": tax_amounts(tax, taxable, Shape.CLASSIC),
            "tax_rates": [],
            "type": "subscription" if item and not proration else "invoiceitem",
        }
        if item:
            row["subscription_item"] = item
        return row
    details: Json = {"invoice_item": None, "proration": proration}
    details |= {"proration_details": None, "subscription": subscription}
    by_item = bool(item)
    unit = None if not quantity else Decimal(amount) / Decimal(str(quantity))
    return {
        **row,
        "parent": {
            "invoice_item_details": None if by_item else details,
            "subscription_item_details": {**details, "subscription_item": item}
            if by_item
            else None,
            "type": "subscription_item_details" if by_item else "invoice_item_details",
        },
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price_id, "product": line.get("product_id")},
            "type": "price_details",
            "unit_amount_decimal": None if unit is None else f"{unit.normalize():f}",
        }
        if price_id
        else None,
        "taxes": tax_amounts(tax, taxable, books.shape),
    }


def render_credit_note(state: Fields, books: Books) -> Json:
    """Return a credit note."""
    total, tax = whole(state.get("total_minor")), whole(state.get("tax_minor"))
    subtotal = whole(state.get("subtotal_minor"))
    refund = state.get("refund_id")
    identity = str(state["credit_note_id"])
    row: Json = {
        "id": identity,
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": epoch(state["created_at"]),
        "currency": lower(state["currency"]),
        "customer": state["customer_id"],
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": epoch(state["created_at"]),
        "invoice": state["invoice_id"],
        "lines": sublist([], f"/v1/credit_notes/{identity}/lines"),
        "livemode": books.livemode,
        "memo": None,
        "metadata": {},
        "number": f"CN-{identity.partition('_')[2][-6:]}",
        "out_of_band_amount": None,
        "reason": state.get("reason"),
        "shipping_cost": None,
        "status": state["status"],
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_excluding_tax": total - tax,
        "type": "post_payment" if refund else "pre_payment",
        "voided_at": epoch(state.get("voided_at")),
    }
    if books.shape is Shape.CLASSIC:
        taxes = tax_amounts(tax, subtotal, Shape.CLASSIC)
        return {**row, "refund": refund, "tax_amounts": taxes}
    refunds = []
    if refund:
        amount = books.refunds[str(refund)]["amount_minor"]
        refunds = [
            {
                "amount_refunded": amount,
                "payment_record_refund": None,
                "refund": refund,
                "type": "refund",
            }
        ]
    return {
        **row,
        "post_payment_amount": total if refund else 0,
        "pre_payment_amount": 0 if refund else total,
        "pretax_credit_amounts": [],
        "refunds": refunds,
        "total_taxes": tax_amounts(tax, subtotal, books.shape),
    }


def _lines_of(invoice: Fields) -> Sequence[Fields]:
    """Return the lines of an invoice."""
    return invoice.get("lines") or ()
