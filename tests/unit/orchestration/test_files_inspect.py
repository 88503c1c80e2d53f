"""`warehouse files inspect`: what files are, what is open, and a block that is valid then."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ingest.config import FilesSource, load_config
from ingest.config_files import TotalRows
from ingest.contracts import CONTRACTS
from ingest.contracts.headers import VIETNAMESE
from ingest.errors import ConfigError
from orchestration.cli import app
from orchestration.file_columns import mask
from orchestration.file_looks import look_at
from orchestration.header_proposals import propose

if TYPE_CHECKING:
    from pathlib import Path

    from orchestration.file_looks import Look

DEALS = (
    "Mã cơ hội;Giai đoạn;Trạng thái;Người phụ trách;Giá trị;Ngày tạo;Ngày chốt;Email\n"
    "CH-01;Đề xuất;open;Trần Thị Hoa;1.200.000;25/09/2026;;hoa@cong-ty.vn\n"
    "CH-02;Ký kết;won;Lê Văn Đức;250.000;02/09/2026;28/09/2026;duc@cong-ty.vn\n"
)
COMPANY = """\
company: {name: Ánh Dương, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - name: drop
    kind: files
    path: .
"""


def look(path: Path) -> Look:
    return look_at(path, zone="Asia/Ho_Chi_Minh")


def inspect(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["files", "inspect", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_a_vietnamese_export_is_recognised_by_its_headers(tmp_path: Path) -> None:
    path = tmp_path / "co_hoi.csv"
    path.write_text(DEALS, encoding="utf-8")
    told = json.loads(inspect(path, "--json"))["files"][0]
    assert told["entity"] == "opportunities"
    assert told["delimiter"] == ";"
    assert told["columns"] == {
        "opportunity_id": "Mã cơ hội", "created_at": "Ngày tạo", "stage": "Giai đoạn",
        "status": "Trạng thái", "owner_id": "Người phụ trách", "amount": "Giá trị",
        "closed_at": "Ngày chốt",
    }  # fmt: skip
    # Their own Vietnamese names are no guess, everyday words are.
    assert told["guessed"] == ["amount", "closed_at", "owner_id"]


def test_people_are_not_shown_on_the_screen(tmp_path: Path) -> None:
    path = tmp_path / "co_hoi.csv"
    path.write_text(DEALS, encoding="utf-8")
    shown = inspect(path)
    for secret in ("Hoa", "Đức", "hoa@", "duc@", "Trần", "Văn"):
        assert secret not in shown
    assert "T• T• H•" in shown
    assert "CH-01" in shown
    assert mask("0912 345 678") == "0• 3• 6•"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", ("utf-8-sig",)),
        ("utf-8-sig", ("utf-8-sig",)),
        ("utf-16", ("utf-16",)),
        ("utf-16-le", ("utf-16-le",)),
        ("utf-16-be", ("utf-16-be",)),
    ],
)
def test_unicode_is_certain(
    tmp_path: Path, encoding: str, expected: tuple[str, ...]
) -> None:
    path = tmp_path / "deals.csv"
    path.write_bytes(DEALS.encode(encoding))
    found = look(path)
    assert (found.encodings, found.rows, found.problem) == (expected, 2, "")
    assert found.table is not None
    assert found.table.headers[0] == "Mã cơ hội"


def test_a_legacy_encoding_is_a_question_with_both_readings(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_bytes(
        "Deal ID,Stage,Status,Created\nD-1,Nghi\xea\u0323n,open,2026-09-01\n".encode(
            "cp1258"
        )
    )
    found = look(path)
    assert found.encodings == ("cp1258", "cp1252")
    assert any("as cp1258: D-1,Nghiện" in line for line in found.evidence)
    shown = inspect(path)
    assert "encoding: cp1258 or cp1252; take the one whose words are right" in shown
    assert 'encoding: "?"  # settle: "cp1258" or "cp1252"' in shown


def test_bytes_cut_inside_a_letter_are_still_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    line = "x" * 6 + "ữ;1\n"
    path.write_text("tên;số\n" + line * 120_000, encoding="utf-8")
    found = look(path)
    assert (found.encodings, found.rows) == (("utf-8-sig",), 120_000)


def test_lines_above_the_header_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_text(
        "BÁO CÁO CƠ HỘI\nNgày xuất: 01/10/2026\n\n" + DEALS, encoding="utf-8"
    )
    found = look(path)
    assert (found.skip_rows, found.rows) == (3, 2)
    assert "skip_rows: 3" in inspect(path)


def test_a_first_line_for_excel_tells_the_delimiter(tmp_path: Path) -> None:
    """One deal with commas in its name; without the line, commas would look likelier."""
    path = tmp_path / "deals.csv"
    text = "Mã cơ hội;Giai đoạn;Ngày tạo\nCH-01;a, b, c, d;25/09/2026\n"
    path.write_text("sep=;\n" + text, encoding="utf-8")
    found = look(path)
    assert (found.delimiter, found.skip_rows, found.rows) == (";", 0, 1)
    said = inspect(path)
    assert "header        in line 2; line 1 only says what stands between" in said
    assert 'delimiter: ";"' in said
    assert "skip_rows" not in said
    assert json.loads(inspect(path, "--json"))["files"][0]["header_line"] == 2
    path.write_text("sep=^\nBáo cáo\n\n" + text.replace(";", "^"), encoding="utf-8")
    found = look(path)
    assert (found.delimiter, found.skip_rows, found.rows) == ("^", 3, 1)
    said = inspect(path)
    assert "text, '^' between columns" in said
    assert "in line 4, the 3 above it are left out; line 1 only says" in said


def test_a_row_that_adds_up_others_is_told_and_no_record(tmp_path: Path) -> None:
    path = tmp_path / "chi_phi_10.csv"
    path.write_text(
        "Tháng;Loại chi phí;Phòng ban;Số tiền;Tiền tệ\n"
        "15/10/2026;Công cụ;Marketing;250.000;VND\n"
        "15/10/2026;Lương;Sales;12.500.000;VND\n"
        "Tổng cộng:;;;12.750.000;\n",
        encoding="utf-8",
    )
    found = look(path)
    assert found.rows == 2
    assert found.total_rows == TotalRows(column="Tháng", words=("Tổng cộng:",))
    said = inspect(path)
    assert 'total_rows: {column: "Tháng", words: ["Tổng cộng:"]}' in said
    assert 'date_formats: ["%d/%m/%Y"]' in said, "the total is no date to be read"
    assert 'cost_type: {"Công cụ": "tool", "Lương": "salary"}' in said


def test_a_workbook_names_its_sheet_and_header_row(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Bìa"
    book.active.append(["Công ty Ánh Dương"])
    page = book.create_sheet("Dữ liệu")
    page.append(["Báo cáo quý"])
    page.append([])
    for line in DEALS.splitlines():
        page.append(line.split(";"))
    book.save(tmp_path / "deals.xlsx")
    found = look(tmp_path / "deals.xlsx")
    assert (found.kind, found.sheet, found.skip_rows, found.rows) == (
        "xlsx", ("Dữ liệu",), 2, 2,
    )  # fmt: skip


def test_sheets_of_one_shape_are_one_dataset_and_others_are_told(
    tmp_path: Path,
) -> None:
    """Tempting: the first sheet. Of a month a sheet, eleven months would be missing."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title in ("Tháng 9", "Tháng 10", "Tháng 11", "Danh mục"):
        page = book.create_sheet(title)
        for line in DEALS.splitlines() if title != "Danh mục" else ("a;b", "x;1"):
            page.append(line.split(";"))
    book["Tháng 11"].sheet_state = "hidden"
    path = tmp_path / "deals.xlsx"
    book.save(path)
    found = look(path)
    assert (found.sheet, found.rows) == (("Tháng 9", "Tháng 10"), 4)
    book["Tháng 11"].sheet_state = "visible"
    book.save(path)
    found = look(path)
    assert (found.sheet, found.rows) == (("Tháng *",), 6)
    said = inspect(path)
    assert 'sheet: "Tháng *"' in said
    assert "other tables stand on Danh mục: each is a dataset of its own" in said


def test_other_formats_are_known_by_their_bytes(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1", "2"]}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    assert [look(tmp_path / n).rows for n in ("a.parquet", "b.jsonl")] == [2, 2]
    (tmp_path / "c.xls").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    assert "save it as .xlsx" in look(tmp_path / "c.xls").problem
    (tmp_path / "d.xlsx").write_text("<html><table><tr><td>1</td></tr></table>")
    assert "web page" in look(tmp_path / "d.xlsx").problem
    (tmp_path / "e.xlsx").write_text("id,ten\n1,2\n")
    assert "plain text; name it .csv" in look(tmp_path / "e.xlsx").problem
    (tmp_path / "f.csv").write_bytes(b"")
    assert look(tmp_path / "f.csv").problem == "is empty, not even a header"
    (tmp_path / "g.csv").write_bytes(b"SQLite format 3\0" + b"x" * 100)
    assert "SQLite" in look(tmp_path / "g.csv").problem
    (tmp_path / "h.csv").write_bytes(gzip.compress(b"id\n1\n"))
    assert look(tmp_path / "h.csv").kind == "gzip"


@pytest.mark.parametrize(
    ("amounts", "days", "open_keys"),
    [
        (("1.234", "5.678"), ("25/09/2026", "02/09/2026"), ["number_format"]),
        (("1.234,50", "5.678"), ("01/09/2026", "02/09/2026"), ["date_formats"]),
        (
            ("1,234", "5,678"),
            ("03/04/2026", "05/06/2026"),
            ["date_formats", "number_format"],
        ),
        (("1.234,50", "5"), ("25/09/2026", "02/09/2026"), []),
    ],
)
def test_what_reads_in_two_ways_stays_open_until_it_is_settled(
    tmp_path: Path,
    amounts: tuple[str, str],
    days: tuple[str, str],
    open_keys: list[str],
) -> None:
    rows = [
        f'D-{n},Won,won,"{a}",{d}'
        for n, (a, d) in enumerate(zip(amounts, days, strict=True))
    ]
    text = "deal_id,stage,status,amount,created_at\n" + "\n".join(rows) + "\n"
    (tmp_path / "deals.csv").write_text(text)
    inspect(tmp_path / "deals.csv", "--to", tmp_path / "block.yml")
    block = (tmp_path / "block.yml").read_text("utf-8")
    config = tmp_path / "warehouse.yml"
    config.write_text(
        COMPANY + "".join(f"    {line}\n" for line in block.splitlines()), "utf-8"
    )
    assert [
        k for k in ("date_formats", "number_format") if f'{k}: "?"' in block
    ] == open_keys
    if open_keys:
        with pytest.raises(ConfigError):
            load_config(config, environ={})
    settled = config.read_text("utf-8").replace(
        'date_formats: "?"', 'date_formats: ["%d/%m/%Y"]'
    )
    config.write_text(
        settled.replace('number_format: "?"', 'number_format: "1.234,56"'), "utf-8"
    )
    [source] = load_config(config, environ={}).sources
    assert isinstance(source, FilesSource)
    assert source.datasets[0].entity == "opportunities"


def test_a_word_or_column_nobody_settled_is_refused_with_its_line(
    tmp_path: Path,
) -> None:
    config = tmp_path / "warehouse.yml"
    config.write_text(
        COMPANY
        + "    datasets:\n"
        + "      users:\n"
        + "        files: users.csv\n"
        + '        columns: {user_id: id, user_name: name, valid_from: "?"}\n'
        + "      opportunities:\n"
        + "        files: deals.csv\n"
        + "        columns: {opportunity_id: id, created_at: c, stage: s, status: s}\n"
        + '        values: {status: {Engaging: "?"}}\n',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_config(config, environ={})
    assert [
        line.split("warehouse.yml", 1)[1] for line in str(caught.value).splitlines()
    ] == [
        ":9: valid_from is still '?': write what it is, then run `warehouse doctor` again",
        ":13: status 'Engaging' is still '?': write what it is, then run `warehouse doctor` again",
    ]


def test_whole_amounts_of_a_currency_with_cents_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "refunds.csv"
    path.write_text("refund_id,created,amount,currency\nR1,2026-09-01,1050,USD\n")
    assert "only whole numbers stand in amount (1050)" in inspect(path)
    assert 'units: {"amount": "?"}  # settle' in inspect(path)
    path.write_text("refund_id,created,amount,currency\nR1,2026-09-01,1050,VND\n")
    assert "units" not in inspect(path)


def test_two_files_that_may_tell_the_same_are_not_both_taken(tmp_path: Path) -> None:
    header = "campaign_id,date,spend,currency,clicks\n1,2026-09-01,5.00,USD,1\n"
    (tmp_path / "google_ads_campaign_stats.csv").write_text(header)
    (tmp_path / "google_ad_performance_daily.csv").write_text(header)
    inspect(tmp_path, "--to", tmp_path / "block.yml")
    block = (tmp_path / "block.yml").read_text("utf-8")
    assert block.count("- files:") == 2
    assert block.count("# - files:") == 1
    assert "taking both counts it twice" in inspect(tmp_path)


def test_of_lists_alike_the_one_whose_ids_are_named_comes_first(tmp_path: Path) -> None:
    """Money was spent on 7 and 8; both files may be the campaigns, by their headers alike."""
    spent = "campaign_id,date,spend,currency\n7,2026-09-01,5.00,USD\n8,2026-09-01,5.00,USD\n"
    (tmp_path / "google_ads_campaign_stats.csv").write_text(spent)
    for name, ids in (("campaigns", (1, 2)), ("google_campaigns", (7, 8))):
        rows = "".join(f"{number},x{number}\n" for number in ids)
        (tmp_path / f"google_{name}.csv").write_text("id,name\n" + rows)
    inspect(tmp_path, "--to", tmp_path / "block.yml")
    listed = (tmp_path / "block.yml").read_text("utf-8")
    assert '- files: "google_google_campaigns.csv"' in listed
    assert '# - files: "google_campaigns.csv"' in listed


def test_a_column_nobody_gives_says_what_it_holds_and_where_it_may_stand(
    tmp_path: Path,
) -> None:
    """With no header left it can only be one value for all rows; else it may be a header."""
    path = tmp_path / "sales_teams.csv"
    path.write_text("sales_agent,manager\nLan,Minh\n")
    said = inspect(path)
    assert (
        'constants: {"valid_from": "?"}  # settle each ? (valid_from: First day' in said
    )
    assert "which header is valid_from (First day the row holds, company zone)?" in said
    path.write_text("sales_agent,manager,since\nLan,Minh,2026-01-01\n")
    assert 'valid_from: "?"  # settle: required, First day the row holds' in inspect(
        path
    )


def test_litter_is_named_and_not_opened(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(DEALS, encoding="utf-8")
    for name in ("~$deals.xlsx", ".DS_Store", "Thumbs.db", "desktop.ini", "x.csv.part"):
        (tmp_path / name).write_bytes(b"\0")
    told = json.loads(inspect(tmp_path, "--json"))
    assert [one["file"] for one in told["files"]] == ["deals.csv"]
    assert len(told["ignored"]) == 5


def test_nothing_there_and_a_wrong_entity_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file there"):
        inspect(tmp_path)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="did you mean 'opportunities'"):
        inspect(tmp_path / "x.csv", "--as", "opportunites")
    assert "Nothing here resembles" in inspect(tmp_path / "x.csv")


@pytest.mark.parametrize("entity", sorted(CONTRACTS["files"]))
def test_a_header_called_like_a_column_goes_to_it(tmp_path: Path, entity: str) -> None:
    """Tempting: only likeness. `cost_type` was left out, and of two costs of a month alike
    but for it, one was taken for a copy of the other.
    """
    names = [column.name for column in CONTRACTS["files"][entity].columns]
    for headers in (names, [VIETNAMESE[name] for name in names]):
        path = tmp_path / f"{entity}.csv"
        cells = ",".join(f"w{number}" for number in range(len(headers)))
        path.write_text(",".join(headers) + f"\n{cells}\n", encoding="utf-8")
        found = propose(look(path), zone="UTC", currency="VND", entity=entity)
        assert found is not None
        assert found.columns == dict(zip(names, headers, strict=True))
