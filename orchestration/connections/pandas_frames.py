"""KPI warehouse in pandas: any number of tables, all from one build, decimals exact."""

import json
from pathlib import Path

import pandas as pd

PUBLISHED = Path("@PUBLISHED@")
AUDIENCE = "@AUDIENCE@"


def read_build(*tables: str) -> dict[str, pd.DataFrame]:
    """Return the tables by name; the pointer is read once, so they belong together."""
    pointer = json.loads((PUBLISHED / "current.json").read_text("utf-8"))
    folder = PUBLISHED / pointer["build_id"] / "parquet" / AUDIENCE
    return {
        # Arrow types keep money as decimals; the default would make objects or floats of it.
        table: pd.read_parquet(folder / f"{table}.parquet", dtype_backend="pyarrow")
        for table in tables
    }


if __name__ == "__main__":
    frames = read_build("rpt_kpi_values", "kpi_registry")
    values = frames["rpt_kpi_values"]
    monthly = values[
        (values["grain"] == "month")
        & (values["breakdown"] == "total")
        & (values["variant"] == "standard")
        & (values["basis"] == "current")
    ]
    wide = monthly.pivot_table(
        index="period_start_date",
        columns=["kpi_key", "currency"],
        values="value",
        aggfunc="first",
        dropna=False,
    )
    wide.to_csv("kpi_monthly.csv")
