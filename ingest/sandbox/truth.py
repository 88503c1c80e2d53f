"""The KPI truth of the sandbox company, in plain Python and Decimal.

Belongs here: every KPI per month, quarter or year as of a night, for the company. Stays out:
members (`truth_by`), SQL, files, servers; the rules themselves stand with the rows they are about
(`truth_crm`, `truth_ads`, `truth_billing`, `truth_money` and the others), with adding up
(`truth_sums`), with what is put together (`truth_quotients`) and with targets (`truth_aims`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.sandbox.truth_aims import aim, cover, deliver, hit
from ingest.sandbox.truth_attribution import RETURNS, divide_returns
from ingest.sandbox.truth_quotients import (
    COMPOUNDS,
    QUOTIENTS,
    compare,
    divide,
    multiply,
    run,
)
from ingest.sandbox.truth_rows import (
    Figure,
    Night,
    open_night,
    periods_until,
)
from ingest.sandbox.truth_sums import MEASURED, Key, add_up, contributions_of, fill

if TYPE_CHECKING:
    from datetime import date

    from ingest.sandbox.model import Company

DERIVED: Final = (
    "sales_growth_mom",
    "sales_growth_qoq",
    "sales_growth_yoy",
    "sales_target",
    "target_attainment",
    "sales_revenue_mtd",
    "sales_run_rate",
    "pipeline_coverage",
    "capacity_coverage",
    "forecast_accuracy",
    "forecast_accuracy/one_week_before",
)
KPI_KEYS: Final = (*MEASURED, *DERIVED, *QUOTIENTS, *COMPOUNDS, *RETURNS)


def kpi_truth(
    company: Company,
    as_of: date,
    *,
    grain: str = "month",
    first_as_of: date | None = None,
) -> dict[Key, Figure]:
    """Return every KPI of the company for every period begun by `as_of`.

    `first_as_of` is the day of the warehouse's first night: a deal that had left the recycle
    bin by then is unknown to its snapshots. `sales_growth_mom` exists at month only,
    `sales_growth_qoq` at quarter only.
    """
    night = open_night(company, as_of, first_as_of)
    kept = f"figures by {grain}"
    if kept not in night.found:
        night.found[kept] = _count(night, grain)
    return night.found[kept]


def _count(night: Night, grain: str) -> dict[Key, Figure]:
    """Return every KPI of the company."""
    as_of = night.as_of
    figures = fill(add_up(contributions_of(night, grain), grain), as_of, grain)
    figures.update(compare(night, figures, grain))
    figures.update(aim(night, figures, grain))
    figures.update(divide(figures, as_of, grain, QUOTIENTS))
    figures.update(multiply(figures, as_of, grain))
    figures.update(
        {
            (kpi, start, currency): figure
            for start in periods_until(as_of, grain)
            for kpi, currency, figure in divide_returns(figures, start)
        }
    )
    figures.update(run(night, figures, grain))
    figures.update(cover(night, figures, grain))
    figures.update(deliver(night, figures, grain))
    figures.update(hit(night, figures, grain))
    return figures
