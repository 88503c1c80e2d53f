"""Revenue from the raw row to the published month, case by case, worked out by hand.

Belongs here: the raw rows of each case (a legal entity of its own) and what every month must
say, arithmetic shown. Stays out: how a warehouse is built from them (`tests.pipeline`).

The as-of day is 2026-06-30 in Hà Nội, the year of 365 days begins with all of them: months have
31, 28, 31, 30, 31 and 30 days. Amounts are dong unless a case says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from tests.pipeline.raw_fixture import RawBatch, Row, vn

AS_OF = date(2026, 6, 30)
LOADED = date(2026, 7, 1)


@dataclass
class Case:
    """One customer (`K`) of one legal entity."""

    entity: str
    currency: str = "VND"
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, entity: str, **row: object) -> Case:
        self.rows.setdefault(entity, []).append(row)
        return self

    def bill(
        self, key: str, day: str, *lines: tuple[str, tuple[str, str] | None],
        tax: str = "0", currency: str = "", prorated: bool = False, **more: object,
    ) -> Case:  # fmt: skip
        """An invoice of lines (net, (first day, day after the last)); None = of its day."""
        currency = currency or self.currency
        nets = [Decimal(net) for net, _ in lines]
        for number, (net, service) in enumerate(lines):
            start, end = (vn(f"{one} 00:00") for one in service or (day, day))
            self.add(
                "invoice_lines", line_id=f"{key}-{number}", invoice_id=key,
                amount=Decimal(net), currency=currency, is_proration=prorated,
                tax_amount=Decimal(tax) if number == 0 else Decimal(0),
                service_starts_at=start, service_ends_at=end,
            )  # fmt: skip
        total = sum(nets, Decimal(tax))
        stands: dict[str, object] = {"status": "open", **more}
        return self.add(
            "invoices", invoice_id=key, customer_id="K", currency=currency,
            finalized_at=vn(f"{day} 09:00"), subtotal=sum(nets, Decimal(0)),
            tax_amount=Decimal(tax), total=total, **stands,
        )  # fmt: skip

    def pay(self, invoice: str, day: str, amount: str, currency: str = "") -> Case:
        return self.add(
            "payments", payment_id=f"P-{invoice}", customer_id="K", invoice_id=invoice,
            status="succeeded", paid_at=vn(f"{day} 10:00"), amount=Decimal(amount),
            currency=currency or self.currency,
        )  # fmt: skip

    def credit(self, invoice: str, day: str, amount: str) -> Case:
        return self.add(
            "credit_notes", credit_note_id=f"C-{invoice}", invoice_id=invoice,
            issued_at=vn(f"{day} 10:00"), amount=Decimal(amount), currency=self.currency,
        )  # fmt: skip

    def subscribe(self, key: str, *states: tuple[str, str], **more: object) -> Case:
        """A monthly subscription; states are (from, price a month), '' = paused."""
        interval = more.pop("interval", "month")
        currency = more.pop("currency", self.currency)
        self.add(
            "subscriptions", subscription_id=key, customer_id="K", status="active",
            started_at=vn(f"{states[0][0]} 00:00"), currency=currency,
        )  # fmt: skip
        price = ""
        for (day, text), after in zip(states, (*states[1:], None), strict=True):
            price = text or price
            self.add(
                "subscription_items", item_id=f"I-{key}", subscription_id=key,
                customer_id="K", valid_from=vn(f"{day} 00:00"),
                valid_to=None if after is None else vn(f"{after[0]} 00:00"),
                status="active" if text else "paused", unit_price=Decimal(price),
                quantity=Decimal(1), currency=currency, interval=interval,
                interval_count=1, **more,
            )  # fmt: skip
        return self

    def batches(self) -> list[RawBatch]:
        return [
            RawBatch("files", f"drop_{self.entity}", entity, LOADED, rows,
                     mode="upsert", legal_entity=self.entity)
            for entity, rows in self.rows.items()
        ]  # fmt: skip


def _monthly(case: Case, amounts: tuple[str, ...], days: tuple[str, ...]) -> Case:
    """One invoice per amount, each of the service from its day to the next."""
    for number, amount in enumerate(amounts):
        if amount:
            service = (days[number], days[number + 1])
            case.bill(f"M{number}", days[number], (amount, service))
    return case


FIRSTS = tuple(f"2026-{month:02d}-01" for month in range(1, 8))
YEAR = ("2026-01-01", "2027-01-01")

CASES = (
    # A year for 3,650,000 (10,000 a day). On 1 April the plan of 7,300,000 (20,000 a day): 275
    # days are left, so 2,750,000 come back and 5,500,000 are billed. On 1 June a credit note of
    # 2,140,000 takes 10,000 a day off the 214 days that are left.
    Case("upgrade")
    .subscribe("S", ("2026-01-01", "3650000"), ("2026-04-01", "7300000"), interval="year")
    .bill("A", "2026-01-01", ("3650000", YEAR))
    .pay("A", "2026-01-10", "3650000")
    .bill("B", "2026-04-01", ("-2750000", ("2026-04-01", "2027-01-01")),
          ("5500000", ("2026-04-01", "2027-01-01")), prorated=True)
    .credit("B", "2026-06-01", "2140000"),
    # 1,000 and 100 of tax, paid on 12 January, taken back on 5 February, won on 3 April.
    Case("won", "USD")
    .bill("A", "2026-01-10", ("1000", None), tax="100", status="paid")
    .pay("A", "2026-01-12", "1100")
    .add("disputes", dispute_id="D", payment_id="P-A", status="won", currency="USD",
         amount=Decimal(1100), fee_amount=Decimal(15), opened_at=vn("2026-02-05 10:00"),
         closed_at=vn("2026-04-03 10:00")),
    Case("lost", "USD")
    .bill("A", "2026-01-10", ("1000", None), tax="100", status="paid")
    .pay("A", "2026-01-12", "1100")
    .add("disputes", dispute_id="D", payment_id="P-A", status="lost", currency="USD",
         amount=Decimal(1100), fee_amount=Decimal(15), opened_at=vn("2026-02-05 10:00"),
         closed_at=vn("2026-04-03 10:00")),
    # Half a year at 10 a day (181 days), given back for the 122 days from 1 March on.
    Case("refund")
    .bill("A", "2026-01-01", ("1810", ("2026-01-01", "2026-07-01")), status="paid")
    .pay("A", "2026-01-05", "1810")
    .credit("A", "2026-03-01", "1220")
    .add("refunds", refund_id="R", payment_id="P-A", invoice_id="A", currency="VND",
         refunded_at=vn("2026-03-01 11:00"), amount=Decimal(1220)),
    # Taken back in March: no revenue of any month.
    Case("void")
    .bill("A", "2026-01-20", ("500", None), status="void",
          voided_at=vn("2026-03-02 09:00")),
    # One customer, dong from January and dollars from February, each its own.
    Case("both")
    .subscribe("V", ("2026-01-01", "1000000"))
    .subscribe("U", ("2026-02-01", "50"), currency="USD")
    .bill("V1", "2026-01-01", ("6000000", ("2026-01-01", "2026-07-01")))
    .bill("U1", "2026-02-01", ("150", ("2026-02-01", "2026-07-01")), currency="USD")
    .pay("U1", "2026-02-03", "150", "USD"),
    # A fifth off until 1 April.
    _monthly(
        Case("discount").subscribe(
            "S", ("2026-01-01", "1000"), discount_percent=Decimal(20),
            discount_ends_at=vn("2026-04-01 00:00")),
        ("800", "800", "800", "1000", "1000", "1000"), FIRSTS),
    # Paused in March and April, not billed.
    _monthly(
        Case("pause").subscribe(
            "S", ("2026-01-01", "1000"), ("2026-03-01", ""), ("2026-05-01", "1000")),
        ("1000", "1000", "", "", "1000", "1000"), FIRSTS),
    # Tried from 20 January, paid from 3 February, billed on the third of each month.
    _monthly(
        Case("trial").subscribe(
            "S", ("2026-01-20", "1000"), trial_ends_at=vn("2026-02-03 00:00")),
        ("1000",) * 5, tuple(f"2026-{month:02d}-03" for month in range(2, 8))),
    # Begun on 31 January: each period ends where the month has no 31st.
    _monthly(
        Case("anchor").subscribe("S", ("2026-01-31", "3100")), ("3100",) * 6,
        ("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31",
         "2026-06-30", "2026-07-31")),
    # Three decimals: 10.000 over 90 days.
    Case("dinar", "KWD").bill(
        "A", "2026-01-01", ("10.000", ("2026-01-01", "2026-04-01"))),
    # A note of 100.00 over three equal lines: 33.34, 33.33 and 33.33.
    Case("thirds", "USD")
    .bill("A", "2026-01-01", *(("100.00", ("2026-01-01", "2026-04-01")),) * 3)
    .credit("A", "2026-03-01", "100.00"),
    # Two years of 730 days at 10 a day.
    Case("years").bill("A", "2026-01-01", ("7300", ("2026-01-01", "2028-01-01"))),
    # A dearer price from March on moves no month before it.
    _monthly(
        Case("price").subscribe("S", ("2026-01-01", "1000"), ("2026-03-01", "1200")),
        ("1000", "1000", "1200", "1200", "1200", "1200"), FIRSTS),
    # Invoiced a month after its service: served first, so deferred is negative till then.
    Case("arrears").bill(
        "A", "2026-03-05", ("590", ("2026-01-01", "2026-03-01"))),
)  # fmt: skip

RATES = RawBatch(
    "files", "drop_rates", "fx_rates", LOADED,
    [
        {"rate_date": date(2026, 1, 1) + timedelta(days=day), "base_currency": "USD",
         "quote_currency": "VND", "rate": Decimal(25_000), "rate_type": rate_type,
         "rate_source": "bank", "published_at": vn("2026-01-01 08:00")}
        for day in range(181)
        for rate_type in ("average_transfer", "closing", "plan")
    ],
    mode="upsert",
)  # fmt: skip
"""Dollars have a rate; dinars have none, and what is not converted is still recognised."""

Month = tuple[str, str, str, str, str, str]
"""(MRR, billed, recognised, deferred at the end, cash, owed at the end)."""


def _flat(*months: str) -> list[Month]:
    """Months that are billed and served within themselves and never paid."""
    owed, found = Decimal(0), []
    for amount in months:
        owed += Decimal(amount)
        found.append((amount, amount, amount, "0", "0", f"{owed:f}"))
    return found


MONTHS: dict[tuple[str, str], list[Month]] = {
    # 3,650,000 / 12 = 304,166.67; 7,300,000 / 12 = 608,333.33. April: 2,750,000 left of the
    # first invoice, 2,750,000 billed, 30 x (10,000 - 10,000 + 20,000) served. June: 30 x
    # 10,000; 4,280,000 - 2,140,000 - 300,000 = 184 days x 10,000. Owed: 2,750,000 - 2,140,000.
    ("upgrade", "VND"): [
        ("304167", "3650000", "310000", "3340000", "3650000", "0"),
        ("304167", "0", "280000", "3060000", "0", "0"),
        ("304167", "0", "310000", "2750000", "0", "0"),
        ("608333", "2750000", "600000", "4900000", "0", "2750000"),
        ("608333", "0", "620000", "4280000", "0", "2750000"),
        ("608333", "0", "300000", "1840000", "0", "610000"),
    ],
    ("won", "USD"): [
        ("0", "1000", "1000", "0", "1100", "0"),
        ("0", "0", "0", "0", "-1100", "1100"),
        ("0", "0", "0", "0", "0", "1100"),
        ("0", "0", "0", "0", "1100", "0"),
        ("0", "0", "0", "0", "0", "0"),
        ("0", "0", "0", "0", "0", "0"),
    ],
    ("lost", "USD"): [
        ("0", "1000", "1000", "0", "1100", "0"),
        ("0", "0", "0", "0", "-1100", "1100"),
        *[("0", "0", "0", "0", "0", "1100")] * 4,
    ],
    ("refund", "VND"): [
        ("0", "1810", "310", "1500", "1810", "0"),
        ("0", "0", "280", "1220", "0", "0"),
        ("0", "0", "0", "0", "-1220", "0"),
        *[("0", "0", "0", "0", "0", "0")] * 3,
    ],
    # 6,000,000 over 181 days: by the end of each month 31, 59, 90, 120, 151, 181 days are
    # 1,027,624; 1,955,801; 2,983,425; 3,977,901; 5,005,525; 6,000,000.
    ("both", "VND"): [
        ("1000000", "6000000", "1027624", "4972376", "0", "6000000"),
        ("1000000", "0", "928177", "4044199", "0", "6000000"),
        ("1000000", "0", "1027624", "3016575", "0", "6000000"),
        ("1000000", "0", "994476", "2022099", "0", "6000000"),
        ("1000000", "0", "1027624", "994475", "0", "6000000"),
        ("1000000", "0", "994475", "0", "0", "6000000"),
    ],
    # 150 over 150 days is 1 a day.
    ("both", "USD"): [
        ("0", "0", "0", "0", "0", "0"),
        ("50", "150", "28", "122", "150", "0"),
        ("50", "0", "31", "91", "0", "0"),
        ("50", "0", "30", "61", "0", "0"),
        ("50", "0", "31", "30", "0", "0"),
        ("50", "0", "30", "0", "0", "0"),
    ],
    ("discount", "VND"): _flat("800", "800", "800", "1000", "1000", "1000"),
    ("pause", "VND"): _flat("1000", "1000", "0", "0", "1000", "1000"),
    # Of 28 days 26 are February's: 929, so 71 are left; of 31 (30) days 29 (28) are 935 (933).
    ("trial", "VND"): [
        ("0", "0", "0", "0", "0", "0"),
        ("1000", "1000", "929", "71", "0", "1000"),
        ("1000", "1000", "1006", "65", "0", "2000"),
        ("1000", "1000", "998", "67", "0", "3000"),
        ("1000", "1000", "1002", "65", "0", "4000"),
        ("1000", "1000", "998", "67", "0", "5000"),
    ],
    # The last day of each month is the first of the next period: 1/28 of 3,100 is 111, 1/31 is
    # 100, 1/30 is 103; what is left of a period is of the month after.
    ("anchor", "VND"): [
        ("3100", "3100", "111", "2989", "0", "3100"),
        ("3100", "3100", "3089", "3000", "0", "6200"),
        ("3100", "3100", "3103", "2997", "0", "9300"),
        ("3100", "3100", "3097", "3000", "0", "12400"),
        ("3100", "3100", "3103", "2997", "0", "15500"),
        ("3100", "3100", "3097", "3000", "0", "18600"),
    ],
    # 31/90 of 10.000 is 3.444, 59/90 is 6.556.
    ("dinar", "KWD"): [
        ("0", "10", "3.444", "6.556", "0", "10"),
        ("0", "0", "3.112", "3.444", "0", "10"),
        ("0", "0", "3.444", "0", "0", "10"),
        *[("0", "0", "0", "0", "0", "10")] * 3,
    ],
    # Each line: 31/90 is 34.44, 59/90 is 65.56. March: 300 - 3 x 65.56 - 100 = 3.32.
    ("thirds", "USD"): [
        ("0", "300", "103.32", "196.68", "0", "300"),
        ("0", "0", "93.36", "103.32", "0", "300"),
        ("0", "0", "3.32", "0", "0", "200"),
        *[("0", "0", "0", "0", "0", "200")] * 3,
    ],
    ("years", "VND"): [
        ("0", "7300", "310", "6990", "0", "7300"),
        ("0", "0", "280", "6710", "0", "7300"),
        ("0", "0", "310", "6400", "0", "7300"),
        ("0", "0", "300", "6100", "0", "7300"),
        ("0", "0", "310", "5790", "0", "7300"),
        ("0", "0", "300", "5490", "0", "7300"),
    ],
    ("price", "VND"): _flat("1000", "1000", "1200", "1200", "1200", "1200"),
    ("arrears", "VND"): [
        ("0", "0", "310", "-310", "0", "0"),
        ("0", "0", "280", "-590", "0", "0"),
        ("0", "590", "0", "0", "0", "590"),
        *[("0", "0", "0", "0", "0", "590")] * 3,
    ],
}
"""(case, currency) -> January to June; a case that is not here has no month at all."""

MOVEMENTS = {
    ("upgrade", "2026-01"): ("new", "304167"),
    ("upgrade", "2026-04"): ("expansion", "304166"),
    ("discount", "2026-01"): ("new", "800"),
    ("discount", "2026-04"): ("expansion", "200"),
    ("pause", "2026-01"): ("new", "1000"),
    ("pause", "2026-03"): ("churned", "1000"),
    ("pause", "2026-05"): ("reactivation", "1000"),
    ("trial", "2026-02"): ("new", "1000"),
    ("anchor", "2026-01"): ("new", "3100"),
    ("price", "2026-01"): ("new", "1000"),
    ("price", "2026-03"): ("expansion", "200"),
}
"""(case, month) -> how MRR moved in dong; no other month of these cases moved."""

SCHEDULES = {
    # 10,000 a day of 31, 31, 30, 31, 30 and 31 days.
    "upgrade": ["310000", "310000", "300000", "310000", "300000", "310000"],
    # Two days of July are of the June invoice.
    "trial": ["67"],
    # 3,100 less the day of June.
    "anchor": ["3000"],
    "years": ["310", "310", "300", "310", "300", "310", "310", "280", "310", "300", "310",
              "300", "310", "310", "300", "310", "300", "310"],
}  # fmt: skip
"""Case -> what July 2026 and the months after it will recognise of what is deferred."""
