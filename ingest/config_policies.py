"""The switches where public KPI definitions disagree, their options and defaults.

Belongs here: one row per policy of kpi_catalogue Part D and architecture §3/§8. Stays out: what
each option computes (dbt models read `var('policies')`), anything about sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from ingest.config_yaml import Location, Problem, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

PolicyValue: TypeAlias = str | int | tuple[str, ...]

_RATE_TYPES = (
    "average_transfer",
    "buy_transfer",
    "sell_transfer",
    "closing",
    "period_average",
)

_REASONS = (
    "price",
    "competitor",
    "no_response",
    "no_budget",
    "no_need",
    "timing",
    "feature",
    "disqualified",
    "duplicate",
    "do_not_contact",
    "fit",
    "service",
    "relationship",
    "other",
)
"""What reasons of a CRM are mapped to (seed close_reason_map); their own words count nothing."""


@dataclass(frozen=True)
class Policy:
    """One switch: its default and, for a choice, the words it accepts.

    `members` are the words a list may hold; none = any, which are names of the company's own.

    Only what a model computes is an option: a word accepted and not computed would change
    nothing in silence. `tests/unit/ingest/test_policies.py` holds them against the list of
    public definitions they come from, and names those that are not offered and why.
    """

    default: PolicyValue
    options: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int | None = None


POLICIES: Final[Mapping[str, Policy]] = MappingProxyType(
    {
        "mrr_source": Policy(
            "subscription_state",
            ("subscription_state", "invoice_lines", "charges_billed"),
        ),
        "mrr_discounts": Policy(
            "while_active", ("while_active", "forever_only", "gross")
        ),
        "mrr_trials": Policy("exclude", ("exclude", "include")),
        "mrr_metered": Policy("exclude", ("exclude", "include")),
        "mrr_past_due": Policy("include", ("include", "exclude")),
        "mrr_paused": Policy("exclude", ("exclude", "include")),
        "churn_date": Policy(
            "end_of_service", ("end_of_service", "cancel_click", "unpaid_days")
        ),
        "churn_unpaid_days": Policy(45, minimum=1),
        "churn_rate_base": Policy("opening", ("opening", "opening_plus_half_new")),
        "nrr_reactivation": Policy("exclude", ("exclude", "include")),
        "ltv_margin": Policy("with_margin", ("with_margin", "without_margin")),
        "ltv_churn_months": Policy(6, minimum=1),
        # Billing that contradicts itself holds finance back; fragments of exports always do.
        "recon_controls": Policy("hold", ("hold", "report")),
        "recon_tolerance_minor_units": Policy(0, minimum=0),
        "fx_flow_rate_type": Policy("average_transfer", _RATE_TYPES),
        "fx_stock_rate_type": Policy("closing", _RATE_TYPES),
        "fx_max_carried_days": Policy(7, minimum=0),
        "deferred_fx": Policy("invoice_rate", ("invoice_rate", "closing_rate")),
        "win_rate_base": Policy(
            "closed_in_period",
            ("closed_in_period", "created_cohort", "closed_or_overdue"),
        ),
        "win_rate_excluded_reasons": Policy((), members=_REASONS),
        "reopened_deal_close": Policy("latest", ("latest", "first")),
        "rep_credit": Policy("owner_at_event", ("owner_at_event", "current_owner")),
        "sales_revenue_basis": Policy(
            "invoiced", ("invoiced", "booked", "collected", "recognised")
        ),
        "refunded_orders": Policy("keep", ("keep", "exclude")),
        "weighted_pipeline_probability": Policy("stage", ("stage", "deal")),
        "contact_method_touch": Policy(
            "last_completed_before_creation",
            (
                "last_completed_before_creation",
                "first_completed_before_creation",
                "recorded_on_deal",
            ),
        ),
        "ad_conversion_date": Policy("click_date", ("click_date", "conversion_date")),
        "cac_lag_months": Policy(0, maximum=24),
        "cost_allocation": Policy("none", ("none", "ad_spend", "leads")),
        "marketing_departments": Policy(("Marketing", "Tiếp thị")),
        "sales_departments": Policy(("Kinh doanh", "Bán hàng", "Sales")),
        "attribution_default_model": Policy(
            "position_based",
            (
                "first_touch",
                "last_touch",
                "linear",
                "position_based",
                "time_decay",
            ),
        ),
        "attribution_window_days": Policy(90, minimum=1),
        "attribution_view_through": Policy("exclude", ("exclude", "include")),
        "social_engagement_base": Policy("impressions", ("impressions", "reach")),
        "low_sample_threshold": Policy(5, minimum=1),
        # Share of the month's leads that must name their source; 0 = no gate.
        "lead_source_gate_percent": Policy(0, maximum=100),
        # A name on a public board is opted into, KPI by KPI.
        "leaderboard_kpis": Policy(("sales_bookings", "deals_won", "win_rate")),
    }
)


def resolve_policies(
    given: object, location: Location, problems: list[Problem]
) -> dict[str, PolicyValue]:
    """Return every policy with the value given or its default; note what is wrong."""
    resolved: dict[str, PolicyValue] = {key: p.default for key, p in POLICIES.items()}
    if given is None:
        given = {}
    if not isinstance(given, dict):
        problems.append(
            Problem(location, "policies must be a mapping of policy: value")
        )
        return resolved
    for key, value in given.items():
        where = (*location, key)
        policy = POLICIES.get(key)
        if policy is None:
            text = f"unknown policy {key!r}{nearest(key, POLICIES)}"
            problems.append(Problem(where, text))
            continue
        try:
            resolved[key] = _read_value(key, value, policy)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
    return resolved


def _read_value(key: str, value: object, policy: Policy) -> PolicyValue:
    """Return one policy value in the type of its default, or raise ValueError."""
    if isinstance(policy.default, tuple):
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            message = f"policy {key} must be a list of words"
            raise ValueError(message)
        for word in value:
            if policy.members and word not in policy.members:
                message = (
                    f"policy {key} cannot hold {word!r}{nearest(word, policy.members)}"
                )
                raise ValueError(message)
        return tuple(value)
    if isinstance(policy.default, int):
        if not isinstance(value, str) or not value.isascii() or not value.isdigit():
            message = f"policy {key} must be a whole number"
            raise ValueError(message)
        if int(value) < policy.minimum:
            message = f"policy {key} must be at least {policy.minimum}"
            raise ValueError(message)
        if policy.maximum is not None and int(value) > policy.maximum:
            message = (
                f"policy {key} cannot be more than {policy.maximum} in this version"
            )
            raise ValueError(message)
        return int(value)
    if not isinstance(value, str) or value not in policy.options:
        message = (
            f"policy {key} cannot be {value!r}{nearest(str(value), policy.options)}"
        )
        raise ValueError(message)
    return value
