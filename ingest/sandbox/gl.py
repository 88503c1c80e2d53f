"""The general ledger of the sandbox company's two legal entities, as monthly balances.

Belongs here: postings that follow from invoices, credit notes, payments and refunds, and the
balances per account and month. Stays out: writing the file (`drop`).

Accounts follow the Vietnamese chart (Thông tư 200). Debits equal credits in every month; a
month is closed on the fifth of the next and never moves afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.offer import to_major
from ingest.sandbox.story import STORY_START, at_local, local_day, month_start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from ingest.sandbox.model import Company, Fields, StripeAccount, Versioned

ACCOUNTS: Final = {
    "1121": "Tiền gửi ngân hàng",
    "131": "Phải thu của khách hàng",
    "33311": "Thuế GTGT đầu ra",
    "5113": "Doanh thu cung cấp dịch vụ",
    "5213": "Giảm trừ doanh thu",
    "6426": "Chi phí dự phòng, nợ khó đòi",
}
BANK, RECEIVABLE, TAX, REVENUE, DEDUCTION, BAD_DEBT = ACCOUNTS


@dataclass(frozen=True, slots=True)
class Balance:
    """One account of one legal entity and month, in the entity's own currency."""

    legal_entity: str
    period: date
    account_code: str
    currency: str
    opening: Decimal
    """Debit positive, credit negative."""
    debit: Decimal
    credit: Decimal

    @property
    def closing(self) -> Decimal:
        """Opening plus movements."""
        return self.opening + self.debit - self.credit


_Posting = tuple[datetime, str, int]
"""(when, account, minor units: debit positive, credit negative)."""


def balances_until(company: Company, now: datetime) -> list[Balance]:
    """Return the balances of every month closed by `now`."""
    found: list[Balance] = []
    for account in company.stripe.values():
        found.extend(_balances_of(account, now))
    return found


def _balances_of(account: StripeAccount, now: datetime) -> Iterator[Balance]:
    """Yield the balances of one legal entity, month by month."""
    moves: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for at, code, minor in _postings(account, now):
        side = moves[month_start(local_day(at)), code]
        side[0 if minor >= 0 else 1] += abs(minor)
    opening = dict.fromkeys(ACCOUNTS, 0)
    month = STORY_START
    while at_local(month_start(month, 1) + timedelta(days=4), 16) <= now:
        for code in ACCOUNTS:
            debit, credit = moves.get((month, code), [0, 0])
            yield Balance(
                account.legal_entity,
                month,
                code,
                account.currency,
                to_major(opening[code], account.currency),
                to_major(debit, account.currency),
                to_major(credit, account.currency),
            )
            opening[code] += debit - credit
        month = month_start(month, 1)


def _postings(account: StripeAccount, now: datetime) -> Iterator[_Posting]:
    """Yield both sides of everything booked up to `now`."""
    for invoice in account.invoices:
        yield from _invoice_postings(invoice, now)
    for note in account.credit_notes:
        for version in note.versions:
            if version.at <= now and version.fields is not None:
                sign = -1 if version.fields["status"] == "void" else 1
                net, tax = (
                    _minor(version.fields, "subtotal"),
                    _minor(version.fields, "tax"),
                )
                yield version.at, DEDUCTION, sign * net
                yield version.at, TAX, sign * tax
                yield version.at, RECEIVABLE, -sign * (net + tax)
    for refund in account.refunds:
        if (state := refund.state_at(now)) is not None:
            amount = _minor(state, "amount")
            yield refund.versions[0].at, RECEIVABLE, amount
            yield refund.versions[0].at, BANK, -amount


def _invoice_postings(invoice: Versioned, now: datetime) -> Iterator[_Posting]:
    """Yield issue, payment, voiding and write-off of one invoice."""
    before = "draft"
    for version in invoice.versions:
        if version.at > now or version.fields is None:
            return
        state = version.fields
        status, before = str(state["status"]), str(before)
        tax = _minor(state, "tax")
        net = _minor(state, "subtotal") - _minor(state, "discount")
        if status != before:
            sign = {"open": 1, "void": -1}.get(status, 0)
            if sign:
                yield version.at, RECEIVABLE, sign * (net + tax)
                yield version.at, REVENUE, -sign * net
                yield version.at, TAX, -sign * tax
            elif status in {"paid", "uncollectible"}:
                paid = max(net + tax, 0)
                yield version.at, BANK if status == "paid" else BAD_DEBT, paid
                yield version.at, RECEIVABLE, -paid
        before = status


def _minor(state: Fields, name: str) -> int:
    """Return one amount of a record in minor units."""
    return int(str(state[f"{name}_minor"]))
