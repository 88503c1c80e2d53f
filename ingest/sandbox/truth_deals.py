"""The truth of opportunities and closes: values, cohorts, reasons, slipped dates.

Belongs here: what each deal of the new-sales pipeline adds to a KPI when it is created and when
it closes, beside what `truth_crm` counts. Stays out: stocks (`truth_pipeline`), adding up.

Decisions, where the catalogue leaves a choice:

* the amount at creation is the one that stood when the day of creation ended;
* averages leave amounts of 0 out, sums do not;
* `opportunity_to_sale_rate`: won within 365 days of creation; `open` = open now;
* a company fits the ideal profile when it has 30 people or more, is in Vietnam or Singapore and
  in one of four trades, as known by the night; a rule missed is a no, one unknown no answer;
* what is weighed by value (`win_rate_value`, `…_reason_share/value`) is weighed in VND, the
  reporting currency, at the rate of the day of the close; without an amount a deal is in
  neither side;
* a new deal is a win with a buyer who is new at the close;
* the contact method is that of the last completed contact with the buyer before the deal was
  created;
* an expected close slips between the first and the last date expected while the deal was open,
  up to the close that stands; deals whose date never moved are out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, Versioned, instant_in
from ingest.sandbox.story import local_day, month_start
from ingest.sandbox.truth_activities import completed_contacts
from ingest.sandbox.truth_crm import (
    CLOSED,
    NO_CHANCE,
    Close,
    buyer_of,
    creator_of,
    first_purchases,
    is_new_sale,
    latest_close,
    reason_of,
    type_at,
)
from ingest.sandbox.truth_described import (
    company_of,
    members_of_deal,
    members_of_person,
    segment_of,
)
from ingest.sandbox.truth_money import FLOW
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    REPORTING,
    ZERO,
    Contribution,
    Kind,
    Night,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KPIS: Final = {
    "opportunity_value_created": Kind.AMOUNT,
    "opportunities_without_amount": Kind.COUNT,
    "avg_opportunity_value": Kind.MONEY_RATIO,
    "opportunity_to_sale_rate": Kind.RATE,
    "opportunity_to_sale_rate/open": Kind.RATE,
    "opportunity_value_annual": Kind.AMOUNT,
    "opportunity_value_monthly_avg": Kind.MONEY_RATIO,
    "trials_started": Kind.COUNT,
    "opportunity_to_trial_rate": Kind.RATE,
    "icp_fit_rate": Kind.RATE,
    "icp_fit_rate/judged": Kind.RATE,
    "win_rate_value": Kind.RATE,
    "win_reason_share": Kind.RATE,
    "win_reason_share/value": Kind.RATE,
    "loss_reason_share": Kind.RATE,
    "loss_reason_share/value": Kind.RATE,
    "sales_by_contact_method": Kind.AMOUNT,
    "avg_new_deal_size": Kind.MONEY_RATIO,
    "avg_new_deal_term_months": Kind.RATE,
    "close_date_slippage_days": Kind.RATE,
}
MEDIANS: Final = ("close_date_slippage_days",)
SHARES: Final = (
    "win_reason_share",
    "win_reason_share/value",
    "loss_reason_share",
    "loss_reason_share/value",
)
"""Ratios over the company's own sum: a member's denominator is that of all members."""
_IDEAL_STAFF: Final = 30
_IDEAL_TRADES: Final = frozenset({"retail", "logistics", "manufacturing", "healthcare"})
_TRIAL_DAYS: Final = 90
_SALE_WINDOW: Final = timedelta(days=365)


@dataclass(frozen=True)
class Deal:
    """One deal of the new-sales pipeline that is still there, and what is known of it."""

    record: Versioned
    state: Fields
    buyer: str | None
    close: Close | None

    @property
    def created_at(self) -> datetime:
        """Instant of creation."""
        return instant_in(self.state, "created_at")

    @property
    def born(self) -> date:
        """Company day of creation."""
        return local_day(self.created_at)


def sales_deals(night: Night) -> Iterator[Deal]:
    """Yield every deal of the new-sales pipeline not deleted by the night."""
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"] or not is_new_sale(state):
            continue
        close = latest_close(record, night)
        yield Deal(record, state, buyer_of(night, state), close)


def count_opportunities(night: Night) -> Iterator[Contribution]:
    """Yield what happens once per deal: its value at creation, its close."""
    bought_at = first_purchases(night)
    contacts = _contacts(night)
    for deal in sales_deals(night):
        creator = creator_of(deal.state)
        kind = type_at(bought_at, deal.buyer, deal.created_at)
        described = members_of_deal(night, deal.state)
        members = {
            **described,
            "rep": creator,
            "creator": creator,
            "customer_type": kind,
        }
        yield from _created(night, deal, members)
        if deal.close is None:
            continue
        at, _, rep = deal.close
        members = {
            **described,
            "rep": rep,
            "creator": creator,
            "customer_type": type_at(bought_at, deal.buyer, at),
        }
        method = "(none)"
        for contact_at, how in contacts.get(str(deal.buyer), []):
            if contact_at < deal.created_at:
                method = how
        yield from _closed(night, deal, members, method)
        slipped = _slippage(deal)
        if slipped is not None:
            yield Contribution(
                "close_date_slippage_days",
                local_day(at),
                Decimal(slipped),
                ONE,
                members={k: v for k, v in members.items() if k != "creator"},
            )


def _created(
    night: Night, deal: Deal, members: Mapping[str, str]
) -> Iterator[Contribution]:
    """Yield the KPIs of one deal's creation."""
    born = deal.born
    then = night.state_on(deal.record, min(born, night.as_of))
    amount = then["amount"] if then else None
    has_amount = isinstance(amount, Decimal)
    yield Contribution(
        "opportunities_without_amount",
        born,
        ZERO if has_amount else ONE,
        members=members,
    )
    if then is not None and isinstance(amount, Decimal):
        for currency in CURRENCIES:
            worth = night.rates.convert(
                amount, str(then["currency"]), currency, born, FLOW
            )
            told = {**members, "currency": str(then["currency"])}
            base = Contribution(
                "opportunity_value_created", born, worth, None, currency, told
            )
            yield base
            if amount:
                yield replace(base, kpi_key="avg_opportunity_value", denominator=ONE)
    tried = _first_trials(night).get(deal.state["company_id"])
    is_tried = tried and 0 <= (local_day(tried[0]) - born).days <= _TRIAL_DAYS
    yield Contribution(
        "opportunity_to_trial_rate", born, Decimal(bool(is_tried)), ONE, members=members
    )
    fits = _fits(night, deal.state["company_id"])
    yield Contribution(
        "icp_fit_rate/judged", born, Decimal(fits is not None), ONE, members=members
    )
    if fits is not None:
        yield Contribution("icp_fit_rate", born, Decimal(fits), ONE, members=members)
    is_sold = False
    if deal.close is not None and deal.close[1] == "won":
        is_sold = local_day(deal.close[0]) - born <= _SALE_WINDOW
    key = "opportunity_to_sale_rate"
    yield Contribution(key, born, Decimal(is_sold), ONE, members=members)
    is_open = deal.close is None
    yield Contribution(f"{key}/open", born, Decimal(is_open), ONE, members=members)


