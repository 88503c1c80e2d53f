"""The bank accounts of the sandbox company's two legal entities, line by line.

Belongs here: payouts as the bank books them, the bank's own fees. Stays out: writing the
statement (`drop`), booking it (`gl`).

A payout that arrives on the last day of a month is booked on the next working day, so it is
under way at the month's end. A statement is there the day after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.story import (
    STORY_START,
    at_local,
    local_day,
    month_start,
    next_business_day,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.sandbox.model import StripeAccount

_FEE_MINOR: Final = {"VND": 110_000, "USD": 12_50}
"""What keeping the account costs each month."""


@dataclass(frozen=True, slots=True)
class BankLine:
    """One line of a statement; `amount` in minor units, signed."""

    transaction_id: str
    booked_on: date
    amount: int
    counterparty: str
    reference: str
    payout_id: str | None


def bank_lines_until(account: StripeAccount, now: datetime) -> list[BankLine]:
    """Return the lines booked before the day of `now`, oldest first."""
    found = [*_payouts(account, now), *_fees(account, now)]
    booked = [line for line in found if line.booked_on < local_day(now)]
    return sorted(booked, key=lambda line: (line.booked_on, line.transaction_id))


def _payouts(account: StripeAccount, now: datetime) -> Iterator[BankLine]:
    for payout in account.payouts:
        state = payout.state_at(now)
        if state is None:
            continue
        arrived: date = state["arrives_on"]
        is_last = month_start(arrived, 1) - timedelta(days=1) == arrived
        day = next_business_day(arrived + timedelta(days=1)) if is_last else arrived
        yield BankLine(
            f"FT{day:%y%m%d}{payout.id[3:5].upper()}",
            day,
            int(str(state["amount_minor"])),
            "STRIPE PAYMENTS",
            str(state["bank_reference"]),
            payout.id,
        )


def _fees(account: StripeAccount, now: datetime) -> Iterator[BankLine]:
    month = STORY_START
    while at_local(month, 1) <= now:
        last = month_start(month, 1) - timedelta(days=1)
        yield BankLine(
            f"PHI{last:%y%m}{account.name[-2:].upper()}",
            last,
            -_FEE_MINOR[account.currency],
            "NGAN HANG",
            f"PHI QUAN LY TAI KHOAN {last:%m/%Y}",
            None,
        )
        month = month_start(month, 1)
