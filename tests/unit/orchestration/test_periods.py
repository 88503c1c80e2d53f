"""Closing months on hand-made builds: what is frozen, what is refused, what is proven."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pytest
from typer.testing import CliRunner

from ingest import faults
from ingest.errors import ConfigError, StorageError
from orchestration.cli import app
from orchestration.periods.chain import (
    CHAIN,
    START,
    ChainBrokenError,
    Entry,
    append_entry,
    close_dir,
    closed_now,
    closes_dir,
    read_chain,
    repair_closes,
    verify_closes,
)
from orchestration.periods.differences import blocking_differences
from orchestration.periods.freezing import ModelChange, is_same_person
from orchestration.periods.refusals import CloseRefusedError
from orchestration.periods.served import Period, open_served
from orchestration.publish import list_builds, switch_current
from tests.unit.orchestration.closing_desk import HOA, NOW, Desk, red_table, stale

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = {
    ("billings", "2026-09"): "100",
    ("billings", "2026-10"): "250.5",
    ("billings", "2026-11"): "70",
    ("pay_rate", "2026-09"): "0.9",
    ("pay_rate", "2026-10"): "0.8",
    ("deals_won", "2026-10"): "3",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path, dict(FIGURES))
    desk.publish()
    return desk


def frozen(desk: Desk, entry: Entry) -> list[tuple[object, ...]]:
    path = close_dir(desk.root, entry) / "figures.parquet"
    return duckdb.sql(
        f"select kpi_key, grain, period_start_date, value from read_parquet('{path}')"
        " order by 1, 2, 3"
    ).fetchall()


def test_a_close_freezes_the_months_figures_of_its_area_and_no_others(
    desk: Desk,
) -> None:
    closed = desk.close("2026-10")
    first = date(2026, 10, 1)
    assert frozen(desk, closed.entry) == [
        ("billings", "day", first, Decimal("250.5")),
        ("billings", "month", first, Decimal("250.5")),
    ]
    # The same, without days, for who has no tool for Parquet.
    content = (close_dir(desk.root, closed.entry) / "figures.csv").read_bytes()
    (row,) = csv.DictReader(content.decode("utf-8-sig").splitlines())
    assert (row["kpi_key"], row["grain"], row["value"], row["closed_period"]) == (
        "billings", "month", "250.500000", "2026-10",
    )  # fmt: skip
    record = closed.record
    assert record["closed_by"] == HOA
    assert record["figures"]["kpi_versions"] == {"billings": "1+none"}
    assert record["figures"]["waiting_for_window"] == ["pay_rate"]
    assert record["tables"] == {
        "fct_mrr_monthly": {"rows": 1, "by": "month_start_date"}
    }
    assert record["model_change"]["author"] == "Trần Văn Nam"
    assert record["model_change"]["is_closer"] is False
    assert record["inputs"]["batches"] == 0
    assert sorted(closed.entry.files) == [
        "figures.csv", "figures.parquet", "inputs.parquet", "record.json",
        "tables/fct_mrr_monthly.parquet",
    ]  # fmt: skip
    assert [e.subject for e in verify_closes(desk.root)] == [closed.entry.subject]


def leave_statement(desk: Desk) -> None:
    """Leave what `warehouse explain` asks for, as a build does: three records of two KPIs."""
    folder = desk.settings.home.explain / "compiled" / "p" / "models"
    folder.mkdir(parents=True)
    (folder / "kpi_measures.sql").write_text(
        "select kpi_key, day as report_date, 'r' || row_number() over () as record_id,"
        " 1 as case_value, amount as numerator from (values"
        " ('billings', date '2026-09-30', 100), ('billings', date '2026-10-01', 250.5),"
        " ('deals_won', date '2026-10-31', 1)) as t (kpi_key, day, amount)"
    )
    # Rows of periods have no day and are no records of a month.
    (folder / "rpt_retention_values.sql").write_text("select 'billings' as kpi_key")


def test_a_close_keeps_the_records_behind_its_figures_of_any_area(desk: Desk) -> None:
    leave_statement(desk)
    kept = {
        area: duckdb.sql(
            "select kpi_key, report_date, numerator from read_parquet("
            f"'{close_dir(desk.root, entry)}/tables/fct_kpi_records.parquet')"
        ).fetchall()
        for area in ("finance", "sales")
        for entry in [desk.close("2026-10", area).entry]
    }
    billed = ("billings", date(2026, 10, 1), Decimal("250.5"))
    # What a KPI of the area is made of is kept with it, whose ever it is.
    assert kept == {
        "finance": [billed],
        "sales": [billed, ("deals_won", date(2026, 10, 31), Decimal(1))],
    }
    record = desk.close("2026-11", "sales").record
    assert record["tables"] == {"fct_kpi_records": {"rows": 0, "by": "report_date"}}


def test_records_of_another_build_are_not_kept(desk: Desk) -> None:
    leave_statement(desk)
    with duckdb.connect(str(desk.settings.home.warehouse)) as con:
        con.execute("update build_info set build_id = 'of tonight'")
    assert "fct_kpi_records" not in desk.close("2026-10").record["tables"]


def test_a_figure_with_a_window_freezes_with_the_month_its_window_ends_in(
    desk: Desk,
) -> None:
    desk.close("2026-10")
    november = desk.close("2026-11")
    # 31 October + 30 days = 30 November; September was never closed.
    assert ("pay_rate", "month", date(2026, 10, 1), Decimal("0.8")) in frozen(
        desk, november.entry
    )
    assert [row[2] for row in frozen(desk, november.entry) if row[0] == "pay_rate"] == [
        date(2026, 10, 1)
    ]


@pytest.mark.parametrize(
    ("author", "by", "same"),
    [
        ("Lê Thị Hoa", "lê thị hoa ", True),
        ("Nam", "Hoa", False),
        ("", "Hoa", None),
    ],
)
def test_the_closer_is_held_against_the_author_of_the_models(
    author: str, by: str, *, same: bool | None
) -> None:
    assert is_same_person(ModelChange(author=author), by) is same
    mail = ModelChange(author="N", email="hoa@acme.example")
    assert is_same_person(mail, "hoa@acme.example") is True
    assert is_same_person(mail, "hoa") is True


def test_periods_are_closed_in_order_without_gaps_each_area_for_itself(
    desk: Desk,
) -> None:
    desk.close("2026-10")
    with pytest.raises(ConfigError, match=r"finance 2026-10 is closed since .* Hoa"):
        desk.close("2026-10")
    with pytest.raises(ConfigError, match="2026-09 lies before the first close"):
        desk.close("2026-09")
    with pytest.raises(ConfigError, match="2026-11 is to be closed before 2026-12"):
        desk.close("2026-12")
    desk.close("2026-10", "sales")
    desk.close("2026-11")
    entries = read_chain(desk.root)
    assert list(closed_now(entries, "finance")) == ["2026-10", "2026-11"]
    assert list(closed_now(entries, "sales")) == ["2026-10"]


def test_words_that_mean_nothing_are_named(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="no area 'sale'; did you mean 'sales'"):
        desk.close("2026-10", "sale")
    with pytest.raises(ConfigError, match=r"no month '2026-Q4'.*is like 2026-"):
        desk.close("2026-Q4")
    with pytest.raises(ConfigError, match="--by must name"):
        desk.close("2026-10", by=" ")
    with pytest.raises(ConfigError, match="--reason must say why"):
        desk.reopen("2026-10", reason=" ")
    with pytest.raises(
        ConfigError, match="finance 2026-10 is not closed; closed: none"
    ):
        desk.reopen("2026-10")


def refused(desk: Desk, label: str = "2026-10", **words: object) -> str:
    with pytest.raises(CloseRefusedError) as error:
        desk.close(label, **words)
    assert error.value.exit_code == 65
    assert read_chain(desk.root) == ()
    assert [p for p in closes_dir(desk.root).rglob("*") if p.is_file()] == []
    return str(error.value)


def test_a_month_that_is_not_over_is_refused(desk: Desk) -> None:
    assert "ends on 2026-12-31, they see 2026-12-02" in refused(desk, "2026-12")
    desk.publish(date(2026, 12, 31))
    assert "ends on 2026-12-31, they see 2026-12-31" in refused(desk, "2026-12")
    desk.publish(date(2027, 1, 1))
    desk.close("2026-12")


def test_a_red_gate_is_refused(desk: Desk) -> None:
    build = desk.publish()
    desk.report(build, date(2026, 12, 2), NOW, tables=[red_table("finance")])
    assert "gate of fct_mrr_monthly is red: mrr_amount.not_null" in refused(desk)
    # Another area's red table is none of finance's business.
    desk.report(build, date(2026, 12, 2), NOW, tables=[red_table("sales")])
    desk.close("2026-10")


def test_a_failed_test_or_control_total_is_refused(desk: Desk) -> None:
    off = {
        "theme": "finance", "source": "drop", "entity": "invoices", "column": "total",
        "currency": "VND", "difference": "1", "step": "raw to staging",
    }  # fmt: skip
    build = desk.publish(quality={"control_totals": [off]})
    desk.report(build, date(2026, 12, 2), NOW, dbt_failures=["unique x: 1 row"])
    told = refused(desk)
    assert "a test failed: unique x: 1 row" in told
    assert "control total drop invoices.total VND is off by 1" in told


def test_an_incomplete_source_is_refused_by_name(desk: Desk) -> None:
    desk.publish(date(2026, 11, 5), partial=("billings",))
    told = refused(desk)
    assert "billings are partial; behind: drop (known through 2026-10-26)" in told


def test_a_kpi_with_a_window_does_not_make_its_month_incomplete(desk: Desk) -> None:
    desk.publish(partial=("pay_rate",))
    desk.close("2026-10")


def test_a_needed_source_the_raw_gate_held_is_refused(desk: Desk) -> None:
    build = desk.publish()
    desk.report(build, date(2026, 12, 2), NOW, streams=[stale()])
    assert "source not up to date: drop invoices: rows: 0" in refused(desk)
    desk.report(build, date(2026, 12, 2), NOW, streams=[stale("elsewhere")])
    desk.close("2026-10")


def test_a_held_theme_is_refused(desk: Desk) -> None:
    desk.publish(date(2026, 12, 3), red=frozenset({"finance"}))
    assert "finance is held: readers see its figures of 2026-12-02" in refused(desk)
    desk.close("2026-10", "sales")


def test_figures_that_are_not_of_the_last_build_are_refused(desk: Desk) -> None:
    desk.publish(date(2026, 12, 3))
    older = list_builds(desk.root / "published")[1][0].name
    switch_current(desk.root / "published", older)
    assert f"readers see {older}, not the last build" in refused(desk)


def test_a_failed_last_night_is_refused(desk: Desk) -> None:
    later = NOW + timedelta(hours=5)
    desk.report("b", date(2026, 12, 3), later, state="failed", published="")
    assert "the last build is not published: Night of 2026-12-03 failed" in refused(
        desk
    )


def test_damage_of_what_is_served_is_refused(desk: Desk) -> None:
    path = desk.root / "published" / "current" / "bi.duckdb"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StorageError, match=r"is damaged: bi\.duckdb"):
        desk.close("2026-10")


def test_an_unexplained_difference_above_the_tolerance_is_refused(desk: Desk) -> None:
    first = date(2026, 10, 1)
    desk.publish(
        differences=[
            (first, "acme", "billings", "in_7", "VND", Decimal(7), None, False),
            (first, "acme", "cash", "ch_1", "USD", Decimal("0.01"), "timing", False),
            (first, "acme", "fees", "f", "VND", Decimal(900), "rounding", True),
            (
                date(2026, 9, 1),
                "acme",
                "billings",
                "in_5",
                "VND",
                Decimal(5),
                None,
                False,
            ),
        ]
    )
    told = refused(desk)
    assert "unexplained difference: acme billings in_7: 7 VND (unexplained)" in told
    assert "acme cash ch_1: 0.01 USD (timing)" in told
    assert "fees" not in told
    assert "cash" not in refused(desk, tolerance_minor=1)
    # The ledger is finance's; seven dong are within a tolerance of seven.
    desk.close("2026-10", "sales")
    desk.close("2026-10", tolerance_minor=7)


def test_a_difference_nobody_could_compute_is_refused(desk: Desk) -> None:
    row = (
        date(2026, 10, 1),
        "acme",
        "deferred",
        "in_9",
        "USD",
        None,
        "missing_in_ledger",
        None,
    )
    desk.publish(differences=[row])
    told = refused(desk, tolerance_minor=10**9)
    assert "acme deferred in_9: unknown USD (missing_in_ledger)" in told


def test_a_month_of_weeks_is_tied_out_by_the_calendar_month_it_stands_for(
    desk: Desk,
) -> None:
    """4-4-5: the tenth month of 2026 is 28 September to 25 October; books have October."""
    row = (date(2026, 10, 1), "acme", "cash", "x", "VND", Decimal(7), None, False)
    desk.publish(differences=[row])
    served = open_served(desk.root / "published")
    tenth = Period("2026-P10", date(2026, 9, 28), date(2026, 10, 25))
    assert [one.reference for one in blocking_differences(served, tenth)] == ["x"]
    for first, last in (
        (date(2026, 8, 24), date(2026, 9, 27)),
        (date(2026, 10, 26), date(2026, 11, 22)),
    ):
        assert blocking_differences(served, Period("other", first, last)) == []


def test_reopening_keeps_both_versions_newest_first(desk: Desk) -> None:
    first = desk.close("2026-10")
    desk.close("2026-11")
    with pytest.raises(ConfigError, match="2026-11 must be reopened before 2026-10"):
        desk.reopen("2026-10")
    desk.reopen("2026-11")
    opened = desk.reopen("2026-10", by="Nam")
    assert (opened.by, opened.reason) == ("Nam", "late invoice")
    assert closed_now(read_chain(desk.root), "finance") == {}
    desk.figures["billings", "2026-10"] = "260.5"
    desk.publish()
    with pytest.raises(ConfigError, match="2026-10 is to be closed before 2026-11"):
        desk.close("2026-11")
    second = desk.close("2026-10")
    assert second.record["replaces"] == first.entry.subject
    values = [
        {row[3] for row in frozen(desk, closed.entry)} for closed in (first, second)
    ]
    assert values == [{Decimal("250.5")}, {Decimal("260.5")}]
    verify_closes(desk.root)


def chain_path(desk: Desk) -> Path:
    return closes_dir(desk.root) / CHAIN


def test_every_byte_of_the_chain_is_proven_and_the_first_bad_entry_named(
    desk: Desk,
) -> None:
    desk.close("2026-10")
    desk.close("2026-11")
    whole = chain_path(desk).read_bytes()
    second = whole.index(b"\n") + 1
    for place in range(0, len(whole), 7):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        chain_path(desk).write_bytes(changed)
        with pytest.raises(ChainBrokenError) as error:
            read_chain(desk.root)
        # The end of a line belongs to the entry it ends.
        named = 1 if place < second else 2
        assert f"entry {named} " in str(error.value), place
    chain_path(desk).write_bytes(whole)
    verify_closes(desk.root)


@pytest.mark.parametrize(
    "name",
    [
        "figures.csv",
        "figures.parquet",
        "inputs.parquet",
        "record.json",
        "tables/fct_mrr_monthly.parquet",
    ],
)
def test_one_changed_byte_of_a_close_stops_the_next_one(desk: Desk, name: str) -> None:
    closed = desk.close("2026-10")
    path = close_dir(desk.root, closed.entry) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    said = rf"entry 1 \(close of finance 2026-10 by {HOA}.*\) has a changed file {name}"
    with pytest.raises(ChainBrokenError, match=said):
        desk.close("2026-11")
    with pytest.raises(ChainBrokenError, match=said):
        desk.reopen("2026-10")


def test_entries_cannot_be_taken_out_swapped_or_forged(desk: Desk) -> None:
    desk.close("2026-10")
    desk.reopen("2026-10")
    desk.close("2026-10")
    lines = chain_path(desk).read_bytes().splitlines(keepends=True)
    for kept, said in (
        ([0, 2], "entry 2 does not follow entry 1"),
        ([1, 0, 2], "entry 1 does not follow entry 0"),
        ([0, 1], "folder 2026-10/finance-0003"),
    ):
        chain_path(desk).write_bytes(b"".join(lines[n] for n in kept))
        with pytest.raises(ChainBrokenError, match=said):
            desk.close("2026-11")
    chain_path(desk).unlink()
    with pytest.raises(ChainBrokenError, match="folder 2026-10/finance-0001"):
        desk.close("2026-11")


def test_a_chain_written_anew_is_found_by_what_a_build_published(desk: Desk) -> None:
    desk.close("2026-10")
    opened = desk.reopen("2026-10")
    desk.publish()
    first, _ = read_chain(desk.root)
    chain_path(desk).write_bytes(
        json.dumps(asdict(first), sort_keys=True, ensure_ascii=False).encode() + b"\n"
    )
    forged = replace(opened, by="Somebody else", hash="", previous=START)
    append_entry(desk.root, (first,), forged)
    verify_closes(desk.root)
    with pytest.raises(ChainBrokenError, match="a published build knows of"):
        desk.close("2026-10")


@pytest.fixture
def _disarmed() -> object:
    yield
    faults.arm("")


@pytest.mark.usefixtures("_disarmed")
@pytest.mark.parametrize(
    ("point", "is_closed"),
    [
        ("close.began", False),
        ("close.frozen", False),
        ("close.recorded", True),
        ("close.named", True),
    ],
)
def test_a_full_disk_leaves_nothing_or_a_whole_close(
    desk: Desk, point: str, *, is_closed: bool
) -> None:
    faults.arm(f"{point}=raise:ENOSPC")
    with pytest.raises((StorageError, OSError)):
        desk.close("2026-10")
    faults.arm("")
    repair_closes(desk.root)
    entries = verify_closes(desk.root)
    assert [entry.period for entry in entries] == (["2026-10"] if is_closed else [])
    left = list(closes_dir(desk.root).rglob("*.tmp"))
    assert left == []
    desk.close("2026-11" if is_closed else "2026-10")


def test_the_commands_say_what_they_did_and_why_not(desk: Desk) -> None:
    words = ["--area", "finance", "--by", HOA, "--root", str(desk.root)]
    config = ["--config", str(desk.root / "warehouse.yml")]
    done = CliRunner().invoke(app, ["close", "2026-10", *words, *config])
    assert done.exit_code == 0, done.output
    assert f"finance 2026-10 is closed by {HOA}: finance-0001-" in done.stdout
    assert "2 frozen of 1 KPIs" in done.stdout
    assert "last changed by Trần Văn Nam" in done.stdout
    shown = (
        CliRunner().invoke(app, ["status", "--root", str(desk.root), *config]).stdout
    )
    assert "finance                2026-10 to 2026-10, the last by Lê Thị Hoa" in shown
    opened = CliRunner().invoke(
        app, ["reopen", "2026-10", *words, *config, "--reason", "late"]
    )
    assert "finance 2026-10 is open again" in opened.stdout
    again = CliRunner().invoke(app, ["close", "2026-12", *words, *config])
    assert isinstance(again.exception, ConfigError)


def test_status_says_when_the_record_was_changed(desk: Desk) -> None:
    desk.close("2026-10")
    path = chain_path(desk)
    path.write_bytes(path.read_bytes().replace(b"finance", b"Finance", 1))
    config = ["--config", str(desk.root / "warehouse.yml")]
    shown = CliRunner().invoke(app, ["status", "--root", str(desk.root), *config])
    assert shown.exit_code == 74
    assert "entry 1 does not match its own hash" in shown.stdout
