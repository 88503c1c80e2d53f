"""`published/bi`: the build people read, made of what the mart gate let through.

Belongs here: the publication asset. Stays out: composing, copying, swapping
(`orchestration.publish`).
"""

from __future__ import annotations

import dagster as dg

from orchestration.file_notices import file_notices
from orchestration.night_run import NightRun  # noqa: TC001 - Dagster reads it
from orchestration.publication import publish_night

PUBLISHED = dg.AssetKey(["published", "bi"])


def publication_asset(table_keys: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset that publishes; it runs after every blocking check."""

    @dg.asset(
        key=PUBLISHED,
        deps=table_keys,
        group_name="published",
        description="One complete, gated build: files per audience, manifest, page.",
        kinds={"duckdb"},
    )
    def publish(night: dg.ResourceParam[NightRun]) -> dg.MaterializeResult:
        with night.timed("publication"):
            manifest = publish_night(night)
            home = night.settings.home
            served = home.published / manifest.build_id / "bi.duckdb"
            night.report.notices = file_notices(night.settings, served)
        return dg.MaterializeResult(
            metadata={
                "build_id": manifest.build_id,
                "as_of": manifest.as_of_date,
                "content_hash": manifest.content_hash,
                "tables": len(manifest.tables),
                "themes": {
                    name: state.state for name, state in manifest.themes.items()
                },
            }
        )

    return publish
