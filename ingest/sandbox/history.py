"""The one-time history of a Stripe account, as rows of canonical entities.

Belongs here: subscriptions as they stand and item states with their validity, in major units.
Stays out: writing files (`drop`), Stripe's own shapes (`vendors`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, StripeAccount, Versioned, rows_in
from ingest.sandbox.offer import to_major

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

SUBSCRIPTION_COLUMNS: Final = (
    "subscription_id",
    "customer_id",
    "status",
    "started_at",
    "trial_ends_at",
    "canceled_at",
    "ended_at",
    "currency",
    "opportunity_id",
)
ITEM_COLUMNS: Final = (
    "item_id",
    "valid_from",
    "subscription_id",
    "customer_id",
    "status",
    "product_id",
    "unit_price",
    "currency",
    "quantity",
    "interval",
    "interval_count",
    "usage_type",
    "discount_percent",
    "discount_amount",
    "discount_ends_at",
    "trial_ends_at",
    "cancel_at",
    "valid_to",
)

_Rows = list[tuple[object, ...]]


def write_subscription_rows(
    account: StripeAccount, now: datetime
) -> tuple[tuple[str, ...], _Rows]:
    """Return header and one row per subscription as of `now`."""
    rows: _Rows = []
    for subscription in account.subscriptions:
        state = subscription.state_at(now)
        if state is not None:
            status = _status_of(state)
            rows.append(
                tuple(
                    status if name == "status" else state[name]
                    for name in SUBSCRIPTION_COLUMNS
                )
            )
    return SUBSCRIPTION_COLUMNS, rows


def write_item_rows(
    account: StripeAccount, now: datetime
) -> tuple[tuple[str, ...], _Rows]:
    """Return header and one row per item and state that was in force up to `now`.

    Consecutive equal states are one row; the last state has no end.
    """
    rows: _Rows = []
    for subscription in account.subscriptions:
        by_item: dict[str, _Rows] = {}
        for at, values in _item_states(subscription, now):
            known = by_item.setdefault(str(values["item_id"]), [])
            row = (
                values["item_id"],
                at,
                *(values[n] for n in ITEM_COLUMNS[2:-1]),
                None,
            )
            if known and known[-1][2:-1] == row[2:-1]:
                continue
            if known:
                known[-1] = (*known[-1][:-1], at)
            known.append(row)
        for known in by_item.values():
            rows.extend(known)
    return ITEM_COLUMNS, rows


def _item_states(
    subscription: Versioned, now: datetime
) -> Iterator[tuple[datetime, Mapping[str, object]]]:
    """Yield (since, canonical fields) of every item in every version up to `now`."""
    for version in subscription.versions:
        state = version.fields
        if version.at > now or state is None:
            return
        currency = str(state["currency"])
        amount_off = state["discount_amount_minor"]
        shared = {
            "subscription_id": state["subscription_id"],
            "customer_id": state["customer_id"],
            "status": _status_of(state),
            "currency": currency,
            "discount_percent": state["discount_percent"],
            "discount_amount": _major(amount_off, currency),
            "discount_ends_at": state["discount_ends_at"],
            "trial_ends_at": state["trial_ends_at"],
            "cancel_at": state["cancel_at"],
        }
        for item in rows_in(state, "items"):
            yield (
                version.at,
                {
                    **shared,
                    **{
                        name: item[name]
                        for name in (
                            "item_id",
                            "product_id",
                            "quantity",
                            "interval",
                            "interval_count",
                            "usage_type",
                        )
                    },
                    "unit_price": _major(item["unit_amount_minor"], currency),
                },
            )


def _major(minor: object, currency: str) -> object:
    """Return minor units as a major amount; blank stays blank."""
    return to_major(minor, currency) if isinstance(minor, int) else None


def _status_of(state: Fields) -> object:
    """Return the canonical status: collection paused counts as paused."""
    return (
        "paused"
        if state["is_paused"] and state["status"] == "active"
        else state["status"]
    )
