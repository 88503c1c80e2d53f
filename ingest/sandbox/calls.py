"""The phone calls of the sandbox company.

Belongs here: calls per rep and day with every outcome and direction, some logged days late,
some left hanging without a final status, some deleted. Stays out: e-mails (`messages`), meetings.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.crm import Lead, record_id
from ingest.sandbox.people import Person, reps_on
from ingest.sandbox.story import (
    Draft,
    at_local,
    days_until,
    dice,
    draw_count,
    is_business_day,
    office_instant,
)

if TYPE_CHECKING:
    from random import Random

    from ingest.sandbox.model import Fields
    from ingest.sandbox.mutations import Merges

_PER_REP_DAY: Final = 1.55
DISPOSITIONS: Final[tuple[Fields, ...]] = tuple(
    {"disposition_id": guid, "label": label, "is_deleted": is_deleted}
    for guid, label, is_deleted in (
        ("f240bbac-87c9-4f6e-bf70-924b57d47db7", "Connected", False),
        ("73a0d17f-1163-4015-bdd5-ec830791da20", "No answer", False),
        ("9d9162e7-6cf3-4944-bf63-4dff82258764", "Busy", False),
        ("b2cf5968-551e-4856-9783-52b3da59a7d0", "Left voicemail", False),
        ("a4c4c377-d246-4b32-a13b-75a56a4cd0ff", "Left live message", False),
        ("17b47fee-58de-441e-a44c-c6300d46f273", "Wrong number", False),
        ("5d1fc9a2-0d2b-4a53-8f0c-3c0e6cf3b7aa", "Hẹn gọi lại", True),
    )
)
_GUID: Final = {str(d["label"]): str(d["disposition_id"]) for d in DISPOSITIONS}
_OUTCOMES: Final = (
    # status, disposition label, weight, longest duration in seconds
    ("COMPLETED", "Connected", 44, 1500),
    ("COMPLETED", "Left voicemail", 8, 45),
    ("COMPLETED", "Left live message", 3, 120),
    ("COMPLETED", "Wrong number", 2, 30),
    ("COMPLETED", None, 4, 600),
    ("NO_ANSWER", "No answer", 22, 0),
    ("BUSY", "Busy", 8, 0),
    ("FAILED", None, 3, 0),
    ("CANCELED", None, 2, 0),
    ("IN_PROGRESS", None, 1, 0),
    ("QUEUED", None, 1, 0),
)
"""IN_PROGRESS and QUEUED are calls whose end never reached the CRM."""


def tell_calls(
    seed: int, scale: int, leads: list[Lead], merges: Merges, until: datetime
) -> list[Draft]:
    """Return every call started up to `until`."""
    by_owner: dict[str, list[Lead]] = {}
    for lead in leads:
        by_owner.setdefault(lead.owner.user_id, []).append(lead)
    births = {
        user_id: [lead.born_at for lead in owned] for user_id, owned in by_owner.items()
    }
    calls: list[Draft] = []
    for day in days_until(until):
        if not is_business_day(day) and day.weekday() != 5:
            continue
        position = 0
        for rep in reps_on(day):
            owned = by_owner.get(rep.user_id, [])
            known = bisect_left(births.get(rep.user_id, []), at_local(day))
            throw = dice(seed, "calls", rep.user_id, day)
            mean = _PER_REP_DAY * scale * (1.0 if day.weekday() < 5 else 0.2)
            recent = owned[max(0, known - 40 * scale) : known]
            for _ in range(draw_count(mean, throw)):
                calls.append(
                    _tell_call(
                        day, position, rep, recent=recent, merges=merges, throw=throw
                    )
                )
                position += 1
    return calls


def _tell_call(
    day: date,
    position: int,
    rep: Person,
    *,
    recent: list[Lead],
    merges: Merges,
    throw: Random,
) -> Draft:
    """Return one call; it is logged when made, or in office hours days later."""
    call = Draft(record_id(day, position, 8))
    started_at = draw_start(day, throw)
    status, label, _, longest = throw.choices(_OUTCOMES, [o[2] for o in _OUTCOMES])[0]
    duration = throw.randint(5, longest) * 1000 if longest else 0
    lead = throw.choice(recent) if recent and throw.random() < 0.94 else None
    contact_id = lead.contact.id if lead else None
    logged_at = started_at
    if throw.random() < 0.03:
        logged_at = office_instant(day + timedelta(days=throw.randint(1, 4)), throw)
    merge = merges.get(contact_id) if contact_id else None
    if merge and merge[0] <= logged_at:
        contact_id, merge = merge[1], None
    call.change(
        logged_at,
        {
            "call_id": call.id,
            "occurred_at": started_at,
            "duration_ms": duration if throw.random() < 0.98 else None,
            "disposition_id": _GUID[label] if label else None,
            "direction": "OUTBOUND" if throw.random() < 0.86 else "INBOUND",
            "status": status,
            "activity_type": throw.choices(
                (None, "demo", "onboarding", "trial"), (86, 8, 4, 2)
            )[0],
            "owner_id": rep.owner_id,
            "contact_id": contact_id,
            "company_id": lead.company_id if lead else None,
            "deal_id": None,
            "is_deleted": False,
            "deleted_at": None,
        },
        by=rep.crm_user_id,
    )
    if merge:
        call.change(merge[0], {"contact_id": merge[1]})
    if throw.random() < 0.01:
        gone = office_instant(day + timedelta(days=throw.randint(5, 40)), throw)
        call.change(gone, {"is_deleted": True, "deleted_at": gone}, by=rep.crm_user_id)
    return call


def draw_start(day: date, throw: Random) -> datetime:
    """Return when the phone rang: office hours, a few around midnight."""
    chance = throw.random()
    if chance < 0.012:
        return at_local(day, 23, 58) + timedelta(seconds=throw.randrange(115))
    if chance < 0.03:
        return at_local(day) + timedelta(seconds=throw.randrange(1, 2 * 3600))
    return at_local(day, 8) + timedelta(seconds=throw.randrange(10 * 3600))