def snapshot_year(night: Night, day: date) -> Iterator[Contribution]:
    """Yield the value created in the last twelve whole months as of `day`, and per month."""
    tomorrow = day + timedelta(days=1)
    end = tomorrow if tomorrow.day == 1 else month_start(day)
    start = month_start(end, -12)
    deals = list(sales_deals(night))
    first = min((deal.born for deal in deals), default=end)
    for months_back in range(1, 13):
        if month_start(end, 1 - months_back) > first:
            for currency in CURRENCIES:
                yield Contribution(
                    "opportunity_value_monthly_avg", day, ZERO, ONE, currency
                )
    for deal in deals:
        then = night.state_on(deal.record, min(deal.born, night.as_of))
        amount = then["amount"] if then else None
        if then is None or not isinstance(amount, Decimal):
            continue
        if not start <= deal.born < end:
            continue
        for currency in CURRENCIES:
            worth = night.rates.convert(
                amount, str(then["currency"]), currency, deal.born, FLOW
            )
            members = {
                **members_of_deal(night, deal.state),
                **members_of_person(creator_of(deal.state), deal.born),
            }
            yield Contribution(
                "opportunity_value_annual", day, worth, None, currency, members
            )
            yield Contribution(
                "opportunity_value_monthly_avg", day, worth, ZERO, currency
            )


def count_trials(night: Night) -> Iterator[Contribution]:
    """Yield the first trial of every company, or of a customer of none."""
    for company, (started_at, entity) in _first_trials(night).items():
        members = {"segment": segment_of(night, company), "legal_entity": entity}
        yield Contribution(
            "trials_started", local_day(started_at), ONE, members=members
        )


