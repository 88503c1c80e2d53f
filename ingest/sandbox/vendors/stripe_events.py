"""Stripe's event feed: 30 days, in the account's own default version.

Belongs here: which change is which event, their payloads and previous attributes. Stays out:
paging and filters (`stripe`), the JSON of objects.

Two traps of the real feed are kept: an event's payload is in the account's default API
version whatever the request asked for, and nothing older than 30 days is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from ingest.sandbox.model import Event, Fields, StripeAccount, Version, Versioned
from ingest.sandbox.vendors.render import to_epoch
from ingest.sandbox.vendors.stripe_catalogue import (
    render_customer,
    render_price,
    render_product,
)
from ingest.sandbox.vendors.stripe_invoices import render_credit_note, render_invoice
from ingest.sandbox.vendors.stripe_payments import render_charge, render_refund
from ingest.sandbox.vendors.stripe_shapes import Books, Json
from ingest.sandbox.vendors.stripe_subscriptions import (
    render_discount,
    render_subscription,
)

EVENT_DAYS: Final = timedelta(days=30)
"""docs.stripe.com/api/events: the list goes back 30 days."""

Renderer = Callable[[Fields, Books], Json]


def _render_whole_customer(state: Fields, books: Books) -> Json:
    """Return a customer as events carry it: whole, the last time when it is deleted."""
    return render_customer({**state, "is_deleted": False}, books)


_RENDERERS: Final[Mapping[str, tuple[str, Renderer]]] = {
    "customers": ("customer", _render_whole_customer),
    "products": ("product", render_product),
    "prices": ("price", render_price),
    "invoices": ("invoice", render_invoice),
    "charges": ("charge", render_charge),
    "refunds": ("refund", render_refund),
    "credit_notes": ("credit_note", render_credit_note),
}
"""Collection to the prefix of its event types; subscriptions are told apart by the model."""
_STATUS_EVENTS: Final[Mapping[tuple[str, object], str]] = {
    ("invoice", "open"): "finalized",
    ("invoice", "paid"): "paid",
    ("invoice", "void"): "voided",
    ("invoice", "uncollectible"): "marked_uncollectible",
    ("charge", "succeeded"): "succeeded",
    ("charge", "failed"): "failed",
    ("charge", "pending"): "pending",
    ("credit_note", "void"): "voided",
}
"""Object and status entered to the last part of the event type."""


def render_events(
    account: StripeAccount, books: Books, now: datetime, *, version: str
) -> list[Json]:
    """Return every event the feed still shows, newest first."""
    since = now - EVENT_DAYS
    rows = [
        row
        for event in account.events(now, since)
        for row in _subscription_rows(event, books, version)
    ]
    for name in _RENDERERS:
        for record in getattr(account, name):
            rows.extend(_record_rows(name, record, books, (since, now), version))
    return sorted(
        rows, key=lambda row: (int(str(row["created"])), str(row["id"])), reverse=True
    )


def _subscription_rows(event: Event, books: Books, version: str) -> Iterator[Json]:
    """Yield a subscription event, and one for a discount that came or went."""
    now_shown = render_subscription(event.subscription, books)
    before = render_subscription(event.previous, books) if event.previous else None
    yield _row(
        event.event_id,
        event.event_type,
        event.occurred_at,
        shown=now_shown,
        before=before,
        version=version,
    )
    new = render_discount(event.subscription, books)
    old = render_discount(event.previous, books) if event.previous else None
    if (new and new["id"]) == (old and old["id"]):
        return
    for discount, kind in ((old, "deleted"), (new, "created")):
        if discount:
            yield _row(
                f"{event.event_id}_{kind}",
                f"customer.discount.{kind}",
                event.occurred_at,
                shown=discount,
                before=None,
                version=version,
            )


def _record_rows(
    name: str,
    record: Versioned,
    books: Books,
    window: tuple[datetime, datetime],
    version: str,
) -> Iterator[Json]:
    """Yield one event per change of a record in the window."""
    prefix, render = _RENDERERS[name]
    previous: Version | None = None
    for index, change in enumerate(record.versions):
        if change.at > window[1]:
            return
        if change.fields is not None and change.at >= window[0]:
            before = previous.fields if previous else None
            yield _row(
                f"evt_{record.id.replace('_', '')}_{index:04d}",
                _event_type(prefix, change.fields, before),
                change.at,
                shown=render(change.fields, books),
                before=render(before, books) if before else None,
                version=version,
            )
        previous = change


def _event_type(prefix: str, fields: Fields, before: Fields | None) -> str:
    """Return the type of the event a change makes."""
    if fields.get("is_deleted"):
        return f"{prefix}.deleted"
    status = fields.get("status")
    entered = before is None or before.get("status") != status
    named = _STATUS_EVENTS.get((prefix, status))
    if entered and named:
        return f"{prefix}.{named}"
    if before is None:
        return f"{prefix}.created"
    refunded = "amount_refunded_minor"
    if prefix == "charge" and before.get(refunded) != fields.get(refunded):
        return "charge.refunded"
    return f"{prefix}.updated"


def _row(
    identity: str,
    kind: str,
    at: datetime,
    *,
    shown: Json,
    before: Json | None,
    version: str,
) -> Json:
    """Return one event."""
    data: Json = {"object": shown}
    if before is not None:
        data["previous_attributes"] = {
            name: value for name, value in before.items() if shown.get(name) != value
        }
    return {
        "id": identity,
        "object": "event",
        "api_version": version,
        "created": to_epoch(at),
        "data": data,
        "livemode": shown.get("livemode", True),
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
