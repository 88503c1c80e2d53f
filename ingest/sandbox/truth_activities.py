"""The truth of sales activities: talking, writing, meeting, and with whom.

Belongs here: contributions of calls, e-mails and meetings as of a night, and of the people
who do them. Stays out: adding up (`truth_sums`), what a customer is (`truth_crm`).

Decisions, where the catalogue leaves a choice:

* `calls_made`: outbound, of a status that is final, by the day the call began;
* what compares talking with not being answered is of outbound calls with a final status; what
  the caller noted beats what the line reported;
* a call without an outcome, or one the caller cancelled, is neither answered nor unanswered;
* the variant `lagged` counts an activity thirty days later;
* a demo, onboarding or trial took place when the call was answered, whoever dialled, or the
  meeting held;
* an e-mail that came back is no e-mail sent; it is counted apart;
* prospecting is what our people did and completed with somebody who was no customer yet:
  calls and e-mails going out, meetings held;
* every sandbox meeting typed demo or proposal that was held is one presentation;
* of a month, each customer-to-be counts once, with whoever approached it first;
* a response is an e-mail (no machine's) or a call of theirs, or a meeting held, after the first
  approach ever and within 30 days;
* team and department are those of the rep on the day of the activity;
* a representative counts for every calendar day in the role, by the share of full time; what
  is per representative is times the days of the period so far, over those full-time days;
* a target for calls lies on the person's working days of its month: the company's, without
  leave and days outside employment, each day ending a running total to six places; calls of a
  month with a target count on any day;
* prospecting takes the time of its calls and meetings, overlaps of one person once, each part
  to six places of an hour, and the hours written down as such; an hour costs what the person
  last wrote down, before the first time the first cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, Versioned, instant_in
from ingest.sandbox.office import (
    CalendarDay,
    assignments_until,
    calendar_until,
    call_targets_until,
    timesheets_until,
)
from ingest.sandbox.people import EVERYONE
from ingest.sandbox.story import STORY_START, local_day, month_start
from ingest.sandbox.truth_crm import (
    FINAL_STATUSES,
    buyer_of,
    first_purchases,
    rep_of,
    type_at,
)
from ingest.sandbox.truth_money import FLOW, round_ratio
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    UNKNOWN,
    ZERO,
    Contribution,
    Kind,
    Night,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

KPIS: Final = {
    "calls_made": Kind.COUNT,
    "calls_made/inbound": Kind.COUNT,
    "calls_made/lagged": Kind.COUNT,
    "rep_fte_days": Kind.COUNT,
    "call_target_attainment": Kind.RATE,
    "prospecting_hours": Kind.COUNT,
    "prospecting_cost": Kind.AMOUNT,
    "kpi_acknowledgement_rate": Kind.RATE,
    "kpi_acknowledgement_rate/late": Kind.RATE,
    "talk_time_seconds": Kind.COUNT,
    "unanswered_calls": Kind.COUNT,
    "call_answer_rate": Kind.RATE,
    "demo_calls_completed": Kind.COUNT,
    "onboarding_calls_completed": Kind.COUNT,
    "trial_calls_completed": Kind.COUNT,
    "sales_emails_sent": Kind.COUNT,
    "sales_emails_sent/bounced": Kind.COUNT,
    "sales_emails_sent/lagged": Kind.COUNT,
    "meetings_held": Kind.COUNT,
    "presentations_delivered": Kind.COUNT,
    "prospecting_activities": Kind.COUNT,
    "new_customer_contacts": Kind.COUNT,
    "new_customers_contacted": Kind.COUNT,
    "outreach_response_rate": Kind.RATE,
}
QUOTIENTS: Final = {
    "talk_seconds_per_unanswered_call": (
        ((1, "talk_time_seconds"),),
        ((1, "unanswered_calls"),),
    ),
    "opportunities_per_call": (
        ((1, "opportunities_created"),),
        ((1, "calls_made"),),
    ),
    "opportunities_per_email": (
        ((1, "opportunities_created"),),
        ((1, "sales_emails_sent"),),
    ),
    "opportunities_per_call/lagged": (
        ((1, "opportunities_created"),),
        ((1, "calls_made/lagged"),),
    ),
    "opportunities_per_email/lagged": (
        ((1, "opportunities_created"),),
        ((1, "sales_emails_sent/lagged"),),
    ),
    "calls_per_rep": (((1, "days calls_made"),), ((1, "rep_fte_days"),)),
    "emails_per_rep": (((1, "days sales_emails_sent"),), ((1, "rep_fte_days"),)),
    **{
        f"sales_per_rep{basis}": (
            ((1, f"days sales_revenue{basis}"),),
            ((1, "rep_fte_days"),),
        )
        for basis in ("", "/booked", "/collected", "/recognised")
    },
}
ONLY_BY_MONTH: Final = frozenset({"new_customers_contacted"})
"""What longer periods are not the sum of."""
_ANSWERED: Final = {
    "Connected": True,
    "Left live message": True,
    "No answer": False,
    "Busy": False,
    "Left voicemail": False,
    "Wrong number": False,
}
_UNANSWERED_STATUSES: Final = frozenset({"NO_ANSWER", "BUSY", "FAILED", "MISSED"})
_MACHINES: Final = ("automatic reply", "trả lời tự động")
_SATURDAY: Final = 5
_LAGGED: Final = frozenset({"calls_made", "sales_emails_sent"})
_LAG_DAYS: Final = 30
_HOUR: Final = Decimal(3_600_000_000)
"""Microseconds of an hour."""
_RESPONSE_WINDOW: Final = timedelta(days=30)
_PERSONS: Final = {person.user_id: person for person in EVERYONE}


@dataclass(frozen=True)
class Activity:
    """One call, e-mail or meeting that counts for something."""

    medium: str
    kind: str | None
    at: datetime
    buyer: str | None
    is_ours: bool
    """Done by our people and received, or tried, by the other side."""
    is_response: bool
    lasted: timedelta | None
    """How long it took; None = not recorded."""
    members: Mapping[str, str]

    @property
    def is_prospecting(self) -> bool:
        """Whether it is ours, with somebody who was no customer yet."""
        return self.is_ours and self.members["customer_type"] == "new"


def count_activities(night: Night) -> Iterator[Contribution]:
    """Yield every KPI of calls, e-mails and meetings."""
    for row in _count_all(night):
        yield row
        later = row.day + timedelta(days=_LAG_DAYS)
        if row.kpi_key in _LAGGED and later <= night.as_of:
            yield replace(row, kpi_key=f"{row.kpi_key}/lagged", day=later)


def _count_all(night: Night) -> Iterator[Contribution]:
    """Yield every KPI of calls, e-mails and meetings on its own day."""
    describe = _Describer(night)
    activities: list[Activity] = []
    targets = {
        (target.user_id, target.month) for target in call_targets_until(night.cut)
    }
    for record in night.company.hubspot.calls:
        state = _standing(night, record)
        if state is None or state["status"] not in FINAL_STATUSES:
            continue
        is_answered = describe.answer(state)
        is_out = state["direction"] == "OUTBOUND"
        call = describe(state, "call", is_ours=is_out, is_response=not is_out)
        activities.append(call)
        if not is_out:
            yield _one("calls_made/inbound", call, "segment")
        else:
            made = _one("calls_made", call, "segment")
            yield made
            if (made.members["rep"], month_start(made.day)) in targets:
                yield _attain(made.day, ONE, ZERO, made.members)
        yield from _count_call(state, call, is_answered=is_answered)
    for record in night.company.hubspot.emails:
        state = _standing(night, record)
        if state is not None and (found := _read_email(state)) is not None:
            is_sent, is_bounced, is_machine = found
            email = describe(
                state,
                "email",
                is_ours=is_sent and not is_bounced,
                is_response=not is_sent and not is_machine,
            )
            activities.append(email)
            if is_sent:
                key = "sales_emails_sent" + ("/bounced" if is_bounced else "")
                yield _one(key, email)
    for record in night.company.hubspot.meetings:
        state = _standing(night, record)
        if state is None or state["outcome"] != "COMPLETED":
            continue
        meeting = describe(state, "meeting", is_ours=True, is_response=True)
        activities.append(meeting)
        yield from _count_meeting(meeting)
    yield from _count_approaches(activities)
    yield from _count_hours(night, activities)


def _count_hours(
    night: Night, activities: Iterable[Activity]
) -> Iterator[Contribution]:
    """Yield the hours of prospecting and what they cost."""
    written = timesheets_until(night.company.seed, night.cut + timedelta(hours=2))
    costs: dict[str, list[tuple[date, Decimal]]] = {}
    for one in written:
        costs.setdefault(one.user_id, []).append((one.day, one.hourly_cost))
    parts = [
        (one.user_id, one.day, one.hours)
        for one in written
        if one.kind == "prospecting"
    ]
    timed: dict[tuple[str, date], list[tuple[datetime, datetime]]] = {}
    for one in activities:
        if one.is_prospecting and one.lasted is not None:
            spent = (one.at, one.at + one.lasted)
            whose = one.members["rep"], local_day(one.at)
            timed.setdefault(whose, []).append(spent)
    for (rep, day), spans in timed.items():
        busy_until = None
        for began, ended in sorted(spans):
            since = began if busy_until is None else max(began, busy_until)
            fresh = max(ended - since, timedelta(0))
            busy_until = ended if busy_until is None else max(ended, busy_until)
            microseconds = Decimal(fresh // timedelta(microseconds=1))
            parts.append((rep, day, round_ratio(microseconds, _HOUR) or ZERO))
    for rep, day, hours in parts:
        members = members_of_rep(rep, day)
        yield Contribution("prospecting_hours", day, hours, members=members)
        known = costs.get(rep)
        if known is None:
            continue
        cost = next((c for since, c in reversed(known) if since <= day), known[0][1])
        for currency in CURRENCIES:
            worth = night.rates.convert(hours * cost, "VND", currency, day, FLOW)
            yield Contribution(
                "prospecting_cost",
                day,
                worth,
                None,
                currency,
                {"department": members["department"], "currency": "VND"},
            )


def count_assignments(night: Night) -> Iterator[Contribution]:
    """Yield the KPIs given to people, agreed to in time, late or not at all."""
    now = night.cut + timedelta(hours=2)
    for one in assignments_until(night.company.seed, now):
        if one.quarter > night.as_of:
            continue
        agreed = one.acknowledged_at
        members = members_of_rep(one.user_id, one.quarter)
        for key, is_so in (
            ("kpi_acknowledgement_rate", agreed is not None and agreed <= one.quarter),
            (
                "kpi_acknowledgement_rate/late",
                agreed is not None and agreed > one.quarter,
            ),
        ):
            share = ONE if is_so else ZERO
            yield Contribution(key, one.quarter, share, ONE, members=members)


def count_people(night: Night) -> Iterator[Contribution]:
    """Yield each representative's days in the role."""
    for person in EVERYONE:
        if person.role != "rep":
            continue
        day = STORY_START
        while day <= night.as_of:
            if person.works_on(day):
                held = [p for p in person.postings if p.valid_from <= day]
                members = members_of_rep(person.user_id, day)
                share = Decimal(held[-1].fte)
                yield Contribution("rep_fte_days", day, share, members=members)
            day += timedelta(days=1)


