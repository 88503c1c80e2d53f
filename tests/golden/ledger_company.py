"""Small books with one mistake each, worked out by hand: what the tie-out must say of them.

Belongs here: the raw rows of each legal entity (one per case) and the differences they must
give, arithmetic shown. Stays out: how a warehouse is built from them (`tests.pipeline`).

The as-of day is 2026-05-31 in Hà Nội, so April and May are over. Unless a case says otherwise an
entity bills invoice `A` on 10 April: 1,000 and 100 of tax, dong; the ledger books it the same day
(131 +1,100, 511 -1,000, 3331 -100) and exports balances of April and May.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tests.pipeline.raw_fixture import RawBatch, Row, vn

AS_OF = date(2026, 5, 31)
LOADED = date(2026, 6, 1)
APRIL, MAY = date(2026, 4, 1), date(2026, 5, 1)

Leg = tuple[str, int]


@dataclass(frozen=True)
class Booked:
    """One journal of the ledger; `document` None = by hand."""

    journal_id: str
    month: date
    document: str | None
    legs: tuple[Leg, ...]


def sale(
    journal_id: str, document: str | None, net: int, tax: int, month: date = APRIL
) -> Booked:
    return Booked(
        journal_id, month, document, (("131", net + tax), ("511", -net), ("3331", -tax))
    )


@dataclass(frozen=True)
class Books:
    """One legal entity: what it billed and what its ledger says.

    `balances` None = those that follow from the journal; given, (month, account) -> movement
    that is exported instead of what follows.
    """

    entity: str
    journal: tuple[Booked, ...] = (sale("J1", "A", 1000, 100),)
    invoices: tuple[Row, ...] = ()
    header_net: int = 1000
    has_journal: bool = True
    months: tuple[date, ...] = (APRIL, MAY)
    moved: dict[tuple[date, str], int] = field(default_factory=dict)
    parents: dict[str, int] = field(default_factory=dict)
    explanations: tuple[Row, ...] = ()
    cash: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    """Payments, provider ledger, payouts, bank lines, deals, contracts: entity -> rows."""
    opening: int = 0
    currency: str = "VND"
    """Of the invoices; the books are kept in dong."""
    service: tuple[str, str] | None = None
    """First day of the line's service and the day after its last."""


def batches_of(books: Books) -> list[RawBatch]:
    """Return the raw batches of one entity."""

    def drop(entity: str, *rows: Row) -> RawBatch:
        return RawBatch(
            "files", f"drop_{books.entity}", entity, LOADED, rows, mode="upsert",
            legal_entity=books.entity,
        )  # fmt: skip

    invoice = {
        "invoice_id": "A", "invoice_number": "HD-001", "customer_id": "K",
        "status": "open", "currency": books.currency, "finalized_at": vn("2026-04-10 09:00"),
        "subtotal": Decimal(books.header_net), "discount_amount": Decimal(0),
        "tax_amount": Decimal(100), "total": Decimal(books.header_net + 100),
    }  # fmt: skip
    invoices = [{**invoice, **changes} for changes in (books.invoices or ({},))]
    lines = [
        {
            "line_id": f"L-{row['invoice_id']}", "invoice_id": row["invoice_id"],
            "amount": Decimal(1000), "tax_amount": Decimal(100), "currency": books.currency,
        }
        for row in invoices
    ]  # fmt: skip
    if books.service is not None:
        start, end = (vn(f"{day} 00:00") for day in books.service)
        served = {"service_starts_at": start, "service_ends_at": end}
        lines = [{**line, **served} for line in lines]
    found = [
        drop("invoices", *invoices),
        drop("invoice_lines", *lines),
        drop(
            "gl_account_map",
            {"account_prefix": "131", "tie_out_line": "receivables", "sign": 1},
            {"account_prefix": "511", "tie_out_line": "revenue", "sign": -1},
            {"account_prefix": "333", "tie_out_line": "output_tax", "sign": -1},
            {"account_prefix": "3387", "tie_out_line": "deferred_revenue", "sign": -1},
            {"account_prefix": "112", "tie_out_line": "bank", "sign": 1},
            {"account_prefix": "113", "tie_out_line": "provider_balance", "sign": 1},
            {"account_prefix": "6417", "tie_out_line": "provider_fees", "sign": 1},
            # The longest prefix wins: this account is none of the tax's.
            {"account_prefix": "3339", "tie_out_line": "other", "sign": -1},
        ),
        *(drop(name, *rows) for name, rows in books.cash.items()),
    ]
    if books.has_journal and books.journal:
        found.append(drop("gl_journal", *_journal_rows(books.journal)))
    if books.months:
        found.append(drop("gl_balances", *_balance_rows(books)))
    if books.explanations:
        common = {
            "period": APRIL, "account_code": "511", "currency": "VND",
            "reason_code": "manual_entry", "reference": "", "entered_by": "Lan",
            "approved_by": "Minh",
        }  # fmt: skip
        rows = [{**common, **row} for row in books.explanations]
        found.append(drop("recon_explanations", *rows))
    return found


