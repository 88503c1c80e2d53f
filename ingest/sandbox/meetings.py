"""The meetings of the sandbox company.

Belongs here: meetings per rep and day, booked ahead; what became of each is noted on the same
evening or in office hours of a later day, of some never. Stays out: calls, e-mails
(`messages`).
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

    from ingest.sandbox.mutations import Merges

_PER_REP_DAY: Final = 0.4
_OUTCOMES: Final = (
    ("COMPLETED", 66),
    ("NO_SHOW", 9),
    ("CANCELED", 9),
    ("RESCHEDULED", 8),
    (None, 8),
)
"""None = nobody noted what became of it: it still says SCHEDULED."""
_TYPES: Final = (
    (None, 50),
    ("demo", 22),
    ("proposal", 12),
    ("onboarding", 10),
    ("trial", 6),
)


def tell_meetings(
    seed: int, scale: int, leads: list[Lead], merges: Merges, until: datetime
) -> list[Draft]:
    """Return every meeting that starts up to `until`."""
    by_owner: dict[str, list[Lead]] = {}
    for lead in leads:
        by_owner.setdefault(lead.owner.user_id, []).append(lead)
    births = {
        user_id: [lead.born_at for lead in owned] for user_id, owned in by_owner.items()
    }
    meetings: list[Draft] = []
    for day in days_until(until):
        if not is_business_day(day):
            continue
        position = 0
        for rep in reps_on(day):
            owned = by_owner.get(rep.user_id, [])
            known = bisect_left(births.get(rep.user_id, []), at_local(day))
            throw = dice(seed, "meetings", rep.user_id, day)
            recent = owned[max(0, known - 40 * scale) : known]
            for _ in range(draw_count(_PER_REP_DAY * scale, throw)):
                lead = (
                    throw.choice(recent) if recent and throw.random() < 0.97 else None
                )
                meetings.append(_tell_meeting(day, position, rep, lead, merges, throw))
                position += 1
    return meetings


def _tell_meeting(  # noqa: PLR0917  # what one meeting is told from
    day: date,
    position: int,
    rep: Person,
    lead: Lead | None,
    merges: Merges,
    throw: Random,
) -> Draft:
    """Return one meeting from its booking in the morning to what became of it."""
    meeting = Draft(record_id(day, position, 4))
    starts_at = at_local(day, throw.randrange(9, 21), throw.choice((0, 15, 30, 45)))
    booked_at = at_local(day, 8, throw.randrange(50), throw.randrange(60))
    ends_at = starts_at + timedelta(minutes=throw.choice((30, 45, 60, 90)))
    outcome = throw.choices([o for o, _ in _OUTCOMES], [w for _, w in _OUTCOMES])[0]
    kind = throw.choices([k for k, _ in _TYPES], [w for _, w in _TYPES])[0]
    contact_id = lead.contact.id if lead else None
    merge = merges.get(contact_id) if contact_id else None
    if merge and merge[0] <= booked_at:
        contact_id, merge = merge[1], None
    meeting.change(
        booked_at,
        {
            "meeting_id": meeting.id,
            "occurred_at": starts_at,
            "starts_at": starts_at,
            "ends_at": ends_at if throw.random() < 0.97 else None,
            "outcome": "SCHEDULED",
            "activity_type": kind,
            "owner_id": rep.owner_id,
            "contact_id": contact_id,
            "company_id": lead.company_id if lead else None,
            "deal_id": None,
            "is_deleted": False,
            "deleted_at": None,
        },
        by=rep.crm_user_id,
    )
    if outcome:
        noted_at = at_local(day, 23, throw.randrange(55))
        if throw.random() < 0.3:
            noted_at = office_instant(day + timedelta(days=throw.randint(1, 3)), throw)
        meeting.change(noted_at, {"outcome": outcome}, by=rep.crm_user_id)
    if merge:
        meeting.change(merge[0], {"contact_id": merge[1]})
    if throw.random() < 0.01:
        gone = office_instant(day + timedelta(days=throw.randint(5, 40)), throw)
        meeting.change(
            gone, {"is_deleted": True, "deleted_at": gone}, by=rep.crm_user_id
        )
    return meeting