def completed_contacts(night: Night) -> Iterator[tuple[str, Fields]]:
    """Yield medium and state of every contact that happened, theirs too."""
    hubspot = night.company.hubspot
    for record in hubspot.calls:
        state = _standing(night, record)
        if state is not None and state["status"] in FINAL_STATUSES:
            yield "call", state
    for record in hubspot.emails:
        state = _standing(night, record)
        found = None if state is None else _read_email(state)
        if state is not None and found is not None and not found[1] and not found[2]:
            yield "email", state
    for record in hubspot.meetings:
        state = _standing(night, record)
        if state is not None and state["outcome"] == "COMPLETED":
            yield "meeting", state


def count_call_targets(night: Night) -> Iterator[Contribution]:
    """Yield each representative's target for calls, day by day of the working month."""
    leave = {(one.user_id, one.day) for one in _calendar(night)}
    for target in call_targets_until(night.cut):
        person = _PERSONS[target.user_id]
        in_role = [day for day in _month(target.month) if person.works_on(day)]
        days = [
            day
            for day in working_days(night, target.month)
            if person.works_on(day) and (person.user_id, day) not in leave
        ]
        whole = target.value * len(in_role) / len(_month(target.month))
        given = ZERO
        for number, day in enumerate(days, start=1):
            so_far = round_ratio(whole * number, Decimal(len(days))) or ZERO
            if day <= night.as_of:
                members = members_of_rep(person.user_id, day)
                yield _attain(day, ZERO, so_far - given, members)
            given = so_far


