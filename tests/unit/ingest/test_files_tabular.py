"""Workbooks, Parquet and JSON Lines: native cells become text that reads back exactly."""

from __future__ import annotations

import datetime as dt
import inspect
import io
import json
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl.chart import BarChart
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900
from openpyxl.worksheet._reader import WorkSheetParser

from ingest.errors import ContractViolation
from ingest.sources.files.table import join_tables
from ingest.sources.files.tabular import read_jsonl, read_parquet
from ingest.sources.files.workbook import read_xlsx

if TYPE_CHECKING:
    from ingest.sources.files.table import RawTable


NAIVE = dt.datetime(2026, 3, 5, 8, 30)  # noqa: DTZ001 - spreadsheets have no zones


def rows_of(table: RawTable) -> list[list[object]]:
    columns = [column.to_pylist() for column in table.columns]
    return [[line, *cells] for line, *cells in zip(table.lines, *columns, strict=True)]


def workbook(*rows: list[object], title: str = "Data") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheet(content: bytes, **more: object) -> RawTable:
    options = {
        "sheets": None,
        "skip_rows": 0,
        "header_rows": 1,
        "decimal_sign": ",",
        **more,
    }
    parts = read_xlsx(io.BytesIO(content), what="f.xlsx", **options)
    return join_tables([part.read() for part in parts])


def test_native_cells_keep_their_value_in_the_declared_format() -> None:
    """1.234 as text would be read as 1234 by a source declared as 1.234,56."""
    content = workbook(
        ["id", "amount", "day", "at", "won", "text"],
        [
            12345678901,
            1.234,
            dt.date(2026, 3, 5),
            NAIVE,
            True,
            "1.5",
        ],
        [7, 0.1, None, None, False, dt.timedelta(minutes=90)],
    )

    assert rows_of(sheet(content)) == [
        [2, "12345678901", "1,234", "2026-03-05", "2026-03-05T08:30:00", "true", "1.5"],
        [3, "7", "0,1", "", "", "false", "1:30:00"],
    ]


def test_a_number_that_lost_digits_stays_recognisable() -> None:
    table = sheet(workbook(["id"], [1.23456789012345e17]))

    assert rows_of(table) == [[2, "1.23456789012345e+17"]]


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ("0.30000000000000004", "0.3"),
        ("-0.30000000000000004", "-0.3"),
        ("1234.5600000000002", "1234.56"),
        ("1234.5600000000013", "1234.56"),
        ("110.00000000000001", "110"),
        ("434.99999999999994", "435"),
        ("412300000", "412300000"),
        ("412300000.00000006", "412300000"),
        ("1234567890123.0002", "1234567890123"),
        ("12345678901234.002", "12345678901234"),
        ("4.123E8", "412300000"),
        # Fifteen digits are all there are; what nobody can lose is not rounded away.
        ("1234567890123.45", "1234567890123.45"),
        ("-123456789.012345", "-123456789.012345"),
        ("25450.123456789012", "25450.123456789"),
        ("0.33333333333333331", "0.333333333333333"),
        ("999999999999999", "999999999999999"),
        # A third and a fifth decimal are of the amount, not of the arithmetic.
        ("1234.567", "1234.5670"),
        ("1234.56789", "1234.56789"),
        # Here the fifteenth digit is a tenth: the file's own cents stand.
        ("12345678901234.56", "12345678901234.56"),
        ("1234567890123.403", "1234567890123.4030"),
        # No identifier and no amount: digits are lost.
        ("1000000000000000", "1e+15"),
        ("4111111111111110", "4.11111111111111e+15"),
        ("-1.2345678901234561E+18", "-1.23456789012346e+18"),
        ("1234567890123456.0", "1.23456789012346e+15"),
        ("999999999999999.9", "1e+15"),
        ("1" + "0" * 400, "1e+400"),
        ("1E999", "inf"),
    ],
)
def test_a_number_is_what_the_spreadsheet_shows(kept: str, shown: str) -> None:
    """Tempting: the shortest text of the float, which has digits nobody ever saw."""
    content = rewritten(workbook(["a"], [7]), ("<v>7</v>", f"<v>{kept}</v>"))

    assert rows_of(sheet(content, decimal_sign=".")) == [[2, shown]]


