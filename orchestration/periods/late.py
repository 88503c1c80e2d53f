"""Dropped rows of months that are closed: that they are there, and what becomes of them.

Belongs here: finding them in a batch, saying so in the night's report. Stays out: what they
change (`changes`, the marts), which months are closed (`chain`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ingest.contracts import contract_of
from ingest.entities import Type
from ingest.paths import raw_dir_of
from ingest.periods import period_column
from orchestration.periods import AREAS
from orchestration.periods.chain import closed_now, read_chain
from orchestration.publish.copying import quote

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.landing import LandedBatch
    from ingest.manifest import BatchManifest

_KIND = "files"


def describe_late_rows(root: Path, batch: LandedBatch, zone: str) -> list[str]:
    """Return one line if a dropped file moves rows of closed months, else none.

    Rows that were landed before with the same content say nothing new. An instant belongs to
    its month in `zone`.
    """
    manifest = batch.manifest
    column = period_column(contract_of(manifest.kind, manifest.entity))
    if manifest.kind != _KIND or column is None or not manifest.row_count:
        return []
    chain = read_chain(root)
    closed = {area: set(closed_now(chain, area)) for area in AREAS}
    months = sorted(set().union(*closed.values()))
    if not months:
        return []
    is_instant = (
        contract_of(manifest.kind, manifest.entity).column(column).type is Type.INSTANT
    )
    day = f"timezone($zone, {column})" if is_instant else column
    parameters = {"new": str(batch.parquet), "months": months}
    if is_instant:
        parameters["zone"] = zone
    earlier = sorted(
        map(str, raw_dir_of(root, manifest.stream_path).rglob("*.parquet"))
    )
    known = ""
    if earlier:
        parameters["earlier"] = earlier
        known = " where _row_hash not in (select _row_hash from read_parquet($earlier))"
    query = (
        f"select month, count(*) from (select strftime({day}, '%Y-%m') as month"  # noqa: S608 - a name of a contract
        f" from read_parquet($new){known}) where list_contains($months, month)"
        " group by month order by month"
    )
    with duckdb.connect(config={"threads": 1}) as con:
        found = con.execute(query, parameters).fetchall()
        gone = _gone(con, manifest, parameters, day=day) if earlier else []
    if not found and not gone:
        return []
    counts = ", ".join(
        [
            *(f"{count} of {month}" for month, count in found),
            *(f"{count} gone of {month}" for month, count in gone),
        ]
    )
    moved = {month for month, _ in [*found, *gone]}
    areas = [a for a in AREAS if closed[a] & moved]
    return [
        (
            f"rows of closed months ({counts}; closed for {', '.join(areas)}): signed figures "
            "stay, what changes is booked in the first open month"
        )
    ]


def _gone(
    con: duckdb.DuckDBPyConnection,
    manifest: BatchManifest,
    parameters: dict[str, object],
    *,
    day: str,
) -> list[tuple[str, int]]:
    """Return how many rows of closed months a file no longer has, by month.

    Only of days or lists a file replaces; what it said of them before is their newest load.
    """
    spans = [
        f"_day between date '{part.window_start_date}' and date '{part.window_end_date}'"
        for part in manifest.coverage
        if part.window_start_date
    ]
    if not (spans or manifest.is_full_list):
        return []
    contract = contract_of(manifest.kind, manifest.entity)
    key = ", ".join(["source_account", *map(quote, contract.key)])
    newest = "source_account" if manifest.is_full_list else "source_account, _day"
    within = "true" if manifest.is_full_list else " or ".join(spans)
    query = (
        "with old as (select *, strftime(_day, '%Y-%m') as _month from"  # noqa: S608 - names of a contract, days
        f" (select *, cast({day} as date) as _day from read_parquet($earlier))"
        f" where ({within}) qualify _load_date = max(_load_date) over (partition by {newest}))"
        f" select _month, count(*) from old anti join read_parquet($new) using ({key})"
        " where list_contains($months, _month) group by 1 order by 1"
    )
    return con.execute(query, parameters).fetchall()
