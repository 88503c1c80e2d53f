"""The records of the sandbox company, each with its whole history.

Belongs here: the shapes the servers render and the truth counts (`Versioned` records by
collection, restated ad facts) and the questions "as of which instant?". Stays out: how the
story comes about (`company` and its parts), vendor JSON (`vendors`), KPI rules (`truth`).

Field names are the column names of `ingest.contracts` wherever a contract has the column, so a
renderer only maps them to the vendor's own names. Instants are aware UTC, days are dates in the
company's zone, money is Decimal in major units for CRM and Meta, integer minor units for
Stripe, integer micros for Google Ads. Blank is None.

Extra fields, beside the contract columns, that renderers need:

* subscriptions: `items` (tuple of item dicts with the item columns of the Stripe contract plus
  `current_period_start`, `current_period_end`), `coupon_id`, `cancel_at_period_end`,
  `created_at`;
* invoices: `lines` (tuple of line dicts, contract columns of `invoice_lines`), `currency`;
* products, prices, customers, coupons: the contract columns; coupons have `coupon_id`,
  `percent_off`, `amount_off_minor`, `currency`, `duration` (forever, once, repeating) and
  `duration_in_months`;
* contacts, deals, companies: a merged record is *gone* (`state_at` gives None) and its survivor
  lists it in `merged_object_ids` (';' separated); an archived one stays, with `is_deleted` true
  and `deleted_at`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

Fields = Mapping[str, Any]
"""A record's fields, of the types its contract gives them: no checker can follow them there."""

SUBSCRIPTION_EVENTS: Final = {
    "first": "customer.subscription.created",
    "middle": "customer.subscription.updated",
    "ended": "customer.subscription.deleted",
}


@dataclass(frozen=True, slots=True)
class Version:
    """What a record looked like from `at` on; `fields` None = it is gone."""

    at: datetime
    fields: Fields | None
    by: str | None = None
    """User id of the person who made the change; None = automation."""


@dataclass(frozen=True, slots=True)
class Versioned:
    """One record of one collection; `versions` ascend strictly by `at`."""

    id: str
    versions: tuple[Version, ...]

    def version_at(self, now: datetime) -> Version | None:
        """Return the version in force at `now` (inclusive); None = not there yet."""
        index = bisect_right(self.versions, now, key=lambda version: version.at)
        return self.versions[index - 1] if index else None

    def state_at(self, now: datetime) -> Fields | None:
        """Return the fields in force at `now`; None = not there yet, or gone."""
        version = self.version_at(now)
        return version.fields if version else None

    def changes(
        self, name: str, now: datetime
    ) -> list[tuple[datetime, object, str | None]]:
        """Return (at, value, by) for every change of one field up to `now`, oldest first.

        A field that starts blank has no entry until it is first set.
        """
        found: list[tuple[datetime, object, str | None]] = []
        last: object = None
        for version in self.versions:
            if version.at > now or version.fields is None:
                break
            value = version.fields.get(name)
            if value != last:
                found.append((version.at, value, version.by))
                last = value
        return found


@dataclass(frozen=True, slots=True)
class Event:
    """One Stripe event: a subscription entered the state `subscription` at `occurred_at`."""

    event_id: str
    event_type: str
    occurred_at: datetime
    subscription_id: str
    subscription: Fields
    previous: Fields | None
    """The state before, for `previous_attributes`; None = created."""


@dataclass(frozen=True, slots=True)
class AdFact:
    """One campaign and day; each version is the figure as restated at that instant.

    Version fields: `impressions`, `clicks`, and for Google `cost_micros`, `conversions`,
    `conversion_value`, for Meta `spend`, `reported_leads`, `conversion_value`.
    None = the row vanished.
    """

    account_id: str
    campaign_id: str
    date: date
    versions: tuple[Version, ...]

    def state_at(self, now: datetime) -> Fields | None:
        """Return the metrics as the platform shows them at `now`; None = no row."""
        index = bisect_right(self.versions, now, key=lambda version: version.at)
        return self.versions[index - 1].fields if index else None


@dataclass(frozen=True, slots=True)
class AdPlatform:
    """One ad account: `account` has the contract columns of `accounts`."""

    account: Fields
    campaigns: tuple[Versioned, ...]
    facts: tuple[AdFact, ...]
    """Ascending by date, then campaign."""

    def campaign_days(
        self, now: datetime, start: date, end: date
    ) -> Iterator[tuple[AdFact, Fields]]:
        """Yield every fact of the days start..end (inclusive) that has a row at `now`."""
        low = bisect_right(self.facts, start.toordinal() - 1, key=_ordinal)
        high = bisect_right(self.facts, end.toordinal(), key=_ordinal)
        for fact in self.facts[low:high]:
            state = fact.state_at(now)
            if state is not None:
                yield fact, state

    def account_days(
        self, now: datetime, start: date, end: date
    ) -> dict[date, dict[str, object]]:
        """Return the account totals per day: the control figure of the campaign rows."""
        totals: dict[date, dict[str, object]] = {}
        for fact, state in self.campaign_days(now, start, end):
            day = totals.setdefault(fact.date, {})
            for name, value in state.items():
                day[name] = value + day[name] if name in day else value
        return totals


