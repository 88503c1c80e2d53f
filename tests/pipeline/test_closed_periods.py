"""Closed means closed: the past goes on changing, signed figures stay, the sums still add up.

Four builds of the whole project, so it has a lane of its own: `make nights`. The worked case alone
is a unit test of `rpt_kpi_values_as_closed` in every night.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.pipeline.closed_sums import held, months, signed
from tests.pipeline.closing_company import (
    F10,
    F10_REP,
    FIRST_AS_OF,
    Company,
    f10_change,
    f10_deal,
    f10_load,
    first_load,
    later_load,
)
from tests.pipeline.raw_fixture import vn

APRIL, MAY, LAST = date(2026, 4, 20), date(2026, 5, 3), date(2026, 5, 20)
AREAS = ("finance", "sales", "marketing")
pytestmark = pytest.mark.long


def vn_noon(day: str) -> Any:
    """Noon of a day in Hà Nội."""
    return vn(f"{day} 12:00")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """March is closed, its past changes, April is closed, all of it changes again."""
    company = Company(tmp_path_factory.mktemp("closing"))
    told: dict[str, Any] = {"company": company}
    won = f10_deal(stage="won", status="won", closed_at=vn_noon("2026-03-28"),
                   amount=Decimal(100), updated_at=vn_noon("2026-03-28"))  # fmt: skip
    company.build(
        FIRST_AS_OF,
        *first_load(),
        *f10_load(FIRST_AS_OF, f10_change("2026-03-28 12:00", "open", "won"), deal=won),
    )
    told["at_close"] = months(company, "current")
    assert company.query("select count(*) from rpt_restatements") == [(0,)]
    assert {
        row[0] for row in company.query("select distinct basis from rpt_kpi_values")
    } == {"current"}
    for area in AREAS:
        company.close("2026-03", area, FIRST_AS_OF)
    reopened = f10_deal(amount=Decimal(100), updated_at=vn_noon("2026-04-10"))
    company.build(
        APRIL,
        *later_load(company.loads, APRIL, late=date(2026, 3, 15)),
        *f10_load(APRIL, f10_change("2026-04-10 12:00", "won", "open"), deal=reopened),
    )
    told["signed_march"] = signed(company, "2026-03-01")
    told["april"] = {
        basis: months(company, basis) for basis in ("as_closed", "current")
    }
    told["april_held"] = held(company)
    told["restatements"] = company.query(
        "select kpi_key, breakdown, member_id, currency, old_value, new_value, delta_value,"
        " cause, is_adjusted, batch_ids, changed_rows, first_seen_as_of_date"
        " from rpt_restatements where grain = 'month' and variant = 'standard'"
        " and period_start_date = date '2026-03-01'"
    )
    company.build(MAY, *later_load(company.loads, MAY, late=date(2026, 3, 16)))
    told["may_march"] = signed(company, "2026-03-01")
    told["may_held"] = held(company)
    for area in AREAS:
        company.close("2026-04", area, MAY)
    again = f10_deal(stage="won", status="won", closed_at=vn_noon("2026-05-02"),
                     amount=Decimal(90), updated_at=vn_noon("2026-05-02"))  # fmt: skip
    company.build(
        LAST,
        *later_load(company.loads, LAST, late=date(2026, 4, 17)),
        *f10_load(LAST, f10_change("2026-05-02 12:00", "open", "won"), deal=again),
        is_tested=True,
    )
    told["last_march"] = signed(company, "2026-03-01")
    told["last"] = {basis: months(company, basis) for basis in ("as_closed", "current")}
    told["last_held"] = held(company)
    return told


def test_signed_figures_never_move(story: dict[str, Any]) -> None:
    assert story["signed_march"] == story["may_march"] == story["last_march"]
    march = date(2026, 3, 1)
    signed_march = {
        k: v for k, v in story["last"]["as_closed"].items() if k[5] == march
    }
    at_close = {k: v for k, v in story["at_close"].items() if k[5] == march}
    assert signed_march == at_close
    current = {k: v for k, v in story["last"]["current"].items() if k[5] == march}
    assert sum(current.get(k) != v for k, v in at_close.items()) > 20


def test_signed_and_open_months_add_up_to_current_ones(story: dict[str, Any]) -> None:
    # Series of a KPI, variant, breakdown, member and currency with a figure other than 0.
    assert min(story["april_held"], story["may_held"], story["last_held"]) > 100


def test_adjustments_are_the_true_differences_to_the_unit(
    story: dict[str, Any],
) -> None:
    march, april = date(2026, 3, 1), date(2026, 4, 1)
    now, shown = story["april"]["current"], story["april"]["as_closed"]
    compared = 0
    for key in {k[:5] for k in (*now, *story["at_close"])}:
        then = story["at_close"].get((*key, march), Decimal(0))
        values = (
            then,
            now.get((*key, march), Decimal(0)),
            now.get((*key, april), Decimal(0)),
        )
        if None in values or (now.get((*key, april), 0) is None):
            continue
        adjusted = shown.get((*key, april), Decimal(0)) - values[2]
        assert adjusted == values[1] - values[0], key
        compared += bool(adjusted)
    assert compared > 20


def f10(story: dict[str, Any], basis: str, kpi: str) -> dict[str, Any]:
    return {
        f"{key[5]:%m}": value
        for key, value in story["last"][basis].items()
        if key[0] == kpi
        and key[2] == "rep"
        and key[3] == F10_REP
        and key[4] in {"", "VND"}
    }


def test_a_reopened_deal_is_reversed_where_it_was_reopened(
    story: dict[str, Any],
) -> None:
    # F-10: won 28 March (100), March closed, reopened 10 April, won again 2 May at 90.
    assert f10(story, "as_closed", "deals_won") == {"03": 1, "04": -1, "05": 1}
    assert f10(story, "as_closed", "sales_bookings") == {
        "03": 100,
        "04": -100,
        "05": 90,
    }
    current = f10(story, "current", "deals_won")
    assert {month: value for month, value in current.items() if value} == {"05": 1}


def test_a_restatement_names_its_rows_and_loads(story: dict[str, Any]) -> None:
    (deal,) = [
        row for row in story["restatements"] if row[:3] == ("deals_won", "rep", F10_REP)
    ]
    old, new, delta, cause, is_adjusted, batches, rows, first_seen = deal[4:]
    assert (old, delta, cause, is_adjusted, first_seen) == (1, -1, "data", True, APRIL)
    assert new in {0, None}
    assert f"drop_07 opportunities {F10} changed" in rows
    assert any(
        batch.startswith("drop_07.f10-opportunities-2026-04-21") for batch in batches
    )
    (revenue,) = [
        row
        for row in story["restatements"]
        if row[0] == "sales_revenue" and row[1] == "total" and row[3] == "VND"
    ]
    assert f"drop_07 invoices late-{APRIL} added" in revenue[10]
    assert all("2026-04-21" in batch for batch in revenue[9])
    assert {row[8] for row in story["restatements"] if row[0] == "win_rate"} <= {False}
