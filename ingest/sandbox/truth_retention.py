"""The truth of retention: what becomes of the customers who pay as a period begins.

Belongs here: churn, retention, gross and net revenue retention. Stays out: MRR itself and its
movements (`truth_billing`).

Decisions, where the catalogue leaves a choice:

* each period follows the customers who paid at the end of the day before it; who came later is
  in neither part, who left and came back inside the period stayed;
* gross and net revenue retention compare what those customers pay at both ends, in their own
  currency and both at the later closing rate; of a customer gross counts at most the opening;
* tenure: months from the one of the first payment to the one the opening is taken in; the plan
  is the product most of a customer's MRR comes from (of equal ones the last by name);
* a customer lost left by itself, or for want of payment where what ended last was overdue or
  unpaid just before;
* `trailing`: customers lost in the last six months that are over by the period's end, over
  those months' openings; with fewer months there is none.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.story import local_day
from ingest.sandbox.truth_billing import first_paid_days, mrr_on, plans_on
from ingest.sandbox.truth_customers import members_of_customer
from ingest.sandbox.truth_described import members_of_person
from ingest.sandbox.truth_money import STOCK
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    ONE,
    UNKNOWN,
    ZERO,
    Contribution,
    Kind,
    Night,
    period_end,
    periods_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from ingest.sandbox.truth_billing import Key

KPIS: Final = {
    "customer_churn_rate": Kind.RATE,
    "customer_churn_rate/trailing": Kind.RATE,
    "customer_churn_rate/voluntary": Kind.RATE,
    "customer_churn_rate/failed_payment": Kind.RATE,
    "customer_retention_rate": Kind.RATE,
    "grr": Kind.MONEY_RATIO,
    "nrr": Kind.MONEY_RATIO,
}
_BANDS: Final = ((3, "0-3"), (12, "4-12"), (24, "13-24"))
_TRAILING_MONTHS: Final = 6


class _Stocks:
    """MRR per customer at the ends of days, each looked up once."""

    def __init__(self, night: Night) -> None:
        """Begin without any day."""
        self._night = night
        self._found: dict[date, dict[Key, Decimal]] = {}

    def on(self, day: date) -> dict[Key, Decimal]:
        """Return the MRR of every paying customer at the end of `day`."""
        if day not in self._found:
            self._found[day] = mrr_on(self._night, day)
        return self._found[day]


def count_retention(night: Night, grain: str) -> Iterator[Contribution]:
    """Yield the customers paying before each period and what became of them by its end."""
    first_paid = first_paid_days(night)
    stocks = _Stocks(night)
    ends = _ends(night)
    for start in periods_until(night.as_of, grain):
        day = min(period_end(start, grain), night.as_of)
        opened_on = start - timedelta(days=1)
        opening, closing = stocks.on(opened_on), stocks.on(day)
        plans = plans_on(night, opened_on)
        for key, amount in opening.items():
            sold = members_of_customer(night, key)
            members = {
                **sold,
                **members_of_person(sold["rep"], opened_on),
                "tenure_band": _band(first_paid.get(key), opened_on),
                "plan": plans.get(key, UNKNOWN),
            }
            left = closing.get(key, ZERO)
            stayed = ONE if left > 0 else ZERO
            for kpi, count in (
                ("customer_retention_rate", stayed),
                ("customer_churn_rate", ONE - stayed),
            ):
                yield Contribution(kpi, day, count, ONE, members=members)
            reasons = ends.get(key, {})
            ended = [at for at in reasons if opened_on < at <= day]
            why = reasons[max(ended)] if ended and not stayed else None
            for reason in ("voluntary", "failed_payment"):
                hit = ONE if why == reason else ZERO
                kpi = f"customer_churn_rate/{reason}"
                yield Contribution(kpi, day, hit, ONE, members=members)
            own = night.company.stripe[key[0]].currency
            for currency in CURRENCIES:
                before, after = (
                    night.rates.convert(worth, own, currency, day, STOCK)
                    for worth in (amount, left)
                )
                kept = min(before, after)
                yield Contribution("grr", day, kept, before, currency, members)
                yield Contribution("nrr", day, after, before, currency, members)
        yield from _trail(night, stocks, day, first_paid)


def _ends(night: Night) -> dict[Key, dict[date, str]]:
    """Return the days a customer's subscriptions ended and whether for want of payment."""
    found: dict[Key, dict[date, str]] = {}
    for account in night.company.stripe.values():
        for record in account.subscriptions:
            before: object = None
            for version in record.versions:
                if version.at >= night.cut or version.fields is None:
                    break
                status = version.fields["status"]
                if status in {"canceled", "unpaid"} and status != before:
                    key = (account.name, str(version.fields["customer_id"]))
                    days = found.setdefault(key, {})
                    day = local_day(version.at)
                    is_failed = status == "unpaid" or before in {"past_due", "unpaid"}
                    if is_failed or days.get(day) == "failed_payment":
                        days[day] = "failed_payment"
                    else:
                        days[day] = "voluntary"
                before = status
    return found


def _trail(
    night: Night, stocks: _Stocks, day: date, first_paid: dict[Key, date]
) -> Iterator[Contribution]:
    """Yield the customers of the last whole months, dated at the end of a period."""
    months = [
        start
        for start in periods_until(day, "month")
        if period_end(start, "month") <= day
    ][-_TRAILING_MONTHS:]
    if len(months) < _TRAILING_MONTHS:
        return
    for start in months:
        closing = stocks.on(period_end(start, "month"))
        opened_on = start - timedelta(days=1)
        plans = plans_on(night, opened_on)
        for key in stocks.on(opened_on):
            lost = ZERO if closing.get(key, ZERO) > 0 else ONE
            sold = members_of_customer(night, key)
            members = {
                **sold,
                **members_of_person(sold["rep"], opened_on),
                "tenure_band": _band(first_paid.get(key), opened_on),
                "plan": plans.get(key, UNKNOWN),
            }
            yield Contribution(
                "customer_churn_rate/trailing", day, lost, ONE, members=members
            )


def _band(first: date | None, day: date) -> str:
    """Return how long a customer had been paying."""
    if first is None:
        return UNKNOWN
    months = (day.year - first.year) * 12 + day.month - first.month
    return next((name for last, name in _BANDS if months <= last), "25+")
