"""Fingerprints of published content: of a table's rows, of files, of a whole build.

Belongs here: what counts as the same content. Stays out: what is done with the answer.
The hash of a table does not depend on row order and leaves out the columns that differ
between two runs over the same input (`RUN_COLUMNS` and load columns).
"""

# ruff: noqa: S608 - names go through quote(), literals through text()
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestration.publish.copying import quote, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

    from orchestration.publish.copying import SourceTable

RUN_COLUMNS: Final = frozenset(
    {"build_id", "theme_build_id", "code_version", "source_ref"}
)
"""Columns that say which run or load brought a row, not what the row says; so do all whose
name ends in `batch_id`. A month of nights and one backfill differ in these and nothing else."""

ABOUT_THE_BUILD: Final = frozenset({"build_info", "build_themes"})
"""Tables that tell of the night itself: rows landed, versions, gates."""

_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class MoneyTotal:
    """Control total of one money column in one currency."""

    column: str
    currency: str
    total: str


def hash_table(con: duckdb.DuckDBPyConnection, source: SourceTable) -> tuple[int, str]:
    """Return row count and content hash of a table.

    Each row becomes text with its columns in name order, NULL apart from ''; the two halves
    of the rows' MD5 are summed, which does not depend on order and counts repeated rows.
    """
    kept = sorted(
        (column for column in source.columns if _is_content(column.name)),
        key=lambda column: column.name,
    )
    parts = ", ".join(f"coalesce({c.quoted}::varchar, chr(30))" for c in kept)
    digest = f"concat_ws(chr(31), {parts})" if kept else "''"
    row = con.execute(
        f"select count(*), coalesce(sum(md5_number_lower({digest})), 0)::varchar,"
        f" coalesce(sum(md5_number_upper({digest})), 0)::varchar from {source.relation}"
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate without group by gives one row
    shape = [[c.name, c.data_type] for c in kept]
    content = json.dumps([shape, row[0], row[1], row[2]])
    return row[0], hashlib.sha256(content.encode()).hexdigest()


def _is_content(name: str) -> bool:
    return not (
        name in RUN_COLUMNS or name.startswith("_") or name.endswith("batch_id")
    )


def sum_money(
    con: duckdb.DuckDBPyConnection, source: SourceTable
) -> tuple[MoneyTotal, ...]:
    """Return the control totals of every `*_amount` column, per currency."""
    names = {column.name for column in source.columns}
    totals: list[MoneyTotal] = []
    for column in source.columns:
        is_money = column.name.endswith("_amount") or column.name == "amount"
        if not is_money or not column.data_type.startswith("DECIMAL"):
            continue
        own_currency = f"{column.name.removesuffix('_amount')}_currency"
        named = next((n for n in (own_currency, "currency") if n in names), "")
        currency = f"coalesce({quote(named)}::varchar, '')" if named else text("")
        rows = con.execute(
            f"select {currency}, coalesce(sum({column.quoted}), 0)::varchar"
            f" from {source.relation} group by 1 order by 1"
        ).fetchall()
        totals += [MoneyTotal(column.name, row[0], row[1]) for row in rows]
    return tuple(totals)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def hash_build(table_hashes: Mapping[str, str]) -> str:
    """Return the content hash of a build: a function of its tables' hashes alone."""
    listed = sorted(
        (name, found)
        for name, found in table_hashes.items()
        if name not in ABOUT_THE_BUILD
    )
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
