"""How a night ends: its last line says what, where and what next."""

from __future__ import annotations

from orchestration.night import NightReport, Outcome, StreamReport, TableReport
from orchestration.outcome import alert_for, last_line, next_step


def report_of(state: str) -> NightReport:
    report = NightReport("2026-10-31", "b", "2026-11-01T02:00:00+07:00", state=state)
    if state == "published":
        report.published = "2026-10-31T20261031T190000Z-0a1b2c3d"
    return report


def stale(*, optional: bool) -> StreamReport:
    return StreamReport(
        source="stripe_sg",
        stream="stripe_sg",
        entity="invoices",
        optional=optional,
        outcome=Outcome.FAILED,
        problem="the source answers 429",
        exit_code=69,
    )


def test_published_night_names_its_build() -> None:
    report = report_of("published")
    assert last_line(report).endswith("published 2026-10-31T20261031T190000Z-0a1b2c3d.")
    assert alert_for(report, "Acme") is None


def test_held_theme_and_stale_optional_source_are_said_and_alerted() -> None:
    report = report_of("published")
    report.red_themes = ["sales"]
    report.tables = [
        TableReport("fct_deals", "sales", 3, ["fct_deals: 1 of 3 rules red"])
    ]
    report.note_stream(stale(optional=True))
    line = last_line(report)
    assert "held back: sales (its last good figures, if any, are shown;" in line
    assert "source stripe_sg is stale" in line
    alert = alert_for(report, "Acme")
    assert alert is not None
    assert "published with findings" in alert.title
    assert len(alert.findings) == 2


def test_failed_source_is_named_with_the_next_step() -> None:
    report = report_of("failed")
    report.note_stream(stale(optional=False))
    line = last_line(report)
    assert "failed: stripe_sg invoices: the source answers 429" in line
    assert "Nothing new is published" in line
    assert "mark it optional" in next_step(report)


def test_red_core_points_to_the_rules() -> None:
    report = report_of("failed")
    report.red_themes = ["core"]
    report.tables = [
        TableReport("dim_dates", "core", 3, ["dim_dates: rows (observed 0)"])
    ]
    assert "mart gate dim_dates (core): dim_dates: rows" in last_line(report)
    assert "red rules" in next_step(report)


def test_failure_without_findings_tells_the_problem() -> None:
    report = report_of("failed")
    report.problem = "publish: the disk is full"
    assert "the disk is full" in last_line(report)
    alert = alert_for(report, "Acme")
    assert alert is not None
    assert alert.findings == ("publish: the disk is full",)
