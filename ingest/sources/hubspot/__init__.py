"""HubSpot: contacts and deals with their history, companies, activities and lists.

Belongs here: which reader serves which entity. Stays out: paging (`search`), properties
(`objects`), links, history, lists (their modules), canonical names (dbt staging).

Changed records come from search over [window start, window end), archived ones from the
list of the recycle bin, which is read whole every night because archiving need not touch
the last-modified stamp. Merged losers are nowhere to be read: they appear only in the
survivor's `merged_object_ids`. Sources: design/sources.md §1; HubSpot CRM API v3,
associations v4, read 2026-11.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from ingest.contracts.hubspot import CONTRACTS
from ingest.errors import IngestError, RetryableError
from ingest.http import ApiClient, Authorization, dump_json
from ingest.sources.hubspot.associations import read_links
from ingest.sources.hubspot.history import (
    BATCH_SIZE,
    HISTORIES,
    History,
    read_history,
)
from ingest.sources.hubspot.objects import (
    CRM_OBJECTS,
    TOP_LEVEL,
    CrmObject,
    row_values,
)
from ingest.sources.hubspot.paths import Paths
from ingest.sources.hubspot.reference import (
    Row,
    read_deal_stages,
    read_dispositions,
    read_owners,
)
from ingest.sources.hubspot.search import (
    SEARCH_SIZE,
    SearchQuery,
    list_archived,
    record_id,
    search_records,
)
from ingest.sources.protocol import AccountWindow, Extract, Record
from ingest.sources.wire import Json, in_chunks, parse_instant, required, unknown_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.config import SourceConfig
    from ingest.config_sources import HubSpotSource
    from ingest.entities import EntityContract
    from ingest.windows import Window

API_VERSION = "v3"

_LOCKED = (423, 477)
"""Statuses that say "later": record locked, portal being moved."""

_LISTS: dict[str, Callable[[ApiClient, Paths, set[str]], Iterator[Row]]] = {
    "owners": read_owners,
    "call_dispositions": read_dispositions,
    "deal_stages": read_deal_stages,
}


class HubSpot:
    """The HubSpot connector."""

    kind = "hubspot"
    entities: tuple[EntityContract, ...] = CONTRACTS

    def authorize(self, config: SourceConfig) -> Authorization:
        """Return the private-app token as a header."""
        token = cast("HubSpotSource", config).token.get_secret_value()
        return Authorization({"Authorization": f"Bearer {token}"})

    def classify_error(self, status: int, body: object) -> type[IngestError] | None:
        """Return RetryableError for a locked portal; all else is judged by status."""
        del body
        return RetryableError if status in _LOCKED else None

    def fetch(
        self,
        entity: EntityContract,
        window: Window,
        *,
        config: SourceConfig,
        client: ApiClient,
        cursor: str | None,
    ) -> Extract:
        """Return the records of one entity; lists are whole, objects those changed."""
        hubspot = cast("HubSpotSource", config)
        paths = Paths(hubspot.api_version or API_VERSION)
        extract = Extract(is_full_list=window.start is None, new_cursor=cursor)
        extract.coverage.append(
            AccountWindow(hubspot.account, window.start, window.end)
        )
        if entity.name in _LISTS:
            rows = _LISTS[entity.name](client, paths, extract.unknown_fields)
        elif entity.name in HISTORIES:
            history = HISTORIES[entity.name]
            rows = _read_history(client, paths, window, extract, history)
        else:
            rows = _read_objects(client, paths, window, extract, entity.name)
        extract.rows = (
            Record(values, dump_json(payload), origin, hubspot.account)
            for values, payload, origin in rows
        )
        return extract


SOURCE = HubSpot()


def _read_objects(
    client: ApiClient, paths: Paths, window: Window, extract: Extract, entity: str
) -> Iterator[Row]:
    """Yield the changed and the archived records of one object, with their links."""
    crm = CRM_OBJECTS[entity]
    home_currency = _home_currency(client) if entity == "companies" else None
    for chunk in in_chunks(_changed(client, paths, crm, window), SEARCH_SIZE):
        ids = [i for i in (record_id(row, crm.object_type) for row, _ in chunk) if i]
        links = {
            link.column: read_links(client, paths, crm.object_type, link, ids)
            for link in crm.links
        }
        for row, origin in chunk:
            values = row_values(crm, row)
            for column, linked in links.items():
                values[column] = linked.get(str(values[crm.id_column]))
            if values.get("annual_revenue") is not None:
                values["annual_revenue_currency"] = home_currency
            _note(extract, crm, row, cast("datetime", values["updated_at"]))
            yield values, row, origin


def _read_history(
    client: ApiClient, paths: Paths, window: Window, extract: Extract, history: History
) -> Iterator[Row]:
    """Yield every value of the records that changed in the window or lie in the bin."""
    crm = replace(history.crm, columns={}, links=())
    origin = paths.batch_read(crm.object_type)
    changed = _changed(client, paths, crm, window, with_archived=history.with_archived)
    for number, chunk in enumerate(in_chunks(changed, BATCH_SIZE), start=1):
        for archived in (False, True):
            part = [row for row, _ in chunk if bool(row.get("archived")) is archived]
            ids = [i for i in (record_id(row, crm.object_type) for row in part) if i]
            if not ids:
                continue
            for values, payload in read_history(
                client, paths, history, ids, archived=archived
            ):
                yield values, payload, f"{origin}#{number}"
        for row, _ in chunk:
            _note(extract, crm, row, _modified_at(crm, row))


def _changed(
    client: ApiClient,
    paths: Paths,
    crm: CrmObject,
    window: Window,
    *,
    with_archived: bool = True,
) -> Iterator[tuple[Json, str]]:
    """Yield the live records changed in the window, then all archived ones."""
    query = SearchQuery(
        object_type=crm.object_type,
        modified_property=crm.modified_property,
        properties=crm.properties,
        start=window.start,
        end=window.end,
    )
    yield from search_records(client, paths, query)
    if with_archived:
        yield from list_archived(client, paths, crm.object_type, crm.properties)


def _note(extract: Extract, crm: CrmObject, row: Json, seen: datetime) -> None:
    """Keep the newest stamp as cursor and the names we do not know as drift."""
    extract.unknown_fields |= unknown_names(row, TOP_LEVEL)
    if crm.columns:
        extract.unknown_fields |= unknown_names(row["properties"], crm.known)
    if extract.new_cursor is None or seen > datetime.fromisoformat(extract.new_cursor):
        extract.new_cursor = seen.isoformat()


def _modified_at(crm: CrmObject, row: Json) -> datetime:
    where = f"hubspot {crm.object_type}"
    stamp = required(required(row, "properties", where), crm.modified_property, where)
    return parse_instant(stamp, where)


def _home_currency(client: ApiClient) -> str:
    """Return the portal's home currency, in which `annualrevenue` is kept."""
    where = "hubspot account-info"
    answer = client.get("/account-info/v3/details")
    return str(required(answer, "companyCurrency", where)).upper()