def test_a_code_shown_with_zeros_before_it_keeps_them() -> None:
    """The cell holds 123 and its format is 00000: the text everybody sees is the code."""
    book = openpyxl.Workbook()
    page = book.active
    for row in (["code", "price"], [123, 123], [1234567, 0.5], [-7, 7.25], [True, 1]):
        page.append(row)
    for line in (2, 3, 4, 5):
        page.cell(line, 1).number_format = "00000"
        page.cell(line, 2).number_format = "#,##0.00"
    out = io.BytesIO()
    book.save(out)

    assert rows_of(sheet(out.getvalue(), decimal_sign=".")) == [
        [2, "00123", "123"],
        [3, "1234567", "0.5"],
        [4, "-00007", "7.25"],
        [5, "true", "1"],
    ]


def test_floats_of_parquet_stay_what_they_are() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [0.1 + 0.2, 1234567890123456.0, 7.0, None]}), out)

    assert [row[1] for row in rows_of(parquet(out.getvalue()))] == [
        "0.30000000000000004",
        "1.234567890123456e+15",
        "7",
        "",
    ]


def test_the_library_has_the_inner_parts_that_are_used() -> None:
    """Its own loop over rows drops some, so sheets are read through what is not promised.

    If this fails after an upgrade, look at `ingest.sources.files.workbook` before anything else.
    """
    content = workbook(["a"], [dt.date(2026, 3, 5)])
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    page = book.worksheets[0]
    missing = [
        f"openpyxl {openpyxl.__version__}: {owner}.{name} is gone"
        for owner, thing, names in (
            ("sheet", page, ("_get_source", "_shared_strings", "_worksheet_path")),
            (
                "book",
                book,
                (
                    "_date_formats",
                    "_timedelta_formats",
                    "_number_formats",
                    "_cell_styles",
                ),
            ),
            ("parser", WorkSheetParser, ("parse",)),
        )
        for name in names
        if not hasattr(thing, name)
    ]
    assert missing == []
    taken = [*inspect.signature(WorkSheetParser).parameters]
    assert taken[:6] == [
        "src", "shared_strings", "data_only", "epoch", "date_formats", "timedelta_formats",
    ]  # fmt: skip
    with page._get_source() as source:
        parser = WorkSheetParser(source, page._shared_strings)
        (_, (_, (cell,))) = parser.parse()
    assert {"row", "column", "value", "style_id"} <= set(cell)
    assert cell["style_id"] in book._date_formats
    parser.row_dimensions.clear()
    book.close()


def test_titles_above_blank_rows_and_cells_beside_the_table() -> None:
    content = workbook(
        ["Report"], [None], ["a", "b"], ["1", "2"], ["3"], ["4", "5", "6"]
    )
    table = sheet(content, skip_rows=1)

    assert table.headers == ("a", "b")
    assert rows_of(table) == [[4, "1", "2"], [5, "3", ""]]
    assert [(row.line, row.reason) for row in table.broken] == [
        (6, "has cells to the right of the 2 headers")
    ]


def test_a_missing_sheet_names_those_that_are_there() -> None:
    with pytest.raises(ContractViolation, match="no sheet 'Dta'; there are Data"):
        sheet(workbook(["a"], ["1"]), sheets=["Dta"])


