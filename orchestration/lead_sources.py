"""Leads must name their source, where the company says so: a gate on how many do.

Belongs here: judging the month so far against the share a company asks for. Stays out: the
figure itself (KPI `lead_source_completeness`, catalogue C.2) and the list people work from
(`queue_leads_without_source`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.publish.copying import read_catalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ingest.config_policies import PolicyValue

THEME = "marketing"
"""Held at its last good night: campaigns judged by half of their leads mislead."""


def tell_missing_sources(
    con: duckdb.DuckDBPyConnection, policies: Mapping[str, PolicyValue]
) -> str | None:
    """Say that too few leads of the month so far name their source; None = enough do.

    `con` has the build file attached as `build`. Policy `lead_source_gate_percent` 0 asks for
    nothing; fewer leads than `low_sample_threshold` are no sample and not judged.
    """
    asked = int(str(policies["lead_source_gate_percent"]))
    if not asked or ("build", "main", "rpt_kpi_values") not in read_catalog(
        con, ("build",)
    ):
        return None
    found = con.execute(
        "select strftime(period_start_date + 14, '%Y-%m'), numerator, denominator"
        " from build.main.rpt_kpi_values"
        " where kpi_key = 'lead_source_completeness' and variant = 'standard'"
        " and basis = 'current' and grain = 'month' and breakdown = 'total'"
        " and denominator >= ? order by period_start_date desc limit 1",
        [policies["low_sample_threshold"]],
    ).fetchone()
    if found is None or found[1] * 100 >= asked * found[2]:
        return None
    month, named, leads = found
    return (
        f"lead sources: {named:.0f} of {leads:.0f} leads of {month} name their source, "
        f"policy lead_source_gate_percent asks for {asked} %: fill in those of "
        "queue_leads_without_source"
    )
