"""KPI warehouse in Python with DuckDB: one build as a whole, also while a night publishes."""

import json
from pathlib import Path

import duckdb

PUBLISHED = Path("@PUBLISHED@")
AUDIENCE = "@AUDIENCE@"


def open_build() -> duckdb.DuckDBPyConnection:
    """Open the build of this moment, read-only; it stays the same until you open again."""
    pointer = json.loads((PUBLISHED / "current.json").read_text("utf-8"))
    file = PUBLISHED / pointer["build_id"] / f"{AUDIENCE}.duckdb"
    return duckdb.connect(str(file), read_only=True)


if __name__ == "__main__":
    with open_build() as build:
        build.sql("""
            select period_start_date, currency, value, is_partial
            from rpt_kpi_values
            where kpi_key = 'mrr' and grain = 'month' and breakdown = 'total'
                and variant = 'standard' and basis = 'current'
            order by period_start_date desc, currency
            limit 24
        """).show()
