"""The general ledger of the sandbox company's two legal entities: journal and balances.

Belongs here: journals that follow from invoices, credit notes, payments and refunds, the
balances per account and month, what each account is in the tie-out. Stays out: writing the
files (`drop`).

Accounts follow the Vietnamese chart (Thông tư 200). Debits equal credits in every month; a
month is closed on the fifth of the next and never moves afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.bank import bank_lines_until
from ingest.sandbox.offer import to_major
from ingest.sandbox.story import STORY_START, at_local, local_day, month_start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from ingest.sandbox.model import Company, Fields, StripeAccount, Versioned

ACCOUNTS: Final = {
    "1121": "Tiền gửi ngân hàng",
    "113": "Tiền đang chuyển: cổng thanh toán",
    "131": "Phải thu của khách hàng",
    "33311": "Thuế GTGT đầu ra",
    "5113": "Doanh thu cung cấp dịch vụ",
    "5213": "Giảm trừ doanh thu",
    "6417": "Phí cổng thanh toán",
    "6425": "Phí ngân hàng",
    "6426": "Chi phí dự phòng, nợ khó đòi",
}
(
    BANK,
    PROVIDER,
    RECEIVABLE,
    TAX,
    REVENUE,
    DEDUCTION,
    PROVIDER_FEE,
    BANK_FEE,
    BAD_DEBT,
) = ACCOUNTS


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


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal: legs of (account, minor units: debit positive), which add up to zero."""

    journal_id: str
    at: datetime
    document_ref: str
    text: str
    legs: tuple[tuple[str, int], ...]

    @property
    def period(self) -> date:
        """First day of the month it is booked in."""
        return month_start(local_day(self.at))


TIE_OUT: Final = {
    "112": ("bank", 1),
    "113": ("provider_balance", 1),
    "131": ("receivables", 1),
    "333": ("output_tax", -1),
    "511": ("revenue", -1),
    "521": ("revenue", -1),
    "6417": ("provider_fees", 1),
    "6426": ("write_offs", 1),
}
"""Account prefix -> (line of the tie-out, sign of its debits)."""


def is_booked(month: date, now: datetime) -> bool:
    """Return whether the books of `month` are closed by `now`: on the fifth of the next."""
    return at_local(month_start(month, 1) + timedelta(days=4), 16) <= now


def journals_until(
    company: Company, now: datetime
) -> list[tuple[StripeAccount, Journal]]:
    """Return every journal of every month closed by `now`, in order of posting."""
    found = [
        (account, journal)
        for account in company.stripe.values()
        for journal in _journals_of(account, now)
        if is_booked(journal.period, now)
    ]
    return sorted(found, key=lambda pair: (pair[1].at, pair[1].journal_id))


def balances_until(company: Company, now: datetime) -> list[Balance]:
    """Return the balances of every month closed by `now`."""
    found: list[Balance] = []
    for account in company.stripe.values():
        found.extend(_balances_of(account, now))
    return found


def _balances_of(account: StripeAccount, now: datetime) -> Iterator[Balance]:
    """Yield the balances of one legal entity, month by month."""
    moves: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for journal in _journals_of(account, now):
        for code, minor in journal.legs:
            moves[journal.period, code][0 if minor >= 0 else 1] += abs(minor)
    opening = dict.fromkeys(ACCOUNTS, 0)
    month = STORY_START
    while is_booked(month, now):
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


def _journals_of(account: StripeAccount, now: datetime) -> Iterator[Journal]:
    """Yield everything booked up to `now`."""
    for invoice in account.invoices:
        yield from _invoice_journals(invoice, now)
    for note in account.credit_notes:
        for version in note.versions:
            if version.at <= now and version.fields is not None:
                is_void = version.fields["status"] == "void"
                sign = -1 if is_void else 1
                net, tax = (
                    _minor(version.fields, "subtotal"),
                    _minor(version.fields, "tax"),
                )
                yield _journal(
                    "HGG" if is_void else "GG",
                    version.at,
                    note.id,
                    "Hủy giấy báo có" if is_void else "Giấy báo có",
                    (DEDUCTION, sign * net),
                    (TAX, sign * tax),
                    (RECEIVABLE, -sign * (net + tax)),
                )
    for refund in account.refunds:
        if (state := refund.state_at(now)) is not None:
            amount = _minor(state, "amount")
            yield _journal(
                "HT",
                refund.versions[0].at,
                refund.id,
                "Hoàn tiền khách hàng",
                (RECEIVABLE, amount),
                (PROVIDER, -amount),
            )
    fees = {
        str(line.versions[0].fields["source_id"]): _minor(
            line.versions[0].fields, "fee"
        )
        for line in account.balance_transactions
        if line.versions[0].fields is not None
    }
    for charge in account.charges:
        state = charge.state_at(now)
        if state is not None and state["status"] == "succeeded":
            amount = _minor(state, "amount")
            yield _journal(
                "TT",
                charge.versions[0].at,
                charge.id,
                "Khách hàng thanh toán",
                (PROVIDER, amount - fees[charge.id]),
                (PROVIDER_FEE, fees[charge.id]),
                (RECEIVABLE, -amount),
            )
    for line in bank_lines_until(account, now):
        other = PROVIDER if line.payout_id else BANK_FEE
        yield _journal(
            "NH",
            at_local(line.booked_on, 12),
            line.payout_id or line.transaction_id,
            line.reference,
            (BANK, line.amount),
            (other, -line.amount),
        )


def _invoice_journals(invoice: Versioned, now: datetime) -> Iterator[Journal]:
    """Yield issue, voiding and write-off of one invoice."""
    before = "draft"
    for version in invoice.versions:
        if version.at > now or version.fields is None:
            return
        state = version.fields
        status = str(state["status"])
        tax = _minor(state, "tax")
        net = _minor(state, "subtotal") - _minor(state, "discount")
        # One that is paid on the spot is never seen open.
        if before == "draft" != status:
            yield _journal(
                "HD",
                version.at,
                invoice.id,
                "Hóa đơn",
                (RECEIVABLE, net + tax),
                (REVENUE, -net),
                (TAX, -tax),
            )
        if status != before and status == "void":
            yield _journal(
                "HHD",
                version.at,
                invoice.id,
                "Hủy hóa đơn",
                (RECEIVABLE, -(net + tax)),
                (REVENUE, net),
                (TAX, tax),
            )
        if status != before and status == "uncollectible":
            yield _journal(
                "XN",
                version.at,
                invoice.id,
                "Xóa nợ khó đòi",
                (BAD_DEBT, net + tax),
                (RECEIVABLE, -(net + tax)),
            )
        before = status


def _journal(
    kind: str, at: datetime, document_ref: str, text: str, *legs: tuple[str, int]
) -> Journal:
    """Return a journal without its empty legs."""
    return Journal(
        f"{kind}-{document_ref}",
        at,
        document_ref,
        text,
        tuple((code, minor) for code, minor in legs if minor),
    )


def _minor(state: Fields, name: str) -> int:
    """Return one amount of a record in minor units."""
    return int(str(state[f"{name}_minor"]))
