"""Control totals: what sources said, what landed, what the marts hold; difference 0.

Belongs here: comparing sums of money and counts of rows along the way and naming breaks.
Stays out: taking them while landing (`ingest.control`), tests inside dbt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import ledger

if TYPE_CHECKING:
    from orchestration.night_run import NightRun


def landed_breaks(run: NightRun) -> list[str]:
    """Compare money received with money landed, for tonight's batches; return breaks.

    Units: as the source gives them (major units, minor units or micros).
    """
    rows = run.report.control_rows = [
        {
            "step": "received to raw",
            "source": batch.source_name,
            "entity": batch.entity,
            "account": total.source_account,
            "column": total.column_name,
            "currency": total.currency,
            "rows": total.row_count,
            "before": f"{total.source_sum:f}",
            "after": f"{total.landed_sum:f}",
            "difference": _plain(total.landed_sum - total.source_sum),
        }
        for batch in ledger.live(ledger.read(run.settings.home.root))
        if batch.load_date == run.load_date
        for total in batch.totals
    ]
    run.report.control_breaks = [
        f"{row['source']} {row['entity']} {row['column']} {row['currency']}: "
        f"received {row['before']}, landed {row['after']}"
        for row in rows
        if row["difference"] != "0"
    ]
    return list(run.report.control_breaks)


def mart_breaks(run: NightRun) -> set[str]:
    """Return the themes whose marts do not add up to raw; none is compared yet."""
    del run
    return set()


def _plain(value: object) -> str:
    return f"{value:f}" if value else "0"
