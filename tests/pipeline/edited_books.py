"""A company that goes on changing, adding and deleting documents of months it has signed.

Belongs here: its configuration, its rows, the edits of each night, the files it drops, and what
its months must say, counted from the rows (`random_billing.recount`). Stays out: nights and what
must hold (`test_edited_past`). Everything follows from the seed and the day.

The company exports whole lists every night (`mode: replace`), so a row it no longer has is gone.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tests.pipeline import random_billing
from tests.pipeline.raw_fixture import RawBatch, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SOURCE: Final = "books"
ENTITY: Final = "acme"
CURRENCIES: Final = ("VND", "USD")
_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_DAY: Final = timedelta(days=1)
_BEGAN: Final = date(2026, 1, 1)
_KEYS: Final = {
    "customers": ("customer_id",),
    "invoices": ("invoice_id",),
    "invoice_lines": ("line_id",),
    "payments": ("payment_id",),
    "credit_notes": ("credit_note_id",),
    "fx_rates": ("rate_date", "base_currency", "quote_currency", "rate_type"),
}
_UNDATED: Final = frozenset({"customers"})


def config(policies: str = "{}") -> str:
    """The company's `warehouse.yml`: one folder of whole lists."""
    datasets = "".join(
        f"      {entity}:\n        files: {entity}.jsonl\n        mode: replace\n"
        "        allow_empty: true\n"
        '        number_format: "1234.56"\n        date_formats: [iso]\n'
        f"        columns: {{{', '.join(f'{name}: {name}' for name in names)}}}\n"
        for entity, names in _columns().items()
    )
    return (
        "company:\n  name: Acme\n  reporting_currency: VND\n"
        "  presentation_currencies: [VND, USD]\n  timezone: Asia/Ho_Chi_Minh\n"
        f"policies: {policies}\n"
        f"sources:\n  - name: {SOURCE}\n    kind: files\n    path: drop\n"
        f"    settle_seconds: 0\n    legal_entity: {ENTITY}\n"
        "    functional_currency: VND\n    timezone: Asia/Ho_Chi_Minh\n"
        f"    datasets:\n{datasets}"
    )


@dataclass(frozen=True)
class Edit:
    """One row that says something else than the night before, and the days it tells of."""

    entity: str
    record: str
    change: str
    days: frozenset[date]

    @property
    def name(self) -> str:
        """The row as a restatement names it."""
        return f"{SOURCE} {self.entity} {self.record} {self.change}"