def _ordinal(fact: AdFact) -> int:
    """Return the day number a fact is sorted by."""
    return fact.date.toordinal()


@dataclass(frozen=True, slots=True)
class HubSpotPortal:
    """The CRM portal."""

    portal_id: str
    owners: tuple[Versioned, ...]
    companies: tuple[Versioned, ...]
    contacts: tuple[Versioned, ...]
    deals: tuple[Versioned, ...]
    calls: tuple[Versioned, ...]
    call_dispositions: tuple[Fields, ...]
    deal_stages: tuple[Fields, ...]
    """Contract columns of `deal_stages`; the pipeline `renewals` is not new sales."""
    emails: tuple[Versioned, ...] = ()
    meetings: tuple[Versioned, ...] = ()


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """One Stripe account."""

    name: str
    """Source name: stripe_vn or stripe_sg."""
    account_id: str
    currency: str
    legal_entity: str
    customers: tuple[Versioned, ...]
    products: tuple[Versioned, ...]
    prices: tuple[Versioned, ...]
    coupons: tuple[Versioned, ...]
    subscriptions: tuple[Versioned, ...]
    invoices: tuple[Versioned, ...]
    charges: tuple[Versioned, ...]
    refunds: tuple[Versioned, ...]
    credit_notes: tuple[Versioned, ...]
    balance_transactions: tuple[Versioned, ...]
    payouts: tuple[Versioned, ...] = ()
    disputes: tuple[Versioned, ...] = ()

    def events(self, now: datetime, since: datetime) -> list[Event]:
        """Return the subscription events with since <= occurred_at <= now, oldest first."""
        found = [
            event
            for subscription in self.subscriptions
            for event in _events_of(subscription)
            if since <= event.occurred_at <= now
        ]
        return sorted(found, key=lambda event: (event.occurred_at, event.event_id))


def _events_of(subscription: Versioned) -> Iterator[Event]:
    """Yield one event per version of a subscription."""
    previous: Fields | None = None
    for index, version in enumerate(subscription.versions):
        if version.fields is None:
            continue
        kind = "middle" if previous else "first"
        if version.fields["status"] == "canceled":
            kind = "ended"
        yield Event(
            event_id=f"evt_{subscription.id.removeprefix('sub_')}_{index:04d}",
            event_type=SUBSCRIPTION_EVENTS[kind],
            occurred_at=version.at,
            subscription_id=subscription.id,
            subscription=version.fields,
            previous=previous,
        )
        previous = version.fields


def instant_in(fields: Fields, name: str) -> datetime:
    """Return a field that is an instant.

    Raises:
        TypeError: it is blank or something else.
    """
    value = fields[name]
    if not isinstance(value, datetime):
        message = f"{name} is no instant: {value!r}"
        raise TypeError(message)
    return value


def rows_in(fields: Fields, name: str) -> tuple[Fields, ...]:
    """Return a field that holds rows of its own: lines of an invoice, items.

    Raises:
        TypeError: it does not.
    """
    value = fields[name]
    if not isinstance(value, tuple):
        message = f"{name} holds no rows: {value!r}"
        raise TypeError(message)
    return value


def live(records: Iterable[Versioned], now: datetime) -> list[Fields]:
    """Return the state at `now` of every record that is there and not archived."""
    states = (record.state_at(now) for record in records)
    return [state for state in states if state and not state.get("is_deleted")]


def archived(records: Iterable[Versioned], now: datetime) -> list[Fields]:
    """Return the state at `now` of every archived record, however long ago."""
    states = (record.state_at(now) for record in records)
    return [state for state in states if state and state.get("is_deleted")]


def present(records: Iterable[Versioned], now: datetime) -> list[Fields]:
    """Return the state at `now` of every record that is there, archived or not."""
    return [state for record in records if (state := record.state_at(now)) is not None]


@dataclass(frozen=True)
class Company:
    """The whole company as it will be known up to `until`.

    `ingest.sandbox.company.build_company(seed=…, scale=…, until=…)` makes one. Versions after
    `until` may exist and be incomplete: ask nothing later than `until`; build a new company
    for a later clock, its history is the same.
    """

    seed: int
    scale: int
    until: datetime
    hubspot: HubSpotPortal
    stripe: Mapping[str, StripeAccount]
    """By source name: stripe_vn, stripe_sg."""
    google: AdPlatform
    meta: AdPlatform