def _journal_rows(journal: tuple[Booked, ...]) -> list[Row]:
    return [
        {
            "journal_id": booked.journal_id, "line_no": str(number),
            "posted_at": booked.month.replace(day=10), "period": booked.month,
            "account_code": code, "currency": "VND", "document_ref": booked.document,
            "debit": Decimal(max(amount, 0)), "credit": Decimal(max(-amount, 0)),
        }
        for booked in journal
        for number, (code, amount) in enumerate(booked.legs, start=1)
    ]  # fmt: skip


def _balance_rows(books: Books) -> list[Row]:
    rows: list[Row] = []
    standing = {"131": books.opening, "511": -books.opening, "3331": 0}
    booked_on = {code for booked in books.journal for code, _ in booked.legs}
    standing |= dict.fromkeys(sorted(booked_on & _MORE_ACCOUNTS), 0)
    for month in books.months:
        moved = dict.fromkeys(standing, 0)
        for booked in books.journal:
            if booked.month == month:
                for code, amount in booked.legs:
                    if code in moved:
                        moved[code] += amount
        for code in moved:
            moved[code] = books.moved.get((month, code), moved[code])
        exported = {**moved, **(books.parents if month == APRIL else {})}
        for code, amount in exported.items():
            opening = standing.get(code, 0)
            closing = opening + amount
            rows.append(
                {
                    "period": month, "account_code": code, "currency": "VND",
                    "opening_debit": Decimal(max(opening, 0)),
                    "opening_credit": Decimal(max(-opening, 0)),
                    "debit": Decimal(max(amount, 0)), "credit": Decimal(max(-amount, 0)),
                    "closing_debit": Decimal(max(closing, 0)),
                    "closing_credit": Decimal(max(-closing, 0)),
                }
            )  # fmt: skip
            if code in standing:
                standing[code] = closing
    return rows


_MORE_ACCOUNTS = {"112", "113", "3387", "6417"}


def _paid_by_card(
    *, in_bank: int | None = 1070, **changes: tuple[Row, ...]
) -> dict[str, tuple[Row, ...]]:
    """1,100 paid by card on 12 April, 30 of it the fee; 1,070 sent on the 29th, due on the 30th.

    The bank books `in_bank` of it on 2 May (None = never), and its own fee of 5 in April.
    """
    vnd = {"currency": "VND"}
    bank = [
        {"transaction_id": "F1", "booked_on": date(2026, 4, 25), "amount": Decimal(-5)}
    ]
    if in_bank is not None:
        bank.append(
            {
                "transaction_id": "B1",
                "booked_on": date(2026, 5, 2),
                "amount": Decimal(in_bank),
                "reference": "REF-1",
            }
        )
    bank.append(
        {"transaction_id": "F2", "booked_on": date(2026, 5, 25), "amount": Decimal(-5)}
    )
    found: dict[str, tuple[Row, ...]] = {
        "payments": (
            {"payment_id": "P", "invoice_id": "A", "status": "succeeded", **vnd,
             "paid_at": vn("2026-04-12 10:00"), "amount": Decimal(1100)},
        ),
        "ledger_transactions": (
            {"transaction_id": "T1", "occurred_at": vn("2026-04-12 10:00"), **vnd,
             "type": "charge", "amount": Decimal(1100), "fee_amount": Decimal(30),
             "net_amount": Decimal(1070), "source_id": "P"},
            {"transaction_id": "T2", "occurred_at": vn("2026-04-29 10:00"), **vnd,
             "type": "payout", "amount": Decimal(-1070), "fee_amount": Decimal(0),
             "net_amount": Decimal(-1070), "source_id": "PO"},
        ),
        "payouts": (
            {"payout_id": "PO", "arrived_on": date(2026, 4, 30), **vnd,
             "amount": Decimal(1070), "status": "paid", "bank_reference": "REF-1"},
        ),
        "bank_transactions": tuple({**line, **vnd} for line in bank),
    }  # fmt: skip
    return {**found, **changes}


