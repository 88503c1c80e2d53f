"""The gate judges on nothing never passes, and lets no cell value out."""

from __future__ import annotations

import importlib
import json
import sys

import pandas as pd
import pytest

from expectations.gate import _LoadedWhenUsed, run_gate
from expectations.results import GateResult
from expectations.suite import Suite, in_set, not_null, row_count


def test_a_suite_without_row_count_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with a row-count rule"):
        Suite("raw_x", "x", (not_null("a", "why"),))


def test_a_suite_stating_a_rule_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="states a rule twice"):
        Suite(
            "raw_x",
            "x",
            (row_count(0, None, "w"), not_null("a", "w"), not_null("a", "w")),
        )


def test_an_empty_frame_is_red_where_rows_are_expected() -> None:
    suite = Suite("raw_x", "x", (row_count(1, None, "w"), not_null("a", "w")))
    result = run_gate(suite, pd.DataFrame({"a": []}))
    assert [rule.rule_id for rule in result.failed] == ["x.table.row_count"]


def test_a_missing_column_is_an_error_apart_from_bad_data() -> None:
    suite = Suite("raw_x", "x", (row_count(1, None, "w"), not_null("gone", "w")))
    (red,) = run_gate(suite, pd.DataFrame({"a": [1]})).failed
    assert red.rule_id == "x.gone.not_null"
    assert red.error is not None
    assert "gone" in red.error


def test_results_hold_counts_and_no_cell_values() -> None:
    suite = Suite("raw_x", "x", (row_count(1, None, "w"), in_set("a", ("ok",), "w")))
    frame = pd.DataFrame({"a": ["ok", "an.nguyen@example.com", "0901234567"]})
    result = run_gate(suite, frame)
    (red,) = result.failed
    assert (red.checked, red.unexpected) == (3, 2)
    text = json.dumps(result.as_dict()) + result.describe()
    assert "example.com" not in text
    assert "0901234567" not in text


def test_a_result_without_rules_is_not_a_pass() -> None:
    assert not GateResult("raw_x", "x", row_count=3, rules=()).passed


def test_a_verdict_is_of_its_own_frame_whatever_was_judged_before() -> None:
    suite = Suite("raw_x", "x.y", (row_count(1, None, "rows"), not_null("a", "known")))
    good, bad = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, None, None]})
    verdicts = [run_gate(suite, frame) for frame in (good, bad, good)]
    assert [verdict.passed for verdict in verdicts] == [True, False, True]
    (red,) = verdicts[1].failed
    assert (red.checked, red.unexpected) == (3, 2)


def test_a_module_loaded_when_used_is_the_real_one_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in = _LoadedWhenUsed("colorsys")
    monkeypatch.setitem(sys.modules, "colorsys", stand_in)
    assert importlib.import_module("colorsys") is stand_in
    assert stand_in.rgb_to_yiq(0, 0, 0) == (0, 0, 0)
    assert importlib.import_module("colorsys") is not stand_in
