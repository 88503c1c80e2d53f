"""Every record received shows up in the night's report: landed, quarantined or absorbed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from orchestration.cli.summary import describe_night
from orchestration.dbt_setup import entities_read
from orchestration.night import Outcome, StreamReport
from orchestration.night_run import NightRun
from orchestration.publication import note_unread, quality_of
from orchestration.settings import SANDBOX_CONFIG, load_settings

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 10, 31, 19, tzinfo=UTC)
MANIFEST = {
    "sources": {
        "source.p.files.targets": {"source_name": "files", "name": "targets"},
        "source.p.files.payouts": {"source_name": "files", "name": "payouts"},
        "source.p.stripe.payouts": {"source_name": "stripe", "name": "payouts"},
    },
    "child_map": {
        "source.p.files.targets": ["model.p.stg_files__targets"],
        # A test reads it, but no model does.
        "source.p.files.payouts": ["test.p.not_null_payouts"],
        "source.p.stripe.payouts": ["model.p.stg_stripe__payouts"],
    },
}


def stream(entity: str, rows: int, quarantined: int, absorbed: int) -> StreamReport:
    return StreamReport(
        "finance_drop",
        f"finance_drop.{entity}",
        entity,
        optional=False,
        outcome=Outcome.PROMOTED,
        row_count=rows,
        quarantined_count=quarantined,
        absorbed_count=absorbed,
    )


def test_entities_are_read_by_models_of_their_own_kind_only() -> None:
    assert entities_read(MANIFEST) == {("files", "targets"), ("stripe", "payouts")}


def test_rows_absorbed_and_rows_no_model_reads_are_counted(tmp_path: Path) -> None:
    settings = load_settings(root=tmp_path, config_path=SANDBOX_CONFIG, environ={})
    run = NightRun(
        settings, date(2026, 10, 31), now=NOW, build_id="b", clock=lambda: NOW
    )
    run.report.note_stream(stream("targets", 5, 1, 2))
    run.report.note_stream(stream("payouts", 1500, 0, 4))
    note_unread(run, MANIFEST)
    (source,) = quality_of(run)["sources"]
    assert source["landed_rows"] == 1505
    assert (source["quarantined_rows"], source["absorbed_rows"]) == (1, 6)
    assert source["unread_rows"] == {"payouts": 1500}
    said = describe_night(run.report, settings)
    assert "1,505 rows in 2 entities, 1 quarantined, 6 absorbed · fresh" in said
    assert "raw only  payouts 1,500 (no model reads them)" in said


def test_a_night_that_keeps_nothing_back_says_nothing_about_it(tmp_path: Path) -> None:
    settings = load_settings(root=tmp_path, config_path=SANDBOX_CONFIG, environ={})
    run = NightRun(
        settings, date(2026, 10, 31), now=NOW, build_id="b", clock=lambda: NOW
    )
    run.report.note_stream(stream("targets", 5, 0, 0))
    note_unread(run, MANIFEST)
    assert quality_of(run)["sources"][0]["unread_rows"] == {}
    said = describe_night(run.report, settings)
    assert "absorbed" not in said
    assert "raw only" not in said