def sheets(**pages: list[list[object]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in pages.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_of_two_sheets_with_cells_none_is_taken_unsaid() -> None:
    """Tempting: the first one. Of a month a sheet, eleven months would be missing."""
    book = sheets(T10=[["a"], ["1"]], T11=[["a"], ["2"]], Empty=[[None], [" "]])

    with pytest.raises(
        ContractViolation, match=r"2 sheets have cells \(T10, T11\); decl"
    ):
        sheet(saved(book))
    assert rows_of(sheet(saved(book), sheets=["T11"])) == [[2, "2"]]


def test_the_only_sheet_in_sight_with_cells_is_read() -> None:
    book = sheets(Cover=[], Lists=[["a"], ["x"]], Data=[[None], ["a"], [0]], More=[])
    book["Lists"].sheet_state = "hidden"
    assert rows_of(sheet(saved(book))) == [[3, "0"]]
    assert rows_of(sheet(saved(book), sheets=["Lists"])) == [[2, "x"]]
    book["Data"].delete_rows(1, 3)
    with pytest.raises(ContractViolation, match="is empty, not even a header"):
        sheet(saved(book))


def test_sheets_of_one_shape_are_read_one_after_another() -> None:
    book = sheets(
        Note=[["x"]], T10=[["a"], ["1"]], T11=[["a"], ["2"]], T9=[["a"], ["9"], ["8"]]
    )
    book["T9"].sheet_state = "hidden"
    for words in (["T1*"], ["T11", "T10"], ["T1?", "T10"]):
        parts = [
            part.read()
            for part in read_xlsx(
                io.BytesIO(saved(book)), what="f.xlsx", sheets=words, skip_rows=0,
                header_rows=1, decimal_sign=".", part_rows=1,
            )
        ]  # fmt: skip
        found = [(part.member, row) for part in parts for row in rows_of(part)]
        assert found == [("", [2, "1"]), (".2", [2, "2"])]
    assert rows_of(sheet(saved(book), sheets=["T9"])) == [[2, "9"], [3, "8"]]
    with pytest.raises(
        ContractViolation, match=r"no sheet 'T2\*'; there are Note, T10"
    ):
        sheet(saved(book), sheets=["T10", "T2*"])
    del book["T11"]
    book.create_sheet("T11")
    message = r"f.xlsx \(sheet T11\): is empty, not even a header"
    with pytest.raises(ContractViolation, match=message):
        sheet(saved(book), sheets=["T1*"])


def test_a_sheet_of_charts_is_none() -> None:
    book = sheets(Data=[["a"], ["1"]])
    book.create_chartsheet("Chart").add_chart(BarChart())
    assert rows_of(sheet(saved(book))) == [[2, "1"]]
    with pytest.raises(ContractViolation, match="no sheet 'Chart'; there are Data"):
        sheet(saved(book), sheets=["Chart"])


def test_what_is_no_workbook_or_a_bomb_is_refused() -> None:
    with pytest.raises(ContractViolation, match="is not an xlsx workbook"):
        sheet(b"a,b\n1,2\n")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/a.xml", b"0" * (32 << 20))
    with pytest.raises(ContractViolation, match="unpacks to 33,554,432 bytes"):
        sheet(bomb.getvalue())


def json_lines(content: bytes, sign: str, part_bytes: int = 1 << 20) -> RawTable:
    parts = read_jsonl(
        io.BytesIO(content),
        what="f",
        encoding="utf-8",
        decimal_sign=sign,
        part_bytes=part_bytes,
    )
    return join_tables([part.read() for part in parts])


def parquet(content: bytes) -> RawTable:
    parts = read_parquet(io.BytesIO(content), what="f.parquet", decimal_sign=".")
    return join_tables([part.read() for part in parts])


def test_json_lines_are_the_same_in_parts_of_any_size() -> None:
    content = '{"a": "é"}\n\n{"b": 2}\nno\n{"a": 3, "c": null}'.encode()
    whole = json_lines(content, ".")

    assert whole.headers == ("a", "b", "c")
    for part_bytes in (1, 2, 7):
        table = json_lines(content, ".", part_bytes)
        assert (table.headers, rows_of(table)) == (whole.headers, rows_of(whole))
        assert table.broken == whole.broken


def test_half_a_letter_is_no_text() -> None:
    table = json_lines(rb'{"a": "x"}' + b"\n" + rb'{"a": "\ud800"}', ".")

    assert [(row.line, row.reason) for row in table.broken] == [(2, "is not JSON")]


def test_a_header_over_merged_cells_is_named_by_both_rows() -> None:
    book = openpyxl.Workbook()
    page = book.active
    for row in (["Tháng", "2026", None, "2025", None], [None, "Q1", "Q2", "Q1", "Q2"]):
        page.append(row)
    page.append(["a", 1, 2, 3, 4])
    page.merge_cells("A1:A2")
    page.merge_cells("B1:C1")
    page.merge_cells("D1:E1")
    out = io.BytesIO()
    book.save(out)

    table = sheet(out.getvalue(), header_rows=2)

    names = ("2026 / Q1", "2026 / Q2", "2025 / Q1", "2025 / Q2")
    assert table.headers == ("Tháng", *names)
    assert rows_of(table) == [[3, "a", "1", "2", "3", "4"]]


@pytest.mark.parametrize("epoch", [CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904])
def test_days_come_out_of_books_that_count_from_1900_and_1904(
    epoch: dt.datetime,
) -> None:
    book = openpyxl.Workbook()
    book.epoch = epoch
    book.active.append(["day"])
    book.active.append([dt.date(2026, 3, 5)])
    out = io.BytesIO()
    book.save(out)

    assert rows_of(sheet(out.getvalue())) == [[2, "2026-03-05"]]


def test_a_formula_without_a_value_is_no_blank() -> None:
    """Tempting: the reader gives None, which is NULL, and the sum of a month is gone."""
    table = sheet(workbook(["a", "b"], ["x", "=1+1"], ["y", "2"]))

    assert rows_of(table) == [[3, "y", "2"]]
    assert [(row.line, row.reason) for row in table.broken] == [
        (2, "has a formula without a value in column B; save it once more")
    ]


def test_a_sheet_is_the_same_in_parts_of_any_size() -> None:
    content = workbook(["a"], *[[number] for number in range(7)])

    for part_rows in (1, 3, 7, 100):
        table = sheet(content, part_rows=part_rows)
        assert rows_of(table) == [[n + 2, str(n)] for n in range(7)]
    assert rows_of(sheet(workbook(["a"]))) == []


def test_json_lines_keep_numbers_exact_and_the_line_as_received() -> None:
    lines = [
        '{"id": 1, "amount": 12345678901234567.89, "tags": ["a"], "won": true}',
        "",
        '{"id": 2, "note": null, "amount": "1,5"}',
    ]
    table = json_lines("\n".join(lines).encode(), ",")

    assert table.headers == ("id", "amount", "tags", "won", "note")
    assert rows_of(table) == [
        [1, "1", "12345678901234567,89", '["a"]', "true", ""],
        [3, "2", "1,5", "", "", ""],
    ]
    assert list(table.payload_texts()) == [lines[0], lines[2]]


def test_lines_that_are_no_json_object_are_kept_apart() -> None:
    content = b'{"a": 1}\n{"a": \n[1]\n{"a": NaN}\n{"a": 1, "a": 2}\n'
    table = json_lines(content, ".")

    assert rows_of(table) == [[1, "1"]]
    assert [(row.line, row.reason) for row in table.broken] == [
        (2, "is not JSON"),
        (3, "is not a JSON object"),
        (4, "is not JSON"),
        (5, "is not JSON"),
    ]


def test_parquet_types_become_text() -> None:
    table = pa.table(
        {
            "id": pa.array([1, None], pa.int64()),
            "amount": pa.array(
                [Decimal("1234.50"), Decimal("-0.01")], pa.decimal128(10, 2)
            ),
            "at": pa.array([dt.datetime(2026, 3, 5, 1, 30, tzinfo=dt.UTC), None]),
            "name": pa.array(["Nguyễn", ""]),
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)

    read = parquet(out.getvalue())

    assert rows_of(read) == [
        [1, "1", "1234.5", "2026-03-05T01:30:00+00:00", "Nguyễn"],
        [2, "", "-0.01", "", ""],
    ]
    assert json.loads(read.payload_texts()[0])["amount"] == "1234.5"


def test_bytes_that_are_no_text_break_their_row_alone() -> None:
    """Writers do not check what they call text; reading it as is ended the night."""
    texts = pa.array([b"Ha", b"\xff\xfe", "Hà".encode()], pa.binary())
    table = pa.table(
        {
            "name": pa.Array.from_buffers(pa.string(), 3, texts.buffers()),
            "code": pa.array([b"a", b"b", b"\x80"], pa.binary()),
            "day": pa.array([0, 1, 2], pa.int32()).cast(pa.date32()),
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    [part] = read_parquet(out, what="f.parquet", decimal_sign=".")
    found = part.read()
    assert rows_of(found) == [[1, "Ha", "a", "1970-01-01"]]
    assert [(b.line, b.reason) for b in found.broken] == [
        (2, "holds what is no text, number or time in 'name'"),
        (3, "holds what is no text, number or time in 'code'"),
    ]


def test_a_day_outside_the_calendar_breaks_its_row_alone() -> None:
    days = pa.array([0, 2**31 - 1], pa.int32()).cast(pa.date32())
    out = io.BytesIO()
    pq.write_table(pa.table({"day": days}), out)
    [part] = read_parquet(out, what="f.parquet", decimal_sign=".")
    found = part.read()
    assert rows_of(found) == [[1, "1970-01-01"]]
    assert [b.line for b in found.broken] == [2]


def test_a_workbook_whose_shared_words_are_too_many_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = workbook(["a", "b"], ["x", "y"])
    monkeypatch.setattr("ingest.sources.files.workbook.MAX_WORDS", 100)
    with pytest.raises(ContractViolation, match="cells share\\), more than 100; save"):
        sheet(content)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.array([7]).take(pa.array([0] * 3_000_000))}),
        pa.table({"a": ["x" * (32 << 20)]}),
    ],
    ids=["rows", "text"],
)
def test_a_parquet_bomb_is_refused_unread(table: pa.Table) -> None:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    assert len(out.getvalue()) < 20_000
    with pytest.raises(ContractViolation, match="more than its size can mean"):
        parquet(out.getvalue())


def test_a_million_rows_alike_are_no_bomb() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([7]).take(pa.array([0] * 1_000_000))}), out)
    assert parquet(out.getvalue()).headers == ("a",)


