"""Recurring discounts of subscriptions, in every shape Stripe sends them.

Belongs here: what percent or amount comes off and until when. Stays out: applying it to a
price (dbt), one-off discounts of an invoice (`billing`).

Shapes, by API version: `discount` with its coupon (before 2025-03-31); `discounts`, a list of
ids unless expanded; the coupon inside the discount until 2025-09-30.clover and by id under
`source` since. Event payloads come in the account's own version and are never expanded, so
their ids are looked up: first on the subscription as it is now, then among the
`customer.discount.*` events, which carry the whole discount.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.errors import FatalSourceError
from ingest.instants import from_epoch_seconds
from ingest.sources.wire import Json, dig, required

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.sources.stripe.lists import Account

COUPON_BY_ID_SINCE: Final = "2025-09-30"
"""First API version whose discounts hold the coupon's id instead of the coupon."""

_HUNDRED: Final = Decimal(100)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Terms:
    """What comes off each interval.

    Units: `percent` 0-100; `amount_minor` in the subscription's currency. `ends_at` None =
    for ever, or no discount.
    """

    percent: Decimal | None = None
    amount_minor: int | None = None
    ends_at: datetime | None = None


@dataclass
class DiscountBook:
    """Finds discounts and coupons by id, asking Stripe once for each."""

    account: Account
    _coupons: dict[str, Json] = field(default_factory=dict)
    _by_subscription: dict[str, dict[str, Json]] = field(default_factory=dict)
    _from_events: dict[str, Json] | None = None

    def terms_of(self, subscription: Json, item: Json, *, is_only_item: bool) -> Terms:
        """Return the combined recurring terms on one item of a subscription.

        Percentages apply one after the other, amounts add up, and the first to end ends the
        combination: the next extract shows what is left. An amount off one of several items
        has no column of its own (amounts are the subscription's) and is only reported.
        """
        subscription_id = str(required(subscription, "id", "stripe subscription"))
        own = [(entry, True) for entry in _entries(item)]
        shared = [(entry, False) for entry in _entries(subscription)]
        left = Decimal(1)
        amount = 0
        ends: list[datetime] = []
        for entry, is_own in shared + own:
            discount = self._whole(entry, subscription_id)
            coupon = self._coupon(discount) if discount else None
            if discount is None or coupon is None or coupon.get("duration") == "once":
                continue
            if coupon.get("percent_off") is not None:
                left *= 1 - Decimal(coupon["percent_off"]) / _HUNDRED
            elif is_own and not is_only_item:
                self._warn("item_discount_ignored")
                continue
            else:
                amount += int(required(coupon, "amount_off", "stripe coupon"))
            end = from_epoch_seconds(discount.get("end"))
            if end is not None:
                ends.append(end)
        percent = (1 - left) * _HUNDRED
        return Terms(percent or None, amount or None, min(ends, default=None))

    def _whole(self, entry: object, subscription_id: str) -> Json | None:
        if isinstance(entry, dict):
            return entry
        return self._look_up(str(entry), subscription_id)

    def _look_up(self, discount_id: str, subscription_id: str) -> Json | None:
        """Return a discount known by id only; None = Stripe no longer says."""
        now = self._by_subscription.get(subscription_id)
        if now is None:
            now = self._current(subscription_id)
            self._by_subscription[subscription_id] = now
        if discount_id in now:
            return now[discount_id]
        if self._from_events is None:
            self._from_events = self._read_events()
        found = self._from_events.get(discount_id)
        if found is None:
            self._warn("discount_unknown")
        return found

    def _current(self, subscription_id: str) -> dict[str, Json]:
        expand = discount_expansions(self.account.version, prefix="")
        subscription = self.account.get(
            f"/v1/subscriptions/{subscription_id}", {"expand[]": expand}
        )
        holders = [subscription, *(dig(subscription, "items", "data") or ())]
        return {
            str(entry["id"]): entry
            for holder in holders
            for entry in _entries(holder)
            if isinstance(entry, dict)
        }

    def _read_events(self) -> dict[str, Json]:
        """Return discount id -> its newest state in the 30 days Stripe remembers."""
        found: dict[str, Json] = {}
        params = {"type": "customer.discount.*"}
        for event, _ in self.account.pages("/v1/events", params):
            discount = required(event.get("data"), "object", "stripe events")
            found.setdefault(str(required(discount, "id", "stripe events")), discount)
        return found

    def _coupon(self, discount: Json) -> Json:
        coupon = discount.get("coupon") or dig(discount, "source", "coupon")
        if isinstance(coupon, dict):
            return coupon
        if coupon is None:
            message = (
                f"{self.account.source}: a discount names no coupon; the vendor changed "
                "shape, adapt ingest.sources.stripe.discounts"
            )
            raise FatalSourceError(message)
        coupon_id = str(coupon)
        if coupon_id not in self._coupons:
            self._coupons[coupon_id] = self.account.get(f"/v1/coupons/{coupon_id}")
        return self._coupons[coupon_id]

    def _warn(self, event: str) -> None:
        _log.warning(
            event, extra={"source": self.account.source, "entity": "discounts"}
        )


def _entries(holder: Json) -> list[object]:
    """Return the discounts on a subscription or item: whole, or ids."""
    single = holder.get("discount")
    return list(holder.get("discounts") or ([single] if single else []))


def discount_expansions(version: str, *, prefix: str) -> list[str]:
    """Return the `expand[]` values that bring a subscription's discounts whole.

    Stripe expands four levels deep at most, so coupons of item discounts cannot be expanded
    since they moved under `source`; they are then looked up by id.
    """
    if version >= COUPON_BY_ID_SINCE:
        return [f"{prefix}discounts.source.coupon", f"{prefix}items.data.discounts"]
    return [f"{prefix}discounts", f"{prefix}items.data.discounts"]
