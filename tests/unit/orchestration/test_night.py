from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from orchestration.night import (
    NightReport,
    Outcome,
    StreamReport,
    TableReport,
    list_nights,
    read_report,
    write_report,
)

if TYPE_CHECKING:
    from pathlib import Path


def make_report() -> NightReport:
    report = NightReport("2026-10-31", "b", "2026-11-01T02:00:00+07:00")
    report.note_stream(
        StreamReport(
            "meta_main",
            "meta_main",
            "campaigns",
            optional=True,
            outcome=Outcome.HELD,
            red=["r"],
        )
    )
    report.note_stream(
        StreamReport(
            "stripe_sg",
            "stripe_sg",
            "invoices",
            optional=False,
            outcome=Outcome.FAILED,
            problem="429",
        )
    )
    report.tables = [TableReport("rpt_kpi_values", "core", 3, ["rows: observed 0"])]
    report.dbt_failures = ["test x: 3 rows break it"]
    return report


def test_report_survives_the_disk(tmp_path: Path) -> None:
    report = make_report()
    write_report(tmp_path, report)
    assert read_report(tmp_path, date(2026, 10, 31)) == report
    assert list_nights(tmp_path) == ["2026-10-31"]
    assert read_report(tmp_path, date(2026, 10, 30)) is None


def test_torn_report_is_none(tmp_path: Path) -> None:
    (tmp_path / "2026-10-31.json").write_text('{"as_of": "2026')
    assert read_report(tmp_path, date(2026, 10, 31)) is None


def test_findings_name_required_sources_first_and_optional_last() -> None:
    assert make_report().findings() == [
        "stripe_sg invoices: 429",
        "dbt: test x: 3 rows break it",
        "mart gate rpt_kpi_values (core): rows: observed 0",
        "meta_main campaigns: r",
    ]
    assert make_report().info_notes() == ("source meta_main is stale",)


def test_a_stream_is_reported_once() -> None:
    report = make_report()
    report.note_stream(
        StreamReport(
            "stripe_sg",
            "stripe_sg",
            "invoices",
            optional=False,
            outcome=Outcome.PROMOTED,
        )
    )
    assert report.stale_streams(optional=False) == []
    assert len(report.streams) == 2
