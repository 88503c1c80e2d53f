"""Every entity contract, by source kind.

Belongs here: the one table of contracts the rest of the code asks. Stays out: the shape
language (`ingest.entities`), anything that reads or writes data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.contracts import canonical, google_ads, hubspot, meta_ads, stripe

if TYPE_CHECKING:
    from ingest.entities import EntityContract

CONTRACTS: Final[dict[str, dict[str, EntityContract]]] = {
    "files": {contract.name: contract for contract in canonical.CONTRACTS},
    "hubspot": {contract.name: contract for contract in hubspot.CONTRACTS},
    "stripe": {contract.name: contract for contract in stripe.CONTRACTS},
    "google_ads": {contract.name: contract for contract in google_ads.CONTRACTS},
    "meta_ads": {contract.name: contract for contract in meta_ads.CONTRACTS},
}
"""kind -> entity -> contract. `files` holds the canonical entities of design/entities.md."""


def contract_of(kind: str, entity: str) -> EntityContract:
    """Return the contract of one entity.

    Raises:
        KeyError: no such kind or entity.
    """
    return CONTRACTS[kind][entity]
