"""The files dbt reads of closed periods, flattened below `raw/_closes` as the ledger is.

Belongs here: their columns, and the empty ones that are there when nothing is closed. Stays
out: closing, and which closes stand (`orchestration.periods`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.paths import closed_dir
from ingest.storage import write_file

if TYPE_CHECKING:
    from pathlib import Path

_AMOUNT: Final = pa.decimal128(38, 6)

CLOSES_SCHEMA: Final = pa.schema(
    [
        ("close_id", pa.string()),
        ("area", pa.string()),
        ("period_label", pa.string()),
        ("period_start_date", pa.date32()),
        ("period_end_date", pa.date32()),
        ("as_of_date", pa.date32()),
        ("closed_at", pa.timestamp("us", tz="UTC")),
        ("closed_by", pa.string()),
        ("build_id", pa.string()),
        ("code_version", pa.string()),
        ("models", pa.string()),
        ("entry_hash", pa.string()),
    ]
)
"""One row per close that stands on the as-of day of the build."""

FIGURES_SCHEMA: Final = pa.schema(
    [
        ("kpi_key", pa.string()),
        ("kpi_version", pa.string()),
        ("variant", pa.string()),
        ("basis", pa.string()),
        ("grain", pa.string()),
        ("period_start_date", pa.date32()),
        ("period_end_date", pa.date32()),
        ("breakdown", pa.string()),
        ("member_id", pa.string()),
        ("member_name", pa.string()),
        ("unit", pa.string()),
        ("currency", pa.string()),
        ("value_original", _AMOUNT),
        ("numerator", _AMOUNT),
        ("denominator", _AMOUNT),
        ("value", _AMOUNT),
        ("additivity", pa.string()),
        ("is_partial", pa.bool_()),
        ("low_sample", pa.bool_()),
        ("flag", pa.list_(pa.string())),
        ("history_basis", pa.string()),
        ("theme", pa.string()),
        ("as_of_date", pa.date32()),
        ("close_id", pa.string()),
        ("closed_period", pa.string()),
        ("area", pa.string()),
    ]
)
"""One row per frozen figure: the columns of `rpt_kpi_values`, and of which close it is."""

CHANGES_SCHEMA: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("entity", pa.string()),
        ("source_name", pa.string()),
        ("batch_id", pa.string()),
        ("load_date", pa.date32()),
        ("record", pa.string()),
        ("change", pa.string()),
        ("source_ref", pa.string()),
        ("dates", pa.list_(pa.date32())),
    ]
)
"""One row per landed record and load that says something else than the load before it.

`record` is its key, parts joined by |; `dates` are the days of all its date columns, before and
after, in the company zone."""

CHANGES_FILE: Final = "changes.parquet"
CLOSES_FILE: Final = "closes.parquet"
FIGURES_FOLDER: Final = "figures"
EMPTY_FIGURES: Final = "_empty.parquet"


def ensure_empty_closes(root: Path) -> None:
    """Write the files of a warehouse that has closed nothing, where none are yet."""
    folder = closed_dir(root)
    empties = {
        folder / CLOSES_FILE: CLOSES_SCHEMA,
        folder / CHANGES_FILE: CHANGES_SCHEMA,
        folder / FIGURES_FOLDER / EMPTY_FIGURES: FIGURES_SCHEMA,
    }
    for path, schema in empties.items():
        if not path.is_file():
            write_file(path, encode(schema.empty_table()))


def encode(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()
