"""What the customers of billing are broken down by, as a night knows them.

Belongs here: legal entity, segment and the person who sold to a customer. Stays out: what they
pay (`truth_billing`), CRM records (`truth_described`).

Decisions, where the catalogue leaves a choice:

* a customer was sold by the owner at the win of the first deal that sold it a subscription; of
  deals won at one instant by that of the subscription that began first;
* its segment is that of the company of the CRM it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.sandbox.model import instant_in
from ingest.sandbox.truth_crm import latest_close
from ingest.sandbox.truth_described import company_of, segment_of
from ingest.sandbox.truth_rows import UNKNOWN, Night

if TYPE_CHECKING:
    from datetime import datetime

Customer = tuple[str, str]
"""(Stripe account, customer)."""


def members_of_customer(night: Night, customer: Customer) -> dict[str, str]:
    """Return where what a customer pays counts: legal entity, segment, who sold to it."""
    return {**members_of_buyer(night, customer), "rep": _seller_of(night, customer)}


def members_of_buyer(night: Night, customer: Customer) -> dict[str, str]:
    """Return where what a customer is billed for counts: legal entity and segment."""
    return {
        "legal_entity": night.company.stripe[customer[0]].legal_entity,
        "segment": segment_of(night, company_of(night, customer)),
    }


def _seller_of(night: Night, customer: Customer) -> str:
    """Return who sold a customer its first subscription."""
    if "sellers" not in night.found:
        night.found["sellers"] = _find_sellers(night)
    return night.found["sellers"].get(customer, UNKNOWN)


def _find_sellers(night: Night) -> dict[Customer, str]:
    """Return the owner at the win of the first deal of every customer that has one."""
    wins = {
        record.id: close
        for record in night.company.hubspot.deals
        if (state := night.state(record)) is not None and not state["is_deleted"]
        if (close := latest_close(record, night)) is not None and close[1] == "won"
    }
    first: dict[Customer, tuple[datetime, datetime, str, str]] = {}
    for account in night.company.stripe.values():
        for record in account.subscriptions:
            state = night.state(record)
            if state is None or state["opportunity_id"] not in wins:
                continue
            won_at, _, rep = wins[state["opportunity_id"]]
            sold = won_at, instant_in(state, "started_at"), record.id, rep
            customer = account.name, str(state["customer_id"])
            first[customer] = min(sold, first.get(customer, sold))
    return {customer: rep for customer, (*_, rep) in first.items()}
