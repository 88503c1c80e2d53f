"""HubSpot's CRM search: filters, the one sort, paging and its hard limits.

Belongs here: reading a search body, refusing what HubSpot refuses, choosing and ordering the
matches. Stays out: rendering of a record (`hubspot`), other endpoints.

Limits: developers.hubspot.com/docs/api-reference/search/guide (read 2026-09): 200 per page,
10,000 results per query, 5 groups, 6 filters each, 18 in all, one sort, 3,000 characters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ingest.sandbox.vendors.hubspot_objects import Native, ObjectType, Record

RESULT_LIMIT: Final = 10_000
PAGE_LIMIT: Final = 200
_BODY_LIMIT: Final = 3_000
_GROUP_LIMIT: Final = 5
_GROUP_FILTER_LIMIT: Final = 6
_FILTER_LIMIT: Final = 18


class SearchRefusedError(ValueError):
    """HubSpot would answer this search with 400."""


@dataclass(frozen=True)
class Search:
    """A search HubSpot accepts."""

    matches: Callable[[Record], bool]
    sort_property: str
    descending: bool
    limit: int
    after: int
    properties: tuple[str, ...]


@dataclass(frozen=True)
class Matches:
    """One page of matches."""

    total: int
    page: tuple[Record, ...]
    next_after: int | None


def run_search(search: Search, records: Iterable[Record]) -> Matches:
    """Return the asked page of the matching records."""
    found = [record for record in records if search.matches(record)]
    name = search.sort_property
    # Ties come in an order of the index's own, never in id order: a client that relies on
    # the latter must fail here as it would at HubSpot.
    found.sort(key=lambda record: _tie(record.number))
    if name:
        found.sort(
            key=lambda record: _sortable(record.native(name)),
            reverse=search.descending,
        )
    else:
        found.sort(key=lambda record: record.created)
    stop = search.after + search.limit
    return Matches(
        total=len(found),
        page=tuple(found[search.after : stop]),
        next_after=stop if stop < len(found) else None,
    )


def parse_search(kind: ObjectType, body: object, size: int) -> Search:
    """Return the search.

    Args:
        kind: object searched.
        body: decoded request body.
        size: characters of the request body.

    Raises:
        SearchRefusedError: HubSpot answers 400; the text is its message.
    """
    if not isinstance(body, Mapping):
        message = "Invalid input JSON: a search body must be an object"
        raise SearchRefusedError(message)
    if size > _BODY_LIMIT:
        message = f"The request body exceeds {_BODY_LIMIT} characters"
        raise SearchRefusedError(message)
    limit = _whole(body.get("limit", 10), "limit")
    after = _whole(body.get("after") or 0, "after")
    if not 1 <= limit <= PAGE_LIMIT:
        message = f"limit must be between 1 and {PAGE_LIMIT}, it was {limit}"
        raise SearchRefusedError(message)
    if after + limit > RESULT_LIMIT:
        message = (
            f"Paging beyond {RESULT_LIMIT} results is not supported "
            f"(after {after}, limit {limit})"
        )
        raise SearchRefusedError(message)
    sort_property, descending = _parse_sort(kind, body.get("sorts"))
    return Search(
        matches=_parse_groups(kind, body.get("filterGroups") or []),
        sort_property=sort_property,
        descending=descending,
        limit=limit,
        after=after,
        properties=tuple(str(name) for name in body.get("properties") or ()),
    )


def _parse_sort(kind: ObjectType, sorts: object) -> tuple[str, bool]:
    """Return property and direction of the one sort allowed."""
    if not sorts:
        return "", False
    if not isinstance(sorts, list) or len(sorts) > 1:
        message = "Only one sorting rule can be applied to any search"
        raise SearchRefusedError(message)
    rule = sorts[0]
    if isinstance(rule, str):
        return _known(kind, rule.lstrip("-")), rule.startswith("-")
    if not isinstance(rule, Mapping):
        message = "Invalid input JSON: a sort must be an object or a property name"
        raise SearchRefusedError(message)
    descending = rule.get("direction") == "DESCENDING"
    return _known(kind, str(rule.get("propertyName", ""))), descending


def _parse_groups(kind: ObjectType, groups: object) -> Callable[[Record], bool]:
    """Return the test: any group, in which every filter holds."""
    if not isinstance(groups, list) or len(groups) > _GROUP_LIMIT:
        message = f"At most {_GROUP_LIMIT} filterGroups are allowed"
        raise SearchRefusedError(message)
    filters = [group.get("filters") or [] for group in groups]
    if any(len(group) > _GROUP_FILTER_LIMIT for group in filters):
        message = f"At most {_GROUP_FILTER_LIMIT} filters are allowed in a filterGroup"
        raise SearchRefusedError(message)
    if sum(len(group) for group in filters) > _FILTER_LIMIT:
        message = f"At most {_FILTER_LIMIT} filters are allowed in a search"
        raise SearchRefusedError(message)
    tests = [[_parse_filter(kind, one) for one in group] for group in filters]
    if not tests:
        return lambda _record: True
    return lambda record: any(all(test(record) for test in group) for group in tests)


def _parse_filter(kind: ObjectType, one: object) -> Callable[[Record], bool]:
    """Return the test of one filter."""
    if not isinstance(one, Mapping):
        message = "Invalid input JSON: a filter must be an object"
        raise SearchRefusedError(message)
    name = _known(kind, str(one.get("propertyName", "")))
    operator = str(one.get("operator", ""))
    if operator in _PRESENCE:
        wanted = _PRESENCE[operator]
        return lambda record: (record.native(name) is not None) is wanted
    if operator in _MEMBERSHIP:
        wanted = _MEMBERSHIP[operator]
        values = [str(value).lower() for value in one.get("values") or ()]
        return lambda record: _is_one_of(record.native(name), values) is wanted
    if operator == "BETWEEN":
        low, high = str(one.get("value")), str(one.get("highValue"))
        return lambda record: (
            _holds("GTE", record.native(name), low)
            and _holds("LTE", record.native(name), high)
        )
    if operator not in _COMPARE:
        message = f"operator {operator!r} is not valid"
        raise SearchRefusedError(message)
    value = str(one.get("value", ""))
    return lambda record: _holds(operator, record.native(name), value)


def _known(kind: ObjectType, name: str) -> str:
    """Return the property name, or refuse one the portal does not have."""
    known = {"hs_object_id", kind.modified, kind.created, *kind.properties}
    if name not in known:
        message = f'Property "{name}" does not exist on {kind.name}'
        raise SearchRefusedError(message)
    return name


def _holds(operator: str, value: Native, wanted: str) -> bool:
    """Compare in the property's own type; a blank matches nothing but NEQ."""
    if value is None:
        return operator == "NEQ"
    if isinstance(value, datetime):
        return _COMPARE[operator](value, _parse_instant(wanted))
    if isinstance(value, Decimal):
        return _COMPARE[operator](value, _parse_number(wanted))
    return _COMPARE[operator](str(value).lower(), wanted.lower())


