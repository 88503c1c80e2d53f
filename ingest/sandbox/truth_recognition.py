"""Recognised and deferred revenue and cash of the sandbox company, in plain Decimal.

Belongs here: which invoice lines and credits there are, what they recognise per month, what is
left, what was paid. Stays out: how an amount is spread over days (`recognition`).

Decisions:

* a line is served on the company days from its service start to its service end (exclusive); one
  without days is served on its first one. Void invoices and drafts are out;
* a credit note that stands, and a refund no note names beyond the notes of its invoice that name
  none, before tax, are shared by the invoice's positive lines in proportion to their amounts;
* recognised revenue is official at month, dated at its last day that is past and shown at the
  mean flow rate of its days; a line's month is rounded once;
* deferred revenue is shown at the closing rate, line by line; both legal entities invoice in the
  currency they keep books in;
* cash is every charge, refund and dispute of the balance transactions, tax included, fees apart; as
  revenue it is without the invoice's share of tax, by running totals.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, StripeAccount, instant_in, rows_in
from ingest.sandbox.offer import PRODUCTS, to_major
from ingest.sandbox.prices import product_id
from ingest.sandbox.recognition import Service, recognise, share
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_customers import members_of_buyer
from ingest.sandbox.truth_money import FLOW, STOCK
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    UNKNOWN,
    Contribution,
    Kind,
    Night,
    period_end,
    period_start,
)
from ingest.sandbox.truth_sellers import seller_of_line, seller_of_note, seller_of_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KPIS: Final = {
    "billings": Kind.AMOUNT,
    "recognised_revenue": Kind.AMOUNT,
    "deferred_revenue_closing": Kind.AMOUNT,
    "cash_collected": Kind.AMOUNT,
    "sales_revenue/recognised": Kind.AMOUNT,
    "sales_revenue/collected": Kind.AMOUNT,
    "sales_by_product/recognised": Kind.AMOUNT,
    "sales_by_product/collected": Kind.AMOUNT,
}


@dataclass(frozen=True, slots=True)
class ServedLine:
    """One invoice line, or a credit note no line bears, with what its days recognise."""

    document_id: str
    """Invoice of the line, or the credit note."""
    currency: str
    legal_entity: str
    product: str
    sold: Mapping[str, str]
    """Who sold it, and to which segment."""
    billed_on: date
    billed: int
    """Minor units; 0 = a credit note."""
    credits: tuple[tuple[date, int], ...]
    days: tuple[date, ...]
    """Days that recognise something, ascending."""
    running: tuple[int, ...]
    """Recognised up to and including each of the days."""

    def recognised_until(self, day: date) -> int:
        """Return what is recognised up to and including a day."""
        position = bisect_right(self.days, day)
        return self.running[position - 1] if position else 0

    def deferred_on(self, day: date) -> int:
        """Return what is billed, less credited, less recognised at the end of a day."""
        billed = self.billed if self.billed_on <= day else 0
        credited = sum(amount for on, amount in self.credits if on <= day)
        return billed - credited - self.recognised_until(day)

    def members(self) -> dict[str, str]:
        """Return the members of each breakdown."""
        return {
            "currency": self.currency,
            "legal_entity": self.legal_entity,
            "product": self.product,
        }


def count_recognition(night: Night) -> Iterator[Contribution]:
    """Yield billings on their day and recognised revenue at the end of each month."""
    for line in served_lines(night):
        members = line.members()
        if line.billed:
            amount = to_major(line.billed, line.currency)
            for currency in CURRENCIES:
                worth = night.rates.convert(
                    amount, line.currency, currency, line.billed_on, FLOW
                )
                yield Contribution(
                    "billings", line.billed_on, worth, None, currency, members
                )
        for start, minor in _months(line, night.as_of).items():
            closing = min(period_end(start, "month"), night.as_of)
            days = [
                start + timedelta(days=n) for n in range((closing - start).days + 1)
            ]
            amount = to_major(minor, line.currency)
            for currency in CURRENCIES:
                worth = night.rates.convert_at_mean(
                    amount, line.currency, currency, days
                )
                sold = {**members, **line.sold}
                for kpi, by in (
                    ("recognised_revenue", members),
                    ("sales_revenue/recognised", sold),
                    ("sales_by_product/recognised", _without_currency(sold)),
                ):
                    yield Contribution(kpi, closing, worth, None, currency, by)


def _without_currency(members: Mapping[str, str]) -> dict[str, str]:
    """Return the members of a KPI that no own currency breaks down."""
    return {name: member for name, member in members.items() if name != "currency"}


def _months(line: ServedLine, as_of: date) -> dict[date, int]:
    """Return what a line recognises per month that has begun, without zeros."""
    months: dict[date, int] = defaultdict(int)
    before = 0
    for day, running in zip(line.days, line.running, strict=True):
        if day <= as_of:
            months[period_start(day, "month")] += running - before
        before = running
    return {start: minor for start, minor in months.items() if minor}


def snapshot_deferred(night: Night, day: date) -> Iterator[Contribution]:
    """Yield what is deferred at the end of `day`."""
    for line in served_lines(night):
        minor = line.deferred_on(day)
        if minor:
            amount = to_major(minor, line.currency)
            for currency in CURRENCIES:
                worth = night.rates.convert(amount, line.currency, currency, day, STOCK)
                yield Contribution(
                    "deferred_revenue_closing",
                    day,
                    worth,
                    None,
                    currency,
                    line.members(),
                )


def count_cash(night: Night) -> Iterator[Contribution]:
    """Yield every payment and refund on its balance date, with and without tax."""
    for account in night.company.stripe.values():
        totals = {
            str(state["invoice_id"]): (
                int(str(state["total_minor"])),
                int(str(state["tax_minor"])),
            )
            for state in map(night.state, account.invoices)
            if state is not None
        }
        orders = {
            str(state["invoice_id"]): _members_of_order(night, account, state)
            for state in map(night.state, account.invoices)
            if state is not None
        }
        running: dict[str, int] = defaultdict(int)
        for at, invoice_id, minor in cash_moves(night, account):
            total, tax = totals[invoice_id]
            before = running[invoice_id]
            running[invoice_id] = before + minor
            net = _half_up((before + minor) * (total - tax), total)
            net -= _half_up(before * (total - tax), total)
            day = local_day(at)
            members = {
                "currency": account.currency,
                "legal_entity": account.legal_entity,
            }
            sold = {**members, **orders[invoice_id]}
            for kpi, amount, by in (
                ("cash_collected", minor, members),
                ("sales_revenue/collected", net, sold),
                ("sales_by_product/collected", net, _without_currency(sold)),
            ):
                for currency in CURRENCIES:
                    worth = night.rates.convert(
                        to_major(amount, account.currency),
                        account.currency,
                        currency,
                        day,
                        FLOW,
                    )
                    yield Contribution(kpi, day, worth, None, currency, by)


def _members_of_order(
    night: Night, account: StripeAccount, state: Fields
) -> dict[str, str]:
    """Return whose sale the cash of an invoice is; of a product where it has a single one."""
    bought = members_of_buyer(night, (account.name, str(state["customer_id"])))
    if state["status"] in {"draft", "void"}:
        return {
            "segment": bought["segment"], "rep": UNKNOWN, "team": UNKNOWN,
            "product": UNKNOWN,
        }  # fmt: skip
    codes = {product_id(product, account.name): product.code for product in PRODUCTS}
    sold = {
        codes.get(str(line["product_id"]), UNKNOWN) for line in rows_in(state, "lines")
    }
    return {
        "segment": bought["segment"],
        "product": sold.pop() if len(sold) == 1 else UNKNOWN,
        **seller_of_order(night, account, state),
    }


def cash_moves(
    night: Night, account: StripeAccount
) -> Iterator[tuple[datetime, str, int]]:
    """Yield instant, invoice and amount of every charge, refund, dispute lost or won back."""
    invoice_of = {
        str(state["charge_id"]): str(state["invoice_id"])
        for state in map(night.state, account.charges)
        if state is not None
    }
    for state in map(night.state, account.refunds):
        if state is not None:
            invoice_of[str(state["refund_id"])] = invoice_of[str(state["charge_id"])]
    for state in map(night.state, account.disputes):
        if state is not None:
            invoice_of[str(state["dispute_id"])] = invoice_of[str(state["charge_id"])]
    moves = [
        (instant_in(state, "created_at"), str(state["transaction_id"]), state)
        for state in map(night.state, account.balance_transactions)
        if state is not None and state["type"] in {"charge", "refund", "adjustment"}
    ]
    for at, _, state in sorted(moves, key=itemgetter(0, 1)):
        yield at, invoice_of[str(state["source_id"])], int(str(state["amount_minor"]))


def served_lines(night: Night) -> list[ServedLine]:
    """Return every line that counts, with what its days recognise."""
    if "served_lines" not in night.found:
        night.found["served_lines"] = [
            line
            for account in night.company.stripe.values()
            for line in lines_of(night, account)
        ]
    return night.found["served_lines"]


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit note, or what a refund gave back beyond them; before tax."""

    at: datetime
    credit_id: str
    invoice_id: str
    minor: int
    is_note: bool

    @property
    def day(self) -> date:
        """Return the company's day of it."""
        return local_day(self.at)


