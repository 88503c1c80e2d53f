"""Both gates: the frames they judge, and what a red one holds back.

Belongs here: reading a landed batch or a published table into a frame, running its suite.
Stays out: the rules (`expectations`), promoting and publishing. Great Expectations is loaded
on the first verdict: it costs seconds and 200 MB, which only a gate pays.
"""

# ruff: noqa: S608 - names go through quote(), literals through text()

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow.parquet as pq

from expectations.catalogue import MIN_LOADS_FOR_VOLUME, mart_suite, raw_suite
from expectations.catalogue import LandedBatch as BatchFacts
from expectations.catalogue import PublishedTable as TableFacts
from expectations.changes import judge_changes
from expectations.gate import run_gate
from expectations.measures import judge_measures, measure
from ingest import ledger
from ingest.contracts import contract_of
from ingest.control import drop_id
from ingest.entities import EntityContract, Truth
from ingest.faults import fault
from ingest.landing import LandedBatch, record_gate
from orchestration.batch_changes import NEVER_LATE, Freshness, measure_changes
from orchestration.publish.copying import SourceTable, find_raw, read_catalog, text
from orchestration.publish.tables import CORE, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path
    from typing import TypeAlias

    from expectations.results import GateResult, RuleResult
    from expectations.suite import Suite
    from ingest.manifest import BatchManifest

    _Known: TypeAlias = dict[tuple[str, str], SourceTable]

USUAL_LOADS: Final = 14
WEEKS: Final = 8
_ALIKE: Final = 2
"""Weeks looked back for loads of the same weekday."""
_NOT_JUDGED: Final = frozenset({"_payload", "_source_ref", "_row_hash"})
FRAME_ROWS: Final = 100_000
"""Rows judged as one frame; more are measured by one query, in bounded memory."""
_MEASURING: Final = {"memory_limit": "1GB", "preserve_insertion_order": False}


def judge_batch(
    batch: LandedBatch,
    *,
    root: Path,
    as_of: date,
    acknowledged: frozenset[str] = frozenset(),
    freshness: Freshness = NEVER_LATE,
) -> GateResult:
    """Run the raw gate on a landed batch and write its verdict beside it."""
    manifest = batch.manifest
    contract = contract_of(manifest.kind, manifest.entity)
    earlier = _earlier(manifest, root=root)
    past = [b for b in earlier if b.is_full_list == manifest.is_full_list]
    suite = raw_suite(_facts(manifest, contract, past, acknowledged))
    rows = judge_rows(suite, batch.parquet, row_count=manifest.row_count)
    changes, notes = measure_changes(
        batch,
        contract,
        earlier,
        root=root,
        as_of=as_of,
        freshness=freshness,
    )
    judged = judge_changes(replace(changes, accepted=acknowledged))
    drop = drop_id(past[-1]) if past else ""
    result = replace(
        rows,
        rules=(*(_acceptable(rule, drop) for rule in rows.rules), *judged),
        notes=notes,
    )
    fault("gate.raw_judged")
    record_gate(
        batch,
        passed=result.passed,
        findings=[rule.__dict__ for rule in result.failed],
    )
    fault("gate.raw_recorded")
    return result


def judge_rows(
    suite: Suite, parquet: Path, *, row_count: int, frame_rows: int = FRAME_ROWS
) -> GateResult:
    """Judge the rows of a landed file: as a frame, or measured where they are too many."""
    if row_count <= frame_rows:
        names = pq.read_schema(parquet).names
        columns = [name for name in names if name not in _NOT_JUDGED]
        return run_gate(suite, pq.read_table(parquet, columns=columns).to_pandas())
    relation = f"read_parquet({text(str(parquet))})"
    measured = measure(suite, relation)
    with duckdb.connect(config=_MEASURING) as con:
        con.execute(f"set temp_directory = {text(str(parquet.parent))}")
        (row,) = con.execute(measured.query(relation)).fetchall()
        counts = dict(zip(measured.measures, row, strict=True))
        for name, query in measured.repeats.items():
            if counts[name]:
                ((found,),) = con.execute(query).fetchall()
                counts[name] = int(found)
    return judge_measures(measured, counts)


def _acceptable(rule: RuleResult, drop: str) -> RuleResult:
    """Let a person accept a volume that dropped; no other rule on rows has an exception."""
    is_volume = rule.rule_id.endswith(".row_count") and not rule.passed
    return replace(rule, finding=drop) if is_volume else rule


