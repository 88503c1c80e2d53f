"""The truth of billing: invoiced revenue and recurring revenue.

Belongs here: contributions of invoices and credit notes, MRR per customer and day, its
movements. Stays out: adding up (`truth_sums`).

Decisions, where the catalogue leaves a choice:

* `sales_revenue`: lines of finalised invoices that are not void, after discount and before
  tax, on the day of finalisation; credit notes that stand count negative, before tax, on their
  own day. Each line and note is converted once, at its day's rate;
* `average_order_value`: that revenue over the invoices finalised in the period;
* MRR at the end of a day: licensed items of active and past-due subscriptions (no trial, not
  paused), after the discount in force, per month; rounded per item to the minor unit; a
  customer's sum is converted once, at the closing rate of the day; its products share that by
  running totals in the order of their codes, so that they add up to it;
* `churn_scheduled` is the part of it whose subscription is to end (`cancel_at`), converted in
  the same way; a request withdrawn, or an end that came, is no part of it any more;
* movements compare a customer's MRR in its own currency at the ends of two months, both at
  the later closing rate; what only the rate changed is `fx_mrr`; `net_new_mrr` contains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, StripeAccount, Versioned, instant_in, rows_in
from ingest.sandbox.offer import EXPONENT, PRODUCTS
from ingest.sandbox.prices import product_id
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_customers import members_of_buyer, members_of_customer
from ingest.sandbox.truth_money import FLOW, STOCK
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    UNKNOWN,
    ZERO,
    Contribution,
    Kind,
    Night,
    end_of,
    period_end,
    periods_until,
)
from ingest.sandbox.truth_sellers import (
    seller_of_line,
    seller_of_note,
    seller_of_order,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KPIS: Final = {
    "sales_revenue": Kind.AMOUNT,
    "average_order_value": Kind.MONEY_RATIO,
    "mrr": Kind.AMOUNT,
    "paying_customers": Kind.COUNT,
    "new_mrr": Kind.AMOUNT,
    "expansion_mrr": Kind.AMOUNT,
    "contraction_mrr": Kind.AMOUNT,
    "churned_mrr": Kind.AMOUNT,
    "churn_scheduled": Kind.AMOUNT,
    "reactivation_mrr": Kind.AMOUNT,
    "fx_mrr": Kind.AMOUNT,
    "net_new_mrr": Kind.AMOUNT,
}
_PAYING: Final = frozenset({"active", "past_due"})
_PER_MONTH: Final = {
    "day": (365, 12),
    "week": (52, 12),
    "month": (1, 1),
    "year": (1, 12),
}
"""interval -> (times, divided by) that makes a month of it."""

Key = tuple[str, str]
"""(Stripe account, customer)."""


def count_revenue(night: Night) -> Iterator[Contribution]:
    """Yield invoiced revenue and orders."""
    for account in night.company.stripe.values():
        yield from _count_invoices(night, account)
        yield from _count_credit_notes(night, account)


def _count_invoices(night: Night, account: StripeAccount) -> Iterator[Contribution]:
    """Yield the lines of every finalised invoice that is not void, and the invoice."""
    codes = {product_id(p, account.name): p.code for p in PRODUCTS}
    for record in account.invoices:
        state = night.state(record)
        if state is None or state["status"] in {"draft", "void"}:
            continue
        day = local_day(instant_in(state, "finalized_at"))
        order = _order(night, account, state)
        for line in rows_in(state, "lines"):
            code = codes.get(str(line["product_id"]), UNKNOWN)
            seller = seller_of_line(night, account, state, line)
            by = {**order, **seller, "product": code}
            yield from _revenue(
                night, account.currency, day, _net_of(line), (by, order)
            )
        for currency in CURRENCIES:
            yield Contribution("average_order_value", day, ZERO, ONE, currency, order)


def _net_of(line: Fields) -> int:
    """Return what a line comes to after discount, before tax, in minor units."""
    return int(str(line["amount_minor"])) - int(str(line["discount_minor"]))


def _order(night: Night, account: StripeAccount, state: Fields) -> dict[str, str]:
    """Return where an invoice counts as an order: as its largest line, and its customer."""
    codes = {product_id(p, account.name): p.code for p in PRODUCTS}
    lines = sorted(
        rows_in(state, "lines"),
        key=lambda line: (-_net_of(line), str(line["line_id"])),
    )
    product = codes.get(str(lines[0]["product_id"]), UNKNOWN) if lines else UNKNOWN
    customer = account.name, str(state["customer_id"])
    return {
        **members_of_buyer(night, customer),
        **seller_of_order(night, account, state),
        "product": product,
    }


def _count_credit_notes(night: Night, account: StripeAccount) -> Iterator[Contribution]:
    """Yield every credit note that stands, negative, on its own day."""
    invoices = {
        record.id: state
        for record in account.invoices
        if (state := night.state(record)) is not None
    }
    codes = {product_id(p, account.name): p.code for p in PRODUCTS}
    for record in account.credit_notes:
        state = night.state(record)
        if state is not None and state["status"] == "issued":
            at = instant_in(state, "created_at")
            day = local_day(at)
            minor = -int(str(state["subtotal_minor"]))
            invoice = invoices[str(state["invoice_id"])]
            sold = {codes.get(str(x["product_id"])) for x in rows_in(invoice, "lines")}
            product = (
                next(iter(sold - {None}), None) if len(sold - {None}) == 1 else None
            )
            order = _order(night, account, invoice)
            seller = seller_of_note(night, account, invoice, at)
            by = {**order, **seller, "product": product or UNKNOWN}
            yield from _revenue(night, account.currency, day, minor, (by, order))


def _revenue(
    night: Night,
    own: str,
    day: date,
    minor: int,
    shown: tuple[Mapping[str, str], Mapping[str, str]],
) -> Iterator[Contribution]:
    """Yield one amount of revenue and of an order, each under its own members."""
    amount = Decimal(minor).scaleb(-EXPONENT[own])
    members, order = {**shown[0], "currency": own}, shown[1]
    for currency in CURRENCIES:
        worth = night.rates.convert(amount, own, currency, day, FLOW)
        yield Contribution("sales_revenue", day, worth, None, currency, members)
        yield Contribution("average_order_value", day, worth, ZERO, currency, order)


def mrr_on(night: Night, day: date) -> dict[Key, Decimal]:
    """Return the MRR of every paying customer at the end of `day`, in its own currency."""
    return {
        key: sum(parts.values(), ZERO)
        for key, parts in _mrr_by_product(night, day).items()
    }


def _mrr_by_product(
    night: Night, day: date, *, leaving: bool = False
) -> dict[Key, dict[str, Decimal]]:
    """Return what each paying customer pays a month for each product, in its own currency.

    `leaving`: only by subscriptions that are to end.
    """
    found: dict[Key, dict[str, Decimal]] = {}
    for account in night.company.stripe.values():
        codes = {product_id(p, account.name): p.code for p in PRODUCTS}
        for record in account.subscriptions:
            state = night.state_on(record, day)
            if state is None or (leaving and state["cancel_at"] is None):
                continue
            for item, worth in _paid_items(state, day):
                parts = found.setdefault((account.name, str(state["customer_id"])), {})
                code = codes[str(item["product_id"])]
                parts[code] = parts.get(code, ZERO) + worth
    return found


def mrr_of(state: Fields, day: date) -> Decimal:
    """Return the MRR of one subscription at the end of `day`."""
    return sum((worth for _, worth in _paid_items(state, day)), ZERO)


def _paid_items(state: Fields, day: date) -> Iterator[tuple[Fields, Decimal]]:
    """Yield the items of a subscription that have MRR at the end of `day`, and how much."""
    if state["status"] not in _PAYING or state["is_paused"]:
        return
    for item in rows_in(state, "items"):
        if item["usage_type"] == "licensed" and (
            worth := mrr_of_item(item, state, day)
        ):
            yield item, worth


def mrr_of_item(item: Fields, state: Fields, day: date) -> Decimal:
    """Return one item's MRR in major units, rounded once to the minor unit."""
    gross = Decimal(str(item["unit_amount_minor"])) * Decimal(str(item["quantity"]))
    ends_at = state["discount_ends_at"]
    is_discounted = not isinstance(ends_at, datetime) or ends_at >= end_of(day)
    net = gross
    if is_discounted:
        net = net * (100 - Decimal(str(state["discount_percent"] or 0))) / 100
        net -= Decimal(str(state["discount_amount_minor"] or 0))
    times, divided_by = _PER_MONTH[str(item["interval"])]
    monthly = (
        max(net, ZERO) * times / (divided_by * Decimal(str(item["interval_count"])))
    )
    minor = monthly.quantize(ONE, ROUND_HALF_UP)
    return minor.scaleb(-EXPONENT[str(item["currency"])])


