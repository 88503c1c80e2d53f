"""Twenty companies nobody thought up, each a legal entity of one warehouse.

Belongs here: their raw rows, from a seed, in the canonical shapes a file would have. Stays out:
what must be true of the figures (`test_random_companies`). Nothing is likely here: amounts are
blank, dates out of order, owners unknown, customers come back, plans change in the middle of a
month, both currencies meet; what a source could not send at all is left out.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.pipeline.raw_fixture import RawBatch, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEEDS = range(20)
FIRST = date(2025, 3, 1)
AS_OF = date(2026, 5, 31)
LOADED = date(2026, 6, 1)
EARLIER = date(2026, 5, 1)
_DAYS = (AS_OF - FIRST).days
_STAGES = ("prospecting", "engaging", "proposal")
_CURRENCIES = ("VND", "USD")


def batches() -> tuple[RawBatch, ...]:
    """Every company's batches and the rates they share."""
    companies = (batch for seed in SEEDS for batch in _Company(seed).batches())
    return (_rates(), *companies)


def shuffled_and_split(whole: Sequence[RawBatch], seed: int) -> list[RawBatch]:
    """The same rows in another order and in two deliveries.

    They come a month apart, but opportunities on one day: a file of deals tells what they were
    worth on the day it was seen, so the day is part of what is known.
    """
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose
    parts: list[RawBatch] = []
    for batch in whole:
        rows = list(batch.rows)
        chance.shuffle(rows)
        cut = chance.randint(0, len(rows))
        first = LOADED if batch.entity == "opportunities" else EARLIER
        for some, day, dataset in (
            (rows[:cut], first, f"{batch.entity}_first"),
            (rows[cut:], LOADED, batch.entity),
        ):
            if some:
                parts.append(replace(batch, rows=some, load_date=day, dataset=dataset))
    chance.shuffle(parts)
    return parts


def _rates() -> RawBatch:
    rows: list[Row] = [
        {"rate_date": day, "base_currency": "USD", "quote_currency": "VND",
         "rate_type": kind, "published_at": _noon(day), "rate": Decimal(rate),
         "rate_source": "bank"}
        for week in range(0, _DAYS + 1, 7)
        for day in [FIRST + timedelta(days=week)]
        for kind, rate in (
            ("average_transfer", 25_000 + week), ("closing", 25_100 + week),
            ("plan", 25_000),
        )
    ]  # fmt: skip
    return RawBatch("files", "rates", "fx_rates", LOADED, rows, mode="upsert")


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


