"""Every KPI has at least one case small enough to work out by hand, with the edge its row names.

They are dbt unit tests: rows in, figures out, the arithmetic in the description. This holds the
list of KPIs against them, and the terms they were given against the registry.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"

OF_ONE_KPI: Final = {
    # KPIs whose model computes nothing else, so their rows do not repeat the key.
    "pipeline_coverage": "rpt_pipeline_coverage_values",
    "capacity_coverage": "rpt_capacity_values",
    "forecast_accuracy": "rpt_forecast_accuracy_values",
}
OF_ONE_TEST: Final = {
    "pipeline_velocity": "velocity_is_deals_times_rate_times_size_over_days",
}


def unit_tests() -> list[dict[str, Any]]:
    return [
        test
        for path in sorted(PROJECT.rglob("*unit_tests.yml"))
        for test in yaml.safe_load(path.read_text("utf-8"))["unit_tests"]
    ]


def registry() -> dict[str, dict[str, str]]:
    with (PROJECT / "seeds" / "kpi_registry.csv").open(encoding="utf-8") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def test_every_kpi_has_a_case_worked_out_by_hand() -> None:
    tests = unit_tests()
    worked_out = {
        str(row["kpi_key"])
        for test in tests
        for row in test["expect"]["rows"]
        if "kpi_key" in row
    }
    models = {test["model"] for test in tests if test["expect"]["rows"]}
    worked_out |= {key for key, model in OF_ONE_KPI.items() if model in models}
    names = {test["name"] for test in tests}
    worked_out |= {key for key, name in OF_ONE_TEST.items() if name in names}
    assert sorted(set(registry()) - worked_out) == []


def test_a_case_divides_what_the_registry_divides() -> None:
    """A fixture of the registry is a copy; one that went stale would prove another KPI."""
    known = registry()
    stale = [
        f"{test['name']}: {row['kpi_key']} {column} is {known[row['kpi_key']][column]!r}"
        for test in unit_tests()
        for given in test["given"]
        if given["input"] == "ref('dim_kpis')"
        for row in given["rows"]
        for column in ("numerator_kpis", "denominator_kpis")
        if row.get(column) and row[column] != known[row["kpi_key"]][column]
    ]
    assert stale == []
