"""Stripe's JSON for the company's billing records, in the shapes of three API versions.

Belongs here: one function per object, field by field as docs.stripe.com/api lists them (read
2026-09), and what moved between versions. Stays out: lists, paging, expansion, events and
errors (`stripe`).

Shapes: before 2025-03-31 periods, invoice links and taxes sit where they always sat; `basil`
(2025-03-31) moves periods to items, drops `invoice` from charges, replaces tax and line
fields and turns `refund` of a credit note into `refunds`; `clover` (2025-09-30) replaces
`coupon` of a discount by `source`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ingest.sandbox.vendors.render import to_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.sandbox.model import Fields

Json = dict[str, object]

SUBLIST_LENGTH: Final = 10
"""Rows an embedded list shows; the rest has its own page."""


class Shape(IntEnum):
    """Generation of API versions that share a shape."""

    CLASSIC = 0
    BASIL = 1
    CLOVER = 2


def shape_of(version: str) -> Shape:
    """Return the generation an API version belongs to, by its date."""
    if version < "2025-03-31":
        return Shape.CLASSIC
    return Shape.BASIL if version < "2025-09-30" else Shape.CLOVER


@dataclass(frozen=True)
class Books:
    """What rendering one object needs to know of the others, at one instant."""

    shape: Shape
    livemode: bool
    prices: Mapping[str, Fields]
    coupons: Mapping[str, Fields]
    refunds: Mapping[str, Fields]
    charges: Mapping[str, Fields]
    newest_charges: Mapping[str, str]
    """Invoice to the id of its newest charge."""
    discounts: Mapping[str, str]
    """Subscription to the id of the newest discount it ever had."""


def epoch(value: object) -> int | None:
    """Return an instant as epoch seconds, a day as its first UTC second; blank stays blank."""
    if isinstance(value, datetime):
        return to_epoch(value)
    if isinstance(value, date):
        return to_epoch(datetime.combine(value, time(), UTC))
    return None


def lower(value: object) -> str | None:
    """Return a currency code as Stripe writes it."""
    return str(value).lower() if value else None


def sublist(rows: Sequence[object], url: str) -> Json:
    """Return an embedded list, cut at its first page."""
    return {
        "object": "list",
        "data": list(rows[:SUBLIST_LENGTH]),
        "has_more": len(rows) > SUBLIST_LENGTH,
        "total_count": len(rows),
        "url": url,
    }


def metadata(**values: object) -> Json:
    """Return metadata of the values that are there."""
    return {name: str(value) for name, value in values.items() if value is not None}


def discount_id(subscription: Fields) -> str | None:
    """Return the id of the subscription's discount; None = it has none."""
    coupon = subscription.get("coupon_id")
    if not coupon:
        return None
    suffix = str(subscription["subscription_id"]).removeprefix("sub_")
    return f"di_{suffix}{str(coupon).removeprefix('coupon_')}"


def payment_intent_id(charge: Fields) -> str:
    """Return the payment intent of a charge: one per invoice, however often it was tried."""
    source = charge.get("invoice_id") or charge["charge_id"]
    return f"pi_{str(source).partition('_')[2]}"