def snapshot_mrr(night: Night, day: date) -> Iterator[Contribution]:
    """Yield MRR by product, what of it is to end, and paying customers, as `day` ends."""
    leaving = _mrr_by_product(night, day, leaving=True)
    for key, parts in _mrr_by_product(night, day).items():
        own = night.company.stripe[key[0]].currency
        plan = plan_of(parts)
        members = {**members_of_customer(night, key), "currency": own, "plan": plan}
        yield Contribution("paying_customers", day, ONE, members=members)
        yield from _convert(night, "mrr", day, parts, members)
        yield from _convert(
            night, "churn_scheduled", day, leaving.get(key, {}), members
        )


def _convert(
    night: Night,
    kpi: str,
    day: date,
    parts: Mapping[str, Decimal],
    members: Mapping[str, str],
) -> Iterator[Contribution]:
    """Yield a customer's amount converted once and shared over its products."""
    for currency in CURRENCIES:
        running = shared = ZERO
        for product in sorted(parts):
            running += parts[product]
            worth = night.rates.convert(
                running, members["currency"], currency, day, STOCK
            )
            by = {**members, "product": product}
            yield Contribution(kpi, day, worth - shared, None, currency, by)
            shared = worth


@dataclass(frozen=True, slots=True)
class _Move:
    """One customer's MRR at both ends of a month, in its own currency."""

    own: str
    opening: Decimal
    closing: Decimal
    paid_before: bool
    """Whether the customer paid on any day before the month."""