def lines_of(night: Night, account: StripeAccount) -> Iterator[ServedLine]:
    """Yield the lines of one account, and notes of invoices that do not count."""
    codes = {product_id(product, account.name): product.code for product in PRODUCTS}
    invoices = {
        str(state["invoice_id"]): state
        for state in map(night.state, account.invoices)
        if state is not None
    }
    standing = {
        key: state
        for key, state in invoices.items()
        if state["status"] not in {"draft", "void"}
    }
    by_invoice: dict[str, list[Credit]] = defaultdict(list)
    for credit in credits_of(night, account, invoices):
        by_invoice[credit.invoice_id].append(credit)
    for invoice_id, state in standing.items():
        found = sorted(
            by_invoice.pop(invoice_id, []), key=lambda c: (c.day, c.credit_id)
        )
        taken: dict[str, list[tuple[date, int]]] = defaultdict(list)
        weights = {
            str(line["line_id"]): _net(line)
            for line in rows_in(state, "lines")
            if _net(line) > 0
        }
        for credit in found:
            if weights:
                for key, part in share(credit.minor, weights).items():
                    if part:
                        taken[key].append((credit.day, part))
            elif credit.is_note:
                yield _note_alone(night, account, credit, state)
        for line in rows_in(state, "lines"):
            yield _serve(
                (account, _sold(night, account, state, line)),
                local_day(instant_in(state, "finalized_at")),
                line,
                tuple(taken[str(line["line_id"])]),
                codes.get(str(line["product_id"]), UNKNOWN),
            )
    for left in by_invoice.values():
        yield from (
            _note_alone(night, account, credit, invoices[credit.invoice_id])
            for credit in left
            if credit.is_note
        )


