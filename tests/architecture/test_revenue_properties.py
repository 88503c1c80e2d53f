"""What finance is promised, property by property, and the tests that would fail without it.

`PROPERTIES` is the list of properties to show of the revenue work, as data: a test that is
renamed or taken out is missed here. Stays out: showing them (the tests named).
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import yaml

from tests.golden.revenue_cases import CASES

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"

PROPERTIES: Final[dict[str, tuple[str, ...]]] = {
    # Property: tests in Python (test:name, file:path), cases of dbt (case:name) and what every
    # night asks of its figures (every:name).
    "MRR history comes from the export, is rebuilt, or is not there": (
        "case:history_is_known_from_an_export_or_from_the_event_log",
        "case:a_term_is_paid_from_where_its_source_is_known",
        "case:a_stock_is_what_is_paid_as_the_company_day_ends",
    ),
    "a price change today moves no past month": (
        "test:test_every_month_of_every_case",
        "test:test_mrr_moves_in_the_month_and_for_the_reason",
    ),
    "golden F-02, the MRR bridge": (
        "case:mrr_bridge_of_the_catalogue",
        "case:the_bridge_of_the_catalogue_in_total_and_by_currency",
        "case:retention_of_revenue_follows_the_opening_customers",
    ),
    "golden F-03, FX only": (
        "case:only_the_rate_moved",
        "case:the_bridge_of_the_catalogue_in_total_and_by_currency",
    ),
    "golden F-04, minor units": ("case:fees_per_month_of_every_interval_and_state",),
    "golden F-09, deferred revenue": (
        "case:twelve_hundred_over_a_year_of_days",
        "file:tests/unit/ingest/test_recognition.py",
    ),
    "golden F-10, a deal reopened after the close": (
        "case:what_came_late_is_booked_in_the_open_month",
        "case:what_a_later_close_booked_is_not_booked_again",
        "test:test_a_reopened_deal_is_reversed_where_it_was_reopened",
    ),
    "golden F-14, the company's days": (
        "case:every_invoice_line_is_revenue_or_says_why_not",
        "case:cash_is_the_providers_ledger_where_there_is_one",
    ),
    "identities of every night": (
        "every:assert_mrr_bridge_closes",
        "every:assert_mrr_bridge_adds_up_at_every_level",
        "every:assert_mrr_movements_equal_stock",
        "every:assert_deferred_revenue_rolls_forward",
        "every:assert_deferred_revenue_is_scheduled",
        "every:assert_receivables_roll_forward",
        "every:assert_mrr_leads_to_billings_without_residue",
        "every:assert_breakdowns_add_up_to_total",
        "every:assert_what_agrees_in_the_tie_out_does_not_differ",
    ),
    "ten thousand random customers over twenty seeds": (
        "test:test_deferred_revenue_is_what_a_recount_finds",
        "test:test_receivables_are_what_a_recount_finds",
        "test:test_what_is_left_is_what_was_billed_less_credited_less_recognised",
    ),
    "a planted unit in a source is found and named": (
        "test:test_billing_that_contradicts_itself_is_named_with_its_records",
    ),
    "a planted unit in raw, staging or a mart is found and named": (
        "test:test_a_break_is_named",
    ),
    "a planted unit in the ledger is found, named, and keeps the month open": (
        "test:test_every_mistake_is_found_and_nothing_else",
        "test:test_a_red_figure_holds_its_theme_row_by_row_and_a_ledger_difference_none",
        "test:test_an_unexplained_difference_above_the_tolerance_is_refused",
    ),
    "a planted unit holds finance alone at its last good tables": (
        "test:test_red_themes_are_held_and_core_is_new",
    ),
    "thirty nights of edits move nothing signed": (
        "test:test_thirty_nights_of_edits_move_nothing_signed",
        "test:test_signed_figures_never_move",
        "test:test_adjustments_are_the_true_differences_to_the_unit",
    ),
    "a restatement names the right rows": (
        "test:test_thirty_nights_of_edits_move_nothing_signed",
        "test:test_a_restatement_names_its_rows_and_loads",
        "test:test_a_line_tells_of_the_day_it_was_billed_on_whatever_its_service",
        "case:a_restatement_names_what_moved_it",
    ),
    "other models or policies wait for a person": (
        "test:test_another_policy_waits_for_a_person_and_is_a_restatement",
        "test:test_a_change_of_models_that_moves_a_closed_figure_waits",
    ),
    "one byte of the record of closes stops the next run and is named": (
        "test:test_every_byte_of_the_chain_is_proven_and_the_first_bad_entry_named",
        "test:test_one_changed_byte_of_a_close_stops_the_next_one",
        "test:test_a_chain_written_anew_is_found_by_what_a_build_published",
    ),
    "explain adds up both ways": (
        "test:test_every_kpi_and_variant_is_explained",
        "test:test_from_figures_to_rows_and_back",
        "test:test_every_signed_figure_of_records_adds_up",
    ),
    "a recount in plain Python agrees on the sandbox": (
        "test:test_every_kpi_and_period_of_the_first_night_is_the_truth",
        "test:test_the_waterfall_of_deferred_revenue_is_the_truth",
        "test:test_receivables_are_the_truth",
        "test:test_the_bridge_of_mrr_is_the_truth",
    ),
    "a recount in plain Python agrees on an exported billing system": (
        "file:tests/realdata/test_billing_stripe.py",
    ),
    "the author of the last change is held against the closer": (
        "test:test_a_close_says_whether_the_closer_made_the_models",
        "test:test_without_git_nobody_knows",
    ),
}

WORKED_CASES: Final = {
    # The words: the company of tests/golden/revenue_cases.py that lives it.
    "annual plan with mid-term upgrade and credit": "upgrade",
    "refund after close": "refund",
    "dispute won later": "won",
    "VND and USD customer": "both",
    "invoice voided after close": "void",
    "discount ending": "discount",
    "pause": "pause",
    "trial": "trial",
    "31-Jan anchored month": "anchor",
    "three-decimal currency": "dinar",
    "100.00 split in three": "thirds",
}


def cases_of_dbt() -> set[str]:
    return {
        test["name"]
        for path in PROJECT.rglob("*unit_tests.yml")
        for test in yaml.safe_load(path.read_text("utf-8"))["unit_tests"]
    }


def functions_that_test() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        found |= {f"test:{name}" for name in names}
        found.add(f"file:{path.relative_to(ROOT).as_posix()}")
    return found


def test_every_property_has_the_tests_that_show_it() -> None:
    known = {
        *functions_that_test(),
        *(f"case:{name}" for name in cases_of_dbt()),
        *(f"every:{path.stem}" for path in (PROJECT / "tests/singular").glob("*.sql")),
    }
    missed = {
        wanted: sorted(set(names) - known) for wanted, names in PROPERTIES.items()
    }
    assert {wanted: names for wanted, names in missed.items() if names} == {}


def test_every_worked_case_is_a_company_of_the_golden_file() -> None:
    assert set(WORKED_CASES.values()) <= {case.entity for case in CASES}
