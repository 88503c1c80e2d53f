"""HubSpot's small full lists: owners, call outcomes, deal stages.

Belongs here: reading each list whole and its contract values. Stays out: CRM records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import ContractViolation
from ingest.sources.hubspot.search import PAGE_SIZE, page_list
from ingest.sources.wire import Json, key_of, list_of, required, unknown_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.http import ApiClient
    from ingest.sources.hubspot.paths import Paths

Row = tuple[dict[str, object], Json, str]
"""Contract values, record as received, origin."""

_OWNER_NAMES = frozenset(
    {
        "id",
        "email",
        "type",
        "firstName",
        "lastName",
        "userId",
        "teams",
        "archived",
        "userIdIncludingInactive",
        "createdAt",
        "updatedAt",
    }
)
_STAGE_NAMES = frozenset(
    {
        "id",
        "label",
        "displayOrder",
        "metadata",
        "archived",
        "archivedAt",
        "createdAt",
        "updatedAt",
        "writePermissions",
    }
)


def read_owners(client: ApiClient, paths: Paths, drift: set[str]) -> Iterator[Row]:
    """Yield every owner, those who left included.

    Live owners are read first: one archived in between is then in both lists, and the
    archived copy is the newer one.
    """
    owners: dict[str, Row] = {}
    for archived in ("false", "true"):
        params = {"limit": str(PAGE_SIZE), "archived": archived}
        for row, origin in page_list(client, paths.owners(), params):
            drift |= unknown_names(row, _OWNER_NAMES)
            # Rows without an id are kept apart, so that each of them is quarantined.
            owner_id = key_of(row, "id", "hubspot owners") or f"{origin}:{len(owners)}"
            owners[owner_id] = (_owner_values(row, archived == "true"), row, origin)
    yield from owners.values()


def _owner_values(row: Json, is_deleted: bool) -> dict[str, object]:  # noqa: FBT001  # one use
    # `userId` is null once the user is deactivated; the other one stays.
    user_id = row.get("userId") or row.get("userIdIncludingInactive")
    primary = (team for team in row.get("teams") or () if team.get("primary"))
    return {
        "owner_id": key_of(row, "id", "hubspot owners"),
        "user_id": None if user_id is None else str(user_id),
        "email": row.get("email") or None,
        "first_name": row.get("firstName") or None,
        "last_name": row.get("lastName") or None,
        "team_name": next(primary, {}).get("name"),
        "is_deleted": is_deleted,
        "created_at": row.get("createdAt"),
        "updated_at": row.get("updatedAt"),
    }


def read_dispositions(
    client: ApiClient, paths: Paths, drift: set[str]
) -> Iterator[Row]:
    """Yield every call outcome. The answer is a bare list without paging."""
    path = paths.dispositions()
    answer = client.get(path)
    if not isinstance(answer, list):
        message = f"hubspot {path}: expected a list, got {type(answer).__name__}"
        raise ContractViolation(message)
    for row in answer:
        drift |= unknown_names(row, frozenset({"id", "label", "deleted"}))
        values: dict[str, object] = {
            "disposition_id": key_of(row, "id", f"hubspot {path}"),
            "label": required(row, "label", f"hubspot {path}"),
            "is_deleted": row.get("deleted", False),
        }
        yield values, row, path


def read_deal_stages(client: ApiClient, paths: Paths, drift: set[str]) -> Iterator[Row]:
    """Yield every stage of every deal pipeline. The list is not paged."""
    path = paths.pipelines("deals")
    for pipeline in list_of(client.get(path), "results", f"hubspot {path}"):
        for stage in list_of(pipeline, "stages", f"hubspot {path}"):
            drift |= unknown_names(stage, _STAGE_NAMES)
            metadata = stage.get("metadata") or {}
            values: dict[str, object] = {
                "pipeline_id": key_of(pipeline, "id", f"hubspot {path}"),
                "stage_id": key_of(stage, "id", f"hubspot {path}"),
                "pipeline_label": pipeline.get("label"),
                "stage_label": required(stage, "label", f"hubspot {path}"),
                "display_order": stage.get("displayOrder"),
                "probability": metadata.get("probability"),
                "is_closed": metadata.get("isClosed"),
            }
            yield values, stage, path
