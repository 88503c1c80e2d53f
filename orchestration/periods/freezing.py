"""What a close freezes: figures, the area's tables, the inputs, and the record of it all.

Belongs here: writing those files into a folder of their own. Stays out: whether the period may
be closed (`refusals`), the chain, naming the folder (`closing`).

`figures.parquet` has the rows of `rpt_kpi_values` as readers saw them, basis included, of the
month, its days, and the quarter and year that end with it; columns `close_id`, `closed_period`
and `area` say of which close; `figures.csv` has the same rows but those of days, for people and
spreadsheets. `inputs.parquet` names every promoted batch the build was made
of, with the hash of its file. `tables/` has the area's own tables' rows of the month, and the
records behind its figures.
"""

# ruff: noqa: S608 - names go through quote(), paths through text()

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest import ledger
from ingest.errors import StorageError
from ingest.storage import sha256_of, sync_directory, sync_file
from orchestration.inert import write_csv
from orchestration.periods.served import FIGURES, REGISTRY
from orchestration.publish.copying import quote, text
from orchestration.publish.records import read_statements, records_of_area
from orchestration.settings import Home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ingest.manifest import BatchManifest
    from orchestration.periods.refusals import Candidate

FIGURES_FILE: Final = "figures.parquet"
FIGURES_CSV: Final = "figures.csv"
INPUTS_FILE: Final = "inputs.parquet"
RECORD_FILE: Final = "record.json"
TABLES_FOLDER: Final = "tables"
RECORDS: Final = "fct_kpi_records"
"""Table of the records behind every KPI of the area, of any month the build file knows."""
WINDOW_END: Final = "window_end"

_ROWS_AT_A_TIME: Final = 10_000

PERIOD_COLUMNS: Final = (
    "month_start_date",
    "period_start_date",
    "report_date",
)
"""Columns that say which month a row of an area's table belongs to, the first that is there."""

_INPUTS: Final = pa.schema(
    [
        ("batch_id", pa.string()),
        ("kind", pa.string()),
        ("source_name", pa.string()),
        ("entity", pa.string()),
        ("load_date", pa.date32()),
        ("row_count", pa.int64()),
        ("parquet_sha256", pa.string()),
    ]
)


@dataclass(frozen=True)
class ModelChange:
    """The last change of what an area's figures are made by; '' = not known."""

    author: str = ""
    email: str = ""
    commit: str = ""
    at: str = ""


@dataclass(frozen=True)
class Signature:
    """Who closes, when, as what; `replaces` is the reopened close of the same period."""

    close_id: str
    by: str
    at: str
    replaces: str = ""


def freeze(
    candidate: Candidate, signature: Signature, *, root: Path, folder: Path
) -> dict[str, str]:
    """Write a close's files into an empty folder, durably; return their hashes by name.

    Raises:
        OSError: the disk refused.
    """
    figures = _freeze_figures(candidate, signature, folder)
    tables = _freeze_tables(candidate, folder / TABLES_FOLDER)
    tables |= _freeze_records(candidate, Home(root), folder / TABLES_FOLDER)
    inputs = freeze_inputs(
        batches_of(root, candidate.served.built_from.get("ledger_lines")),
        folder / INPUTS_FILE,
    )
    record = {
        **_describe(candidate, signature),
        "figures": figures,
        "tables": tables,
        "inputs": inputs,
    }
    content = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / RECORD_FILE).write_text(content + "\n", encoding="utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        sync_file(path)
    for inner in (*(p for p in folder.rglob("*") if p.is_dir()), folder):
        sync_directory(inner)
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}


def batches_of(root: Path, ledger_lines: int | None) -> list[BatchManifest]:
    """Return the live batches a build was made of; None = it does not say, so all of them."""
    promoted = ledger.read(root)
    return list(ledger.live(promoted[:ledger_lines] if ledger_lines else promoted))


