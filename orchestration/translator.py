"""What dbt's nodes are called in the asset graph.

Belongs here: asset keys and groups of dbt nodes and of what they read. Stays out: running dbt.
A dbt source is the raw asset of the same kind and entity, so lineage runs from a source's
extract to the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

LEDGER = "ledger"


class WarehouseTranslator(DagsterDbtTranslator):
    """Keys by layer: `staging/stripe/stg_stripe__invoices`, `reports/rpt_kpi_values`."""

    def __init__(self) -> None:
        """Leave dbt's tests out of the graph: 400 checks would cost 10 s a night.

        A failed test still fails the run and is named in the report.
        """
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return the key of a dbt node or source."""
        props = dbt_resource_props
        if props["resource_type"] == "source":
            if props["source_name"] == LEDGER:
                return dg.AssetKey(["raw", props["name"]])
            return dg.AssetKey(["raw", props["source_name"], props["name"]])
        folders = [part for part in props["fqn"][1:-1] if part]
        layer = folders or [f"{props['resource_type']}s"]
        return dg.AssetKey([*layer, props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer, which is the first part of the key."""
        return self.get_asset_key(dbt_resource_props).path[0]
