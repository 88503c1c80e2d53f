"""What one Stripe account shows at the present clock, rendered once per clock and version.

Belongs here: choosing the state of each record, its order in lists, deleted and test-mode
records. Stays out: requests and paging (`stripe`), the JSON of objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ingest.sandbox.vendors.render import ClockCache
from ingest.sandbox.vendors.stripe_catalogue import (
    render_coupon,
    render_customer,
    render_price,
    render_product,
)
from ingest.sandbox.vendors.stripe_events import render_events
from ingest.sandbox.vendors.stripe_invoices import (
    render_credit_note,
    render_invoice,
    render_lines,
)
from ingest.sandbox.vendors.stripe_payments import (
    render_balance_transaction,
    render_charge,
    render_dispute,
    render_invoice_payment,
    render_payout,
    render_refund,
)
from ingest.sandbox.vendors.stripe_shapes import (
    Books,
    Json,
    Shape,
    discount_id,
    shape_of,
)
from ingest.sandbox.vendors.stripe_subscriptions import (
    render_discount,
    render_item,
    render_subscription,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ingest.sandbox.model import Fields, StripeAccount, Versioned

_TEST_COPIES: Final = 2
"""Test-mode twins per collection. A live key does not list them at Stripe; a client that is
given a wrong key, or a test clock, meets them and must not count them."""
_RENDERERS: Final[Mapping[str, Callable[[Fields, Books], Json]]] = {
    "customers": render_customer,
    "products": render_product,
    "prices": render_price,
    "coupons": render_coupon,
    "subscriptions": render_subscription,
    "invoices": render_invoice,
    "charges": render_charge,
    "refunds": render_refund,
    "credit_notes": render_credit_note,
    "balance_transactions": render_balance_transaction,
    "disputes": render_dispute,
    "payouts": render_payout,
}
_WITH_TEST_MODE: Final[Mapping[str, str]] = {
    "customers": "customer_id",
    "subscriptions": "subscription_id",
    "invoices": "invoice_id",
    "charges": "charge_id",
}
"""Collections with twins, and their keys."""


@dataclass(frozen=True)
class _Shown:
    """A collection as lists show it, and every object that can be retrieved."""

    rows: Sequence[Json]
    by_id: Mapping[str, Json]


class Ledger:
    """The account's rendered collections."""

    def __init__(self, account: StripeAccount, *, default_version: str) -> None:
        """Keep the account's histories."""
        self._account = account
        self._version = default_version
        self._shown: ClockCache[_Shown] = ClockCache()
        self._books: ClockCache[Books] = ClockCache()
        self._states: ClockCache[dict[str, Fields]] = ClockCache()

    def rows(self, name: str, shape: Shape, now: datetime) -> Sequence[Json]:
        """Return a collection, newest first, as its list shows it."""
        return self._collection(name, shape, now).rows

    def one(self, name: str, identity: str, shape: Shape, now: datetime) -> Json | None:
        """Return one object by id; None = there is none."""
        return self._collection(name, shape, now).by_id.get(identity)

    def lines(self, identity: str, shape: Shape, now: datetime) -> list[Json] | None:
        """Return all lines of an invoice; None = no such invoice."""
        books = self._book(shape, now)
        state = self._at("invoices", now).get(identity)
        if state is None:
            state = self._twins("invoices", now).get(identity)
            books = replace(books, livemode=False)
        return None if state is None else render_lines(state, books)

    def _collection(self, name: str, shape: Shape, now: datetime) -> _Shown:
        """Return the rendered collection."""
        return self._shown.get(
            now, (name, shape), lambda: self._render(name, shape, now)
        )

    def _render(self, name: str, shape: Shape, now: datetime) -> _Shown:
        """Render a collection."""
        books = self._book(shape, now)
        match name:
            case "events":
                own = self._book(shape_of(self._version), now)
                rows = render_events(self._account, own, now, version=self._version)
                return _Shown(rows, _by_id(rows))
            case "discounts":
                states = self._at("subscriptions", now).values()
                found = [render_discount(state, books) for state in states]
                rows = [row for row in found if row is not None]
                return _Shown(rows, _by_id(rows))
            case "subscription_items":
                rows = self._items(books, now)
                return _Shown(rows, _by_id(rows))
            case "invoice_payments":
                rows = _newest_first(self._payments(books, now))
                return _Shown(rows, _by_id(rows))
            case _:
                return self._render_records(name, books, now)

    def _render_records(self, name: str, books: Books, now: datetime) -> _Shown:
        """Render a collection of records; deleted ones can be retrieved, not listed."""
        render = _RENDERERS[name]
        rows = [render(state, books) for state in self._at(name, now).values()]
        if name in _WITH_TEST_MODE:
            test_books = replace(books, livemode=False)
            twins = self._twins(name, now).values()
            rows.extend(render(state, test_books) for state in twins)
        listed = [row for row in rows if not row.get("deleted")]
        return _Shown(_newest_first(listed), _by_id(rows))

    def _items(self, books: Books, now: datetime) -> list[Json]:
        """Return the items of all subscriptions, in each one's own order."""
        return [
            render_item(item, state, books)
            for state in self._at("subscriptions", now).values()
            for item in state.get("items") or ()
        ]

    def _payments(self, books: Books, now: datetime) -> list[Json]:
        """Return one invoice payment per invoice that was ever charged."""
        by_invoice: dict[str, list[Fields]] = {}
        for charge in self._at("charges", now).values():
            if charge.get("invoice_id"):
                by_invoice.setdefault(str(charge["invoice_id"]), []).append(charge)
        return [
            render_invoice_payment(sorted(charges, key=_created), books)
            for charges in by_invoice.values()
        ]

    def _at(self, name: str, now: datetime) -> dict[str, Fields]:
        """Return the state of every record of a collection, by id."""

        def read() -> dict[str, Fields]:
            records: Sequence[Versioned] = getattr(self._account, name)
            found = ((record.id, record.state_at(now)) for record in records)
            return {identity: state for identity, state in found if state is not None}

        return self._states.get(now, name, read)

    def _twins(self, name: str, now: datetime) -> dict[str, Fields]:
        """Return the test-mode twins of the first records of a collection, by id."""
        states = self._at(name, now).values()
        first = [state for state in states if not state.get("is_deleted")][
            :_TEST_COPIES
        ]
        twins = [_twin(name, state) for state in first]
        return {str(twin[_WITH_TEST_MODE[name]]): twin for twin in twins}

    def _book(self, shape: Shape, now: datetime) -> Books:
        """Return what renderers need to know of other records."""

        def read() -> Books:
            charges = self._at("charges", now)
            newest = {
                str(charge["invoice_id"]): str(charge["charge_id"])
                for charge in sorted(charges.values(), key=_created)
                if charge.get("invoice_id")
            }
            return Books(
                shape=shape,
                livemode=True,
                prices=self._at("prices", now),
                coupons=self._at("coupons", now),
                refunds=self._at("refunds", now),
                charges=charges,
                transactions=self._at("balance_transactions", now),
                newest_charges=newest,
                discounts=_discounts(self._account.subscriptions, now),
            )

        return self._books.get(now, shape, read)


