"""Ten thousand customers with billing histories nobody thought up, and a count of their own.

Belongs here: their raw rows, from a seed, as a files source lands them, and what finance must
make of those rows (`recount`), in plain Python, read from the rows alone. Stays out: building the
warehouse and comparing (`test_random_billing`).

Every seed is a legal entity of 500 customers. Lines are of a month, a year, three years, a day or
none, billed before, within or after their service; credit notes name lines or not, refunds come
with a note, without one or twice; invoices are void, open, uncollectible; dong, dollars, dinars.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from ingest.sandbox.recognition import Service, recognise, share
from tests.pipeline.raw_fixture import RawBatch, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SEEDS = range(20)
CUSTOMERS = 500
FIRST = date(2024, 6, 1)
AS_OF = date(2026, 5, 20)
LOADED = date(2026, 5, 21)
EXPONENT = {"VND": 0, "USD": 2, "KWD": 3}
_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_DAYS = (AS_OF - FIRST).days
_SERVICE = (0, 1, 28, 30, 31, 31, 90, 365, 365, 1096)


def batches() -> tuple[RawBatch, ...]:
    """Every company's batches and the rates they share."""
    found = [_rates()]
    for seed in SEEDS:
        company = _Company(seed)
        company.live()
        found += company.batches()
    return tuple(found)


def _rates() -> RawBatch:
    rows: list[Row] = [
        {"rate_date": day, "base_currency": base, "quote_currency": quote,
         "rate_type": kind, "rate": Decimal(rate), "rate_source": "bank",
         "published_at": datetime(day.year, day.month, day.day, 5, tzinfo=UTC)}
        for week in range(-7, _DAYS + 1, 7)
        for day in [FIRST + timedelta(days=week)]
        for kind in ("average_transfer", "closing", "plan")
        for base, quote, rate in (
            ("USD", "VND", 25_000 + week), ("KWD", "VND", 81_000 + week),
            ("KWD", "USD", 3),
        )
    ]  # fmt: skip
    return RawBatch("files", "rates", "fx_rates", LOADED, rows, mode="upsert")


@dataclass
class _Company:
    """One company's rows; ids carry the seed, so that no two companies share one."""

    seed: int
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.chance = random.Random(f"billing {self.seed}")  # noqa: S311 - seeded

    def batches(self) -> Iterator[RawBatch]:
        for entity, rows in self.rows.items():
            yield RawBatch(
                "files", f"drop_{self.seed:02}", entity, LOADED, rows, mode="upsert",
                legal_entity=f"company_{self.seed:02}",
            )  # fmt: skip

    def live(self) -> None:
        for number in range(CUSTOMERS):
            customer = f"cus-{self.seed}-{number}"
            self.rows["customers"].append({"customer_id": customer})
            for count in range(self.chance.randint(1, 3)):
                self._invoice(customer, f"inv-{self.seed}-{number}-{count}")

    def _instant(self, since: datetime | None = None, within: int = _DAYS) -> datetime:
        """Any second, also around midnight and after the as-of day."""
        start = since or datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
        return start + timedelta(seconds=self.chance.randrange(within * 86_400 + 1))

    def _amount(self, currency: str, low: int = 1) -> Decimal:
        return Decimal(self.chance.randint(low, 9_000_000)).scaleb(-EXPONENT[currency])

    def _invoice(self, customer: str, invoice: str) -> None:
        at, chance = self._instant(), self.chance
        currency = chance.choice(tuple(EXPONENT))
        status = chance.choice(
            ("paid",) * 6 + ("open", "void", "draft", "uncollectible")
        )
        nets, step = [], Decimal(1).scaleb(-EXPONENT[currency])
        tax_rate = chance.choice((0, 10))
        taxes = []
        for part in range(chance.randint(1, 3)):
            net = self._amount(currency)
            if part and chance.random() < 0.2:
                net = -net
            tax = (net * tax_rate / 100).quantize(step, ROUND_HALF_UP)
            starts = at + timedelta(days=chance.choice((0, 0, 0, -31, 20)))
            length = chance.choice(_SERVICE)
            has_period = chance.random() < 0.9
            nets.append(net)
            taxes.append(tax)
            self.rows["invoice_lines"].append(
                {"line_id": f"{invoice}-{part}", "invoice_id": invoice, "amount": net,
                 "tax_amount": tax, "currency": currency, "quantity": Decimal(1),
                 "service_starts_at": starts if has_period else None,
                 "service_ends_at": starts + timedelta(days=length)
                 if has_period else None}
            )  # fmt: skip
        total = sum(nets, Decimal(0)) + sum(taxes, Decimal(0))
        self.rows["invoices"].append(
            {"invoice_id": invoice, "customer_id": customer, "status": status,
             "currency": currency, "subtotal": sum(nets, Decimal(0)),
             "tax_amount": sum(taxes, Decimal(0)), "total": total,
             "finalized_at": None if status == "draft" else at,
             "due_at": at + timedelta(days=15),
             "voided_at": at + timedelta(days=40) if status == "void" else None,
             "paid_at": at + timedelta(days=3) if status == "paid" else None}
        )  # fmt: skip
        if status == "paid" and total > 0:
            self._pay(customer, invoice, at, currency, total)
        if status in {"paid", "open"} and chance.random() < 0.3:
            self._credit(invoice, at, currency, nets, tax_rate)

    def _pay(
        self, customer: str, invoice: str, at: datetime, currency: str, total: Decimal
    ) -> None:
        chance = self.chance
        payments = 2 if chance.random() < 0.05 else 1
        for number in range(payments):
            self.rows["payments"].append(
                {"payment_id": f"{invoice}-p{number}", "customer_id": customer,
                 "invoice_id": invoice, "status": "succeeded", "amount": total,
                 "paid_at": at + timedelta(days=3), "currency": currency}
            )  # fmt: skip
        for number in range(chance.choice((0,) * 8 + (1, 1, 2))):
            share_of = Decimal(chance.choice((1, 3, 10))) / 10
            step = Decimal(1).scaleb(-EXPONENT[currency])
            self.rows["refunds"].append(
                {"refund_id": f"{invoice}-r{number}", "payment_id": f"{invoice}-p0",
                 "refunded_at": self._instant(at, 400), "currency": currency,
                 "amount": (total * share_of / 2).quantize(step, ROUND_HALF_UP)}
            )  # fmt: skip

    def _credit(
        self,
        invoice: str,
        at: datetime,
        currency: str,
        nets: list[Decimal],
        tax_rate: int,
    ) -> None:
        chance, step = self.chance, Decimal(1).scaleb(-EXPONENT[currency])
        for number in range(chance.choice((1, 1, 2))):
            note = f"{invoice}-n{number}"
            parts = [
                (max(net, Decimal(0)) * chance.choice((1, 2, 5)) / 10).quantize(
                    step, ROUND_HALF_UP
                )
                for net in nets
            ]
            amount = sum(parts, Decimal(0))
            tax = (amount * tax_rate / 100).quantize(step, ROUND_HALF_UP)
            is_void = chance.random() < 0.1
            issued_at = self._instant(at, 500)
            self.rows["credit_notes"].append(
                {"credit_note_id": note, "invoice_id": invoice, "amount": amount,
                 "tax_amount": tax, "currency": currency, "issued_at": issued_at,
                 "voided_at": issued_at if is_void else None}
            )  # fmt: skip
            if chance.random() < 0.4:
                # Named lines, the last one left for the invoice to bear.
                self.rows["credit_note_lines"].extend(
                    {"line_id": f"{note}-{part}", "credit_note_id": note,
                     "invoice_line_id": f"{invoice}-{part}", "amount": value,
                     "currency": currency}
                    for part, value in enumerate(parts[:-1])
                )  # fmt: skip


