"""Which column says the period a row of an entity belongs to.

Belongs here: the one rule both landing and staging follow when a newer file replaces a
period. Stays out: which periods a batch covers (`ingest.sources.files`), closing of periods.
"""

from __future__ import annotations

from ingest.entities import EntityContract, Type

_TIME = frozenset({Type.DATE, Type.INSTANT})


def period_column(contract: EntityContract) -> str | None:
    """Return the contract's business date, else the first date of its key, else None."""
    if contract.date_column:
        return contract.date_column
    # A key may name a load column (legal_entity), which the contract does not list.
    types = {column.name: column.type for column in contract.columns}
    return next((name for name in contract.key if types.get(name) in _TIME), None)
