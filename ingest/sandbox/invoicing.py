"""Invoices of the sandbox company and the money that follows them.

Belongs here: `Ledger` (what one Stripe account books): invoices with lines, charges that
succeed or fail, refunds, credit notes, balance transactions. Stays out: why an invoice is
raised and what a failed payment does to a subscription (`subscriptions`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from ingest.sandbox.story import Draft, local_day, office_instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from ingest.sandbox.model import Versioned

_FEE_PERCENT: Final = Decimal("2.9")
_DISPUTE_FEE: Final = {"VND": 350_000, "USD": 15_00}
_TO_THE_BANK: Final = timedelta(days=2)
DISPUTES: Final = ("fraudulent", "product_not_received", "subscription_canceled")
FAILURES: Final = ("card_declined", "insufficient_funds", "expired_card")


def round_minor(amount: Decimal) -> int:
    """Return whole minor units, half away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice line to be written; `service` is [start, end)."""

    description: str
    product_id: str | None
    price_id: str | None
    item_id: str | None
    subscription_id: str | None
    quantity: int
    amount_minor: int
    service: tuple[datetime, datetime]
    discount_minor: int = 0
    is_proration: bool = False


@dataclass(frozen=True, slots=True)
class Bill:
    """One invoice to be written."""

    customer_id: str
    subscription_id: str | None
    created_at: datetime
    lines: tuple[Line, ...]
    tax_percent: int
    reason: str
    """Why it was raised: cycle, update or manual."""
    series: str
    """Numbering circle."""


@dataclass(slots=True)
class Ledger:
    """Everything one Stripe account books, as drafts."""

    name: str
    currency: str
    invoices: list[Draft] = field(default_factory=list)
    charges: list[Draft] = field(default_factory=list)
    refunds: list[Draft] = field(default_factory=list)
    credit_notes: list[Draft] = field(default_factory=list)
    transactions: list[Draft] = field(default_factory=list)
    payouts: list[Draft] = field(default_factory=list)
    disputes: list[Draft] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _available: list[tuple[date, int]] = field(default_factory=list)

    def open_invoice(self, bill: Bill, finalized_at: datetime | None) -> Invoice:
        """Write an invoice as draft and, if given, its finalisation."""
        tail = bill.series
        count = self._numbers[tail] = self._numbers.get(tail, 0) + 1
        draft = Draft(f"in_{tail}{count:04d}")
        lines = tuple(
            self._write_line(
                f"il_{tail}{count:04d}{n:02d}", draft.id, line, bill.tax_percent
            )
            for n, line in enumerate(bill.lines)
        )
        subtotal = sum(line.amount_minor for line in bill.lines)
        discount = sum(line.discount_minor for line in bill.lines)
        tax = sum(int(str(line["tax_minor"])) for line in lines)
        total = subtotal - discount + tax
        draft.change(
            bill.created_at,
            {
                "invoice_id": draft.id,
                "invoice_number": None,
                "customer_id": bill.customer_id,
                "subscription_id": bill.subscription_id,
                "status": "draft",
                "billing_reason": bill.reason,
                "currency": self.currency,
                "subtotal_minor": subtotal,
                "discount_minor": discount,
                "tax_minor": tax,
                "total_minor": total,
                "amount_paid_minor": 0,
                "created_at": bill.created_at,
                "finalized_at": None,
                "due_at": None,
                "paid_at": None,
                "voided_at": None,
                "uncollectible_at": None,
                "lines": lines,
            },
        )
        if finalized_at is not None:
            values: dict[str, object] = {
                "status": "open",
                "finalized_at": finalized_at,
                "invoice_number": f"{tail[-8:].upper()}-{count:04d}",
                "due_at": finalized_at + timedelta(days=15),
            }
            draft.change(finalized_at, values)
        self.invoices.append(draft)
        net = subtotal - discount
        return Invoice(draft, bill.customer_id, total, net, tax)

    def _write_line(
        self, line_id: str, invoice_id: str, line: Line, tax_percent: int
    ) -> dict[str, object]:
        """Return the contract columns of one line; tax is on the amount after discount."""
        taxed = Decimal(line.amount_minor - line.discount_minor) * tax_percent / 100
        return {
            "line_id": line_id,
            "invoice_id": invoice_id,
            "subscription_id": line.subscription_id,
            "item_id": line.item_id,
            "product_id": line.product_id,
            "price_id": line.price_id,
            "description": line.description,
            "quantity": line.quantity,
            "amount_minor": line.amount_minor,
            "discount_minor": line.discount_minor,
            "tax_minor": round_minor(taxed),
            "currency": self.currency,
            "service_starts_at": line.service[0],
            "service_ends_at": line.service[1],
            "is_proration": line.is_proration,
        }

    def pay(self, invoice: Invoice, at: datetime) -> Draft | None:
        """Book a successful payment; an invoice of nothing is paid without a charge."""
        values = {
            "status": "paid",
            "paid_at": at,
            "amount_paid_minor": max(invoice.total, 0),
        }
        invoice.draft.change(at, values)
        if invoice.total <= 0:
            return None
        charge = self._write_charge(invoice, at, failure=None)
        fee = round_minor(Decimal(invoice.total) * _FEE_PERCENT / 100)
        text = charge.id.replace("ch_", "txn_")
        self._book(
            text, at, "charge", amount=invoice.total, fee=fee, source_id=charge.id
        )
        return charge

    def fail(self, invoice: Invoice, at: datetime, throw: Random) -> None:
        """Book a charge that was declined."""
        self._write_charge(invoice, at, failure=throw.choice(FAILURES))

    def _write_charge(
        self, invoice: Invoice, at: datetime, *, failure: str | None
    ) -> Draft:
        """Write one charge of the whole invoice."""
        invoice.tries += 1
        charge = Draft(f"ch_{invoice.draft.id.removeprefix('in_')}{invoice.tries}")
        charge.change(
            at,
            {
                "charge_id": charge.id,
                "customer_id": invoice.customer_id,
                "invoice_id": invoice.draft.id,
                "status": "failed" if failure else "succeeded",
                "amount_minor": invoice.total,
                "amount_refunded_minor": 0,
                "currency": self.currency,
                "created_at": at,
                "failure_code": failure,
                "balance_transaction_id": None
                if failure
                else charge.id.replace("ch_", "txn_"),
            },
        )
        self.charges.append(charge)
        return charge

    def void(self, invoice: Invoice, at: datetime) -> None:
        """Take an open invoice back."""
        invoice.draft.change(at, {"status": "void", "voided_at": at})

    def give_up(self, invoice: Invoice, at: datetime) -> None:
        """Mark an open invoice as uncollectible."""
        invoice.draft.change(at, {"status": "uncollectible", "uncollectible_at": at})

    def give_back(
        self, invoice: Invoice, charge: Draft, paid_at: datetime, throw: Random
    ) -> None:
        """Refund a payment in part or whole, mostly with a credit note."""
        day = local_day(paid_at) + timedelta(days=throw.randint(2, 40))
        at = office_instant(day, throw)
        share = Decimal(throw.choice((100, 100, 50, 30, 20)))
        amount = round_minor(Decimal(invoice.total) * share / 100)
        refund = Draft(charge.id.replace("ch_", "re_"))
        refund.change(
            at,
            {
                "refund_id": refund.id,
                "charge_id": charge.id,
                "amount_minor": amount,
                "currency": self.currency,
                "created_at": at,
                "status": "succeeded",
                "reason": throw.choice(("requested_by_customer", "duplicate", None)),
                "balance_transaction_id": refund.id.replace("re_", "txn_r"),
            },
        )
        self.refunds.append(refund)
        charge.change(at, {"amount_refunded_minor": amount})
        self._book(
            refund.id.replace("re_", "txn_r"),
            at,
            "refund",
            amount=-amount,
            source_id=refund.id,
        )
        if throw.random() < 0.75:
            self.credit(invoice, share, at, refund_id=refund.id)

    def dispute(
        self, charge: Draft, amount: int, paid_at: datetime, throw: Random
    ) -> None:
        """Let a customer's bank take a payment back; won later, the money returns.

        The fee is taken with the money and stays, whoever wins.
        """
        day = local_day(paid_at) + timedelta(days=throw.randint(3, 50))
        at = office_instant(day, throw)
        dispute = Draft(charge.id.replace("ch_", "dp_"))
        dispute.change(
            at,
            {
                "dispute_id": dispute.id,
                "charge_id": charge.id,
                "status": "needs_response",
                "reason": throw.choice(DISPUTES),
                "amount_minor": amount,
                "currency": self.currency,
                "created_at": at,
            },
        )
        self.disputes.append(dispute)
        charge.change(at, {"is_disputed": True})
        text = charge.id.replace("ch_", "txn_d")
        fee = _DISPUTE_FEE[self.currency]
        source, kind = dispute.id, "adjustment"
        self._book(
            text,
            at,
            kind,
            amount=-amount,
            fee=fee,
            source_id=source,
            category="dispute",
        )
        dispute.change(
            at + timedelta(days=throw.randint(2, 7)), {"status": "under_review"}
        )
        ends = office_instant(day + timedelta(days=throw.randint(20, 70)), throw)
        is_won = throw.random() < 0.45
        dispute.change(ends, {"status": "won" if is_won else "lost"})
        if is_won:
            back = "dispute_reversal"
            self._book(
                f"{text}w", ends, kind, amount=amount, source_id=source, category=back
            )

    def credit(
        self,
        invoice: Invoice,
        percent: Decimal,
        at: datetime,
        *,
        refund_id: str | None = None,
    ) -> Draft:
        """Issue a credit note over a share of the invoice."""
        net = round_minor(Decimal(invoice.net) * percent / 100)
        tax = round_minor(Decimal(invoice.tax) * percent / 100)
        note = Draft(f"cn_{invoice.draft.id.removeprefix('in_')}")
        note.change(
            at,
            {
                "credit_note_id": note.id,
                "invoice_id": invoice.draft.id,
                "customer_id": invoice.customer_id,
                "subtotal_minor": net,
                "tax_minor": tax,
                "total_minor": net + tax,
                "currency": self.currency,
                "created_at": at,
                "status": "issued",
                "voided_at": None,
                "reason": "order_change"
                if refund_id is None
                else "product_unsatisfactory",
                "refund_id": refund_id,
            },
        )
        self.credit_notes.append(note)
        return note

    def _book(
        self,
        txn_id: str,
        at: datetime,
        kind: str,
        *,
        amount: int,
        source_id: str,
        fee: int = 0,
        category: str = "",
    ) -> None:
        """Write one balance transaction; money is available after two days.

        `category` is what Stripe reports it as; its type by default.
        """
        available_on = (at + timedelta(days=2)).date()
        self._available.append((available_on, amount - fee))
        transaction = Draft(txn_id)
        transaction.change(
            at,
            {
                "transaction_id": txn_id,
                "created_at": at,
                "available_on": available_on,
                "type": kind,
                "reporting_category": category or kind,
                "amount_minor": amount,
                "fee_minor": fee,
                "net_minor": amount - fee,
                "currency": self.currency,
                "exchange_rate": None,
                "source_id": source_id,
            },
        )
        self.transactions.append(transaction)

    def pay_out(self, mondays: Sequence[datetime]) -> None:
        """Book a payout of what became available before each of these instants.

        A week that took more than it brought is made up for by the next ones.
        """
        waiting = sorted(self._available, key=itemgetter(0))
        position = amount = 0
        for at in mondays:
            while position < len(waiting) and waiting[position][0] < at.date():
                amount += waiting[position][1]
                position += 1
            if amount > 0:
                text = f"{self.name[-2:]}{at:%Y%m%d}"
                payout = f"po_{text}"
                self._book(
                    f"txn_{payout}", at, "payout", amount=-amount, source_id=payout
                )
                self._send_out(payout, at, amount)
                amount = 0

    def _send_out(self, payout_id: str, at: datetime, amount: int) -> None:
        """Write a payout: on its way, and two days later in the bank."""
        draft = Draft(payout_id)
        arrives_on = (at + _TO_THE_BANK).date()
        draft.change(
            at,
            {
                "payout_id": payout_id,
                "status": "in_transit",
                "amount_minor": amount,
                "currency": self.currency,
                "created_at": at,
                "arrives_on": arrives_on,
                "balance_transaction_id": f"txn_{payout_id}",
                "bank_reference": f"STRIPE {payout_id[3:].upper()}",
            },
        )
        draft.change(at + _TO_THE_BANK, {"status": "paid"})
        self.payouts.append(draft)


@dataclass(slots=True)
class Invoice:
    """An invoice on its way; amounts in minor units, `net` after discount before tax."""

    draft: Draft
    customer_id: str
    total: int
    net: int
    tax: int
    tries: int = 0


def finish_all(drafts: Sequence[Draft]) -> tuple[Versioned, ...]:
    """Return the records, newest ids last."""
    return tuple(draft.finish() for draft in drafts)
