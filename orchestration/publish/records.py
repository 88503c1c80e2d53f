"""The records behind the finance KPIs of this month and the last, as a table for BI.

Belongs here: `fct_kpi_records`, made of what the build left for `warehouse explain` (D-480).
Stays out: asking for one figure of any period (`orchestration.explain`).
"""

# ruff: noqa: S608 - our own statements and a date
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import duckdb

from orchestration.publish.copying import find_raw
from orchestration.publish.tables import PublishedTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

_TABLE: Final = PublishedTable(
    name="fct_kpi_records",
    schema="main",
    theme="finance",
    audiences=("finance",),
    description=(
        "One row per finance KPI, variant, day, presentation currency, record and set of "
        "members, for this month and the last: what each record adds to the figure. Sums of "
        "numerator by month (stocks: on the month's last known day) are rpt_kpi_values."
    ),
    column_docs={
        "kpi_key": "KPI the record is counted in.",
        "variant": "Reading of the KPI, standard or as kpi_registry.variants lists them.",
        "report_date": "Company day the record counts on.",
        "currency": "Presentation currency; NULL = no money.",
        "record_type": "Canonical entity of the record.",
        "record_id": "Its id, with its source before it; warehouse explain --record takes it.",
        "original_amount": "Money in its own currency; NULL = no money or unknown.",
        "original_currency": "ISO 4217 of original_amount.",
        "numerator": "What the record adds to the numerator, of a sum to the value; NULL = "
        "unknown, which makes the figure unknown.",
        "denominator": "What it adds to the denominator; NULL = nothing.",
    },
    database="memory",
    may_be_empty=True,
)


def write_kpi_records(
    con: duckdb.DuckDBPyConnection,
    warehouse: Path,
    statements: Mapping[str, str],
    *,
    since: date,
) -> PublishedTable:
    """Create `fct_kpi_records` beside the build's own tables; return how to publish it.

    `statements` are those of models whose rows have days, by model. They and the views they
    read name the build file by its own name, so it is opened a second time under that.
    """
    parts = [
        f"select * from ({statement}) where report_date >= date '{since.isoformat()}'"
        " and kpi_key in (select kpi_key from main.kpi_registry where theme = 'finance')"
        for statement in statements.values()
    ]
    with duckdb.connect(str(warehouse), read_only=True) as built:
        built.execute("set TimeZone = 'UTC'")
        find_raw(built, warehouse)
        found = built.execute(
            "select counted.* exclude (case_value)"
            f" from ({' union all by name '.join(parts)}) as counted"
            " inner join main.kpi_registry as registry"
            " on counted.kpi_key = registry.kpi_key"
            " left join main.rpt_kpi_periods as months"
            " on counted.kpi_key = months.kpi_key and months.grain = 'month'"
            " and counted.report_date = months.last_known_date"
            # A stock is read on the last known day of a month.
            " where registry.aggregation <> 'last' or months.kpi_key is not null"
            " order by all"
        ).to_arrow_table()
    con.register("kpi_records_found", found)
    con.execute(
        "create table memory.main.fct_kpi_records as select * from kpi_records_found"
    )
    con.unregister("kpi_records_found")
    members = {
        name: f"Member of a breakdown ({name}); NULL = (unknown), or not told by it."
        for name in found.column_names
    }
    return replace(_TABLE, column_docs=members | dict(_TABLE.column_docs))
