"""`incoming/<source>/<entity>`: one step per source extracts and judges all its streams.

Belongs here: the asset and check of each stream. Stays out: extraction and gate
(`orchestration.ingestion`). One step per source, not per entity: steps cost more than most
extracts. A red gate does not fail the step; `night_may_build` decides what it stops.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Dagster reads it
from typing import TYPE_CHECKING

import dagster as dg

from ingest.sources import streams_of
from orchestration.ingestion import land_source
from orchestration.night import StreamReport, describe_stream
from orchestration.night_run import NightRun  # noqa: TC001 - Dagster reads it

if TYPE_CHECKING:
    from ingest.config import SourceConfig
    from ingest.sources.protocol import Stream

RAW_GATE = "raw_gate"


def incoming_key(source_name: str, stream: Stream) -> dg.AssetKey:
    """Return the key of one stream's unaudited batch."""
    return dg.AssetKey(["incoming", source_name, stream.dataset or stream.entity])


def incoming_assets(
    source: SourceConfig, partitions: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """Return the landed assets of one configured source, with the raw gate as checks."""
    streams = {incoming_key(source.name, s): s for s in streams_of(source)}
    specs = [
        dg.AssetSpec(
            key,
            description=f"Unaudited {stream.entity} of {source.name}, one batch per day.",
            group_name="incoming",
            kinds={source.kind},
            partitions_def=partitions,
        )
        for key, stream in streams.items()
    ]
    checks = [
        dg.AssetCheckSpec(
            RAW_GATE,
            asset=key,
            description="Great Expectations on the landed batch; green is promoted.",
        )
        for key in streams
    ]

    @dg.multi_asset(
        name=f"land_{source.name}",
        specs=specs,
        check_specs=checks,
        partitions_def=partitions,
    )
    def land(night: dg.ResourceParam[NightRun]) -> Iterator[dg.MaterializeResult]:
        with night.timed("landing"):
            for stream, report in land_source(night, source):
                yield _landed(incoming_key(source.name, stream), report)

    return land


def _landed(key: dg.AssetKey, report: StreamReport) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "outcome": report.outcome.value,
            "dagster/row_count": report.row_count,
            "quarantined": report.quarantined_count,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=RAW_GATE,
                asset_key=key,
                passed=not report.is_stale,
                description=describe_stream(report) if report.is_stale else None,
                metadata={"rules": report.rules},
            )
        ],
    )
