"""The deals of the sandbox company: opened, walked, won, lost, reopened, deleted, merged.

Belongs here: the deals of leads and customers and what was won (`Win`, which billing turns into
subscriptions). Stays out: contacts (`crm`), money received (`billing`).

The pipeline `default` is new sales; `renewals` holds renewals, which are not.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.offer import CALLCENTER, EXPONENT, PLANS, Product, to_major
from ingest.sandbox.people import HANDOVER_AT, HEIR, LEAVER, REPS, Person, reps_on
from ingest.sandbox.story import (
    Draft,
    any_instant,
    at_local,
    dice,
    local_day,
    month_start,
    office_instant,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from ingest.sandbox.crm import Lead
    from ingest.sandbox.model import Fields

SALES_PIPELINE: Final = "default"
RENEWAL_PIPELINE: Final = "renewals"
STAGES: Final = (
    ("appointmentscheduled", "Hẹn gặp", "0.2"),
    ("qualifiedtobuy", "Đủ điều kiện mua", "0.4"),
    ("presentationscheduled", "Trình bày giải pháp", "0.5"),
    ("decisionmakerboughtin", "Người quyết định đồng ý", "0.7"),
    ("contractsent", "Đã gửi hợp đồng", "0.9"),
)
WON: Final = {SALES_PIPELINE: "closedwon", RENEWAL_PIPELINE: "renewal_won"}
LOST: Final = {SALES_PIPELINE: "closedlost", RENEWAL_PIPELINE: "renewal_lost"}
_RENEWAL_OPEN: Final = ("renewal_due", "renewal_negotiation")
_LOST_REASONS: Final = (
    ("price", 24),
    ("competitor", 20),
    ("no_response", 20),
    ("no_budget", 14),
    ("disqualified", 9),
    ("duplicate", 4),
    (None, 9),
)
_METHODS: Final = ("call", "email", "meeting", "web", "social", "referral", None)
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


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is being sold in one deal."""

    product: Product
    seats: int
    term_months: int
    currency: str
    amount: Decimal


