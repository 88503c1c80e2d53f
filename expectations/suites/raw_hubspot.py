"""Plausible content of HubSpot extracts. Bounds come from HubSpot's documentation."""

from __future__ import annotations

from typing import Final

from expectations.suite import Rule, between, in_set, not_null

_CREATED = not_null("created_at", "HubSpot stamps createdate on every record")

RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "contacts": (
        _CREATED,
        not_null("updated_at", "the cursor of contacts is lastmodifieddate"),
    ),
    "companies": (
        _CREATED,
        between(
            "employee_count",
            0,
            10_000_000,
            "largest employers have about 2 million people",
        ),
    ),
    "contact_property_history": (
        in_set(
            "property",
            ("hubspot_owner_id", "lifecyclestage"),
            "the properties the connector asks history for",
        ),
    ),
    "deals": (
        _CREATED,
        not_null("stage_id", "a deal always stands in a stage"),
        not_null("pipeline_id", "a deal always belongs to a pipeline"),
        between(
            "term_months", 0, 240, "20 years is the longest term sold in this field"
        ),
    ),
    "deal_property_history": (
        in_set(
            "property",
            (
                "dealstage",
                "amount",
                "closedate",
                "hubspot_owner_id",
                "pipeline",
                "notes_next_activity_date",
            ),
            "the properties the connector asks history for",
        ),
    ),
    "calls": (
        not_null("occurred_at", "hs_timestamp is required by HubSpot"),
        in_set("direction", ("OUTBOUND", "INBOUND"), "HubSpot's two call directions"),
        between(
            "duration_ms", 0, 86_400_000, "a call does not last a day: milliseconds"
        ),
    ),
    "emails": (not_null("occurred_at", "hs_timestamp is required by HubSpot"),),
    "meetings": (not_null("occurred_at", "hs_timestamp is required by HubSpot"),),
    "call_dispositions": (
        not_null("label", "a disposition without label cannot be mapped"),
    ),
    "owners": (),
    "deal_stages": (
        not_null("probability", "metadata.probability decides won and lost"),
        between("probability", 0, 1, "law of probability"),
        not_null("is_closed", "metadata.isClosed decides open and closed"),
    ),
}
