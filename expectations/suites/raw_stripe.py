"""Plausible content of Stripe extracts. Value lists come from Stripe's API reference."""

from __future__ import annotations

from typing import Final

from expectations.suite import Rule, between, in_set, matches, not_null

_CURRENCY = matches("currency", "^[A-Z]{3}$", "ISO 4217, upper-cased at landing")
_CURRENCY_KNOWN = not_null("currency", "an amount without currency cannot be converted")
_STATUS = (
    "trialing", "active", "past_due", "unpaid", "paused", "canceled", "incomplete",
    "incomplete_expired",
)  # fmt: skip
_ITEM = (
    not_null("subscription_id", "an item belongs to a subscription"),
    in_set("status", _STATUS, "Stripe's subscription statuses"),
    in_set("interval", ("day", "week", "month", "year"), "Stripe's billing intervals"),
    in_set("usage_type", ("licensed", "metered"), "Stripe's usage types"),
    between("interval_count", 1, 156, "three years at most: 156 weeks"),
    between("quantity", 0, None, "Stripe refuses negative quantities"),
    between("discount_percent", 0, 100, "percent_off lies in 0 to 100"),
    _CURRENCY,
)

RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "customers": (not_null("created_at", "created is always set"), _CURRENCY),
    "products": (not_null("product_name", "name is required by Stripe"),),
    "prices": (_CURRENCY_KNOWN, _CURRENCY),
    "subscription_items": _ITEM,
    "subscription_events": (not_null("occurred_at", "created is always set"), *_ITEM),
    "invoices": (
        in_set(
            "status",
            ("draft", "open", "paid", "void", "uncollectible"),
            "Stripe's invoice statuses",
        ),
        _CURRENCY_KNOWN,
        _CURRENCY,
        not_null("customer_id", "an invoice is billed to a customer"),
    ),
    "invoice_lines": (
        not_null("invoice_id", "a line belongs to an invoice"),
        not_null("amount_minor", "amount is always set"),
        _CURRENCY_KNOWN,
        _CURRENCY,
    ),
    "charges": (
        in_set(
            "status", ("succeeded", "pending", "failed"), "Stripe's charge statuses"
        ),
        between("amount_minor", 0, None, "Stripe refuses negative charges"),
        _CURRENCY_KNOWN,
        _CURRENCY,
    ),
    "refunds": (
        between("amount_minor", 0, None, "Stripe states refunds as positive amounts"),
        _CURRENCY_KNOWN,
        _CURRENCY,
    ),
    "credit_notes": (
        in_set("status", ("issued", "void"), "Stripe's credit note statuses"),
        between("total_minor", 0, None, "Stripe states credits as positive amounts"),
        _CURRENCY_KNOWN,
        _CURRENCY,
    ),
    "disputes": (
        between("amount_minor", 0, None, "Stripe states disputes as positive amounts"),
        _CURRENCY_KNOWN,
        _CURRENCY,
    ),
    "payouts": (
        in_set(
            "status",
            ("paid", "pending", "in_transit", "canceled", "failed"),
            "Stripe's payout statuses",
        ),
        _CURRENCY_KNOWN,
        _CURRENCY,
    ),
    "balance_transactions": (
        not_null("net_minor", "net is always set"),
        _CURRENCY_KNOWN,
        _CURRENCY,
    ),
}