def _sold(
    night: Night, account: StripeAccount, state: Fields, line: Fields
) -> dict[str, str]:
    """Return who sold a line and to which segment."""
    buyer = members_of_buyer(night, (account.name, str(state["customer_id"])))
    seller = seller_of_line(night, account, state, line)
    return {"segment": buyer["segment"], **seller}


def _serve(
    of: tuple[StripeAccount, Mapping[str, str]],
    billed_on: date,
    line: Fields,
    taken: tuple[tuple[date, int], ...],
    product: str,
) -> ServedLine:
    """Return one line with what its days recognise."""
    starts = local_day(instant_in(line, "service_starts_at"))
    ends = max(
        local_day(instant_in(line, "service_ends_at")), starts + timedelta(days=1)
    )
    by_day = recognise(Service(_net(line), starts, ends, taken))
    whose = (of[0], str(line["invoice_id"]), product, of[1])
    return _served(whose, (billed_on, _net(line)), taken, by_day)


def _note_alone(
    night: Night, account: StripeAccount, credit: Credit, invoice: Fields
) -> ServedLine:
    """Return a credit note no line bears: taken back on its day."""
    buyer = members_of_buyer(night, (account.name, str(invoice["customer_id"])))
    seller = seller_of_note(night, account, invoice, credit.at)
    sold = {"segment": buyer["segment"], **seller}
    taken = ((credit.day, credit.minor),)
    by_day = {credit.day: -credit.minor}
    document_id = credit.credit_id.removeprefix("credit_note:")
    whose = (account, document_id, UNKNOWN, sold)
    return _served(whose, (credit.day, 0), taken, by_day)


