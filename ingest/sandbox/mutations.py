"""Merges: two records of one person become one, and everything that hung on the loser moves.

Belongs here: who survives, what the survivor takes over, the deals that follow. Stays out:
how duplicates come to be (`crm`), merged deals (`deals`).

HubSpot's way: the loser's id disappears without a trace of its own, the survivor lists it in
`merged_object_ids` and keeps the earlier creation and lifecycle dates of the two.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.story import Draft, dice, local_day, office_instant

if TYPE_CHECKING:
    from ingest.sandbox.crm import Lead

_EARLIEST: Final = ("created_at", "mql_at", "sql_at", "opportunity_at", "customer_at")

Merges = dict[str, tuple[datetime, str]]
"""Loser's contact id -> (when, survivor's contact id)."""


def merge_contacts(seed: int, leads: list[Lead], deals: list[Draft]) -> Merges:
    """Merge every second record into its person, or the person into it; return who lost."""
    by_contact: dict[object, list[Draft]] = {}
    for deal in deals:
        by_contact.setdefault(deal.value_at("contact_id", deal.born_at), []).append(
            deal
        )
    merges: Merges = {}
    for lead in leads:
        if lead.duplicate_of is None:
            continue
        throw = dice(seed, "merge", lead.contact.id)
        day = local_day(lead.born_at) + timedelta(days=throw.randint(2, 25))
        at = office_instant(day, throw)
        older, newer = lead.duplicate_of, lead
        survivor, loser = (older, newer) if throw.random() < 0.7 else (newer, older)
        _take_over(survivor.contact, loser.contact, at)
        merges[loser.contact.id] = (at, survivor.contact.id)
        for deal in by_contact.get(loser.contact.id, ()):
            _follow(deal, survivor.contact.id, at)
    return merges


def _take_over(survivor: Draft, loser: Draft, at: datetime) -> None:
    """Give the survivor the loser's earlier dates and let the loser vanish."""
    values: dict[str, object] = {"merged_object_ids": loser.id}
    for name in _EARLIEST:
        known = [
            value
            for draft in (survivor, loser)
            if isinstance(value := draft.value_at(name, at), datetime)
        ]
        if known:
            values[name] = min(known)
    survivor.change(at, values, force=True)
    loser.vanish(at)


def _follow(deal: Draft, survivor_id: str, merged_at: datetime) -> None:
    """Tie a loser's deal to the survivor; an archived deal keeps its old tie."""
    at = max(merged_at, deal.born_at)
    if not deal.value_at("is_deleted", at):
        deal.change(at, {"contact_id": survivor_id})