def move_mrr(night: Night) -> Iterator[Contribution]:
    """Yield the movements of every month, dated at its last day that is past."""
    first_paid = first_paid_days(night)
    opening: dict[Key, Decimal] = {}
    opened_on: date | None = None
    plans: dict[Key, str] = {}
    for start in periods_until(night.as_of, "month"):
        day = min(period_end(start, "month"), night.as_of)
        closing = mrr_on(night, day)
        plans = {**plans, **plans_on(night, day)}
        for key in sorted({*opening, *closing}):
            move = _Move(
                night.company.stripe[key[0]].currency,
                opening.get(key, ZERO),
                closing.get(key, ZERO),
                first_paid[key] < start,
            )
            members = {
                **members_of_customer(night, key),
                "currency": move.own,
                "plan": plans[key],
            }
            yield from _count_move(night, move, opened_on, day, members)
        opening, opened_on = closing, day


def _count_move(
    night: Night,
    move: _Move,
    opened_on: date | None,
    day: date,
    members: Mapping[str, str],
) -> Iterator[Contribution]:
    """Yield what one customer's month adds to the bridge."""
    for currency in CURRENCIES:

        def worth(amount: Decimal, at: date, target: str = currency) -> Decimal:
            """Return an amount at the closing rate of a day."""
            return night.rates.convert(amount, move.own, target, at, STOCK)

        change = worth(move.closing, day) - worth(move.opening, day)
        if move.opening != move.closing:
            kind = _kind_of(move)
            yield Contribution(kind, day, abs(change), None, currency, members)
        before = worth(move.opening, opened_on) if opened_on else ZERO
        drift = worth(move.opening, day) - before
        # A member nothing moved for has no row.
        if drift:
            yield Contribution("fx_mrr", day, drift, None, currency, members)
        if change + drift or move.opening != move.closing:
            yield Contribution(
                "net_new_mrr", day, change + drift, None, currency, members
            )


def _kind_of(move: _Move) -> str:
    """Return the KPI a change belongs to."""
    if move.opening == 0:
        return "reactivation_mrr" if move.paid_before else "new_mrr"
    if move.closing == 0:
        return "churned_mrr"
    return "expansion_mrr" if move.closing > move.opening else "contraction_mrr"


def first_paid_days(night: Night) -> dict[Key, date]:
    """Return the first day at whose end each customer had MRR."""
    first: dict[Key, date] = {}
    for account in night.company.stripe.values():
        for record in account.subscriptions:
            day = _first_paid_day(night, record)
            opened = record.versions[0].fields
            if day is not None and opened is not None:
                key = (account.name, str(opened["customer_id"]))
                first[key] = min(day, first.get(key, day))
    return first


def _first_paid_day(night: Night, record: Versioned) -> date | None:
    """Return the first day a subscription had MRR at its end; it begins with a change."""
    last: date | None = None
    for version in record.versions:
        day = local_day(version.at)
        if day > night.as_of:
            return None
        if day != last:
            last = day
            state = night.state_on(record, day)
            if state is not None and mrr_of(state, day) > 0:
                return day
    return None


def plans_on(night: Night, day: date) -> dict[Key, str]:
    """Return the product most of each customer's MRR comes from at the end of `day`."""
    return {key: plan_of(parts) for key, parts in _mrr_by_product(night, day).items()}


def plan_of(parts: Mapping[str, Decimal]) -> str:
    """Return the product most of a customer's MRR comes from, of equal ones the last code."""
    return max((amount, code) for code, amount in parts.items())[1]
