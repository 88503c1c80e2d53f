"""The life of one subscription: trial, period after period, end.

Belongs here: the order in which things happen. Stays out: the state (`subscription_state`), the
invoices (`subscription_bills`), what happens in between (`subscription_changes`), who
subscribes and returns (`billing`).

Service ends at the end of the paid period after a cancellation (churn is not the click), or at
once when payment fails for good.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ingest.sandbox.story import Draft, dice, local_day, office_instant
from ingest.sandbox.subscription_bills import bill_period
from ingest.sandbox.subscription_changes import let_happen
from ingest.sandbox.subscription_state import (
    Order,
    Tale,
    begin_service,
    drop_coupon,
    end_service,
    find_discount,
    first_items,
    item_fields,
)

if TYPE_CHECKING:
    from random import Random

    from ingest.sandbox.invoicing import Ledger

__all__ = ["Order", "tell_subscription"]


def tell_subscription(
    order: Order, ledger: Ledger, seed: int, until: datetime
) -> tuple[Draft, datetime | None]:
    """Return one subscription told up to `until` and the instant its service ended."""
    draft = Draft(order.subscription_id)
    tale = Tale(order, ledger, seed, until, draft, first_items(order, ledger))
    throw = dice(seed, "subscription", order.subscription_id)
    begin_service(tale, throw)
    if order.has_trial and throw.random() < 0.3:
        end_service(
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


def _tell_period(tale: Tale, throw: Random) -> datetime | None:
    """Tell one period: renewal, invoice, payment, what happens meanwhile; return the end."""
    start, end = tale.period(tale.period_index)
    if tale.next_items is not None:
        tale.items, tale.next_items = tale.next_items, None
    coupon = find_discount(tale, start)
    if tale.period_index or tale.order.has_trial:
        tale.note(start, status="active", items=item_fields(tale, start, end))
    if tale.paused_until is not None and tale.paused_until <= start:
        tale.paused_until = None
    ended_at = bill_period(tale, coupon, throw)
    if coupon is not None and coupon.months == 0:
        drop_coupon(tale, start + timedelta(hours=1))
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
            wants_out = let_happen(tale, at, end, throw)
            if wants_out:
                end_service(tale, end, asked_at=at)
                return end
    return None