def _is_one_of(value: Native, wanted: list[str]) -> bool:
    """Tell whether the value is among lower-case texts."""
    return any(_holds("EQ", value, one) for one in wanted)


def _parse_instant(text: str) -> datetime:
    """Return an instant given as epoch milliseconds or ISO 8601 text."""
    try:
        if text.isdigit():
            seconds, millis = divmod(int(text), 1000)
            whole = datetime.fromtimestamp(seconds, UTC)
            return whole.replace(microsecond=millis * 1000)
        instant = datetime.fromisoformat(text.upper())
    except ValueError as error:
        message = f"{text!r} was not a valid date or time"
        raise SearchRefusedError(message) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _parse_number(text: str) -> Decimal:
    """Return the number, or refuse the text."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        message = f"{text!r} was not a valid number"
        raise SearchRefusedError(message) from error


def _whole(value: object, name: str) -> int:
    """Return a whole number given as number or text."""
    try:
        return int(str(value))
    except ValueError as error:
        message = f"{name} was not a valid whole number: {value!r}"
        raise SearchRefusedError(message) from error


def _sortable(value: Native) -> tuple[bool, object]:
    """Return a sort key that puts blanks last."""
    return (value is None, "" if value is None else value)


def _tie(number: int) -> bytes:
    """Return an order of ids that is stable but means nothing."""
    return hashlib.blake2b(str(number).encode(), digest_size=8).digest()


_PRESENCE: Final = {"HAS_PROPERTY": True, "NOT_HAS_PROPERTY": False}
_MEMBERSHIP: Final = {"IN": True, "NOT_IN": False}
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "EQ": lambda value, wanted: value == wanted,
    "NEQ": lambda value, wanted: value != wanted,
    "GT": lambda value, wanted: value > wanted,
    "GTE": lambda value, wanted: value >= wanted,
    "LT": lambda value, wanted: value < wanted,
    "LTE": lambda value, wanted: value <= wanted,
}
