"""The one function that puts the asset graph together.

Belongs here: which factories are called with what. Stays out: everything they do. Tests and
the command line swap resources here instead of patching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from ingest.sources import streams_of
from orchestration.assets.incoming import incoming_assets
from orchestration.assets.models import dbt_models
from orchestration.assets.publication import publication_asset
from orchestration.assets.raw import ledger_assets, raw_assets
from orchestration.checks import mart_gate_checks
from orchestration.dbt_setup import dbt_vars, prepare_manifest
from orchestration.jobs import nightly_job
from orchestration.partitions import daily_partitions
from orchestration.publish import PublishedTable, read_published_tables
from orchestration.resources import night_resource
from orchestration.schedules import failure_alert, nightly_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.config import SourceConfig
    from orchestration.settings import Settings


def build_definitions(
    settings: Settings, *, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Return the whole warehouse as Dagster definitions.

    Args:
        settings: the warehouse; its configuration decides which assets exist.
        resources: replaces the night a run opens for itself (key `night`).

    Raises:
        DbtError: the dbt project does not parse.
    """
    variables = dbt_vars(settings.config, raw=settings.home.raw_from_root)
    manifest = prepare_manifest(settings, variables)
    partitions = daily_partitions(settings.config.company.timezone)
    by_kind: dict[str, list[SourceConfig]] = {}
    # A drop of templates nobody has filled in yet has nothing to land.
    sources = [source for source in settings.config.sources if streams_of(source)]
    for source in sources:
        by_kind.setdefault(source.kind, []).append(source)
    raw = [
        raw_assets(kind, tuple(of_kind), partitions)
        for kind, of_kind in by_kind.items()
    ]
    models = dbt_models(manifest)
    published = _published_keys(models, read_published_tables(manifest))
    job = nightly_job()
    return dg.Definitions(
        assets=[
            *(incoming_assets(source, partitions) for source in sources),
            *raw,
            ledger_assets([key for asset in raw for key in asset.keys], partitions),
            models,
            publication_asset(list(published)),
        ],
        asset_checks=[mart_gate_checks(published)],
        jobs=[job],
        schedules=[nightly_schedule(job, settings.config.company.timezone)],
        sensors=[failure_alert(settings)],
        resources=resources or {"night": night_resource(settings)},
    )


def _published_keys(
    models: dg.AssetsDefinition, tables: tuple[PublishedTable, ...]
) -> dict[dg.AssetKey, PublishedTable]:
    """Return the asset of every published table: that of the model it is made by."""
    by_name = {key.path[-1]: key for key in models.keys}
    return {by_name[table.unique_id.split(".")[2]]: table for table in tables}
