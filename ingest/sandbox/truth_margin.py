"""The truth of margin: what the things a customer was billed for cost to deliver.

Belongs here: sales by product, direct cost of invoice lines, revenue with a known cost, gross
profit, and who orders again. Stays out: revenue itself (`truth_billing`), other costs
(`truth_costs`).

Decisions, where the catalogue leaves a choice:

* the cost in force on the invoice's day, per unit; a licence costs its unit cost per month of
  365/12 days of its service, what is billed by use or once costs it per unit;
* a line's cost is rounded to the minor unit of the cost's currency and converted once, at the
  rate of the invoice's day; where revenue is given back, by a proration, so is cost;
* a credit note takes revenue back and no cost, and belongs to a product only if its invoice
  has a single one; what has no product has no known cost and is on neither side;
* the margin of a plan is that of the product it is billed as;
* a customer's first order is the first invoice above 0.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.finance import product_costs_until
from ingest.sandbox.model import Fields, StripeAccount, instant_in, rows_in
from ingest.sandbox.offer import EXPONENT, PRODUCTS, to_major
from ingest.sandbox.prices import product_id
from ingest.sandbox.story import local_day, month_start
from ingest.sandbox.truth_crm import is_new_sale, latest_close
from ingest.sandbox.truth_customers import members_of_buyer
from ingest.sandbox.truth_described import CRM_ENTITY, members_of_deal
from ingest.sandbox.truth_money import FLOW
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    UNKNOWN,
    ZERO,
    Contribution,
    Kind,
    Night,
)
from ingest.sandbox.truth_sellers import seller_of_line, seller_of_note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from ingest.sandbox.truth_customers import Customer

KPIS: Final = {
    "sales_by_product": Kind.AMOUNT,
    "sales_by_product/booked": Kind.AMOUNT,
    "sales_revenue/booked": Kind.AMOUNT,
    "costed_revenue": Kind.AMOUNT,
    "gross_profit": Kind.AMOUNT,
    "repeat_purchase_rate": Kind.RATE,
    "repeat_purchase_rate/days_180": Kind.RATE,
    "repeat_purchase_rate/days_365": Kind.RATE,
    "order_retention_rate": Kind.RATE,
}
ONLY_BY_MONTH: Final = frozenset({"order_retention_rate"})
"""What longer periods are not the sum of."""
_REPEAT_DAYS: Final = {
    "repeat_purchase_rate": 90,
    "repeat_purchase_rate/days_180": 180,
    "repeat_purchase_rate/days_365": 365,
}
_COSTS_IN: Final = "VND"
_DAYS_OF_A_MONTH: Final = (12, 365)


@dataclass(frozen=True, slots=True)
class Sold:
    """One line or credit note; `cost` in VND (None = not known), `net` in `currency`."""

    day: date
    account: str
    invoice_id: str
    customer_id: str
    product: str
    currency: str
    net: Decimal
    cost: Decimal | None
    seller: Mapping[str, str]


def count_margin(night: Night) -> Iterator[Contribution]:
    """Yield sales by product, revenue with a known cost and what is left of it."""
    for row in sold_lines(night):
        buyer = members_of_buyer(night, (row.account, row.customer_id))
        thing = {"product": row.product, "plan": row.product}
        members = {**buyer, **row.seller, **thing}
        for currency in CURRENCIES:
            worth = night.rates.convert(row.net, row.currency, currency, row.day, FLOW)
            yield Contribution(
                "sales_by_product", row.day, worth, None, currency, members
            )
            if row.cost is not None:
                cost = night.rates.convert(row.cost, _COSTS_IN, currency, row.day, FLOW)
                for kpi, amount in (
                    ("costed_revenue", worth),
                    ("gross_profit", worth - cost),
                ):
                    yield Contribution(kpi, row.day, amount, None, currency, members)
    yield from _count_signed(night)


def _count_signed(night: Night) -> Iterator[Contribution]:
    """Yield the signed amount of won deals; the CRM keeps no line items."""
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"] or not is_new_sale(state):
            continue
        close, amount = latest_close(record, night), state["amount"]
        if close is None or close[1] != "won" or not isinstance(amount, Decimal):
            continue
        day, own = local_day(close[0]), str(state["currency"])
        members = {
            "rep": close[2],
            "product": "(no line item)",
            "segment": members_of_deal(night, state)["segment"],
            "legal_entity": CRM_ENTITY,
            "currency": own,
        }
        for currency in CURRENCIES:
            worth = night.rates.convert(amount, own, currency, day, FLOW)
            for kpi in ("sales_by_product/booked", "sales_revenue/booked"):
                yield Contribution(kpi, day, worth, None, currency, members)


def first_order_costs(night: Night) -> Iterator[tuple[date, Decimal, dict[str, str]]]:
    """Yield day, direct cost, product and legal entity of every line of a first order."""
    firsts = _first_orders(night)
    for row in sold_lines(night):
        is_first = firsts.get(row.customer_id) == row.invoice_id
        if is_first and row.cost is not None:
            entity = night.company.stripe[row.account].legal_entity
            yield row.day, row.cost, {"product": row.product, "legal_entity": entity}


def sold_lines(night: Night) -> Iterator[Sold]:
    """Yield every invoice line and credit note with its product and cost."""
    for account in night.company.stripe.values():
        codes = {product_id(p, account.name): p.code for p in PRODUCTS}
        singles: dict[str, str] = {}
        for state in _standing(night, account):
            day = local_day(instant_in(state, "finalized_at"))
            lines = rows_in(state, "lines")
            products = {codes.get(str(line["product_id"])) for line in lines} - {None}
            invoice_id = str(state["invoice_id"])
            if len(products) == 1:
                singles[invoice_id] = str(next(iter(products)))
            for line in lines:
                code = codes.get(str(line["product_id"]))
                net = int(str(line["amount_minor"])) - int(str(line["discount_minor"]))
                cost = None
                if code is not None:
                    cost = _cost_of(night, code, line, day, is_given_back=net < 0)
                yield Sold(
                    day,
                    account.name,
                    invoice_id,
                    str(state["customer_id"]),
                    code or UNKNOWN,
                    account.currency,
                    to_major(net, account.currency),
                    cost,
                    seller_of_line(night, account, state, line),
                )
        yield from _credit_notes(night, account, singles)


def _standing(night: Night, account: StripeAccount) -> Iterator[Fields]:
    """Yield the invoices that are finalised and not void."""
    for record in account.invoices:
        state = night.state(record)
        if state is not None and state["status"] not in {"draft", "void"}:
            yield state


def _credit_notes(
    night: Night, account: StripeAccount, singles: dict[str, str]
) -> Iterator[Sold]:
    """Yield the credit notes; of invoices of one product under that product."""
    invoices = {record.id: night.state(record) for record in account.invoices}
    for record in account.credit_notes:
        state = night.state(record)
        if state is None or state["status"] != "issued":
            continue
        at = instant_in(state, "created_at")
        invoice = invoices[str(state["invoice_id"])]
        product = singles.get(str(state["invoice_id"]), UNKNOWN)
        yield Sold(
            local_day(at),
            account.name,
            "",
            str(state["customer_id"]),
            product,
            account.currency,
            -to_major(int(str(state["subtotal_minor"])), account.currency),
            None if product == UNKNOWN else ZERO,
            seller_of_note(night, account, invoice, at) if invoice else {},
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


def count_orders(night: Night) -> Iterator[Contribution]:
    """Yield who bought first in a period and again, and who did from month to month.

    An order is an invoice above 0 that is paid by the night, on the day it was finalised.
    """
    days: dict[Customer, list[date]] = defaultdict(list)
    for account in night.company.stripe.values():
        for state in _standing(night, account):
            if state["status"] == "paid" and _net(state) > 0:
                day = local_day(instant_in(state, "finalized_at"))
                days[account.name, str(state["customer_id"])].append(day)
    for customer, ordered in days.items():
        members = members_of_buyer(night, customer)
        first, *later = sorted(ordered)
        again = (later[0] - first).days if later else None
        for kpi, allowed in _REPEAT_DAYS.items():
            is_repeated = again is not None and again <= allowed
            yield Contribution(kpi, first, Decimal(is_repeated), ONE, members=members)
        months = {month_start(day) for day in ordered}
        for month in months:
            after = month_start(month, 1)
            if after <= night.as_of:
                yield Contribution(
                    "order_retention_rate",
                    after,
                    Decimal(after in months),
                    ONE,
                    members=members,
                )


def _net(state: Fields) -> int:
    """Return what an invoice comes to after discounts, before tax, in minor units."""
    return sum(
        int(str(line["amount_minor"])) - int(str(line["discount_minor"]))
        for line in rows_in(state, "lines")
    )


def _first_orders(night: Night) -> dict[str, str]:
    """Return each customer's first invoice above 0."""
    orders: dict[str, tuple[date, str]] = {}
    for account in night.company.stripe.values():
        for state in _standing(night, account):
            if _net(state) > 0:
                customer = str(state["customer_id"])
                order = (
                    local_day(instant_in(state, "finalized_at")),
                    str(state["invoice_id"]),
                )
                orders[customer] = min(order, orders.get(customer, order))
    return {customer: invoice for customer, (_, invoice) in orders.items()}
