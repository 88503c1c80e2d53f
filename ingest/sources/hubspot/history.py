"""Every value the main properties of a record ever had.

Belongs here: which objects have a history entity, reading it in batches. Stays out: which
records changed (`search`), the current values (`objects`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.contracts.hubspot import CONTACT_PROPERTY_HISTORY, DEAL_PROPERTY_HISTORY
from ingest.errors import TruncatedExtract
from ingest.sources.hubspot.objects import CONTACTS, DEALS, CrmObject, blank_to_none
from ingest.sources.wire import Json, list_of, required

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.entities import EntityContract
    from ingest.http import ApiClient
    from ingest.sources.hubspot.paths import Paths

BATCH_SIZE: Final = 50
"""Records per request when history is asked for; without history it would be 100."""


@dataclass(frozen=True)
class History:
    """The history entity of one object.

    A deleted deal stays in past pipelines, so its history is read from the recycle bin too;
    a deleted contact is no lead in any period.
    """

    contract: EntityContract
    crm: CrmObject
    with_archived: bool

    @property
    def properties(self) -> tuple[str, ...]:
        """Properties whose values are read."""
        return self.contract.column("property").values


HISTORIES: Final = {
    history.contract.name: history
    for history in (
        History(DEAL_PROPERTY_HISTORY, DEALS, with_archived=True),
        History(CONTACT_PROPERTY_HISTORY, CONTACTS, with_archived=False),
    )
}


def read_history(
    client: ApiClient,
    paths: Paths,
    history: History,
    ids: Sequence[str],
    *,
    archived: bool,
) -> Iterator[tuple[dict[str, object], Json]]:
    """Yield contract values and payload of every value the records' properties had.

    Raises:
        TruncatedExtract: a record asked for is neither answered nor said to be missing.
    """
    objects = history.crm.object_type
    where = f"hubspot {objects} history"
    answer = client.post(
        paths.batch_read(objects),
        json={
            "inputs": [{"id": record_id} for record_id in ids],
            "properties": list(history.properties),
            "propertiesWithHistory": list(history.properties),
        },
        params={"archived": "true"} if archived else None,
    )
    records = list_of(answer, "results", where)
    missing = len(set(ids)) - len({required(one, "id", where) for one in records})
    # A record deleted since the search is reported in `errors` (status 207).
    if missing and not answer.get("errors"):
        message = (
            f"{where}: asked for {len(ids)} {objects}, {missing} are not in the answer"
        )
        raise TruncatedExtract(message)
    for record in records:
        yield from _values_of(history, record, where)


def _values_of(
    history: History, record: Json, where: str
) -> Iterator[tuple[dict[str, object], Json]]:
    id_column = history.crm.id_column
    record_id = str(required(record, "id", where))
    values_by_name = required(record, "propertiesWithHistory", where)
    for name in history.properties:
        instants: set[object] = set()
        for version in values_by_name.get(name) or ():
            changed_at = required(version, "timestamp", where)
            # Newest first: of two values set in one millisecond only the last one held.
            if changed_at in instants:
                continue
            instants.add(changed_at)
            user = version.get("updatedByUserId")
            values: dict[str, object] = {
                id_column: record_id,
                "property": name,
                "changed_at": changed_at,
                "value": blank_to_none(required(version, "value", where)),
                "changed_by_id": None if user is None else str(user),
            }
            yield values, {"id": record_id, "property": name, **version}
