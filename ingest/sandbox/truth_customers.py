"""What the customers of billing are broken down by, as a night knows them.

Belongs here: legal entity, segment, the person who sold to a customer and where it came from.
Stays out: what they pay (`truth_billing`), CRM records (`truth_described`).

Decisions, where the catalogue leaves a choice:

* a customer was sold by the owner at the win of the first deal that sold it a subscription; of
  deals won at one instant by that of the subscription that began first;
* it came from where that deal came from; its segment is that of the company of the CRM it
  names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import instant_in
from ingest.sandbox.truth_crm import latest_close
from ingest.sandbox.truth_described import company_of, members_of_deal, segment_of
from ingest.sandbox.truth_rows import UNKNOWN, Night

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

Customer = tuple[str, str]
"""(Stripe account, customer)."""
_Sale = tuple[str, dict[str, str]]
"""(Who sold, members of where it came from)."""
_SOURCE: Final[tuple[str, ...]] = ("lead_source_group", "channel")


def members_of_customer(night: Night, customer: Customer) -> dict[str, str]:
    """Return where what a customer pays counts: as a buyer, and who sold to it."""
    seller, _ = _sale_of(night, customer)
    return {**members_of_buyer(night, customer), "rep": seller}


def members_of_buyer(night: Night, customer: Customer) -> dict[str, str]:
    """Return where what a customer is billed for counts: legal entity, segment, its source."""
    _, source = _sale_of(night, customer)
    return {
        **source,
        "legal_entity": night.company.stripe[customer[0]].legal_entity,
        "segment": segment_of(night, company_of(night, customer)),
    }


def _sale_of(night: Night, customer: Customer) -> _Sale:
    """Return who sold a customer its first subscription, and where the deal came from."""
    if "sales" not in night.found:
        night.found["sales"] = dict(_find_sales(night))
    nobody: _Sale = UNKNOWN, dict.fromkeys(_SOURCE, UNKNOWN)
    return night.found["sales"].get(customer, nobody)


def _find_sales(night: Night) -> Iterator[tuple[Customer, _Sale]]:
    """Yield the first deal of every customer that has one."""
    wins = {
        record.id: (close, state)
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
            deal = str(state["opportunity_id"])
            won_at = wins[deal][0][0]
            sold = won_at, instant_in(state, "started_at"), record.id, deal
            customer = account.name, str(state["customer_id"])
            first[customer] = min(sold, first.get(customer, sold))
    for customer, (*_, deal) in first.items():
        close, state = wins[deal]
        described = members_of_deal(night, state)
        yield customer, (close[2], {key: described[key] for key in _SOURCE})
