"""The truth of the CRM: leads, opportunities, deals.

Belongs here: contributions of contacts and deals as of a night. Stays out: activities
(`truth_activities`), ads (`truth_ads`), money received (`truth_billing`), adding up (`truth_sums`).

Decisions, where the catalogue leaves a choice:

* a lead is a contact that is neither archived nor merged away; its date is the survivor's
  creation date, which a merge sets to the earlier of the two;
* leads, MQL and SQL are credited to the lead's owner at that instant, to its first one where it
  had none yet; `lead_source_completeness` to who entered the lead;
* `mql_count/requalified`: each time the record's stage is MQL again after one below it, which it
  was before; a merge brings dates of the loser, not its stages;
* `sql_count`: sales accepted the lead, or a deal that still exists was created with it,
  whichever came first;
* only the pipeline of new sales counts for opportunities, deals and bookings; renewals never;
* deals count by their latest close, if they are still closed; a deleted or merged-away deal
  counts nowhere, but past snapshots keep a deleted one until its deletion;
* `sales_bookings` is the amount of won deals (total contract value) as it stands now, at the
  rate of the day of the win; credit goes to the owner at that instant;
* `win_rate` leaves lost deals out whose reason is disqualified or duplicate; `deals_lost` does
  not;
* losses by stage: the last stage the deal was open in; renewals and sales to customers are
  counted apart too, whatever their pipeline;
* `opportunities_created` is credited to the creator;
* new or existing is judged at the event (created, closed, call begun): existing = the company,
  or the person without one, had a won deal or had paid an invoice strictly earlier.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, Versioned, instant_in
from ingest.sandbox.offer import EXPONENT
from ingest.sandbox.people import EVERYONE
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_described import (
    CRM_ENTITY,
    company_of,
    members_of_deal,
    members_of_lead,
)
from ingest.sandbox.truth_money import FLOW, STOCK
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
    from collections.abc import Iterator

KPIS: Final = {
    "leads_created": Kind.COUNT,
    "lead_source_completeness": Kind.RATE,
    "mql_count": Kind.COUNT,
    "mql_count/requalified": Kind.COUNT,
    "sql_count": Kind.COUNT,
    "opportunities_created": Kind.COUNT,
    "deals_won": Kind.COUNT,
    "deals_lost": Kind.COUNT,
    "deals_lost/renewal": Kind.COUNT,
    "deals_lost/expansion": Kind.COUNT,
    "win_rate": Kind.RATE,
    "sales_cycle_days": Kind.RATE,
    "sales_bookings": Kind.AMOUNT,
    "sales_bookings/first_year": Kind.AMOUNT,
    "avg_deal_size": Kind.MONEY_RATIO,
    "active_deals": Kind.COUNT,
    "open_pipeline_value": Kind.AMOUNT,
}
MEDIANS: Final = ("sales_cycle_days",)
FINAL_STATUSES: Final = frozenset(
    {"COMPLETED", "NO_ANSWER", "BUSY", "FAILED", "CANCELED", "MISSED"}
)
_A_YEAR: Final = 12
_BELOW_MQL: Final = frozenset({"subscriber", "lead"})
_SALES_PIPELINE: Final = "default"
_REPEAT_TYPES: Final = {"renewal": "renewal", "existingbusiness": "expansion"}
CLOSED: Final = {
    "closedwon": "won",
    "closedlost": "lost",
    "renewal_won": "won",
    "renewal_lost": "lost",
}
NO_CHANCE: Final = frozenset({"disqualified", "duplicate"})
_BY_OWNER: Final = {p.owner_id: p.user_id for p in EVERYONE if p.owner_id}
_BY_CRM_USER: Final = {p.crm_user_id: p.user_id for p in EVERYONE if p.crm_user_id}


def rep_of(owner_id: str | None) -> str:
    """Return the user an owner id belongs to."""
    return _BY_OWNER.get(owner_id or "", UNKNOWN)


def creator_of(state: Fields) -> str:
    """Return the user who created a record."""
    return _BY_CRM_USER.get(state["created_by_id"], UNKNOWN)


def reason_of(state: Fields, outcome: str) -> str:
    """Return why a deal was won or lost."""
    return str(state[f"closed_{outcome}_reason"] or "(not given)")


def count_leads(night: Night) -> Iterator[Contribution]:
    """Yield leads created, source completeness, MQL, SQL and leads of paid campaigns."""
    tied_at = first_deals(night)
    words = campaign_words(night)
    for record in night.company.hubspot.contacts:
        state = night.state(record)
        if state is None or state["is_deleted"]:
            continue
        came = members_of_lead(night, state)
        born = _day(state, "created_at")
        known = (state["sql_at"], tied_at.get(record.id))
        accepted = [at for at in known if isinstance(at, datetime)]
        for kpi, at in (
            ("leads_created", state["created_at"]),
            ("mql_count", state["mql_at"]),
            ("sql_count", min(accepted, default=None)),
        ):
            if isinstance(at, datetime):
                rep = rep_of(owner_at(record, at, night.cut))
                members = {**came, "rep": rep}
                yield Contribution(kpi, local_day(at), ONE, members=members)
        for at in returns_of(record, night.cut):
            members = {**came, "rep": rep_of(owner_at(record, at, night.cut))}
            yield Contribution(
                "mql_count/requalified", local_day(at), ONE, members=members
            )
        named = ZERO if came["lead_source_group"] == UNKNOWN else ONE
        entered_by = {"rep": _BY_CRM_USER.get(state["created_by_id"], UNKNOWN)}
        yield Contribution(
            "lead_source_completeness", born, named, ONE, members=entered_by
        )
        if is_paid_lead(state, words):
            for currency in CURRENCIES:
                yield Contribution(
                    "cpl_media",
                    born,
                    ZERO,
                    ONE,
                    currency,
                    {**came, "legal_entity": CRM_ENTITY},
                )


def returns_of(record: Versioned, cut: datetime) -> Iterator[datetime]:
    """Yield when a contact met the marketing qualification again after falling below it."""
    was_met = has_fallen = False
    for version in record.versions:
        if version.at >= cut or version.fields is None:
            return
        stage = version.fields["lifecycle_stage"]
        if stage == "marketingqualifiedlead":
            if was_met and has_fallen:
                yield version.at
            was_met, has_fallen = True, False
        elif stage in _BELOW_MQL:
            has_fallen = True


def owner_at(record: Versioned, at: datetime, cut: datetime) -> str | None:
    """Return who owned a record at an instant, else its first owner before `cut`."""
    owners = [
        (version.at, version.fields["owner_id"])
        for version in record.versions
        if version.at < cut and version.fields is not None
    ]
    first = next((n for n, (_, owner) in enumerate(owners) if owner), None)
    if first is None:
        return None
    then = [owner for since, owner in owners[first:] if since <= at]
    return then[-1] if then else owners[first][1]


def first_deals(night: Night) -> dict[object, datetime]:
    """Return when each contact was first tied to a deal that still exists."""
    first: dict[object, datetime] = {}
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"]:
            continue
        at, contact = instant_in(state, "created_at"), state["contact_id"]
        first[contact] = min(at, first.get(contact, at))
    return first


def campaign_words(night: Night) -> set[str]:
    """Return the ids, tags and names the campaigns of both platforms answer to."""
    words: set[str] = set()
    for platform in (night.company.google, night.company.meta):
        for record in platform.campaigns:
            if (state := night.state(record)) is not None:
                named = (
                    state["campaign_id"],
                    state["utm_campaign"],
                    state["campaign_name"],
                )
                words |= {str(word) for word in named if word}
    return words


def is_paid_lead(state: Fields, words: set[str]) -> bool:
    """Return whether a click id, a tag or the campaign's name ties the lead to an ad."""
    if state["google_click_id"] or state["facebook_click_id"]:
        return True
    return state["utm_campaign"] in words or state["source_detail_1"] in words


