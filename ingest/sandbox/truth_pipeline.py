"""The truth of the open pipeline, the way through its stages, and lost deals called again.

Belongs here: stocks of deals at the end of a day, forecasts of a period, stages, losses and what
followed. Stays out: creation and close of a deal (`truth_deals`), adding up.

Decisions, where the catalogue leaves a choice:

* a deal weighs its amount times the probability of the stage it was in, rounded once;
* the forecast of a month or quarter on a day: won so far, at the rate of each win, and the
  weighted amount, at the day's rate, of open deals expected from that day to the period's end;
* days open run from the first creation; days at whose end the deal was closed are taken off;
* a stage is reached by entering it or a later one, passed by entering a later one or winning,
  within 180 days; each deal counts once per stage;
* time in a stage is in days from entering to leaving, visits added up, on the day it was last
  left; `open` = still there on the as-of day;
* a loss lasts from the day at whose end the deal was lost until the day before it no longer is.
  Its window is the 3rd to the 6th calendar month; no call is due once we contacted the buyer or
  won something; a buyer in talks again is not to be called that day; up to 12 months a call
  missed is overdue.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.deal_steps import STAGES
from ingest.sandbox.model import Fields, Versioned, instant_in
from ingest.sandbox.story import local_day, month_start
from ingest.sandbox.truth_activities import completed_contacts
from ingest.sandbox.truth_crm import (
    CLOSED,
    buyer_of,
    is_new_sale,
    reason_of,
    rep_of,
)
from ingest.sandbox.truth_deals import Deal, sales_deals
from ingest.sandbox.truth_described import members_of_deal, members_of_person
from ingest.sandbox.truth_money import FLOW, STOCK
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    UNKNOWN,
    Contribution,
    Kind,
    Night,
    end_of,
    period_end,
    periods_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KPIS: Final = {
    "weighted_pipeline": Kind.AMOUNT,
    "forecast_sales": Kind.AMOUNT,
    "forecast_deals": Kind.COUNT,
    "open_pipeline_due": Kind.AMOUNT,
    "avg_days_open": Kind.RATE,
    "next_step_coverage": Kind.RATE,
    "stage_conversion_rate": Kind.RATE,
    "time_in_stage": Kind.RATE,
    "time_in_stage/open": Kind.RATE,
    "reengagement_due": Kind.COUNT,
    "reengagement_due/overdue": Kind.COUNT,
    "reengagement_contact_rate": Kind.RATE,
    "reengagement_win_rate": Kind.RATE,
}
MEDIANS: Final = ("time_in_stage",)
NOT_YEARLY: Final = ("forecast_sales", "forecast_deals", "open_pipeline_due")
"""Figures that no year has."""
_CHANCE: Final = {stage: Decimal(chance) for stage, _, chance in STAGES}
_ORDER: Final = {stage: position for position, (stage, _, _) in enumerate(STAGES)}
_WON: Final = len(STAGES)
_PASS_DAYS: Final = 180
_FOREVER: Final = date(9999, 12, 31)


def snapshot_open_deals(night: Night, day: date) -> Iterator[Contribution]:
    """Yield what the deals open at the end of `day` add to the stocks."""
    for record, then in _open_deals(night, day):
        members = {**_described(night, record, then), "stage": str(then["stage_id"])}
        born = local_day(instant_in(then, "created_at"))
        age = (day - born).days - _closed_days(record, born, day)
        yield Contribution("avg_days_open", day, Decimal(age), ONE, members=members)
        step = then["next_activity_at"]
        is_planned = step is not None and local_day(step) >= day
        yield Contribution(
            "next_step_coverage", day, Decimal(is_planned), ONE, members=members
        )
        for currency in CURRENCIES:
            worth = _weigh(night, then, currency, day)
            if worth is not None:
                told = {**members, "currency": str(then["currency"])}
                yield Contribution(
                    "weighted_pipeline", day, worth, None, currency, told
                )


def forecast(night: Night, grain: str) -> Iterator[Contribution]:
    """Yield the forecast of every period as of its last day, or the as-of day."""
    if grain == "year":
        return
    for start in periods_until(night.as_of, grain):
        end = period_end(start, grain)
        yield from forecast_on(night, start, end, min(end, night.as_of))


def forecast_on(
    night: Night, start: date, end: date, day: date
) -> Iterator[Contribution]:
    """Yield the forecast of a period as the end of `day` showed it."""
    for deal in sales_deals(night):
        yield from _won_so_far(night, deal, start, day)
    for record, then in _open_deals(night, day):
        expected = local_day(instant_in(then, "close_at"))
        if day <= expected <= end:
            members = _described(night, record, then)
            yield from _expected(night, then, day, members)


def _described(night: Night, record: Versioned, then: Fields) -> dict[str, str]:
    """Return where a deal counts: with its owner of that day, as what it is by now."""
    now = night.state(record) or then
    return {**members_of_deal(night, now), "rep": rep_of(then["owner_id"])}


def _expected(
    night: Night, then: Fields, day: date, members: dict[str, str]
) -> Iterator[Contribution]:
    """Yield what an open deal expected in the period adds to its forecast."""
    chance = _CHANCE[str(then["stage_id"])]
    yield Contribution("forecast_deals", day, chance, members=members)
    amount = then["amount"]
    for currency in CURRENCIES:
        weighed = _weigh(night, then, currency, day)
        if weighed is not None and isinstance(amount, Decimal):
            full = night.rates.convert(
                amount, str(then["currency"]), currency, day, STOCK
            )
            for kpi, worth in (
                ("forecast_sales", weighed),
                ("open_pipeline_due", full),
            ):
                yield Contribution(kpi, day, worth, None, currency, members)


def _won_so_far(
    night: Night, deal: Deal, start: date, day: date
) -> Iterator[Contribution]:
    """Yield what a deal won from `start` to `day` adds to the forecast of `day`."""
    amount = deal.state["amount"]
    if deal.close is None or deal.close[1] != "won":
        return
    won = local_day(deal.close[0])
    if not start <= won <= day:
        return
    members = {**members_of_deal(night, deal.state), "rep": deal.close[2]}
    yield Contribution("forecast_deals", day, ONE, members=members)
    if not isinstance(amount, Decimal):
        return
    for currency in CURRENCIES:
        worth = night.rates.convert(
            amount, str(deal.state["currency"]), currency, won, FLOW
        )
        yield Contribution("forecast_sales", day, worth, None, currency, members)


def _open_deals(night: Night, day: date) -> Iterator[tuple[Versioned, Fields]]:
    """Yield the deals of new sales open at the end of `day`, as they stood then."""
    for record in night.company.hubspot.deals:
        now = night.state(record)
        if now is None or night.is_purged(now):
            continue
        then = night.state_on(record, day)
        if then is None or then["is_deleted"] or not is_new_sale(then):
            continue
        if then["stage_id"] not in CLOSED:
            yield record, then


def _weigh(night: Night, then: Fields, currency: str, day: date) -> Decimal | None:
    """Return a deal's amount times its chance; None = it has no amount."""
    amount = then["amount"]
    if not isinstance(amount, Decimal):
        return None
    weighed = amount * _CHANCE[str(then["stage_id"])]
    return night.rates.convert(weighed, str(then["currency"]), currency, day, STOCK)


