"""Customers, products and prices.

Belongs here: the records others refer to. Stays out: what is sold and paid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.instants import from_epoch_seconds
from ingest.sources.stripe.lists import Account, Row, id_of, upper
from ingest.sources.stripe.names import CUSTOMER, PRICE, PRODUCT
from ingest.sources.wire import Json, dig, required

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_customers(account: Account) -> Iterator[Row]:
    """Yield every customer, then those deleted in the last 30 days.

    The list leaves deleted customers out and the object itself keeps nothing but its id;
    only the event holds what it was. A deleted customer still owns history.
    """
    listed: set[str] = set()
    for customer, origin in account.list_all("/v1/customers", CUSTOMER):
        listed.add(str(required(customer, "id", "stripe customer")))
        yield _customer_values(customer), customer, origin
    for event, origin in account.pages("/v1/events", {"type": "customer.deleted"}):
        customer = required(event.get("data"), "object", "stripe event")
        # One deleted while we read the list is in both: tonight it is still a customer.
        is_new = str(required(customer, "id", "stripe event")) not in listed
        if is_new and event.get("livemode") is not False:
            values = _customer_values(customer)
            yield {**values, "is_deleted": True}, customer, origin


def _customer_values(customer: Json) -> dict[str, object]:
    where = "stripe customer"
    return {
        "customer_id": required(customer, "id", where),
        "customer_name": customer.get("name"),
        "email": customer.get("email"),
        "country": dig(customer, "address", "country"),
        "currency": upper(customer.get("currency")),
        "crm_account_id": dig(customer, "metadata", "crm_company_id") or None,
        "created_at": from_epoch_seconds(required(customer, "created", where)),
        "is_deleted": bool(customer.get("deleted")),
    }


def read_products(account: Account) -> Iterator[Row]:
    """Yield every product, inactive ones included."""
    where = "stripe product"
    for product, origin in account.list_all("/v1/products", PRODUCT):
        values: dict[str, object] = {
            "product_id": required(product, "id", where),
            "product_name": required(product, "name", where),
            "product_code": dig(product, "metadata", "code") or None,
            "is_active": required(product, "active", where),
            "created_at": from_epoch_seconds(required(product, "created", where)),
        }
        yield values, product, origin


def read_prices(account: Account) -> Iterator[Row]:
    """Yield every price, inactive ones included."""
    where = "stripe price"
    for price, origin in account.list_all("/v1/prices", PRICE):
        recurring = price.get("recurring") or {}
        values: dict[str, object] = {
            "price_id": required(price, "id", where),
            "product_id": id_of(required(price, "product", where)),
            "nickname": price.get("nickname"),
            "unit_amount_minor": price.get("unit_amount"),
            "currency": upper(required(price, "currency", where)),
            "interval": recurring.get("interval"),
            "interval_count": recurring.get("interval_count"),
            "usage_type": recurring.get("usage_type"),
            "billing_scheme": price.get("billing_scheme"),
            "is_active": required(price, "active", where),
            "created_at": from_epoch_seconds(required(price, "created", where)),
        }
        yield values, price, origin
