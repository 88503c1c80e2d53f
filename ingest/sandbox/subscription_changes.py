"""What happens in the middle of a subscription's period.

Belongs here: seats and plans going up and down with their prorations, coupons, pauses, extra
invoices, the wish to leave. Stays out: the regular invoice (`subscription_bills`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ingest.sandbox.invoicing import Bill, Line, round_minor
from ingest.sandbox.offer import ONBOARDING, PLANS
from ingest.sandbox.prices import Price, find_price
from ingest.sandbox.subscription_bills import receive_payment
from ingest.sandbox.subscription_state import Item, Tale, apply_coupon, item_fields

if TYPE_CHECKING:
    from random import Random


def let_happen(tale: Tale, at: datetime, end: datetime, throw: Random) -> bool:
    """Let something happen in the middle of a period; return whether they want to leave."""
    chance = throw.random()
    if tale.paused_until is not None:
        return False
    if chance < 0.028:
        if throw.random() < 0.15:
            tale.note(at, canceled_at=at, cancel_at=end, cancel_at_period_end=True)
            undone = at + (end - at) * 0.3
            tale.note(
                undone.replace(microsecond=0),
                canceled_at=None,
                cancel_at=None,
                cancel_at_period_end=False,
            )
            return False
        return True
    if chance < 0.075:
        grown = (tale.items[0].quantity or 1) + throw.choice((1, 2, 3, 5))
        _change_item(tale, at, throw, price=tale.items[0].price, quantity=grown)
    elif chance < 0.095:
        shrunk = max(1, (tale.items[0].quantity or 1) - throw.choice((1, 2, 4)))
        _change_item(tale, at, throw, price=tale.items[0].price, quantity=shrunk)
    elif chance < 0.125:
        _change_plan(tale, at, throw)
    elif chance < 0.137 and tale.order.period == "m":
        tale.paused_until = end + timedelta(days=throw.choice((1, 32, 62)))
        tale.note(at, is_paused=True)
        tale.note(tale.paused_until, is_paused=False)
    elif chance < 0.16 and tale.coupon is None:
        apply_coupon(tale, at, throw)
    elif chance < 0.175:
        _bill_extra(tale, at, throw)
    return False


def _change_plan(tale: Tale, at: datetime, throw: Random) -> None:
    """Move the first item one plan up (mostly) or down."""
    price = tale.items[0].price
    if price.product not in PLANS:
        return
    rank = PLANS.index(price.product) + (1 if throw.random() < 0.68 else -1)
    if 0 <= rank < len(PLANS):
        ledger = tale.ledger
        other = find_price(PLANS[rank], tale.order.period, ledger.currency, ledger.name)
        _change_item(tale, at, throw, price=other, quantity=tale.items[0].quantity or 1)


def _change_item(
    tale: Tale, at: datetime, throw: Random, *, price: Price, quantity: int
) -> None:
    """Change price or quantity now, with proration lines, or from the next renewal on."""
    old = tale.items[0]
    new = replace(old, price=price, quantity=quantity)
    if (new.price, new.quantity) == (old.price, old.quantity):
        return
    value = new.price.unit_minor * quantity - old.price.unit_minor * (old.quantity or 0)
    if value < 0 and throw.random() < 0.5:
        tale.next_items = [new, *tale.items[1:]]
        return
    start, end = tale.period(tale.period_index)
    lines = _proration_lines(tale, old, new, at)
    tale.items = [new, *tale.items[1:]]
    tale.note(at, items=item_fields(tale, start, end))
    if value > 0 and throw.random() < 0.5:
        bill = Bill(
            tale.order.customer_id,
            tale.order.subscription_id,
            at,
            lines,
            tale.order.tax_percent,
            "update",
            tale.series,
        )
        invoice = tale.ledger.open_invoice(bill, at)
        tale.ledger.pay(invoice, at + timedelta(minutes=1))
    else:
        tale.pending.extend(lines)


def _proration_lines(
    tale: Tale, old: Item, new: Item, at: datetime
) -> tuple[Line, Line]:
    """Return the credit for unused time and the charge for the rest of the period."""
    start, end = tale.period(tale.period_index)
    left = Decimal(int((end - at).total_seconds())) / int((end - start).total_seconds())

    def line(item: Item, sign: int, text: str) -> Line:
        """Return one side of the proration."""
        amount = sign * round_minor(item.price.unit_minor * (item.quantity or 0) * left)
        return Line(
            f"{text} {item.price.product.name}",
            item.price.product_id,
            item.price.price_id,
            item.item_id,
            tale.order.subscription_id,
            item.quantity or 0,
            amount,
            (at, end),
            is_proration=True,
        )

    return line(old, -1, "Phần chưa dùng:"), line(new, 1, "Phần còn lại:")


def _bill_extra(tale: Tale, at: datetime, throw: Random) -> None:
    """Raise an invoice of its own for a free-text service."""
    ledger = tale.ledger
    amount = ONBOARDING.monthly_minor[ledger.currency] * throw.choice((1, 1, 2)) // 2
    line = Line("Đào tạo bổ sung", None, None, None, None, 1, amount, (at, at))
    order = tale.order
    bill = Bill(
        order.customer_id, None, at, (line,), order.tax_percent, "manual", tale.series
    )
    finalized_at = at + timedelta(hours=1)
    invoice = ledger.open_invoice(bill, finalized_at)
    receive_payment(
        tale, invoice, finalized_at + timedelta(days=throw.randint(0, 12)), throw
    )
