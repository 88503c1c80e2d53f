"""Reading every record of one CRM object: live ones by search, archived ones by list.

Belongs here: the keyset walk through the search endpoint and the archived list. Stays out:
which properties an object has and what they mean (`objects`), associations, history.

The search endpoint answers at most 10,000 results for one query and pages by offset, so rows
shift when a record is touched while we read. Hence every page is a query of its own that
starts at the last stamp seen (GTE) and drops the ids already read at that stamp. A bulk edit
stamps thousands of rows with one millisecond: when a whole page shares its first stamp, that
instant is read by ascending hs_object_id instead, and the walk goes on one millisecond later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ingest.errors import ContractViolation, TruncatedExtract
from ingest.http import ApiClient, PageGuard
from ingest.sources.wire import key_of, list_of, parse_instant, required

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.sources.hubspot.paths import Paths

PAGE_SIZE = 100
"""Rows per page of a list, the documented maximum."""

SEARCH_SIZE = 200
"""Results per page of a search, the documented maximum (read 2026-11)."""

MAX_REPEATS = 2
"""How often the same page may come back before it is an endless loop, not a hiccup."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Row = dict[str, Any]


@dataclass(frozen=True)
class SearchQuery:
    """What to ask of one object.

    Units: `start` is inclusive, `end` exclusive; None = from the first record on.
    """

    object_type: str
    modified_property: str
    properties: tuple[str, ...]
    start: datetime | None
    end: datetime


def search_records(
    client: ApiClient, paths: Paths, query: SearchQuery
) -> Iterator[tuple[Row, str]]:
    """Yield each live record of the window once, oldest change first, with its origin.

    Raises:
        ContractViolation: the answer has no `results` or `total`, or pages repeat.
        TruncatedExtract: a page holds fewer rows than it says match and names no next page.
    """
    walk = _Walk(client, paths, query)
    kind = query.object_type
    low = _milliseconds(query.start) if query.start else 0
    seen: set[str] = set()
    repeats = 0
    while True:
        rows, more = walk.page(_between(query, low), query.modified_property)
        stamps = [_stamp(row, query) for row in rows]
        if stamps and min(stamps) < low:
            repeats += 1
            if repeats > MAX_REPEATS:
                message = (
                    f"hubspot {kind}: search repeats rows from before {low} after "
                    f"{repeats} tries; endless loop stopped, nothing landed"
                )
                raise ContractViolation(message)
            continue
        if stamps != sorted(stamps):
            message = f"hubspot {kind}: search from {low} is not in the order asked for"
            raise ContractViolation(message)
        for row in rows:
            if record_id(row, kind) not in seen:
                yield row, walk.origin
        if not more:
            return
        repeats = 0
        last = stamps[-1]
        at_last = {
            record_id(row, kind)
            for row, stamp in zip(rows, stamps, strict=True)
            if stamp == last
        } - {""}
        if last > low:
            low, seen = last, at_last
        else:
            yield from walk.instant(low, seen | at_last)
            low, seen = low + 1, set()


def list_archived(
    client: ApiClient, paths: Paths, object_type: str, properties: Sequence[str]
) -> Iterator[tuple[Row, str]]:
    """Yield every record in the recycle bin (90 days) with its origin.

    Raises:
        ContractViolation: the answer has no `results`.
        TruncatedExtract: a page token comes twice.
    """
    params = {
        "archived": "true",
        "limit": str(PAGE_SIZE),
        "properties": ",".join(properties),
    }
    yield from page_list(client, paths.objects(object_type), params)


def page_list(
    client: ApiClient, path: str, params: dict[str, str]
) -> Iterator[tuple[Row, str]]:
    """Yield the rows of a list endpoint, following `paging.next.after`."""
    guard = PageGuard(f"hubspot {path}")
    page = 0
    while True:
        page += 1
        answer = client.get(path, params=params)
        for row in list_of(answer, "results", f"hubspot {path}"):
            yield row, f"{path}#{page}"
        after = next_token(answer)
        if after is None:
            return
        guard.check(after)
        params = {**params, "after": after}


def next_token(answer: Row) -> str | None:
    """Return the token of the next page; HubSpot leaves `paging` out on the last page."""
    following = (answer.get("paging") or {}).get("next")
    if following is None:
        return None
    return str(required(following, "after", "hubspot paging.next"))


def record_id(row: Row, object_type: str) -> str:
    """Return the id of a record; '' where it is null, which landing will quarantine."""
    return key_of(row, "id", f"hubspot {object_type}") or ""


class _Walk:
    """One search walk: asks pages and numbers them."""

    def __init__(self, client: ApiClient, paths: Paths, query: SearchQuery) -> None:
        self._client = client
        self._path = paths.search(query.object_type)
        self._query = query
        self._page = 0

    @property
    def origin(self) -> str:
        """Path and number of the page read last."""
        return f"{self._path}#{self._page}"

    def page(self, filters: list[Row], sort: str) -> tuple[list[Row], bool]:
        """Return the first page of a query and whether more rows match it."""
        self._page += 1
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": list(self._query.properties),
            "limit": SEARCH_SIZE,
        }
        answer = self._client.post(self._path, json=body)
        where = f"hubspot {self._query.object_type} search"
        rows = list_of(answer, "results", where)
        total = int(required(answer, "total", where))
        more = next_token(answer) is not None
        if (not more and len(rows) < total) or (more and not rows):
            message = (
                f"{where}: {total} records match but page {self._page} ends after "
                f"{len(rows)}; nothing landed, run again"
            )
            raise TruncatedExtract(message)
        return rows, more

    def instant(self, stamp: int, seen: set[str]) -> Iterator[tuple[Row, str]]:
        """Yield the records changed in one millisecond, except `seen`, by ascending id."""
        kind = self._query.object_type
        last_id = 0
        while True:
            filters = [
                _filter(self._query.modified_property, "EQ", stamp),
                _filter("hs_object_id", "GT", last_id),
            ]
            rows, more = self.page(filters, "hs_object_id")
            ids = [int(record_id(row, kind) or 0) for row in rows]
            if any(later <= earlier for earlier, later in zip([last_id, *ids], ids)):  # noqa: B905  # one longer by design
                message = (
                    f"hubspot {kind}: search by id does not advance past {last_id} at "
                    f"instant {stamp}; endless loop, nothing landed"
                )
                raise ContractViolation(message)
            for row in rows:
                if record_id(row, kind) not in seen:
                    yield row, self.origin
            if not more:
                return
            last_id = ids[-1]


def _between(query: SearchQuery, low: int) -> list[Row]:
    return [
        _filter(query.modified_property, "GTE", low),
        _filter(query.modified_property, "LT", _milliseconds(query.end)),
    ]


def _filter(name: str, operator: str, value: int) -> Row:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def _stamp(row: Row, query: SearchQuery) -> int:
    where = f"hubspot {query.object_type}"
    text = required(required(row, "properties", where), query.modified_property, where)
    return _milliseconds(parse_instant(text, f"{where}.{query.modified_property}"))