def _closed_days(record: Versioned, born: date, day: date) -> int:
    """Return on how many days since `born` the deal was closed, before `day`."""
    if not any(v.fields and v.fields["stage_id"] in CLOSED for v in record.versions):
        return 0
    found = 0
    while born < day:
        state = record.state_at(end_of(born) - timedelta(microseconds=1))
        found += bool(state and state["stage_id"] in CLOSED)
        born += timedelta(days=1)
    return found


def count_stages(night: Night) -> Iterator[Contribution]:
    """Yield how far each deal came through the stages, and how long it took."""
    for deal in sales_deals(night):
        steps = _steps(deal, night)
        first_beyond: dict[int, tuple[date, str]] = {}
        for entered, stage, rep in steps:
            for position in range(_position(stage) + 1):
                first_beyond.setdefault(position, (entered, rep))
        reps: dict[str, dict[str, str]] = {}
        described = members_of_deal(night, deal.state)
        for stage, position in _ORDER.items():
            if position not in first_beyond:
                continue
            reached, rep = first_beyond[position]
            reps[stage] = members_of_person(rep, reached)
            passed = first_beyond.get(position + 1)
            is_passed = passed is not None and (passed[0] - reached).days <= _PASS_DAYS
            yield Contribution(
                "stage_conversion_rate",
                reached,
                Decimal(is_passed),
                ONE,
                members={**described, "stage": stage, "rep": rep},
            )
        yield from _stays(night, steps, reps, described)


