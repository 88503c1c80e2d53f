"""The truth of the lead funnel: who reached the next step, in time and in the period.

Belongs here: contributions of contacts on their way to the first won deal. Stays out: how many
entered each step (`truth_crm`), adding up (`truth_sums`).

Decisions, where the catalogue leaves a choice:

* steps are dated as `truth_crm` dates them; qualified is the earlier of MQL and SQL, won the
  first win that stands of a deal of new sales with the person;
* a cohort belongs to the day its step was entered and to the lead's owner then; the next step
  is reached when it happened at most 90 days later, 180 where it is the win, by company days;
  one who had reached it before has reached it;
* `key/period` divides events of the period, each dated and credited as it happened;
* first touch is the earliest of the contact's creation, the first completed contact and the
  first touch recorded; the conversion belongs to the day of the win;
* it is long for its price by the deal's amount, at the rate of the win, over its months.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, Versioned, instant_in
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_activities import completed_contacts
from ingest.sandbox.truth_attribution import Touchbook
from ingest.sandbox.truth_crm import (
    first_deals,
    is_new_sale,
    latest_close,
    owner_at,
    rep_of,
)
from ingest.sandbox.truth_described import members_of_lead
from ingest.sandbox.truth_money import FLOW
from ingest.sandbox.truth_rows import (
    ONE,
    REPORTING,
    ZERO,
    Contribution,
    Kind,
    Night,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_COHORTS: Final = {
    "lead_to_mql_rate": ("created", "mql", 90),
    "mql_to_sql_rate": ("mql", "sql", 90),
    "sql_to_won_rate": ("sql", "won", 180),
    "lead_to_sale_rate": ("created", "won", 180),
    "qualified_lead_to_customer_rate": ("qualified", "won", 180),
    "qualified_lead_to_customer_rate/days_90": ("qualified", "won", 90),
    "qualified_lead_to_customer_rate/days_365": ("qualified", "won", 365),
}
"""KPI -> step entered, step reached, days allowed for it."""
_PERIODS: Final = {
    "lead_to_mql_rate/period": ("created", "mql"),
    "mql_to_sql_rate/period": ("mql", "sql"),
    "sql_to_won_rate/period": ("sql", "won"),
    "lead_to_sale_rate/period": ("created", "won"),
}
KPIS: Final = {
    **dict.fromkeys((*_COHORTS, *_PERIODS), Kind.RATE),
    "avg_conversion_time_days": Kind.RATE,
    "conversion_time_coverage": Kind.RATE,
    "conversion_time_to_price_alert": Kind.RATE,
}
_DAYS_ALLOWED: Final = (
    (Decimal(1_250_000), 30),
    (Decimal(6_250_000), 60),
    (Decimal(25_000_000), 90),
)
"""(Monthly price in VND, days winning a customer at up to that price may take)."""
_DAYS_ALLOWED_ABOVE: Final = 180
MEDIANS: Final = ("avg_conversion_time_days",)

_Steps = dict[str, datetime]
"""Step -> when the person first came to it; steps never taken are not there."""


def count_funnel(night: Night) -> Iterator[Contribution]:
    """Yield every person's part of every step, as a cohort and as an event."""
    tied_at, first_wins = first_deals(night), _first_wins(night)
    won_at = {contact: at for contact, (at, _) in first_wins.items()}
    contacted_at, touches = _first_contacts(night), Touchbook(night).of_lead
    for record in night.company.hubspot.contacts:
        state = night.state(record)
        if state is None or state["is_deleted"]:
            continue
        steps = _steps_of(state, tied_at.get(record.id), won_at.get(record.id))
        yield from _count_person(night, record, state, steps)
        if "won" in steps:
            members = _members(night, record, state, steps["won"])
            seen = [touch.at for touch in touches[record.id]]
            contacted = contacted_at.get(record.id, steps["won"])
            touched = min(steps["created"], contacted, *seen)
            days = (local_day(steps["won"]) - local_day(touched)).days
            # Every contact of the story has a creation, so nobody is left out.
            for kpi, part in (
                ("avg_conversion_time_days", Decimal(days)),
                ("conversion_time_coverage", ONE),
            ):
                yield Contribution(
                    kpi, local_day(steps["won"]), part, ONE, members=members
                )
            allowed = _days_allowed(night, *first_wins[record.id])
            if allowed is not None:
                yield Contribution(
                    "conversion_time_to_price_alert",
                    local_day(steps["won"]),
                    Decimal(days > allowed),
                    ONE,
                    members=members,
                )


def _days_allowed(night: Night, won_at: datetime, deal: Fields) -> int | None:
    """Return how long winning at the deal's monthly price may take; None = no price known."""
    amount, months = deal["amount"], deal["term_months"]
    if not isinstance(amount, Decimal) or amount <= 0 or not months:
        return None
    worth = night.rates.convert(
        amount, str(deal["currency"]), REPORTING, local_day(won_at), FLOW
    )
    return next(
        (days for price, days in _DAYS_ALLOWED if worth <= price * int(months)),
        _DAYS_ALLOWED_ABOVE,
    )


def _count_person(
    night: Night, record: Versioned, state: Fields, steps: _Steps
) -> Iterator[Contribution]:
    """Yield one person's part of the rates."""
    for kpi, (entered, reached, allowed) in _COHORTS.items():
        if entered not in steps:
            continue
        day = local_day(steps[entered])
        in_time = reached in steps and (local_day(steps[reached]) - day).days <= allowed
        members = _members(night, record, state, steps[entered])
        yield Contribution(kpi, day, ONE if in_time else ZERO, ONE, members=members)
    for kpi, (below, above) in _PERIODS.items():
        for step, top, bottom in ((above, ONE, ZERO), (below, ZERO, ONE)):
            if step in steps:
                members = _members(night, record, state, steps[step])
                yield Contribution(
                    kpi, local_day(steps[step]), top, bottom, members=members
                )


def _members(
    night: Night, record: Versioned, state: Fields, at: datetime
) -> dict[str, str]:
    """Return where a step of a person is counted."""
    return {
        **members_of_lead(night, state),
        "rep": rep_of(owner_at(record, at, night.cut)),
    }


def _steps_of(
    state: Fields, tied_at: datetime | None, won_at: datetime | None
) -> _Steps:
    """Return when a person came to each step."""
    accepted = [at for at in (state["sql_at"], tied_at) if isinstance(at, datetime)]
    found = {
        "created": state["created_at"],
        "mql": state["mql_at"],
        "sql": min(accepted, default=None),
        "won": won_at,
    }
    steps = {step: at for step, at in found.items() if isinstance(at, datetime)}
    qualified = [steps[step] for step in ("mql", "sql") if step in steps]
    return {**steps, "qualified": min(qualified)} if qualified else steps


def _first_wins(night: Night) -> dict[object, tuple[datetime, Fields]]:
    """Return when each contact first won, and what: deals of new sales that still exist."""
    first: dict[object, tuple[datetime, Fields]] = {}
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"] or not is_new_sale(state):
            continue
        close = latest_close(record, night)
        if close is not None and close[1] == "won":
            contact = state["contact_id"]
            if contact not in first or close[0] < first[contact][0]:
                first[contact] = close[0], state
    return first


def _first_contacts(night: Night) -> dict[object, datetime]:
    """Return when the first completed call, e-mail or meeting with each contact began."""
    first: dict[object, datetime] = {}
    for _, state in completed_contacts(night):
        at, contact = instant_in(state, "occurred_at"), state["contact_id"]
        first[contact] = min(at, first.get(contact, at))
    return first
