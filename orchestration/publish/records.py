"""The records behind the finance KPIs of this month and the last, as a table for BI.

Belongs here: `fct_kpi_records`, made of what the build left for `warehouse explain` (D-480), and
the same rows of a month of any area, which a close keeps (D-611). Stays out: asking for one
figure of any period (`orchestration.explain`).
"""

# ruff: noqa: S608 - our own statements and a date
from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

import duckdb

from orchestration.publish.copying import find_raw
from orchestration.publish.tables import PublishedTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

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


BY_PERIOD: Final = "rpt_retention_values"
"""Its rows follow customers over a period and have no day of their own."""

_COUNTED_IN: Final = """
    with recursive needed as (
        select kpi_key from main.kpi_registry where theme = '{theme}'
        union
        select part.kpi_key
        from needed
        inner join main.kpi_registry as registry on needed.kpi_key = registry.kpi_key
        cross join unnest(regexp_extract_all(
            concat_ws('|', registry.numerator_kpis, registry.denominator_kpis),
            '[a-z][a-z0-9_]+'
        )) as part (kpi_key)
    )
    select kpi_key from needed
"""
"""An area's KPIs and those they are made of, which may be another area's."""


def read_statements(folder: Path) -> dict[str, str]:
    """Return what the last build left below a folder, by model."""
    return {
        path.stem: path.read_text("utf-8")
        for path in sorted(folder.glob("compiled/*/models/**/*.sql"))
    }


def write_kpi_records(
    con: duckdb.DuckDBPyConnection,
    warehouse: Path,
    statements: Mapping[str, str],
    *,
    since: date,
) -> PublishedTable:
    """Create `fct_kpi_records` beside the build's own tables; return how to publish it."""
    found = find_kpi_records(
        warehouse,
        statements,
        "select kpi_key from main.kpi_registry where theme = 'finance'",
        days=(since, date(9999, 12, 31)),
    )
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


def records_of_area(
    warehouse: Path,
    statements: Mapping[str, str],
    area: str,
    days: tuple[date, date],
) -> pa.Table:
    """Return the records of the days, both inclusive, behind every KPI of an area."""
    return find_kpi_records(
        warehouse, statements, _COUNTED_IN.format(theme=area), days=days
    )


def find_kpi_records(
    warehouse: Path,
    statements: Mapping[str, str],
    wanted: str,
    *,
    days: tuple[date, date],
) -> pa.Table:
    """Return the rows of the KPIs a query names, from the build file.

    `statements` are by model; those whose rows have no days are left out. They and the views
    they read name the build file by its own name, so it is opened under that.
    """
    first, last = (day.isoformat() for day in days)
    parts = [
        f"select * from ({statement})"
        f" where report_date between date '{first}' and date '{last}'"
        " and kpi_key in (select kpi_key from kpis_wanted)"
        for model, statement in statements.items()
        if model != BY_PERIOD
    ]
    with duckdb.connect(str(warehouse), read_only=True) as built:
        built.execute("set TimeZone = 'UTC'")
        find_raw(built, warehouse)
        built.execute(f"create temp table kpis_wanted as {wanted}")
        return built.execute(
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