def _first_trials(night: Night) -> dict[str, tuple[datetime, str]]:
    """Return when and with whom each company, or customer of none, first tried."""
    if "trials" in night.found:
        return night.found["trials"]
    found: dict[str, tuple[datetime, str]] = {}
    for account in night.company.stripe.values():
        for record in account.subscriptions:
            state = night.state(record)
            if state is None or state["trial_ends_at"] is None:
                continue
            customer = str(state["customer_id"])
            trier = company_of(night, (account.name, customer)) or customer
            trial = instant_in(state, "started_at"), account.legal_entity
            found[trier] = min(trial, found.get(trier, trial))
    night.found["trials"] = found
    return found


def _fits(night: Night, company_id: str | None) -> bool | None:
    """Return whether a company is an ideal customer: large, near, of a known trade."""
    companies = night.found.get("companies")
    if companies is None:
        companies = night.found["companies"] = {
            record.id: state
            for record in night.company.hubspot.companies
            if (state := night.state(record)) is not None
        }
    state = companies.get(company_id or "")
    if state is None:
        return None
    staff, country, trade = (
        state["employee_count"],
        state["country"],
        state["industry"],
    )
    answers = (
        None if staff is None else staff >= _IDEAL_STAFF,
        None if country is None else country in {"Vietnam", "Singapore"},
        None if trade is None else trade in _IDEAL_TRADES,
    )
    if False in answers:
        return False
    return None if None in answers else True


def _closed(
    night: Night, deal: Deal, members: Mapping[str, str], method: str
) -> Iterator[Contribution]:
    """Yield the KPIs of one deal's close."""
    if deal.close is None:
        return
    at, outcome, _ = deal.close
    day = local_day(at)
    is_won = outcome == "won"
    reason = reason_of(deal.state, outcome)
    share = "win_reason_share" if is_won else "loss_reason_share"
    given = {"win_loss_reason": reason}
    yield Contribution(share, day, ONE, ONE, members=given)
    amount = deal.state["amount"]
    if isinstance(amount, Decimal):
        own = str(deal.state["currency"])
        worth = night.rates.convert(amount, own, REPORTING, day, FLOW)
        yield Contribution(f"{share}/value", day, worth, worth, members=given)
        if reason not in NO_CHANCE:
            won = worth if is_won else ZERO
            yield Contribution("win_rate_value", day, won, worth, members=members)
    if not is_won:
        return
    is_new = members["customer_type"] == "new"
    by_rep = {k: v for k, v in members.items() if k not in {"creator", "customer_type"}}
    term = deal.state["term_months"]
    if is_new and term:
        yield Contribution(
            "avg_new_deal_term_months", day, Decimal(term), ONE, members=by_rep
        )
    if not isinstance(amount, Decimal):
        return
    for currency in CURRENCIES:
        worth = night.rates.convert(
            amount, str(deal.state["currency"]), currency, day, FLOW
        )
        yield Contribution(
            "sales_by_contact_method",
            day,
            worth,
            None,
            currency,
            {"contact_method": method, "rep": members["rep"]},
        )
        if is_new and amount:
            yield Contribution("avg_new_deal_size", day, worth, ONE, currency, by_rep)


def _contacts(night: Night) -> dict[str, list[tuple[datetime, str]]]:
    """Return the completed contacts with each buyer, oldest first, and how each was made."""
    found: dict[str, list[tuple[datetime, str]]] = {}
    for medium, state in completed_contacts(night):
        buyer = buyer_of(night, state)
        if buyer is not None:
            contact = instant_in(state, "occurred_at"), medium
            found.setdefault(buyer, []).append(contact)
    return {buyer: sorted(contacts) for buyer, contacts in found.items()}


def _slippage(deal: Deal) -> int | None:
    """Return the days the expected close moved while the deal was open; None = never."""
    if deal.close is None:
        return None
    expected: list[date] = []
    for version in deal.record.versions:
        if version.at >= deal.close[0] or version.fields is None:
            break
        if version.fields["stage_id"] in CLOSED:
            continue
        expected.append(local_day(instant_in(version.fields, "close_at")))
    if len(set(expected)) < 2:  # noqa: PLR2004 - two dates make a move
        return None
    return (expected[-1] - expected[0]).days
