"""Stripe's customers, products, prices and coupons as JSON (docs.stripe.com/api, read 2026-09).

Belongs here: the records others refer to. Stays out: what is sold and paid.
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
    metadata,
)

if TYPE_CHECKING:
    from ingest.sandbox.model import Fields


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
