"""dbt's models as assets, built by dbt in its own process.

Belongs here: the dbt asset definition and passing its events on. Stays out: variables,
environment and results of dbt (`orchestration.dbt_run`), the models.
"""

# No `from __future__ import annotations`: Dagster compares the class of `context` itself.
import contextlib
import json
from collections.abc import (
    Iterator,
    Mapping,
)
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliInvocation, dbt_assets
from packaging.version import Version

from orchestration import dbt_run
from orchestration.night_run import NightRun
from orchestration.processes import ended
from orchestration.translator import WarehouseTranslator


def dbt_models(manifest_path: Path) -> dg.AssetsDefinition:
    """Return every model and seed of the project as one step."""
    manifest: dict[str, Any] = json.loads(manifest_path.read_text("utf-8"))
    translator = WarehouseTranslator()

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="dbt_build")
    def build(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[NightRun]
    ) -> Iterator[Any]:
        selected = _selection(context, manifest, translator)
        yield from run_dbt(night, manifest, translator, context, selected)

    return build


def run_dbt(
    night: NightRun,
    manifest: Mapping[str, Any],
    translator: WarehouseTranslator,
    context: dg.AssetExecutionContext,
    selected: list[str],
) -> Iterator[Any]:
    """Run `dbt build` as a child process and pass its finished models on.

    `DbtCliInvocation.run` is used without `DbtCliResource`: the resource would hand our whole
    environment (with every source's secrets) to dbt, and start dbt once more for its version.

    Raises:
        dbt_run.DbtError: a model or test failed; they are named.
    """
    settings = night.settings
    target = settings.home.dbt / "target"
    target.mkdir(parents=True, exist_ok=True)
    refresh = dbt_run.prepare_build(
        settings, night.as_of, full_refresh=night.full_refresh
    )
    invocation = DbtCliInvocation.run(
        args=dbt_run.build_arguments(night, full_refresh=refresh, selected=selected),
        env={**dbt_run.dbt_environment(settings), "DBT_LOG_FORMAT": "json"},
        manifest=manifest,
        dagster_dbt_translator=translator,
        project_dir=settings.dbt_project_dir,
        target_path=target,
        raise_on_error=False,
        context=context,
        adapter=None,
        cli_version=Version(installed_version("dbt-core")),
    )
    log = settings.home.dbt / "build.log"
    mode = "rebuilding everything from raw" if refresh else "building"
    night.say(f"dbt: {mode}")
    # dbt's own lines go to a file: the terminal belongs to the night's progress.
    with (
        ended(invocation.process),
        log.open("w", encoding="utf-8") as sink,
        contextlib.redirect_stdout(sink),
    ):
        try:
            for event in invocation.stream():
                if isinstance(event, dg.Output | dg.MaterializeResult):
                    yield event
        except KeyError as error:
            message = (
                f"the dbt project was edited while it was built ({error}); run again"
            )
            raise dbt_run.DbtError(message) from error
    outcome = dbt_run.read_outcome(target, manifest)
    night.report.dbt_nodes = outcome.nodes
    night.report.dbt_tests = outcome.tests
    night.report.dbt_failures = list(outcome.failures)
    night.say(
        f"dbt: {outcome.nodes} models and seeds, {outcome.tests} tests, "
        f"{len(outcome.failures)} failed"
    )
    if invocation.process.returncode != 0:
        raise dbt_run.failure(outcome, log)


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
        if node["resource_type"] in {"model", "seed"}
        and translator.get_asset_key(node) in wanted
    ]