def working_days(night: Night, month: date) -> list[date]:
    """Return the days of a month the company works."""
    known = {one.day: one.is_working for one in _calendar(night) if not one.user_id}
    return [day for day in _month(month) if known.get(day, day.weekday() < _SATURDAY)]


def _calendar(night: Night) -> list[CalendarDay]:
    """Return the working calendar as the night knows it."""
    if "calendar" not in night.found:
        last = night.cut - timedelta(microseconds=1)
        night.found["calendar"] = calendar_until(night.company.seed, last)
    return night.found["calendar"]


def _month(start: date) -> list[date]:
    """Return every day of a month."""
    days = (month_start(start, 1) - start).days
    return [start + timedelta(days=n) for n in range(days)]


def _attain(
    day: date, made: Decimal, target: Decimal, members: Mapping[str, str]
) -> Contribution:
    """Return a part of how much of the target for calls was reached."""
    kept = {name: members[name] for name in ("rep", "team", "department")}
    return Contribution("call_target_attainment", day, made, target, members=kept)


def members_of_rep(rep: str, day: date) -> dict[str, str]:
    """Return a rep with team and department on a day."""
    person = _PERSONS.get(rep)
    if person is None:
        return {"rep": rep, "team": UNKNOWN, "department": UNKNOWN}
    return {"rep": rep, "team": person.team_on(day), "department": person.department}