def _cash_journal(in_bank: int | None = 1070) -> tuple[Booked, ...]:
    """The sale, its payment less the fee, the payout as the bank books it, the bank's fees."""
    arrived = () if in_bank is None else (
        Booked("J3", MAY, "PO", (("112", in_bank), ("113", -in_bank))),
    )  # fmt: skip
    return (
        sale("J1", "A", 1000, 100),
        Booked("J2", APRIL, "P", (("113", 1070), ("6417", 30), ("131", -1100))),
        *arrived,
        Booked("J4", APRIL, "F1", (("642", 5), ("112", -5))),
        Booked("J5", MAY, "F2", (("642", 5), ("112", -5))),
    )


def _deferred(april: int, may: int) -> tuple[Booked, ...]:
    """The sale, deferred as a whole, and what each month recognises of it."""
    return (
        Booked("J1", APRIL, "A", (("131", 1100), ("3387", -1000), ("3331", -100))),
        Booked("J2", APRIL, "A", (("3387", april), ("511", -april))),
        Booked("J3", MAY, "A", (("3387", may), ("511", -may))),
    )


def _noted(april: int, rate: int = 1) -> tuple[Booked, ...]:
    """The sale, deferred as a whole, a note of 200 on it, and what April recognises."""
    sold = (("131", 1100 * rate), ("3387", -1000 * rate), ("3331", -100 * rate))
    noted = (("131", -220 * rate), ("3387", 200 * rate), ("3331", 20 * rate))
    return (
        Booked("J1", APRIL, "A", sold),
        Booked("J2", APRIL, "A", (("3387", april), ("511", -april))),
        Booked("J4", APRIL, "C", noted),
    )


def _note_voided(day: int = 20, currency: str = "VND") -> dict[str, tuple[Row, ...]]:
    return {
        "credit_notes": ({
            "credit_note_id": "C", "invoice_id": "A", "currency": currency,
            "issued_at": vn(f"2026-04-{day} 09:00"), "voided_at": vn("2026-05-03 10:00"),
            "amount": Decimal(200), "tax_amount": Decimal(20),
        },)
    }  # fmt: skip


FX_RATES = RawBatch(
    "files", "drop_rates", "fx_rates", LOADED,
    [
        {"rate_date": date(2026, 4, day), "base_currency": "USD", "quote_currency": "VND",
         "rate": Decimal(rate), "rate_type": "average_transfer", "rate_source": "bank",
         "published_at": vn(f"2026-04-{day:02d} 08:00")}
        for day, rate in ((6, 25_100), (9, 25_200), (10, 25_000))
    ],
    mode="upsert",
)  # fmt: skip
"""Dong for a dollar: 25,000 on the day of invoice `A`."""


def _deal(deal_id: str, day: str, amount: int, months: int = 12) -> Row:
    return {
        "opportunity_id": deal_id, "created_at": vn("2026-04-01 09:00"), "stage": "won",
        "status": "won", "amount": Decimal(amount), "currency": "VND",
        "closed_at": vn(f"{day} 09:00"), "term_months": months,
    }  # fmt: skip


