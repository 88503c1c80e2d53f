"""A stream of the large company: where it lands and the SQL that says its rows.

Belongs here: the declaration. Stays out: the queries themselves, by subject
(`ingest.sandbox.bulk_crm`, `bulk_ads`, `bulk_billing`, `bulk_rows`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BulkEntity:
    """One stream of landed batches."""

    kind: str
    name: str
    source_name: str
    query: str
    account: str = ""
    dataset: str = ""
    mode: str = ""
    legal_entity: str = "bulk_vn"
    is_full_list: bool = False
    restated_days: int | None = None

    @property
    def stream(self) -> str:
        """Return the folder of the stream."""
        return (
            f"{self.source_name}.{self.dataset}" if self.dataset else self.source_name
        )