class _Describer:
    """Tells who did an activity and with whom."""

    def __init__(self, night: Night) -> None:
        """Read what the portal knows of companies, purchases and dispositions."""
        self._night = night
        self._bought_at = first_purchases(night)
        companies = night.company.hubspot.companies
        states = ((record.id, night.state(record)) for record in companies)
        self._segments = {
            key: str(state["segment"] or UNKNOWN) for key, state in states if state
        }
        self._labels = {
            d["disposition_id"]: d["label"]
            for d in night.company.hubspot.call_dispositions
        }

    def answer(self, state: Fields) -> bool | None:
        """Return whether somebody picked up; None = nobody recorded it."""
        label = self._labels.get(state["disposition_id"])
        if label in _ANSWERED:
            return _ANSWERED[str(label)]
        return False if state["status"] in _UNANSWERED_STATUSES else None

    def __call__(
        self, state: Fields, medium: str, *, is_ours: bool, is_response: bool
    ) -> Activity:
        """Return the activity with everything it is broken down by."""
        at = instant_in(state, "occurred_at")
        buyer = buyer_of(self._night, state)
        kind = state.get("activity_type")
        shown = medium
        if medium == "meeting" and kind in {"demo", "proposal"}:
            shown = "presentation"
        members = {
            **members_of_rep(rep_of(state["owner_id"]), local_day(at)),
            "customer_type": type_at(self._bought_at, buyer, at),
            "segment": self._segments.get(state["company_id"], UNKNOWN),
            "activity_type": shown,
        }
        lasted = _duration(state)
        return Activity(medium, kind, at, buyer, is_ours, is_response, lasted, members)


