"""Plausible content of dropped files, by canonical entity.

Only rules a wrong export would break and typing cannot see; an entity without an entry has
the keys and volume every subject has.
"""

from __future__ import annotations

from typing import Final

from expectations.suite import Rule, between, matches, not_null

_CURRENCY = matches("currency", "^[A-Z]{3}$", "ISO 4217")
_COUNT = "a count"

RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "users": (
        not_null("user_name", "a scorecard shows people by name"),
        between("fte", 0, 2, "a full-time equivalent; two full jobs is the most seen"),
    ),
    "targets": (
        not_null("value", "a target without value says nothing"),
        between(
            "value",
            0,
            None,
            "targets are not negative; a lower-is-better one is still ≥ 0",
        ),
    ),
    "costs": (not_null("amount", "a cost without amount says nothing"), _CURRENCY),
    "product_costs": (
        between("unit_cost", 0, None, "a unit cost is not negative"),
        _CURRENCY,
    ),
    "fx_rates": (
        not_null("rate", "a missing rate must be a missing row"),
        between(
            "rate",
            0.0000000001,
            10_000_000,
            "no pair trades outside: BTC/IRR is the widest",
        ),
        matches("base_currency", "^[A-Z]{3}$", "ISO 4217"),
        matches("quote_currency", "^[A-Z]{3}$", "ISO 4217"),
    ),
    "gl_balances": (
        between("debit", 0, None, "a reversal is a credit, not a negative debit"),
        between("credit", 0, None, "a reversal is a debit, not a negative credit"),
    ),
    "opportunities": (
        not_null("status", "open, won or lost decides every pipeline figure"),
        between("probability", 0, 1, "law of probability"),
        _CURRENCY,
    ),
    "ad_performance_daily": (
        not_null("spend", "a row without spend says nothing"),
        between("impressions", 0, None, _COUNT),
        between("clicks", 0, None, _COUNT),
        _CURRENCY,
    ),
    "email_campaign_daily": (
        between("sent", 0, None, _COUNT),
        between("unique_opens", 0, None, _COUNT),
    ),
    "social_posts_daily": (
        between("reach", 0, None, _COUNT),
        between("impressions", 0, None, _COUNT),
    ),
    "web_sessions_daily": (
        not_null("sessions", "a row without sessions says nothing"),
        between("sessions", 0, None, _COUNT),
    ),
    "activities": (between("duration_seconds", 0, 86_400, "less than a day"),),
    "subscription_items": (
        between("quantity", 0, None, "a quantity"),
        between("discount_percent", 0, 100, "percent"),
        between("interval_count", 1, 156, "three years at most: 156 weeks"),
        _CURRENCY,
    ),
    "invoice_lines": (
        not_null("amount", "a line without amount says nothing"),
        _CURRENCY,
    ),
    "payments": (
        not_null("amount", "a payment without amount says nothing"),
        _CURRENCY,
    ),
    "refunds": (between("amount", 0, None, "refunds are stated positive"), _CURRENCY),
    "credit_notes": (
        between("amount", 0, None, "credits are stated positive"),
        _CURRENCY,
    ),
}