def count_deals(night: Night) -> Iterator[Contribution]:
    """Yield everything that happens once per deal: created, won, lost, booked."""
    bought_at = first_purchases(night)
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"]:
            continue
        creator = creator_of(state)
        born = _day(state, "created_at")
        buyer = buyer_of(night, state)
        close = latest_close(record, night)
        stage = {"stage": _last_stage(record, close)}
        kind = _REPEAT_TYPES.get(str(state["deal_type"]))
        if kind is not None and close is not None and close[1] == "lost":
            at, _, rep = close
            lost = {
                **members_of_deal(night, state),
                **stage,
                "rep": rep,
                "creator": creator,
                "win_loss_reason": reason_of(state, "lost"),
                "customer_type": type_at(bought_at, buyer, at),
            }
            yield Contribution(f"deals_lost/{kind}", local_day(at), ONE, members=lost)
        if not is_new_sale(state):
            continue
        described = members_of_deal(night, state)
        created = {
            **described,
            "rep": creator,
            "creator": creator,
            "customer_type": type_at(bought_at, buyer, instant_in(state, "created_at")),
        }
        yield Contribution("opportunities_created", born, ONE, members=created)
        if close is not None:
            closed = {
                **described,
                "rep": close[2],
                "customer_type": type_at(bought_at, buyer, close[0]),
            }
            for row in _count_close(night, state, born, close, closed):
                if row.kpi_key == "deals_lost":
                    yield replace(row, members={**row.members, **stage})
                else:
                    yield row


def _last_stage(record: Versioned, close: Close | None) -> str:
    """Return the last stage a deal was open in before its close."""
    stages = [
        str(version.fields["stage_id"])
        for version in record.versions
        if close is not None and version.at < close[0] and version.fields is not None
    ]
    return next((s for s in reversed(stages) if s not in CLOSED), UNKNOWN)


def first_purchases(night: Night) -> dict[str, datetime]:
    """Return when each buyer first had a won deal or had paid an invoice."""
    found: dict[str, datetime] = {}
    for buyer, at in (*_wins(night), *_paid_invoices(night)):
        found[buyer] = min(at, found.get(buyer, at))
    return found