def _earlier(manifest: BatchManifest, *, root: Path) -> list[BatchManifest]:
    """Return the earlier promoted loads, oldest first.

    A drop folder with nothing new lands an empty batch; only loads that read a file tell
    how much a file usually holds.
    """
    return [
        batch
        for batch in ledger.live(ledger.read(root, manifest.stream_path))
        if batch.load_date < manifest.load_date
        and (batch.kind != "files" or batch.file_sha256s)
    ]


def _facts(
    manifest: BatchManifest,
    contract: EntityContract,
    past: list[BatchManifest],
    acknowledged: frozenset[str],
) -> BatchFacts:
    # What a person has accepted is the new usual: loads up to the one that was compared
    # with say nothing about what comes after.
    accepted = [
        number
        for number, batch in enumerate(past, start=1)
        if drop_id(batch) in acknowledged
    ]
    usual, share = usual_row_counts(
        manifest, contract, past[max(accepted, default=0) :]
    )
    return BatchFacts(
        kind=manifest.kind,
        entity=manifest.entity,
        key=contract.key,
        # Two rows of one file with one key are refused while landing, whatever their version.
        version_column="" if contract.kind == "files" else contract.version_column,
        closed_values={c.name: c.values for c in contract.columns if c.values},
        usual_row_counts=usual,
        least_share=share,
    )


def usual_row_counts(
    manifest: BatchManifest, contract: EntityContract, past: list[BatchManifest]
) -> tuple[tuple[int, ...], float]:
    """Return the row counts a load is compared with, and the share of their median it needs.

    Daily facts are compared with windows as long; while there are not three of them, only
    nothing at all is a drop. A window of changed records follows the week: a Sunday is compared
    with Sundays. Until there are three of them, only nothing at all is a drop: a window reaches
    back before its cursor, so it holds at least the record the cursor came from. A night
    without a new file (no bank publishes rates on a Sunday) is no drop at all.
    """
    if manifest.kind == "files" and not manifest.file_sha256s:
        return (), 0.0  # No file came: lateness is judged by its business date.
    everything = tuple(batch.row_count for batch in past[-USUAL_LOADS:])
    if manifest.is_full_list or contract.kind == "files":
        return everything, 0.5
    # The first load reads years, a Sunday three months: neither says what a usual night holds.
    past = [b for b in past if _spans_alike(manifest, b)]
    recent = past[-USUAL_LOADS:]
    if contract.truth is Truth.RESTATED_DAILY:
        if len(recent) < MIN_LOADS_FOR_VOLUME:
            return everything, 0.0
        return tuple(batch.row_count for batch in recent), 0.5
    day = manifest.load_date.weekday()
    same = [b for b in past[-WEEKS * 7 :] if b.load_date.weekday() == day]
    if len(same) >= MIN_LOADS_FOR_VOLUME:
        return tuple(batch.row_count for batch in same), 0.5
    return tuple(batch.row_count for batch in recent), 0.0


def _spans_alike(one: BatchManifest, other: BatchManifest) -> bool:
    """Return whether two windows are about as long, so that their volumes compare.

    Catching up makes windows of a month after a gap, and of nothing where a later cursor has
    covered a missed night already.
    """
    first, second = _span_of(one), _span_of(other)
    if first is None or second is None:
        return True
    return max(first, second) <= _ALIKE * min(first, second)


def _span_of(batch: BatchManifest) -> timedelta | None:
    """Return the length of a window, of the account that has the longest."""
    spans = [
        part.window_end - part.window_start
        for part in batch.coverage
        if part.window_start and part.window_end
    ]
    # Daily facts cover whole days, both named.
    days = [
        part.window_end_date - part.window_start_date + timedelta(days=1)
        for part in batch.coverage
        if part.window_start_date and part.window_end_date
    ]
    return max(spans or days, default=None)


def judge_tables(
    warehouse: Path, tables: tuple[PublishedTable, ...], *, as_of: date
) -> Iterator[tuple[PublishedTable, str, GateResult]]:
    """Run the mart gate on every published table: (table, theme judged, verdict).

    A core table with a `theme` column is judged theme by theme, so that one theme's bad
    figures hold back that theme and no other; its rows of no known theme count as core's.
    """
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        find_raw(con, warehouse)
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
