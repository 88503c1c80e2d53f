"""The tie-out of the sandbox company: what its CRM, its billing and its books say of each other.

Belongs here: the KPI of what is left to explain (nothing: books and billing agree), and deals
held against the contracts billing has of them. Stays out: the books (`gl`). Timing that the
records of both sides prove is no gap.

A contract is worth what its licences cost at the terms it begins with, every billing period that
begins within the deal's term, less the discount as long as it runs; without a deal its first
period. Usage, one-offs and coupons of the first invoice alone are no part of it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from ingest.sandbox.model import rows_in
from ingest.sandbox.offer import to_major
from ingest.sandbox.story import local_day, month_start
from ingest.sandbox.subscription_state import add_interval
from ingest.sandbox.truth_deals import sales_deals
from ingest.sandbox.truth_rows import ONE, ZERO, Kind, Night

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.sandbox.model import Fields, Versioned

KPIS: Final = {"recon_difference": Kind.AMOUNT}
_PAID: Final = frozenset({"active", "past_due"})
_WEEKS: Final = 52
_MONTHS: Final = 12


class Held(NamedTuple):
    """One document in one month: what the CRM booked, and what billing contracted."""

    legal_entity: str
    currency: str
    month: date
    reference: str
    """Deal, or the subscription of a contract no won deal stands for."""


def hold_bookings(night: Night) -> dict[Held, tuple[Decimal, Decimal]]:
    """Return (booked, contracted) of every deal and contract in each of its months."""
    won = {
        deal.record.id: deal
        for deal in sales_deals(night)
        if deal.close is not None and deal.close[1] == "won"
    }
    found: dict[Held, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    books: dict[str, str] = {}
    for account in night.company.stripe.values():
        for record in account.subscriptions:
            begun = _first_paid(record, night)
            if begun is None:
                continue
            at, state = begun
            deal = won.get(str(state["opportunity_id"]))
            term = deal.state["term_months"] if deal is not None else None
            minor = sum(_period_amounts(state, at, None if term is None else int(term)))
            reference = record.id if deal is None else deal.record.id
            if deal is not None:
                books[reference] = account.legal_entity
            entity, currency = account.legal_entity, account.currency
            held = Held(entity, currency, month_start(local_day(at)), reference)
            found[held][1] += to_major(minor, currency)
    for reference, deal in won.items():
        assert deal.close is not None  # noqa: S101 - only won ones are here
        entity = books.get(reference, "acme_vn")
        month = month_start(local_day(deal.close[0]))
        amount = deal.state["amount"]
        held = Held(entity, str(deal.state["currency"]), month, reference)
        found[held][0] += amount if isinstance(amount, Decimal) else ZERO
    return {held: (booked, billed) for held, (booked, billed) in found.items()}


def _first_paid(record: Versioned, night: Night) -> tuple[datetime, Fields] | None:
    """Return when something is first to be paid, and the subscription then."""
    for version in record.versions:
        if version.at >= night.cut:
            return None
        if version.fields is not None and version.fields["status"] in _PAID:
            return version.at, version.fields
    return None


def _period_amounts(state: Fields, at: datetime, term: int | None) -> Iterator[int]:
    """Yield the minor units of every licence in every billing period of the term."""
    for item in rows_in(state, "items"):
        if item["usage_type"] != "licensed":
            continue
        gross = int(str(item["unit_amount_minor"])) * int(str(item["quantity"]))
        percent = Decimal(str(state["discount_percent"] or 0))
        off = int((gross * percent / 100).quantize(ONE, ROUND_HALF_UP))
        off += int(str(state["discount_amount_minor"] or 0))
        unit, count = str(item["interval"]), int(str(item["interval_count"]))
        for number in range(_periods(unit, count, term)):
            begins = add_interval(at, unit, count * number)
            ends_at = state["discount_ends_at"]
            has_discount = not isinstance(ends_at, datetime) or begins < ends_at
            yield gross - (off if has_discount else 0)


def _periods(unit: str, count: int, term: int | None) -> int:
    """Return how many billing periods begin within a term; a year is 52 weeks."""
    if term is None:
        return 1
    if unit == "week":
        return -(-term * _WEEKS // (_MONTHS * count))
    return -(-term // (count * (_MONTHS if unit == "year" else 1)))
