"""Subscriptions in service whose price nobody states: MRR cannot count them, so people are told.

Belongs here: finding them in the night's build. Stays out: MRR itself
(`int_subscription_item_mrr_priced`), the list of those that are to end (`queue_churn_scheduled`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestration.publish.copying import read_catalog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import duckdb

    from ingest.config_policies import PolicyValue

NEXT_STEP: Final = (
    "state a price per unit in the billing system, or take MRR from bills by "
    "policies: {mrr_source: invoice_lines} in warehouse.yml"
)
_MODEL: Final = "int_subscription_item_mrr_priced"
_SHOWN: Final = 3


def tell_unpriced(
    con: duckdb.DuckDBPyConnection, policies: Mapping[str, PolicyValue], as_of: date
) -> str:
    """Say how many subscriptions in service have no known price; '' = none.

    `con` has the build file attached as `build`. A price per tier has no unit amount. Where MRR
    is made of bills it needs no price.
    """
    if policies["mrr_source"] != "subscription_state" or (
        ("build", "main", _MODEL) not in read_catalog(con, ("build",))
    ):
        return ""
    found = con.execute(
        f"select distinct subscription_id from build.main.{_MODEL}"  # noqa: S608 - our own model
        " where is_price_unknown and paid_from_date <= $1"
        " and (paid_to_date is null or paid_to_date > $1) order by 1",
        [as_of],
    ).fetchall()
    if not found:
        return ""
    shown = ", ".join(name for (name,) in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        "MRR and what is made of it leave out subscriptions in service without a price per "
        f"unit (tiers?), {len(found)} of them: {shown}{more}"
    )
