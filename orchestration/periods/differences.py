"""What of a period does not tie out to the ledger, as far as it blocks a close.

Belongs here: reading that from the published reconciliation; the one seam between tie-out and
close. Stays out: finding and explaining differences (the models of `rpt_reconciliation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

    from orchestration.periods.served import Period, Served

RECONCILIATION: Final = "rpt_reconciliation"


@dataclass(frozen=True)
class BlockingDifference:
    """One difference nobody has explained, by document. `amount` in major units of `currency`."""

    legal_entity: str
    line: str
    reference: str
    currency: str
    amount: Decimal | None
    reason_code: str

    def describe(self) -> str:
        """Return the difference in one line; no amount = one side is unknown."""
        amount = "unknown" if self.amount is None else f"{self.amount:,f}"
        trimmed = amount.rstrip("0").rstrip(".") if "." in amount else amount
        return (
            f"{self.legal_entity} {self.line} {self.reference}: {trimmed} {self.currency} "
            f"({self.reason_code or 'unexplained'})"
        )


def blocking_differences(
    served: Served, period: Period, *, tolerance_minor: int = 0
) -> list[BlockingDifference]:
    """Return the unexplained differences of a month above the tolerance, largest first.

    Books are kept by calendar months: a month of the company's calendar is tied out by the one
    whose middle lies in it. Empty where the build publishes no reconciliation: nothing was
    compared. A difference that is unknown blocks like one that is too large. `tolerance_minor`
    counts minor units of the difference's own currency.
    """
    if not served.has(RECONCILIATION):
        return []
    with served.open(RECONCILIATION, "dim_currencies") as con:
        rows = con.execute(
            """
            select
                r.legal_entity, r.line, r.reference, r.currency, r.difference_amount,
                r.reason_code,
                coalesce(c.exponent, 2) as exponent
            from rpt_reconciliation r
            left join dim_currencies c on r.currency = c.currency_id
            where r.period_start_date + 14 between ? and ? and r.blocks_close
                and not coalesce(r.is_explained, false)
            order by abs(r.difference_amount) desc nulls first, 1, 2, 3, 4
            """,
            [period.first, period.last],
        ).fetchall()
    return [
        BlockingDifference(entity, line, reference, currency or "", amount, code or "")
        for entity, line, reference, currency, amount, code, exponent in rows
        if amount is None or abs(amount).scaleb(exponent) > tolerance_minor
    ]
