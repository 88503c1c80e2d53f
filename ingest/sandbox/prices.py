"""Stripe's catalogue of the sandbox company: products, prices, coupons of one account.

Belongs here: ids, amounts and intervals of what can be subscribed to. Stays out: who does
(`subscriptions`), list prices (`offer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.sandbox.offer import CALLCENTER, ONBOARDING, PLANS, PRODUCTS, SMS, Product
from ingest.sandbox.story import STORY_START, Draft, at_local

if TYPE_CHECKING:
    from ingest.sandbox.model import Versioned

FOUNDED_AT: Final = at_local(STORY_START)

INTERVALS: Final = {
    "w": ("week", 1),
    "m": ("month", 1),
    "q": ("month", 3),
    "y": ("year", 1),
}


@dataclass(frozen=True, slots=True)
class Price:
    """One recurring price per seat (SMS: per message)."""

    price_id: str
    product_id: str
    product: Product
    unit_minor: int
    currency: str
    period: str
    """Key of INTERVALS."""


@dataclass(frozen=True, slots=True)
class Coupon:
    """A discount; `months` None = for ever, 0 = the first invoice only."""

    coupon_id: str
    percent: int | None
    amount_minor: int | None
    months: int | None


def product_id(product: Product, account: str) -> str:
    """Return the Stripe id of a product; the shared code is in its metadata."""
    return f"prod_{account[-2:]}{product.code.replace('-', '').lower()}"


def find_price(product: Product, period: str, currency: str, account: str) -> Price:
    """Return the price of a product for a billing period."""
    monthly = product.monthly_minor[currency]
    unit = {
        "m": monthly,
        "q": monthly * 3,
        "y": product.yearly_minor(currency),
        "w": round(monthly * 12 / 52),
    }[period]
    text = f"price_{account[-2:]}{product.code.replace('-', '').lower()}_{period}"
    return Price(text, product_id(product, account), product, unit, currency, period)


def coupons_of(currency: str) -> tuple[Coupon, ...]:
    """Return the coupons of an account."""
    amount = {"VND": 200_000, "USD": 1_000}[currency]
    return (
        Coupon("LAUNCH20", 20, None, 3),
        Coupon("PARTNER10", 10, None, None),
        Coupon("YEAR15", 15, None, 12),
        Coupon("TET", None, amount, 6),
        Coupon("FIRST50", 50, None, 0),
    )


def write_products(account: str) -> tuple[Versioned, ...]:
    """Return the Stripe products of an account."""
    found: list[Versioned] = []
    for product in PRODUCTS:
        draft = Draft(product_id(product, account))
        draft.change(
            FOUNDED_AT,
            {
                "product_id": draft.id,
                "product_name": product.name,
                "product_code": product.code,
                "is_active": True,
                "created_at": FOUNDED_AT,
            },
        )
        found.append(draft.finish())
    return tuple(found)


def write_prices(account: str, currency: str) -> tuple[Versioned, ...]:
    """Return the Stripe prices of an account."""
    recurring = [
        (product, period) for product in (*PLANS, CALLCENTER) for period in INTERVALS
    ]
    found = [
        _write_price(find_price(product, period, currency, account))
        for product, period in [*recurring, (SMS, "m")]
    ]
    onboarding = Draft(f"price_{account[-2:]}onboarding_once")
    onboarding.change(
        FOUNDED_AT,
        {
            "price_id": onboarding.id,
            "product_id": product_id(ONBOARDING, account),
            "nickname": ONBOARDING.name,
            "unit_amount_minor": ONBOARDING.monthly_minor[currency],
            "currency": currency,
            "interval": None,
            "interval_count": None,
            "usage_type": None,
            "billing_scheme": "per_unit",
            "is_active": True,
            "created_at": FOUNDED_AT,
        },
    )
    return (*found, onboarding.finish())


def _write_price(price: Price) -> Versioned:
    """Return one recurring price."""
    draft = Draft(price.price_id)
    interval, count = INTERVALS[price.period]
    draft.change(
        FOUNDED_AT,
        {
            "price_id": price.price_id,
            "product_id": price.product_id,
            "nickname": f"{price.product.name} / {interval} × {count}",
            "unit_amount_minor": price.unit_minor,
            "currency": price.currency,
            "interval": interval,
            "interval_count": count,
            "usage_type": price.product.usage_type,
            "billing_scheme": "per_unit",
            "is_active": True,
            "created_at": FOUNDED_AT,
        },
    )
    return draft.finish()


def write_coupons(currency: str) -> tuple[Versioned, ...]:
    """Return the Stripe coupons of an account."""
    found: list[Versioned] = []
    for coupon in coupons_of(currency):
        duration = {None: "forever", 0: "once"}.get(coupon.months, "repeating")
        draft = Draft(coupon.coupon_id)
        draft.change(
            FOUNDED_AT,
            {
                "coupon_id": coupon.coupon_id,
                "percent_off": coupon.percent,
                "amount_off_minor": coupon.amount_minor,
                "currency": currency if coupon.amount_minor else None,
                "duration": duration,
                "duration_in_months": coupon.months or None,
                "created_at": FOUNDED_AT,
            },
        )
        found.append(draft.finish())
    return tuple(found)
