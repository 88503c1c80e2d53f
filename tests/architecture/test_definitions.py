"""The asset graph of the sandbox company: complete, gated, and in the right order."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from ingest.sources import streams_of
from orchestration.assets.incoming import RAW_GATE, incoming_key
from orchestration.assets.publication import PUBLISHED
from orchestration.assets.raw import BATCH_TOTALS, BATCHES, NIGHT_MAY_BUILD, raw_key
from orchestration.build import build_definitions
from orchestration.checks import MART_GATE
from orchestration.dbt_setup import manifest_file
from orchestration.publish import PublishedTable, read_published_tables
from orchestration.settings import SANDBOX_CONFIG, Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, parsed_project: Path
) -> Settings:
    root = tmp_path_factory.mktemp("warehouse")
    settings = load_settings(root=root, config_path=SANDBOX_CONFIG, environ={})
    shutil.copytree(parsed_project, manifest_file(settings).parent)
    return settings


@pytest.fixture(scope="module")
def definitions(settings: Settings) -> dg.Definitions:
    return build_definitions(settings)


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


@pytest.fixture(scope="module")
def tables(
    settings: Settings, definitions: dg.Definitions
) -> tuple[PublishedTable, ...]:
    del definitions  # building them is what checks the manifest
    return read_published_tables(manifest_file(settings))


def blocking_checks(graph: AssetGraph, name: str) -> set[dg.AssetKey]:
    return {
        key.asset_key
        for key in graph.asset_check_keys
        if key.name == name and graph.get_check_spec(key).blocking
    }


def ancestors(graph: AssetGraph, key: dg.AssetKey) -> set[dg.AssetKey]:
    return set(graph.get_ancestor_asset_keys(key))


def test_every_stream_is_landed_judged_and_promoted(
    settings: Settings, graph: AssetGraph
) -> None:
    judged = {key.asset_key for key in graph.asset_check_keys if key.name == RAW_GATE}
    for source in settings.config.sources:
        for stream in streams_of(source):
            landed = incoming_key(source.name, stream)
            assert landed in judged
            promoted = raw_key(source.kind, stream.entity)
            assert landed in ancestors(graph, promoted)


def test_nothing_is_built_before_the_night_may_build(graph: AssetGraph) -> None:
    assert blocking_checks(graph, NIGHT_MAY_BUILD) == {BATCHES}
    staging = [key for key in graph.executable_asset_keys if key.path[0] == "staging"]
    assert staging
    for key in staging:
        # Both come from the step that fails with the check.
        assert {BATCHES, BATCH_TOTALS} & ancestors(graph, key)


def test_every_published_table_is_judged_before_publication(
    graph: AssetGraph, tables: tuple[PublishedTable, ...]
) -> None:
    judged = blocking_checks(graph, MART_GATE)
    assert {key.path[-1] for key in judged} == {
        t.unique_id.split(".")[2] for t in tables
    }
    assert judged <= ancestors(graph, PUBLISHED)


def test_lineage_runs_from_an_extract_to_the_publication(graph: AssetGraph) -> None:
    upstream = ancestors(graph, PUBLISHED)
    assert dg.AssetKey(["incoming", "stripe_sg", "invoices"]) in upstream
    assert dg.AssetKey(["incoming", "finance_drop", "fx_rates"]) in upstream


def test_published_tables_name_key_and_theme(
    tables: tuple[PublishedTable, ...],
) -> None:
    assert tables
    assert not [table.name for table in tables if not table.key]
    assert {table.theme for table in tables} <= {
        "core",
        "sales",
        "marketing",
        "finance",
    }


def test_runs_are_one_at_a_time_and_in_one_process(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("nightly")
    assert job.executor_def == dg.in_process_executor
    assert job.tags["warehouse/writer"] == "one"


def test_schedule_runs_the_day_before_in_the_company_zone(
    definitions: dg.Definitions,
) -> None:
    schedule = definitions.resolve_schedule_def("every_night")
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "Asia/Ho_Chi_Minh"
