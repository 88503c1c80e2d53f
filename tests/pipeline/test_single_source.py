"""One source is enough: its KPIs are published, the others are unknown, never 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.conftest import FIRST_NIGHT, Warehouse

if TYPE_CHECKING:
    from pathlib import Path

# A whole night of its own, a twelfth of the short lane (CI is to take 20 minutes at most).
pytestmark = pytest.mark.long

COMPANY = """\
company:
  name: Solo
  reporting_currency: VND
  presentation_currencies: [VND]
  timezone: Asia/Ho_Chi_Minh
sources:
"""
HUBSPOT = """\
  - name: hubspot_main
    kind: hubspot
    base_url: sandbox:/hubspot
    portal_id: "44120077"
    legal_entity: solo
    functional_currency: VND
"""
OF_THE_CRM = {
    "leads_created", "mql_count", "sql_count", "lead_source_completeness",
    "opportunities_created", "active_deals", "deals_won", "deals_lost", "win_rate",
    "sales_cycle_days", "calls_made", "talk_time_seconds", "unanswered_calls",
    "call_answer_rate", "talk_seconds_per_unanswered_call", "demo_calls_completed",
    "onboarding_calls_completed", "trial_calls_completed", "sales_emails_sent",
    "meetings_held", "presentations_delivered", "prospecting_activities",
    "prospecting_hours", "new_customer_contacts", "new_customers_contacted",
    "outreach_response_rate", "opportunities_per_call", "opportunities_per_email",
    "rep_fte_days", "calls_per_rep", "emails_per_rep",
}  # fmt: skip


@pytest.fixture(scope="module")
def crm_only(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder: Path = tmp_path_factory.mktemp("crm_only")
    config = folder / "warehouse.yml"
    config.write_text(COMPANY + HUBSPOT, encoding="utf-8")
    warehouse = Warehouse(folder / "root")
    warehouse.night(FIRST_NIGHT, "--config", str(config))
    return warehouse


def test_kpis_of_the_source_are_published(crm_only: Warehouse) -> None:
    rows = crm_only.query(
        "select distinct kpi_key from rpt_kpi_values where grain = 'month' "
        "and breakdown = 'total' and value is not null"
    )
    assert {key for (key,) in rows} >= OF_THE_CRM


def test_kpis_without_a_source_are_unknown_and_say_so(crm_only: Warehouse) -> None:
    rows = crm_only.query(
        "select kpi_key, count(*), count(value), bool_and(list_contains(flag, 'no_source')) "
        "from rpt_kpi_values where kpi_key in ('mrr', 'ad_spend', 'sales_revenue', "
        "'paying_customers', 'cpl_media') and breakdown = 'total' group by kpi_key"
    )
    assert {key for key, *_ in rows} == {
        "mrr", "ad_spend", "sales_revenue", "paying_customers", "cpl_media",
    }  # fmt: skip
    for key, count, known, all_flagged in rows:
        assert count > 0, key
        assert known == 0, f"{key} shows a figure although nothing delivers it"
        assert all_flagged, key


def test_without_a_users_file_reps_are_the_owners_of_the_crm(
    crm_only: Warehouse,
) -> None:
    rows = crm_only.query(
        "select distinct member_name from rpt_kpi_values "
        "where breakdown = 'rep' and kpi_key = 'deals_won' and value > 0"
    )
    names = {name for (name,) in rows}
    assert len(names) >= 8
    assert all(name and not name.isdigit() for name in names)
