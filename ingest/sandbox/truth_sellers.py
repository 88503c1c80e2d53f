"""Who sold what customers are billed for, as a night knows it.

Belongs here: the representative of an invoice line, an order and a credit note. Stays out: who
sold a customer its first subscription (`truth_customers`), the amounts.

Decisions, where the catalogue leaves a choice:

* in the first term of a subscription a won deal names, revenue is of the owner at that win; the
  term is the deal's, or one billing period of the subscription where it has none;
* afterwards, and without such a deal, it is of the company's owner, if the company has not
  changed since: of one that has, nobody knows whose it was on that day;
* an order is of who sold its largest line; team is that of the day of the invoice, also of what
  is paid or recognised later;
* a credit note is of the subscription all lines of its invoice share, or the invoice's own.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.sandbox.model import Fields, StripeAccount, instant_in, rows_in
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_crm import latest_close, rep_of
from ingest.sandbox.truth_described import company_of, members_of_person
from ingest.sandbox.truth_rows import UNKNOWN, Night

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ingest.sandbox.model import Versioned

_MONTHS_PER_INTERVAL = {"year": 12, "month": 1}


@dataclass(frozen=True, slots=True)
class _Term:
    """Who sold a subscription, and until when what it brings is of that sale."""

    rep: str
    ends_at: datetime


def seller_of_line(
    night: Night, account: StripeAccount, invoice: Fields, line: Fields
) -> dict[str, str]:
    """Return who a line of an invoice is credited to, in the team of the invoice's day."""
    at = instant_in(invoice, "finalized_at")
    named = line["subscription_id"] or invoice["subscription_id"]
    return _credited(night, account, invoice, named, at)


def seller_of_order(
    night: Night, account: StripeAccount, invoice: Fields
) -> dict[str, str]:
    """Return who an order is credited to: as its largest line is."""
    lines = sorted(
        rows_in(invoice, "lines"),
        key=lambda line: (
            int(str(line["discount_minor"])) - int(str(line["amount_minor"])),
            str(line["line_id"]),
        ),
    )
    if not lines:
        return {"rep": UNKNOWN, "team": UNKNOWN, "department": UNKNOWN}
    return seller_of_line(night, account, invoice, lines[0])


def seller_of_note(
    night: Night, account: StripeAccount, invoice: Fields, at: datetime
) -> dict[str, str]:
    """Return who a credit note of an invoice is credited to, at its own instant."""
    named = {line["subscription_id"] for line in rows_in(invoice, "lines")} - {None}
    single = next(iter(named)) if len(named) == 1 else None
    return _credited(night, account, invoice, single or invoice["subscription_id"], at)


def _credited(
    night: Night,
    account: StripeAccount,
    invoice: Fields,
    subscription_id: object,
    at: datetime,
) -> dict[str, str]:
    """Return who earned what a subscription or a customer was billed at an instant."""
    term = _terms(night).get((account.name, subscription_id))
    if term is not None and term.rep != UNKNOWN and at < term.ends_at:
        return members_of_person(term.rep, local_day(at))
    customer = account.name, str(invoice["customer_id"])
    owner = _owners(night).get(company_of(night, customer) or "")
    is_known = owner is not None and owner[1] <= at
    return members_of_person(owner[0] if owner and is_known else UNKNOWN, local_day(at))


def _terms(night: Night) -> Mapping[tuple[str, object], _Term]:
    """Return the first term of every subscription a won deal names."""
    if "first terms" not in night.found:
        night.found["first terms"] = dict(
            found
            for account in night.company.stripe.values()
            for record in account.subscriptions
            if (found := _find_term(night, account, record)) is not None
        )
    return night.found["first terms"]


def _find_term(
    night: Night, account: StripeAccount, record: Versioned
) -> tuple[tuple[str, object], _Term] | None:
    state = night.state(record)
    deal = _wins(night).get(state["opportunity_id"]) if state else None
    if state is None or deal is None:
        return None
    rep, months = deal
    if months is None:
        months = max(
            (
                _MONTHS_PER_INTERVAL.get(str(item["interval"]), 0)
                * int(str(item["interval_count"]))
                for version in record.versions
                if version.at < night.cut and version.fields is not None
                for item in rows_in(version.fields, "items")
            ),
            default=1,
        )
    ends_at = _months_after(instant_in(state, "started_at"), max(months, 1))
    return (account.name, record.id), _Term(rep, ends_at)


def _wins(night: Night) -> Mapping[str, tuple[str, int | None]]:
    """Return owner at the win and term of every deal that is won."""
    if "won terms" not in night.found:
        night.found["won terms"] = {
            record.id: (close[2], state["term_months"] and int(state["term_months"]))
            for record in night.company.hubspot.deals
            if (state := night.state(record)) is not None and not state["is_deleted"]
            if (close := latest_close(record, night)) is not None and close[1] == "won"
        }
    return night.found["won terms"]


def _owners(night: Night) -> Mapping[str, tuple[str, datetime]]:
    """Return the owner of each company, and when the company last changed."""
    if "company owners" not in night.found:
        night.found["company owners"] = {
            record.id: (rep_of(state["owner_id"]), instant_in(state, "updated_at"))
            for record in night.company.hubspot.companies
            if (state := night.state(record)) is not None
        }
    return night.found["company owners"]


def _months_after(at: datetime, months: int) -> datetime:
    """Return the same day some months later, or the last one of a shorter month."""
    month = at.month - 1 + months
    year, month = at.year + month // 12, month % 12 + 1
    return at.replace(
        year=year, month=month, day=min(at.day, monthrange(year, month)[1])
    )