def _served(
    whose: tuple[StripeAccount, str, str, Mapping[str, str]],
    billed: tuple[date, int],
    taken: tuple[tuple[date, int], ...],
    by_day: Mapping[date, int],
) -> ServedLine:
    days = tuple(sorted(by_day))
    account, document_id, product, sold = whose
    return ServedLine(
        document_id,
        account.currency,
        account.legal_entity,
        product,
        sold,
        *billed,
        taken,
        days,
        tuple(accumulate(by_day[day] for day in days)),
    )


def credits_of(
    night: Night, account: StripeAccount, invoices: Mapping[str, Fields]
) -> Iterator[Credit]:
    """Yield the credit notes that stand and the refunds beyond them."""
    for record in account.credit_notes:
        state = night.state(record)
        if state is None or state["status"] != "issued":
            continue
        yield Credit(
            instant_in(state, "created_at"),
            f"credit_note:{state['credit_note_id']}",
            str(state["invoice_id"]),
            int(str(state["subtotal_minor"])),
            is_note=True,
        )
    for invoice_id, at, gross, refund_id in refunds_beyond(night, account):
        total = int(str(invoices[invoice_id]["total_minor"]))
        tax = int(str(invoices[invoice_id]["tax_minor"]))
        yield Credit(
            at,
            f"refund:{refund_id}",
            invoice_id,
            _half_up(gross * (total - tax), total),
            is_note=False,
        )


def refunds_beyond(
    night: Night, account: StripeAccount
) -> Iterator[tuple[str, datetime, int, str]]:
    """Yield invoice, instant, amount and id of what refunds gave back beyond credit notes.

    Not what a note names, nor as much as the invoice's other notes took off, nor what was
    paid twice.
    """
    invoices = {
        str(state["invoice_id"]): state
        for state in map(night.state, account.invoices)
        if state is not None
    }
    invoice_of: dict[str, str] = {}
    free: dict[str, int] = defaultdict(int)
    for state in map(night.state, account.charges):
        if state is not None:
            invoice_of[str(state["charge_id"])] = str(state["invoice_id"])
            if state["status"] == "succeeded":
                free[str(state["invoice_id"])] += int(str(state["amount_minor"]))
    for invoice_id, paid in free.items():
        free[invoice_id] = max(paid - int(str(invoices[invoice_id]["total_minor"])), 0)
    named: set[str] = set()
    for state in map(night.state, account.credit_notes):
        if state is not None and state["status"] == "issued":
            if state["refund_id"] is None:
                free[str(state["invoice_id"])] += int(str(state["total_minor"]))
            else:
                named.add(str(state["refund_id"]))
    refunds = [
        (instant_in(state, "created_at"), str(state["refund_id"]), state)
        for state in map(night.state, account.refunds)
        if state is not None
        and state["status"] == "succeeded"
        and str(state["refund_id"]) not in named
    ]
    for at, refund_id, state in sorted(refunds, key=itemgetter(0, 1)):
        invoice_id = invoice_of[str(state["charge_id"])]
        amount = int(str(state["amount_minor"]))
        beyond = max(amount - free[invoice_id], 0)
        free[invoice_id] -= amount - beyond
        if beyond:
            yield invoice_id, at, beyond, refund_id


def _half_up(numerator: int, denominator: int) -> int:
    """Return a quotient of positive whole numbers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _net(line: Fields) -> int:
    """Return a line after discount, before tax."""
    return int(str(line["amount_minor"])) - int(str(line["discount_minor"]))
