"""Who pays the sandbox company: customers of both Stripe accounts and their subscriptions.

Belongs here: won deals and self-service sign-ups becoming customers, second subscriptions,
returns after a churn, deleted customers. Stays out: the life of one subscription
(`subscriptions`), what is booked (`invoicing`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.invoicing import Ledger, finish_all
from ingest.sandbox.model import StripeAccount
from ingest.sandbox.offer import BASIC, PRO
from ingest.sandbox.prices import write_coupons, write_prices, write_products
from ingest.sandbox.story import (
    STORY_START,
    Draft,
    any_instant,
    at_local,
    dice,
    local_day,
    office_instant,
)
from ingest.sandbox.subscriptions import Order, tell_subscription

if TYPE_CHECKING:
    from random import Random

    from ingest.sandbox.crm import Lead
    from ingest.sandbox.deals import Win

_ACCOUNTS: Final = {
    "VND": ("stripe_vn", "acct_1AcmeVn0000000000", "acme_vn"),
    "USD": ("stripe_sg", "acct_1AcmeSg0000000000", "acme_sg"),
}
_TAX: Final = {"VN": 10, "SG": 9}


@dataclass(slots=True)
class _Desk:
    """One Stripe account being told up to `until`."""

    ledger: Ledger
    seed: int
    until: datetime
    customers: list[Draft] = field(default_factory=list)
    subscriptions: list[Draft] = field(default_factory=list)


def build_stripe(
    seed: int, leads: list[Lead], wins: list[Win], until: datetime
) -> dict[str, StripeAccount]:
    """Return both accounts told up to `until`."""
    desks = {
        currency: _Desk(Ledger(name, currency), seed, until)
        for currency, (name, _, _) in _ACCOUNTS.items()
    }
    by_lead: dict[str, list[Win]] = {}
    for win in wins:
        by_lead.setdefault(win.lead.contact.id, []).append(win)
    for lead in leads:
        throw = dice(seed, "customer", lead.contact.id)
        won = by_lead.get(lead.contact.id, [])
        if won:
            _tell_customer(lead, won, desks[won[0].currency], throw)
        elif not lead.is_spam and not lead.duplicate_of and throw.random() < 0.03:
            currency = "USD" if lead.is_foreign else "VND"
            _tell_visitor(lead, desks[currency], throw)
    return {desk.ledger.name: _close_books(desk) for desk in desks.values()}


def _tell_customer(lead: Lead, won: list[Win], desk: _Desk, throw: Random) -> None:
    """Turn the won deals of one lead into a customer with subscriptions."""
    if throw.random() < 0.04:
        return  # pays outside Stripe
    first = won[0]
    started_at = _start_after(first.won_at, throw)
    customer_id = _write_customer(desk, lead, started_at, throw)
    period = "y" if first.term_months >= 12 and throw.random() < 0.3 else "m"
    if period == "m":
        period = throw.choices(("m", "q", "w"), (90, 8, 2))[0]
    order = Order(
        subscription_id=f"sub_{customer_id.removeprefix('cus_')}A",
        customer_id=customer_id,
        product=first.product,
        seats=first.seats,
        period=period,
        starts_at=started_at,
        has_trial=throw.random() < 0.14,
        opportunity_id=first.deal_id if throw.random() < 0.95 else None,
        tax_percent=_tax_of(lead),
        with_call_center=throw.random() < 0.1,
        with_sms=period == "m" and throw.random() < 0.12,
        with_onboarding=throw.random() < 0.35,
    )
    ended_at, _ = _tell_with_return(order, desk, throw)
    for number, win in enumerate(won[1:]):
        starts_at = _start_after(max(win.won_at, started_at), throw)
        if ended_at is not None and starts_at > ended_at:
            continue
        more = replace(
            order,
            subscription_id=f"sub_{customer_id.removeprefix('cus_')}X{number}",
            product=win.product,
            seats=win.seats,
            period="m",
            starts_at=starts_at,
            has_trial=False,
            opportunity_id=win.deal_id,
            with_call_center=False,
            with_sms=False,
            with_onboarding=False,
        )
        draft, _ = tell_subscription(more, desk.ledger, desk.seed, desk.until)
        desk.subscriptions.append(draft)


def _tell_visitor(lead: Lead, desk: _Desk, throw: Random) -> None:
    """Let a lead without a deal sign up alone, mostly with a trial."""
    started_at = _start_after(lead.born_at, throw)
    customer_id = _write_customer(desk, lead, started_at, throw)
    order = Order(
        subscription_id=f"sub_{customer_id.removeprefix('cus_')}S",
        customer_id=customer_id,
        product=throw.choice((BASIC, BASIC, PRO)),
        seats=throw.randint(1, 6),
        period="m",
        starts_at=started_at,
        has_trial=throw.random() < 0.75,
        opportunity_id=None,
        tax_percent=_tax_of(lead),
    )
    ended_at, comes_back = _tell_with_return(order, desk, throw)
    if ended_at is not None and not comes_back and throw.random() < 0.3:
        gone = office_instant(local_day(ended_at) + timedelta(days=90), throw)
        desk.customers[-1].change(gone, {"is_deleted": True})


def _tell_with_return(
    order: Order, desk: _Desk, throw: Random
) -> tuple[datetime | None, bool]:
    """Tell a subscription and, after some endings, the one they come back with.

    Returns:
        The end of the first one and whether they come back, however far the story is told.
    """
    draft, ended_at = tell_subscription(order, desk.ledger, desk.seed, desk.until)
    desk.subscriptions.append(draft)
    comes_back = throw.random() < 0.34
    gap, seats = throw.randint(35, 200), throw.randint(1, 12)
    if ended_at is None or not comes_back:
        return ended_at, False
    again = replace(
        order,
        subscription_id=f"{order.subscription_id}R",
        seats=seats,
        period="m",
        starts_at=any_instant(
            local_day(ended_at) + timedelta(days=gap), dice(desk.seed, draft.id)
        ),
        has_trial=False,
        opportunity_id=None,
        with_onboarding=False,
        with_sms=False,
        with_call_center=False,
    )
    if again.starts_at <= desk.until:
        second, _ = tell_subscription(again, desk.ledger, desk.seed, desk.until)
        desk.subscriptions.append(second)
    return ended_at, True


def _start_after(at: datetime, throw: Random) -> datetime:
    """Return the start of service, one to six days later."""
    return any_instant(local_day(at) + timedelta(days=throw.randint(1, 6)), throw)


def _tax_of(lead: Lead) -> int:
    """Return the tax percentage of the customer's country."""
    return _TAX["SG" if lead.is_foreign else "VN"]


