"""The truth of attribution: which touches earn what of a lead or a won deal.

Belongs here: the five models, who a touch belongs to, sharing to the last unit. Stays out: the
touches themselves (`touches`), what a win or a lead is (`truth_crm`).

Decisions, where the catalogue leaves a choice:

* a touch counts from 90 days before the conversion's day up to its instant; one only seen
  counts never;
* it belongs to the person whose id or key it carries, or, naming no person, to every deal of
  its company;
* a person with no touch recorded up to their creation has the source the CRM noted then, if it
  noted any, as a touch of that instant;
* what ads and marketing earned counts in the period of the touch, read by `period` in that of
  the win; direct visits and what the sales team found are no marketing;
* net revenue takes off the credit notes on a deal's invoices within its term (one billing
  period where it has none), before the one conversion;
* the standard reading is 40/20/40; time decay halves credit for every seven days before the
  last touch;
* weights are shared in millionths, money in minor units of the presentation currency after one
  conversion of the whole deal; what rounding leaves over goes to the largest remainders, among
  equal ones to the earlier touch, then the smaller id.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Final

from ingest.sandbox.model import Fields, Versioned, instant_in, rows_in
from ingest.sandbox.offer import EXPONENT
from ingest.sandbox.story import local_day, month_start
from ingest.sandbox.touches import touches_until
from ingest.sandbox.truth_campaigns import campaigns_of, noted_campaign
from ingest.sandbox.truth_crm import won_deals
from ingest.sandbox.truth_described import SOURCE_GROUPS
from ingest.sandbox.truth_money import FLOW, round_ratio
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    UNKNOWN,
    ZERO,
    Contribution,
    Figure,
    Kind,
    Night,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

MODELS: Final = ("first_touch", "last_touch", "linear", "position_based", "time_decay")
STANDARD: Final = "position_based"
_READINGS: Final = ("", *(f"/{model}" for model in MODELS))
AD_READINGS: Final = (*_READINGS, "/period")
KPIS: Final = {
    **{f"attributed_revenue{reading}": Kind.AMOUNT for reading in _READINGS},
    **{f"attributed_leads{reading}": Kind.COUNT for reading in _READINGS},
    **{f"attributed_ad_revenue{reading}": Kind.AMOUNT for reading in AD_READINGS},
    **{f"attributed_net_revenue{reading}": Kind.AMOUNT for reading in AD_READINGS},
    "attribution_coverage": Kind.RATE,
    "attribution_coverage/leads": Kind.RATE,
    "attribution_coverage/value": Kind.RATE,
}
RETURNS: Final = (
    *(f"marketing_roi{reading}" for reading in AD_READINGS),
    "marketing_roi_modelled",
)
"""What the returns divide is put together from other figures, in every currency."""
_WINDOW: Final = timedelta(days=90)
_NOBODY: Final = "(unattributed)"
_WORDS: Final = {
    # what the tracker or the CRM writes: channel, source group, platform
    "google_ads": ("search", "website", "google"),
    "meta_ads": ("social", "social", "meta"),
    "organic_search": ("organic_search", "website", UNKNOWN),
    "direct_traffic": ("direct", "website", UNKNOWN),
    "social_media": ("organic_social", "social", UNKNOWN),
    "referral": ("referral", "referral", UNKNOWN),
    "referrals": ("referral", "referral", UNKNOWN),
    "newsletter": ("email", "other", UNKNOWN),
    "event": ("event", "other", UNKNOWN),
    "paid_search": ("search", "website", UNKNOWN),
    "paid_social": ("social", "social", UNKNOWN),
    "offline": ("sales_team", "sales_team", UNKNOWN),
    "other_campaigns": ("other", "other", UNKNOWN),
}
_PAID: Final = frozenset({"google_ads", "meta_ads", "paid_search", "paid_social"})
_NO_MARKETING: Final = frozenset({"direct", "sales_team", UNKNOWN})


@dataclass(frozen=True, slots=True)
class Seen:
    """One touch that may earn credit."""

    at: datetime
    touch_id: str
    channel: str
    group: str
    platform: str
    campaign: str
    is_paid: bool

    @property
    def members(self) -> dict[str, str]:
        """Return the members its credit counts under."""
        return {
            "channel": self.channel,
            "lead_source_group": self.group,
            "platform": self.platform,
            "campaign": self.campaign,
        }

    @property
    def cost_members(self) -> dict[str, str]:
        """Return those that what it cost is known by, too."""
        return {k: v for k, v in self.members.items() if k != "lead_source_group"}


_UNATTRIBUTED: Final[dict[str, str]] = {
    "channel": _NOBODY,
    "lead_source_group": _NOBODY,
    "platform": _NOBODY,
    "campaign": _NOBODY,
}


_OF_NO_PRODUCT: Final = {"product": UNKNOWN}
"""A person asks for none."""


def count_attribution(night: Night) -> Iterator[Contribution]:
    """Yield the credit of every lead and every won deal, and how many have any."""
    book = Touchbook(night)
    for lead_id, state in book.leads.items():
        born_at = instant_in(state, "created_at")
        found = _in_window(book.of_lead.get(lead_id, []), born_at)
        day = local_day(born_at)
        covered = ONE if found else ZERO
        yield Contribution(
            "attribution_coverage/leads", day, covered, ONE, members=_OF_NO_PRODUCT
        )
        for reading, _, touch, share in _share(night, day, found, None):
            who = touch.members if touch else _UNATTRIBUTED
            yield Contribution(f"attributed_leads{reading}", day, share, members=who)
    credited_back = _credit_notes(night)
    for state, won_at in won_deals(night):
        lead_id = book.survivor(state["contact_id"])
        touches = [
            *(book.of_lead.get(lead_id, []) if lead_id in book.leads else []),
            *book.of_company.get(state["company_id"], []),
        ]
        found = _in_window(touches, won_at)
        covered = ONE if found else ZERO
        product = {"product": str(state["product_id"] or UNKNOWN)}
        yield Contribution(
            "attribution_coverage", local_day(won_at), covered, ONE, members=product
        )
        if isinstance(state["amount"], Decimal):
            less = credited_back.get(state["deal_id"], ZERO)
            yield from _count_deal(night, state, local_day(won_at), found, less)


def _count_deal(
    night: Night, state: Fields, day: date, touches: list[Seen], less: Decimal
) -> Iterator[Contribution]:
    """Yield what each touch of a won deal earned: of its amount, and of the net amount."""
    product = {"product": str(state["product_id"] or UNKNOWN)}
    for reading, currency, touch, share in _share(night, day, touches, state):
        who = {**(touch.members if touch else _UNATTRIBUTED), **product}
        yield Contribution(
            f"attributed_revenue{reading}", day, share, None, currency, who
        )
        if touch and touch.is_paid:
            for read, on in _days(reading, touch, day):
                key = f"attributed_ad_revenue{read}"
                by = {**touch.cost_members, **product}
                yield Contribution(key, on, share, None, currency, by)
    net = {**state, "amount": Decimal(str(state["amount"])) - less}
    for reading, currency, touch, share in _share(night, day, touches, net):
        if touch and touch.channel not in _NO_MARKETING:
            for read, on in _days(reading, touch, day):
                key = f"attributed_net_revenue{read}"
                by = {**touch.cost_members, **product}
                yield Contribution(key, on, share, None, currency, by)
    amount, own = Decimal(str(state["amount"])), str(state["currency"])
    worth = night.rates.convert(amount, own, "VND", day, FLOW)
    value = worth if touches else ZERO
    yield Contribution("attribution_coverage/value", day, value, worth, members=product)


def _credit_notes(night: Night) -> dict[object, Decimal]:
    """Return what was credited back of each deal's invoices within its term."""
    terms = {
        state["deal_id"]: state["term_months"]
        for record in night.company.hubspot.deals
        if (state := night.state(record)) is not None
    }
    found: dict[object, Decimal] = defaultdict(lambda: ZERO)
    for account in night.company.stripe.values():
        sold = {}
        for record in account.subscriptions:
            state = night.state(record)
            if state is None or state["opportunity_id"] not in terms:
                continue
            deal = state["opportunity_id"]
            months = terms[deal] or _billing_months(record, night.cut)
            ends = _months_after(instant_in(state, "started_at"), int(str(months)))
            sold[record.id] = deal, ends
        things = {
            record.id: {line["subscription_id"] for line in rows_in(state, "lines")}
            for record in account.invoices
            if (state := night.state(record)) is not None
        }
        for record in account.credit_notes:
            state = night.state(record)
            if state is None or state["status"] != "issued":
                continue
            known = things[str(state["invoice_id"])] - {None}
            deal, ends = sold.get(
                str(min(known)) if len(known) == 1 else "", ("", None)
            )
            if ends is not None and instant_in(state, "created_at") < ends:
                minor = Decimal(str(state["subtotal_minor"]))
                found[deal] += minor.scaleb(-EXPONENT[account.currency])
    return found


