"""Money of the truth: exchange rates and rounding, in plain Decimal.

Belongs here: which rate serves which day and the one rounding of a conversion. Stays out: what
is converted (`truth_crm`, `truth_ads`, `truth_billing`).

Rules: the newest publication of a day wins if it was out by the end of the as-of day; a day
without a rate takes the last one, at most seven days old (a plan rate: a year); the quoted
direction is used as it is, the other one is its inverse to 16 places; an amount is rounded
once, half away from zero, to the target currency's minor unit.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.finance import BASE, QUOTE, rates_until
from ingest.sandbox.offer import EXPONENT

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOW: Final = "average_transfer"
STOCK: Final = "closing"
PLAN: Final = "plan"
_CARRIED: Final = {FLOW: 7, STOCK: 7, PLAN: 366}
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
_RATE_STEP: Final = Decimal(1).scaleb(-16)


@dataclass(frozen=True)
class RateTable:
    """Rates known by the end of one as-of day: (type, day) -> VND for one USD."""

    by_day: dict[tuple[str, date], Decimal]
    _found: dict[tuple[str, str, date, str], Decimal] = field(
        default_factory=dict, compare=False, repr=False
    )

    def convert(
        self, amount: Decimal, source: str, target: str, day: date, rate_type: str
    ) -> Decimal:
        """Return the amount in the target currency, rounded to its minor unit.

        Raises:
            LookupError: no rate is near enough.
        """
        rate = self._rate(source, target, day, rate_type)
        step = Decimal(1).scaleb(-EXPONENT[target])
        return _EXACT.multiply(amount, rate).quantize(step, context=_EXACT)

    def convert_at_mean(
        self, amount: Decimal, source: str, target: str, days: Sequence[date]
    ) -> Decimal:
        """Return the amount at the mean of the days' flow rates, to 16 places.

        Days before the first rate have none and are not in the mean.

        Raises:
            LookupError: none of the days has a rate.
        """
        rates: list[Decimal] = []
        for day in days:
            with suppress(LookupError):
                rates.append(self._rate(source, target, day, FLOW))
        if not rates:
            message = f"no {FLOW} rate from {days[0]} to {days[-1]}"
            raise LookupError(message)
        mean = _EXACT.divide(sum(rates, Decimal(0)), Decimal(len(rates)))
        step = Decimal(1).scaleb(-EXPONENT[target])
        worth = _EXACT.multiply(amount, mean.quantize(_RATE_STEP, context=_EXACT))
        return worth.quantize(step, context=_EXACT)

    def _rate(self, source: str, target: str, day: date, rate_type: str) -> Decimal:
        """Return how much of `target` one unit of `source` is."""
        if source == target:
            return Decimal(1)
        asked = (source, target, day, rate_type)
        if asked not in self._found:
            rate = self._quoted(day, rate_type)
            if (source, target) != (BASE, QUOTE):
                rate = _EXACT.divide(Decimal(1), rate)
                rate = rate.quantize(_RATE_STEP, context=_EXACT)
            self._found[asked] = rate
        return self._found[asked]

    def _quoted(self, day: date, rate_type: str) -> Decimal:
        """Return the rate of the day, or the last one carried forward."""
        for age in range(_CARRIED[rate_type] + 1):
            rate = self.by_day.get((rate_type, day - timedelta(days=age)))
            if rate is not None:
                return rate
        message = f"no {rate_type} rate near {day}"
        raise LookupError(message)


def read_rates(seed: int, last_instant: datetime) -> RateTable:
    """Return the rates as published up to an instant; corrections replace."""
    known: dict[tuple[str, date], Decimal] = {}
    for rate in rates_until(seed, last_instant):  # in order of publication within a day
        known[rate.rate_type, rate.rate_date] = rate.rate
    return RateTable(known)


def round_ratio(numerator: Decimal, denominator: Decimal | None) -> Decimal | None:
    """Return numerator ÷ denominator to six places; nothing over nothing is None."""
    if not denominator:
        return None
    ratio = _EXACT.divide(numerator, denominator)
    return ratio.quantize(Decimal("0.000001"), context=_EXACT)
