"""Both gates: the frames they judge, and what a red one holds back.

Belongs here: reading a landed batch or a published table into a frame, running its suite.
Stays out: the rules (`expectations`), promoting and publishing. Great Expectations is loaded
on the first verdict: it costs seconds and 200 MB, which only a gate pays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow.parquet as pq

from expectations.catalogue import LandedBatch as BatchFacts
from expectations.catalogue import PublishedTable as TableFacts
from expectations.catalogue import mart_suite, raw_suite
from expectations.gate import run_gate
from ingest import ledger
from ingest.contracts import contract_of
from ingest.entities import EntityContract, Truth, Type
from ingest.landing import LandedBatch, record_gate
from orchestration.publish.copying import quote, read_columns, text
from orchestration.publish.tables import CORE, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from expectations.results import GateResult
    from ingest.manifest import BatchManifest

USUAL_LOADS: Final = 14
_NOT_JUDGED: Final = frozenset({"_payload", "_source_ref", "_row_hash"})


def judge_batch(batch: LandedBatch, *, root: Path, as_of: date) -> GateResult:
    """Run the raw gate on a landed batch and write its verdict beside it."""
    manifest = batch.manifest
    contract = contract_of(manifest.kind, manifest.entity)
    suite = raw_suite(_facts(manifest, contract, root=root, as_of=as_of))
    columns = [c for c in contract.arrow_schema().names if c not in _NOT_JUDGED]
    frame = pq.read_table(batch.parquet, columns=columns).to_pandas()
    result = run_gate(suite, frame)
    record_gate(
        batch,
        passed=result.passed,
        findings=[rule.__dict__ for rule in result.failed],
    )
    return result


def _facts(
    manifest: BatchManifest, contract: EntityContract, *, root: Path, as_of: date
) -> BatchFacts:
    date_type = (
        contract.column(contract.date_column).type if contract.date_column else None
    )
    earlier = [
        batch
        for batch in ledger.live(ledger.read(root, manifest.stream_path))
        if batch.load_date < manifest.load_date
        and batch.is_full_list == manifest.is_full_list
    ]
    return BatchFacts(
        kind=manifest.kind,
        entity=manifest.entity,
        key=contract.key,
        as_of_date=as_of,
        load_date=manifest.load_date,
        date_column=contract.date_column,
        date_is_day=date_type is Type.DATE,
        is_restated_daily=contract.truth is Truth.RESTATED_DAILY,
        closed_values={c.name: c.values for c in contract.columns if c.values},
        usual_row_counts=tuple(b.row_count for b in earlier[-USUAL_LOADS:]),
    )


def judge_tables(
    warehouse: Path, tables: tuple[PublishedTable, ...], *, as_of: date
) -> Iterator[tuple[PublishedTable, str, GateResult]]:
    """Run the mart gate on every published table: (table, theme judged, verdict).

    A table with a `theme` column is judged theme by theme, so that one theme's bad figures
    hold back that theme and no other.
    """
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        database = warehouse.stem
        themes = _reported_themes(con, database, tables)
        landed = _landed_entities(con, database)
        for table in tables:
            columns = {
                c.name for c in read_columns(con, database, table.schema, table.name)
            }
            relation = f"{quote(table.schema)}.{quote(table.name)}"
            if "theme" not in columns or table.theme != CORE:
                verdict = _judge(con, table, (table.theme, relation), landed, as_of)
                yield table, table.theme, verdict
                continue
            for theme in themes:
                part = f"(select * from {relation} where theme = {text(theme)})"  # noqa: S608 - quoted above
                verdict = _judge(con, table, (theme, part), landed, as_of)
                yield table, theme, verdict


def _judge(
    con: duckdb.DuckDBPyConnection,
    table: PublishedTable,
    part: tuple[str, str],
    landed: frozenset[str],
    as_of: date,
) -> GateResult:
    theme, relation = part
    is_fed = not table.fed_by or bool(landed & set(table.fed_by))
    facts = TableFacts(
        name=table.name,
        theme=theme,
        key=table.key,
        may_be_empty=table.may_be_empty or not is_fed,
    )
    gate = mart_suite(facts, as_of_date=as_of)
    return run_gate(gate.suite, con.sql(gate.query(relation)).df())


def _landed_entities(con: duckdb.DuckDBPyConnection, database: str) -> frozenset[str]:
    """Return the canonical entities of which any row ever landed, as the ledger says."""
    if not read_columns(con, database, "main", "entity_map"):
        return frozenset()
    rows = con.execute(
        "select distinct coalesce(mapped.canonical_entity, batches.entity)"
        " from main.stg_ledger__batches as batches"
        " left join main.entity_map as mapped"
        " on mapped.kind = batches.kind and mapped.entity = batches.entity"
        " where batches.row_count > 0"
    ).fetchall()
    return frozenset(row[0] for row in rows)


def _reported_themes(
    con: duckdb.DuckDBPyConnection, database: str, tables: tuple[PublishedTable, ...]
) -> list[str]:
    """Return the themes that have KPIs at all, as the registry says."""
    registry = next((t for t in tables if t.name == "kpi_registry"), None)
    if registry is None or not read_columns(
        con, database, registry.schema, registry.name
    ):
        return sorted({table.theme for table in tables})
    rows: list[Any] = con.execute(
        "select distinct theme from "  # noqa: S608 - quoted below
        f"{quote(registry.schema)}.{quote(registry.name)} order by 1"
    ).fetchall()
    return [row[0] for row in rows]
