"""Stripe: customers, catalogue, subscriptions and their events, invoices, cash, ledger.

Belongs here: which reader serves which entity. Stays out: paging (`lists`), objects (their
modules), minor to major units and MRR (dbt).

Three kinds of truth: mutable objects have no "changed since", so they are read whole every
night; subscription events are the only record of what a subscription was and last 30 days;
balance transactions never change and are read by `created`. Sources: design/sources.md §3;
docs.stripe.com, read 2026-11.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from ingest.contracts.stripe import CONTRACTS, SUBSCRIPTION_EVENTS
from ingest.errors import IngestError, RetryableError
from ingest.http import ApiClient, Authorization, dump_json
from ingest.sources.protocol import AccountWindow, Extract, Record
from ingest.sources.stripe.billing import (
    read_credit_notes,
    read_invoice_lines,
    read_invoices,
)
from ingest.sources.stripe.catalogue import read_customers, read_prices, read_products
from ingest.sources.stripe.lists import Account, Row
from ingest.sources.stripe.payments import (
    read_balance_transactions,
    read_charges,
    read_disputes,
    read_payouts,
    read_refunds,
)
from ingest.sources.stripe.subscriptions import (
    read_subscription_events,
    read_subscription_items,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.config import SourceConfig
    from ingest.config_sources import StripeSource
    from ingest.entities import EntityContract
    from ingest.windows import Window

API_VERSION: Final = "2025-08-27.basil"
"""The last version whose discounts hold their coupon, which saves a request per coupon."""

EVENT_MEMORY: Final = timedelta(days=30)
"""Stripe keeps events for 30 days (docs.stripe.com/api/events, read 2026-11)."""

_CONFLICT: Final = 409
"""Another request holds the object (`lock_timeout`)."""

_LISTS: Final[dict[str, Callable[[Account], Iterator[Row]]]] = {
    "customers": read_customers,
    "products": read_products,
    "prices": read_prices,
    "subscription_items": read_subscription_items,
    "invoices": read_invoices,
    "invoice_lines": read_invoice_lines,
    "charges": read_charges,
    "refunds": read_refunds,
    "credit_notes": read_credit_notes,
    "disputes": read_disputes,
    "payouts": read_payouts,
}

_log = logging.getLogger(__name__)


class Stripe:
    """The Stripe connector."""

    kind = "stripe"
    entities: tuple[EntityContract, ...] = CONTRACTS

    def authorize(self, config: SourceConfig) -> Authorization:
        """Return the restricted key as a header."""
        key = cast("StripeSource", config).key.get_secret_value()
        return Authorization({"Authorization": f"Bearer {key}"})

    def classify_error(self, status: int, body: object) -> type[IngestError] | None:
        """Return RetryableError for a lock conflict; all else is judged by status."""
        del body
        return RetryableError if status == _CONFLICT else None

    def fetch(
        self,
        entity: EntityContract,
        window: Window,
        *,
        config: SourceConfig,
        client: ApiClient,
        cursor: str | None,
    ) -> Extract:
        """Return the records of one entity: a full list, or a ledger's window."""
        stripe = cast("StripeSource", config)
        account = Account(client, stripe.name, stripe.api_version or API_VERSION)
        is_full_list = entity.name in _LISTS
        start = window.start
        if is_full_list:
            rows = _LISTS[entity.name](account)
        elif entity.name == SUBSCRIPTION_EVENTS.name:
            start = _within_memory(window, stripe.name)
            rows = read_subscription_events(account, start, window.end)
        else:
            rows = read_balance_transactions(account, start, window.end)
        extract = Extract(
            is_full_list=start is None,
            new_cursor=None if is_full_list else cursor,
            unknown_fields=account.drift,
        )
        extract.coverage.append(AccountWindow(stripe.account, start, window.end))
        records = _records(rows, stripe.account)
        extract.rows = records if is_full_list else _ledger(records, extract, account)
        return extract


SOURCE = Stripe()


def _records(rows: Iterator[Row], source_account: str) -> Iterator[Record]:
    for values, payload, origin in rows:
        yield Record(values, dump_json(payload), origin, source_account)


def _ledger(
    records: Iterator[Record], extract: Extract, account: Account
) -> Iterator[Record]:
    """Yield the records, then move the cursor to the newest `created` seen."""
    yield from records
    known = extract.new_cursor
    if account.newest is None:
        return
    if known is None or account.newest > datetime.fromisoformat(known):
        extract.new_cursor = account.newest.isoformat()


def _within_memory(window: Window, source: str) -> datetime:
    """Return the start of the window, cut to what Stripe remembers.

    The coverage of the batch starts there, so days before it stay visibly unknown.
    """
    # The clock, not the window's end, which lies before it for a missed night.
    oldest = window.extracted_at - EVENT_MEMORY
    if window.has_gap or (window.start is not None and window.start < oldest):
        _log.warning(
            "history_unknown",
            extra={
                "source": source,
                "entity": SUBSCRIPTION_EVENTS.name,
                "known_from": oldest.isoformat(),
            },
        )
    return oldest if window.start is None else max(window.start, oldest)
