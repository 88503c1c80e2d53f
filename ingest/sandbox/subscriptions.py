"""The life of one subscription: trial, periods, changes, trouble, end.

Belongs here: the state of a subscription over time and the invoices each period raises. Stays
out: who subscribes and returns (`billing`), what an invoice books (`invoicing`).

Service ends at the end of the paid period after a cancellation (churn is not the click), or at
once when payment fails for good.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.invoicing import Bill, Invoice, Ledger, Line, round_minor
from ingest.sandbox.offer import CALLCENTER, ONBOARDING, PLANS, SMS, Product
from ingest.sandbox.prices import (
    INTERVALS,
    Coupon,
    Price,
    coupons_of,
    find_price,
    product_id,
)
from ingest.sandbox.story import Draft, dice, local_day, office_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

TRIAL_DAYS: Final = 14
_RETRY_DAYS: Final = (3, 5, 7)


@dataclass(slots=True)
class Item:
    """One subscription item; metered items have no quantity."""

    item_id: str
    price: Price
    quantity: int | None


@dataclass(frozen=True, slots=True)
class Order:
    """What is subscribed to, and how it begins."""

    subscription_id: str
    customer_id: str
    product: Product
    seats: int
    period: str
    starts_at: datetime
    has_trial: bool
    opportunity_id: str | None
    tax_percent: int
    with_call_center: bool = False
    with_sms: bool = False
    with_onboarding: bool = False


@dataclass(slots=True)
class Tale:
    """One subscription being told."""

    order: Order
    ledger: Ledger
    seed: int
    until: datetime
    draft: Draft
    items: list[Item]
    pending: list[Line] = field(default_factory=list)
    next_items: list[Item] | None = None
    """Items from the next renewal on."""
    coupon: Coupon | None = None
    coupon_at: datetime | None = None
    paused_until: datetime | None = None
    period_index: int = 0
    anchor: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Periods run from the first paid instant."""
        trial = timedelta(days=TRIAL_DAYS if self.order.has_trial else 0)
        self.anchor = self.order.starts_at + trial

    @property
    def series(self) -> str:
        """Invoice series: one per subscription, so numbers do not depend on another's."""
        return self.order.subscription_id.removeprefix("sub_")

    def period(self, index: int) -> tuple[datetime, datetime]:
        """Return [start, end) of a period."""
        unit, count = INTERVALS[self.order.period]
        return (
            add_interval(self.anchor, unit, count * index),
            add_interval(self.anchor, unit, count * (index + 1)),
        )

    def note(self, at: datetime, **values: object) -> None:
        """Note a change of the subscription."""
        self.draft.change(at, values)


