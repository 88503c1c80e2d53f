"""One registry row per KPI, one column per KPI in its theme's month table, nothing else."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from ingest.config_policies import POLICIES
from ingest.contracts.canonical import CONTRACTS

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MONTH_TABLES = {
    "sales": "rpt_sales_monthly",
    "marketing": "rpt_marketing_monthly",
    "finance": "rpt_revenue_monthly",
}
OWN_COLUMNS = {
    "kpi_month_id", "month_start_date", "month_end_date", "currency", "is_partial",
    "as_of_date", "build_id",
}  # fmt: skip


def registry() -> list[dict[str, str]]:
    with (PROJECT / "seeds" / "kpi_registry.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("theme", sorted(MONTH_TABLES))
def test_a_month_table_holds_the_kpis_of_its_theme(theme: str) -> None:
    text = (PROJECT / "models" / "reports" / f"{MONTH_TABLES[theme]}.yml").read_text()
    columns = set(re.findall(r"^      - name: (\w+)", text, re.MULTILINE))
    expected = {row["key"] for row in registry() if row["theme"] == theme}
    assert columns - OWN_COLUMNS == expected


def test_every_kpi_has_both_names_and_definitions() -> None:
    needed = ("name_vi", "name_en", "definition_vi", "definition_en", "formula")
    assert [
        (row["key"], column)
        for row in registry()
        for column in needed
        if not row[column]
    ] == []


def test_caveats_are_told_in_both_languages_or_in_neither() -> None:
    wrong = [
        row["key"]
        for row in registry()
        if bool(row["caveats_vi"]) != bool(row["caveats_en"])
    ]
    assert wrong == []


def test_policies_of_a_kpi_exist() -> None:

    named = {
        policy for row in registry() for policy in row["policies"].split("|") if policy
    }
    assert named - set(POLICIES) == set()


def test_needed_entities_are_canonical() -> None:

    needed = {e for row in registry() for e in row["required_entities"].split("|")}
    assert needed - {contract.name for contract in CONTRACTS} == set()


def test_terms_of_a_kpi_put_together_from_others_name_kpis_with_measures() -> None:
    """A word that names nothing would be left out of the sum without a trace."""
    measured = {row["key"] for row in registry() if row["aggregation"] != "derived"}
    term = re.compile(r"-?(?:[0-9]+\*)?([a-z_]+)(?:@opening)?")
    for row in registry():
        above, below = row["numerator_kpis"], row["denominator_kpis"]
        assert above or not below, row["key"]
        for text in (above.split("|") + below.split("|")) if above else []:
            if text:
                found = term.fullmatch(text)
                assert found, f"{row['key']}: {text!r} is no term"
                assert found[1] in measured, f"{row['key']}: {text!r} has no measures"
