"""Publishing one night: the request made of the run, its gates and the configuration.

Belongs here: what goes into the request and the page. Stays out: publishing itself
(`orchestration.publish`), which knows neither runs nor configurations.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.dashboards import render_pages
from orchestration.dbt_setup import entities_read, manifest_file
from orchestration.explain.records import dated_statements
from orchestration.gaps import known_gaps
from orchestration.periods.moved import theme_origins
from orchestration.publish import PublishRequest, publish_build, read_published_tables
from orchestration.rehearsal import BUILT_FROM, THEMES, built_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestration.night_run import NightRun
    from orchestration.publish import Manifest


def publish_night(run: NightRun) -> Manifest:
    """Publish the night's build and note it in the report.

    Raises:
        CoreHeldError: the core theme is red.
        StorageError: the disk refused.
    """
    settings, report = run.settings, run.report
    run.say(f"publishing {run.build_id}")
    report.gaps = known_gaps(settings.home.root, until=run.load_date)
    note_unread(run, json.loads(manifest_file(settings).read_text("utf-8")))
    manifest = publish_build(
        PublishRequest(
            warehouse=settings.home.warehouse,
            published=settings.home.published,
            tables=read_published_tables(manifest_file(settings)),
            audiences=settings.config.publish.audiences,
            build_id=run.build_id,
            as_of=run.as_of,
            code_version=settings.code_version,
            company_name=settings.config.company.name,
            now=run.clock(),
            red_themes=frozenset(report.red_themes),
            notes=report.info_notes(),
            quality={
                **quality_of(run),
                BUILT_FROM: {
                    **built_from(settings),
                    THEMES: theme_origins(settings, frozenset(report.red_themes)),
                },
            },
            mart_rules=sum(table.rules for table in report.tables),
            keep=settings.config.publish.keep,
            records=dated_statements(settings.home),
            records_since=(run.as_of.replace(day=1) - timedelta(days=1)).replace(day=1),
        ),
        render=render_pages,
    )
    report.published = manifest.build_id
    report.content_hash = manifest.content_hash
    report.kpi_count = count_kpis(settings.home.published / manifest.build_id)
    return manifest


def note_unread(run: NightRun, manifest: Mapping[str, Any]) -> None:
    """Mark the streams of entities no model reads: their rows reach raw and no mart."""
    read = entities_read(manifest)
    kinds = {source.name: source.kind for source in run.settings.config.sources}
    for stream in run.report.streams:
        stream.is_read = (kinds[stream.source], stream.entity) in read


def quality_of(run: NightRun) -> dict[str, Any]:
    """Return the quality report of the night: sources, gates, control totals; no rows.

    Every record received is in `landed_rows`, `quarantined_rows` or `absorbed_rows`;
    `unread_rows` counts by entity what landed and no model reads.
    """
    by_source: dict[str, dict[str, Any]] = {}
    for stream in run.report.streams:
        entry = by_source.setdefault(
            stream.source,
            {
                "source_name": stream.source,
                "state": "fresh",
                "landed_rows": 0,
                "quarantined_rows": 0,
                "absorbed_rows": 0,
                "unread_rows": {},
                "data_through": run.as_of.isoformat(),
            },
        )
        entry["landed_rows"] += stream.row_count
        entry["quarantined_rows"] += stream.quarantined_count
        entry["absorbed_rows"] += stream.absorbed_count
        if not stream.is_read and stream.row_count:
            unread = entry["unread_rows"]
            unread[stream.entity] = unread.get(stream.entity, 0) + stream.row_count
        if stream.is_stale:
            entry["state"], entry["data_through"] = "stale", None
    return {
        "as_of_date": run.as_of.isoformat(),
        "build_id": run.build_id,
        "sources": list(by_source.values()),
        "gates": run.report.gates,
        "control_totals": run.report.control_rows,
        "dbt_tests": run.report.dbt_tests,
    }


def count_kpis(build_dir: Path) -> int:
    """Return how many KPIs the build publishes a value for."""
    with duckdb.connect(str(build_dir / "bi.duckdb"), read_only=True) as con:
        try:
            row = con.execute(
                "select count(distinct kpi_key) from rpt_kpi_values"
                " where value is not null"
            ).fetchone()
        except duckdb.CatalogException:
            return 0
    return row[0] if row else 0
