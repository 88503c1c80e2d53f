"""The deals of the sandbox company: of leads and customers, duplicates, renewals.

Belongs here: which deals there are, who has them and what was won (`Win`, which billing turns
into subscriptions). Stays out: the steps of one deal (`deal_steps`), contacts (`crm`), money
received (`billing`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.deal_steps import (
    RENEWAL_OPEN,
    RENEWAL_PIPELINE,
    Opening,
    Terms,
    close_deal,
    days_after,
    draw_steps,
    open_deal,
)
from ingest.sandbox.offer import CALLCENTER, EXPONENT, PLANS, Product, to_major
from ingest.sandbox.people import HANDOVER_AT, HEIR, LEAVER, REPS, Person, reps_on
from ingest.sandbox.story import Draft, dice, local_day, office_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from ingest.sandbox.crm import Lead

_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Win:
    """A deal finally won that becomes a subscription."""

    deal_id: str
    lead: Lead
    product: Product
    seats: int
    term_months: int
    currency: str
    won_at: datetime
    is_expansion: bool


def tell_deals(seed: int, leads: list[Lead]) -> tuple[list[Draft], list[Win]]:
    """Return every deal that comes of the leads, and what was finally won."""
    deals: list[Draft] = []
    wins: list[Win] = []
    for lead in leads:
        throw = dice(seed, "deal", lead.contact.id)
        chance = throw.random()
        if lead.is_spam or chance > (0.74 if lead.sql_at else 0.05):
            continue
        deals.extend(_tell_lead(lead, throw, wins))
    return deals, wins


def _tell_lead(lead: Lead, throw: Random, wins: list[Win]) -> Iterator[Draft]:
    """Yield the deals of one lead: the first, a duplicate of it, expansion, renewal."""
    opened_at = _draw_opening(lead, throw)
    terms = _draw_terms(lead, throw)
    deal_id = str(int(lead.contact.id) + 15_000_000_000)
    deal = Draft(deal_id)
    won_at = _tell_deal(deal, lead, terms, opened_at, throw)
    stage = {"lifecycle_stage": "opportunity", "opportunity_at": opened_at}
    lead.contact.change(opened_at, stage)
    if throw.random() < 0.02 and not deal.value_at("is_deleted", _NEVER):
        yield _tell_duplicate(deal, lead, terms, opened_at, throw)
    yield deal
    if won_at is None:
        return
    lead.contact.change(won_at, {"lifecycle_stage": "customer", "customer_at": won_at})
    wins.append(_win(deal_id, lead, terms, won_at, is_expansion=False))
    if throw.random() < 0.24:
        more = Terms(
            CALLCENTER,
            max(2, terms.seats // 2),
            12,
            terms.currency,
            _contract_value(CALLCENTER, max(2, terms.seats // 2), 12, terms.currency),
        )
        later = days_after(won_at, throw.randint(60, 260), throw)
        next_id = str(int(deal_id) + 1_000_000_000)
        expansion = Draft(next_id)
        at = _tell_deal(expansion, lead, more, later, throw)
        yield expansion
        if at is not None:
            wins.append(_win(next_id, lead, more, at, is_expansion=True))
    if terms.term_months == 12:
        yield _tell_renewal(
            str(int(deal_id) + 2_000_000_000), lead, terms, won_at, throw
        )


def _win(
    deal_id: str, lead: Lead, terms: Terms, won_at: datetime, *, is_expansion: bool
) -> Win:
    """Return what billing needs to know."""
    return Win(
        deal_id,
        lead,
        terms.product,
        terms.seats,
        terms.term_months,
        terms.currency,
        won_at,
        is_expansion,
    )


def _draw_opening(lead: Lead, throw: Random) -> datetime:
    """Return when the deal is created: mostly after SQL, sometimes before or without it."""
    if lead.sql_at and throw.random() < 0.14:
        gap = lead.sql_at - lead.born_at
        return (lead.born_at + gap * throw.random()).replace(microsecond=0)
    after = lead.sql_at or lead.mql_at or lead.born_at
    return max(
        days_after(after, throw.randint(0, 6), throw), after + timedelta(minutes=3)
    )


def _draw_terms(lead: Lead, throw: Random) -> Terms:
    """Return product, seats, term and contract value."""
    product = throw.choices(PLANS, (45, 40, 15))[0]
    seats = throw.choice((3, 5, 5, 8, 10, 12, 15, 20, 25, 40, 60))
    term = throw.choices((12, 24, 6, 3, 1), (62, 12, 10, 6, 10))[0]
    currency = "USD" if lead.is_foreign or throw.random() < 0.06 else "VND"
    full = _contract_value(product, seats, term, currency)
    cut = Decimal(throw.choice((100, 100, 100, 95, 90, 85))) / 100
    places = Decimal(1).scaleb(-EXPONENT[currency])
    return Terms(product, seats, term, currency, (full * cut).quantize(places))


def _contract_value(product: Product, seats: int, term: int, currency: str) -> Decimal:
    """Return the total contract value of a list-price sale."""
    return to_major(product.monthly_minor[currency] * seats * term, currency)


def _acting(person: Person, at: datetime) -> Person:
    """Return who does the person's work at `at`: the heir once the leaver's desk moved."""
    return HEIR if person is LEAVER and at >= HANDOVER_AT else person


def _tell_deal(
    deal: Draft, lead: Lead, terms: Terms, opened_at: datetime, throw: Random
) -> datetime | None:
    """Tell one sales deal; return the instant it was finally won, if it stays won."""
    owner = _acting(lead.owner, opened_at)
    creator = (
        owner if throw.random() < 0.85 else throw.choice(reps_on(local_day(opened_at)))
    )
    kind = "existingbusiness" if terms.product is CALLCENTER else "newbusiness"
    is_blank = throw.random() < 0.1
    open_deal(
        deal, lead, terms, Opening(opened_at, owner, creator, kind, is_blank), throw
    )
    deleted_at: datetime | None = None
    if throw.random() < 0.04:
        gone = local_day(opened_at) + timedelta(days=throw.randint(2, 140))
        deleted_at = office_instant(gone, throw)
    steps, won_at = draw_steps(terms, opened_at, throw, owner, is_blank=is_blank)
    for at, values, by in steps:
        if deleted_at is None or at < deleted_at:
            deal.change(at, values, by=by)
    if deleted_at is not None:
        bin_it = {"is_deleted": True, "deleted_at": deleted_at}
        deal.change(deleted_at, bin_it, by=owner.crm_user_id)
    _hand_over(deal, deleted_at)
    return None if deleted_at is not None else won_at


def _hand_over(deal: Draft, ends_at: datetime | None) -> None:
    """Move the deal to the heir in the bulk edit, whatever its state, if the leaver has it."""
    if ends_at is not None and ends_at < HANDOVER_AT:
        return
    if deal.value_at("owner_id", HANDOVER_AT) == LEAVER.owner_id:
        deal.change(HANDOVER_AT, {"owner_id": HEIR.owner_id})


def _tell_duplicate(
    deal: Draft, lead: Lead, terms: Terms, opened_at: datetime, throw: Random
) -> Draft:
    """Return a second record of the same deal, merged into the first within days."""
    twin = Draft(str(int(deal.id) + 3_000_000_000))
    at = days_after(opened_at, throw.randint(1, 4), throw)
    at = max(at, opened_at + timedelta(hours=1))
    owner = _acting(lead.owner, at)
    creator = throw.choice(REPS[:3])
    open_deal(twin, lead, terms, Opening(at, owner, creator, "newbusiness"), throw)
    merged_at = office_instant(
        local_day(at) + timedelta(days=throw.randint(1, 9)), throw
    )
    merged_at = max(merged_at, at + timedelta(minutes=10))
    twin.vanish(merged_at)
    deal.change(merged_at, {"merged_object_ids": twin.id}, by=owner.crm_user_id)
    _hand_over(twin, merged_at)
    return twin


def _tell_renewal(
    deal_id: str, lead: Lead, terms: Terms, won_at: datetime, throw: Random
) -> Draft:
    """Return the renewal of a yearly contract, in its own pipeline."""
    deal = Draft(deal_id)
    at = days_after(won_at, 330, throw)
    owner = _acting(lead.owner, at)
    open_deal(deal, lead, terms, Opening(at, owner, owner, "renewal"), throw)
    talk = days_after(at, throw.randint(5, 15), throw)
    deal.change(talk, {"stage_id": RENEWAL_OPEN[1]}, by=owner.crm_user_id)
    closed = days_after(at, throw.randint(20, 45), throw)
    outcome = "won" if throw.random() < 0.8 else "lost"
    _, values, by = close_deal(outcome, closed, RENEWAL_PIPELINE, throw, owner)
    deal.change(closed, values, by=by)
    _hand_over(deal, None)
    return deal
