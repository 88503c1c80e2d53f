"""The KPI catalogue, copied as data: its keys with what they must be broken down by and read as.

`kpi_catalogue.csv` holds Part C row by row: class, the dimensions and lengths of period the lines
of the articles name for the key, the readings its rules name, and where it stands when it is no
KPI of the registry. It fails when the registry loses one of them; what the registry has beyond
it is its own business.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Final

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
GRAINS: Final = ("day", "week", "month", "quarter", "year")

ONE_MEMBER: Final = "prospects are new customers by definition: there is one member"
NO_FTE: Final = "a representative's time is of no kind of customer (D-207, D-208)"
PAY: Final = "cost over hours is pay: D-210"
STOCK: Final = "a new deal stands in its first stage; by stage it is a stock (D-620)"
MEDIUM: Final = "the channel of an activity is its medium: activity_type (D-620)"
CHANNELS: Final = (
    "what is paid for is known by channel; its map names the group (D-620)"
)
ITS_OWN: Final = (
    "a target is of a KPI: of leads by source it stands at leads_created (D-620)"
)
NO_PRODUCT: Final = "a person asks for no product; cac has it from the deal (D-620)"

ANSWERED_OTHERWISE: Final = {
    ("prospecting_activities", "channel"): MEDIUM,
    ("outreach_response_rate", "channel"): MEDIUM,
    ("prospecting_activities", "customer_type"): ONE_MEMBER,
    ("prospecting_hours", "customer_type"): ONE_MEMBER,
    ("prospecting_cost", "customer_type"): ONE_MEMBER,
    ("new_customer_contacts", "customer_type"): ONE_MEMBER,
    ("outreach_response_rate", "customer_type"): ONE_MEMBER,
    ("calls_per_rep", "customer_type"): NO_FTE,
    ("emails_per_rep", "customer_type"): NO_FTE,
    ("call_target_attainment", "customer_type"): NO_FTE,
    ("prospecting_cost", "rep"): PAY,
    ("prospecting_cost", "team"): PAY,
    ("presentations_delivered", "product"): "no meeting says of which product (D-620)",
    ("forecast_sales", "stage"): "weighted_pipeline is its open part, by stage",
    ("opportunities_created", "stage"): STOCK,
    ("avg_opportunity_value", "stage"): STOCK,
    ("win_rate", "stage"): "stage_conversion_rate by stage; deals_lost by the last one",
    ("cpl_media", "lead_source_group"): CHANNELS,
    ("cpl_full", "lead_source_group"): CHANNELS,
    ("sales_target", "lead_source_group"): ITS_OWN,
    ("target_attainment", "lead_source_group"): ITS_OWN,
    ("sales_target", "week"): "targets are of months and longer (D-620)",
    ("target_attainment", "week"): "targets are of months and longer (D-620)",
    ("trials_started", "rep"): "a trial begins in billing, without an owner (D-620)",
    ("opportunity_value_monthly_avg", "rep"): "opportunity_value_annual has it (D-620)",
    ("opportunity_value_annual", "approached"): "an approach is what opens one (D-620)",
    ("opportunity_value_annual", "calendar_year"): "opportunity_value_created by year",
    ("cost_per_mql", "product"): NO_PRODUCT,
    ("cost_per_sql", "product"): NO_PRODUCT,
    ("cost_per_opportunity", "product"): NO_PRODUCT,
    ("customer_churn_rate", "stage"): "the post-sale stage is tenure_band",
    ("customer_churn_rate", "win_loss_reason"): "variants voluntary and failed_payment",
    ("deals_lost", "tenure_band"): "customer_churn_rate has it",
}
"""What the catalogue names and another figure, or none, answers: (key, what) -> where or why."""


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


CATALOGUE: Final = read(Path(__file__).with_name("kpi_catalogue.csv"))
REGISTRY: Final = {
    row["key"]: row for row in read(PROJECT / "seeds" / "kpi_registry.csv")
}


def words(text: str) -> set[str]:
    return set(filter(None, text.split("|")))


def grains_of(row: dict[str, str]) -> set[str]:
    """Return at which lengths of period a KPI of the registry is published."""
    return words(row["grains"]) or set(GRAINS[GRAINS.index(row["lowest_grain"]) :])


def missing(row: dict[str, str]) -> set[tuple[str, str]]:
    """Return what the registry does not have of a row of the catalogue."""
    known = REGISTRY[row["key"]]
    lacking = (
        (words(row["breakdowns"]) - words(known["breakdowns"]))
        | (words(row["variants"]) - words(known["variants"]))
        | (words(row["grains"]) - grains_of(known))
    )
    return {(row["key"], what) for what in lacking}


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row["key"])
def test_a_key_of_the_catalogue_is_published(row: dict[str, str]) -> None:
    if row["key"] in REGISTRY:
        assert not row["place"]
        assert REGISTRY[row["key"]]["additivity"] == row["additivity"]
        return
    table, _, column = row["place"].partition(".")
    name = table if table.startswith("rpt_") else f"rpt_{table}"
    text = (PROJECT / "models" / "reports" / f"{name}.yml").read_text("utf-8")
    columns = set(re.findall(r"^      - name: (\w+)", text, re.MULTILINE))
    assert columns
    assert not column or column in columns


def test_every_dimension_reading_and_grain_is_there_or_answered_elsewhere() -> None:
    lacking = {
        one for row in CATALOGUE if row["key"] in REGISTRY for one in missing(row)
    }
    assert lacking == set(ANSWERED_OTHERWISE)


def test_decisions_named_here_exist() -> None:
    written = (PROJECT / "DECISIONS.md").read_text("utf-8")
    named = {
        d for why in ANSWERED_OTHERWISE.values() for d in re.findall(r"D-\d+", why)
    }
    assert [d for d in sorted(named) if f"**{d} " not in written] == []
