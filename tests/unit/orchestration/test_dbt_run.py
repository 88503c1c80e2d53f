from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestration.dbt_run import read_outcome

if TYPE_CHECKING:
    from pathlib import Path


def test_failures_are_named_with_model_and_count(tmp_path: Path) -> None:
    results = [
        {"unique_id": "model.p.fct_a", "status": "success"},
        {"unique_id": "test.p.unique_fct_a_id.x", "status": "fail", "failures": 3},
        {"unique_id": "test.p.not_null.y", "status": "pass"},
        {
            "unique_id": "model.p.fct_b",
            "status": "error",
            "message": "Binder Error: no column z",
        },
        {"unique_id": "model.p.fct_c", "status": "skipped"},
    ]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
    manifest = {
        "nodes": {"test.p.unique_fct_a_id.x": {"attached_node": "model.p.fct_a"}}
    }
    outcome = read_outcome(tmp_path, manifest)
    assert (outcome.nodes, outcome.tests) == (3, 2)
    assert outcome.failures == (
        "test unique_fct_a_id on fct_a: 3 rows break it",
        "model fct_b: Binder Error: no column z",
    )


def test_no_results_is_nothing_done(tmp_path: Path) -> None:
    assert read_outcome(tmp_path, {}).nodes == 0


def test_cells_quoted_by_the_engine_are_left_out(tmp_path: Path) -> None:
    message = (
        "Runtime Error in model fct_b\n"
        "  Conversion Error: Could not convert string 'Nguyễn Thị Lan' to INT32"
    )
    results = [{"unique_id": "model.p.fct_b", "status": "error", "message": message}]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
    (failure,) = read_outcome(tmp_path, {}).failures
    assert "Could not convert string … to INT32" in failure
    assert "Lan" not in failure
