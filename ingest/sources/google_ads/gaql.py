"""What is asked of Google Ads and how its stream is read.

Belongs here: GAQL queries by entity and the rows of a `searchStream` answer. Stays out: what
a row means (`rows`), accounts and credentials (the package).

No query filters on campaign status, so a removed campaign keeps its name and its spend.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from ingest.contracts.google_ads import ACCOUNT_PERFORMANCE_DAILY, ACCOUNTS, CAMPAIGNS
from ingest.errors import ContractViolation, RetryableError
from ingest.sources.wire import Json, dig, list_of, required, unknown_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.entities import EntityContract
    from ingest.windows import Window

HISTORY: Final = timedelta(days=10 * 365)
"""Days asked for when there is no earlier load; daily figures are kept for 11 years."""

_DATE_TIMES_SINCE: Final = 23
"""From this version on `start_date` is `start_date_time`."""

_METRICS: Final = (
    "metrics.cost_micros",
    "metrics.impressions",
    "metrics.clicks",
    "metrics.conversions",
    "metrics.conversions_value",
)
_ACCOUNT: Final = ("customer.id", "customer.currency_code", "customer.time_zone")
_BATCH_NAMES: Final = frozenset(
    {
        "results",
        "fieldMask",
        "requestId",
        "summaryRow",
        "queryResourceConsumption",
        "metricAttributes",
    }
)


@dataclass(frozen=True)
class Query:
    """One GAQL query: what to select from where, and whether by day."""

    resource: str
    fields: tuple[str, ...]
    by_day: bool = False

    def text(self, window: Window) -> str:
        """Return the query; daily ones cover the days of the window."""
        query = f"SELECT {', '.join(self.fields)} FROM {self.resource}"  # noqa: S608  # GAQL
        if not self.by_day:
            return query
        first = first_day(window)
        return (
            f"{query} WHERE segments.date BETWEEN '{first.isoformat()}' AND "
            f"'{window.end_date.isoformat()}'"
        )


def query_of(entity: EntityContract, version: str) -> Query:
    """Return the query that answers an entity at an API version."""
    if entity.name == ACCOUNTS.name:
        return Query("customer", (*_ACCOUNT, "customer.descriptive_name"))
    if entity.name == CAMPAIGNS.name:
        stamp = "_time" if _major(version) >= _DATE_TIMES_SINCE else ""
        return Query(
            "campaign",
            (
                "customer.id",
                "customer.final_url_suffix",
                "campaign.id",
                "campaign.name",
                "campaign.status",
                "campaign.advertising_channel_type",
                f"campaign.start_date{stamp}",
                f"campaign.end_date{stamp}",
                "campaign.final_url_suffix",
            ),
        )
    daily = (*_ACCOUNT, "segments.date", *_METRICS)
    if entity.name == ACCOUNT_PERFORMANCE_DAILY.name:
        return Query("customer", daily, by_day=True)
    return Query("campaign", ("campaign.id", *daily), by_day=True)


def rows_of(
    stream: object, path: str, query: Query, drift: set[str]
) -> Iterator[tuple[Json, str]]:
    """Yield the rows of a stream's batches. A stream without rows is an empty list.

    Raises:
        ContractViolation: not a list of batches, or a field asked for is not in the mask.
        RetryableError: the stream broke off with an error after its first batches.
    """
    if not isinstance(stream, list):
        message = f"google_ads {path}: expected a list, got {type(stream).__name__}"
        raise ContractViolation(message)
    for number, batch in enumerate(stream, start=1):
        if isinstance(batch, dict) and "error" in batch:
            status = dig(batch, "error", "status")
            message = (
                f"google_ads {path}: stream broke off at batch {number} ({status})"
            )
            raise RetryableError(message)
        mask = str(required(batch, "fieldMask", f"google_ads {path}")).split(",")
        absent = sorted({_camel(name) for name in query.fields} - set(mask))
        if absent:
            message = f"google_ads {path}: answer lacks {', '.join(absent)}"
            raise ContractViolation(message)
        drift |= unknown_names(batch, _BATCH_NAMES)
        # A batch of metadata alone has no `results`.
        for row in list_of(batch, "results", path) if "results" in batch else ():
            yield row, f"{path}#{number}"


def first_day(window: Window) -> date:
    """Return the first day a daily query covers."""
    return window.start_date or window.end_date - HISTORY


def _camel(name: str) -> str:
    """Return a GAQL field as the JSON mask spells it: `metrics.costMicros`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _major(version: str) -> int:
    return int(version.lstrip("v").split("_", maxsplit=1)[0])