@dataclass
class Books:
    """Every row the company has on a day, by entity and key."""

    seed: int
    as_of: date
    rows: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {entity: {} for entity in _KEYS}
    )

    def __post_init__(self) -> None:
        self.chance = random.Random(f"books {self.seed}")  # noqa: S311 - seeded
        for number in range(6):
            self._put("customers", customer_id=f"cus-{number}", created_at=_at(_BEGAN))
        for month in (1, 2, 3):
            for number in range(6):
                self._bill(number, date(2026, month, self.chance.randint(1, 28)))
        day = _BEGAN - 7 * _DAY
        while day <= self.as_of:
            self._rate(day)
            day += _DAY

    def next_night(self, through: date) -> list[Edit]:
        """Go on a day: today's business, and edits of documents dated up to `through`.

        Returns every row that differs from the night before and tells of those months.
        """
        before = {entity: dict(rows) for entity, rows in self.rows.items()}
        self.as_of += _DAY
        self._rate(self.as_of)
        self._bill(self.chance.randrange(6), self.as_of)
        acts = (self._reprice, self._add_late, self._delete, self._repay, self._credit)
        for act in self.chance.sample(acts, 2):
            act(self.chance.choice(self._billed_up_to(through)), through)
        return [edit for edit in self._edits(before) if min(edit.days) <= through]

    def _billed_up_to(self, last: date) -> list[str]:
        return [
            key
            for key, row in sorted(self.rows["invoices"].items())
            if row["finalized_at"].astimezone(_ZONE).date() <= last
        ]

    def write(self, folder: Path) -> None:
        """Drop every list as it stands."""
        folder.mkdir(parents=True, exist_ok=True)
        for entity, rows in self.rows.items():
            lines = [json.dumps(row, default=_text) for row in rows.values()]
            (folder / f"{entity}.jsonl").write_text("\n".join([*lines, ""]))

    def truth(self) -> dict[tuple[str, str, date], Decimal]:
        """Value by KPI, currency and month that is over, in that currency, from the rows alone."""
        counted = random_billing.recount(self._batches())
        found: dict[tuple[str, str, date], Decimal] = {}
        for (_, currency, start), month in counted.items():
            if start >= self.as_of.replace(day=1):
                continue
            for kpi, minor in {
                "billings": month.billed,
                "sales_revenue": month.billed - month.credited,
                "recognised_revenue": month.recognised,
                "cash_collected": month.cash,
            }.items():
                exponent = random_billing.EXPONENT[currency]
                found[kpi, currency, start] = Decimal(minor).scaleb(-exponent)
        return found

    def _batches(self) -> Iterator[RawBatch]:
        for entity in (*self.rows, "refunds", "credit_note_lines"):
            rows = self.rows.get(entity, {})
            yield RawBatch(
                "files", SOURCE, entity, self.as_of, list(rows.values()),
                mode="replace", legal_entity=ENTITY,
            )  # fmt: skip

    def _edits(self, before: Mapping[str, Mapping[str, Row]]) -> Iterator[Edit]:
        for entity, now in self.rows.items():
            if entity in _UNDATED:
                continue
            then = before[entity]
            for key in sorted({*then, *now}):
                old, new = then.get(key), now.get(key)
                if old == new:
                    continue
                change = (
                    "added" if old is None else "removed" if new is None else "changed"
                )
                days = self._days(entity, old, before) | self._days(
                    entity, new, self.rows
                )
                yield Edit(entity, key, change, frozenset(days))

    def _days(
        self, entity: str, row: Row | None, books: Mapping[str, Mapping[str, Row]]
    ) -> set[date]:
        """The days a row tells of; those of a line are those of its document, too."""
        if row is None:
            return set()
        found = {
            value.astimezone(_ZONE).date() if isinstance(value, datetime) else value
            for value in row.values()
            if isinstance(value, date)
        }
        if entity == "invoice_lines":
            document = books["invoices"].get(str(row["invoice_id"]))
            found |= self._days("invoices", document, books)
        return found

    def _put(self, entity: str, **row: Any) -> None:
        key = "|".join(str(row[name]) for name in _KEYS[entity])
        self.rows[entity][key] = row

    def _rate(self, day: date) -> None:
        for dearer, kind in enumerate(("average_transfer", "closing", "plan")):
            self._put(
                "fx_rates", rate_date=day, base_currency="USD", quote_currency="VND",
                rate_type=kind, rate=Decimal(25_000 + day.day + 100 * dearer),
                rate_source="bank",
                published_at=_at(day, 5),
            )  # fmt: skip

    def _bill(self, customer: int, day: date, prefix: str = "inv") -> None:
        """An invoice of two lines: a month's service and a year's, the second billed ahead."""
        currency = CURRENCIES[customer % 2]
        invoice = f"{prefix}-{day:%m%d}-{customer}-{len(self.rows['invoices'])}"
        for part, (ahead, days) in enumerate(((0, 31), (20, 365))):
            starts = day + ahead * _DAY
            self._put(
                "invoice_lines", line_id=f"{invoice}-{part}", invoice_id=invoice,
                amount=self._amount(currency), tax_amount=Decimal(0),
                currency=currency, quantity=Decimal(1), service_starts_at=_at(starts),
                service_ends_at=_at(starts + days * _DAY),
            )  # fmt: skip
        self._put(
            "invoices", invoice_id=invoice, customer_id=f"cus-{customer}", status="open",
            currency=currency, tax_amount=Decimal(0), finalized_at=_at(day, 9),
            due_at=_at(day + 15 * _DAY), paid_at=None, voided_at=None,
        )  # fmt: skip
        self._total(invoice)
        row = self.rows["invoices"][invoice]
        if self.chance.random() < 0.7:
            row["status"], row["paid_at"] = "paid", _at(day, 16)
            self._put(
                "payments", payment_id=f"pay-{invoice}", customer_id=f"cus-{customer}",
                invoice_id=invoice, status="succeeded", amount=row["total"],
                paid_at=_at(day, 16), currency=currency,
            )  # fmt: skip
        if not self.rows["credit_notes"]:
            self._credit(invoice, day)

    def _amount(self, currency: str) -> Decimal:
        return Decimal(self.chance.randint(1000, 90_000)).scaleb(
            -random_billing.EXPONENT[currency]
        )

    def _total(self, invoice: str) -> None:
        total = sum(
            (
                line["amount"]
                for line in self.rows["invoice_lines"].values()
                if line["invoice_id"] == invoice
            ),
            Decimal(0),
        )
        row = self.rows["invoices"][invoice]
        self.rows["invoices"][invoice] = {**row, "subtotal": total, "total": total}

    def _reprice(self, invoice: str, _: date) -> None:
        """One line costs something else; the header follows, or the books contradict themselves."""
        line = self.rows["invoice_lines"][f"{invoice}-{self.chance.randrange(2)}"]
        amount = self._amount(str(line["currency"]))
        self.rows["invoice_lines"][str(line["line_id"])] = {**line, "amount": amount}
        self._total(invoice)

    def _add_late(self, invoice: str, through: date) -> None:
        """An invoice nobody had sent, of a signed month."""
        customer = int(str(self.rows["invoices"][invoice]["customer_id"])[-1])
        self._bill(customer, through - self.chance.randrange(31) * _DAY, prefix="late")

    def _delete(self, invoice: str, _: date) -> None:
        """The invoice, its lines, payments and notes were never there."""
        for entity, rows in self.rows.items():
            if entity not in {"customers", "fx_rates"}:
                self.rows[entity] = {
                    key: row
                    for key, row in rows.items()
                    if row["invoice_id"] != invoice
                }

    def _repay(self, invoice: str, _: date) -> None:
        """The payment was of another amount, or is one nobody had recorded."""
        row = self.rows["invoices"][invoice]
        paid = self.rows["payments"].get(f"pay-{invoice}")
        day = row["finalized_at"].astimezone(_ZONE).date()
        self._put(
            "payments", payment_id=f"pay-{invoice}", customer_id=row["customer_id"],
            invoice_id=invoice, status="succeeded",
            amount=self._amount(str(row["currency"])), currency=row["currency"],
            paid_at=paid["paid_at"] if paid else _at(day, 17),
        )  # fmt: skip

    def _credit(self, invoice: str, through: date) -> None:
        """A note on a tenth of the invoice, dated in a signed month."""
        row = self.rows["invoices"][invoice]
        currency = str(row["currency"])
        step = Decimal(1).scaleb(-random_billing.EXPONENT[currency])
        day = max(row["finalized_at"].astimezone(_ZONE).date(), through)
        self._put(
            "credit_notes", credit_note_id=f"note-{invoice}", invoice_id=invoice,
            issued_at=_at(day, 18), amount=(row["total"] / 10).quantize(step),
            tax_amount=Decimal(0), currency=currency, voided_at=None,
        )  # fmt: skip


def _columns() -> dict[str, list[str]]:
    """The columns of each list, as the rows have them."""
    books = Books(0, _BEGAN + 90 * _DAY)
    return {
        entity: sorted({name for row in rows.values() for name in row})
        for entity, rows in books.rows.items()
    }


def _at(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=_ZONE).astimezone(UTC)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