def _position(stage: str) -> int:
    """Return how far along a stage is: won is last, lost nowhere."""
    if stage in _ORDER:
        return _ORDER[stage]
    return _WON if CLOSED.get(stage) == "won" else -1


def _steps(deal: Deal, night: Night) -> list[tuple[date, str, str]]:
    """Return (day, stage, owner) of each change of stage."""
    found: list[tuple[date, str, str]] = []
    for version in deal.record.versions:
        if version.at >= night.cut or version.fields is None:
            break
        stage = str(version.fields["stage_id"])
        if not found or found[-1][1] != stage:
            owner = rep_of(version.fields["owner_id"])
            found.append((local_day(version.at), stage, owner))
    return found


def _stays(
    night: Night,
    steps: list[tuple[date, str, str]],
    reps: dict[str, dict[str, str]],
    described: dict[str, str],
) -> Iterator[Contribution]:
    """Yield the time in each stage visited."""
    ends = [entered for entered, _, _ in steps[1:]]
    days: dict[str, int] = defaultdict(int)
    left: dict[str, date | None] = {}
    for (entered, stage, _), end in zip(steps, [*ends, None], strict=True):
        days[stage] += ((end or night.as_of) - entered).days
        left[stage] = end
    for stage, end in left.items():
        if stage in _ORDER:
            yield Contribution(
                "time_in_stage" if end else "time_in_stage/open",
                end or night.as_of,
                Decimal(days[stage]),
                ONE,
                members={**described, "stage": stage, **reps[stage]},
            )


@dataclass(frozen=True)
class Loss:
    """One time a deal was lost."""

    deal: Deal
    first: date
    last: date
    """Last day at whose end it was lost."""
    contacts: tuple[date, ...]
    """Days we contacted the buyer later, ascending."""
    wins: tuple[date, ...]
    """Days something was won with the buyer later, ascending."""

    @property
    def window(self) -> tuple[date, date]:
        """First and last day the buyer is to be called."""
        return months_later(self.first, 3), months_later(self.first, 6)

    @property
    def is_to_be_called(self) -> bool:
        """Whether it is still lost, and nothing won, as the window opens."""
        opens = self.window[0]
        return self.last >= opens and not any(day < opens for day in self.wins)

    @property
    def recontact(self) -> date | None:
        """First contact inside the window."""
        opens, ends = self.window
        return next((day for day in self.contacts if opens <= day <= ends), None)


