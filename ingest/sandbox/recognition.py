"""Straight-line recognition of revenue, day by day, in plain Python.

Belongs here: what each day recognises of an amount served over days, with the credits taken
from it, and sharing a credit by lines. Stays out: where amounts and days come from (the
truth's modules, tests), money of other currencies, SQL.

Units: whole minor units of the amount's own currency.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Service:
    """An amount served from `starts` to `ends` (exclusive), and its credits by (day, amount)."""

    amount: int
    starts: date
    ends: date
    credits: tuple[tuple[date, int], ...] = ()
    """In the order they were given; positive = taken off."""

    @property
    def credited(self) -> int:
        """Everything taken off."""
        return sum(amount for _, amount in self.credits)


def recognise(service: Service) -> dict[date, int]:
    """Return what each day recognises; days that recognise nothing may be missing.

    A credit lowers what is still to be served, from its own day on; what that cannot bear
    takes back what was served, on the day of the credit.
    """
    by_day: dict[date, int] = defaultdict(int)
    starts, rest = service.starts, service.amount
    for day, amount in service.credits:
        turn = min(max(day, starts), service.ends)
        rest -= _spread(by_day, rest, starts, service.ends, until=turn)
        starts = turn
        borne = min(amount, max(rest, 0))
        rest -= borne
        if amount != borne:
            by_day[day] -= amount - borne
    _spread(by_day, rest, starts, service.ends, until=service.ends)
    return dict(by_day)


def _spread(
    by_day: dict[date, int], amount: int, starts: date, ends: date, *, until: date
) -> int:
    """Spread an amount over its days as a running total, up to a day; return how much."""
    days, done = (ends - starts).days, 0
    for number in range(1, (until - starts).days + 1):
        part = _EXACT.divide(Decimal(amount * number), Decimal(days))
        running = int(part.quantize(Decimal(1), context=_EXACT))
        by_day[starts + (number - 1) * _DAY] += running - done
        done = running
    return done


def share(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Share an amount in proportion to positive weights so that the shares add up to it.

    Each share is rounded towards zero; units left over go to the largest remainders, among
    equal ones to the first key.
    """
    whole = sum(weights.values())
    sign = -1 if amount < 0 else 1
    shares = {key: abs(amount) * weight // whole for key, weight in weights.items()}
    left = abs(amount) - sum(shares.values())
    order = sorted(
        weights, key=lambda key: (-(abs(amount) * weights[key] % whole), key)
    )
    for key in order[:left]:
        shares[key] += 1
    return {key: sign * value for key, value in shares.items()}
