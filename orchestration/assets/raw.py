"""`raw/<kind>/<entity>` and the ledger dbt reads: what the gate let through.

Belongs here: promotion per kind, the exported ledger, and the check that decides whether dbt
may run on it. Stays out: moving files (`ingest.landing`).
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Dagster reads it
from typing import TYPE_CHECKING

import dagster as dg

from ingest import landing, ledger
from ingest.sources import streams_of
from orchestration.assets.incoming import incoming_key
from orchestration.ingestion import blocking_problems, promote_source
from orchestration.night_run import NightRun  # noqa: TC001 - Dagster reads it
from orchestration.periods.closing import proven_chain
from orchestration.periods.export import export_closes
from orchestration.totals import landed_breaks

if TYPE_CHECKING:
    from ingest.config import SourceConfig

BATCHES = dg.AssetKey(["raw", "_batches"])
BATCH_TOTALS = dg.AssetKey(["raw", "_batch_totals"])
CLOSES = tuple(
    dg.AssetKey(["raw", "closes", name])
    for name in ("closes", "figures", "changed_rows")
)
"""What people signed off and what came after, flattened; dbt's sources have the same keys."""
NIGHT_MAY_BUILD = "night_may_build"
CONTROL_TOTALS = "control_totals"


def raw_key(kind: str, entity: str) -> dg.AssetKey:
    """Return the key of everything promoted of one entity; dbt's source has the same."""
    return dg.AssetKey(["raw", kind, entity])


def raw_assets(
    kind: str, sources: tuple[SourceConfig, ...], partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """Return the promoted assets of one kind, fed by every configured source of it."""
    feeding: dict[str, list[dg.AssetKey]] = {}
    for source in sources:
        for stream in streams_of(source):
            feeding.setdefault(stream.entity, []).append(
                incoming_key(source.name, stream)
            )
    specs = [
        dg.AssetSpec(
            raw_key(kind, entity),
            deps=keys,
            description=f"Promoted {entity} of every {kind} source, immutable and dated.",
            group_name="raw",
            kinds={"parquet"},
            partitions_def=partitions,
        )
        for entity, keys in feeding.items()
    ]

    @dg.multi_asset(name=f"promote_{kind}", specs=specs, partitions_def=partitions)
    def promote(night: dg.ResourceParam[NightRun]) -> Iterator[dg.MaterializeResult]:
        counts = dict.fromkeys(feeding, 0)
        for source in sources:
            for stream, report in promote_source(night, source):
                counts[stream.entity] += 0 if report.is_stale else report.row_count
        for entity, count in counts.items():
            yield dg.MaterializeResult(
                asset_key=raw_key(kind, entity), metadata={"dagster/row_count": count}
            )

    return promote


def ledger_assets(
    raw_keys: list[dg.AssetKey], partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """Return the flattened ledger, with the two checks that come before dbt."""
    specs = [
        dg.AssetSpec(key, deps=raw_keys, group_name="raw", partitions_def=partitions)
        for key in (BATCHES, BATCH_TOTALS)
    ] + [
        dg.AssetSpec(key, deps=[BATCHES], group_name="raw", partitions_def=partitions)
        for key in CLOSES
    ]
    checks = [
        dg.AssetCheckSpec(
            NIGHT_MAY_BUILD,
            asset=BATCHES,
            blocking=True,
            description="Every required source has tonight's data in raw.",
        ),
        dg.AssetCheckSpec(
            CONTROL_TOTALS,
            asset=BATCH_TOTALS,
            blocking=True,
            description="Count and money per account and currency: received = landed.",
        ),
    ]

    @dg.multi_asset(
        name="export_ledger",
        specs=specs,
        check_specs=checks,
        partitions_def=partitions,
    )
    def export(night: dg.ResourceParam[NightRun]) -> Iterator[dg.MaterializeResult]:
        root = night.settings.home.root
        landing.ensure_empty_batches(root)
        ledger.export(root)
        # Sources are landed whatever was done to the closes; nothing is built on them.
        chain = proven_chain(night.settings)
        zone = night.settings.config.company.timezone
        export_closes(root, chain, as_of=night.as_of, zone=zone)
        problems = blocking_problems(night)
        yield dg.MaterializeResult(
            asset_key=BATCHES,
            check_results=[_verdict(NIGHT_MAY_BUILD, BATCHES, problems)],
        )
        breaks = landed_breaks(night)
        yield dg.MaterializeResult(
            asset_key=BATCH_TOTALS,
            check_results=[_verdict(CONTROL_TOTALS, BATCH_TOTALS, breaks)],
        )
        yield from (dg.MaterializeResult(asset_key=key) for key in CLOSES)

    return export


def _verdict(name: str, key: dg.AssetKey, problems: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=not problems,
        description="\n".join(problems) or None,
    )
