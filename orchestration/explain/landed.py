"""Where a record landed: source, load, and the file and line or page it was read from.

Belongs here: from the id a figure's row names to the landed rows that stand. Stays out: the
landed bytes (`raw/`, `archive/`).
"""

# ruff: noqa: S608 - names come from contracts, values are parameters

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.contracts import CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import duckdb

    from ingest.entities import EntityContract

_FILES: Final = "files"
_READ_THROUGH: Final = {"customers": ("subscription_items", "customer_id")}
"""What a customer pays every month is said by its subscription items, not by its own record."""

_EVENTS: Final = {
    "line": "invoice_lines",
    "credit_note": "credit_notes",
    "ledger": "ledger_transactions",
    "payment": "payments",
    "refund": "refunds",
}
"""Ids of revenue events and of cash begin with what they are."""


@dataclass(frozen=True)
class Landed:
    """One landed row that stands: the newest version of a record, or of a day."""

    kind: str
    entity: str
    source_name: str
    load_date: date
    batch_id: str
    source_ref: str
    """First digits of the file's SHA-256 and the line, or request path and page."""


def find_landed(
    con: duckdb.DuckDBPyConnection, record_type: str, record_id: str
) -> list[Landed]:
    """Return the landed rows of a record; none where its id names no single record.

    `con` is the open build file: staging names, for every row that stands, where it came from.
    """
    first, _, rest = record_id.partition(":")
    if first in _EVENTS:
        record_type, record_id = _EVENTS[first], rest
    entity, column = _READ_THROUGH.get(record_type, (record_type, ""))
    source, values = _split(record_id)
    known: dict[str, set[str]] = {}
    for table, name in con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'main'"
    ).fetchall():
        known.setdefault(table, set()).add(name)
    found: list[Landed] = []
    for contract in _contracts_of(con, entity):
        model = f"stg_{contract.kind}__{contract.name}"
        if model not in known:
            continue
        keys = " and ".join(
            f"list_contains($values, coalesce({name}::varchar, ''))"
            for name in (
                (column,) if column else _key_of(contract, entity, known[model])
            )
        )
        rows = con.execute(
            "select source_name, _load_date, _batch_id, _source_ref"
            f" from main.{model} where ($source = '' or source_name = $source) and {keys}"
            " order by all",
            {"source": source, "values": values},
        ).fetchall()
        found += [Landed(contract.kind, contract.name, *row) for row in rows]
    return found


def _key_of(
    contract: EntityContract, entity: str, columns: set[str]
) -> tuple[str, ...]:
    """Return a staging model's key: the vendor's, or under the canonical entity's names."""
    if set(contract.key) <= columns:
        return contract.key
    return CONTRACTS[_FILES][entity].key


def _split(record_id: str) -> tuple[str, list[str]]:
    """Return the source a record's id names ('' = none) and the parts of its key there."""
    if "|" in record_id:
        source, *parts = record_id.split("|")
        # Platforms stand before the ids of campaigns and posts; a blank part is a blank.
        values = [source, *parts, *(part.partition(":")[2] for part in parts), ""]
        return ("" if len(parts) == 1 else source), values
    source, _, key = record_id.partition(":")
    # A visit of a stage is told by its opportunity's id, then the stage.
    return (source, [key, key.partition(":")[0]]) if key else ("", [record_id])


def _contracts_of(
    con: duckdb.DuckDBPyConnection, record_type: str
) -> Iterator[EntityContract]:
    """Yield the vendors' and the files' own entities a canonical one is made of."""
    mapped = con.execute(
        "select distinct kind, entity from main.entity_map where canonical_entity = ?"
        " order by all",
        [record_type],
    ).fetchall()
    for kind, entity in (*mapped, (_FILES, record_type)):
        contract = CONTRACTS.get(kind, {}).get(entity)
        if contract is not None:
            yield contract