def _write_customer(desk: _Desk, lead: Lead, at: datetime, throw: Random) -> str:
    """Write the Stripe customer; most carry the CRM company in their metadata."""
    draft = Draft(f"cus_{int(lead.contact.id):x}")
    created_at = at - timedelta(minutes=throw.randint(1, 40))
    draft.change(
        created_at,
        {
            "customer_id": draft.id,
            "customer_name": lead.company_name,
            "email": f"billing+{lead.email}",
            "country": "SG" if lead.is_foreign else "VN",
            "currency": desk.ledger.currency,
            "crm_account_id": lead.company_id if throw.random() < 0.94 else None,
            "created_at": created_at,
            "is_deleted": False,
        },
    )
    desk.customers.append(draft)
    return draft.id


def _close_books(desk: _Desk) -> StripeAccount:
    """Return the finished account; money is paid out every Monday."""
    name, account_id, legal_entity = _ACCOUNTS[desk.ledger.currency]
    ledger = desk.ledger
    first = at_local(STORY_START + timedelta(days=10), 10)
    weeks = max(0, (desk.until - first).days // 7 + 1)
    ledger.pay_out([first + timedelta(weeks=week) for week in range(weeks)])
    return StripeAccount(
        name=name,
        account_id=account_id,
        currency=ledger.currency,
        legal_entity=legal_entity,
        customers=finish_all(desk.customers),
        products=write_products(name),
        prices=write_prices(name, ledger.currency),
        coupons=write_coupons(ledger.currency),
        subscriptions=finish_all(desk.subscriptions),
        invoices=finish_all(ledger.invoices),
        charges=finish_all(ledger.charges),
        refunds=finish_all(ledger.refunds),
        credit_notes=finish_all(ledger.credit_notes),
        balance_transactions=finish_all(ledger.transactions),
        payouts=finish_all(ledger.payouts),
        disputes=finish_all(ledger.disputes),
    )
