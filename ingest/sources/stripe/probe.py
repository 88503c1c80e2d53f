"""What Stripe is asked before the first night.

Belongs here: the permissions of a restricted key by what needs them, and the size of lists,
which Stripe does not tell: it is taken from how much time a page of a hundred covers, looked
at in growing steps back. Stays out: reading lists (`lists`).
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Final, cast

from ingest.sources.probing import COUNTED, ESTIMATED, Check, Size
from ingest.sources.stripe import API_VERSION, EVENT_MEMORY
from ingest.sources.stripe.lists import PAGE_SIZE, Account
from ingest.sources.wire import flag, list_of, required

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ingest.config import SourceConfig
    from ingest.config_sources import StripeSource
    from ingest.http import ApiClient

_LISTS: Final = (
    ("customers", "Customers: read"),
    ("products", "Products: read"),
    ("prices", "Prices: read"),
    ("subscriptions", "Subscriptions: read"),
    ("invoices", "Invoices: read"),
    ("invoice_payments", "Invoices: read"),
    ("charges", "Charges and Refunds: read"),
    ("refunds", "Charges and Refunds: read"),
    ("credit_notes", "Credit notes: read"),
    ("balance_transactions", "Balance: read"),
    ("disputes", "Disputes: read"),
    ("payouts", "Payouts: read"),
    ("events", "Events: read"),
)
"""List and the permission as the dashboard names it when a restricted key is made."""

_FIRST_STEP: Final = timedelta(days=30)
_STEPS: Final = 7
"""Each twice as far back as the one before: 30 days to over ten years."""


class StripeProbe:
    """The probe of a Stripe account."""

    samples = ("customers", "invoices")
    seconds_per_request = 0.01
    """A hundred reads a second in live mode (read 2026-11)."""

    def checks(
        self, config: SourceConfig, client: ApiClient, now: datetime
    ) -> Iterator[Check]:
        """Yield one check per list."""
        stripe = cast("StripeSource", config)
        account = Account(client, stripe.name, stripe.api_version or API_VERSION)
        for name, permission in _LISTS:
            memory = EVENT_MEMORY if name == "events" else None
            yield Check(
                name.replace("_", " "),
                permission,
                lambda name=name, memory=memory: measure_list(
                    account, f"/v1/{name}", now, memory=memory
                ),
            )


PROBE = StripeProbe()


def measure_list(
    account: Account, path: str, now: datetime, *, memory: timedelta | None = None
) -> Size:
    """Return the size of a list: counted when one page holds it, else estimated.

    A page's own rows are counted. The time between two pages looked at is taken to be as
    dense as the mean of both. `memory`: how far back the list goes at all.
    """
    until, step = int(now.timestamp()), _FIRST_STEP
    count, first, has_more = _page(account, path, until)
    if not has_more:
        return Size(count, 1, COUNTED)
    density = count / max(1, until - first)
    if memory is not None:
        rows = density * memory.total_seconds()
        return Size(int(rows), ceil(rows / PAGE_SIZE), ESTIMATED)
    rows = float(count)
    for _ in range(_STEPS):
        newer_end = first
        until = min(first, until - int(step.total_seconds()))
        count, first, has_more = _page(account, path, until)
        here = count / max(1, until - first)
        rows += count + (newer_end - until) * (density + here) / 2
        if not has_more:
            break
        density, step = here, step * 2
    return Size(int(rows), ceil(rows / PAGE_SIZE), ESTIMATED)


def _page(account: Account, path: str, until: int) -> tuple[int, int, bool]:
    """Return rows, the oldest `created` and whether more follow, before an instant."""
    params = {"limit": str(PAGE_SIZE), "created[lt]": str(until)}
    answer = account.get(path, params)
    rows = list_of(answer, "data", path)
    created = [int(required(row, "created", path)) for row in rows]
    return len(rows), min(created, default=until), flag(answer, "has_more", path)