def _discounts(subscriptions: Sequence[Versioned], now: datetime) -> dict[str, str]:
    """Return the newest discount each subscription has ever had."""
    found: dict[str, str] = {}
    for record in subscriptions:
        for version in record.versions:
            if version.at <= now and version.fields is not None:
                identity = discount_id(version.fields)
                if identity:
                    found[record.id] = identity
    return found


def _twin(name: str, state: Fields) -> Fields:
    """Return a record's test-mode twin: the same figures under ids of its own."""
    key = _WITH_TEST_MODE[name]
    twin = {**state, key: f"{state[key]}Test"}
    for part, part_key in (("items", "item_id"), ("lines", "line_id")):
        if part in state:
            twin[part] = tuple(
                {**row, part_key: f"{row[part_key]}Test"} for row in state[part]
            )
    return twin


def _created(state: Fields) -> datetime:
    """Return the creation instant a list is ordered by."""
    return state["created_at"]


def _newest_first(rows: Sequence[Json]) -> list[Json]:
    """Return rows in list order: newest first, ties by id."""
    return sorted(
        rows,
        key=lambda row: (int(str(row.get("created") or 0)), str(row["id"])),
        reverse=True,
    )


def _by_id(rows: Sequence[Json]) -> dict[str, Json]:
    """Return the rows by id."""
    return {str(row["id"]): row for row in rows}
