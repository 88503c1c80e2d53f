"""The general ledger of the sandbox company's two legal entities: journal and balances.

Belongs here: journals that follow from invoices, credit notes, payments and refunds, the
balances per account and month, what each account is in the tie-out. Stays out: writing the
files (`drop`).

Accounts follow the Vietnamese chart (Thông tư 200). Debits equal credits in every month; a
month is closed on the fifth of the next and never moves afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from ingest.sandbox.bank import bank_lines_until
from ingest.sandbox.offer import to_major
from ingest.sandbox.story import STORY_START, at_local, local_day, month_start
from ingest.sandbox.truth_recognition import credits_of, lines_of
from ingest.sandbox.truth_rows import Night, open_night

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from ingest.sandbox.model import Company, Fields, StripeAccount, Versioned

ACCOUNTS: Final = {
    "1121": "Tiền gửi ngân hàng",
    "113": "Tiền đang chuyển: cổng thanh toán",
    "131": "Phải thu của khách hàng",
    "1388": "Phải thu khác: hoàn tiền chờ chứng từ",
    "33311": "Thuế GTGT đầu ra",
    "3387": "Doanh thu chưa thực hiện",
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
    UNDOCUMENTED,
    TAX,
    DEFERRED,
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
    "3387": ("deferred_revenue", -1),
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
        for journal in _journals_of(company, account, now)
        if is_booked(journal.period, now)
    ]
    return sorted(found, key=lambda pair: (pair[1].at, pair[1].journal_id))


def balances_until(company: Company, now: datetime) -> list[Balance]:
    """Return the balances of every month closed by `now`."""
    found: list[Balance] = []
    for account in company.stripe.values():
        found.extend(_balances_of(company, account, now))
    return found


def _balances_of(
    company: Company, account: StripeAccount, now: datetime
) -> Iterator[Balance]:
    """Yield the balances of one legal entity, month by month."""
    moves: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for journal in _journals_of(company, account, now):
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


def _journals_of(
    company: Company, account: StripeAccount, now: datetime
) -> Iterator[Journal]:
    """Yield everything booked up to `now`."""
    yield from _recognition_journals(company, account, now)
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
                    (DEFERRED, sign * net),
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
    yield from _dispute_journals(account, now)
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


def _dispute_journals(account: StripeAccount, now: datetime) -> Iterator[Journal]:
    """Yield what each dispute takes, owed again, and what comes back of it."""
    for line in account.balance_transactions:
        state = line.state_at(now)
        if state is not None and state["type"] == "adjustment":
            amount, fee = _minor(state, "amount"), _minor(state, "fee")
            is_back = state["reporting_category"] == "dispute_reversal"
            yield _journal(
                "KNT" if is_back else "KN",
                line.versions[0].at,
                str(state["source_id"]),
                "Thắng khiếu nại thanh toán" if is_back else "Khiếu nại thanh toán",
                (PROVIDER, amount - fee),
                (PROVIDER_FEE, fee),
                (RECEIVABLE, -amount),
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
                (DEFERRED, -net),
                (TAX, -tax),
            )
        if status != before and status == "void":
            yield _journal(
                "HHD",
                version.at,
                invoice.id,
                "Hủy hóa đơn",
                (RECEIVABLE, -(net + tax)),
                (DEFERRED, net),
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


def _recognition_journals(
    company: Company, account: StripeAccount, now: datetime
) -> Iterator[Journal]:
    """Yield what each closed month recognises, as known when it ended.

    What an invoice served before it was raised is booked in its own month. Refunds nobody wrote
    a note for lower what is deferred, against what has no document yet.
    """
    months = list(takewhile(lambda month: is_booked(month, now), _months()))
    if not months:
        return
    ends = [month_start(month, 1) - timedelta(days=1) for month in months]
    rates = open_night(company, ends[-1]).rates
    moved = _taken_back(account, now)
    steady, others = _parted(account, moved)
    last = Night(company, ends[-1], ends[-1], rates)
    for credit in credits_of(last, account, _invoices(last, account)):
        if not credit.is_note:
            document = credit.credit_id.removeprefix("refund:")
            legs = ((DEFERRED, credit.minor), (UNDOCUMENTED, -credit.minor))
            yield _journal(
                "HTD", at_local(credit.day, 18), document, "Hoàn tiền", *legs
            )
    booked: dict[str, int] = defaultdict(int)
    lines = list(lines_of(last, steady))
    for end in ends:
        # What was taken back later was not known to be: these are asked at each month's end.
        then = Night(company, end, end, rates)
        known: dict[str, int] = dict.fromkeys(booked.keys() & moved, 0)
        for line in (*lines, *lines_of(then, others)):
            if line.billed_on <= end:
                total = known.get(line.document_id, 0) + line.recognised_until(end)
                known[line.document_id] = total
        for document, total in known.items():
            minor = total - booked[document]
            booked[document] = total
            if minor:
                yield _recognised(document, end, minor)


def _recognised(document: str, end: date, minor: int) -> Journal:
    """Return a month's recognition of one document; what is taken back lowers revenue."""
    other = (REVENUE, -minor) if minor > 0 else (DEDUCTION, -minor)
    return Journal(
        f"GN-{document}-{end:%y%m}",
        at_local(end, 23),
        document,
        "Ghi nhận doanh thu",
        ((DEFERRED, minor), other),
    )


def _months() -> Iterator[date]:
    month = STORY_START
    while True:
        yield month
        month = month_start(month, 1)


def _invoices(night: Night, account: StripeAccount) -> dict[str, Fields]:
    states = ((invoice.id, night.state(invoice)) for invoice in account.invoices)
    return {key: state for key, state in states if state is not None}


def _taken_back(account: StripeAccount, now: datetime) -> set[str]:
    """Return the invoices that, or a credit note of which, was voided by `now`."""
    found: set[str] = set()
    for record in (*account.invoices, *account.credit_notes):
        for version in record.versions:
            fields = version.fields
            if version.at <= now and fields is not None and fields["status"] == "void":
                found.add(str(fields["invoice_id"]))
    return found


def _parted(
    account: StripeAccount, ids: set[str]
) -> tuple[StripeAccount, StripeAccount]:
    """Return the account without these invoices and what belongs to them, and with them alone."""

    def invoice_of(record: Versioned) -> str:
        return str(_first(record)["invoice_id"])

    charged = {charge.id: invoice_of(charge) for charge in account.charges}

    def keep(*, inside: bool) -> StripeAccount:
        def of(records: tuple[Versioned, ...]) -> tuple[Versioned, ...]:
            return tuple(one for one in records if (invoice_of(one) in ids) == inside)

        refunds = tuple(
            refund
            for refund in account.refunds
            if (charged[str(_first(refund)["charge_id"])] in ids) == inside
        )
        return replace(
            account,
            invoices=of(account.invoices),
            credit_notes=of(account.credit_notes),
            charges=of(account.charges),
            refunds=refunds,
        )

    return keep(inside=False), keep(inside=True)


def _first(record: Versioned) -> Fields:
    """Return the fields a record begins with."""
    fields = record.versions[0].fields
    assert fields is not None, record.id  # noqa: S101 - nothing begins by being gone
    return fields


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
