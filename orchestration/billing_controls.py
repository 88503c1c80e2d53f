"""What billing states of itself against what the marts hold, document by document.

Belongs here: reading the control lines of the night's tie-out from the build file, with the
records of every difference. Stays out: comparing (dbt model `fct_tie_out_differences`), totals of
rows and money along the way (`orchestration.totals`). A difference with the ledger is no
control: it blocks a close, not the morning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    import duckdb

_SHOWN_RECORDS: Final = 6


@dataclass(frozen=True)
class Control:
    """One control line of one legal entity and currency: what agrees, or one difference.

    `other` is what billing (or bank, or provider) states, `ours` what the marts hold.
    """

    line: str
    legal_entity: str
    currency: str
    reference: str
    other: Decimal
    ours: Decimal
    records: tuple[str, ...]


def read_controls(con: duckdb.DuckDBPyConnection) -> Iterator[Control]:
    """Yield what agrees of every control line, then every difference left unexplained.

    `con` has the build file attached as `build`.
    """
    rows = con.execute(
        "select line, legal_entity, currency, sum(other_amount), sum(warehouse_amount)"
        " from build.main.rpt_reconciliation"
        " where is_control and reason_code = 'agreed' group by all order by all"
    ).fetchall()
    for line, entity, currency, other, ours in rows:
        yield Control(line, entity, currency, "", other, ours, ())
    rows = con.execute(
        "select reconciliation_id, line, legal_entity, currency, reference,"
        " other_amount, warehouse_amount from build.main.rpt_reconciliation"
        " where is_control and not is_explained"
        " order by display_order, period_start_date, legal_entity, currency, reference"
    ).fetchall()
    for key, line, entity, currency, reference, other, ours in rows:
        records = con.execute(
            "select side, record_type, record_id, amount, source_ref"
            " from build.main.rpt_reconciliation_records where reconciliation_id = ?"
            " order by record_number limit ?",
            [key, _SHOWN_RECORDS],
        ).fetchall()
        told = tuple(
            f"{side}: {kind} {record} {amount:f} [{ref}]"
            for side, kind, record, amount, ref in records
        )
        yield Control(line, entity, currency, reference, other, ours, told)
