"""Which columns name a member of another entity: a product, a person, a campaign, a document.

Belongs here: the columns and the entities they point at. Stays out: finding values that match
no member (`orchestration.members`), mapping them (`values` of a dataset or a source).
"""

from __future__ import annotations

from typing import Final

REFERENCES: Final[dict[str, str]] = {
    "owner_id": "users",
    "created_by_id": "users",
    "changed_by_id": "users",
    "manager_id": "users",
    "user_id": "users",
    "product_id": "products",
    "account_id": "accounts",
    "parent_account_id": "accounts",
    "campaign_id": "campaigns",
    "customer_id": "customers",
    "costs.channel": "channels",
    "campaigns.channel": "channels",
    "touches.channel": "lead_source_map",
    "leads.source": "lead_source_map",
}
"""Column, or `entity.column` where only there, -> the entity one of whose members it names, or a
list of words of ours: the channels figures are read by, the seed of words for a lead's source.
Records that are only counted (invoices, payments, leads) are left out: what has no partner
there is the tie-out's business."""

LOOSELY_NAMED: Final = frozenset({"leads.campaign_id", "touches.campaign_id"})
"""Columns whose member the models know by its name or tag, too, and without case."""

MEMBER_ID: Final[dict[str, tuple[str, str]]] = {
    "users": ("user_id", "user_name"),
    "products": ("product_id", "product_name"),
    "accounts": ("account_id", "account_name"),
    "campaigns": ("campaign_id", "campaign_name"),
    "customers": ("customer_id", "customer_name"),
}
"""Entity -> the columns of a member's id and of its name, which people type instead."""

DOCUMENT_OF: Final[dict[str, tuple[str, str]]] = {
    "invoice_lines": ("invoices", "invoice_id"),
    "credit_note_lines": ("credit_notes", "credit_note_id"),
}
"""Entity of lines -> the entity of their document and the column that names it: a line has no
day of its own, it is billed or credited on its document's."""