@dataclass
class Month:
    """What one month of one legal entity and currency moved, in minor units."""

    billed: int = 0
    tax: int = 0
    credited: int = 0
    """Before tax."""
    credited_gross: int = 0
    recognised: int = 0
    cash: int = 0


Key = tuple[str, str, date]
"""(legal entity, currency, first day of the month)."""


def recount(found: Iterable[RawBatch]) -> dict[Key, Month]:
    """Return what every month up to the as-of day moved, from the raw rows alone."""
    months: dict[Key, Month] = defaultdict(Month)
    by_entity: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(dict)
    for batch in found:
        if batch.entity != "fx_rates":
            rows = cast("list[Mapping[str, Any]]", list(batch.rows))
            by_entity[batch.legal_entity][batch.entity] = rows
    for legal_entity, rows in by_entity.items():
        _recount_company(months, legal_entity, rows)
        _count_cash(months, legal_entity, rows)
    return dict(months)


def _recount_company(
    months: dict[Key, Month],
    legal_entity: str,
    rows: Mapping[str, list[Mapping[str, Any]]],
) -> None:
    standing = {
        row["invoice_id"]: row
        for row in rows["invoices"]
        if row["status"] != "draft"
        and not _is_void(row)
        and _day(row["finalized_at"]) <= AS_OF
    }

    def month(currency: str, day: date) -> Month:
        return months[legal_entity, currency, day.replace(day=1)]

    lines: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for line in rows["invoice_lines"]:
        if line["invoice_id"] in standing:
            lines[line["invoice_id"]][line["line_id"]] = line
    credited: dict[str, list[tuple[date, str, int]]] = defaultdict(list)
    for credit in (*_notes(rows, standing), *_refunds(rows, standing)):
        currency = standing[credit.invoice_id]["currency"]
        month(currency, credit.day).credited += credit.net
        month(currency, credit.day).credited_gross += credit.gross
        for line_id, part in _parts(credit, lines[credit.invoice_id]).items():
            credited[line_id].append((credit.day, credit.key, part))
    for invoice_id, of_invoice in lines.items():
        invoice = standing[invoice_id]
        currency, billed_on = invoice["currency"], _day(invoice["finalized_at"])
        for line_id, line in of_invoice.items():
            billed = month(currency, billed_on)
            billed.billed += _minor(line["amount"], currency)
            billed.tax += _minor(line["tax_amount"], currency)
            days = recognise(_service(line, billed_on, credited[line_id]))
            for day, part in days.items():
                if day <= AS_OF and part:
                    month(currency, day).recognised += part


