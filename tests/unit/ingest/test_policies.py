"""Where public definitions of a KPI disagree, a company chooses: every option is computed.

`PUBLIC_DEFINITIONS` is Part D of the KPI catalogue, copied as data: per disagreement the options
seen in public and which of them is recommended. It fails when a word is added here or to the
policies alone, and while an option has no case in a dbt unit test.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ingest.config_policies import POLICIES

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"

UNIT: Final = "mrr_movement_unit"
FX: Final = "mrr_fx"
DECIDED: Final = (UNIT, FX)
"""Decided for all companies (C.5, R-FX): no policy of this name exists."""

PUBLIC_DEFINITIONS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    # Disagreement: (option as its users describe it, policy, value); the recommended one first.
    "unit of an MRR movement": (
        ("customer (ChartMogul)", UNIT, "customer"),
        ("subscription item x price (fivetran)", UNIT, "subscription_item"),
        ("subscription (PostHog)", UNIT, "subscription"),
    ),
    "source of MRR": (
        ("subscription state and list price", "mrr_source", "subscription_state"),
        ("invoice fees (Lago)", "mrr_source", "invoice_lines"),
        ("charges in the billing month (recurly)", "mrr_source", "charges_billed"),
    ),
    "discounts": (
        ("recurring discounts cut while they last", "mrr_discounts", "while_active"),
        ("only forever coupons cut (Stripe)", "mrr_discounts", "forever_only"),
        ("gross list price (Bruin)", "mrr_discounts", "gross"),
    ),
    "trials": (("no", "mrr_trials", "exclude"), ("yes", "mrr_trials", "include")),
    "metered": (("no", "mrr_metered", "exclude"), ("yes", "mrr_metered", "include")),
    "past due": (
        ("keep", "mrr_past_due", "include"),
        ("no", "mrr_past_due", "exclude"),
    ),
    "paused": (("no", "mrr_paused", "exclude"), ("keep", "mrr_paused", "include")),
    "FX": (
        ("movements in own currency + FX line at the last day's rate", FX, "fx_line"),
        ("no FX movement (ChartMogul)", FX, "constant"),
        ("event-date rate (Paddle, PostHog, Meteroid)", FX, "event_date"),
        ("last-day rate without a line of its own (Zuora)", FX, "in_movements"),
    ),
    "churn date": (
        ("end of service", "churn_date", "end_of_service"),
        ("cancel click", "churn_date", "cancel_click"),
        ("first unpaid invoice + N days (PostHog)", "churn_date", "unpaid_days"),
    ),
    "NRR and reactivation": (
        ("excluded (Bruin)", "nrr_reactivation", "exclude"),
        ("netted in", "nrr_reactivation", "include"),
    ),
    "churn-rate base": (
        ("opening customers", "churn_rate_base", "opening"),
        ("opening + half of new", "churn_rate_base", "opening_plus_half_new"),
    ),
    "LTV": (
        ("with gross margin", "ltv_margin", "with_margin"),
        ("without (Baremetrics, ChartMogul)", "ltv_margin", "without_margin"),
    ),
    "win-rate base": (
        ("closed in period", "win_rate_base", "closed_in_period"),
        ("created cohort", "win_rate_base", "created_cohort"),
        ("including overdue (Zoho)", "win_rate_base", "closed_or_overdue"),
    ),
    "conversion date of ad results": (
        ("click date (Google default)", "ad_conversion_date", "click_date"),
        ("conversion date", "ad_conversion_date", "conversion_date"),
    ),
    "close event of a reopened deal": (
        ("latest", "reopened_deal_close", "latest"),
        ("first", "reopened_deal_close", "first"),
    ),
    "revenue basis": (
        ("invoiced", "sales_revenue_basis", "invoiced"),
        ("booked", "sales_revenue_basis", "booked"),
        ("collected", "sales_revenue_basis", "collected"),
        ("recognised", "sales_revenue_basis", "recognised"),
    ),
    "rep credit": (
        ("owner at event", "rep_credit", "owner_at_event"),
        ("current owner", "rep_credit", "current_owner"),
        ("split", "rep_credit", "split"),
    ),
}

NOT_OFFERED: Final = {
    (
        UNIT,
        "subscription_item",
    ): "items of a customer do not add up to its converted MRR",
    (
        UNIT,
        "subscription",
    ): "a second subscription is growth of a customer and no new one: "
    "movement_cause `subscription` tells it apart",
    # A word nothing computes is refused by the configuration; why it is not computed:
    (
        FX,
        "constant",
    ): "no switch: rpt_mrr_bridge has every movement in constant currency "
    "beside the reported one (amount_basis)",
    (
        FX,
        "event_date",
    ): "a stock at as many rates as there are contracts ties to nothing",
    (
        FX,
        "in_movements",
    ): "rates would be growth nobody sold; fx_mrr is one addition away",
    ("rep_credit", "split"): "no source read today says who else shares a deal",
}

OWN_CHOICES: Final = {
    # Choices of Part B and C, and of ours, that public definitions do not argue about.
    "contact_method_touch", "cost_allocation", "deferred_fx", "weighted_pipeline_probability",
    "attribution_default_model", "attribution_view_through", "social_engagement_base",
    "fx_flow_rate_type", "fx_stock_rate_type", "recon_controls", "refunded_orders",
}  # fmt: skip

OF_THE_NIGHT: Final = {"recon_controls", "lead_source_gate_percent"}
"""What they hold back is decided in Python, after the models are built."""

ANY_VALUE: Final = {
    "fx_flow_rate_type", "fx_stock_rate_type", "attribution_default_model",
}  # fmt: skip
"""Choices whose word itself is what there is to say."""

NOT_OF_SQL: Final = {
    "recon_controls": "decides in Python what a red control holds (test_reconcile)",
    # The word is the rate type itself, looked up in the rates as it is written.
    "fx_flow_rate_type": "test of int_fx_rates_filled: a type is a value of a column",
    "fx_stock_rate_type": "test of int_fx_rates_filled: a type is a value of a column",
    # All models are computed side by side (F-08); the word says which one is standard.
    "attribution_default_model": "tests of fct_attribution_credits have every model",
}


def offered() -> set[tuple[str, str]]:
    return {
        (policy, value)
        for options in PUBLIC_DEFINITIONS.values()
        for _, policy, value in options
        if policy in POLICIES
    } - set(NOT_OFFERED)


def unit_tested() -> set[tuple[str, str]]:
    """Policies and values some dbt unit test of the project computes with."""
    found: set[tuple[str, str]] = set()
    for path in PROJECT.rglob("*unit_tests.yml"):
        content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
        for test in content["unit_tests"]:
            given = test.get("overrides", {}).get("vars", {}).get("policies", {})
            found |= {(policy, str(value)) for policy, value in given.items()}
    return found


@pytest.mark.parametrize("disagreement", PUBLIC_DEFINITIONS)
def test_every_public_definition_is_an_option_and_the_recommended_the_default(
    disagreement: str,
) -> None:
    (_, policy, recommended), *others = PUBLIC_DEFINITIONS[disagreement]
    assert {named for _, named, _ in others} == {policy}
    left_out = {value for _, _, value in others if (policy, value) in NOT_OFFERED}
    if policy in DECIDED:
        assert policy not in POLICIES
        assert left_out == {value for _, _, value in others}
        return
    assert POLICIES[policy].default == recommended
    options = {recommended, *(value for _, _, value in others)} - left_out
    assert set(POLICIES[policy].options) == options


def test_every_option_is_a_public_definition_or_known_to_be_our_own() -> None:
    choices = {
        (name, option)
        for name, policy in POLICIES.items()
        if name not in OWN_CHOICES
        for option in policy.options
    }
    assert choices == offered()


def test_a_choice_has_something_to_choose_from() -> None:
    assert [name for name, p in POLICIES.items() if len(p.options) == 1] == []


def test_every_option_is_computed_in_a_small_case() -> None:
    """Defaults are computed by all the others."""
    needed = {
        (name, option)
        for name, policy in POLICIES.items()
        if name not in NOT_OF_SQL
        for option in policy.options
        if option != policy.default
    }
    assert sorted(needed - unit_tested()) == []


def test_every_option_says_what_it_makes_of_a_definition() -> None:
    """Readers see definitions, not policies: one set otherwise must show in the text."""
    texts = read_seed("policy_texts")
    said = {(row["policy"], row["option"]) for row in texts if not row["kpi_key"]}
    needed = {
        (name, option)
        for name, policy in POLICIES.items()
        if name not in {*OF_THE_NIGHT, "leaderboard_kpis", *ANY_VALUE}
        for option in policy.options or ("*",)
        if option != policy.default
    } | {(name, "*") for name in ANY_VALUE}
    assert said == needed
    for row in texts:
        assert row["text_vi"]
        assert row["text_en"]
        if row["option"] == "*":
            default = POLICIES[row["policy"]].default
            written = (
                json.dumps(default, ensure_ascii=False, separators=(",", ":"))
                if isinstance(default, tuple)
                else str(default)
            )
            assert row["default_value"] == written


def test_every_policy_is_read_and_told() -> None:
    """A switch no model reads moves nothing; one no KPI names moves figures in silence."""
    read = "".join(
        path.read_text("utf-8")
        for folder in ("models", "macros")
        for path in (PROJECT / folder).rglob("*.sql")
    )
    found = set(re.findall(r"(?:policy\(|get\()['\"](\w+)", read))
    assert set(POLICIES) - found == OF_THE_NIGHT
    with (PROJECT / "seeds" / "kpi_registry.csv").open(encoding="utf-8") as file:
        named = {p for row in csv.DictReader(file) for p in row["policies"].split("|")}
    silent = set(POLICIES) - named
    # What holds a theme back, and whose names a board may show, are no figures.
    assert silent == {*OF_THE_NIGHT, "leaderboard_kpis"}


def read_seed(name: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_value_said_in_a_definition_has_words() -> None:
    """A definition shows `{value}`: by labels where it is a code, as a company's own words are."""
    labelled = {
        (row["code_type"], row["code"]) for row in read_seed("published_labels")
    }
    said = [row for row in read_seed("policy_texts") if row["option"] == "*"]
    assert said
    for row in said:
        assert "{value}" in row["text_vi"]
        assert "{value}" in row["text_en"]
        policy = POLICIES[row["policy"]]
        codes = policy.options or policy.members
        assert bool(codes) == bool(row["value_labels"]), row["policy"]
        unsaid = {c for c in codes if (row["value_labels"], c) not in labelled}
        assert not unsaid, row["policy"]
    assert not [
        row["policy"] for row in read_seed("policy_texts")
        if row["option"] != "*" and ("{value}" in row["text_vi"] + row["text_en"])
    ]  # fmt: skip


def test_reasons_a_policy_may_name_are_those_words_are_mapped_to() -> None:
    mapped = {row["win_loss_reason"] for row in read_seed("close_reason_map")}
    assert set(POLICIES["win_rate_excluded_reasons"].members) == mapped
