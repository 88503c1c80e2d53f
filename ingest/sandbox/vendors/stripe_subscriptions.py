"""Stripe's subscriptions, items and discounts as JSON (docs.stripe.com/api, read 2026-09).

Belongs here: what is subscribed to. Stays out: prices (`stripe_catalogue`), invoices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.sandbox.vendors.stripe_catalogue import render_coupon, render_price
from ingest.sandbox.vendors.stripe_shapes import (
    Books,
    Json,
    Shape,
    discount_id,
    epoch,
    items_of,
    lower,
    metadata,
    sublist,
)

if TYPE_CHECKING:
    from ingest.sandbox.model import Fields


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
    items = [render_item(item, state, books) for item in items_of(state)]
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
        first: Fields = items_of(state)[0] if items else {}
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


def _currency_of(subscription: Fields) -> str | None:
    """Return the currency of a subscription."""
    items = items_of(subscription)
    return lower(subscription.get("currency") or (items and items[0]["currency"]))