def freeze_inputs(batches: list[BatchManifest], path: Path) -> dict[str, Any]:
    """Write the list of batches; return how many, and one hash over their content.

    The hash is over ids and file hashes in the order of the ids, so it is the same wherever
    the same data was loaded.
    """
    rows = [
        {name: getattr(batch, name) for name in _INPUTS.names}
        for batch in sorted(batches, key=lambda batch: batch.batch_id)
    ]
    pq.write_table(pa.Table.from_pylist(rows, _INPUTS), path)
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row['batch_id']}|{row['parquet_sha256']}\n".encode())
    return {
        "batches": len(rows),
        "rows": sum(batch.row_count for batch in batches),
        "sha256": digest.hexdigest(),
    }


def _freeze_figures(
    candidate: Candidate, signature: Signature, folder: Path
) -> dict[str, Any]:
    """Write the area's figures; return their counts and, per KPI, the month's totals."""
    period, area, served = candidate.period, candidate.area, candidate.served
    with served.open(FIGURES, REGISTRY) as con:
        con.execute(
            f"""
            create table frozen as
            select
                f.*,
                {text(signature.close_id)} as close_id,
                {text(period.label)} as closed_period,
                {text(area)} as area
            from rpt_kpi_values f
            inner join kpi_registry r on f.kpi_key = r.kpi_key
            where f.theme = ? and {_FREEZES}
            order by f.basis, f.grain, f.kpi_key, f.variant, f.breakdown, f.member_id,
                f.currency, f.period_start_date
            """,
            [area, *_period_values(candidate)],
        )
        con.execute(
            f"copy frozen to {text(str(folder / FIGURES_FILE))} (format parquet)"
        )
        _write_figures_csv(con, folder / FIGURES_CSV)
        return {
            "rows": _one(con, "select count(*) from frozen"),
            "kpi_versions": dict(
                con.execute(
                    "select distinct kpi_key, kpi_version from frozen order by 1"
                ).fetchall()
            ),
            "totals": _totals(con),
            "waiting_for_window": [
                key
                for (key,) in con.execute(
                    "select kpi_key from kpi_registry where theme = ?"
                    " and freezes_at = 'window_end' order by 1",
                    [area],
                ).fetchall()
            ],
        }


