"""dbt's models as assets, built by dbt in its own process.

Belongs here: the dbt asset definition and passing its events on. Stays out: the child process,
its variables and results (`orchestration.dbt_run`), the models.

dbt is started by us and not by `DbtCliResource`: that one hands our whole environment, with
every source's secrets, to dbt, starts dbt once more for its version, and loads the adapter.
"""

# No `from __future__ import annotations`: Dagster compares the class of `context` itself.
import json
from collections.abc import (
    Iterator,
    Mapping,
)
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from orchestration import dbt_run
from orchestration.dbt_setup import prepare_build, start_night_dbt
from orchestration.night_run import NightRun
from orchestration.translator import WarehouseTranslator

_ASSET_TYPES = frozenset({"model", "seed"})
_SHOWN_STEP = 0.25


def dbt_models(manifest_path: Path) -> dg.AssetsDefinition:
    """Return every model and seed of the project as one step."""
    manifest: dict[str, Any] = json.loads(manifest_path.read_text("utf-8"))
    translator = WarehouseTranslator()

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="dbt_build")
    def build(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[NightRun]
    ) -> Iterator[Any]:
        for result in run_dbt(
            night, manifest, _selection(context, manifest, translator)
        ):
            node = manifest["nodes"].get(result.unique_id)
            if node and node["resource_type"] in _ASSET_TYPES and result.is_success:
                yield dg.MaterializeResult(
                    asset_key=translator.get_asset_key(node),
                    metadata={"seconds": result.seconds},
                )

    return build


def run_dbt(
    night: NightRun, manifest: Mapping[str, Any], selected: list[str]
) -> Iterator[dbt_run.NodeResult]:
    """Run the night's `dbt build`, noting its outcome; yield what gets done.

    Raises:
        DbtError: a model or test failed; they are named.
    """
    refresh = prepare_build(
        night.settings, night.as_of, full_refresh=night.full_refresh
    )
    mode = "rebuilding everything from raw" if refresh else "building"
    night.say(f"dbt: {mode}")
    arguments = dbt_run.build_arguments(night, full_refresh=refresh, selected=selected)
    shown = 0.0
    with night.timed("dbt"), ExitStack() as stack:
        dbt = night.dbt
        if dbt is None or not dbt.is_waiting:
            dbt = stack.enter_context(start_night_dbt(night.settings))
        build = dbt_run.DbtBuild(
            night.settings, dbt, arguments, then=dbt_run.explain_arguments(night)
        )
        for result in build.results():
            yield result
            if result.share - shown >= _SHOWN_STEP:
                shown = result.share
                night.say(f"dbt: {result.share:.0%} of {result.total} models and tests")
    outcome = build.outcome(manifest)
    night.report.dbt_nodes = outcome.nodes
    night.report.dbt_tests = outcome.tests
    night.report.dbt_failures = list(outcome.failures)
    night.say(
        f"dbt: {outcome.nodes} models and seeds, {outcome.tests} tests, "
        f"{len(outcome.failures)} failed"
    )
    build.raise_if_failed(outcome)


def _selection(
    context: dg.AssetExecutionContext,
    manifest: Mapping[str, Any],
    translator: WarehouseTranslator,
) -> list[str]:
    """Return the nodes a partial run asks for by name; empty = all."""
    if not context.is_subset:
        return []
    wanted = context.selected_asset_keys
    return [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] in _ASSET_TYPES
        and translator.get_asset_key(node) in wanted
    ]
