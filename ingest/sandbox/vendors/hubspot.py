"""HubSpot's CRM API over the portal's records (v3 objects, v4 associations).

Belongs here: paths, paging, JSON and error bodies as developers.hubspot.com documents them
(read 2026-09). Stays out: search rules (`hubspot_search`), property names and what is live
(`hubspot_objects`), faults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.vendors.hubspot_objects import (
    OBJECT_TYPES,
    ObjectType,
    PortalState,
    Record,
    as_native,
    as_text,
)
from ingest.sandbox.vendors.hubspot_search import (
    SearchRefusedError,
    parse_search,
    run_search,
)
from ingest.sandbox.vendors.render import format_instant, stable_token, to_milliseconds
from ingest.sandbox.wire import ApiAnswer, ApiRequest

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.sandbox.model import Fields, HubSpotPortal

_LIST_LIMIT: Final = 100
_HISTORY_LIMIT: Final = 50
_OWNER_LIMIT: Final = 500
_ASSOCIATION_LIMIT: Final = 1000
_TYPE_IDS: Final[Mapping[tuple[str, str], tuple[tuple[int, str | None], ...]]] = {
    ("deals", "companies"): ((5, "Primary"), (341, None)),
    ("companies", "deals"): ((6, "Primary"), (342, None)),
    ("deals", "contacts"): ((3, None),),
    ("contacts", "deals"): ((4, None),),
    ("contacts", "companies"): ((1, "Primary"), (279, None)),
    ("companies", "contacts"): ((2, "Primary"), (280, None)),
    ("calls", "contacts"): ((194, None),),
    ("contacts", "calls"): ((193, None),),
    ("calls", "companies"): ((182, None),),
    ("companies", "calls"): ((181, None),),
    ("calls", "deals"): ((206, None),),
    ("deals", "calls"): ((205, None),),
    ("emails", "contacts"): ((198, None),),
    ("contacts", "emails"): ((197, None),),
    ("emails", "companies"): ((186, None),),
    ("companies", "emails"): ((185, None),),
    ("emails", "deals"): ((210, None),),
    ("deals", "emails"): ((209, None),),
    ("meetings", "contacts"): ((200, None),),
    ("contacts", "meetings"): ((199, None),),
    ("meetings", "companies"): ((188, None),),
    ("companies", "meetings"): ((187, None),),
    ("meetings", "deals"): ((212, None),),
    ("deals", "meetings"): ((211, None),),
}
"""Association type ids by direction, from the associations v4 guide."""
_RATE_HEADERS: Final = {
    "X-HubSpot-RateLimit-Max": "190",
    "X-HubSpot-RateLimit-Remaining": "189",
    "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
}


class HubSpotApi:
    """Answers HubSpot requests for one portal."""

    def __init__(
        self,
        portal: HubSpotPortal,
        *,
        home_currency: str,
        search_lag: timedelta = timedelta(0),
    ) -> None:
        """Keep the portal; `home_currency` is what amounts without a code are in.

        `search_lag` is how long a write takes to reach the search index ("may take a few
        moments", search guide, read 2026-09); lists and batch reads know it at once.
        """
        self._search_lag = search_lag
        self._portal = portal
        self._home_currency = home_currency
        self._state = PortalState(portal)
        self._endpoints: tuple[
            tuple[str, re.Pattern[str], Callable[..., ApiAnswer]], ...
        ] = (
            ("POST", re.compile(r"/crm/v3/objects/(\w+)/search"), self._search),
            ("POST", re.compile(r"/crm/v3/objects/(\w+)/batch/read"), self._batch_read),
            (
                "POST",
                re.compile(r"/crm/v4/associations/(\w+)/(\w+)/batch/read"),
                self._associations,
            ),
            ("GET", re.compile(r"/crm/v3/objects/(\w+)"), self._list),
            ("GET", re.compile(r"/crm/v3/owners/?"), self._owners),
            ("GET", re.compile(r"/crm/v3/pipelines/(\w+)"), self._pipelines),
            ("GET", re.compile(r"/calling/v1/dispositions"), self._dispositions),
            ("GET", re.compile(r"/account-info/v3/details"), self._account),
        )

    def answer(self, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer the request as HubSpot would at that instant."""
        if not request.has_bearer:
            return _error(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 "
                "authentication and you can find more details at "
                "https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            )
        try:
            answer = self._route(request, now)
        except (SearchRefusedError, ValueError) as refusal:
            answer = _error(400, "VALIDATION_ERROR", str(refusal))
        return answer

    def _route(self, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Find the endpoint and answer."""
        for method, pattern, endpoint in self._endpoints:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return endpoint(*match.groups(), request, now)
        return _error(404, "OBJECT_NOT_FOUND", f"No resource at {request.path}")

    def _search(self, name: str, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer a search; archived records never match."""
        kind = _object_type(name)
        search = parse_search(kind, request.json(), len(request.body.decode()))
        indexed = self._state.live(kind, now - self._search_lag)
        matches = run_search(search, indexed)
        payload: dict[str, object] = {
            "total": matches.total,
            "results": [
                _render(record, search.properties, now) for record in matches.page
            ],
        }
        if matches.next_after is not None:
            payload["paging"] = {"next": {"after": str(matches.next_after)}}
        return _ok(payload)

    def _list(self, name: str, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer the list endpoint: by id, live or archived ones."""
        kind = _object_type(name)
        history = _names(request, "propertiesWithHistory")
        limit = _limit(request, _HISTORY_LIMIT if history else _LIST_LIMIT)
        archived = request.first("archived", "false") == "true"
        start = int(request.first("after", "0") or "0")
        records = [
            record
            for record in self._state.records(kind, now).values()
            if (record.archived_at is not None) is archived and record.number >= start
        ]
        associations = _names(request, "associations")
        rows = []
        for record in records[:limit]:
            row = _render(record, _names(request, "properties"), now, history=history)
            linked = self._embedded_links(record, associations, now)
            rows.append({**row, "associations": linked} if linked else row)
        payload: dict[str, object] = {"results": rows}
        if len(records) > limit:
            after = str(records[limit].number)
            link = f"{request.base_url}{request.path}?after={after}"
            payload["paging"] = {"next": {"after": after, "link": link}}
        return _ok(payload)

    def _embedded_links(
        self, record: Record, targets: Sequence[str], now: datetime
    ) -> dict[str, object]:
        """Return associations as the list endpoint embeds them, each label by itself."""
        found: dict[str, object] = {}
        for target in targets:
            links = self._state.links(record.kind.name, target, now)
            ids = links.get(str(record.number), [])
            if not ids:
                continue
            base = f"{record.kind.singular}_to_{_object_type(target).singular}"
            labelled = len(_TYPE_IDS[record.kind.name, target]) > 1
            names = (base, f"{base}_unlabeled") if labelled else (base,)
            results = [{"id": one, "type": name} for one in ids for name in names]
            found[target] = {"results": results}
        return found

    def _batch_read(self, name: str, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer a batch read; ids that are gone make it a 207."""
        kind = _object_type(name)
        body = _body(request)
        history = _body_names(body, "propertiesWithHistory")
        ids = _input_ids(body, _HISTORY_LIMIT if history else _LIST_LIMIT)
        archived = request.first("archived", "false") == "true"
        records = self._state.records(kind, now)
        wanted = sorted({int(one) for one in ids})
        found = [
            records[number]
            for number in wanted
            if number in records
            and (records[number].archived_at is not None) is archived
        ]
        properties = _body_names(body, "properties")
        results = [_render(one, properties, now, history=history) for one in found]
        missing = sorted(set(wanted) - {record.number for record in found})
        errors = [
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": f"Could not get some {kind.singular.upper()} objects, they may "
                "be deleted or not exist. Check that ids are valid.",
                "context": {"ids": [str(number) for number in missing]},
            }
        ]
        return _batch(results, errors if missing else [], now)

    def _associations(
        self, source: str, target: str, request: ApiRequest, now: datetime
    ) -> ApiAnswer:
        """Answer an association batch read; ids with none make it a 207."""
        _object_type(source)
        _object_type(target)
        ids = _input_ids(_body(request), _ASSOCIATION_LIMIT)
        links = self._state.links(source, target, now)
        labels = [
            {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": label}
            for type_id, label in _TYPE_IDS.get((source, target), ())
        ]
        results = [
            {
                "from": {"id": one},
                "to": [
                    {"toObjectId": linked, "associationTypes": labels}
                    for linked in links[one]
                ],
            }
            for one in ids
            if one in links
        ]
        errors = [
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                "message": f"No {_object_type(target).singular} is associated with "
                f"{_object_type(source).singular} {one}.",
                "context": {
                    "fromObjectId": [one],
                    "fromObjectType": [_object_type(source).singular],
                    "toObjectType": [_object_type(target).singular],
                },
            }
            for one in ids
            if one not in links
        ]
        return _batch(results, errors, now)

    def _owners(self, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer owners: active ones, or those who left with archived=true."""
        archived = request.first("archived", "false") == "true"
        limit = _limit(request, _OWNER_LIMIT, default=100)
        start = int(request.first("after", "0") or "0")
        states = (owner.state_at(now) for owner in self._portal.owners)
        found = [
            state for state in states if state and bool(state["is_deleted"]) is archived
        ]
        found.sort(key=lambda state: int(str(state["owner_id"])))
        rest = [state for state in found if int(str(state["owner_id"])) >= start]
        payload: dict[str, object] = {
            "results": [_owner(state) for state in rest[:limit]]
        }
        if len(rest) > limit:
            after = str(rest[limit]["owner_id"])
            payload["paging"] = {"next": {"after": after}}
        return _ok(payload)

    def _pipelines(self, name: str, _request: ApiRequest, _now: datetime) -> ApiAnswer:
        """Answer the pipelines of deals."""
        if name not in {"deals", "deal"}:
            return _ok({"results": []})
        by_pipeline: dict[str, list[Fields]] = {}
        for stage in self._portal.deal_stages:
            by_pipeline.setdefault(str(stage["pipeline_id"]), []).append(stage)
        results = [
            {
                "id": pipeline_id,
                "label": stages[0]["pipeline_label"],
                "displayOrder": order,
                "archived": False,
                "stages": [_stage(stage) for stage in stages],
            }
            for order, (pipeline_id, stages) in enumerate(by_pipeline.items())
        ]
        return _ok({"results": results})

    def _dispositions(self, _request: ApiRequest, _now: datetime) -> ApiAnswer:
        """Answer the call dispositions; this old endpoint sends a bare list."""
        rows = [
            {
                "id": one["disposition_id"],
                "label": one["label"],
                "deleted": bool(one.get("is_deleted")),
            }
            for one in self._portal.call_dispositions
        ]
        return _ok(rows)

    def _account(self, _request: ApiRequest, _now: datetime) -> ApiAnswer:
        """Answer the portal's own details."""
        details = {
            "portalId": int(self._portal.portal_id),
            "accountType": "STANDARD",
            "timeZone": "Asia/Ho_Chi_Minh",
            "companyCurrency": self._home_currency,
            "additionalCurrencies": ["USD"],
            "utcOffset": "+07:00",
            "utcOffsetMilliseconds": 25_200_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }
        return _ok(details)


def _render(
    record: Record,
    names: Sequence[str],
    now: datetime,
    *,
    history: Sequence[str] = (),
) -> dict[str, object]:
    """Return a record with the asked properties only; unknown names are left out."""
    kind = record.kind
    asked = names or kind.defaults
    always = (kind.created, kind.modified, "hs_object_id")
    # HubSpot adds these three to whatever was asked.
    properties = {
        name: record.text(name, now)
        for name in dict.fromkeys((*asked, *always))
        if record.knows(name)
    }
    row: dict[str, object] = {
        "id": str(record.number),
        "properties": properties,
        "createdAt": format_instant(record.created),
        "updatedAt": format_instant(record.updated),
        "archived": record.archived_at is not None,
    }
    if record.archived_at is not None:
        row["archivedAt"] = format_instant(record.archived_at)
    if history:
        row["propertiesWithHistory"] = {
            name: _history(record, name, now) for name in history if record.knows(name)
        }
    return row


def _history(record: Record, name: str, now: datetime) -> list[dict[str, object]]:
    """Return every value a property has had, newest first."""
    field = record.kind.properties.get(name, "")
    entries = []
    for at, value, by in reversed(record.versioned.changes(field, now)):
        native = as_native(value)
        entry: dict[str, object] = {
            "value": "" if native is None else as_text(native),
            "timestamp": format_instant(to_milliseconds(at)),
            "sourceType": "CRM_UI" if by else "AUTOMATION_PLATFORM",
        }
        if by:
            entry |= {"sourceId": f"userId:{by}", "updatedByUserId": int(by)}
        entries.append(entry)
    return entries


def _owner(state: Fields) -> dict[str, object]:
    """Return an owner; one who left has no user id any more, only the inclusive one."""
    left = bool(state["is_deleted"])
    user_id = int(str(state["user_id"])) if state.get("user_id") else None
    team = state.get("team_name")
    row: dict[str, object] = {
        "id": str(state["owner_id"]),
        "email": state.get("email"),
        "type": "PERSON",
        "firstName": state.get("first_name"),
        "lastName": state.get("last_name"),
        "userId": None if left else user_id,
        "userIdIncludingInactive": user_id,
        "createdAt": format_instant(to_milliseconds(state["created_at"])),
        "updatedAt": format_instant(to_milliseconds(state["updated_at"])),
        "archived": left,
    }
    if team:
        token = str(int(stable_token(team, length=8), 16))
        row["teams"] = [{"id": token, "name": team, "primary": True}]
    return row


def _stage(stage: Fields) -> dict[str, object]:
    """Return a pipeline stage; its metadata are texts."""
    return {
        "id": stage["stage_id"],
        "label": stage["stage_label"],
        "displayOrder": stage["display_order"],
        "metadata": {
            "isClosed": "true" if stage["is_closed"] else "false",
            "probability": str(stage["probability"]),
        },
        "archived": False,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    }


def _object_type(name: str) -> ObjectType:
    """Return the object type, or refuse an unknown one."""
    kind = OBJECT_TYPES.get(name)
    if kind is None:
        message = f"Unable to infer object type from: {name}"
        raise ValueError(message)
    return kind


def _names(request: ApiRequest, parameter: str) -> tuple[str, ...]:
    """Return names given comma-separated, repeated, or both."""
    values = request.query.get(parameter, [])
    return tuple(name for value in values for name in value.split(",") if name)


def _limit(request: ApiRequest, highest: int, *, default: int = 10) -> int:
    """Return the page size, or refuse one above the highest."""
    limit = int(request.first("limit", str(default)))
    if not 1 <= limit <= highest:
        message = f"limit must be between 1 and {highest}, it was {limit}"
        raise ValueError(message)
    return limit


def _body(request: ApiRequest) -> Mapping[str, object]:
    """Return the body as an object."""
    try:
        body = request.json()
    except json.JSONDecodeError as error:
        message = f"Invalid input JSON on line {error.lineno}, column {error.colno}"
        raise ValueError(message) from error
    if not isinstance(body, Mapping):
        message = "Invalid input JSON: the body must be an object"
        raise ValueError(message)  # noqa: TRY004  # a refusal of the request, not a bug
    return body


def _body_names(body: Mapping[str, object], field: str) -> tuple[str, ...]:
    """Return a list of names in a body; a missing one is empty."""
    names = body.get(field)
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _input_ids(body: Mapping[str, object], highest: int) -> list[str]:
    """Return the ids of a batch, in the order given."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list):
        message = "Some required fields were not set: [inputs]"
        raise ValueError(message)  # noqa: TRY004  # a refusal of the request, not a bug
    if len(inputs) > highest:
        message = f"The maximum number of inputs is {highest}, there were {len(inputs)}"
        raise ValueError(message)
    return [str(one["id"]) for one in inputs]


def _ok(payload: object) -> ApiAnswer:
    """Return a good answer with the rate headers HubSpot adds."""
    return ApiAnswer(200, payload, _RATE_HEADERS)


def _batch(
    results: Sequence[object], errors: Sequence[object], now: datetime
) -> ApiAnswer:
    """Return a batch answer; errors beside results make it a 207."""
    stamp = format_instant(now)
    payload: dict[str, object] = {
        "status": "COMPLETE",
        "results": list(results),
        "startedAt": stamp,
        "completedAt": stamp,
    }
    if not errors:
        return ApiAnswer(200, payload, _RATE_HEADERS)
    payload |= {"numErrors": len(errors), "errors": list(errors)}
    return ApiAnswer(207, payload, _RATE_HEADERS)


def _error(status: int, category: str, message: str) -> ApiAnswer:
    """Return HubSpot's error body."""
    token = stable_token(status, category, message, length=32)
    parts = (token[:8], token[8:12], token[12:16], token[16:20], token[20:])
    return ApiAnswer(
        status,
        {
            "status": "error",
            "message": message,
            "correlationId": "-".join(parts),
            "category": category,
        },
        _RATE_HEADERS,
    )
