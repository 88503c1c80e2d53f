"""Delimited text: every record with its physical line, or refused with one."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.errors import ContractViolation
from ingest.sources.files.delimited import (
    Layout,
    _Header,
    _is_line_per_record,
    _read_fast,
    _read_strict,
    read_delimited,
)
from ingest.sources.files.table import RawTable, join_tables, without_blank_rows
from ingest.sources.files.text import PART_BYTES, whole_lines


def read(content: bytes | str, **more: object) -> RawTable:
    data = content.encode() if isinstance(content, str) else content
    encoding = more.pop("encoding", "utf-8-sig")
    part_bytes = more.pop("part_bytes", PART_BYTES)
    parts = read_delimited(
        io.BytesIO(data),
        what="f.csv",
        encoding=encoding,
        layout=Layout(**more),
        part_bytes=part_bytes,
    )
    return without_blank_rows(join_tables([part.read() for part in parts]))


def rows_of(table: RawTable) -> list[tuple[int, ...]]:
    columns = [column.to_pylist() for column in table.columns]
    return [(line, *cells) for line, *cells in zip(table.lines, *columns, strict=True)]


def refusal(content: bytes | str, **more: object) -> str:
    with pytest.raises(ContractViolation) as caught:
        read(content, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n3,4\n", [(2, "1", "2"), (3, "3", "4")]),
        ("a,b\n1,2\n3,4", [(2, "1", "2"), (3, "3", "4")]),
        ("\ufeffa,b\r\n1,2\r\n", [(2, "1", "2")]),
        ("a,b\r1,2\r3,4\r", [(2, "1", "2"), (3, "3", "4")]),
        ("a,b\r\n1,2\n3,4\r5,6\n", [(2, "1", "2"), (3, "3", "4"), (4, "5", "6")]),
        ('a,b\n"x\ny",2\n3,4\n', [(2, "x\ny", "2"), (4, "3", "4")]),
        ('a,b\n"say ""hi""",2\n', [(2, 'say "hi"', "2")]),
        ('a,b\n"1,5",2\n', [(2, "1,5", "2")]),
        ('a,b\n5" pipe,2\n', [(2, '5" pipe', "2")]),
        ("a,b\n1,2\n\n3,4\n\n", [(2, "1", "2"), (4, "3", "4")]),
        ("a,b\n1,2\n,\n ,\u00a0\n3,4\n", [(2, "1", "2"), (5, "3", "4")]),
        ("a,b\n0012,\n", [(2, "0012", "")]),
        ("a\n1\n2\n", [(2, "1"), (3, "2")]),
    ],
)
def test_records_equal_truth_with_their_physical_lines(
    content: str, expected: list[tuple[object, ...]]
) -> None:
    table = read(content)

    assert rows_of(table) == expected
    assert table.broken == ()


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("skip_rows", [0, 1])
@pytest.mark.parametrize("part_bytes", [1, PART_BYTES])
def test_a_line_that_tells_excel_the_delimiter_is_no_header(
    first: str, end: str, skip_rows: int, part_bytes: int
) -> None:
    """Declared as a line to skip or not, it is one physical line and no record."""
    text = end.join([first, "a;b", "1;2,5", "3;4", ""])
    table = read(text, delimiter=";", skip_rows=skip_rows, part_bytes=part_bytes)

    assert table.headers == ("a", "b")
    assert rows_of(table) == [(3, "1", "2,5"), (4, "3", "4")]


def test_only_a_first_line_tells_the_delimiter() -> None:
    text = "Report\nsep=|\na;b\n1;2\n"

    table = read(text, delimiter=";", skip_rows=2)
    assert rows_of(table) == [(4, "1", "2")]
    assert read(text, delimiter=";", skip_rows=1).headers == ("sep=|",)


@pytest.mark.parametrize("delimiter", [",", "\t", "|"])
@pytest.mark.parametrize("skip_rows", [0, 1])
def test_a_delimiter_other_than_the_file_says_is_refused(
    delimiter: str, skip_rows: int
) -> None:
    text = "sep=;\na;b\n1;2\n"

    assert "f.csv:1: says that ';' stands between its columns" in refusal(
        text, delimiter=delimiter, skip_rows=skip_rows
    )


def test_nothing_below_the_line_that_tells_the_delimiter_is_no_header() -> None:
    assert "has no header row" in refusal("sep=,\n")


def test_lines_above_the_header_are_skipped_and_counted() -> None:
    table = read("Report of October\n\na,b\n1,2\n", skip_rows=2)

    assert table.headers == ("a", "b")
    assert rows_of(table) == [(4, "1", "2")]


def test_ragged_rows_are_kept_apart_with_their_line() -> None:
    table = read("a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12\n")

    assert rows_of(table) == [(2, "1", "2", "3"), (5, "10", "11", "12")]
    assert [(row.line, row.reason) for row in table.broken] == [
        (3, "has 2 cells where the header has 3"),
        (4, "has 4 cells where the header has 3"),
    ]


