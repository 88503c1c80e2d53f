"""What customers owe the sandbox company, and how deferred revenue rolls, month by month.

Belongs here: the two roll-forwards of finance in each account's own currency, counted from the
company's records. Stays out: KPIs (`truth_recognition`), other currencies.

Decisions: an invoice is owed with tax from the day it is finalised, unless void; charges,
disputes and refunds of the balance transactions, credit notes that stand, refunds beyond them
and the rest of an uncollectible invoice on the day it was given up lower it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from ingest.sandbox.model import StripeAccount, instant_in, rows_in
from ingest.sandbox.offer import to_major
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_recognition import cash_moves, refunds_beyond, served_lines
from ingest.sandbox.truth_rows import Night, period_end, period_start, periods_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from decimal import Decimal


class Roll(NamedTuple):
    """One month of what is owed; everything but `written_off` and balances may be negative."""

    opening: Decimal
    billed: Decimal
    tax: Decimal
    cash: Decimal
    credited: Decimal
    written_off: Decimal
    closing: Decimal


class Deferral(NamedTuple):
    """One month of deferred revenue."""

    opening: Decimal
    billed: Decimal
    credited: Decimal
    recognised: Decimal
    closing: Decimal


def roll_receivables(night: Night) -> dict[tuple[str, date], Roll]:
    """Return what is owed by (legal entity, month), months without anything left out."""
    found: dict[tuple[str, date], Roll] = {}
    for account in night.company.stripe.values():
        moves: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for _, day, name, minor in _events(night, account):
            moves[period_start(day, "month")][name] += minor
        owed = 0
        for start in periods_until(night.as_of, "month"):
            month = moves[start]
            names = ("billed", "tax", "cash", "credited", "written_off")
            billed, tax, cash, credited, written = (month[name] for name in names)
            closing = owed + billed + tax - cash - credited - written
            amounts = (owed, billed, tax, cash, credited, written, closing)
            if any(amounts):
                found[account.legal_entity, start] = Roll(
                    *(to_major(minor, account.currency) for minor in amounts)
                )
            owed = closing
    return found


def _events(
    night: Night, account: StripeAccount
) -> Iterator[tuple[str, date, str, int]]:
    """Yield invoice, day, kind and minor units of what changes a receivable."""
    events = list(_documents(night, account))
    yield from events
    owed: dict[str, int] = defaultdict(int)
    given_up = {
        str(state["invoice_id"]): local_day(instant_in(state, "uncollectible_at"))
        for state in map(night.state, account.invoices)
        if state is not None and state["status"] == "uncollectible"
    }
    for invoice_id, day, name, minor in events:
        if invoice_id in given_up and day <= given_up[invoice_id]:
            owed[invoice_id] += minor if name in {"billed", "tax"} else -minor
    for invoice_id, minor in owed.items():
        yield invoice_id, given_up[invoice_id], "written_off", minor


def _documents(
    night: Night, account: StripeAccount
) -> Iterator[tuple[str, date, str, int]]:
    """Yield invoices, notes, refunds beyond them and cash."""
    for state in map(night.state, account.invoices):
        if state is not None and state["status"] not in {"draft", "void"}:
            day = local_day(instant_in(state, "finalized_at"))
            for line in rows_in(state, "lines"):
                net = int(str(line["amount_minor"])) - int(str(line["discount_minor"]))
                yield str(state["invoice_id"]), day, "billed", net
                yield str(state["invoice_id"]), day, "tax", int(str(line["tax_minor"]))
    for state in map(night.state, account.credit_notes):
        if state is not None and state["status"] == "issued":
            day = local_day(instant_in(state, "created_at"))
            gross = int(str(state["total_minor"]))
            yield str(state["invoice_id"]), day, "credited", gross
    for invoice_id, day, gross, _ in refunds_beyond(night, account):
        yield invoice_id, day, "credited", gross
    for at, invoice_id, minor in cash_moves(night, account):
        yield invoice_id, local_day(at), "cash", minor


def roll_deferred(night: Night) -> dict[tuple[str, date, date], Deferral]:
    """Return deferred revenue by (legal entity, month of invoices, month).

    Months in which nothing is left and nothing moves are there only between two that have
    something, for lines still in service.
    """
    found: dict[tuple[str, date, date], list[int]] = defaultdict(lambda: [0] * 5)
    currencies: dict[str, str] = {}
    for line in served_lines(night):
        currencies[line.legal_entity] = line.currency
        opening = recognised_before = 0
        for start in periods_until(night.as_of, "month"):
            end = min(period_end(start, "month"), night.as_of)
            billed = line.billed if start <= line.billed_on <= end else 0
            credited = sum(minor for day, minor in line.credits if start <= day <= end)
            until = line.recognised_until(end)
            closing = line.deferred_on(end)
            amounts = (opening, billed, credited, until - recognised_before, closing)
            if any(amounts):
                key = (line.legal_entity, period_start(line.billed_on, "month"), start)
                found[key] = [a + b for a, b in zip(found[key], amounts, strict=True)]
            opening, recognised_before = closing, until
    return {
        key: Deferral(*(to_major(minor, currencies[key[0]]) for minor in amounts))
        for key, amounts in found.items()
    }