def _billing_months(record: Versioned, cut: datetime) -> int:
    """Return the longest billing period a subscription ever had, in months."""
    return max(
        int(str(item["interval_count"])) * (12 if item["interval"] == "year" else 1)
        for version in record.versions
        if version.at < cut and version.fields is not None
        for item in rows_in(version.fields, "items")
    )


def _months_after(at: datetime, months: int) -> datetime:
    """Return the same day and time `months` later, the last day where there is none."""
    first = month_start(at.date(), months)
    last = (month_start(first, 1) - timedelta(days=1)).day
    return at.replace(year=first.year, month=first.month, day=min(at.day, last))


def _in_window(touches: Sequence[Seen], at: datetime) -> list[Seen]:
    """Return the touches that may earn credit of a conversion, in order."""
    first_day = local_day(at) - _WINDOW
    found = [t for t in touches if t.at <= at and local_day(t.at) >= first_day]
    return sorted(found, key=lambda t: (t.at, t.touch_id))


def _share(
    night: Night, day: date, touches: list[Seen], deal: Fields | None
) -> Iterator[tuple[str, str | None, Seen | None, Decimal]]:
    """Yield reading, currency, touch (None = nobody) and its share of one conversion."""
    for reading in _READINGS:
        weights = weigh(touches, reading.removeprefix("/") or STANDARD)
        for currency in CURRENCIES if deal else (None,):
            whole, places = ONE, 6
            if deal and currency:
                amount, own = Decimal(str(deal["amount"])), str(deal["currency"])
                whole = night.rates.convert(amount, own, currency, day, FLOW)
                places = EXPONENT[currency]
            shares = split(whole, weights, places)
            for touch, share in zip(touches or [None], shares, strict=True):
                if share:
                    yield reading, currency, touch, share


