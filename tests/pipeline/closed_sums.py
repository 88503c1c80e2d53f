"""What must hold between signed and current figures, whatever company they are of.

Belongs here: the hash of what is signed, the sums of both bases. Stays out: companies, nights.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "kpi_key, variant, breakdown, member_id, coalesce(currency, '')"
Figures = dict[tuple[Any, ...], Any]


class Published(Protocol):
    """A served build that can be asked."""

    def query(self, sql: str) -> list[tuple[Any, ...]]: ...


def signed(company: Published, last: str) -> str:
    """Hash of every signed figure of months up to one, as readers see it."""
    rows = company.query(
        "select f.* exclude (build_id, as_of_date) from rpt_kpi_values f"
        " inner join kpi_registry r using (kpi_key)"
        " where basis = 'as_closed' and grain = 'month' and freezes_at = 'period_close'"
        f" and period_start_date <= date '{last}' order by all"
    )
    assert rows
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def months(company: Published, basis: str) -> Figures:
    """Values of additive KPIs by series and month, from the first closed month on."""
    rows = company.query(
        f"select {KEY}, period_start_date, f.value from rpt_kpi_values f"
        " inner join kpi_registry r using (kpi_key)"
        " where r.additivity = 'additive' and r.aggregation = 'sum' and grain = 'month'"
        f" and basis = '{basis}' and period_start_date >= date '2026-03-01'"
    )
    return {tuple(row[:6]): row[6] for row in rows}


def summed(figures: Figures) -> Mapping[tuple[Any, ...], Decimal]:
    """Sum of each series over its months; those with an unknown month left out."""
    unknown = {key[:5] for key, value in figures.items() if value is None}
    sums: dict[tuple[Any, ...], Decimal] = {}
    for key, value in figures.items():
        if key[:5] not in unknown:
            sums[key[:5]] = sums.get(key[:5], Decimal(0)) + value
    return {key: value for key, value in sums.items() if value}


def held(company: Published) -> int:
    """Assert that signed and open months add up to the current ones; return how many do.

    KPIs of areas nobody closed have no signed side and are left out.
    """
    both = {basis: months(company, basis) for basis in ("as_closed", "current")}
    closed, current = summed(both["as_closed"]), summed(both["current"])
    unknown = {
        key[:5]
        for figures in both.values()
        for key, value in figures.items()
        if value is None
    }
    areas = {key[0] for key in both["as_closed"]}
    known = {k for k in set(closed) | set(current) if k[0] in areas} - unknown
    assert {k: closed.get(k) for k in known} == {k: current.get(k) for k in known}
    return len(known)