def _count_cash(
    months: dict[Key, Month],
    legal_entity: str,
    rows: Mapping[str, list[Mapping[str, Any]]],
) -> None:
    """Payments less refunds, on their own days."""
    for sign, row, at in (
        *((1, row, row["paid_at"]) for row in rows["payments"]),
        *((-1, row, row["refunded_at"]) for row in rows["refunds"]),
    ):
        if _day(at) <= AS_OF:
            minor = _minor(row["amount"], row["currency"])
            key = (legal_entity, row["currency"], _day(at).replace(day=1))
            months[key].cash += sign * minor


@dataclass(frozen=True)
class _Credit:
    """A credit note, or what a refund gave back beyond them, in minor units."""

    day: date
    key: str
    invoice_id: str
    net: int
    gross: int
    named: Mapping[str, int]
    """What it says of single lines; the invoice bears the rest."""


def _parts(credit: _Credit, lines: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return what each line of its invoice bears of a credit."""
    parts = dict(credit.named)
    weights = {
        line_id: _minor(line["amount"], line["currency"])
        for line_id, line in lines.items()
        if line["amount"] > 0
    }
    for line_id, part in share(
        credit.net - sum(credit.named.values()), weights
    ).items():
        parts[line_id] = parts.get(line_id, 0) + part
    return {line_id: part for line_id, part in parts.items() if part}


def _service(
    line: Mapping[str, Any], billed_on: date, credited: list[tuple[date, str, int]]
) -> Service:
    starts = ends = billed_on
    if line["service_starts_at"] is not None:
        starts, ends = _day(line["service_starts_at"]), _day(line["service_ends_at"])
    taken = tuple((day, part) for day, _, part in sorted(credited))
    amount = _minor(line["amount"], line["currency"])
    return Service(amount, starts, max(ends, starts + timedelta(days=1)), taken)


def _standing_notes(
    rows: Mapping[str, list[Mapping[str, Any]]],
    standing: Mapping[str, Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    return [
        note
        for note in rows["credit_notes"]
        if note["voided_at"] is None
        and _day(note["issued_at"]) <= AS_OF
        and note["invoice_id"] in standing
    ]


def _notes(
    rows: Mapping[str, list[Mapping[str, Any]]],
    standing: Mapping[str, Mapping[str, Any]],
) -> Iterator[_Credit]:
    named: dict[str, dict[str, int]] = defaultdict(dict)
    for line in rows["credit_note_lines"]:
        minor = _minor(line["amount"], line["currency"])
        named[line["credit_note_id"]][line["invoice_line_id"]] = minor
    for note in _standing_notes(rows, standing):
        key, net = note["credit_note_id"], _minor(note["amount"], note["currency"])
        yield _Credit(
            _day(note["issued_at"]),
            f"credit_note:{key}",
            note["invoice_id"],
            net,
            net + _minor(note["tax_amount"], note["currency"]),
            named[key],
        )


def _refunds(
    rows: Mapping[str, list[Mapping[str, Any]]],
    standing: Mapping[str, Mapping[str, Any]],
) -> Iterator[_Credit]:
    free: dict[str, int] = defaultdict(int)
    for payment in rows["payments"]:
        if _day(payment["paid_at"]) <= AS_OF:
            minor = _minor(payment["amount"], payment["currency"])
            free[payment["invoice_id"]] += minor
    for invoice_id, invoice in standing.items():
        total = _minor(invoice["total"], invoice["currency"])
        free[invoice_id] = max(free[invoice_id] - total, 0)
    for note in _standing_notes(rows, standing):
        free[note["invoice_id"]] += _minor(
            note["amount"] + note["tax_amount"], note["currency"]
        )
    invoice_of = {row["payment_id"]: row["invoice_id"] for row in rows["payments"]}
    for row in sorted(
        rows["refunds"], key=lambda r: (_day(r["refunded_at"]), r["refund_id"])
    ):
        invoice_id = invoice_of[row["payment_id"]]
        if _day(row["refunded_at"]) > AS_OF or invoice_id not in standing:
            continue
        invoice, minor = standing[invoice_id], _minor(row["amount"], row["currency"])
        beyond = max(minor - free[invoice_id], 0)
        free[invoice_id] -= minor - beyond
        total = _minor(invoice["total"], invoice["currency"])
        untaxed = total - _minor(invoice["tax_amount"], invoice["currency"])
        if beyond:
            net = (2 * beyond * untaxed + total) // (2 * total)
            key = f"refund:{row['refund_id']}"
            yield _Credit(_day(row["refunded_at"]), key, invoice_id, net, beyond, {})


def _is_void(row: Mapping[str, Any]) -> bool:
    """Voided by the as-of day; what is voided after it stands that day."""
    return row["status"] == "void" and _day(row["voided_at"]) <= AS_OF


def _day(instant: datetime) -> date:
    return instant.astimezone(_ZONE).date()


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(EXPONENT[currency]))
