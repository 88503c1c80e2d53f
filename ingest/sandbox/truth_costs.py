"""The truth of costs: what marketing and winning customers cost, and per what.

Belongs here: contributions of ad spend and the costs file to the KPIs of cost. Stays out: leads
and deals themselves (`truth_crm`), adding up (`truth_sums`).

Decisions, where the catalogue leaves a choice:

* a month's cost is spread over its days so that each day's running total is the month's share
  rounded to the minor unit; every day is converted at its own rate;
* a month that is not in the costs file yet has an unknown cost, and so has every period with a
  day of it;
* full marketing cost: ad spend and everything of the marketing department; acquisition cost:
  that without research, and what sales costs without salaries; in full with both, and with
  the direct cost of each customer's first order;
* salaries of a department of fewer than five people are shown among other costs;
* cost per step: ad spend over the steps of paid people (standard), all marketing cost over all
  of them (`full`); a deal is paid when its person is;
* a new customer is a won deal of a buyer who had bought nothing before.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.finance import Cost, costs_until
from ingest.sandbox.model import instant_in
from ingest.sandbox.offer import EXPONENT
from ingest.sandbox.people import EVERYONE
from ingest.sandbox.story import STORY_START, local_day, month_start
from ingest.sandbox.truth_ads import members_of_campaign, spend_days
from ingest.sandbox.truth_crm import (
    buyer_of,
    campaign_words,
    first_deals,
    first_purchases,
    is_new_sale,
    is_paid_lead,
    latest_close,
    type_at,
)
from ingest.sandbox.truth_described import (
    CRM_ENTITY,
    members_of_deal,
    members_of_lead,
)
from ingest.sandbox.truth_margin import first_order_costs
from ingest.sandbox.truth_money import FLOW
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    UNKNOWN,
    UNKNOWN_AMOUNT,
    ZERO,
    Contribution,
    Kind,
    Night,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KPIS: Final = {
    "marketing_cost_full": Kind.AMOUNT,
    "acquisition_cost": Kind.AMOUNT,
    "acquisition_cost_full": Kind.AMOUNT,
    "new_customers": Kind.COUNT,
    "cost_per_mql": Kind.MONEY_RATIO,
    "cost_per_mql/full": Kind.MONEY_RATIO,
    "cost_per_sql": Kind.MONEY_RATIO,
    "cost_per_sql/full": Kind.MONEY_RATIO,
    "cost_per_opportunity": Kind.MONEY_RATIO,
    "cost_per_opportunity/full": Kind.MONEY_RATIO,
}
UNALLOCATED: Final = "(unallocated)"
_NOWHERE: Final = dict.fromkeys(
    ("campaign", "channel", "platform", "product"), UNALLOCATED
)
_STEPS: Final = ("cost_per_mql", "cost_per_sql", "cost_per_opportunity")
_FULL: Final = ("marketing_cost_full", *(f"{step}/full" for step in _STEPS))
"""What all of marketing's cost goes into."""
_PER_STEP: Final = (*_STEPS, *(f"{step}/full" for step in _STEPS))
_ACQUIRED: Final = ("acquisition_cost", "acquisition_cost_full")
_FEW: Final = 5
_COSTS_IN: Final = "VND"


def count_costs(night: Night) -> Iterator[Contribution]:
    """Yield every cost under every KPI it is a part of, and what those are divided by."""
    for day, campaign, amount, currency in spend_days(night):
        members = {
            **members_of_campaign(night, campaign),
            "cost_type": "ad_spend",
            "product": UNKNOWN,
        }
        spent = _Spent(day, amount, currency, members)
        for kpi in (*_FULL, *_ACQUIRED, *_STEPS):
            yield from _spend(night, kpi, spent)
    booked = costs_until(night.company.seed, night.cut)
    for cost in booked:
        for day, amount in _spread(cost, night.as_of):
            spent = _Spent(day, amount, _COSTS_IN, _members_of(cost))
            for kpi in _kpis_of(cost):
                yield from _spend(night, kpi, spent)
    for day, amount, sold in first_order_costs(night):
        members = {**_NOWHERE, **sold, "cost_type": "product"}
        spent = _Spent(day, amount, _COSTS_IN, members)
        yield from _spend(night, "acquisition_cost_full", spent)
    yield from _not_booked(night, {cost.month for cost in booked})
    yield from _count_leads(night)
    yield from _count_deals(night)


@dataclass(frozen=True, slots=True)
class _Spent:
    """One cost of one day in its own currency, and the members it is shown under."""

    day: date
    amount: Decimal
    currency: str
    members: Mapping[str, str]


def _spend(night: Night, kpi: str, spent: _Spent) -> Iterator[Contribution]:
    """Yield one cost in every presentation currency."""
    is_sum = kpi not in _PER_STEP
    below = None if is_sum else ZERO
    told = {**spent.members, "currency": spent.currency}
    for currency in CURRENCIES:
        worth = night.rates.convert(
            spent.amount, spent.currency, currency, spent.day, FLOW
        )
        yield Contribution(kpi, spent.day, worth, below, currency, told)


