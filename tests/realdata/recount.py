"""Revenue, cash and receivables of exported billing tables, counted in plain Python.

Belongs here: `Decimal`, dates and the CSV rows, nothing of the warehouse. Stays out: which
figures it is compared with (the tests). Amounts are minor units of one currency; days are those
of the seller's zone.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Row = dict[str, str]
ZONE = ZoneInfo("America/New_York")
CASH = {"charge", "payment", "refund", "payment_refund"}
_STANDS = {"open", "paid", "uncollectible"}


def day_of(text: str) -> date:
    """The seller's day of an instant the export writes in UTC."""
    at = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    return at.astimezone(ZONE).date()


def month_of(day: date) -> str:
    return f"{day:%Y-%m}"


def billed_lines(
    lines: Iterable[Row], invoices: Iterable[Row]
) -> list[tuple[Row, date]]:
    """Lines of invoices that stand, each with the day of its invoice."""
    known = {row["id"]: row for row in invoices if row["status"] in _STANDS}
    return [
        (line, day_of(known[line["invoice_id"]]["period_end"]))
        for line in lines
        if line["invoice_id"] in known
    ]


def recognised(
    billed: Iterable[tuple[Row, date]], notes: Iterable[Row]
) -> dict[str, Decimal]:
    """By month: a line over its days of service, rounded as a running total; notes of invoices
    nobody has take back on their day."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line, _ in billed:
        start, end = day_of(line["period_start"]), day_of(line["period_end"])
        days = max((end - start).days, 1)
        before = Decimal(0)
        for passed in range(1, days + 1):
            share = Decimal(line["amount"]) * passed / days
            until = share.quantize(Decimal(1), ROUND_HALF_UP)
            found[month_of(start + timedelta(days=passed - 1))] += until - before
            before = until
    for note in notes:
        found[month_of(day_of(note["created"]))] -= Decimal(note["subtotal"])
    return {month: amount for month, amount in found.items() if amount}


def billings(billed: Iterable[tuple[Row, date]]) -> dict[str, Decimal]:
    """By month: lines on their invoice's day."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line, day in billed:
        found[month_of(day)] += Decimal(line["amount"])
    return {month: amount for month, amount in found.items() if amount}


def credited(notes: Iterable[Row]) -> dict[str, Decimal]:
    """By month: credit notes on their day, with tax."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for note in notes:
        found[month_of(day_of(note["created"]))] += Decimal(note["total"])
    return dict(found)


def cash(ledger: Iterable[Row]) -> dict[str, Decimal]:
    """By month: what the provider's ledger says came and went, fees and payouts apart."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in ledger:
        if row["type"] in CASH:
            found[month_of(day_of(row["created"]))] += Decimal(row["amount"])
    return {month: amount for month, amount in found.items() if amount}


def owed(
    billed: Mapping[str, Decimal], *taken_off: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """At the end of every month something moved in: billings less what took them off."""
    found, running = {}, Decimal(0)
    for month in sorted({*billed, *(key for one in taken_off for key in one)}):
        running += billed.get(month, Decimal(0))
        running -= sum((one.get(month, Decimal(0)) for one in taken_off), Decimal(0))
        found[month] = running
    return found