def add_interval(at: datetime, unit: str, count: int) -> datetime:
    """Return the instant `count` weeks, months or years later; the day is clamped."""
    if unit == "week":
        return at + timedelta(weeks=count)
    index = at.year * 12 + at.month - 1 + count * (12 if unit == "year" else 1)
    year, month = divmod(index, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def tell_subscription(
    order: Order, ledger: Ledger, seed: int, until: datetime
) -> tuple[Draft, datetime | None]:
    """Return one subscription told up to `until` and the instant its service ended."""
    draft = Draft(order.subscription_id)
    tale = Tale(order, ledger, seed, until, draft, _first_items(order, ledger))
    throw = dice(seed, "subscription", order.subscription_id)
    _begin(tale, throw)
    if order.has_trial and throw.random() < 0.3:
        _end(
            tale,
            tale.anchor,
            asked_at=tale.anchor - timedelta(days=throw.randint(1, 9)),
        )
        return draft, tale.anchor
    ended_at: datetime | None = None
    while ended_at is None and tale.period(tale.period_index)[0] <= until:
        step = dice(seed, "period", order.subscription_id, tale.period_index)
        ended_at = _tell_period(tale, step)
        tale.period_index += 1
    return draft, ended_at


def _first_items(order: Order, ledger: Ledger) -> list[Item]:
    """Return the items at the start."""
    tail = order.subscription_id.removeprefix("sub_")
    price = find_price(order.product, order.period, ledger.currency, ledger.name)
    items = [Item(f"si_{tail}a", price, order.seats)]
    if order.with_call_center:
        extra = find_price(CALLCENTER, order.period, ledger.currency, ledger.name)
        items.append(Item(f"si_{tail}b", extra, max(1, order.seats // 3)))
    if order.with_sms:
        texts = find_price(SMS, "m", ledger.currency, ledger.name)
        items.append(Item(f"si_{tail}c", texts, None))
    return items


def _item_fields(
    tale: Tale, start: datetime, end: datetime
) -> tuple[dict[str, object], ...]:
    """Return the items as the vendor shows them in a period."""
    rows: list[dict[str, object]] = []
    for item in tale.items:
        interval, count = INTERVALS[item.price.period]
        rows.append(
            {
                "item_id": item.item_id,
                "price_id": item.price.price_id,
                "product_id": item.price.product_id,
                "unit_amount_minor": item.price.unit_minor,
                "currency": item.price.currency,
                "quantity": item.quantity,
                "interval": interval,
                "interval_count": count,
                "usage_type": item.price.product.usage_type,
                "current_period_start": start,
                "current_period_end": end,
            }
        )
    return tuple(rows)


def _begin(tale: Tale, throw: Random) -> None:
    """Write the first state: trialing or active."""
    order = tale.order
    first = (order.starts_at, tale.anchor) if order.has_trial else tale.period(0)
    tale.note(
        order.starts_at,
        subscription_id=order.subscription_id,
        customer_id=order.customer_id,
        status="trialing" if order.has_trial else "active",
        created_at=order.starts_at,
        started_at=order.starts_at,
        trial_ends_at=tale.anchor if order.has_trial else None,
        canceled_at=None,
        cancel_at=None,
        cancel_at_period_end=False,
        ended_at=None,
        is_paused=False,
        currency=tale.ledger.currency,
        coupon_id=None,
        discount_percent=None,
        discount_amount_minor=None,
        discount_ends_at=None,
        opportunity_id=order.opportunity_id,
        items=_item_fields(tale, *first),
    )
    if throw.random() < 0.22:
        _apply_coupon(tale, order.starts_at, throw)


def _apply_coupon(tale: Tale, at: datetime, throw: Random) -> None:
    """Put a coupon on the subscription; amounts off only where there is one item."""
    choices = [
        coupon
        for coupon in coupons_of(tale.ledger.currency)
        if coupon.percent or (len(tale.items) == 1 and tale.order.period == "m")
    ]
    coupon = throw.choice(choices)
    tale.coupon, tale.coupon_at = coupon, at
    ends_at = add_interval(at, "month", coupon.months) if coupon.months else None
    is_recurring = coupon.months != 0
    tale.note(
        at,
        coupon_id=coupon.coupon_id,
        discount_percent=coupon.percent if is_recurring else None,
        discount_amount_minor=coupon.amount_minor if is_recurring else None,
        discount_ends_at=ends_at,
    )


def _discount_at(tale: Tale, at: datetime) -> Coupon | None:
    """Return the coupon in force at `at`; drops one that has run out."""
    coupon, since = tale.coupon, tale.coupon_at
    if coupon is None or since is None:
        return None
    if coupon.months and add_interval(since, "month", coupon.months) <= at:
        _drop_coupon(tale, at)
        return None
    return coupon


def _drop_coupon(tale: Tale, at: datetime) -> None:
    """Take the coupon off the subscription."""
    tale.coupon = None
    tale.note(
        at,
        coupon_id=None,
        discount_percent=None,
        discount_amount_minor=None,
        discount_ends_at=None,
    )


def _end(tale: Tale, at: datetime, *, asked_at: datetime) -> None:
    """End the service; `asked_at` is the click on cancel."""
    if asked_at < at:
        click = max(asked_at, tale.order.starts_at + timedelta(minutes=1))
        tale.note(click, canceled_at=click, cancel_at=at, cancel_at_period_end=True)
        asked_at = click
    tale.note(
        at,
        status="canceled",
        canceled_at=asked_at,
        cancel_at=None,
        cancel_at_period_end=False,
        ended_at=at,
        is_paused=False,
    )


def _tell_period(tale: Tale, throw: Random) -> datetime | None:
    """Tell one period: renewal, invoice, payment, what happens meanwhile; return the end."""
    start, end = tale.period(tale.period_index)
    if tale.next_items is not None:
        tale.items, tale.next_items = tale.next_items, None
    coupon = _discount_at(tale, start)
    if tale.period_index or tale.order.has_trial:
        tale.note(start, status="active", items=_item_fields(tale, start, end))
    if tale.paused_until is not None and tale.paused_until <= start:
        tale.paused_until = None
    ended_at = _bill_period(tale, coupon, throw)
    if coupon is not None and coupon.months == 0:
        _drop_coupon(tale, start + timedelta(hours=1))
    if ended_at is not None:
        return ended_at
    months = max(1, (end - start).days // 30)
    for month in range(months):
        low = start + (end - start) * month / months
        high = start + (end - start) * (month + 1) / months
        at = office_instant(
            local_day(low) + timedelta(days=throw.randint(2, 20)), throw
        )
        at = at.replace(second=37)
        if low + timedelta(days=1) < at < high - timedelta(days=1):
            wants_out = _happen(tale, at, end, throw)
            if wants_out:
                _end(tale, end, asked_at=at)
                return end
    return None


def _bill_period(tale: Tale, coupon: Coupon | None, throw: Random) -> datetime | None:
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
    _receive(tale, invoice, finalized_at + wait, throw)
    return None


def _receive(tale: Tale, invoice: Invoice, at: datetime, throw: Random) -> None:
    """Book the payment; some of it goes back later."""
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
            _receive(tale, invoice, at, throw)
            tale.note(at, status="active")
            return None
        tale.ledger.fail(invoice, at, throw)
    if throw.random() < 0.45:
        back = at + timedelta(days=throw.randint(1, 2), hours=5)
        tale.note(at, status="unpaid")
        _receive(tale, invoice, back, throw)
        tale.note(back, status="active")
        return None
    tale.ledger.give_up(invoice, at + timedelta(days=20))
    tale.note(at, status="canceled", canceled_at=at, ended_at=at)
    return at


def _happen(tale: Tale, at: datetime, end: datetime, throw: Random) -> bool:
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
        _change_item(tale, at, end, tale.items[0].price, grown, throw)
    elif chance < 0.095:
        shrunk = max(1, (tale.items[0].quantity or 1) - throw.choice((1, 2, 4)))
        _change_item(tale, at, end, tale.items[0].price, shrunk, throw)
    elif chance < 0.125:
        _change_plan(tale, at, end, throw)
    elif chance < 0.137 and tale.order.period == "m":
        tale.paused_until = end + timedelta(days=throw.choice((1, 32, 62)))
        tale.note(at, is_paused=True)
        tale.note(tale.paused_until, is_paused=False)
    elif chance < 0.16 and tale.coupon is None:
        _apply_coupon(tale, at, throw)
    elif chance < 0.175:
        _bill_extra(tale, at, throw)
    return False


def _change_plan(tale: Tale, at: datetime, end: datetime, throw: Random) -> None:
    """Move the first item one plan up (mostly) or down."""
    price = tale.items[0].price
    if price.product not in PLANS:
        return
    rank = PLANS.index(price.product) + (1 if throw.random() < 0.68 else -1)
    if 0 <= rank < len(PLANS):
        ledger = tale.ledger
        other = find_price(PLANS[rank], tale.order.period, ledger.currency, ledger.name)
        _change_item(tale, at, end, other, tale.items[0].quantity or 1, throw)


def _change_item(
    tale: Tale, at: datetime, end: datetime, price: Price, quantity: int, throw: Random
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
    start = tale.period(tale.period_index)[0]
    lines = _proration_lines(tale, old, new, at, end, start)
    tale.items = [new, *tale.items[1:]]
    tale.note(at, items=_item_fields(tale, start, end))
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
    tale: Tale, old: Item, new: Item, at: datetime, end: datetime, start: datetime
) -> tuple[Line, Line]:
    """Return the credit for unused time and the charge for the rest of the period."""
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
    _receive(tale, invoice, finalized_at + timedelta(days=throw.randint(0, 12)), throw)