def _contract(
    deal_id: str | None, day: str, price: int, **item: object
) -> tuple[Row, Row]:
    """A subscription from `day` on, `price` a month, and its one item."""
    key = f"S-{deal_id or 'self'}"
    starts = {"started_at": vn(f"{day} 10:00")}
    vnd = {"subscription_id": key, "currency": "VND", "customer_id": "K"}
    trial = {k: v for k, v in item.items() if k == "trial_ends_at"}
    return (
        {**vnd, **starts, **trial, "status": "active", "opportunity_id": deal_id},
        {**vnd, "item_id": f"I-{key}", "valid_from": starts["started_at"],
         "status": "trialing" if trial else "active", "unit_price": Decimal(price),
         "quantity": Decimal(1), "interval": "month", "interval_count": 1, **item},
    )  # fmt: skip


CONTRACTS = (
    # 12 months at 1,000 are the 12,000 signed.
    _contract("D1", "2026-04-10", 1000),
    # Signed for half a year on 28 April, begun on 2 May.
    _contract("D2", "2026-05-02", 1000),
    # A dong a month too little: 12 x 999 = 11,988.
    _contract("D4", "2026-04-11", 999),
    # A tenth off for three months: 12 x 1,000 - 3 x 100 = 11,700.
    _contract("D5", "2026-04-12", 1000, discount_percent=Decimal(10),
              discount_ends_at=vn("2026-07-12 10:00")),
    # Tried from 9 April, paid from 2 May: 3 x 100.
    _contract("D6", "2026-04-09", 100, trial_ends_at=vn("2026-05-02 10:00")),
    # Nobody sold it: its first month.
    _contract(None, "2026-04-13", 700),
)  # fmt: skip
DEALS: dict[str, tuple[Row, ...]] = {
    "opportunities": (
        _deal("D1", "2026-04-05", 12000), _deal("D2", "2026-04-28", 6000, 6),
        _deal("D3", "2026-04-06", 5000), _deal("D4", "2026-04-07", 12000),
        _deal("D5", "2026-04-08", 11700), _deal("D6", "2026-04-09", 300, 3),
    ),
    "subscriptions": tuple(subscription for subscription, _ in CONTRACTS),
    "subscription_items": tuple(item for _, item in CONTRACTS),
}  # fmt: skip

PAID = ({"status": "paid", "paid_at": vn("2026-04-12 10:00")},)

ONE_SHORT = (Booked("J1", APRIL, "A", (("131", 1099), ("511", -999), ("3331", -100))),)
"""The ledger has one dong less of revenue and of the receivable."""

