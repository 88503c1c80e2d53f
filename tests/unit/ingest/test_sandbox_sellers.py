"""Who sold what is billed, on a company of one customer, worked out by hand.

Lan won the deal on 1 March for three months; Minh owns the company, which last changed on
1 February. What the subscription is billed until the end of May is Lan's, later it is Minh's. What
was billed before the company last changed, and is of no deal, nobody knows the owner of.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ingest.sandbox.model import Version, Versioned
from ingest.sandbox.people import EVERYONE
from ingest.sandbox.truth_described import company_of
from ingest.sandbox.truth_rows import UNKNOWN, Night
from ingest.sandbox.truth_sellers import (
    seller_of_line,
    seller_of_note,
    seller_of_order,
)

SELLERS = [person for person in EVERYONE if person.owner_id]
LAN, MINH = SELLERS[0], SELLERS[1]


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 3, tzinfo=UTC)


def record(key: str, when: datetime, **fields: object) -> Versioned:
    return Versioned(key, (Version(when, fields),))


def line(amount: int, subscription: str | None, key: str = "l1") -> dict[str, object]:
    return {
        "line_id": key,
        "amount_minor": amount,
        "discount_minor": 0,
        "subscription_id": subscription,
    }


def invoice(when: datetime, *lines: dict[str, object]) -> dict[str, Any]:
    return {
        "customer_id": "c",
        "subscription_id": None,
        "finalized_at": when,
        "lines": lines,
    }


def night_of(
    *, term_months: int | None = 3, first: date = date(2026, 10, 31)
) -> tuple[Night, Any]:
    item = {"interval": "month", "interval_count": 1}
    customer: dict[str, object] = {"crm_account_id": "company", "is_deleted": False}
    account = SimpleNamespace(
        name="stripe",
        subscriptions=[
            record(
                "s",
                at(3, 1),
                customer_id="c",
                opportunity_id="deal",
                started_at=at(3, 1),
                items=(item,),
            )
        ],
        customers=[
            Versioned(
                "c",
                (
                    Version(at(1, 1), customer),
                    Version(at(10, 12), {**customer, "is_deleted": True}),
                ),
            )
        ],
    )
    hubspot = SimpleNamespace(
        deals=[
            record(
                "deal",
                at(3, 1),
                stage_id="closedwon",
                owner_id=LAN.owner_id,
                is_deleted=False,
                term_months=term_months,
            )
        ],
        companies=[
            record("company", at(2, 1), owner_id=MINH.owner_id, updated_at=at(2, 1))
        ],
    )
    company: Any = SimpleNamespace(stripe={"stripe": account}, hubspot=hubspot)
    rates: Any = None
    return Night(company, date(2026, 11, 30), first, rates), account


@pytest.mark.parametrize(
    ("when", "subscription", "rep"),
    [
        (at(3, 1), "s", LAN.user_id),
        (at(5, 31), "s", LAN.user_id),
        (at(6, 1), "s", MINH.user_id),
        (at(3, 1), None, MINH.user_id),
        (at(2, 1), None, MINH.user_id),
        (at(1, 31), None, UNKNOWN),
    ],
)
def test_a_line_is_of_the_win_in_its_term_and_of_the_owner_known_then(
    when: datetime, subscription: str | None, rep: str
) -> None:
    night, account = night_of()
    sold = line(100, subscription)
    assert seller_of_line(night, account, invoice(when, sold), sold)["rep"] == rep


def test_a_deal_without_a_term_is_of_one_billing_period() -> None:
    night, account = night_of(term_months=None)
    sold = line(100, "s")
    before, after = invoice(at(3, 31), sold), invoice(at(4, 1), sold)
    assert seller_of_line(night, account, before, sold)["rep"] == LAN.user_id
    assert seller_of_line(night, account, after, sold)["rep"] == MINH.user_id


def test_an_order_is_of_its_largest_line_and_a_note_of_the_subscription_all_share() -> (
    None
):
    night, account = night_of()
    mixed = invoice(at(4, 1), line(100, None, "l1"), line(101, "s", "l2"))
    assert seller_of_order(night, account, mixed)["rep"] == LAN.user_id
    single = invoice(at(4, 1), line(100, "s"))
    assert seller_of_note(night, account, single, at(5, 1))["rep"] == LAN.user_id
    assert seller_of_note(night, account, single, at(6, 2))["rep"] == MINH.user_id
    # Two subscriptions: the note names none of them.
    torn = invoice(at(4, 1), line(100, "s"), line(1, "other", "l2"))
    assert seller_of_note(night, account, torn, at(5, 1))["rep"] == MINH.user_id


def test_a_customer_deleted_long_before_the_first_night_names_nobody() -> None:
    """Deleted on 12 October; billing tells of it for 30 days. Its invoices are still there."""
    customer = ("stripe", "c")
    told, _ = night_of(first=date(2026, 10, 31))
    assert company_of(told, customer) == "company"
    forgotten, account = night_of(first=date(2026, 11, 30))
    assert company_of(forgotten, customer) is None
    sold = line(100, None)
    late = invoice(at(6, 1), sold)
    assert seller_of_line(forgotten, account, late, sold)["rep"] == UNKNOWN
