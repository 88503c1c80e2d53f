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

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.landing import LandedBatch

_KIND = "files"


def describe_late_rows(root: Path, batch: LandedBatch, zone: str) -> list[str]:
    """Return one line if a dropped file has new or changed rows of closed months, else none.

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
    if not found:
        return []
    counts = ", ".join(f"{count} of {month}" for month, count in found)
    areas = [a for a in AREAS if closed[a] & {month for month, _ in found}]
    return [
        (
            f"rows of closed months ({counts}; closed for {', '.join(areas)}): signed figures "
            "stay, what changes is booked in the first open month"
        )
    ]