CASES = (
    Books("even"),
    # Balances alone: documents cannot be told apart, the month's total is one dong off.
    Books("totals", journal=ONE_SHORT, has_journal=False),
    Books("unit", journal=ONE_SHORT),
    # The ledger names the invoice by its number.
    Books("number", journal=(sale("J1", "HD-001", 1000, 100),)),
    Books("gone", journal=(sale("J1", "A", 1000, 100),),
          invoices=({}, {"invoice_id": "B", "invoice_number": "HD-002"})),
    Books("extra", journal=(sale("J1", "A", 1000, 100), sale("J2", "Z", 7, 0))),
    Books("hand", journal=(sale("J1", "A", 1000, 100), sale("J2", None, 7, 0))),
    Books("twice", journal=(sale("J1", "A", 1000, 100), sale("J2", "A", 1000, 100))),
    # Rent is booked in April, so its journal is there; the invoice comes a month late.
    Books("late",
          journal=(Booked("J0", APRIL, None, (("642", 5), ("111", -5))),
                   sale("J1", "A", 1000, 100, MAY))),
    # Billed in April, taken back in May: no revenue of any month here, two entries there.
    Books("void",
          journal=(sale("J1", "A", 1000, 100), sale("J2", "A", -1000, -100, MAY)),
          invoices=({"status": "void", "voided_at": vn("2026-05-03 10:00")},)),
    # A note of April taken back in May, which the ledger has not delivered yet.
    Books("note", months=(APRIL,), cash=_note_voided(),
          journal=(sale("J1", "A", 1000, 100), sale("J2", "C", -200, -20))),
    # It had lowered what is served: 10 of 61 days, round(1,000 x 10 / 61) = 164, and of the 636
    # left 11 of 51, round(137.18) = 137, so April was 301 in the books; it is 344 again.
    Books("lowered", months=(APRIL,), cash=_note_voided(),
          service=("2026-04-10", "2026-06-10"), journal=_noted(301)),
    # A dong beside it is no matter of time.
    Books("beside", months=(APRIL,), cash=_note_voided(),
          service=("2026-04-10", "2026-06-10"), journal=_noted(302)),
    # In dollars from the 12th on: 2 of 61 days are 32.79; of the 767.21 left 19 of 59 are 247.07;
    # (279.86 + 200) x 25,000 less 5,000,000 = 6,996,500. Without the note 344.26: 8,606,500.
    Books("abroad", months=(APRIL,), cash=_note_voided(12, "USD"), currency="USD",
          service=("2026-04-10", "2026-06-10"), journal=_noted(6_996_500, 25_000)),
    # 511 is exported beside 5111, whose sum it is; 33 beside 3331, and off by one dong.
    Books("sums",
          journal=(Booked("J1", APRIL, "A",
                          (("131", 1100), ("5111", -1000), ("3331", -100))),),
          moved={(APRIL, "511"): -1000},
          parents={"5111": -1000, "33": -101}),
    # 5,000 were owed, and billed, before the warehouse's first invoice.
    Books("before", opening=5000),
    # The balances hold one dong the journal does not.
    Books("apart", moved={(APRIL, "511"): -1001}),
    Books("dark", journal=(), months=()),
    # April's file came, May's did not.
    Books("half", months=(APRIL,)),
    Books("told", journal=ONE_SHORT,
          explanations=({"reference": "A", "amount": Decimal(1)},)),
    Books("summed", journal=(*ONE_SHORT, sale("J2", None, 7, 0)),
          # 1 - 7 = -6 is left of the line: 1 of it a mistake, 7 by hand.
          explanations=({"amount": Decimal(1), "reason_code": "unexplained"},
                        {"amount": Decimal(-7)})),
    # What was explained was two dong; the difference has moved to one.
    Books("moved", journal=ONE_SHORT,
          explanations=({"reference": "A", "amount": Decimal(2)},)),
    Books("asked", journal=ONE_SHORT,
          explanations=({"reference": "A", "amount": Decimal(1), "approved_by": None},)),
    Books("card", journal=_cash_journal(), invoices=PAID, cash=_paid_by_card()),
    # One dong less came in than was sent; the ledger books what came.
    Books("less", journal=_cash_journal(1069), invoices=PAID,
          cash=_paid_by_card(in_bank=1069)),
    # Sent and never seen again.
    Books("never", journal=_cash_journal(None), invoices=PAID,
          cash=_paid_by_card(in_bank=None)),
    # Paid by bank transfer that names the invoice by its number: cash like any other.
    Books("wire",
          journal=(sale("J1", "A", 1000, 100),
                   Booked("J2", APRIL, "W1", (("112", 1100), ("131", -1100)))),
          invoices=PAID,
          cash={"bank_transactions": (
              {"transaction_id": "W1", "booked_on": date(2026, 4, 12), "currency": "VND",
               "amount": Decimal(1100), "invoice_id": "HD-001"},)}),
    # The provider's ledger has one dong less than the payment.
    Books("pay", journal=_cash_journal(), invoices=PAID,
          cash=_paid_by_card(payments=(
              {"payment_id": "P", "invoice_id": "A", "status": "succeeded",
               "currency": "VND", "paid_at": vn("2026-04-12 10:00"),
               "amount": Decimal(1101)},))),
    # 61 days of service from 10 April: 21 days in April, round(1,000 x 21 / 61) = 344, by the
    # end of May 52 days, round(852.46) = 852, so 508 in May.
    Books("served", service=("2026-04-10", "2026-06-10"), journal=_deferred(344, 508)),
    # A dong too early is back a month later.
    Books("early", service=("2026-04-10", "2026-06-10"), journal=_deferred(345, 507)),
    Books("much", service=("2026-04-10", "2026-06-10"), journal=_deferred(345, 508)),
    # 1,000 and 100 dollars at 25,000, booked in dong by a ledger that knows nothing else.
    Books("dollar", currency="USD", journal=(sale("J1", "A", 25_000_000, 2_500_000),)),
    # Booked at the rate of the day before.
    Books("rated", currency="USD", journal=(sale("J1", "A", 25_200_000, 2_520_000),)),
    # A dong more than any rate gives.
    Books("offrate", currency="USD", journal=(sale("J1", "A", 25_000_001, 2_500_000),)),
    Books("deals", cash=DEALS),
    # The invoice says 1,001 before tax, its one line 1,000: billing contradicts itself.
    Books("header", header_net=1001,
          journal=(Booked("J1", APRIL, "A",
                          (("131", 1101), ("511", -1000), ("3331", -100))),)),
)  # fmt: skip

