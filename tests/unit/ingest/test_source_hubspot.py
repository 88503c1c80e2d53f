"""HubSpot connector: the walk through everything that changed, against scripted answers."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from ingest.errors import ContractViolation, TruncatedExtract
from tests.unit.ingest.hubspot_api import (
    BASE,
    END,
    FIRST,
    Portal,
    call,
    fetch,
    stamp,
)

if TYPE_CHECKING:
    from ingest.sources.protocol import Record


def ids(records: list[Record]) -> list[Any]:
    return [record.values["call_id"] for record in records]


def test_walk_reads_every_record_once_although_no_query_passes_the_result_cap() -> None:
    portal = Portal([call(n, n * 7) for n in range(1, 1051)])
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == list(range(1, 1051))
    # Paging one query by offset skips rows when a record is touched meanwhile and ends at
    # 10,000: no request may carry an offset.
    assert all("after" not in body for body in portal.searches)
    assert portal.searches[0]["filterGroups"][0]["filters"] == [
        {
            "propertyName": "hs_lastmodifieddate",
            "operator": "GTE",
            "value": str(int(BASE.timestamp() * 1000)),
        },
        {
            "propertyName": "hs_lastmodifieddate",
            "operator": "LT",
            "value": str(int(END.timestamp() * 1000)),
        },
    ]


def test_restart_on_a_shared_stamp_neither_skips_nor_repeats() -> None:
    # 190 rows, then 60 sharing a stamp across the page border at 200, then 30.
    rows = [call(n, n) for n in range(1, 191)]
    rows += [call(n, 500) for n in range(191, 251)]
    rows += [call(n, 600 + n) for n in range(251, 281)]
    _, records = fetch(Portal(rows))
    assert sorted(map(int, ids(records))) == list(range(1, 281))


def test_bulk_edit_of_many_pages_in_one_millisecond_is_read_by_id() -> None:
    rows = [call(1, 5)] + [call(n, 500) for n in range(2, 1_053)] + [call(20_000, 501)]
    portal = Portal(rows)
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == [*range(1, 1_053), 20_000]
    by_id = [
        int(body["filterGroups"][0]["filters"][1]["value"])
        for body in portal.searches
        if body["sorts"][0]["propertyName"] == "hs_object_id"
    ]
    assert all(later > earlier for earlier, later in pairwise(by_id))


def test_record_touched_during_the_walk_hides_no_other_record() -> None:
    portal = Portal([call(n, n) for n in range(1, 451)])
    original = portal.search

    def touch_after_first_page(body: dict) -> dict:
        answer = original(body)
        if len(portal.searches) == 1:
            portal.rows[4] = call(5, int((END - BASE).total_seconds() * 1000) + 1)
        return answer

    portal.search = touch_after_first_page
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == list(range(1, 451))


def test_same_page_for_ever_stops_the_extract() -> None:
    frozen = {
        "total": 450,
        "paging": {"next": {"after": "200"}},
        "results": [call(n, n) for n in range(1, 201)],
    }
    portal = Portal([])
    portal.other["/crm/v3/objects/calls/search"] = frozen
    with pytest.raises(ContractViolation, match="endless loop"):
        fetch(portal)
    assert sum(path.endswith("/search") for path in portal.paths) == 4


def test_page_delivered_twice_is_read_on() -> None:
    portal = Portal([call(n, n) for n in range(1, 651)])
    original, answers = portal.search, []

    def repeat_second(body: dict) -> dict:
        answers.append(answers[1] if len(answers) == 2 else original(body))
        return answers[-1]

    portal.search = repeat_second
    _, records = fetch(portal)
    assert sorted(map(int, ids(records))) == list(range(1, 651))


def test_page_shorter_than_its_total_is_refused() -> None:
    portal = Portal([])
    portal.other["/crm/v3/objects/calls/search"] = {"total": 3, "results": [call(1, 1)]}
    with pytest.raises(TruncatedExtract, match="3 records match"):
        fetch(portal)


@pytest.mark.parametrize("absent", ["results", "total"])
def test_missing_key_is_never_an_empty_list(absent: str) -> None:
    answer = {"results": [], "total": 0}
    del answer[absent]
    portal = Portal([])
    portal.other["/crm/v3/objects/calls/search"] = {"status": "x", **answer}
    with pytest.raises(ContractViolation, match=absent):
        fetch(portal)


def test_first_load_starts_at_the_epoch_and_is_the_full_list() -> None:
    portal = Portal([call(1, 1)])
    extract, _ = fetch(portal, window=FIRST)
    assert portal.searches[0]["filterGroups"][0]["filters"][0]["value"] == "0"
    assert extract.is_full_list


def test_cursor_is_the_newest_stamp_seen_and_never_goes_back() -> None:
    extract, _ = fetch(Portal([call(1, 10), call(2, 99_000)]))
    assert extract.new_cursor == "2026-10-01T00:01:39+00:00"
    assert extract.coverage[0].source_account == "147"
    kept, _ = fetch(Portal([]), cursor="2026-10-30T00:00:00+00:00")
    assert kept.new_cursor == "2026-10-30T00:00:00+00:00"
    assert not kept.is_full_list


def test_archived_copy_is_newer_than_the_live_one() -> None:
    binned = {**call(1, 10), "archived": True, "archivedAt": stamp(5000)}
    extract, records = fetch(Portal([call(1, 10)], archived=[binned]))
    live, deleted = (record.values for record in records)
    assert (live["is_deleted"], live["deleted_at"]) == (False, None)
    assert deleted["is_deleted"]
    assert deleted["deleted_at"] == BASE + timedelta(seconds=5)
    assert deleted["updated_at"] > live["updated_at"]
    assert extract.new_cursor == (BASE + timedelta(seconds=5)).isoformat()


def test_archived_record_without_its_time_is_refused() -> None:
    with pytest.raises(ContractViolation, match="archivedAt"):
        fetch(Portal([], archived=[{**call(1, 10), "archived": True}]))


def test_blank_text_is_null_and_the_rest_is_passed_as_received() -> None:
    row = call(
        1, 1, hs_call_duration="61000", hs_call_direction="", hs_call_status=None
    )
    _, (record,) = fetch(Portal([row]))
    assert record.values["duration_ms"] == "61000"
    assert record.values["direction"] is None
    assert record.values["status"] is None
    assert json.loads(record.payload) == row
    assert record.source_ref == "/crm/v3/objects/calls/search#1"


def test_unknown_names_are_reported() -> None:
    row = {**call(1, 1, hs_call_mood="good"), "objectColour": "red"}
    extract, _ = fetch(Portal([row]))
    assert extract.unknown_fields == {"hs_call_mood", "objectColour"}