def render_customer(state: Fields, books: Books) -> Json:
    """Return a customer; a deleted one is only a stub."""
    if state.get("is_deleted"):
        return {"id": state["customer_id"], "object": "customer", "deleted": True}
    address = {"city": None, "country": state.get("country"), "line1": None}
    return {
        "id": state["customer_id"],
        "object": "customer",
        "address": {**address, "line2": None, "postal_code": None, "state": None},
        "balance": 0,
        "created": epoch(state["created_at"]),
        "currency": lower(state.get("currency")),
        "default_source": None,
        "delinquent": False,
        "description": None,
        "email": state.get("email"),
        "invoice_prefix": str(state["customer_id"])[-8:].upper(),
        "livemode": books.livemode,
        "metadata": metadata(crm_company_id=state.get("crm_account_id")),
        "name": state.get("customer_name"),
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def render_product(state: Fields, books: Books) -> Json:
    """Return a product."""
    return {
        "id": state["product_id"],
        "object": "product",
        "active": bool(state.get("is_active", True)),
        "created": epoch(state["created_at"]),
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": books.livemode,
        "marketing_features": [],
        "metadata": metadata(code=state.get("product_code")),
        "name": state.get("product_name"),
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": epoch(state["created_at"]),
        "url": None,
    }


def render_price(state: Fields, books: Books) -> Json:
    """Return a price; a tiered one has no unit amount and shows tiers only if expanded."""
    amount = state.get("unit_amount_minor")
    interval = state.get("interval")
    tiered = state.get("billing_scheme") == "tiered"
    recurring: Json | None = None
    if interval:
        recurring = {
            "interval": interval,
            "interval_count": state.get("interval_count") or 1,
            "meter": None,
            "trial_period_days": None,
            "usage_type": state.get("usage_type") or "licensed",
        }
        if books.shape is Shape.CLASSIC:
            recurring["aggregate_usage"] = None
    return {
        "id": state["price_id"],
        "object": "price",
        "active": bool(state.get("is_active", True)),
        "billing_scheme": state.get("billing_scheme") or "per_unit",
        "created": epoch(state.get("created_at")),
        "currency": lower(state.get("currency")),
        "custom_unit_amount": None,
        "livemode": books.livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": state.get("nickname"),
        "product": state.get("product_id"),
        "recurring": recurring,
        "tax_behavior": "exclusive",
        "tiers_mode": "graduated" if tiered else None,
        "transform_quantity": None,
        "type": "recurring" if interval else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": None if amount is None else str(amount),
    }


def render_coupon(state: Fields, books: Books) -> Json:
    """Return a coupon."""
    percent = state.get("percent_off")
    return {
        "id": state["coupon_id"],
        "object": "coupon",
        "amount_off": state.get("amount_off_minor"),
        "created": epoch(state.get("created_at")),
        "currency": lower(state.get("currency"))
        if state.get("amount_off_minor") is not None
        else None,
        "duration": state.get("duration") or "forever",
        "duration_in_months": state.get("duration_in_months"),
        "livemode": books.livemode,
        "max_redemptions": None,
        "metadata": {},
        "name": state.get("name") or state["coupon_id"],
        "percent_off": None if percent is None else Decimal(str(percent)),
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    }


def render_discount(subscription: Fields, books: Books) -> Json | None:
    """Return the discount of a subscription; None = it has none."""
    identity = discount_id(subscription)
    if identity is None:
        return None
    coupon_id = str(subscription["coupon_id"])
    row: Json = {
        "id": identity,
        "object": "discount",
        "checkout_session": None,
        "customer": subscription["customer_id"],
        "end": epoch(subscription.get("discount_ends_at")),
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "start": epoch(subscription.get("started_at")),
        "subscription": subscription["subscription_id"],
        "subscription_item": None,
    }
    if books.shape is Shape.CLOVER:
        # The coupon is no longer sent unasked: only its id is.
        return {**row, "source": {"coupon": coupon_id, "type": "coupon"}}
    return {**row, "coupon": render_coupon(books.coupons[coupon_id], books)}


def render_subscription(state: Fields, books: Books) -> Json:
    """Return a subscription with its items; discounts are ids unless expanded."""
    identity = str(state["subscription_id"])
    items = [render_item(item, state, books) for item in _items(state)]
    discount = discount_id(state)
    paused = (
        {"behavior": "void", "resumes_at": None} if state.get("is_paused") else None
    )
    row: Json = {
        "id": identity,
        "object": "subscription",
        "application": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": epoch(state.get("started_at")),
        "cancel_at": epoch(state.get("cancel_at")),
        "cancel_at_period_end": bool(state.get("cancel_at_period_end")),
        "canceled_at": epoch(state.get("canceled_at")),
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": epoch(state.get("created_at") or state.get("started_at")),
        "currency": _currency_of(state),
        "customer": state["customer_id"],
        "days_until_due": None,
        "description": None,
        "discounts": [discount] if discount else [],
        "ended_at": epoch(state.get("ended_at")),
        "items": sublist(items, f"/v1/subscription_items?subscription={identity}"),
        "livemode": books.livemode,
        "metadata": metadata(crm_deal_id=state.get("opportunity_id")),
        "pause_collection": paused,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": epoch(state.get("started_at")),
        "status": state["status"],
        "test_clock": None,
        "trial_end": epoch(state.get("trial_ends_at")),
        "trial_start": epoch(state.get("started_at"))
        if state.get("trial_ends_at")
        else None,
    }
    if books.shape is Shape.CLASSIC:
        first: Fields = _items(state)[0] if items else {}
        row["current_period_start"] = epoch(first.get("current_period_start"))
        row["current_period_end"] = epoch(first.get("current_period_end"))
        row["discount"] = render_discount(state, books)
    return row


def render_item(item: Fields, subscription: Fields, books: Books) -> Json:
    """Return a subscription item; a metered one has no quantity at all."""
    price = books.prices.get(str(item["price_id"]), item)
    row: Json = {
        "id": item["item_id"],
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": epoch(subscription.get("created_at")),
        "discounts": [],
        "metadata": {},
        "price": render_price(price, books),
        "quantity": item.get("quantity"),
        "subscription": subscription["subscription_id"],
        "tax_rates": [],
    }
    if item.get("quantity") is None:
        del row["quantity"]
    if books.shape is not Shape.CLASSIC:
        row["current_period_start"] = epoch(item.get("current_period_start"))
        row["current_period_end"] = epoch(item.get("current_period_end"))
    return row


def render_invoice(state: Fields, books: Books) -> Json:
    """Return an invoice with its first lines."""
    identity = str(state["invoice_id"])
    lines = render_lines(state, books)
    total, paid = (
        _whole(state.get("total_minor")),
        _whole(state.get("amount_paid_minor")),
    )
    tax, discount = _whole(state.get("tax_minor")), _whole(state.get("discount_minor"))
    subtotal = _whole(state.get("subtotal_minor"))
    subscription = state.get("subscription_id")
    discount_key = books.discounts.get(str(subscription))
    starts = [line.get("service_starts_at") for line in _lines(state)]
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
        "total_discount_amounts": _discount_amounts(discount, discount_key),
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
            "total_tax_amounts": _tax_amounts(tax, total - tax, Shape.CLASSIC),
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
        "total_taxes": _tax_amounts(tax, total - tax, books.shape),
    }


