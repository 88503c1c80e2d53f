"""Every row of the fault matrix and every trap of dropped files, and the tests that play it.

D and E are rows of the reliability design (meaning, files), J its security rows that files can
bring, S the traps its study of sources lists for a drop. Damaged files are cases of one test:
such a row names the cases. A row without a test, or with one that is gone, fails here.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.architecture.test_fault_matrix import names_in
from tests.files.corpus import DAMAGES, ENCODINGS

CONTAINERS = "files/test_containers.py"
DRIFT = "files/test_drift.py"
HOSTILE = "files/test_hostile.py"
PROOF = "files/test_proof.py"
SPELLINGS = "files/test_spellings.py"
TABULAR = "unit/ingest/test_files_tabular.py"
MAPPING = "unit/ingest/test_files_mapping.py"
MERGE = "unit/ingest/test_files_merge.py"
SOURCE = "unit/ingest/test_files_source.py"
SCALARS = "unit/ingest/test_files_scalars.py"
DELIMITED = "unit/ingest/test_files_delimited.py"
CHECK = "unit/orchestration/test_files_check.py"
INERT = "unit/orchestration/test_inert.py"

EXPECTED: Final = frozenset(
    (
        *("D7", "D8", "D9", "D10", "D14"),
        *(f"E{n}" for n in range(1, 14)),
        *(f"J{n}" for n in (1, 2, 3, 4, 5, 6, 11)),
        *(f"S{n}" for n in range(1, 14)),
    )
)

ROWS: dict[str, dict[str, tuple[str, ...]]] = {
    "D7": {
        DRIFT: (
            "test_a_name_in_other_letters_is_the_same_member",
            "test_two_people_of_one_address_are_two_and_two_accounts_of_one_id_too",
        )
    },
    "D8": {DRIFT: ("test_a_column_more_is_told_and_changes_no_value",)},
    "D9": {
        DRIFT: (
            "test_a_column_less_is_held_not_null",
            "test_a_mapped_column_that_is_gone_or_renamed_is_refused_by_name",
        )
    },
    "D10": {
        DRIFT: (
            "test_a_column_renamed_is_held_naming_both",
            "test_a_mapped_column_that_is_gone_or_renamed_is_refused_by_name",
        )
    },
    "D14": {
        DRIFT: (
            "test_two_people_of_one_address_are_two_and_two_accounts_of_one_id_too",
        )
    },
    "E1": {DELIMITED: ("test_declared_encodings_decode_vietnamese",)},
    "E2": {DELIMITED: ("test_records_equal_truth_with_their_physical_lines",)},
    "E3": {DELIMITED: ("test_ragged_rows_are_kept_apart_with_their_line",)},
    "E4": {DELIMITED: ("test_nul_and_text_after_a_quote_break_one_record",)},
    "E5": {
        SPELLINGS: (
            "test_numbers",
            "test_without_a_declaration_what_reads_two_ways_is_refused",
            "test_numbers_a_workbook_computed",
        )
    },
    "E6": {
        SPELLINGS: (
            "test_dates",
            "test_formats_that_can_be_confused_do_not_stand_side_by_side",
        )
    },
    "E7": {
        MAPPING: (
            "test_unknown_currencies_and_rounded_identifiers_are_unreadable",
            "test_what_names_no_record_is_no_identifier",
        ),
        TABULAR: (
            "test_a_number_that_lost_digits_stays_recognisable",
            "test_a_code_shown_with_zeros_before_it_keeps_them",
        ),
        SPELLINGS: ("test_identifiers_a_workbook_keeps_as_numbers",),
    },
    "E8": {
        PROOF: (
            "test_a_total_below_the_last_row_proves_a_file",
            "test_a_total_nobody_declared_is_no_deal",
        )
    },
    "E9": {
        SOURCE: (
            "test_nothing_is_not_taken_for_no_rows",
            "test_a_declared_empty_file_is_no_rows",
        )
    },
    "E10": {
        PROOF: (
            "test_a_manifest_proves_a_file",
            "test_a_file_that_is_not_what_its_manifest_says_is_refused",
        ),
        "unit/orchestration/test_file_history.py": (
            "test_a_loaded_file_is_told_until_something_proves_it",
        ),
    },
    "E11": {PROOF: ("test_the_same_file_twice_another_name_a_correction",)},
    "E12": {PROOF: ("test_a_file_still_written_waits",)},
    "E13": {CONTAINERS: ("test_hostile_and_disguised_files_are_refused_early",)},
    "J1": {
        HOSTILE: (
            "test_two_hundred_names_of_files_are_names",
            "test_any_header_is_a_name",
        )
    },
    "J2": {HOSTILE: ("test_values_are_data_whatever_they_look_like",)},
    "J3": {
        HOSTILE: (
            "test_a_pattern_stays_in_the_drop",
            "test_two_hundred_names_of_files_are_names",
        )
    },
    "J4": {
        HOSTILE: (
            "test_what_is_no_file_is_not_opened",
            "test_a_hard_link_is_the_bytes_it_has",
        )
    },
    "J5": {
        INERT: (
            "test_text_that_would_run_stays_text_in_csv",
            "test_numbers_stay_numbers_in_csv",
            "test_every_text_of_the_corpus_comes_back_from_a_workbook_as_text",
            "test_no_other_place_writes_csv_or_cells_of_text",
        )
    },
    "J6": {
        CONTAINERS: ("test_hostile_and_disguised_files_are_refused_early",),
        TABULAR: (
            "test_a_workbook_whose_shared_words_are_too_many_is_refused",
            "test_a_row_larger_than_any_record_is_refused",
            "test_rows_and_cells_that_would_fall_away_are_refused",
        ),
    },
    "J11": {
        CONTAINERS: ("test_hostile_and_disguised_files_are_refused_early",),
        TABULAR: (
            "test_a_damaged_parquet_file_is_refused",
            "test_bytes_that_are_no_text_break_their_row_alone",
        ),
    },
    # Encodings and composed letters.
    "S1": {
        DELIMITED: ("test_windows_1258_letters_come_out_composed",),
        DRIFT: ("test_a_name_in_other_letters_is_the_same_member",),
    },
    # Delimiters and numbers, days: by declaration.
    "S2": {SPELLINGS: ("test_numbers",)},
    "S3": {SPELLINGS: ("test_dates",)},
    # What a spreadsheet does to ids.
    "S4": {
        MAPPING: ("test_unknown_currencies_and_rounded_identifiers_are_unreadable",)
    },
    # Line breaks in quotes, total rows.
    "S5": {DELIMITED: ("test_whatever_a_writer_quotes_is_read_back",)},
    "S6": {PROOF: ("test_a_total_below_the_last_row_proves_a_file",)},
    # Vietnamese headers, renamed or reordered.
    "S7": {
        MAPPING: (
            "test_headers_are_compared_composed_and_trimmed",
            "test_one_of_several_spellings_of_a_header",
            "test_a_missing_header_names_the_nearest_one",
        )
    },
    # Blank, 0 and "-".
    "S8": {MAPPING: ("test_blanks_nulls_and_zero_are_three_things",)},
    # Duplicates with different values.
    "S9": {
        MERGE: ("test_one_key_with_two_contents_is_refused_naming_the_lines",),
        PROOF: ("test_two_contents_of_one_version_are_refused_in_any_order",),
    },
    # A period that is closed.
    "S10": {
        "unit/orchestration/test_late_rows.py": (
            "test_rows_of_a_closed_month_are_told_by_month_and_area",
            "test_a_corrected_file_for_a_closed_month_lands_and_every_row_of_it_is_a_change",
        )
    },
    # Formulas, when exported again.
    "S11": {INERT: ("test_text_that_would_run_stays_text_in_csv",)},
    # Salaries and phones in a shared folder.
    "S12": {
        "unit/orchestration/test_files_inspect.py": (
            "test_people_are_not_shown_on_the_screen",
        )
    },
    # An empty file: no rows, or a failed export.
    "S13": {
        SOURCE: (
            "test_nothing_is_not_taken_for_no_rows",
            "test_a_declared_empty_file_is_no_rows",
        )
    },
}

CASES: dict[str, tuple[str, ...]] = {
    "E1": (
        "utf-8 with a mark",
        "utf-16 little endian",
        "utf-16 big endian",
        "utf-16 not declared",
        "windows-1258",
        "windows-1258 as utf-8",
        "latin-1",
        "TCVN3 as utf-8",
        "VNI letters in utf-8",
        "utf-8 decoded twice",
        "letters lost before",
    ),
    "E2": (
        "quotes and line breaks in a cell",
        "line ends of three kinds",
        "carriage returns only",
    ),
    "E3": ("ragged rows", "ragged rows above the declared share"),
    "E4": ("a quote never closed", "a NUL"),
    "E7": ("ids a spreadsheet rounded",),
    "E8": (
        "a header twice",
        "a header in another case",
        "a first line for Excel",
        "a first line for Excel of another delimiter",
        "the header said again",
        "columns without a name at the end",
        "totals that are right",
        "a total that is wrong",
        "a total not declared",
    ),
    "E9": ("an empty file", "blank lines only", "a header only"),
    "E10": (
        "cut in the middle of a row",
        "cut in the middle of a quote",
        "without an end of the last line",
    ),
    "J2": ("SQL and Jinja are words",),
    "S1": ("utf-8 decomposed", "utf-16 little endian", "windows-1258"),
    "S2": ("semicolons", "the wrong delimiter"),
    "S4": ("ids a spreadsheet rounded",),
    "S5": ("quotes and line breaks in a cell",),
    "S6": ("totals that are right", "a total not declared", "only a total"),
    "S8": ("missing words apart from real ones",),
}
"""Row -> cases of `tests/files/corpus.py`."""


def test_every_row_has_its_tests() -> None:
    assert set(ROWS) == EXPECTED
    assert set(CASES) <= EXPECTED


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_and_cases_of_a_row_exist(row: str) -> None:
    for file, names in ROWS[row].items():
        assert names, (row, file)
        assert set(names) - names_in(file) == set(), (row, file)
    known = {case.name for case in (*ENCODINGS, *DAMAGES)}
    assert set(CASES.get(row, ())) - known == set(), row