def write_stages() -> tuple[Fields, ...]:
    """Return the stages of both pipelines."""
    rows: list[Fields] = []
    sales = (*STAGES, ("closedwon", "Thắng", "1.0"), ("closedlost", "Thua", "0.0"))
    renewals = (
        ("renewal_due", "Đến hạn gia hạn", "0.6"),
        ("renewal_negotiation", "Đang thương lượng", "0.8"),
        ("renewal_won", "Đã gia hạn", "1.0"),
        ("renewal_lost", "Không gia hạn", "0.0"),
    )
    for pipeline, label, stages in (
        (SALES_PIPELINE, "Bán hàng mới", sales),
        (RENEWAL_PIPELINE, "Gia hạn", renewals),
    ):
        for order, (stage, stage_label, probability) in enumerate(stages):
            rows.append(
                {
                    "pipeline_id": pipeline,
                    "stage_id": stage,
                    "pipeline_label": label,
                    "stage_label": stage_label,
                    "display_order": order,
                    "probability": Decimal(probability),
                    "is_closed": stage in {WON[pipeline], LOST[pipeline]},
                }
            )
    return tuple(rows)


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
    deal, won_at = _tell_deal(deal_id, lead, terms, opened_at, throw, "newbusiness")
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
        more = _Terms(
            CALLCENTER,
            max(2, terms.seats // 2),
            12,
            terms.currency,
            _contract_value(CALLCENTER, max(2, terms.seats // 2), 12, terms.currency),
        )
        later = _days_after(won_at, throw.randint(60, 260), throw)
        next_id = str(int(deal_id) + 1_000_000_000)
        expansion, at = _tell_deal(
            next_id, lead, more, later, throw, "existingbusiness"
        )
        yield expansion
        if at is not None:
            wins.append(_win(next_id, lead, more, at, is_expansion=True))
    if terms.term_months == 12:
        yield _tell_renewal(
            str(int(deal_id) + 2_000_000_000), lead, terms, won_at, throw
        )


def _win(
    deal_id: str, lead: Lead, terms: _Terms, won_at: datetime, *, is_expansion: bool
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
        _days_after(after, throw.randint(0, 6), throw), after + timedelta(minutes=3)
    )


def _days_after(at: datetime, days: int, throw: Random) -> datetime:
    """Return some instant of the day `days` later."""
    return any_instant(local_day(at) + timedelta(days=days), throw)


def _draw_terms(lead: Lead, throw: Random) -> _Terms:
    """Return product, seats, term and contract value."""
    product = throw.choices(PLANS, (45, 40, 15))[0]
    seats = throw.choice((3, 5, 5, 8, 10, 12, 15, 20, 25, 40, 60))
    term = throw.choices((12, 24, 6, 3, 1), (62, 12, 10, 6, 10))[0]
    currency = "USD" if lead.is_foreign or throw.random() < 0.06 else "VND"
    full = _contract_value(product, seats, term, currency)
    cut = Decimal(throw.choice((100, 100, 100, 95, 90, 85))) / 100
    places = Decimal(1).scaleb(-EXPONENT[currency])
    return _Terms(product, seats, term, currency, (full * cut).quantize(places))


def _contract_value(product: Product, seats: int, term: int, currency: str) -> Decimal:
    """Return the total contract value of a list-price sale."""
    return to_major(product.monthly_minor[currency] * seats * term, currency)


def _acting(person: Person, at: datetime) -> Person:
    """Return who does the person's work at `at`: the heir once the leaver's desk moved."""
    return HEIR if person is LEAVER and at >= HANDOVER_AT else person


def _tell_deal(
    deal_id: str,
    lead: Lead,
    terms: _Terms,
    opened_at: datetime,
    throw: Random,
    deal_type: str,
) -> tuple[Draft, datetime | None]:
    """Return one sales deal and the instant it was finally won, if it stays won."""
    deal = Draft(deal_id)
    owner = _acting(lead.owner, opened_at)
    creator = (
        owner if throw.random() < 0.85 else throw.choice(reps_on(local_day(opened_at)))
    )
    is_blank = throw.random() < 0.1
    _open_deal(
        deal,
        lead,
        terms,
        opened_at,
        SALES_PIPELINE,
        STAGES[0][0],
        owner,
        creator,
        throw,
        deal_type=deal_type,
        is_blank=is_blank,
    )
    ends_at: datetime | None = None
    is_deleted = throw.random() < 0.04
    if is_deleted:
        gone = local_day(opened_at) + timedelta(days=throw.randint(2, 140))
        ends_at = office_instant(gone, throw)
    closed_at = _draw_close(opened_at, throw)
    outcome = throw.choices(("won", "lost", "open"), (40, 47, 13))[0]
    steps = list(_walk(terms, opened_at, closed_at, throw, owner, is_blank=is_blank))
    won_at: datetime | None = None
    if outcome != "open":
        steps.append(_close(outcome, closed_at, SALES_PIPELINE, throw, owner))
        won_at = closed_at if outcome == "won" else None
        if throw.random() < 0.09:
            again, won_at = _reopen(terms, closed_at, outcome, throw, owner)
            steps.extend(again)
    for at, values, by in steps:
        if ends_at is None or at < ends_at:
            deal.change(at, values, by=by)
    if ends_at is not None:
        bin_it = {"is_deleted": True, "deleted_at": ends_at}
        deal.change(ends_at, bin_it, by=owner.crm_user_id)
    _hand_over(deal, ends_at)
    return deal, (None if is_deleted else won_at)


def _open_deal(
    deal: Draft,
    lead: Lead,
    terms: _Terms,
    at: datetime,
    pipeline: str,
    stage: str,
    owner: Person,
    creator: Person,
    throw: Random,
    *,
    deal_type: str,
    is_blank: bool,
) -> None:
    """Write the first version of a deal."""
    deal.change(
        at,
        {
            "deal_id": deal.id,
            "deal_name": f"{lead.company_name} – {terms.product.name}",
            "pipeline_id": pipeline,
            "stage_id": stage,
            "amount": None if is_blank else terms.amount,
            "currency": None if is_blank else terms.currency,
            "created_at": at,
            "close_at": at_local(
                local_day(at) + timedelta(days=throw.randint(20, 90)), 17
            ),
            "owner_id": owner.owner_id,
            "created_by_id": creator.crm_user_id,
            "deal_type": deal_type,
            "closed_lost_reason": None,
            "closed_won_reason": None,
            "term_months": terms.term_months if throw.random() < 0.94 else None,
            "product_id": terms.product.code if throw.random() < 0.95 else None,
            "contact_method": throw.choice(_METHODS),
            "competitor": throw.choice((None, None, None, "Misa", "Base", "Zoho")),
            "campaign_id": None,
            "next_activity_at": None,
            "company_id": lead.company_id,
            "contact_id": lead.contact.id,
            "merged_object_ids": None,
            "is_deleted": False,
            "deleted_at": None,
        },
        by=creator.crm_user_id,
    )


_Step = tuple[datetime, dict[str, object], str | None]


def _draw_close(opened_at: datetime, throw: Random) -> datetime:
    """Return when the deal closes; the last days of a month pull."""
    day = local_day(opened_at) + timedelta(
        days=min(170, int(throw.lognormvariate(3.4, 0.7)))
    )
    last = month_start(day, 1) - timedelta(days=1)
    if (last - day).days <= 10 and throw.random() < 0.35:
        day = last
    elif day.day <= 5 and throw.random() < 0.3:
        day = max(day.replace(day=1), local_day(opened_at))
    return max(any_instant(day, throw), opened_at + timedelta(minutes=9))


def _walk(
    terms: _Terms,
    opened_at: datetime,
    closed_at: datetime,
    throw: Random,
    owner: Person,
    *,
    is_blank: bool,
) -> Iterator[_Step]:
    """Yield what happens to the deal between opening and closing."""
    span = closed_at - opened_at

    def moment(share: float) -> datetime:
        """Return an instant that far along the way."""
        return (opened_at + span * share).replace(microsecond=0)

    by = owner.crm_user_id
    share = 0.0
    for stage, _, _ in STAGES[1:]:
        share += throw.uniform(0.08, 0.24)
        if throw.random() < 0.18:
            continue
        next_at = moment(share) + timedelta(days=throw.randint(1, 9))
        yield moment(share), {"stage_id": stage, "next_activity_at": next_at}, by
    if throw.random() < 0.06:
        yield moment(share * 0.97), {"stage_id": STAGES[1][0]}, by
    if is_blank and throw.random() < 0.7:
        filled = {"amount": terms.amount, "currency": terms.currency}
        yield moment(throw.uniform(0.1, 0.9)), filled, by
    elif not is_blank and throw.random() < 0.25:
        yield moment(throw.uniform(0.2, 0.95)), {"amount": _haggle(terms, throw)}, by
    for _ in range(throw.choices((0, 1, 2), (55, 30, 15))[0]):
        at = moment(throw.uniform(0.3, 0.9))
        slip = at_local(local_day(at) + timedelta(days=throw.randint(10, 60)), 17)
        yield at, {"close_at": slip}, by
    if throw.random() < 0.06:
        at = moment(throw.uniform(0.2, 0.8))
        other = throw.choice([p for p in reps_on(local_day(at)) if p is not LEAVER])
        yield at, {"owner_id": other.owner_id}, None


def _haggle(terms: _Terms, throw: Random) -> Decimal:
    """Return the amount after a negotiation."""
    factor = Decimal(throw.choice((80, 88, 92, 110, 125))) / 100
    return (terms.amount * factor).quantize(
        Decimal(1).scaleb(-EXPONENT[terms.currency])
    )


def _close(
    outcome: str, at: datetime, pipeline: str, throw: Random, owner: Person
) -> _Step:
    """Return the step that closes a deal; the actual close date replaces the expected one."""
    values: dict[str, object] = {"close_at": at, "next_activity_at": None}
    if outcome == "won":
        values["stage_id"] = WON[pipeline]
        values["closed_won_reason"] = throw.choice(("fit", "price", "service", None))
    else:
        reasons, weights = zip(*_LOST_REASONS, strict=True)
        values["stage_id"] = LOST[pipeline]
        values["closed_lost_reason"] = throw.choices(reasons, weights)[0]
    return at, values, owner.crm_user_id


def _reopen(
    terms: _Terms, closed_at: datetime, outcome: str, throw: Random, owner: Person
) -> tuple[list[_Step], datetime | None]:
    """Return reopening and second close, and the instant of a final win."""
    day = local_day(closed_at) + timedelta(days=throw.randint(3, 70))
    reopened_at = office_instant(day, throw)
    values: dict[str, object] = {
        "stage_id": STAGES[3][0],
        "closed_lost_reason": None,
        "closed_won_reason": None,
        "close_at": at_local(local_day(reopened_at) + timedelta(days=30), 17),
    }
    steps: list[_Step] = [(reopened_at, values, owner.crm_user_id)]
    second = throw.choices(("won", "lost", "open"), (55, 30, 15))[0]
    if second == "open":
        return steps, None
    at = _days_after(reopened_at, throw.randint(1, 40), throw)
    at = max(at, reopened_at + timedelta(minutes=30))
    if outcome == "won" or throw.random() < 0.5:
        steps.append(
            (
                reopened_at + timedelta(minutes=5),
                {"amount": _haggle(terms, throw), "currency": terms.currency},
                owner.crm_user_id,
            )
        )
    steps.append(_close(second, at, SALES_PIPELINE, throw, owner))
    return steps, at if second == "won" else None


def _hand_over(deal: Draft, ends_at: datetime | None) -> None:
    """Move the deal to the heir in the bulk edit, whatever its state, if the leaver has it."""
    if ends_at is not None and ends_at < HANDOVER_AT:
        return
    if deal.value_at("owner_id", HANDOVER_AT) == LEAVER.owner_id:
        deal.change(HANDOVER_AT, {"owner_id": HEIR.owner_id})


def _tell_duplicate(
    deal: Draft, lead: Lead, terms: _Terms, opened_at: datetime, throw: Random
) -> Draft:
    """Return a second record of the same deal, merged into the first within days."""
    twin = Draft(str(int(deal.id) + 3_000_000_000))
    at = _days_after(opened_at, throw.randint(1, 4), throw)
    at = max(at, opened_at + timedelta(hours=1))
    owner = _acting(lead.owner, at)
    _open_deal(
        twin,
        lead,
        terms,
        at,
        SALES_PIPELINE,
        STAGES[0][0],
        owner,
        throw.choice(REPS[:3]),
        throw,
        deal_type="newbusiness",
        is_blank=False,
    )
    merged_at = office_instant(
        local_day(at) + timedelta(days=throw.randint(1, 9)), throw
    )
    merged_at = max(merged_at, at + timedelta(minutes=10))
    twin.vanish(merged_at)
    deal.change(merged_at, {"merged_object_ids": twin.id}, by=owner.crm_user_id)
    _hand_over(twin, merged_at)
    return twin


def _tell_renewal(
    deal_id: str, lead: Lead, terms: _Terms, won_at: datetime, throw: Random
) -> Draft:
    """Return the renewal of a yearly contract, in its own pipeline."""
    deal = Draft(deal_id)
    at = _days_after(won_at, 330, throw)
    owner = _acting(lead.owner, at)
    _open_deal(
        deal,
        lead,
        terms,
        at,
        RENEWAL_PIPELINE,
        _RENEWAL_OPEN[0],
        owner,
        owner,
        throw,
        deal_type="renewal",
        is_blank=False,
    )
    talk = _days_after(at, throw.randint(5, 15), throw)
    deal.change(talk, {"stage_id": _RENEWAL_OPEN[1]}, by=owner.crm_user_id)
    closed = _days_after(at, throw.randint(20, 45), throw)
    outcome = "won" if throw.random() < 0.8 else "lost"
    _, values, by = _close(outcome, closed, RENEWAL_PIPELINE, throw, owner)
    deal.change(closed, values, by=by)
    _hand_over(deal, None)
    return deal
