"""Plausible content of Google Ads extracts."""

from __future__ import annotations

from typing import Final

from expectations.suite import Rule, between, in_set, matches, not_null

_CURRENCY = matches("currency", "^[A-Z]{3}$", "customer.currency_code is ISO 4217")
_DAY = (
    not_null("cost_micros", "Google reports 0 and not NULL for a day without cost"),
    between(
        "cost_micros", 0, None, "credits come as account adjustments, not as daily cost"
    ),
    between("impressions", 0, None, "a count"),
    between("clicks", 0, None, "a count"),
    not_null("currency", "an amount without currency cannot be converted"),
    _CURRENCY,
)

RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "accounts": (
        not_null("timezone", "days cannot be read without the zone"),
        _CURRENCY,
    ),
    "campaigns": (
        in_set(
            "status", ("ENABLED", "PAUSED", "REMOVED"), "Google's campaign statuses"
        ),
    ),
    "campaign_performance_daily": _DAY,
    "account_performance_daily": _DAY,
}