Difference = tuple[str, str, str, str, str, int, int, str]
"""(entity, month, line, document, reason, ours, theirs, explanation)."""

BILLED, RECOGNISED, DEFERRED, OWED, TAX, BOOKED = (
    "billings_vs_ledger", "recognised_vs_ledger", "deferred_vs_ledger",
    "receivables_vs_ledger", "output_tax_vs_ledger", "bookings_vs_contracts",
)  # fmt: skip


def _orphan(
    entity: str,
    document: str,
    reason: str,
    ours: tuple[int, int],
    theirs: tuple[int, int],
) -> set[Difference]:
    """A document on one side alone: (before tax, tax) of each; owed in May still."""
    (net, tax), (their_net, their_tax) = ours, theirs
    found: set[Difference] = {
        (entity, "04", BILLED, document, reason, net, their_net, "none")
    }
    if tax or their_tax:
        found.add((entity, "04", TAX, document, reason, tax, their_tax, "none"))
    for month in ("04", "05"):
        sides = (net + tax, their_net + their_tax)
        found.add((entity, month, OWED, document, reason, *sides, "none"))
    return found


def _under_way(entity: str, sent: int, came: int | None = None) -> set[Difference]:
    """A payout of April the bank books in May, in whole or (`came`) in part."""
    bank, balance = "payouts_vs_bank", "provider_balance_vs_ledger"
    if came is None:
        return {
            (entity, "04", bank, "PO", "timing", sent, 0, "proven"),
            (entity, "05", bank, "PO", "timing", 0, sent, "proven"),
            (entity, "04", balance, "PO", "timing", -sent, 0, "proven"),
        }
    return {
        (entity, "04", bank, "PO", "unexplained", sent, 0, "none"),
        (entity, "05", bank, "PO", "unexplained", 0, came, "none"),
        (entity, "04", balance, "PO", "timing", -sent, 0, "proven"),
        (entity, "05", balance, "PO", "unexplained", -sent, -came, "none"),
    }


DEFERRING = ("lowered", "beside", "abroad")


def _note_taken_back(
    entity: str, judged: tuple[str, str], served: tuple[int, int], rate: int = 1
) -> set[Difference]:
    """Note C, and what April served of A: here, and in the books."""
    reason, state = judged
    ours, theirs = served
    return {
        (entity, "04", BILLED, "C", "timing", 0, -200 * rate, "proven"),
        (entity, "04", TAX, "C", "timing", 0, -20 * rate, "proven"),
        (entity, "04", DEFERRED, "C", "timing", 0, -200 * rate, "proven"),
        (entity, "04", RECOGNISED, "A", reason, ours, theirs, state),
        (entity, "04", DEFERRED, "A", reason, 1000 * rate - ours, 1000 * rate - theirs, state),
    }  # fmt: skip