def test_a_damaged_parquet_file_is_refused() -> None:
    with pytest.raises(ContractViolation, match="is not a Parquet file"):
        parquet(b"PAR1 cut")


def rewritten(content: bytes, *changes: tuple[str, str]) -> bytes:
    """Return a workbook whose sheet's text is changed, as other writers may write it."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as book,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written,
    ):
        for name in book.namelist():
            text = book.read(name)
            if name == "xl/worksheets/sheet1.xml":
                for old, new in changes:
                    assert old.encode() in text
                    text = text.replace(old.encode(), new.encode())
            written.writestr(name, text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<row r="3"', '<row r="2"', "row 2 stands where it cannot: after row 2"),
        ('<row r="4"', '<row r="1"', "row 1 stands where it cannot: after row 3"),
        ('<row r="4"', '<row r="99999999999"', "no sheet has it"),
        ('r="B3"', 'r="A3"', "row 3 has column A twice or too late"),
        ('r="A3"', 'r="C3"', "row 3 has column B twice or too late"),
    ],
)
def test_rows_and_cells_that_would_fall_away_are_refused(
    old: str, new: str, message: str
) -> None:
    """The library keeps the first row of a number and the last cell of a column."""
    content = workbook(["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"])
    with pytest.raises(ContractViolation, match=message):
        sheet(rewritten(content, (old, new)))


def test_rows_left_out_keep_their_numbers() -> None:
    content = workbook(["a", "b"], ["1", "2"], ["3", "4"])
    changed = rewritten(content, ('<row r="3"', '<row r="7"'), ('r="A3"', 'r="A7"'))
    table = sheet(changed.replace(b'r="B3"', b'r="B7"'))
    assert [r for r in rows_of(table) if r[1]] == [[2, "1", "2"], [7, "3", "4"]]


def test_a_row_larger_than_any_record_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = workbook(["a"], *[["x" * 100] for _ in range(2000)])
    monkeypatch.setattr("ingest.sources.files.workbook.MAX_ROW_BYTES", 100_000)
    assert len(sheet(content).lines) == 2000
    content = workbook(["a"], ["x" * 30_000] * 10)
    with pytest.raises(ContractViolation, match="one row of a sheet takes more than"):
        sheet(content)


class Counted(io.BytesIO):
    """Bytes that say how many of them were asked for."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        self.taken += len(block)
        return block


def test_a_group_of_rows_is_not_read_ahead() -> None:
    """One group may hold the whole file, which may be larger than memory."""
    out = io.BytesIO()
    words = pa.array([f"{number:0100d}" for number in range(200_000)])
    pq.write_table(
        pa.table({"a": words, "b": words}),
        out,
        compression="none",
        use_dictionary=False,
    )
    stream = Counted(out.getvalue())
    parts = read_parquet(stream, what="f.parquet", decimal_sign=".")
    next(parts)
    assert stream.taken < len(out.getvalue()) / 4
    assert sum(len(part.read().lines) for part in parts) == 190_000


def test_one_json_array_is_no_lines() -> None:
    with pytest.raises(ContractViolation, match="no line is a JSON object; write one"):
        json_lines(b'[\n {\n  "a": 1\n }\n]\n', ".")