def months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or its last day."""
    first = month_start(day, months)
    return first.replace(day=min(day.day, monthrange(first.year, first.month)[1]))


def count_reengagements(night: Night) -> Iterator[Contribution]:
    """Yield which lost deals were called again in time, and won."""
    for loss in _losses(night):
        if not loss.is_to_be_called:
            continue
        members = _members_of(night, loss, loss.first)
        called, ends = loss.recontact, loss.window[1]
        if ends <= night.as_of:
            yield Contribution(
                "reengagement_contact_rate",
                ends,
                Decimal(called is not None),
                ONE,
                members=members,
            )
        if called is not None:
            limit = months_later(called, 12)
            is_won = any(called <= day <= limit for day in loss.wins)
            yield Contribution(
                "reengagement_win_rate", called, Decimal(is_won), ONE, members=members
            )


def snapshot_reengagements(night: Night, day: date) -> Iterator[Contribution]:
    """Yield the lost deals whose buyer is to be called on `day`."""
    in_talks = {
        buyer_of(night, now)
        for record, _ in _open_deals(night, day)
        if (now := night.state(record)) is not None and not now["is_deleted"]
    }
    for loss in _losses(night):
        opens, ends = loss.window
        is_over = loss.last < day or day > months_later(loss.first, 12)
        is_settled = any(at <= day for at in (*loss.contacts, *loss.wins))
        if day < opens or is_over or is_settled or not loss.is_to_be_called:
            continue
        if loss.deal.buyer not in in_talks:
            yield Contribution(
                "reengagement_due" if day <= ends else "reengagement_due/overdue",
                day,
                ONE,
                members=_members_of(night, loss, day),
            )


def _members_of(night: Night, loss: Loss, day: date) -> dict[str, str]:
    """Return where a lost deal counts on a day; a loss undone later has no reason."""
    state, close = loss.deal.state, loss.deal.close
    reason = UNKNOWN
    if close is not None and loss.first <= local_day(close[0]) <= loss.last:
        reason = reason_of(state, "lost")
    return {
        **members_of_deal(night, state),
        **members_of_person(_owner_on(loss.deal.record, day), day),
        "win_loss_reason": reason,
    }


def _owner_on(record: Versioned, day: date) -> str:
    """Return who owned a deal at the end of a day."""
    state = record.state_at(end_of(day) - timedelta(microseconds=1))
    return rep_of(state["owner_id"] if state else None)


def _losses(night: Night) -> tuple[Loss, ...]:
    """Return every time a deal with a known buyer was lost."""
    if "losses" not in night.found:
        night.found["losses"] = tuple(_find_losses(night))
    return night.found["losses"]


def _find_losses(night: Night) -> Iterator[Loss]:
    """Yield every time a deal with a known buyer was lost."""
    contacts: dict[str, set[date]] = defaultdict(set)
    for _, state in completed_contacts(night):
        at, buyer = instant_in(state, "occurred_at"), buyer_of(night, state)
        is_theirs = state.get("direction") in {"INBOUND", "INCOMING_EMAIL"}
        if buyer is not None and not is_theirs:
            contacts[buyer].add(local_day(at))
    deals = [deal for deal in sales_deals(night) if deal.buyer is not None]
    wins: dict[str, set[date]] = defaultdict(set)
    for deal in deals:
        if deal.close is not None and deal.close[1] == "won":
            wins[str(deal.buyer)].add(local_day(deal.close[0]))
    for deal in deals:
        buyer = str(deal.buyer)
        for first, last in _lost_runs(deal.record, night):
            yield Loss(
                deal,
                first,
                last,
                tuple(sorted(day for day in contacts[buyer] if day > first)),
                tuple(sorted(day for day in wins[buyer] if day > first)),
            )


def _lost_runs(record: Versioned, night: Night) -> Iterator[tuple[date, date]]:
    """Yield first and last day of every run of days at whose end the deal was lost."""
    by_day: dict[date, bool] = {}
    for version in record.versions:
        if version.at < night.cut and version.fields is not None:
            outcome = CLOSED.get(str(version.fields["stage_id"]))
            by_day[local_day(version.at)] = outcome == "lost"
    first: date | None = None
    for day, is_lost in by_day.items():
        if is_lost and first is None:
            first = day
        elif not is_lost and first is not None:
            yield first, day - timedelta(days=1)
            first = None
    if first is not None:
        yield first, _FOREVER