def _duration(state: Fields) -> timedelta | None:
    """Return how long a call or meeting took; None = not recorded."""
    if state.get("duration_ms") is not None:
        return timedelta(milliseconds=int(state["duration_ms"]))
    if state.get("ends_at") is not None:
        return instant_in(state, "ends_at") - instant_in(state, "starts_at")
    return None


def _standing(night: Night, record: Versioned) -> Fields | None:
    """Return an activity that is there, not deleted and has begun."""
    state = night.state(record)
    if state is None or state["is_deleted"]:
        return None
    return state if instant_in(state, "occurred_at") < night.cut else None


def _read_email(state: Fields) -> tuple[bool, bool, bool] | None:
    """Return whether we sent it, it came back, a machine wrote it; None = no mail yet."""
    if state["direction"] == "INCOMING_EMAIL":
        subject = str(state["subject"] or "").lower()
        return False, False, subject.startswith(_MACHINES)
    if state["direction"] == "EMAIL" and state["status"] in {"SENT", "BOUNCED"}:
        return True, state["status"] == "BOUNCED", False
    return None


def _one(key: str, activity: Activity, *hidden: str) -> Contribution:
    """Return one more of a KPI; `hidden` = breakdowns it does not have."""
    hidden = ("activity_type", *hidden)
    members = {k: v for k, v in activity.members.items() if k not in hidden}
    return Contribution(key, local_day(activity.at), ONE, members=members)


def _count_call(
    state: Fields, call: Activity, *, is_answered: bool | None
) -> Iterator[Contribution]:
    """Yield the KPIs of one call with a final status."""
    if is_answered and call.kind is not None:
        yield _one(f"{call.kind}_calls_completed", call)
    if not call.is_ours or is_answered is None:
        return
    answered = _one("call_answer_rate", call)
    share = ONE if is_answered else ZERO
    yield Contribution(
        "call_answer_rate", answered.day, share, ONE, members=answered.members
    )
    if not is_answered:
        yield _one("unanswered_calls", call)
    elif state["duration_ms"] is not None:
        talked = Decimal(state["duration_ms"]) / 1000
        yield Contribution(
            "talk_time_seconds", answered.day, talked, members=answered.members
        )


def _count_meeting(meeting: Activity) -> Iterator[Contribution]:
    """Yield the KPIs of one meeting that was held."""
    yield _one("meetings_held", meeting)
    if meeting.kind in {"demo", "proposal"}:
        yield _one("presentations_delivered", meeting)
    if meeting.kind in {"demo", "onboarding", "trial"}:
        yield _one(f"{meeting.kind}_calls_completed", meeting)


def _count_approaches(activities: Iterable[Activity]) -> Iterator[Contribution]:
    """Yield prospecting, who was approached and who responded."""
    responses: dict[str, list[datetime]] = {}
    seen: set[str] = set()
    seen_in_month: set[tuple[str, date]] = set()
    in_order = sorted(activities, key=lambda activity: activity.at)
    for activity in in_order:
        if activity.is_response and activity.buyer is not None:
            responses.setdefault(activity.buyer, []).append(activity.at)
    for activity in in_order:
        buyer, day = activity.buyer, local_day(activity.at)
        if not activity.is_prospecting or buyer is None:
            continue
        members = {k: v for k, v in activity.members.items() if k != "customer_type"}
        for key in ("prospecting_activities", "new_customer_contacts"):
            yield Contribution(key, day, ONE, members=members)
        if (buyer, month_start(day)) not in seen_in_month:
            seen_in_month.add((buyer, month_start(day)))
            yield _one("new_customers_contacted", activity, "customer_type")
        if buyer not in seen:
            seen.add(buyer)
            answer = next(
                (at for at in responses.get(buyer, ()) if at > activity.at), None
            )
            in_time = answer is not None and answer - activity.at <= _RESPONSE_WINDOW
            yield Contribution(
                "outreach_response_rate",
                day,
                ONE if in_time else ZERO,
                ONE,
                members=members,
            )