def render_lines(invoice: Fields, books: Books) -> list[Json]:
    """Return all lines of an invoice, in the invoice's order."""
    return [_render_line(line, invoice, books) for line in _lines(invoice)]


def _render_line(line: Fields, invoice: Fields, books: Books) -> Json:
    """Return one invoice line."""
    amount, tax = _whole(line.get("amount_minor")), _whole(line.get("tax_minor"))
    discount = _whole(line.get("discount_minor"))
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
        "discount_amounts": _discount_amounts(discount, discount_key),
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
            "tax_amounts": _tax_amounts(tax, taxable, Shape.CLASSIC),
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
        "taxes": _tax_amounts(tax, taxable, books.shape),
    }


def render_charge(state: Fields, books: Books) -> Json:
    """Return a charge; since 2025-03-31 it no longer names its invoice."""
    amount = _whole(state.get("amount_minor"))
    refunded = _whole(state.get("amount_refunded_minor"))
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
        "disputed": False,
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


def render_credit_note(state: Fields, books: Books) -> Json:
    """Return a credit note."""
    total, tax = _whole(state.get("total_minor")), _whole(state.get("tax_minor"))
    subtotal = _whole(state.get("subtotal_minor"))
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
        taxes = _tax_amounts(tax, subtotal, Shape.CLASSIC)
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
        "total_taxes": _tax_amounts(tax, subtotal, books.shape),
    }


def render_balance_transaction(state: Fields, _books: Books) -> Json:
    """Return a balance transaction; Stripe gives it no livemode."""
    fee = _whole(state.get("fee_minor"))
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


def _items(subscription: Fields) -> Sequence[Fields]:
    """Return the items of a subscription."""
    return subscription.get("items") or ()  # type: ignore[return-value]  # model's promise


def _lines(invoice: Fields) -> Sequence[Fields]:
    """Return the lines of an invoice."""
    return invoice.get("lines") or ()  # type: ignore[return-value]  # model's promise


def _whole(value: object) -> int:
    """Return minor units; a blank amount is zero at Stripe."""
    return int(str(value)) if value is not None else 0


def _currency_of(subscription: Fields) -> str | None:
    """Return the currency of a subscription."""
    items = _items(subscription)
    return lower(subscription.get("currency") or (items and items[0]["currency"]))


def _discount_amounts(amount: int, discount: str | None) -> list[Json]:
    """Return the amount per discount."""
    return [{"amount": amount, "discount": discount}] if amount else []


def _tax_amounts(tax: int, taxable: int, shape: Shape) -> list[Json]:
    """Return taxes in the shape of the version; one rate, added on top."""
    if not tax:
        return []
    common: Json = {"amount": tax, "taxability_reason": "standard_rated"}
    common["taxable_amount"] = taxable
    if shape is Shape.CLASSIC:
        return [{**common, "inclusive": False, "tax_rate": "txr_vat"}]
    details = {"tax_rate": "txr_vat"}
    return [
        {
            **common,
            "tax_behavior": "exclusive",
            "tax_rate_details": details,
            "type": "tax_rate_details",
        }
    ]
