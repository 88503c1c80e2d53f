"""The invoice of a subscription's period and whether it is paid.

Belongs here: lines of a period, payment, dunning, refunds and credit notes that follow. Stays
out: booking them (`invoicing`), changes in the middle of a period (`subscription_changes`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.invoicing import Bill, Invoice, Line, round_minor
from ingest.sandbox.offer import ONBOARDING
from ingest.sandbox.prices import Coupon, product_id
from ingest.sandbox.story import dice, local_day, office_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from ingest.sandbox.subscription_state import Tale

_RETRY_DAYS: Final = (3, 5, 7)


def bill_period(tale: Tale, coupon: Coupon | None, throw: Random) -> datetime | None:
    """Raise the invoice of the period and let it be paid; return the end if it is not."""
    start, end = tale.period(tale.period_index)
    lines = (*_period_lines(tale, start, end, coupon, throw), *tale.pending)
    tale.pending = []
    bill = Bill(
        tale.order.customer_id,
        tale.order.subscription_id,
        start,
        lines,
        tale.order.tax_percent,
        "cycle",
        tale.series,
    )
    if tale.paused_until is not None:
        tale.ledger.open_invoice(bill, None)
        return None
    is_late = throw.random() < 0.05
    wait = (
        timedelta(days=throw.randint(1, 8), hours=2) if is_late else timedelta(hours=1)
    )
    finalized_at = start + wait
    invoice = tale.ledger.open_invoice(bill, finalized_at)
    limit = end - timedelta(hours=6)
    return _settle(tale, invoice, finalized_at, limit, throw)


def _period_lines(
    tale: Tale, start: datetime, end: datetime, coupon: Coupon | None, throw: Random
) -> Iterator[Line]:
    """Yield the lines of a period's invoice: licences, usage of the period before, one-offs."""
    subscription_id = tale.order.subscription_id
    for item in tale.items:
        price = item.price
        quantity, service = item.quantity, (start, end)
        if quantity is None:
            if tale.period_index == 0:
                continue
            quantity = throw.randint(200, 4_000)
            service = tale.period(tale.period_index - 1)
        amount = price.unit_minor * quantity
        yield Line(
            f"{quantity} × {price.product.name}",
            price.product_id,
            price.price_id,
            item.item_id,
            subscription_id,
            quantity,
            amount,
            service,
            discount_minor=_discount_of(coupon, amount, metered=item.quantity is None),
        )
    if tale.period_index == 0 and tale.order.with_onboarding:
        ledger = tale.ledger
        yield Line(
            ONBOARDING.name,
            product_id(ONBOARDING, ledger.name),
            f"price_{ledger.name[-2:]}onboarding_once",
            None,
            subscription_id,
            1,
            ONBOARDING.monthly_minor[ledger.currency],
            (start, start),
        )


def _discount_of(coupon: Coupon | None, amount: int, *, metered: bool) -> int:
    """Return the discount of one licence line in minor units."""
    if coupon is None or metered:
        return 0
    if coupon.percent:
        return round_minor(Decimal(amount) * coupon.percent / 100)
    return min(amount, coupon.amount_minor or 0)


def _settle(
    tale: Tale, invoice: Invoice, finalized_at: datetime, limit: datetime, throw: Random
) -> datetime | None:
    """Pay the invoice, late or never; return when service ended because of it."""
    ledger = tale.ledger
    chance = throw.random()
    if chance < 0.012 and invoice.total > 0:
        ledger.void(
            invoice, finalized_at + timedelta(days=throw.randint(1, 22), hours=3)
        )
        return None
    if chance < 0.022 and invoice.total > 0:
        ledger.give_up(
            invoice, finalized_at + timedelta(days=throw.randint(60, 80), hours=5)
        )
        return None
    if (
        chance < 0.10
        and invoice.total > 0
        and limit - finalized_at > timedelta(days=18)
    ):
        return _dun(tale, invoice, finalized_at, throw)
    by_transfer = throw.random() < 0.3
    wait = (
        timedelta(days=throw.randint(1, 20), hours=4)
        if by_transfer
        else timedelta(minutes=4)
    )
    receive_payment(tale, invoice, finalized_at + wait, throw)
    return None


def receive_payment(tale: Tale, invoice: Invoice, at: datetime, throw: Random) -> None:
    """Book the payment; some of it goes back later, some is disputed."""
    charge = tale.ledger.pay(invoice, at)
    chance = throw.random()
    if charge is not None and chance < 0.03:
        tale.ledger.give_back(invoice, charge, at, throw)
    elif charge is not None and chance < 0.045:
        noted = office_instant(
            local_day(at) + timedelta(days=throw.randint(3, 35)), throw
        )
        note = tale.ledger.credit(invoice, Decimal(throw.choice((10, 25, 40))), noted)
        if throw.random() < 0.15:
            undone = noted + timedelta(days=throw.randint(1, 9))
            note.change(undone, {"status": "void", "voided_at": undone})
    elif charge is not None:
        # Dice of their own: what happens beside disputes does not depend on them.
        luck = dice(tale.seed, "dispute", charge.id)
        if luck.random() < 0.015:
            tale.ledger.dispute(charge, invoice.total, at, luck)


def _dun(
    tale: Tale, invoice: Invoice, finalized_at: datetime, throw: Random
) -> datetime | None:
    """Retry a declined payment: paid late, unpaid for a while, or the end of service."""
    at = finalized_at + timedelta(minutes=4)
    tale.ledger.fail(invoice, at, throw)
    tale.note(at, status="past_due")
    for days in _RETRY_DAYS:
        at += timedelta(days=days)
        if throw.random() < 0.5:
            receive_payment(tale, invoice, at, throw)
            tale.note(at, status="active")
            return None
        tale.ledger.fail(invoice, at, throw)
    if throw.random() < 0.45:
        back = at + timedelta(days=throw.randint(1, 2), hours=5)
        tale.note(at, status="unpaid")
        receive_payment(tale, invoice, back, throw)
        tale.note(back, status="active")
        return None
    tale.ledger.give_up(invoice, at + timedelta(days=20))
    tale.note(at, status="canceled", canceled_at=at, ended_at=at)
    return at
