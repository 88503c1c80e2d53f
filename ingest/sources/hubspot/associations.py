"""Links between CRM records, read in batches.

Belongs here: reading the links of many records to one object and choosing the one a column
holds. Stays out: what the columns are called (`objects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.errors import RetryableError
from ingest.http import ApiClient, PageGuard
from ingest.sources.hubspot.search import next_token
from ingest.sources.wire import Json, list_of, required

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.sources.hubspot.objects import Link
    from ingest.sources.hubspot.paths import Paths

NOT_LINKED = "NO_ASSOCIATIONS_FOUND"
"""How the answer says (status 207) that a record has no link; no error to us."""


def read_links(
    client: ApiClient, paths: Paths, from_type: str, link: Link, ids: Sequence[str]
) -> Mapping[str, str]:
    """Return record id -> id of its primary, else first, linked record.

    A record without a link is left out. HubSpot pages the links of one record; all pages
    are read, because the primary one may be on the last.

    Raises:
        RetryableError: HubSpot could not read the links of some records.
    """
    path = paths.associations(from_type, link.to_type)
    where = f"hubspot {from_type} to {link.to_type}"
    guard = PageGuard(where)
    found: dict[str, list[Json]] = {}
    inputs = [{"id": record_id} for record_id in ids]
    while inputs:
        answer = client.post(path, json={"inputs": inputs})
        _check_errors(answer, where)
        inputs = []
        for result in list_of(answer, "results", where):
            from_id = str(required(required(result, "from", where), "id", where))
            found.setdefault(from_id, []).extend(list_of(result, "to", where))
            after = next_token(result)
            if after is not None:
                guard.check(f"{from_id}:{after}")
                inputs.append({"id": from_id, "after": after})
    return {
        from_id: _chosen(links, link, where)
        for from_id, links in found.items()
        if links
    }


def _chosen(links: Sequence[Json], link: Link, where: str) -> str:
    """Return the id of the primary link, else of the first one listed."""
    primary = (to for to in links if link.primary_type in _type_ids(to))
    return str(required(next(primary, links[0]), "toObjectId", where))


def _type_ids(to: Json) -> set[Any]:
    return {kind.get("typeId") for kind in to.get("associationTypes") or ()}


def _check_errors(answer: Json, where: str) -> None:
    for error in answer.get("errors") or ():
        told = f"{error.get('subCategory', '')} {error.get('category', '')}"
        if NOT_LINKED not in told:
            message = f"{where}: links are incomplete ({told.strip()}); run again"
            raise RetryableError(message)
