"""`warehouse reconcile` on hand-made builds: the verdict, its exit code and the evidence pack."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import openpyxl
import pytest
from typer.testing import CliRunner

from ingest.errors import EXIT_BAD_DATA, EXIT_OK, ConfigError
from orchestration.cli import app
from orchestration.cli.reconcile import money
from orchestration.periods.served import Period
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.reconciliation import parse_period

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
COLUMNS = (
    "reconciliation_id varchar, period_start_date date, period_end_date date,"
    " legal_entity varchar, line varchar, line_name_vi varchar, line_name_en varchar,"
    " display_order integer, other_side varchar, measure varchar, is_control boolean,"
    " blocks_close boolean, account_codes varchar, currency varchar, reference varchar,"
    " state varchar,"
    " reason_code varchar, warehouse_amount decimal(38,4), other_amount decimal(38,4),"
    " difference_amount decimal(38,4), is_explained boolean, explanation_state varchar,"
    " explanation_reason_code varchar, warehouse_record_count bigint,"
    " other_record_count bigint, build_id varchar"
)
RECORDS = (
    "reconciliation_record_id varchar, reconciliation_id varchar, period_start_date date,"
    " legal_entity varchar, line varchar, currency varchar, reference varchar,"
    " side varchar, record_type varchar, record_id varchar,"
    " record_period_start_date date, occurred_date date, amount decimal(38,4),"
    " expected_amount decimal(38,4), source_ref varchar, batch_id varchar,"
    " record_number bigint, build_id varchar"
)


def row(
    key: str,
    month: str,
    reference: str,
    sides: tuple[str, str | None, str | None],
    verdict: tuple[str, str, bool, str],
) -> list[object]:
    ours, theirs, difference = sides
    state, reason, is_explained, explanation = verdict
    return [
        key, month, month, "acme_vn", "billings_vs_ledger", "Hóa đơn với sổ cái",
        "Billed against the ledger", 10, "ledger", "movement", False, True, "511", "VND",
        reference, state, reason, ours, theirs, difference, is_explained, explanation,
        None, 1, 1, "b",
    ]  # fmt: skip


AGREED = row("1", "2026-09-01", "(agreed)", ("1358725185", "1358725185", "0"),
             ("compared", "agreed", True, "agreed"))  # fmt: skip
PROVEN = row("2", "2026-09-01", "stripe_vn:in_1", ("6920000", "0", "6920000"),
             ("compared", "timing", True, "proven"))  # fmt: skip
OPEN = row("3", "2026-09-01", "=in_2", ("10", "11", "-1"),
           ("compared", "unexplained", False, "none"))  # fmt: skip
MISSING = row("4", "2026-10-01", "(not compared)", ("930503185", None, None),
              ("not_delivered", "not_delivered", True, "not_delivered"))  # fmt: skip
RECORD = ["r", "3", "2026-09-01", "acme_vn", "billings_vs_ledger", "VND", "=in_2",
          "other", "journal", "J7/2", "2026-09-01", "2026-09-05", "11", "11",
          "so_cai.csv:8", "batch", 1, "b"]  # fmt: skip


TOLD = ["5", "2026-09-01", "2026-09-01", "acme_vn", "bookings_vs_contracts", "Hợp đồng",
        "Bookings against contracts", 160, "contracts", "movement", False, False, None,
        "VND", "hubspot:7", "compared", "missing_in_ledger", "5000", "0", "5000", False,
        "none", None, 1, 0, "b"]  # fmt: skip


def publish(root: Path, *rows: list[object]) -> None:
    with duckdb.connect(str(root / "warehouse.duckdb")) as con:
        for name, columns, content in (
            ("rpt_reconciliation", COLUMNS, rows),
            ("rpt_reconciliation_records", RECORDS, [RECORD]),
        ):
            con.execute(f"create table {name} ({columns})")
            marks = ", ".join("?" for _ in columns.split(", "))
            con.executemany(f"insert into {name} values ({marks})", list(content))
        con.execute(
            "create table labels as from (values"
            " ('recon_reason', 'unexplained', 'chưa rõ', 'unexplained'),"
            " ('recon_side', 'other', 'bên kia', 'other side'),"
            " ('recon_state', 'not_delivered', 'chưa có sổ cái', 'no ledger yet'))"
            " as t (code_type, code, label_vi, label_en)"
        )
    publish_build(
        PublishRequest(
            warehouse=root / "warehouse.duckdb",
            published=root / "published",
            tables=tuple(
                PublishedTable(name, "main", theme, ())
                for name, theme in (
                    ("rpt_reconciliation", "finance"),
                    ("rpt_reconciliation_records", "finance"),
                    ("labels", "core"),
                )
            ),
            audiences={},
            build_id="b",
            as_of=date(2026, 10, 30),
            code_version="v",
            company_name="Acme",
            now=NOW,
        ),
        render=lambda _: {},
    )


def reconcile(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["reconcile", "--root", str(root), *words])


def test_a_period_that_ties_out_leaves_with_0(tmp_path: Path) -> None:
    publish(tmp_path, AGREED, PROVEN)
    done = reconcile(tmp_path, "--period", "2026-09", "--language", "vi")
    assert done.exit_code == EXIT_OK
    assert "1.365.645.185 ₫" in done.stdout
    assert "6.920.000 ₫" in done.stdout


def test_a_deal_without_a_contract_is_told_and_keeps_no_month_open(
    tmp_path: Path,
) -> None:
    publish(tmp_path, AGREED, TOLD)
    done = reconcile(tmp_path, "--period", "2026-09")
    assert done.exit_code == EXIT_OK
    assert "· 1" in done.stdout
    found = json.loads(reconcile(tmp_path, "--period", "2026-09", "--json").stdout)
    assert found["is_tied_out"] is True
    assert [row["reference"] for row in found["differences"]] == ["hubspot:7"]


def test_one_dong_unexplained_leaves_with_65_and_names_its_records(
    tmp_path: Path,
) -> None:
    publish(tmp_path, AGREED, OPEN)
    done = reconcile(tmp_path, "--period", "2026-09")
    assert done.exit_code == EXIT_BAD_DATA
    assert "=in_2: -1 ₫ (10 ₫ − 11 ₫) · unexplained" in done.stdout
    assert "other side: journal J7/2 2026-09-05 11 ₫ [so_cai.csv:8]" in done.stdout


def test_a_month_without_a_ledger_is_information(tmp_path: Path) -> None:
    publish(tmp_path, AGREED, MISSING)
    done = reconcile(tmp_path, "--period", "2026-10")
    assert done.exit_code == EXIT_OK
    assert "no ledger yet" in done.stdout
    assert "–" in done.stdout


def test_a_quarter_holds_its_months(tmp_path: Path) -> None:
    publish(tmp_path, AGREED, OPEN, MISSING)
    done = reconcile(tmp_path, "--period", "2026-Q3", "--json")
    content = json.loads(done.stdout)
    assert done.exit_code == EXIT_BAD_DATA
    assert [line["month"] for line in content["lines"]] == ["2026-09-01"]
    assert content["lines"][0]["unexplained"] == "-1.0000"
    assert content["is_tied_out"] is False


def test_the_pack_holds_numbers_as_numbers_and_no_formula(tmp_path: Path) -> None:
    publish(tmp_path, AGREED, OPEN)
    folder = tmp_path / "pack"
    done = reconcile(tmp_path, "--period", "2026-09", "--pack", str(folder))
    assert done.exit_code == EXIT_BAD_DATA
    assert sorted(path.name for path in folder.iterdir()) == [
        "doi_chieu_2026-09.xlsx", "reconciliation_2026-09.json",
        "reconciliation_2026-09.xlsx", "reconciliation_2026-09_differences.csv",
        "reconciliation_2026-09_lines.csv", "reconciliation_2026-09_records.csv",
    ]  # fmt: skip
    copies = {
        name: list(
            csv.DictReader(
                (folder / f"reconciliation_2026-09_{name}.csv")
                .read_text("utf-8-sig")
                .splitlines()
            )
        )
        for name in ("lines", "differences", "records")
    }
    assert [line["unexplained"] for line in copies["lines"]] == ["-1.0000"]
    (difference,) = copies["differences"]
    # A document that reads like a formula is text, a negative amount is a number.
    assert difference["reference"] == "'=in_2"
    assert difference["difference_amount"] == "-1.0000"
    assert copies["records"][0]["source_ref"] == "so_cai.csv:8"
    content = (folder / "doi_chieu_2026-09.xlsx").read_bytes()
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Tổng hợp", "Chênh lệch", "Bản ghi", "Về số liệu"]
    summary = book["Tổng hợp"]
    ours = summary.cell(3, 6)
    assert ours.value == 1_358_725_195
    assert ours.number_format == '#,##0\\ "₫"'
    document = book["Chênh lệch"].cell(3, 4)
    assert (document.value, document.data_type) == ("=in_2", "s")
    about = {row[0].value: row[1].value for row in book["Về số liệu"].iter_rows()}
    assert about["Kết luận"] == "còn chênh lệch chưa giải thích"
    assert about["Bản dựng"] == "b"
    told = json.loads((folder / "reconciliation_2026-09.json").read_text("utf-8"))
    assert told["differences"][0]["difference_amount"] == "-1.0000"
    assert told["records"][0]["source_ref"] == "so_cai.csv:8"


def test_a_copy_without_rows_still_names_its_columns(tmp_path: Path) -> None:
    publish(tmp_path, AGREED)
    folder = tmp_path / "pack"
    reconcile(tmp_path, "--period", "2026-09", "--pack", str(folder))
    content = (folder / "reconciliation_2026-09_differences.csv").read_text("utf-8-sig")
    (header,) = content.splitlines()
    assert header.startswith("reconciliation_id,period_start_date,")
    assert "build_id" not in header


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-10", date(2026, 10, 1), date(2026, 10, 31)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
    ],
)
def test_periods_are_whole_months(text: str, first: date, last: date) -> None:
    assert parse_period(text) == Period(text, first, last)


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-Q5", "10-2026", ""])
def test_a_wrong_period_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no month"):
        parse_period(text)


@pytest.mark.parametrize(
    ("value", "currency", "language", "shown"),
    [
        ("1362645185.0000", "VND", "vi", "1.362.645.185 ₫"),
        ("1234.5000", "USD", "vi", "1.234,50 USD"),
        ("0", "USD", "en", "0.00 USD"),
        ("-1", "VND", "en", "-1 ₫"),
        ("1000.0050", "KWD", "en", "1,000.005 KWD"),
    ],
)
def test_amounts_are_written_as_people_write_them(
    value: str, currency: str, language: str, shown: str
) -> None:
    assert money(Decimal(value), currency, language) == shown
