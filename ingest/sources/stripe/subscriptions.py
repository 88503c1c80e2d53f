"""Subscription items: as they are now, and as each event said they became.

Belongs here: one row per item with its subscription's state, from the list of subscriptions
and from `customer.subscription.*` events. Stays out: MRR (dbt), discounts' shapes
(`discounts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.errors import ContractViolation
from ingest.instants import from_epoch_seconds
from ingest.sources.stripe.discounts import DiscountBook, discount_expansions
from ingest.sources.stripe.lists import Account, Row, id_of, upper
from ingest.sources.stripe.names import EVENT, SUBSCRIPTION
from ingest.sources.wire import Json, dig, required

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

ITEMS_PATH: Final = "/v1/subscription_items"


def read_subscription_items(account: Account) -> Iterator[Row]:
    """Yield every item of every subscription, ended ones included, in its state now."""
    book = DiscountBook(account)
    params = {
        "status": "all",
        "expand[]": discount_expansions(account.version, prefix="data."),
    }
    rows = account.list_all("/v1/subscriptions", SUBSCRIPTION, params)
    for subscription, origin in rows:
        where = "stripe subscription"
        created = from_epoch_seconds(required(subscription, "created", where))
        subscription_id = str(required(subscription, "id", where))
        items = account.whole(
            required(subscription, "items", where),
            ITEMS_PATH,
            {"subscription": subscription_id},
        )
        for item in items:
            values = _item_state(subscription, item, book, is_only_item=len(items) == 1)
            values["subscription_created_at"] = created
            yield values, item, origin


def read_subscription_events(
    account: Account, start: datetime, end: datetime
) -> Iterator[Row]:
    """Yield one row per event and item in its payload, newest event first.

    The payload is in the account's own API version, whatever version we pin.
    """
    book = DiscountBook(account)
    params = {
        "type": "customer.subscription.*",
        "created[gte]": str(int(start.timestamp())),
        "created[lt]": str(int(end.timestamp())),
    }
    for event, origin in account.list_all("/v1/events", EVENT, params):
        where = "stripe event"
        subscription = required(required(event, "data", where), "object", where)
        items = _items_of_event(account, subscription)
        for item in items:
            values = _item_state(subscription, item, book, is_only_item=len(items) == 1)
            values |= {
                "event_id": required(event, "id", where),
                "event_type": required(event, "type", where),
                "occurred_at": from_epoch_seconds(required(event, "created", where)),
                "api_version": event.get("api_version"),
            }
            yield values, event, origin


def _items_of_event(account: Account, subscription: Json) -> list[Json]:
    """Return the items of a payload; those it leaves out are read as they are now.

    A payload embeds 20 items. Nothing tells the other items' state at that time, and the
    present state is the better guess than their absence.
    """
    items = required(subscription, "items", "stripe event")
    subscription_id = str(required(subscription, "id", "stripe event"))
    return account.whole(items, ITEMS_PATH, {"subscription": subscription_id})


def _item_state(
    subscription: Json, item: Json, book: DiscountBook, *, is_only_item: bool
) -> dict[str, object]:
    """Return the columns that items and events share."""
    where = "stripe subscription item"
    price = _price_of(item, where)
    recurring = price.get("recurring") or {}
    terms = book.terms_of(subscription, item, is_only_item=is_only_item)
    return {
        "item_id": required(item, "id", where),
        "subscription_id": required(subscription, "id", where),
        "customer_id": id_of(required(subscription, "customer", where)),
        "status": required(subscription, "status", where),
        "started_at": from_epoch_seconds(subscription.get("start_date")),
        "trial_ends_at": from_epoch_seconds(subscription.get("trial_end")),
        "canceled_at": from_epoch_seconds(subscription.get("canceled_at")),
        "cancel_at": from_epoch_seconds(_cancel_at(subscription, item)),
        "ended_at": from_epoch_seconds(subscription.get("ended_at")),
        "is_paused": subscription.get("pause_collection") is not None,
        "price_id": required(price, "id", where),
        "product_id": id_of(price.get("product")),
        "unit_amount_minor": price.get("unit_amount"),
        "currency": upper(price.get("currency") or subscription.get("currency")),
        "quantity": item.get("quantity"),
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "usage_type": recurring.get("usage_type"),
        "discount_percent": terms.percent,
        "discount_amount_minor": terms.amount_minor,
        "discount_ends_at": terms.ends_at,
        "opportunity_id": dig(subscription, "metadata", "crm_deal_id") or None,
    }


def _price_of(item: Json, where: str) -> Json:
    price = required(item, "price", where)
    if not isinstance(price, dict):
        message = f"{where}: price is not included; the vendor changed shape"
        raise ContractViolation(message)
    return price


def _cancel_at(subscription: Json, item: Json) -> int | None:
    """Return when it is scheduled to end.

    `cancel_at_period_end` without `cancel_at` means the end of the current period, which
    lies on the item since 2025-03-31 and on the subscription before.
    """
    at = subscription.get("cancel_at")
    if at is None and subscription.get("cancel_at_period_end"):
        at = item.get("current_period_end") or subscription.get("current_period_end")
    return at
