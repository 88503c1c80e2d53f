"""Published figures equal what the sandbox company knows, to the last unit.

The truth is counted in plain Python from the company's own records, apart from every connector,
file and model; the figures are read from the served file.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ingest.sandbox.company import build_company
from ingest.sandbox.finance import targets_until
from ingest.sandbox.model import instant_in
from ingest.sandbox.story import local_day
from ingest.sandbox.truth import KPI_KEYS, kpi_truth
from ingest.sandbox.truth_billing import mrr_of
from ingest.sandbox.truth_by import kpi_medians, kpi_truth_by
from ingest.sandbox.truth_money import round_ratio
from ingest.sandbox.truth_receivables import roll_deferred, roll_receivables
from ingest.sandbox.truth_recon import hold_bookings
from ingest.sandbox.truth_rows import open_night
from tests.pipeline.conftest import FIRST_NIGHT

if TYPE_CHECKING:
    from ingest.sandbox.model import Company
    from tests.pipeline.conftest import Warehouse

KEY = "kpi_key || case when variant <> 'standard' then '/' || variant else '' end"
"""How the truth names a variant."""

MEDIANS_BY = ("total", "rep", "customer_type")

Figures = dict[tuple[str, date, str | None], Decimal | None]


@pytest.fixture(scope="session")
def company() -> Company:
    return build_company(until=datetime(2027, 1, 1, tzinfo=UTC))


def published(warehouse: Warehouse, grain: str) -> Figures:
    rows = warehouse.query(
        f"select {KEY}, period_start_date, currency, value from rpt_kpi_values "
        f"where grain = '{grain}' and breakdown = 'total' "
        "and basis = 'current'",
        audience="finance",
    )
    return {(key, start, currency): value for key, start, currency, value in rows}


def differences(truth: Figures, figures: Figures) -> list[str]:
    return [
        f"{key} {start} {currency}: truth {value}, published {figures.get((key, start, currency))}"
        for (key, start, currency), value in sorted(truth.items(), key=str)
        if figures.get((key, start, currency), "no row") != value
    ]


@pytest.mark.parametrize("grain", ["month", "quarter", "year"])
def test_every_kpi_and_period_of_the_first_night_is_the_truth(
    first_night: Warehouse, company: Company, grain: str
) -> None:
    truth = {
        key: figure.value
        for key, figure in kpi_truth(
            company, FIRST_NIGHT, grain=grain, first_as_of=FIRST_NIGHT
        ).items()
    }
    assert {key for key, *_ in truth} >= set(KPI_KEYS) - {
        "sales_growth_mom",
        "sales_growth_qoq",
        "forecast_sales",
        "forecast_deals",
        "open_pipeline_due",
        "pipeline_coverage",
        "capacity_coverage",
        "forecast_accuracy",
        "forecast_accuracy/one_week_before",
        "new_customers_contacted",
        "order_retention_rate",
        "sales_revenue_mtd",
        "sales_run_rate",
    }
    found = differences(truth, published(first_night, grain))
    assert not found, f"{len(found)} of {len(truth)} differ:\n" + "\n".join(found[:40])


@pytest.mark.parametrize(
    "breakdown",
    [
        "rep",
        "team",
        "department",
        "segment",
        "stage",
        "lead_source_group",
        "campaign",
        "currency",
        "customer_type",
        "activity_type",
        "creator",
        "win_loss_reason",
        "contact_method",
        "cost_type",
        "channel",
        "platform",
        "product",
        "tenure_band",
        "plan",
        "content_piece",
        "business_function",
        "legal_entity",
    ],
)
def test_breakdowns_are_the_truth(
    first_night: Warehouse, company: Company, breakdown: str
) -> None:
    published_by = {
        key
        for key, breakdowns in first_night.query(
            "select kpi_key, breakdowns from kpi_registry", audience="finance"
        )
        if breakdown in breakdowns.split("|")
    }
    truth = {
        key: figure.value
        for key, figure in kpi_truth_by(
            company, FIRST_NIGHT, breakdown, first_as_of=FIRST_NIGHT
        ).items()
        if key[0].partition("/")[0] in published_by
    }
    rows = first_night.query(
        f"select {KEY}, member_id, period_start_date, currency, value from rpt_kpi_values "
        f"where grain = 'month' and breakdown = '{breakdown}' "
        "and basis = 'current'",
        audience="finance",
    )
    figures = {tuple(row[:4]): row[4] for row in rows}
    found = [
        f"{key}: truth {value}, published {figures.get(key)}"
        for key, value in sorted(truth.items(), key=str)
        if figures.get(key, "no row") != value
    ]
    medians = {
        (f"{key}/median", member, start, None): value
        for (key, member, start), value in kpi_medians(
            company, FIRST_NIGHT, breakdown, first_as_of=FIRST_NIGHT
        ).items()
        if key in published_by
    }
    found += [
        f"{key}: truth {value}, published {figures.get(key)}"
        for key, value in medians.items()
        if figures.get(key) != value
    ]
    compared = {key for key, *_ in truth} | {key for key, *_ in medians}
    shown = {key for (key, *_), value in figures.items() if value is not None}
    assert sorted(shown - compared) == [], "told by nobody"
    assert not found, f"{len(found)} of {len(truth)} differ:\n" + "\n".join(found[:40])


@pytest.mark.parametrize("breakdown", MEDIANS_BY)
@pytest.mark.parametrize("grain", ["month", "quarter", "year"])
def test_medians_are_the_truth(
    first_night: Warehouse, company: Company, grain: str, breakdown: str
) -> None:
    truth = kpi_medians(
        company, FIRST_NIGHT, breakdown, grain=grain, first_as_of=FIRST_NIGHT
    )
    assert truth
    rows = first_night.query(
        "select kpi_key, member_id, period_start_date, value from rpt_kpi_values "
        f"where grain = '{grain}' and breakdown = '{breakdown}' and variant = 'median' "
        "and value is not null",
        audience="sales",
    )
    assert {tuple(row[:3]): row[3] for row in rows} == truth


def test_targets_of_sources_and_content_are_held_against_what_they_brought(
    first_night: Warehouse, company: Company
) -> None:
    aims = {
        (t.kpi_key, t.scope_id, t.period_start): t.value
        for t in targets_until(datetime(2026, 10, 30, 17, tzinfo=UTC))
        if t.scope_type in {"lead_source_group", "content_piece"}
        and t.period_start <= FIRST_NIGHT
    }
    reached = {
        key[:3]: figure.value
        for breakdown in ("lead_source_group", "content_piece")
        for key, figure in kpi_truth_by(
            company, FIRST_NIGHT, breakdown, first_as_of=FIRST_NIGHT
        ).items()
    }
    rows = first_night.query(
        "select kpi_key, member_id, period_start_date, target_value, attainment "
        "from rpt_kpi_scorecard where grain = 'month' and target_value is not null "
        "and breakdown in ('lead_source_group', 'content_piece')",
        audience="finance",
    )
    assert {tuple(row[:3]): row[3] for row in rows} == aims
    for *key, target, attainment in rows:
        value = reached[tuple(key)]
        assert value is not None
        assert attainment == round_ratio(value, target)


def test_people_of_an_imported_list_are_marked(
    first_night: Warehouse, company: Company
) -> None:
    night = open_night(company, FIRST_NIGHT)
    imported = {
        record.id
        for record in company.hubspot.contacts
        if (state := night.state(record)) and state["source_detail_1"] == "IMPORT"
    }
    rows = first_night.query(
        "select source_record_id, is_bulk_import from fct_leads", audience="marketing"
    )
    assert {lead for lead, is_marked in rows if is_marked} == imported & dict(
        rows
    ).keys()
    assert any(is_marked for _, is_marked in rows)


def test_the_waterfall_of_deferred_revenue_is_the_truth(
    first_night: Warehouse, company: Company
) -> None:
    rows = first_night.query(
        "select legal_entity, invoice_month_start_date, month_start_date, "
        "opening_original_amount, billed_original_amount, credited_original_amount, "
        "recognised_original_amount, closing_original_amount "
        "from rpt_deferred_revenue_waterfall where currency = 'USD'",
        audience="finance",
    )
    truth = roll_deferred(open_night(company, FIRST_NIGHT))
    assert {tuple(row[:3]): row[3:] for row in rows if any(row[3:])} == {
        key: tuple(figures) for key, figures in truth.items() if any(figures)
    }


def test_receivables_are_the_truth(first_night: Warehouse, company: Company) -> None:
    rows = first_night.query(
        "select legal_entity, month_start_date, opening_original_amount, "
        "billed_original_amount, tax_original_amount, cash_original_amount, "
        "credited_original_amount, written_off_original_amount, closing_original_amount "
        "from rpt_receivables where currency = 'USD'",
        audience="finance",
    )
    truth = roll_receivables(open_night(company, FIRST_NIGHT))
    assert truth
    assert {tuple(row[:2]): row[2:] for row in rows} == {
        key: tuple(figures) for key, figures in truth.items()
    }


def test_deals_are_held_against_the_contracts_billing_has_of_them(
    first_night: Warehouse, company: Company
) -> None:
    """Every deal without a contract, contract without a deal and other value is a row."""
    rows = first_night.query(
        "select legal_entity, currency, period_start_date, split_part(reference, ':', 2),"
        " warehouse_amount, other_amount from rpt_reconciliation"
        " where line = 'bookings_vs_contracts' and state = 'compared'"
        " and reason_code <> 'agreed'",
        audience="finance",
    )
    running_month = (FIRST_NIGHT + timedelta(days=1)).replace(day=1)
    truth = {
        (*held, booked, billed)
        for held, (booked, billed) in hold_bookings(
            open_night(company, FIRST_NIGHT)
        ).items()
        if booked != billed and held.month < running_month
    }
    assert set(rows) == truth
    reasons = first_night.query(
        "select distinct reason_code, blocks_close, is_control from rpt_reconciliation"
        " where line = 'bookings_vs_contracts' and state = 'compared'",
        audience="finance",
    )
    told = (
        "agreed",
        "timing",
        "missing_in_ledger",
        "missing_in_warehouse",
        "unexplained",
    )
    assert set(reasons) == {(reason, False, False) for reason in told}


def test_who_is_about_to_leave_is_the_truth_and_adds_up_to_the_figure(
    first_night: Warehouse, company: Company
) -> None:
    rows = first_night.query(
        "select subscription_id, requested_date, ends_date, mrr_amount, currency,"
        " reporting_mrr_amount from queue_churn_scheduled",
        audience="finance",
    )
    night = open_night(company, FIRST_NIGHT)
    truth = {
        f"{account.name}:{record.id}": (
            local_day(instant_in(state, "canceled_at")),
            local_day(instant_in(state, "cancel_at")),
            mrr_of(state, FIRST_NIGHT),
            account.currency,
        )
        for account in company.stripe.values()
        for record in account.subscriptions
        if (state := night.state(record)) is not None
        and state["cancel_at"] is not None
        and mrr_of(state, FIRST_NIGHT)
    }
    assert {row[0]: row[1:5] for row in rows} == truth
    assert {row[4] for row in rows} == {"USD", "VND"}
    # Everybody leaving here leaves by one subscription, so each is converted once.
    told = kpi_truth(company, FIRST_NIGHT, first_as_of=FIRST_NIGHT)
    month = FIRST_NIGHT.replace(day=1)
    scheduled = told["churn_scheduled", month, "VND"].value
    assert sum(row[5] for row in rows) == scheduled


def test_the_bridge_of_mrr_is_the_truth(
    first_night: Warehouse, company: Company
) -> None:
    names = ("new", "expansion", "contraction", "churned", "reactivation", "fx")
    amounts = ", ".join(f"{name}_amount" for name in names)
    rows = first_night.query(
        f"select month_start_date, currency, {amounts}, closing_amount "
        "from rpt_mrr_bridge where breakdown = 'total' and amount_basis = 'presentation'",
        audience="finance",
    )
    truth = kpi_truth(company, FIRST_NIGHT, first_as_of=FIRST_NIGHT)
    keys = (*(f"{name}_mrr" for name in names), "mrr")
    assert rows
    for start, currency, *found in rows:
        assert found == [truth[key, start, currency].value for key in keys], start
