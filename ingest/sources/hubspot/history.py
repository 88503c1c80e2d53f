"""Every value a deal's main properties ever had.

Belongs here: reading property history in batches. Stays out: which deals changed
(`search`), the current values (`objects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.contracts.hubspot import DEAL_PROPERTY_HISTORY
from ingest.errors import TruncatedExtract
from ingest.sources.hubspot.objects import blank_to_none
from ingest.sources.wire import Json, list_of, required

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.http import ApiClient
    from ingest.sources.hubspot.paths import Paths

BATCH_SIZE = 50
"""Records per request when history is asked for; without history it would be 100."""

PROPERTIES = DEAL_PROPERTY_HISTORY.column("property").values


def read_history(
    client: ApiClient, paths: Paths, ids: Sequence[str], *, archived: bool
) -> Iterator[tuple[dict[str, object], Json]]:
    """Yield contract values and payload of every value the deals' properties had.

    Raises:
        TruncatedExtract: a deal asked for is neither answered nor said to be missing.
    """
    where = "hubspot deals history"
    answer = client.post(
        paths.batch_read("deals"),
        json={
            "inputs": [{"id": deal_id} for deal_id in ids],
            "properties": list(PROPERTIES),
            "propertiesWithHistory": list(PROPERTIES),
        },
        params={"archived": "true"} if archived else None,
    )
    deals = list_of(answer, "results", where)
    missing = len(set(ids)) - len({required(deal, "id", where) for deal in deals})
    # A deal deleted since the search is reported in `errors` (status 207).
    if missing and not answer.get("errors"):
        message = (
            f"{where}: asked for {len(ids)} deals, {missing} are not in the answer"
        )
        raise TruncatedExtract(message)
    for deal in deals:
        yield from _values_of(deal, where)


def _values_of(deal: Json, where: str) -> Iterator[tuple[dict[str, object], Json]]:
    deal_id = str(required(deal, "id", where))
    history = required(deal, "propertiesWithHistory", where)
    for name in PROPERTIES:
        instants: set[object] = set()
        for version in history.get(name) or ():
            changed_at = required(version, "timestamp", where)
            # Newest first: of two values set in one millisecond only the last one held.
            if changed_at in instants:
                continue
            instants.add(changed_at)
            user = version.get("updatedByUserId")
            values: dict[str, object] = {
                "deal_id": deal_id,
                "property": name,
                "changed_at": changed_at,
                "value": blank_to_none(required(version, "value", where)),
                "changed_by_id": None if user is None else str(user),
            }
            yield values, {"id": deal_id, "property": name, **version}
