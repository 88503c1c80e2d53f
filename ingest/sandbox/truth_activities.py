"""The truth of sales activities: talk time, answers, demos.

Belongs here: contributions of calls as of a night beside `calls_made`. Stays out: adding up
(`truth`), what a customer is (`truth_crm`).

Decisions, where the catalogue leaves a choice:

* what compares talking with not being answered is of outbound calls with a final status; what
  the caller noted beats what the line reported;
* a call without an outcome, or one the caller cancelled, is neither answered nor unanswered;
* a demo, onboarding or trial took place when the call was answered, whoever dialled;
* team and department are those of the rep on the day of the call.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, instant_in
from ingest.sandbox.people import EVERYONE
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_crm import (
    FINAL_STATUSES,
    buyer_of,
    first_purchases,
    rep_of,
    type_at,
)
from ingest.sandbox.truth_rows import (
    ONE,
    UNKNOWN,
    ZERO,
    Contribution,
    Kind,
    Night,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

KPIS: Final = {
    "talk_time_seconds": Kind.COUNT,
    "unanswered_calls": Kind.COUNT,
    "call_answer_rate": Kind.RATE,
    "demo_calls_completed": Kind.COUNT,
    "onboarding_calls_completed": Kind.COUNT,
    "trial_calls_completed": Kind.COUNT,
}
QUOTIENTS: Final = {
    "talk_seconds_per_unanswered_call": (
        ((1, "talk_time_seconds"),),
        ((1, "unanswered_calls"),),
    ),
}
_ANSWERED: Final = {
    "Connected": True,
    "Left live message": True,
    "No answer": False,
    "Busy": False,
    "Left voicemail": False,
    "Wrong number": False,
}
_UNANSWERED_STATUSES: Final = frozenset({"NO_ANSWER", "BUSY", "FAILED", "MISSED"})
_PERSONS: Final = {person.user_id: person for person in EVERYONE}


def count_conversations(night: Night) -> Iterator[Contribution]:
    """Yield talk time, answers and typed calls of every call with a final status."""
    bought_at = first_purchases(night)
    segments = _segments(night)
    labels = {
        d["disposition_id"]: d["label"] for d in night.company.hubspot.call_dispositions
    }
    for record in night.company.hubspot.calls:
        state = night.state(record)
        if state is None or state["is_deleted"]:
            continue
        at = instant_in(state, "occurred_at")
        if state["status"] not in FINAL_STATUSES or at >= night.cut:
            continue
        label = labels.get(state["disposition_id"])
        is_answered = _is_answered(state, label)
        members = {
            **members_of_rep(rep_of(state["owner_id"]), local_day(at)),
            "customer_type": type_at(bought_at, buyer_of(night, state), at),
            "segment": segments.get(state["company_id"], UNKNOWN),
        }
        yield from _count_call(
            state, local_day(at), is_answered=is_answered, members=members
        )


def members_of_rep(rep: str, day: date) -> dict[str, str]:
    """Return a rep with team and department on a day."""
    person = _PERSONS.get(rep)
    if person is None:
        return {"rep": rep, "team": UNKNOWN, "department": UNKNOWN}
    return {"rep": rep, "team": person.team_on(day), "department": person.department}


def _segments(night: Night) -> dict[object, str]:
    """Return the segment of every company as it stands."""
    states = (
        (record.id, night.state(record)) for record in night.company.hubspot.companies
    )
    return {key: str(state["segment"] or UNKNOWN) for key, state in states if state}


def _is_answered(state: Fields, label: object) -> bool | None:
    """Return whether somebody picked up; None = nobody recorded it."""
    if label in _ANSWERED:
        return _ANSWERED[str(label)]
    return False if state["status"] in _UNANSWERED_STATUSES else None


def _count_call(
    state: Fields, day: date, *, is_answered: bool | None, members: dict[str, str]
) -> Iterator[Contribution]:
    """Yield the KPIs of one call with a final status."""
    if is_answered and state["activity_type"] is not None:
        key = f"{state['activity_type']}_calls_completed"
        yield Contribution(key, day, ONE, members=members)
    if state["direction"] != "OUTBOUND" or is_answered is None:
        return
    answered = ONE if is_answered else ZERO
    yield Contribution("call_answer_rate", day, answered, ONE, members=members)
    if not is_answered:
        yield Contribution("unanswered_calls", day, ONE, members=members)
    elif state["duration_ms"] is not None:
        talked = Decimal(state["duration_ms"]) / 1000
        yield Contribution("talk_time_seconds", day, talked, members=members)
