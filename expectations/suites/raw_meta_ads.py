"""Plausible content of Meta Ads extracts."""

from __future__ import annotations

from typing import Final

from expectations.suite import Rule, between, matches, not_null

_CURRENCY = matches("currency", "^[A-Z]{3}$", "account_currency is ISO 4217")
_DAY = (
    not_null("spend", "Meta reports spend for every row of insights"),
    between("spend", 0, None, "Meta never reports negative spend"),
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
    "campaigns": (not_null("campaign_name", "name is required by Meta"),),
    "campaign_insights_daily": _DAY,
    "account_insights_daily": _DAY,
}
