"""Every row of the fault matrix this project answers to, and the tests that play it.

The rows are those of the reliability design: A crashes, B storage, C the wire, D meaning,
F readers and locks, H late and repeated nights, J security. A row is here once its tests exist;
deleting or renaming one of them fails here, so that no row is lost in passing.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

KILLS = "faults/test_kills.py"
WHOLE_NIGHTS = "faults/test_whole_nights.py"
STORAGE = "faults/test_storage.py"
WIRE = "faults/test_source_wire.py"
PAGING = "faults/test_source_paging.py"
MEANING = "faults/test_source_meaning.py"
RESTATED_ADS = "faults/test_restated_ads.py"
READERS = "faults/test_readers.py"
TWO_RUNS = "faults/test_two_runs.py"
CATCH_UP = "faults/test_catch_up.py"
SECRETS = "faults/test_secrets.py"
BACKFILL = "unit/orchestration/test_backfill.py"

ROWS: dict[str, dict[str, tuple[str, ...]]] = {
    # Crashes.
    "A1": {KILLS: ("test_kill_after_every_page_costs_at_most_that_page",)},
    "A2": {KILLS: ("test_kill_while_landing_and_promoting",)},
    "A3": {KILLS: ("test_kill_while_landing_and_promoting",)},
    "A4": {KILLS: ("test_kill_while_landing_and_promoting",)},
    "A5": {
        KILLS: ("test_kill_while_landing_and_promoting",),
        WHOLE_NIGHTS: ("test_kill_at_random_instants",),
    },
    "A6": {
        KILLS: ("test_kill_around_and_in_dbt",),
        WHOLE_NIGHTS: ("test_kill_at_random_instants",),
    },
    "A7": {KILLS: ("test_kill_while_judging_and_publishing",)},
    "A8": {
        KILLS: (
            "test_kill_while_judging_and_publishing",
            "test_readers_of_those_publications_met_no_error_and_no_mix",
        )
    },
    "A9": {
        KILLS: ("test_kill_and_stop_at_random_instants_of_whole_nights",),
        WHOLE_NIGHTS: ("test_asked_to_end_at_random_instants",),
    },
    "A11": {
        STORAGE: (
            "test_leftovers_of_a_killed_run_are_no_obstacle",
            "test_whatever_lies_in_the_place_of_the_build_file_a_night_can_start",
        )
    },
    # Storage.
    "B1": {
        STORAGE: ("test_a_full_disk_while_landing_names_stream_and_room",),
        KILLS: ("test_a_disk_full_at_any_step_of_landing_leaves_nothing_half",),
    },
    "B2": {
        STORAGE: ("test_a_full_disk_at_commit_or_checkpoint_keeps_what_was_committed",)
    },
    "B3": {
        STORAGE: ("test_a_full_disk_at_commit_or_checkpoint_keeps_what_was_committed",)
    },
    "B4": {
        STORAGE: (
            "test_a_full_disk_while_publishing_leaves_the_last_build_and_nothing_half",
        )
    },
    "B5": {
        STORAGE: (
            "test_a_night_that_may_not_fit_does_not_start",
            "test_room_is_looked_for_on_every_disk_the_night_writes_to",
        )
    },
    "B7": {
        STORAGE: (
            "test_every_flipped_byte_and_every_cut_of_a_served_file_is_caught",
            "test_the_next_start_serves_the_last_whole_build",
        )
    },
    "B8": {
        STORAGE: (
            "test_a_disk_mounted_read_only_is_told_before_any_work",
            "test_a_folder_of_another_user_is_told_in_one_line",
            "test_a_missing_configuration_is_told_in_one_line",
        )
    },
    "B9": {"faults/test_prune.py": ("test_sixty_nights_take_little_more_than_twenty",)},
    # The wire.
    "C1": {WIRE: ("test_throttled_pages_are_waited_for_as_told",)},
    "C2": {
        WIRE: (
            "test_throttled_for_ever_gives_up_at_the_budget_and_goes_on_later",
            "test_a_source_out_of_quota_leaves_the_others_their_night",
        )
    },
    "C3": {
        WIRE: (
            "test_a_burst_of_server_errors_costs_time_and_no_row",
            "test_a_sixth_failure_ends_the_stream_and_names_the_cause",
        )
    },
    "C4": {WIRE: ("test_silence_is_an_error_with_a_text",)},
    "C5": {WIRE: ("test_a_cut_answer_is_read_again",)},
    "C6": {
        WIRE: (
            "test_a_stream_cut_at_a_row_end_never_passes_for_a_whole_one",
            "test_a_page_with_fewer_rows_than_it_counts_is_refused",
        )
    },
    "C7": {WIRE: ("test_what_is_no_answer_is_never_an_empty_page",)},
    "C8": {WIRE: ("test_a_cut_in_page_seven_of_twelve_asks_that_page_again_only",)},
    "C9": {
        WIRE: (
            "test_an_expired_token_of_google_is_renewed_once",
            "test_a_revoked_refresh_token_is_for_a_person",
            "test_a_token_that_expires_on_the_way_ends_with_77",
        )
    },
    "C11": {WIRE: ("test_a_page_delivered_twice_is_in_the_batch_once",)},
    "C12": {
        PAGING: (
            "test_a_search_that_goes_round_in_circles_is_stopped",
            "test_cursors_that_come_again_are_stopped",
        ),
        WIRE: ("test_a_list_that_starts_again_is_stopped",),
    },
    "C13": {
        PAGING: (
            "test_records_created_and_changed_between_pages_are_landed_once",
            "test_a_ledger_row_created_between_pages_moves_no_other",
        )
    },
    "C14": {
        PAGING: ("test_records_created_and_changed_between_pages_are_landed_once",),
        WIRE: ("test_writes_the_search_does_not_know_yet_come_the_next_night",),
    },
    "C15": {PAGING: ("test_more_records_than_a_search_may_answer_all_land",)},
    "C17": {
        "faults/test_gaps.py": (
            "test_forty_days_away_the_stream_is_read_whole_and_the_gap_is_said",
            "test_twenty_days_away_every_event_is_still_there",
        )
    },
    # Meaning.
    "D1": {RESTATED_ADS: ("test_restated_figures_are_the_truth_after_each_night",)},
    "D2": {RESTATED_ADS: ("test_restated_figures_are_the_truth_after_each_night",)},
    "D5": {MEANING: ("test_a_truncated_list_deletes_nothing_until_a_person_accepts",)},
    "D8": {MEANING: ("test_a_new_field_lands_is_said_once_and_changes_nothing",)},
    "D9": {MEANING: ("test_a_field_that_vanished_is_held_if_a_figure_needs_it",)},
    "D10": {MEANING: ("test_a_renamed_field_is_held_with_both_names",)},
    "D11": {MEANING: ("test_a_changed_type_is_quarantined_up_to_the_declared_share",)},
    "D12": {MEANING: ("test_rows_without_a_key_are_listed_and_their_money_is_said",)},
    "D20": {
        RESTATED_ADS: (
            "test_a_thin_late_or_empty_extract_is_held_until_a_person_accepts",
        ),
        MEANING: ("test_an_empty_list_is_not_even_landed",),
    },
    "D21": {
        RESTATED_ADS: (
            "test_a_thin_late_or_empty_extract_is_held_until_a_person_accepts",
            "test_one_day_late_is_said_and_not_held",
        )
    },
    # Readers and locks.
    "F1": {TWO_RUNS: ("test_of_two_nights_started_together_exactly_one_works",)},
    "F2": {TWO_RUNS: ("test_nightly_backfill_and_manual_run_do_not_interleave",)},
    "F3": {READERS: ("test_readers_see_one_build_each_across_publications",)},
    "F4": {
        READERS: ("test_a_reader_that_never_reconnects_can_see_that_its_build_is_old",)
    },
    "F5": {
        TWO_RUNS: (
            "test_a_build_file_held_elsewhere_is_waited_for_then_named",
            "test_a_build_file_closed_in_time_is_no_trouble",
        )
    },
    "F6": {
        "faults/test_operation.py": ("test_an_older_client_reads_every_served_table",)
    },
    "F7": {
        READERS: ("test_a_page_that_asks_across_a_publication_shows_one_build",),
    },
    "F8": {
        READERS: (
            "test_of_two_publishers_one_publishes_and_the_other_is_refused",
            "test_only_a_rollback_goes_back",
        )
    },
    # Late and repeated nights.
    "H1": {CATCH_UP: ("test_one_missed_night_is_covered_by_the_next",)},
    "H2": {
        CATCH_UP: ("test_missed_nights_killed_twice_end_where_no_missed_night_does",)
    },
    "H3": {CATCH_UP: ("test_a_backfill_killed_twice_equals_the_nights",)},
    "H4": {
        CATCH_UP: ("test_a_backfill_killed_twice_equals_the_nights",),
        BACKFILL: ("test_a_backfill_killed_twice_does_every_day_once",),
    },
    "H5": {BACKFILL: ("test_a_night_that_falls_due_runs_between_two_days",)},
    "H6": {
        BACKFILL: ("test_the_clock_set_back_takes_nobody_back",),
        "unit/orchestration/test_schedules.py": (
            "test_a_second_tick_of_the_same_night_carries_the_same_key",
        ),
    },
    "H7": {
        "unit/orchestration/test_watch.py": (
            "test_a_dead_scheduler_is_told_within_26_hours_of_the_last_publication",
        )
    },
    "H8": {
        CATCH_UP: ("test_history_of_one_source_changes_no_other",),
        BACKFILL: ("test_a_new_source_gets_its_history_and_the_others_are_left_alone",),
    },
    # Security.
    "J7": {
        SECRETS: (
            "test_a_talkative_vendor_is_not_quoted",
            "test_fault_nights_leave_no_trace_of_secrets_or_people",
        )
    },
    "J8": {
        SECRETS: (
            "test_a_talkative_vendor_is_not_quoted",
            "test_fault_nights_leave_no_trace_of_secrets_or_people",
        )
    },
}


@cache
def names_in(file: str) -> frozenset[str]:
    """Names of the test functions of a file."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return frozenset(
        node.name for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_of_a_row_exist(row: str) -> None:
    for file, names in ROWS[row].items():
        assert names, (row, file)
        assert set(names) - names_in(file) == set(), (row, file)
