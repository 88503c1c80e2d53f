"""One subscription being told: its items, periods, coupon and end.

Belongs here: `Order` (what is subscribed to), `Tale` (the subscription as it goes) and the
changes of its state. Stays out: invoices (`subscription_bills`), what happens in a period
(`subscription_changes`), the whole life (`subscriptions`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.offer import CALLCENTER, SMS, Product
from ingest.sandbox.prices import INTERVALS, Coupon, Price, coupons_of, find_price

if TYPE_CHECKING:
    from random import Random

    from ingest.sandbox.invoicing import Ledger, Line
    from ingest.sandbox.story import Draft

TRIAL_DAYS: Final = 14


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


def first_items(order: Order, ledger: Ledger) -> list[Item]:
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


def item_fields(
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


def begin_service(tale: Tale, throw: Random) -> None:
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
        items=item_fields(tale, *first),
    )
    if throw.random() < 0.22:
        apply_coupon(tale, order.starts_at, throw)


def apply_coupon(tale: Tale, at: datetime, throw: Random) -> None:
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


def find_discount(tale: Tale, at: datetime) -> Coupon | None:
    """Return the coupon in force at `at`; drops one that has run out."""
    coupon, since = tale.coupon, tale.coupon_at
    if coupon is None or since is None:
        return None
    if coupon.months and add_interval(since, "month", coupon.months) <= at:
        drop_coupon(tale, at)
        return None
    return coupon


def drop_coupon(tale: Tale, at: datetime) -> None:
    """Take the coupon off the subscription."""
    tale.coupon = None
    tale.note(
        at,
        coupon_id=None,
        discount_percent=None,
        discount_amount_minor=None,
        discount_ends_at=None,
    )


def end_service(tale: Tale, at: datetime, *, asked_at: datetime) -> None:
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