def test_nul_and_text_after_a_quote_break_one_record() -> None:
    table = read('a,b\n1,2\n3,x\0y\n"5"x,6\n7,8\n')

    assert rows_of(table) == [(2, "1", "2"), (5, "7", "8")]
    assert [(row.line, row.reason) for row in table.broken] == [
        (3, "holds a NUL character"),
        (4, "has text after a closing quote"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('a,b\n1,2\n"3,4\n5,6\n', "f.csv:3: a quote opened here is not closed"),
        ('a,b\n"1,2\n3,"4"\n5,6\n', "f.csv:2: a quote opened here is not closed"),
        ("a,b,a\n1,2,3\n", "f.csv:1: header 'a' occurs twice"),
        ("a,,c\n1,2,3\n", "f.csv:1: column 2 has no name"),
        ("", "f.csv: is empty, not even a header"),
        ("\n \n", "f.csv: is empty, not even a header"),
        (b"PK\x03\x04rest", "f.csv: is a zip archive or Excel workbook, not text"),
        (b"\x1f\x8brest", "f.csv: is gzip-compressed, not text"),
        (b"%PDF-1.7", "f.csv: is a PDF, not text"),
        (
            "a,b\n1,2\n".encode("utf-16"),
            "f.csv: is UTF-16, as its first bytes say; declare encoding: utf-16",
        ),
        (
            "a\nok\nNguy\u1ec5n\n".encode("cp1258", "replace") + b"\xea",
            "f.csv:4: byte 0xea",
        ),
        ("a\nb\ufffd\n", "f.csv:2: holds U+FFFD"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_line(
    content: bytes | str, expected: str
) -> None:
    assert refusal(content).startswith(expected)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-8-sig"])
def test_declared_encodings_decode_vietnamese(encoding: str) -> None:
    table = read("Tên\nNguyễn Đức\n".encode(encoding), encoding=encoding)

    assert table.headers == ("Tên",)
    assert rows_of(table) == [(2, "Nguyễn Đức")]


def test_windows_1258_letters_come_out_composed() -> None:
    """cp1258 writes tone marks as letters of their own; headers are compared composed."""
    content = "Teˆn".encode("cp1252", "ignore") or b""
    content = b"T\xean\nNguy\xea\xden\n"

    table = read(content, encoding="cp1258")

    assert table.headers == ("Tên",)


CELL = st.text(alphabet='ab1,;"\n\r é₫', max_size=4)
GRID = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6
    )
)


@given(GRID, st.sampled_from(["\n", "\r\n"]))
def test_whatever_a_writer_quotes_is_read_back(grid: list[list[str]], end: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    headers = [f"h{number}" for number in range(len(grid[0]))]
    writer.writerows([headers, *grid])

    table = whole(out.getvalue())

    assert [list(row[1:]) for row in rows_of(table)] == grid


def whole(text: str, part_bytes: int = 1 << 20) -> RawTable:
    """Read without leaving out rows of blanks, in parts of some bytes."""
    parts = read_delimited(
        io.BytesIO(text.encode()),
        what="f",
        encoding="utf-8",
        layout=Layout(),
        part_bytes=part_bytes,
    )
    return join_tables([part.read() for part in parts])


@given(grid=GRID, end=st.sampled_from(["\n", "\r\n", "\r"]), quote_all=st.booleans())
def test_parts_of_any_size_are_the_same_file(
    grid: list[list[str]], end: str, *, quote_all: bool
) -> None:
    out = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerows([[f"h{number}" for number in range(len(grid[0]))], *grid])
    expected = whole(out.getvalue())

    for part_bytes in (1, 2, 3, 7):
        table = whole(out.getvalue(), part_bytes)
        assert rows_of(table) == rows_of(expected)
        assert table.broken == expected.broken


CELLS = (
    "",
    "a",
    '"a"',
    '""',
    '"a""b"',
    'a"b',
    'a""',
    '""a',
    '"a"b',
    '"a,b"',
    ' "a"',
    '"',
)
LINE = st.tuples(st.sampled_from(CELLS), st.sampled_from(CELLS)).map(",".join)


@example([',""a'], "\n")
@given(st.lists(LINE, max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_both_readers_agree_however_quotes_stand(lines: list[str], end: str) -> None:
    text = end.join(lines)
    if not _is_line_per_record(text.encode(), ","):
        return
    fast = _read_fast(text.encode(), _Header(("h1", "h2"), 2), first=2, delimiter=",")
    if fast is None:
        return
    strict, used = _read_strict(
        whole_lines(text, is_end=True),
        _Header(("h1", "h2"), 2),
        first=2,
        is_end=True,
        what="f",
        layout=Layout(),
    )

    assert rows_of(fast) == rows_of(strict)
    assert (strict.broken, used) == ((), len(lines))


def test_the_row_as_received_is_json_whatever_it_holds() -> None:
    import json  # noqa: PLC0415 - only here

    table = read('a,"b ""q"""\n"x\ny",back\\slash\n"tab\there",é\n')

    assert [json.loads(text) for text in table.payload_texts()] == [
        {"a": "x\ny", 'b "q"': "back\\slash"},
        {"a": "tab\there", 'b "q"': "é"},
    ]