class _Company:
    """One company's rows; ids carry the seed, so that no two companies share one."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 - seeded on purpose
        self.source = f"drop_{seed:02}"
        self.reps = [self._id("rep", number) for number in range(3)]
        self.accounts = [self._id("acc", number) for number in range(6)]

    def batches(self) -> Iterator[RawBatch]:
        opportunities, changes = self._opportunities()
        subscriptions, items = self._subscriptions()
        invoices, lines, payments, credit_notes = self._invoices()
        for entity, rows in (
            ("users", self._users()),
            ("accounts", self._accounts()),
            ("leads", self._leads()),
            ("opportunities", opportunities),
            ("opportunity_changes", changes),
            ("activities", self._activities()),
            ("customers", self._customers()),
            ("subscriptions", subscriptions),
            ("subscription_items", items),
            ("invoices", invoices),
            ("invoice_lines", lines),
            ("payments", payments),
            ("credit_notes", credit_notes),
            ("ad_performance_daily", self._ads()),
        ):
            yield RawBatch(
                "files", self.source, entity, LOADED, rows, mode="upsert",
                legal_entity=f"company_{self.seed:02}",
            )  # fmt: skip

    def _id(self, kind: str, number: int) -> str:
        return f"{kind}-{self.seed}-{number}"

    def _maybe(self, value: object, share: float = 0.8) -> object:
        return value if self.chance.random() < share else None

    def _instant(self, since: int = 0, until: int = _DAYS + 2) -> datetime:
        """Any second of the story, also after the as-of day and around midnight."""
        day = self.chance.randint(min(since, until), until)
        return _noon(FIRST + timedelta(days=day)) + timedelta(
            seconds=self.chance.randrange(86_400)
        )

    def _money(self) -> tuple[Decimal | None, str]:
        currency = self.chance.choice(_CURRENCIES)
        amount = Decimal(self.chance.randint(0, 5_000_000))
        if currency == "USD":
            amount = amount.scaleb(-2)
        return (None if self.chance.random() < 0.15 else amount), currency

    def _users(self) -> list[Row]:
        rows: list[Row] = []
        for number, rep in enumerate(self.reps):
            rows.append(
                {"user_id": rep, "valid_from": FIRST, "user_name": rep,
                 "team": f"team-{self.seed}-{number % 2}", "department": "Sales",
                 "role": "rep", "fte": Decimal("0.5") if number == 2 else None}
            )  # fmt: skip
        moved = {**rows[0], "valid_from": date(2025, 11, 3)}
        return [*rows, {**moved, "team": f"team-{self.seed}-1"}]

    def _accounts(self) -> list[Row]:
        return [
            {"account_id": account, "account_name": account,
             "segment": self._maybe(self.chance.choice(("smb", "enterprise"))),
             "created_at": _noon(FIRST)}
            for account in self.accounts
        ]  # fmt: skip

    def _leads(self) -> list[Row]:
        rows: list[Row] = []
        for number in range(20):
            born = self._instant()
            mql = born + timedelta(hours=self.chance.randint(0, 900))
            sql = mql + timedelta(hours=self.chance.randint(0, 900))
            rows.append(
                {"lead_id": self._id("lead", number), "created_at": born,
                 "updated_at": born + timedelta(days=100),
                 "source": self._maybe(self.chance.choice(("website", "referral", "x"))),
                 "owner_id": self._maybe(self.chance.choice(self.reps)),
                 "created_by_id": self._maybe(self.chance.choice(self.reps), 0.5),
                 "email": self._maybe(f"p{number % 15}@c{self.seed}.example"),
                 "account_id": self._maybe(self.chance.choice(self.accounts), 0.5),
                 "mql_at": self._maybe(mql, 0.6), "sql_at": self._maybe(sql, 0.4),
                 "is_deleted": self.chance.random() < 0.05}
            )  # fmt: skip
        return rows

    def _opportunities(self) -> tuple[list[Row], list[Row]]:
        rows: list[Row] = []
        changes: list[Row] = []
        for number in range(24):
            deal, born = self._id("deal", number), self._instant()
            amount, currency = self._money()
            steps, at = ["prospecting"], born
            for stage in self.chance.choices(
                (*_STAGES, "won", "lost"), k=self.chance.randint(0, 4)
            ):
                if stage == steps[-1]:
                    continue
                at += timedelta(minutes=self.chance.randint(1, 90_000))
                changes.append(
                    {"opportunity_id": deal, "changed_at": at, "field": "stage",
                     "old_value": steps[-1], "new_value": stage}
                )  # fmt: skip
                changes.append(
                    {"opportunity_id": deal, "changed_at": at, "field": "status",
                     "old_value": _status(steps[-1]), "new_value": _status(stage)}
                )  # fmt: skip
                steps.append(stage)
            is_closed = steps[-1] in {"won", "lost"}
            rows.append(
                {"opportunity_id": deal, "created_at": born, "updated_at": at,
                 "stage": steps[-1], "status": _status(steps[-1]),
                 "account_id": self._maybe(self.chance.choice(self.accounts)),
                 "lead_id": self._maybe(self._id("lead", number % 20), 0.5),
                 "owner_id": self._maybe(self.chance.choice(self.reps), 0.9),
                 "created_by_id": self._maybe(self.chance.choice(self.reps)),
                 "amount": amount, "currency": currency,
                 "expected_close_date": self._maybe((born + timedelta(days=60)).date()),
                 "closed_at": at if is_closed else None,
                 "close_reason": self._maybe("price") if steps[-1] == "lost" else None,
                 "term_months": self._maybe(12),
                 "product_id": self._maybe("CRM", 0.5)}
            )  # fmt: skip
        return rows, changes

    def _activities(self) -> list[Row]:
        return [
            {"activity_id": self._id("act", number),
             "activity_type": self.chance.choice(("call", "email", "meeting", "demo")),
             "occurred_at": self._instant(),
             "owner_id": self._maybe(self.chance.choice(self.reps)),
             "direction": self.chance.choice(("outbound", "inbound")),
             "outcome": self._maybe(
                 self.chance.choice(("answered", "no_answer", "busy", "held", "replied"))
             ),
             "status": self.chance.choice(("completed", "planned")),
             "duration_seconds": self._maybe(self.chance.randint(0, 3000)),
             "lead_id": self._maybe(self._id("lead", number % 20), 0.6),
             "account_id": self._maybe(self.chance.choice(self.accounts), 0.4)}
            for number in range(40)
        ]  # fmt: skip

    def _customers(self) -> list[Row]:
        return [
            {"customer_id": self._id("cus", number), "customer_name": f"c{number}",
             "account_id": self._maybe(account), "created_at": _noon(FIRST)}
            for number, account in enumerate(self.accounts)
        ]  # fmt: skip

    def _subscriptions(self) -> tuple[list[Row], list[Row]]:
        rows: list[Row] = []
        items: list[Row] = []
        for number in range(9):
            customer = self._id("cus", number % len(self.accounts))
            subscription = self._id("sub", number)
            begins = self._instant(0, _DAYS - 20)
            ends = self._maybe(
                begins + timedelta(days=self.chance.randint(1, 300)), 0.5
            )
            is_over = isinstance(ends, datetime) and ends < _noon(AS_OF)
            currency = self.chance.choice(_CURRENCIES)
            rows.append(
                {"subscription_id": subscription, "customer_id": customer,
                 "status": "canceled" if is_over else "active", "started_at": begins,
                 "ended_at": ends if is_over else None, "currency": currency}
            )  # fmt: skip
            change = begins + timedelta(days=self.chance.randint(1, 200))
            last = ends if is_over else None
            bounds = [(begins, last)]
            if last is None or change < last:
                bounds = [(begins, change), (change, last)]
            items += [
                {"item_id": self._id("item", number), "valid_from": since,
                 "valid_to": until, "subscription_id": subscription,
                 "customer_id": customer, "status": "active",
                 "product_id": self._maybe("CRM", 0.7), "currency": currency,
                 "unit_price": Decimal(self.chance.randint(0, 900)).scaleb(
                     0 if currency == "VND" else -2
                 ),
                 "quantity": Decimal(self.chance.randint(1, 9)),
                 "interval": self.chance.choice(("month", "year", "week", "day")),
                 "interval_count": self.chance.choice((1, 1, 3)),
                 "usage_type": "licensed",
                 "discount_percent": self._maybe(Decimal(10), 0.2)}
                for since, until in bounds
            ]  # fmt: skip
        return rows, items

    def _invoices(self) -> tuple[list[Row], list[Row], list[Row], list[Row]]:
        invoices: list[Row] = []
        lines: list[Row] = []
        payments: list[Row] = []
        credit_notes: list[Row] = []
        for number in range(25):
            invoice, at = self._id("inv", number), self._instant()
            customer = self._id("cus", self.chance.randrange(len(self.accounts)))
            currency = self.chance.choice(_CURRENCIES)
            status = self.chance.choice(("paid", "paid", "open", "void", "draft"))
            parts = [
                Decimal(self.chance.randint(-2_000, 90_000)).scaleb(
                    0 if currency == "VND" else -2
                )
                for _ in range(self.chance.randint(1, 3))
            ]
            paid_at = at + timedelta(days=3) if status == "paid" else None
            invoices.append(
                {"invoice_id": invoice, "customer_id": customer, "status": status,
                 "currency": currency, "subtotal": sum(parts, Decimal(0)),
                 "total": sum(parts, Decimal(0)), "paid_at": paid_at,
                 "finalized_at": None if status == "draft" else at,
                 "voided_at": at + timedelta(days=1) if status == "void" else None}
            )  # fmt: skip
            lines += [
                {"line_id": f"{invoice}-{part}", "invoice_id": invoice,
                 "product_id": self._maybe("CRM", 0.7), "amount": amount,
                 "quantity": Decimal(1), "currency": currency,
                 "service_starts_at": at, "service_ends_at": at + timedelta(days=30)}
                for part, amount in enumerate(parts)
            ]  # fmt: skip
            if paid_at is not None:
                payments.append(
                    {"payment_id": f"pay-{invoice}", "customer_id": customer,
                     "invoice_id": invoice, "status": "succeeded", "paid_at": paid_at,
                     "amount": sum(parts, Decimal(0)), "currency": currency}
                )  # fmt: skip
                if self.chance.random() < 0.15:
                    credit_notes.append(
                        {"credit_note_id": f"cn-{invoice}", "invoice_id": invoice,
                         "issued_at": paid_at + timedelta(days=5), "amount": parts[0],
                         "currency": currency}
                    )  # fmt: skip
        return invoices, lines, payments, credit_notes

    def _ads(self) -> list[Row]:
        return [
            {"platform": self.chance.choice(("google", "meta")),
             "ad_account_id": f"ads-{self.seed}", "campaign_id": f"c{number % 2}",
             "ad_group_id": "", "ad_id": "", "date": FIRST + timedelta(days=number * 11),
             "spend": Decimal(self.chance.randint(0, 99_999)).scaleb(-2),
             "currency": self.chance.choice(_CURRENCIES),
             "impressions": self._maybe(self.chance.randint(0, 900)),
             "clicks": self._maybe(self.chance.randint(0, 90))}
            for number in range(_DAYS // 11)
        ]  # fmt: skip


def _status(stage: str) -> str:
    return stage if stage in {"won", "lost"} else "open"
