"""What all Stripe objects share: API version shapes, lists, ids, amounts.

Belongs here: the generations of API versions and the small parts more than one object is made
of. Stays out: any one object (`stripe_catalogue`, `stripe_subscriptions`, `stripe_invoices`,
`stripe_payments`).

Shapes: before 2025-03-31 periods, invoice links and taxes sit where they always sat; `basil`
(2025-03-31) moves periods to items, drops `invoice` from charges, replaces tax and line
fields and turns `refund` of a credit note into `refunds`; `clover` (2025-09-30) replaces
`coupon` of a discount by `source`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ingest.sandbox.vendors.render import to_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.sandbox.model import Fields

Json = dict[str, object]

SUBLIST_LENGTH: Final = 10
"""Rows an embedded list shows; the rest has its own page."""


class Shape(IntEnum):
    """Generation of API versions that share a shape."""

    CLASSIC = 0
    BASIL = 1
    CLOVER = 2


def shape_of(version: str) -> Shape:
    """Return the generation an API version belongs to, by its date."""
    if version < "2025-03-31":
        return Shape.CLASSIC
    return Shape.BASIL if version < "2025-09-30" else Shape.CLOVER


@dataclass(frozen=True)
class Books:
    """What rendering one object needs to know of the others, at one instant."""

    shape: Shape
    livemode: bool
    prices: Mapping[str, Fields]
    coupons: Mapping[str, Fields]
    refunds: Mapping[str, Fields]
    transactions: Mapping[str, Fields]
    charges: Mapping[str, Fields]
    newest_charges: Mapping[str, str]
    """Invoice to the id of its newest charge."""
    discounts: Mapping[str, str]
    """Subscription to the id of the newest discount it ever had."""


def epoch(value: object) -> int | None:
    """Return an instant as epoch seconds, a day as its first UTC second; blank stays blank."""
    if isinstance(value, datetime):
        return to_epoch(value)
    if isinstance(value, date):
        return to_epoch(datetime.combine(value, time(), UTC))
    return None


def lower(value: object) -> str | None:
    """Return a currency code as Stripe writes it."""
    return str(value).lower() if value else None


def sublist(rows: Sequence[object], url: str) -> Json:
    """Return an embedded list, cut at its first page."""
    return {
        "object": "list",
        "data": list(rows[:SUBLIST_LENGTH]),
        "has_more": len(rows) > SUBLIST_LENGTH,
        "total_count": len(rows),
        "url": url,
    }


def metadata(**values: object) -> Json:
    """Return metadata of the values that are there."""
    return {name: str(value) for name, value in values.items() if value is not None}


def discount_id(subscription: Fields) -> str | None:
    """Return the id of the subscription's discount; None = it has none."""
    coupon = subscription.get("coupon_id")
    if not coupon:
        return None
    suffix = str(subscription["subscription_id"]).removeprefix("sub_")
    return f"di_{suffix}{str(coupon).removeprefix('coupon_')}"


def items_of(subscription: Fields) -> Sequence[Fields]:
    """Return the items of a subscription."""
    return subscription.get("items") or ()


def whole(value: object) -> int:
    """Return minor units; a blank amount is zero at Stripe."""
    return int(str(value)) if value is not None else 0


def discount_amounts(amount: int, discount: str | None) -> list[Json]:
    """Return the amount per discount."""
    return [{"amount": amount, "discount": discount}] if amount else []


def tax_amounts(tax: int, taxable: int, shape: Shape) -> list[Json]:
    """Return taxes in the shape of the version; one rate, added on top."""
    if not tax:
        return []
    common: Json = {"amount": tax, "taxability_reason": "standard_rated"}
    common["taxable_amount"] = taxable
    if shape is Shape.CLASSIC:
        return [{**common, "inclusive": False, "tax_rate": "txr_vat"}]
    details = {"tax_rate": "txr_vat"}
    return [
        {
            **common,
            "tax_behavior": "exclusive",
            "tax_rate_details": details,
            "type": "tax_rate_details",
        }
    ]