def _wins(night: Night) -> Iterator[tuple[str, datetime]]:
    """Yield buyer and instant of every win that stands, renewals too."""
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"]:
            continue
        buyer, close = buyer_of(night, state), latest_close(record, night)
        if buyer is not None and close is not None and close[1] == "won":
            yield buyer, close[0]


def _paid_invoices(night: Night) -> Iterator[tuple[str, datetime]]:
    """Yield company and instant of every invoice paid, those of 0 left out."""
    for account in night.company.stripe.values():
        for record in account.invoices:
            state = night.state(record)
            if state is None or state["status"] != "paid" or not state["total_minor"]:
                continue
            company = company_of(night, (account.name, str(state["customer_id"])))
            if company is not None:
                yield f"company {company}", instant_in(state, "paid_at")


def buyer_of(night: Night, state: Fields) -> str | None:
    """Return the company of a deal or call, else its person if still there, else None."""
    if state["company_id"] is not None:
        return f"company {state['company_id']}"
    contact = night.contact(state["contact_id"])
    return f"person {state['contact_id']}" if contact is not None else None


def type_at(bought_at: dict[str, datetime], buyer: str | None, at: datetime) -> str:
    """Return whether the buyer was a customer strictly before an instant."""
    if buyer is None:
        return UNKNOWN
    return "existing" if bought_at.get(buyer, at) < at else "new"


def won_deals(night: Night) -> Iterator[tuple[Fields, datetime]]:
    """Yield every deal won in the pipeline of new sales, and when."""
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"] or not is_new_sale(state):
            continue
        close = latest_close(record, night)
        if close is not None and close[1] == "won":
            yield state, close[0]


def is_new_sale(state: Fields) -> bool:
    """Return whether the deal is in the pipeline of new sales."""
    return state["pipeline_id"] == _SALES_PIPELINE


Close = tuple[datetime, str, str]
"""(when, won or lost, rep then)."""


def latest_close(record: Versioned, night: Night) -> Close | None:
    """Return the close that stands; None = open."""
    found: Close | None = None
    for version in record.versions:
        if version.at >= night.cut or version.fields is None:
            break
        outcome = CLOSED.get(str(version.fields["stage_id"]))
        if outcome is None:
            found = None
        elif found is None or found[1] != outcome:
            found = version.at, outcome, rep_of(version.fields["owner_id"])
    return found


def _count_close(
    night: Night, state: Fields, born: date, close: Close, members: dict[str, str]
) -> Iterator[Contribution]:
    """Yield the KPIs of one closed deal."""
    at, outcome, _ = close
    day = local_day(at)
    by_creator = {**members, "creator": creator_of(state)}
    by_reason = {**by_creator, "win_loss_reason": reason_of(state, outcome)}
    if outcome == "lost":
        yield Contribution("deals_lost", day, ONE, members=by_reason)
        if state["closed_lost_reason"] not in NO_CHANCE:
            yield Contribution("win_rate", day, ZERO, ONE, members=by_creator)
        return
    yield Contribution("deals_won", day, ONE, members=by_reason)
    yield Contribution("win_rate", day, ONE, ONE, members=by_creator)
    cycle = Decimal((day - born).days)
    yield Contribution("sales_cycle_days", day, cycle, ONE, members=members)
    amount = state["amount"]
    if not isinstance(amount, Decimal):
        return
    own, months = str(state["currency"]), int(state["term_months"] or 0)
    of_year = amount
    if months > _A_YEAR:
        step = ONE.scaleb(-EXPONENT[own])
        of_year = (amount * _A_YEAR / months).quantize(step, ROUND_HALF_UP)
    members = {**members, "currency": own}
    for currency in CURRENCIES:
        worth = night.rates.convert(amount, own, currency, day, FLOW)
        yield Contribution("sales_bookings", day, worth, None, currency, members)
        first = night.rates.convert(of_year, own, currency, day, FLOW)
        yield Contribution(
            "sales_bookings/first_year", day, first, None, currency, members
        )
        yield Contribution("avg_deal_size", day, worth, ONE, currency, members)


def snapshot_pipeline(night: Night, day: date) -> Iterator[Contribution]:
    """Yield the deals open at the end of `day`, with their amount at that time."""
    for record in night.company.hubspot.deals:
        now = night.state(record)
        if now is None or night.is_purged(now):
            continue
        then = night.state_on(record, day)
        if then is None or then["is_deleted"] or not is_new_sale(then):
            continue
        if then["stage_id"] in CLOSED:
            continue
        members = {
            **members_of_deal(night, now),
            "rep": rep_of(then["owner_id"]),
            "stage": str(then["stage_id"]),
        }
        yield Contribution("active_deals", day, ONE, members=members)
        amount = then["amount"]
        if isinstance(amount, Decimal):
            for currency in CURRENCIES:
                worth = night.rates.convert(
                    amount, str(then["currency"]), currency, day, STOCK
                )
                told = {**members, "currency": str(then["currency"])}
                yield Contribution(
                    "open_pipeline_value", day, worth, None, currency, told
                )


def _day(state: Fields, name: str) -> date:
    """Return the day of an instant in the company's zone."""
    return local_day(instant_in(state, name))
