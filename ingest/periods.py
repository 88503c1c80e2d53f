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
    dated = (name for name in contract.key if contract.column(name).type in _TIME)
    return next(dated, None)
