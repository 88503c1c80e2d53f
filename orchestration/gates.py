"""Both gates: the frames they judge, and what a red one holds back.

Belongs here: reading a landed batch or a published table into a frame, running its suite.
Stays out: the rules (`expectations`), promoting and publishing. Great Expectations is loaded
on the first verdict: it costs seconds and 200 MB, which only a gate pays.
"""

# ruff: noqa: S608 - names go through quote(), literals through text()

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow.parquet as pq

from expectations.catalogue import LandedBatch as BatchFacts
from expectations.catalogue import PublishedTable as TableFacts
from expectations.catalogue import mart_suite, raw_suite
from expectations.gate import run_gate
from ingest import ledger
from ingest.contracts import contract_of
from ingest.entities import EntityContract, Truth, Type
from ingest.faults import fault
from ingest.landing import LandedBatch, record_gate
from orchestration.acknowledgements import drop_id
from orchestration.publish.copying import SourceTable, read_catalog, text
from orchestration.publish.tables import CORE, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path
    from typing import TypeAlias

    from expectations.results import GateResult
    from ingest.manifest import BatchManifest

    _Known: TypeAlias = dict[tuple[str, str], SourceTable]

USUAL_LOADS: Final = 14
_NOT_JUDGED: Final = frozenset({"_payload", "_source_ref", "_row_hash"})


def judge_batch(
    batch: LandedBatch,
    *,
    root: Path,
    as_of: date,
    acknowledged: frozenset[str] = frozenset(),
) -> GateResult:
    """Run the raw gate on a landed batch and write its verdict beside it."""
    manifest = batch.manifest
    contract = contract_of(manifest.kind, manifest.entity)
    facts = _facts(manifest, contract, root=root, as_of=as_of)
    if drop_id(manifest.batch_id) in acknowledged:
        facts = replace(facts, allowed_drop=True)
    suite = raw_suite(facts)
    columns = [c for c in contract.arrow_schema().names if c not in _NOT_JUDGED]
    frame = pq.read_table(batch.parquet, columns=columns).to_pandas()
    result = run_gate(suite, frame)
    fault("gate.raw_judged")
    record_gate(
        batch,
        passed=result.passed,
        findings=[rule.__dict__ for rule in result.failed],
    )
    fault("gate.raw_recorded")
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

    A core table with a `theme` column is judged theme by theme, so that one theme's bad
    figures hold back that theme and no other; its rows of no known theme count as core's.
    """
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        catalog = read_catalog(con, (warehouse.stem,))
        known = {(schema, name): found for (_, schema, name), found in catalog.items()}
        themes = _reported_themes(con, known, tables)
        landed = _landed_entities(con, known)
        for table in tables:
            source = known[table.schema, table.name]
            for theme, part in _parts(con, table, source, themes):
                yield table, theme, _judge(con, table, (theme, part), landed, as_of)


def _parts(
    con: duckdb.DuckDBPyConnection,
    table: PublishedTable,
    source: SourceTable,
    themes: list[str],
) -> list[tuple[str, str]]:
    """Return what is judged of a table: (theme, relation)."""
    is_mixed = any(column.name == "theme" for column in source.columns)
    if table.theme != CORE or not is_mixed:
        return [(table.theme, source.relation)]
    parts = [
        (theme, f"(select * from {source.relation} where theme = {text(theme)})")
        for theme in themes
    ]
    listed = ", ".join(text(theme) for theme in themes)
    others = (
        f"(select * from {source.relation} where coalesce(theme, '') not in ({listed}))"
    )
    if con.execute(f"select 1 from {others} limit 1").fetchone():
        parts.append((CORE, others))
    return parts


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
    verdict = run_gate(gate.suite, con.sql(gate.query(relation)).df())
    fault("gate.table_judged")
    return verdict


def _landed_entities(con: duckdb.DuckDBPyConnection, known: _Known) -> frozenset[str]:
    """Return the canonical entities of which any row ever landed, as the ledger says."""
    if ("main", "entity_map") not in known:
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
    con: duckdb.DuckDBPyConnection, known: _Known, tables: tuple[PublishedTable, ...]
) -> list[str]:
    """Return the themes that have KPIs at all, as the registry says."""
    registry = next((t for t in tables if t.name == "kpi_registry"), None)
    source = known.get((registry.schema, registry.name)) if registry else None
    if source is None:
        return sorted({table.theme for table in tables})
    query = f"select distinct theme from {source.relation} order by 1"
    return [row[0] for row in con.execute(query).fetchall()]
