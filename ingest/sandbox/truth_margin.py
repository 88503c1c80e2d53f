"""The truth of margin: what the things a customer was billed for cost to deliver.

Belongs here: direct cost of invoice lines, revenue with a known cost, gross profit. Stays out:
revenue itself (`truth_billing`), other costs (`truth_costs`).

Decisions, where the catalogue leaves a choice:

* the cost in force on the invoice's day, per unit; a licence costs its unit cost per month of
  365/12 days of its service, what is billed by use or once costs it per unit;
* a line's cost is rounded to the minor unit of the cost's currency and converted once, at the
  rate of the invoice's day; where revenue is given back, by a proration, so is cost;
* a credit note takes revenue back and no cost, and belongs to a product only if its invoice
  has a single one; what has no product has no known cost and is on neither side;
* a customer's first order is the first invoice above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.finance import product_costs_until
from ingest.sandbox.model import Fields, StripeAccount, instant_in, rows_in
from ingest.sandbox.offer import EXPONENT, PRODUCTS
from ingest.sandbox.prices import product_id
from ingest.sandbox.story import local_day
from ingest.sandbox.truth_money import FLOW
from ingest.sandbox.truth_rows import CURRENCIES, ONE, ZERO, Contribution, Kind, Night

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

KPIS: Final = {"costed_revenue": Kind.AMOUNT, "gross_profit": Kind.AMOUNT}
_COSTS_IN: Final = "VND"
_DAYS_OF_A_MONTH: Final = (12, 365)


@dataclass(frozen=True, slots=True)
class Costed:
    """One line or credit note with a known cost; `cost` in VND, `net` in `currency`."""

    day: date
    invoice_id: str
    customer_id: str
    currency: str
    net: Decimal
    cost: Decimal


def count_margin(night: Night) -> Iterator[Contribution]:
    """Yield revenue with a known cost and what is left of it."""
    for row in costed_lines(night):
        for currency in CURRENCIES:
            worth = night.rates.convert(row.net, row.currency, currency, row.day, FLOW)
            cost = night.rates.convert(row.cost, _COSTS_IN, currency, row.day, FLOW)
            yield Contribution("costed_revenue", row.day, worth, None, currency)
            yield Contribution("gross_profit", row.day, worth - cost, None, currency)


def first_order_costs(night: Night) -> Iterator[tuple[date, Decimal]]:
    """Yield day and direct cost of every line of a customer's first order."""
    firsts = _first_orders(night)
    for row in costed_lines(night):
        if firsts.get(row.customer_id) == row.invoice_id:
            yield row.day, row.cost


def costed_lines(night: Night) -> Iterator[Costed]:
    """Yield every line and credit note whose product has a cost."""
    for account in night.company.stripe.values():
        codes = {product_id(p, account.name): p.code for p in PRODUCTS}
        singles: dict[str, str | None] = {}
        for state in _standing(night, account):
            day = local_day(instant_in(state, "finalized_at"))
            lines = rows_in(state, "lines")
            products = {codes.get(str(line["product_id"])) for line in lines} - {None}
            invoice_id = str(state["invoice_id"])
            singles[invoice_id] = next(iter(products)) if len(products) == 1 else None
            for line in lines:
                code = codes.get(str(line["product_id"]))
                if code is not None:
                    net = Decimal(str(line["amount_minor"])) - Decimal(
                        str(line["discount_minor"])
                    )
                    yield Costed(
                        day,
                        invoice_id,
                        str(state["customer_id"]),
                        account.currency,
                        net.scaleb(-EXPONENT[account.currency]),
                        _cost_of(night, code, line, day, is_given_back=net < 0),
                    )
        yield from _credit_notes(night, account, singles)


def _standing(night: Night, account: StripeAccount) -> Iterator[Fields]:
    """Yield the invoices that are finalised and not void."""
    for record in account.invoices:
        state = night.state(record)
        if state is not None and state["status"] not in {"draft", "void"}:
            yield state


def _credit_notes(
    night: Night, account: StripeAccount, singles: dict[str, str | None]
) -> Iterator[Costed]:
    """Yield the credit notes of invoices of one product."""
    for record in account.credit_notes:
        state = night.state(record)
        if state is None or state["status"] != "issued":
            continue
        if singles.get(str(state["invoice_id"])) is None:
            continue
        net = -Decimal(str(state["subtotal_minor"]))
        yield Costed(
            local_day(instant_in(state, "created_at")),
            "",
            str(state["customer_id"]),
            account.currency,
            net.scaleb(-EXPONENT[account.currency]),
            ZERO,
        )


def _cost_of(
    night: Night, code: str, line: Fields, day: date, *, is_given_back: bool
) -> Decimal:
    """Return the direct cost of one line, rounded to the minor unit."""
    unit_cost = next(
        cost.unit_cost
        for cost in product_costs_until(night.cut)
        if cost.product_id == code
        and cost.valid_from <= day
        and (cost.valid_to is None or day <= cost.valid_to)
    )
    cost = unit_cost * abs(Decimal(str(line["quantity"])))
    starts = local_day(instant_in(line, "service_starts_at"))
    ends = local_day(instant_in(line, "service_ends_at"))
    is_licence = next(p for p in PRODUCTS if p.code == code).usage_type != "metered"
    if is_licence and ends > starts:
        times, divided_by = _DAYS_OF_A_MONTH
        cost = cost * (ends - starts).days * times / divided_by
    rounded = cost.quantize(ONE.scaleb(-EXPONENT[_COSTS_IN]), ROUND_HALF_UP)
    return -rounded if is_given_back else rounded


def _first_orders(night: Night) -> dict[str, str]:
    """Return each customer's first invoice above 0."""
    orders: dict[str, tuple[date, str]] = {}
    for account in night.company.stripe.values():
        for state in _standing(night, account):
            lines = rows_in(state, "lines")
            net = sum(
                int(str(line["amount_minor"])) - int(str(line["discount_minor"]))
                for line in lines
            )
            if net > 0:
                customer = str(state["customer_id"])
                order = (
                    local_day(instant_in(state, "finalized_at")),
                    str(state["invoice_id"]),
                )
                orders[customer] = min(order, orders.get(customer, order))
    return {customer: invoice for customer, (_, invoice) in orders.items()}