def _days(reading: str, touch: Seen, won_on: date) -> Iterator[tuple[str, date]]:
    """Yield by which readings and days a touch's share counts: its own; by period, the win's."""
    yield reading, local_day(touch.at)
    if not reading:
        yield "/period", won_on


def weigh(touches: list[Seen], model: str) -> list[Fraction]:
    """Return the share of each touch; of a conversion without one, the whole."""
    count = len(touches)
    if not touches:
        return [Fraction(1)]
    if model == "first_touch":
        parts = [1] + [0] * (count - 1)
    elif model == "last_touch":
        parts = [0] * (count - 1) + [1]
    elif model == "position_based" and count > 2:  # noqa: PLR2004  # has a middle
        middle = Fraction(20, count - 2)
        parts = [Fraction(40), *[middle] * (count - 2), Fraction(40)]
    elif model == "time_decay":
        last = local_day(touches[-1].at)
        ages = [(last - local_day(t.at)).days for t in touches]
        parts = [round(2 ** (-age / 7) * 10**9) for age in ages]
    else:
        parts = [1] * count
    total = sum(parts)
    return [Fraction(part) / total for part in parts]


def split(whole: Decimal, weights: list[Fraction], places: int) -> list[Decimal]:
    """Return `whole` in shares of `places` decimals that add up to it."""
    units = int(whole.scaleb(places))
    exact = [units * weight for weight in weights]
    floors = [part.numerator // part.denominator for part in exact]
    order = sorted(range(len(exact)), key=lambda n: (floors[n] - exact[n], n))
    for n in order[: units - sum(floors)]:
        floors[n] += 1
    return [Decimal(share).scaleb(-places) for share in floors]


class Touchbook:
    """Every touch a night knows, by the person or company it belongs to."""

    def __init__(self, night: Night) -> None:
        """Sort the touches of a night to whom they belong."""
        self._survivors: dict[object, str] = {}
        self.leads: dict[str, Fields] = {}
        self.of_lead: dict[str, list[Seen]] = defaultdict(list)
        self.of_company: dict[object, list[Seen]] = defaultdict(list)
        self._campaigns = campaigns_of(night)
        for record in night.company.hubspot.contacts:
            state = night.state(record)
            if state is None:
                continue
            if state["merged_object_ids"]:
                self._survivors[state["merged_object_ids"]] = record.id
            if not state["is_deleted"]:
                self.leads[record.id] = state
        self._record(night)
        for lead_id, state in self.leads.items():
            noted = self._noted(lead_id, state)
            known = self.of_lead[lead_id]
            if noted and not any(t.at <= noted.at for t in known):
                known.append(noted)

    def survivor(self, contact_id: object) -> str:
        """Return the contact that stands for one merged away."""
        return self._survivors.get(contact_id, str(contact_id))

    def _record(self, night: Night) -> None:
        """Sort in what the tracker exported; views only seen earn nothing."""
        told = [
            t
            for t in touches_until(night.company, night.cut)
            if t.occurred_at < night.cut and not t.is_view_through
        ]
        owner_of_key = {
            t.person_key: self.survivor(t.lead_id)
            for t in told
            if t.lead_id and self.survivor(t.lead_id) in self.leads
        }
        for t in told:
            seen = self._see(t.occurred_at, t.touch_id, t.channel, t.campaign_id)
            owner = self.survivor(t.lead_id) if t.lead_id else None
            if owner not in self.leads:
                owner = owner_of_key.get(t.person_key) if t.person_key else None
            if owner is not None:
                self.of_lead[owner].append(seen)
            elif t.account_id is not None:
                self.of_company[t.account_id].append(seen)

    def _see(
        self, at: datetime, touch_id: str, word: str, campaign: str | None
    ) -> Seen:
        """Return a recorded touch; a campaign counts inside the platform of its word."""
        channel, group, platform = _WORDS[word]
        found = self._campaigns.get((platform, campaign or ""))
        if found:
            channel = found[1]
        return Seen(
            at,
            f"finance_drop:{touch_id}",
            channel,
            group,
            platform,
            found[0] if found else UNKNOWN,
            word in _PAID,
        )

    def _noted(self, lead_id: str, state: Fields) -> Seen | None:
        """Return what the CRM noted of where a person came from, None = nothing."""
        word = str(state["source"] or "").lower()
        platform, found = noted_campaign(state, self._campaigns)
        if not word and platform == UNKNOWN:
            return None
        channel = _WORDS[word][0] if word else UNKNOWN
        return Seen(
            instant_in(state, "created_at"),
            f"crm:hubspot_main:{lead_id}",
            found[1] if found else channel,
            SOURCE_GROUPS.get(str(state["source"]), UNKNOWN),
            platform,
            found[0] if found else UNKNOWN,
            word in _PAID,
        )


def divide_returns(
    figures: Mapping[tuple[str, date, str | None], Figure], start: date
) -> Iterator[tuple[str, str, Figure]]:
    """Yield KPI, currency and figure of what marketing returned in one period."""

    def known(key: str, currency: str) -> Decimal | None:
        found = figures.get((key, start, currency)) or figures.get((key, start, None))
        return found.value if found else None

    for currency in CURRENCIES:
        cost = known("marketing_cost_full", currency)
        for kpi in RETURNS:
            reading = kpi.removeprefix("marketing_roi")
            factors = [
                known(f"attributed_net_revenue{reading}", currency),
                known("gross_margin_rate", currency),
            ]
            if reading == "_modelled":
                factors = [
                    known("leads_created", currency),
                    known("lead_to_sale_rate/period", currency),
                    known("avg_deal_size", currency),
                ]
            known_factors = [factor for factor in factors if factor is not None]
            if cost is None or len(known_factors) < len(factors):
                yield kpi, currency, Figure(ZERO, cost, None)
                continue
            earned = round_ratio(prod(known_factors, start=ONE), ONE) or ZERO
            value = round_ratio(earned - cost, cost)
            yield kpi, currency, Figure(earned - cost, cost, value)
