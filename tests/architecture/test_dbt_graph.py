"""The dbt graph keeps the layering: nothing is read from two steps up, nothing flows back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingest.contracts import contract_of
from ingest.periods import period_column

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"


@pytest.fixture(scope="session")
def manifest(parsed_project: Path) -> dict[str, Any]:
    return json.loads((parsed_project / "manifest.json").read_text("utf-8"))


def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        node for node in manifest["nodes"].values() if node["resource_type"] == "model"
    ]


def parents(node: dict[str, Any]) -> list[str]:
    """Names of what the node reads, as `source:<source>.<table>`, `seed:x` or the model name."""
    found = []
    for unique_id in node["depends_on"]["nodes"]:
        kind, _, *rest = unique_id.split(".")
        if kind == "source":
            found.append(f"source:{rest[0]}.{rest[1]}")
        elif kind == "seed":
            found.append(f"seed:{rest[0]}")
        else:
            found.append(rest[0])
    return found


def layer(name: str) -> str:
    for prefix in ("stg_", "int_", "dim_", "fct_", "kpi_", "rpt_"):
        if name.startswith(prefix):
            return prefix
    return "seed" if name.startswith("seed:") else "source" if ":" in name else "other"


ALLOWED = {
    "stg_": {"source"},
    "int_": {"stg_", "int_", "seed"},
    "dim_": {"stg_", "int_", "seed", "dim_", "fct_"},
    "fct_": {"stg_", "int_", "seed", "dim_", "fct_"},
    "kpi_": {"dim_", "fct_"},
    "rpt_": {"kpi_", "dim_", "fct_", "rpt_"},
}
CORE_INTERFACE = {"kpi_registry", "labels", "build_info"}
"""Published under names the interface fixes; they are reports about the build itself."""


def test_every_model_reads_only_the_layers_it_may(manifest: dict[str, Any]) -> None:
    wrong = []
    for node in models(manifest):
        if node["name"] in CORE_INTERFACE:
            continue
        allowed = ALLOWED[layer(node["name"])]
        for parent in parents(node):
            registry = parent in CORE_INTERFACE and layer(node["name"]) == "rpt_"
            calendar = parent == "dim_dates" and layer(node["name"]) == "int_"
            if layer(parent) not in allowed and not registry and not calendar:
                wrong.append(f"{node['name']} reads {parent}")
    assert wrong == []


def test_staging_reads_exactly_one_source_beside_the_ledger(
    manifest: dict[str, Any],
) -> None:
    wrong = []
    for node in models(manifest):
        if layer(node["name"]) != "stg_":
            continue
        sources = {p for p in parents(node) if not p.startswith("source:ledger.")}
        if len(sources) > 1:
            wrong.append((node["name"], sorted(sources)))
    assert wrong == []


def test_a_source_is_read_by_exactly_one_staging_model(
    manifest: dict[str, Any],
) -> None:
    readers: dict[str, list[str]] = {}
    for node in models(manifest):
        for parent in parents(node):
            if parent.startswith("source:") and not parent.startswith("source:ledger."):
                readers.setdefault(parent, []).append(node["name"])
    assert {name: found for name, found in readers.items() if len(found) != 1} == {}


def test_every_model_says_its_grain_first(manifest: dict[str, Any]) -> None:
    openings = ("one row per", "one row ", "each row")
    wrong = [
        node["name"]
        for node in models(manifest)
        if not node["description"].strip().lower().startswith(openings)
    ]
    assert wrong == []


def test_every_published_model_has_theme_owner_and_enforced_contract(
    manifest: dict[str, Any],
) -> None:
    wrong = []
    for node in models(manifest):
        meta = {**node.get("meta", {}), **node["config"].get("meta", {})}
        if "theme" not in meta:
            continue
        if meta["theme"] not in {"core", "sales", "marketing", "finance"}:
            wrong.append(f"{node['name']}: theme {meta['theme']}")
        if not meta.get("owner"):
            wrong.append(f"{node['name']}: no owner")
        if not node["config"]["contract"]["enforced"]:
            wrong.append(f"{node['name']}: contract not enforced")
    assert wrong == []


def test_published_columns_are_described(manifest: dict[str, Any]) -> None:
    wrong = []
    for node in models(manifest):
        meta = {**node.get("meta", {}), **node["config"].get("meta", {})}
        if "theme" not in meta:
            continue
        wrong += [
            f"{node['name']}.{name}"
            for name, column in node["columns"].items()
            if not column["description"].strip()
        ]
    assert wrong == []


def test_staging_of_files_replaces_periods_by_the_day_landing_covers_them() -> None:
    # Landing notes which days a batch covers, staging and the control totals drop older rows
    # of those days: another day in one of the three would drop or double rows in silence.
    staging = sorted((PROJECT / "models/staging/files").glob("stg_files__*.sql"))
    assert staging
    differ = []
    for model in staging:
        contract = contract_of("files", model.stem.removeprefix("stg_files__"))
        found = re.search(
            r"day=(?:report_date\('(\w+)'\)|'(\w+)')", model.read_text("utf-8")
        )
        day = next(filter(None, found.groups())) if found else None
        if day != period_column(contract):
            differ.append(f"{model.stem}: {day}, landing {period_column(contract)}")
    assert not differ


def test_no_model_knows_the_wall_clock_or_a_hard_coded_hundred() -> None:
    banned = re.compile(r"current_date|current_timestamp|now\(\)|/\s*100(\.0*)?(?!\d)")
    found = [
        f"{path.relative_to(PROJECT)}: {match.group()}"
        for path in sorted(PROJECT.rglob("models/**/*.sql"))
        for match in banned.finditer(path.read_text().lower())
    ]
    assert found == []


def test_every_join_says_which_it_is() -> None:
    # The linter's own rule for it (AM05) lets a bare one pass.
    found = [
        f"{path.relative_to(PROJECT)}: {match.group().strip()}"
        for path in sorted(PROJECT.rglob("*.sql"))
        for match in re.finditer(r"(?m)^\s*join\b.*$", path.read_text("utf-8"))
    ]
    assert found == []
