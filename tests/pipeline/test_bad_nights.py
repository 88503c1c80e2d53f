"""Bad nights through the command: what stops, what goes on stale, what readers keep."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.pipeline.conftest import FIRST_NIGHT, Warehouse

NEXT = FIRST_NIGHT + timedelta(days=1)


def script_faults(warehouse: Warehouse, *rules: dict[str, Any]) -> None:
    """Put faults in force for the sandbox of the next nights; none = all is well again."""
    script = warehouse.root / "sandbox" / "faults.json"
    script.write_text(json.dumps(list(rules)), encoding="utf-8")


def rough_night(warehouse: Warehouse) -> str:
    """A night whose required source sends no stages, on a wire that throttles and cuts."""
    script_faults(
        warehouse,
        {"path": "/hubspot/crm/v3/objects/deals/search", "times": 0,
         "action": "drop_field", "field": "dealstage"},
        # Throttled, cut and answered with 503: costs time and no row.
        {"path": "/hubspot/crm/v3/objects/contacts/search", "nth": 1, "action": "status",
         "status": 429, "headers": {"Retry-After": "1"}, "payload": {"status": "error"}},
        {"path": "/stripe_vn/v1/invoices", "nth": 2, "action": "cut", "share": "0.5"},
        {"path": "/google_ads/", "nth": 2, "times": 2, "action": "status", "status": 503,
         "payload": {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}},
    )  # fmt: skip
    return warehouse.night(NEXT, expect=65)


def test_a_required_source_gone_bad_stops_the_night(warehouse: Warehouse) -> None:
    before = warehouse.manifest()
    said = rough_night(warehouse)
    last = said.strip().splitlines()[-1]
    assert "hubspot_main" in last
    assert "deals" in last
    assert "stage_id" in said
    assert warehouse.manifest() == before


@pytest.mark.long
def test_the_night_after_lands_what_was_missing_alone(warehouse: Warehouse) -> None:
    rough_night(warehouse)
    script_faults(warehouse)
    said = warehouse.night(NEXT)
    assert "hubspot_main: extracting deals" in said
    assert "extracting invoices" not in said, "landed last time, although cut"
    assert warehouse.manifest()["as_of_date"] == NEXT.isoformat()
    rows = warehouse.query("select count(*) from build_info where is_stale")
    assert rows == [(0,)]


@pytest.mark.long
def test_an_optional_source_gone_bad_goes_on_stale_and_says_so(
    warehouse: Warehouse,
) -> None:
    script_faults(
        warehouse,
        {"path": "/meta_ads/", "times": 0, "action": "status", "status": 400,
         "payload": {"error": {"message": "Unsupported get request.", "code": 100}}},
    )  # fmt: skip
    said = warehouse.night(NEXT)
    assert "meta_main" in said
    rows = warehouse.query(
        "select source_name, is_stale, data_through_date from build_info"
    )
    state = {name: (stale, through) for name, stale, through in rows}
    assert state["meta_main"] == (True, FIRST_NIGHT)
    assert state["google_main"] == (False, NEXT)