def _kpis_of(cost: Cost) -> Iterator[str]:
    """Yield the KPIs a row of the costs file is a part of."""
    is_marketing, is_sales = (
        cost.department == department for department in ("Marketing", "Kinh doanh")
    )
    if is_marketing:
        yield from _FULL
    if is_marketing or is_sales:
        yield "acquisition_cost_full"
    if (is_marketing and cost.cost_type != "research") or (
        is_sales and cost.cost_type != "salary"
    ):
        yield "acquisition_cost"


def _members_of(cost: Cost) -> dict[str, str]:
    """Return the members a cost is shown under."""
    shown = cost.cost_type
    if shown == "salary" and _heads(cost) < _FEW:
        shown = "other"
    return {
        **_NOWHERE,
        "channel": cost.channel.lower() or UNALLOCATED,
        "product": cost.product_id or UNALLOCATED,
        "legal_entity": CRM_ENTITY,
        "cost_type": shown,
    }


def _heads(cost: Cost) -> int:
    """Return how many people were in the cost's department at any time of its month."""
    end = month_start(cost.month, 1) - timedelta(days=1)
    return sum(
        person.department == cost.department
        and person.postings[0].valid_from <= end
        and (person.left_on is None or person.left_on >= cost.month)
        for person in EVERYONE
    )


def _spread(cost: Cost, as_of: date) -> Iterator[tuple[date, Decimal]]:
    """Yield each past day's share of a month's cost."""
    days = monthrange(cost.month.year, cost.month.month)[1]
    step = Decimal(1).scaleb(-EXPONENT[_COSTS_IN])
    earlier = ZERO
    for number in range(1, days + 1):
        running = (cost.amount * number / days).quantize(step, ROUND_HALF_UP)
        day = cost.month + timedelta(days=number - 1)
        if day <= as_of:
            yield day, running - earlier
        earlier = running


def _not_booked(night: Night, booked: set[date]) -> Iterator[Contribution]:
    """Yield an unknown cost for every past day of a month without costs."""
    day = STORY_START
    members = {
        **_NOWHERE,
        "cost_type": UNKNOWN,
        "legal_entity": UNKNOWN,
        "currency": UNKNOWN,
    }
    while day <= night.as_of:
        if month_start(day) not in booked:
            for kpi in (*_FULL, *_ACQUIRED):
                for currency in CURRENCIES:
                    yield Contribution(
                        kpi, day, UNKNOWN_AMOUNT, None, currency, members
                    )
        day += timedelta(days=1)


def _count_leads(night: Night) -> Iterator[Contribution]:
    """Yield the people qualified by marketing and by sales that costs are divided by."""
    tied_at, words = first_deals(night), campaign_words(night)
    for record in night.company.hubspot.contacts:
        state = night.state(record)
        if state is None or state["is_deleted"]:
            continue
        is_paid = is_paid_lead(state, words)
        came = {**members_of_lead(night, state), "legal_entity": CRM_ENTITY}
        known = (state["sql_at"], tied_at.get(record.id))
        accepted = [at for at in known if isinstance(at, datetime)]
        if isinstance(state["mql_at"], datetime):
            day = local_day(state["mql_at"])
            yield from _step("cost_per_mql", day, came, is_paid=is_paid)
        if accepted:
            day = local_day(min(accepted))
            yield from _step("cost_per_sql", day, came, is_paid=is_paid)


def _count_deals(night: Night) -> Iterator[Contribution]:
    """Yield the deals costs are divided by, and the new customers."""
    bought_at, words = first_purchases(night), campaign_words(night)
    for record in night.company.hubspot.deals:
        state = night.state(record)
        if state is None or state["is_deleted"] or not is_new_sale(state):
            continue
        contact = night.contact(state["contact_id"])
        is_paid = contact is not None and is_paid_lead(contact, words)
        day = local_day(instant_in(state, "created_at"))
        came = {**members_of_deal(night, state), "legal_entity": CRM_ENTITY}
        yield from _step("cost_per_opportunity", day, came, is_paid=is_paid)
        close = latest_close(record, night)
        if close is None or close[1] != "won":
            continue
        if type_at(bought_at, buyer_of(night, state), close[0]) == "new":
            sold = {**came, "rep": close[2]}
            yield Contribution("new_customers", local_day(close[0]), ONE, members=sold)


def _step(
    kpi: str, day: date, came: Mapping[str, str], *, is_paid: bool
) -> Iterator[Contribution]:
    """Yield one case a cost is divided by."""
    for currency in CURRENCIES:
        if is_paid:
            yield Contribution(kpi, day, ZERO, ONE, currency, came)
        yield Contribution(f"{kpi}/full", day, ZERO, ONE, currency, came)