def _write_figures_csv(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the frozen figures but those of days as a spreadsheet opens them: text inert."""
    cursor = con.execute(
        # As a person looks a figure up; the surrogate key says nothing to one.
        "select columns(name -> name <> 'kpi_value_id') from frozen where grain <> 'day'"
        " order by kpi_key, variant, grain, period_start_date, breakdown, member_id,"
        " currency, basis"
    )
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        write_csv(file, [[column[0] for column in cursor.description or ()]])
        while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
            write_csv(file, (map(_as_cell, row) for row in rows))


def _as_cell(value: object) -> object:
    return "|".join(map(str, value)) if isinstance(value, list) else value


_FREEZES: Final = """
    case
        when r.freezes_at <> 'window_end' then
            f.grain in ('day', 'month', 'quarter', 'year')
            and f.period_end_date between ? and ?
            and (f.grain in ('day', 'month') or f.period_end_date = ?)
        else
            f.grain in ('month', 'quarter', 'year')
            and f.period_end_date + r.window_days <= ?
            and f.period_end_date + r.window_days >= ?
            and f.period_end_date >= ?
    end
"""
"""A figure freezes with its month; one whose cases have a window, with the month it ends in."""


def _period_values(candidate: Candidate) -> list[object]:
    period = candidate.period
    return [
        period.first, period.last, period.last,
        period.last, period.first, first_closed_day(candidate),
    ]  # fmt: skip


def first_closed_day(candidate: Candidate) -> object:
    """Return the first day of the area's record: nothing before it is ever frozen."""
    ever = [e.period for e in candidate.chain if e.area == candidate.area and e.period]
    first = min([*ever, candidate.period.label])
    return candidate.served.find_period(first).first


def _totals(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the company's own figures of the month: what a person compares by eye."""
    rows = con.execute(
        "select kpi_key, variant, basis, currency, numerator, denominator, value"
        " from frozen where grain = 'month' and breakdown = 'total' order by all"
    ).fetchall()
    names = (
        "kpi_key", "variant", "basis", "currency", "numerator", "denominator", "value",
    )  # fmt: skip
    return [
        {
            name: None if value is None else str(value)
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]


def _freeze_tables(candidate: Candidate, folder: Path) -> dict[str, Any]:
    """Write the month's rows of the area's own tables that are dated; return their counts."""
    counts: dict[str, Any] = {}
    manifest = candidate.served.manifest
    for name, entry in sorted(manifest.tables.items()):
        if entry.theme != candidate.area:
            continue
        with candidate.served.open(name) as con:
            columns = {
                row[0] for row in con.execute(f"describe {quote(name)}").fetchall()
            }
            dated = next((c for c in PERIOD_COLUMNS if c in columns), None)
            if dated is None:
                continue
            folder.mkdir(exist_ok=True)
            con.execute(
                f"copy (select * from {quote(name)} where {quote(dated)} between"
                f" date '{candidate.period.first}' and date '{candidate.period.last}')"
                f" to {text(str(folder / f'{name}.parquet'))} (format parquet)"
            )
            counts[name] = {
                "rows": _one(
                    con,
                    f"select count(*) from read_parquet("
                    f"{text(str(folder / f'{name}.parquet'))})",
                ),
                "by": dated,
            }
    return counts


def _freeze_records(
    candidate: Candidate, home: Home, folder: Path
) -> dict[str, dict[str, Any]]:
    """Write the records behind the area's figures of the month, from the served build's file.

    Readers have finance's of two months; the build file has every area's of every month. It is
    left as it is where it is gone, or of another build.
    """
    statements = read_statements(home.explain)
    if not statements or not home.warehouse.is_file():
        return {}
    try:
        with duckdb.connect(str(home.warehouse), read_only=True) as con:
            built = _one(con, "select any_value(build_id) from main.build_info")
    except duckdb.IOException as error:
        message = (
            f"a program holds {home.warehouse.name}, which has the records behind the "
            "figures; close it, then close the month again"
        )
        raise StorageError(message) from error
    if built != candidate.served.build_id:
        return {}
    period = candidate.period
    found = records_of_area(
        home.warehouse, statements, candidate.area, (period.first, period.last)
    )
    folder.mkdir(exist_ok=True)
    pq.write_table(found, folder / f"{RECORDS}.parquet")
    return {RECORDS: {"rows": found.num_rows, "by": "report_date"}}


def _describe(candidate: Candidate, signature: Signature) -> dict[str, Any]:
    """Return everything of the record that is not counted from the frozen rows."""
    served, quality = candidate.served, candidate.served.quality
    built_from = served.built_from
    change = ModelChange(**built_from.get("model_changes", {}).get(candidate.area, {}))
    themes = {"core", candidate.area}
    return {
        "close_id": signature.close_id,
        "area": candidate.area,
        "period": candidate.period.label,
        "period_start_date": candidate.period.first.isoformat(),
        "period_end_date": candidate.period.last.isoformat(),
        "closed_by": signature.by,
        "closed_at": signature.at,
        "replaces": signature.replaces or None,
        "build_id": served.build_id,
        "as_of_date": served.manifest.as_of_date,
        "content_hash": served.manifest.content_hash,
        "code_version": served.manifest.code_version,
        "models": built_from.get("models", ""),
        "policies": built_from.get("policies", {}),
        "model_change": {
            **asdict(change),
            "is_closer": is_same_person(change, signature.by),
        },
        "sources": quality.get("sources", []),
        "gates": [
            {
                "subject": gate["subject"],
                "rules": len(gate["rules"]),
                "passed": gate["passed"],
            }
            for gate in quality.get("gates", [])
        ],
        "dbt_tests": quality.get("dbt_tests"),
        "control_totals": [
            total
            for total in quality.get("control_totals", [])
            if total["theme"] in themes
        ],
    }


def is_same_person(change: ModelChange, by: str) -> bool | None:
    """Return whether the closer made the last change of the models; None = nobody knows."""
    if not change.author:
        return None
    names = {change.author, change.email, change.email.partition("@")[0]}
    return by.strip().casefold() in {name.casefold() for name in names if name}


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:  # noqa: ANN401 - any scalar
    row = con.execute(query).fetchone()
    return row[0] if row else None


def read_record(folder: Path) -> Mapping[str, Any]:
    """Return the record of one close."""
    return json.loads((folder / RECORD_FILE).read_text("utf-8"))
