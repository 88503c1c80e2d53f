"""What happens to one deal: opened, walked through stages, closed, reopened.

Belongs here: pipelines and stages, the terms sold, every step of a deal. Stays out: which
deals there are and what becomes of a win (`deals`).

The pipeline `default` is new sales; `renewals` holds renewals, which are not.
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.offer import EXPONENT, Product
from ingest.sandbox.people import LEAVER, Person, reps_on
from ingest.sandbox.story import (
    Draft,
    any_instant,
    at_local,
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
RENEWAL_OPEN: Final = ("renewal_due", "renewal_negotiation")
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

Step = tuple[datetime, dict[str, object], str | None]
"""(when, changed fields, user id of who did it)."""


@dataclass(frozen=True, slots=True)
class Terms:
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


@dataclass(frozen=True, slots=True)
class Opening:
    """How a deal begins: when, where, by whom."""

    at: datetime
    owner: Person
    creator: Person
    deal_type: str
    is_blank: bool = False
    """Whether the amount is left blank."""

    @property
    def pipeline(self) -> str:
        """Renewals have a pipeline of their own."""
        return RENEWAL_PIPELINE if self.deal_type == "renewal" else SALES_PIPELINE


def open_deal(
    deal: Draft, lead: Lead, terms: Terms, opening: Opening, throw: Random
) -> None:
    """Write the first version of a deal."""
    at = opening.at
    is_renewal = opening.deal_type == "renewal"
    deal.change(
        at,
        {
            "deal_id": deal.id,
            "deal_name": f"{lead.company_name} – {terms.product.name}",
            "pipeline_id": opening.pipeline,
            "stage_id": RENEWAL_OPEN[0] if is_renewal else STAGES[0][0],
            "amount": None if opening.is_blank else terms.amount,
            "currency": None if opening.is_blank else terms.currency,
            "created_at": at,
            "close_at": at_local(
                local_day(at) + timedelta(days=throw.randint(20, 90)), 17
            ),
            "owner_id": opening.owner.owner_id,
            "created_by_id": opening.creator.crm_user_id,
            "deal_type": opening.deal_type,
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
        by=opening.creator.crm_user_id,
    )


def draw_steps(
    terms: Terms, opened_at: datetime, throw: Random, owner: Person, *, is_blank: bool
) -> tuple[list[Step], datetime | None]:
    """Return everything that happens to a sales deal and when it is finally won."""
    closed_at = _draw_close(opened_at, throw)
    outcome = throw.choices(("won", "lost", "open"), (40, 47, 13))[0]
    steps = list(
        _walk(terms, opened_at, closed_at, throw, owner=owner, is_blank=is_blank)
    )
    if outcome == "open":
        return steps, None
    steps.append(close_deal(outcome, closed_at, SALES_PIPELINE, throw, owner))
    won_at = closed_at if outcome == "won" else None
    if throw.random() < 0.09:
        again, won_at = _reopen(terms, closed_at, outcome, throw, owner)
        steps.extend(again)
    return steps, won_at


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
    terms: Terms,
    opened_at: datetime,
    closed_at: datetime,
    throw: Random,
    *,
    owner: Person,
    is_blank: bool,
) -> Iterator[Step]:
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


def _haggle(terms: Terms, throw: Random) -> Decimal:
    """Return the amount after a negotiation."""
    factor = Decimal(throw.choice((80, 88, 92, 110, 125))) / 100
    return (terms.amount * factor).quantize(
        Decimal(1).scaleb(-EXPONENT[terms.currency])
    )


def close_deal(
    outcome: str, at: datetime, pipeline: str, throw: Random, owner: Person
) -> Step:
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
    terms: Terms, closed_at: datetime, outcome: str, throw: Random, owner: Person
) -> tuple[list[Step], datetime | None]:
    """Return reopening and second close, and the instant of a final win."""
    day = local_day(closed_at) + timedelta(days=throw.randint(3, 70))
    reopened_at = office_instant(day, throw)
    values: dict[str, object] = {
        "stage_id": STAGES[3][0],
        "closed_lost_reason": None,
        "closed_won_reason": None,
        "close_at": at_local(local_day(reopened_at) + timedelta(days=30), 17),
    }
    steps: list[Step] = [(reopened_at, values, owner.crm_user_id)]
    second = throw.choices(("won", "lost", "open"), (55, 30, 15))[0]
    if second == "open":
        return steps, None
    at = days_after(reopened_at, throw.randint(1, 40), throw)
    at = max(at, reopened_at + timedelta(minutes=30))
    if outcome == "won" or throw.random() < 0.5:
        steps.append(
            (
                reopened_at + timedelta(minutes=5),
                {"amount": _haggle(terms, throw), "currency": terms.currency},
                owner.crm_user_id,
            )
        )
    steps.append(close_deal(second, at, SALES_PIPELINE, throw, owner))
    return steps, at if second == "won" else None


def days_after(at: datetime, days: int, throw: Random) -> datetime:
    """Return some instant of the day `days` later."""
    return any_instant(local_day(at) + timedelta(days=days), throw)