DIFFERENCES: set[Difference] = {
    # 1,000 billed against 999; 1,100 owed against 1,099, in May still.
    ("totals", "04", BILLED, "(balances)", "unexplained", 1000, 999, "none"),
    ("totals", "04", OWED, "(balances)", "unexplained", 1100, 1099, "none"),
    ("totals", "05", OWED, "(balances)", "unexplained", 1100, 1099, "none"),
    ("unit", "04", BILLED, "A", "unexplained", 1000, 999, "none"),
    ("unit", "04", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("unit", "05", OWED, "A", "unexplained", 1100, 1099, "none"),
    *_orphan("gone", "B", "missing_in_ledger", (1000, 100), (0, 0)),
    *_orphan("extra", "Z", "missing_in_warehouse", (0, 0), (7, 0)),
    *_orphan("hand", "journal:J2", "manual_entry", (0, 0), (7, 0)),
    # Booked twice: 2,000 against 1,000, tax 200 against 100, owed 2,200 against 1,100.
    ("twice", "04", BILLED, "A", "duplicate", 1000, 2000, "none"),
    ("twice", "04", TAX, "A", "duplicate", 100, 200, "none"),
    ("twice", "04", OWED, "A", "duplicate", 1100, 2200, "none"),
    ("twice", "05", OWED, "A", "duplicate", 1100, 2200, "none"),
    # Both sides have it, a month apart; at the end of May nothing is off any more.
    ("late", "04", BILLED, "A", "timing", 1000, 0, "proven"),
    ("late", "05", BILLED, "A", "timing", 0, 1000, "proven"),
    ("late", "04", TAX, "A", "timing", 100, 0, "proven"),
    ("late", "05", TAX, "A", "timing", 0, 100, "proven"),
    ("late", "04", OWED, "A", "timing", 1100, 0, "proven"),
    # The receivable was there in April on both sides and is gone on both.
    ("void", "04", BILLED, "A", "timing", 0, 1000, "proven"),
    ("void", "05", BILLED, "A", "timing", 0, -1000, "proven"),
    ("void", "04", TAX, "A", "timing", 0, 100, "proven"),
    ("void", "05", TAX, "A", "timing", 0, -100, "proven"),
    # No revenue less here, a note there; what is owed knows it on both sides.
    ("note", "04", BILLED, "C", "timing", 0, -200, "proven"),
    ("note", "04", TAX, "C", "timing", 0, -20, "proven"),
    *_note_taken_back("lowered", ("timing", "proven"), (344, 301)),
    *_note_taken_back("beside", ("unexplained", "none"), (344, 302)),
    *_note_taken_back("abroad", ("timing", "proven"), (8_606_500, 6_996_500), 25_000),
    # -100 below 33, which says -101; neither parent is counted.
    ("sums", "04", "ledger_sums", "33", "unexplained", -100, -101, "none"),
    # 5,000 of opening nobody here billed, in every month until somebody explains it.
    ("before", "04", OWED, "(opening)", "unexplained", 0, 5000, "none"),
    ("before", "05", OWED, "(opening)", "unexplained", 0, 5000, "none"),
    ("apart", "04", BILLED, "(balances)", "unexplained", 0, 1, "none"),
    # An explanation of account 511 says nothing of the receivable.
    ("told", "04", BILLED, "A", "unexplained", 1000, 999, "approved"),
    ("told", "04", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("told", "05", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("summed", "04", BILLED, "A", "unexplained", 1000, 999, "approved"),
    ("summed", "04", BILLED, "journal:J2", "manual_entry", 0, 7, "approved"),
    ("summed", "04", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("summed", "05", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("summed", "04", OWED, "journal:J2", "manual_entry", 0, 7, "none"),
    ("summed", "05", OWED, "journal:J2", "manual_entry", 0, 7, "none"),
    ("moved", "04", BILLED, "A", "unexplained", 1000, 999, "expired"),
    ("moved", "04", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("moved", "05", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("asked", "04", BILLED, "A", "unexplained", 1000, 999, "not_approved"),
    ("asked", "04", OWED, "A", "unexplained", 1100, 1099, "none"),
    ("asked", "05", OWED, "A", "unexplained", 1100, 1099, "none"),
    # Sent on 29 April, in the bank on 2 May: under way at the end of April.
    *_under_way("card", 1070), *_under_way("less", 1070, 1069),
    ("never", "04", "payouts_vs_bank", "PO", "missing_in_ledger", 1070, 0, "none"),
    # Due on 30 April, so at its end the ledger is behind the provider, and in May.
    ("never", "04", "provider_balance_vs_ledger", "PO", "missing_in_ledger", -1070, 0, "none"),
    ("never", "05", "provider_balance_vs_ledger", "PO", "missing_in_ledger", -1070, 0, "none"),
    # 1,101 was paid, by the payment; 1,100 by the provider, the invoice and the ledger.
    ("pay", "04", "payments_vs_provider", "P", "unexplained", 1101, 1100, "none"),
    ("pay", "04", "invoices_vs_payments", "A", "unexplained", 1101, 1100, "none"),
    ("pay", "04", OWED, "P", "unexplained", -1101, -1100, "none"),
    ("pay", "05", OWED, "P", "unexplained", -1101, -1100, "none"),
    *_under_way("pay", 1070),
    # 1,000 dollars are 25.0 million that day and 25.2 million at the rate of the day before.
    ("rated", "04", BILLED, "A", "fx", 25_000_000, 25_200_000, "proven"),
    ("rated", "04", TAX, "A", "fx", 2_500_000, 2_520_000, "proven"),
    ("rated", "04", OWED, "A", "fx", 27_500_000, 27_720_000, "proven"),
    ("rated", "05", OWED, "A", "fx", 27_500_000, 27_720_000, "proven"),
    ("offrate", "04", BILLED, "A", "unexplained", 25_000_000, 25_000_001, "none"),
    ("offrate", "04", OWED, "A", "unexplained", 27_500_000, 27_500_001, "none"),
    ("offrate", "05", OWED, "A", "unexplained", 27_500_000, 27_500_001, "none"),
    ("deals", "04", BOOKED, "D2", "timing", 6000, 0, "proven"),
    ("deals", "05", BOOKED, "D2", "timing", 0, 6000, "proven"),
    ("deals", "04", BOOKED, "D3", "missing_in_ledger", 5000, 0, "none"),
    ("deals", "04", BOOKED, "D4", "unexplained", 12000, 11988, "none"),
    ("deals", "04", BOOKED, "D6", "timing", 300, 0, "proven"),
    ("deals", "05", BOOKED, "D6", "timing", 0, 300, "proven"),
    ("deals", "04", BOOKED, "S-self", "missing_in_warehouse", 0, 700, "none"),
    # The lines say 1,000, the invoice 1,001.
    ("header", "04", "invoices_vs_lines", "A", "unexplained", 1000, 1001, "none"),
}  # fmt: skip

# Where nothing is deferred, what is billed is recognised on its day.
DIFFERENCES |= {
    (row[0], row[1], RECOGNISED, row[3], row[4], row[5], row[6], row[7])
    for row in DIFFERENCES
    if row[2] == BILLED and row[0] not in DEFERRING
}
DIFFERENCES |= {
    ("early", "04", RECOGNISED, "A", "timing", 344, 345, "proven"),
    ("early", "05", RECOGNISED, "A", "timing", 508, 507, "proven"),
    ("early", "04", DEFERRED, "A", "timing", 656, 655, "proven"),
    ("much", "04", RECOGNISED, "A", "unexplained", 344, 345, "none"),
    ("much", "04", DEFERRED, "A", "unexplained", 656, 655, "none"),
    ("much", "05", DEFERRED, "A", "unexplained", 148, 147, "none"),
}

NOT_COMPARED = {
    *(("dark", month, line, "not_delivered")
      for month in ("04", "05") for line in (BILLED, RECOGNISED, DEFERRED, OWED, TAX)),
    *((entity, "05", line, "not_delivered") for entity in ("half", "note", *DEFERRING)
      for line in (BILLED, RECOGNISED, DEFERRED, OWED, TAX)),
}  # fmt: skip
"""(entity, month, line, state): information, no difference."""
