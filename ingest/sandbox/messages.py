"""The one-to-one e-mails of the sandbox company.

Belongs here: e-mails logged per rep and day, sent, bounced, failed or still planned, answers
by people and by machines, some forwarded, some deleted. Stays out: bulk mail of marketing,
calls, meetings.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.calls import draw_start
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

_PER_REP_DAY: Final = 0.7
_KINDS: Final = (
    # direction, status, subject, weight
    ("EMAIL", "SENT", "Giới thiệu giải pháp quản lý bán hàng", 62),
    ("EMAIL", "BOUNCED", "Giới thiệu giải pháp quản lý bán hàng", 4),
    ("EMAIL", "FAILED", "Báo giá gói dịch vụ", 1),
    ("EMAIL", "SCHEDULED", "Lịch hẹn tuần sau", 2),
    ("EMAIL", None, None, 1),
    ("INCOMING_EMAIL", "SENT", "Re: Giới thiệu giải pháp quản lý bán hàng", 20),
    ("INCOMING_EMAIL", None, "Hỏi thêm về báo giá", 3),
    ("INCOMING_EMAIL", "SENT", "Trả lời tự động: Nghỉ phép đến thứ Hai", 3),
    ("INCOMING_EMAIL", "SENT", "Automatic reply: Out of office", 2),
    ("FORWARDED_EMAIL", "SENT", "Fwd: Yêu cầu tư vấn", 2),
)


def tell_emails(
    seed: int, scale: int, leads: list[Lead], merges: Merges, until: datetime
) -> list[Draft]:
    """Return every e-mail logged up to `until`."""
    by_owner: dict[str, list[Lead]] = {}
    for lead in leads:
        by_owner.setdefault(lead.owner.user_id, []).append(lead)
    births = {
        user_id: [lead.born_at for lead in owned] for user_id, owned in by_owner.items()
    }
    emails: list[Draft] = []
    for day in days_until(until):
        if not is_business_day(day):
            continue
        position = 0
        for rep in reps_on(day):
            owned = by_owner.get(rep.user_id, [])
            known = bisect_left(births.get(rep.user_id, []), at_local(day))
            throw = dice(seed, "emails", rep.user_id, day)
            recent = owned[max(0, known - 40 * scale) : known]
            for _ in range(draw_count(_PER_REP_DAY * scale, throw)):
                lead = (
                    throw.choice(recent) if recent and throw.random() < 0.95 else None
                )
                emails.append(_tell_email(day, position, rep, lead, merges, throw))
                position += 1
    return emails


def _tell_email(  # noqa: PLR0917  # what one e-mail is told from
    day: date,
    position: int,
    rep: Person,
    lead: Lead | None,
    merges: Merges,
    throw: Random,
) -> Draft:
    """Return one e-mail, logged as it is sent or arrives."""
    email = Draft(record_id(day, position, 6))
    occurred_at = draw_start(day, throw)
    direction, status, subject, _ = throw.choices(_KINDS, [k[3] for k in _KINDS])[0]
    contact_id = lead.contact.id if lead else None
    merge = merges.get(contact_id) if contact_id else None
    if merge and merge[0] <= occurred_at:
        contact_id, merge = merge[1], None
    email.change(
        occurred_at,
        {
            "email_id": email.id,
            "occurred_at": occurred_at,
            "direction": direction,
            "status": status,
            "subject": subject,
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
        email.change(merge[0], {"contact_id": merge[1]})
    if throw.random() < 0.01:
        gone = office_instant(day + timedelta(days=throw.randint(5, 40)), throw)
        email.change(gone, {"is_deleted": True, "deleted_at": gone}, by=rep.crm_user_id)
    return email
