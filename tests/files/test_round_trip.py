"""Random typed tables, written in every dialect that can be declared, come back exactly."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import tempfile
import unicodedata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.currencies import EXPONENTS
from tests.files.landing import Drop

if TYPE_CHECKING:
    from decimal import Decimal

COLUMNS = (
    "month",
    "cost_type",
    "department",
    "channel",
    "product_id",
    "amount",
    "currency",
)
FORMATS = (
    "undeclared",
    "1234.56",
    "1234,56",
    "1,234.56",
    "1.234,56",
    "1 234,56",
    "1'234.56",
)
DATES = (
    "iso",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d-thg %m-%Y",
    "excel",
    "excel-1904",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
KINDS = ("csv", "quoted", "wrapped", "fixed", "jsonl", "xlsx", "parquet", "gz", "zip")

TEXT = st.text(
    st.one_of(
        st.sampled_from("aZ0 ,;|\t\n\"'=+-(){}$đườngễ日😀"),
        # Random accented Latin letters look like a wrong encoding, as words do not.
        st.characters(
            min_codepoint=0x250,
            exclude_categories=["C", "Z"],
            exclude_characters="\ufffd",
        ),
    ),
    max_size=6,
).map(lambda text: unicodedata.normalize("NFC", text).strip(" \t\n\u200b\ufeff"))
AMOUNT = st.decimals(-(10**13), 10**13, places=4, allow_nan=False)
ROW = st.fixed_dictionaries(
    {
        "month": st.dates(dt.date(1904, 1, 2), dt.date(2100, 12, 31)),
        "cost_type": st.sampled_from(("tool", "agency", "salary")),
        "department": TEXT,
        "channel": TEXT,
        "product_id": st.from_regex(r"0{0,3}[0-9]{1,6}", fullmatch=True),
        "amount": AMOUNT,
        "currency": st.sampled_from(("VND", "USD", "KWD")),
    }
)


def write_number(value: Decimal, written: str, style: str) -> str:
    """Write a number as people of a country do."""
    sign, digits = ("-" if value < 0 else ""), f"{abs(value):f}"
    whole, _, part = digits.partition(".")
    part = part.rstrip("0")
    group = "" if written == "undeclared" or written[1].isdigit() else written[1]
    point = "." if written == "undeclared" else written[-3]
    if group:
        whole = f"{int(whole):,}".replace(",", group)
    if written == "undeclared" and len(part) == 3:
        part += "0"  # three places say nothing without a declaration
    text = f"{whole}{point}{part}" if part else whole
    if style == "brackets" and sign:
        return f"({text})"
    if style == "behind":
        return f"{text}{sign}"
    return f"{sign}{text}"


def write_day(day: dt.date, written: str) -> str:
    if written == "iso":
        return day.isoformat()
    if written == "excel":
        return str((day - dt.date(1899, 12, 30)).days)
    if written == "excel-1904":
        return str((day - dt.date(1904, 1, 1)).days)
    return day.strftime(written)


def in_unit(row: dict[str, Any], unit: str) -> Decimal:
    powers = {
        "major": 0,
        "minor": EXPONENTS[row["currency"]],
        "micros": 6,
        "thousand": -3,
    }
    return row["amount"].scaleb(powers[unit])


@st.composite
def dialects(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "kind": draw(st.sampled_from(KINDS)),
        "number_format": draw(st.sampled_from(FORMATS)),
        "date_formats": draw(st.sampled_from(DATES)),
        "encoding": draw(st.sampled_from(ENCODINGS)),
        "delimiter": draw(st.sampled_from((",", ";", "|", "\t", "¦", ":"))),
        "end": draw(st.sampled_from(("\n", "\r\n", "\r"))),
        "style": draw(st.sampled_from(("before", "brackets", "behind"))),
        "unit": draw(st.sampled_from(("major", "minor", "micros", "thousand"))),
        "skip_rows": draw(st.sampled_from((0, 0, 2))),
        "mark": draw(st.booleans()),
    }


def grid_of(rows: list[dict[str, Any]], dialect: dict[str, Any]) -> list[list[str]]:
    grid = []
    for row in rows:
        amount = write_number(
            in_unit(row, dialect["unit"]), dialect["number_format"], dialect["style"]
        )
        if dialect["mark"]:
            amount += f"\u00a0{row['currency']}"
        grid.append(
            [
                write_day(row["month"], dialect["date_formats"]),
                row["cost_type"],
                row["department"],
                row["channel"],
                row["product_id"],
                amount,
                row["currency"],
            ]
        )
    return grid


def delimited(grid: list[list[str]], dialect: dict[str, Any], *, quoting: int) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=dialect["delimiter"],
        lineterminator=dialect["end"],
        quoting=quoting,
    )
    writer.writerows([COLUMNS, *grid])
    return out.getvalue()


def write(
    rows: list[dict[str, Any]], dialect: dict[str, Any]
) -> tuple[str, bytes, dict[str, Any]]:
    """Return the name, the bytes and the declaration of a table in a dialect."""
    kind = dialect["kind"]
    declared = {
        key: dialect[key] for key in ("number_format", "date_formats", "encoding")
    }
    declared |= {
        "units": {"amount": dialect["unit"]},
        "delimiter": dialect["delimiter"],
    }
    grid = grid_of(rows, dialect)
    if kind in ("xlsx", "parquet", "jsonl"):
        native = [
            [row["month"], *cells[1:5], in_unit(row, dialect["unit"]), row["currency"]]
            for row, cells in zip(rows, grid, strict=True)
        ]
        return f"c.{kind}", _write_native(kind, native, dialect), declared
    if kind == "fixed":
        grid = [
            [" ".join(cell.split("\t")).replace("\n", " ") for cell in row]
            for row in grid
        ]
        widths = [
            max(len(row[place]) for row in grid) + 1 for place in range(len(COLUMNS))
        ]
        text = "".join(
            "".join(c.ljust(w) for c, w in zip(row, widths, strict=True))
            + dialect["end"]
            for row in grid
        )
        start, fields = 1, {}
        for name, width in zip(COLUMNS, widths, strict=True):
            fields[name] = [start, start + width - 1]
            start += width
        declared["fixed_width"] = fields
    elif kind == "wrapped":
        # Every row's own text ends in a break, so that breaks in its cells are quoted.
        inner = [delimited([row], dialect, quoting=csv.QUOTE_MINIMAL) for row in grid]
        head = delimited([], dialect, quoting=csv.QUOTE_MINIMAL)
        lines = [head, *(row.removeprefix(head) for row in inner)]
        text = "".join(
            '"'
            + line.removesuffix(dialect["end"]).replace('"', '""')
            + '"'
            + dialect["end"]
            for line in lines
        )
        declared["rows_quoted"] = True
    else:
        quoting = csv.QUOTE_ALL if kind == "quoted" else csv.QUOTE_MINIMAL
        text = delimited(grid, dialect, quoting=quoting)
    if dialect["skip_rows"]:
        text = f"Báo cáo{dialect['end']}x{dialect['end']}{text}"
        declared["skip_rows"] = 2
    content = text.encode(dialect["encoding"])
    if kind == "gz":
        return "c.csv.gz", gzip.compress(content, 1), declared
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("c.csv", content)
        return "c.zip", out.getvalue(), declared
    return "c.csv", content, declared


def _write_native(kind: str, rows: list[list[Any]], dialect: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    if kind == "xlsx":
        book = openpyxl.Workbook()
        book.active.append(COLUMNS)
        for row in rows:
            # A spreadsheet keeps fifteen digits of a number; text keeps all.
            cells = [
                *row[:5],
                write_number(row[5], dialect["number_format"], "before"),
                row[6],
            ]
            book.active.append([None if cell == "" else cell for cell in cells])
            for cell in book.active[book.active.max_row]:
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # a word that begins with = is a word
        book.save(out)
    elif kind == "parquet":
        columns = list(zip(*rows, strict=True))
        arrays = [pa.array(column) for column in columns]
        pq.write_table(pa.table(dict(zip(COLUMNS, arrays, strict=True))), out)
    else:
        lines = []
        for row in rows:
            record = dict(zip(COLUMNS, row, strict=True))
            record["month"] = record["month"].isoformat()
            number = f"{record.pop('amount'):f}"
            lines.append(
                json.dumps(record, ensure_ascii=False)[:-1] + f', "amount": {number}}}'
            )
        out.write("\n".join(lines).encode(dialect["encoding"]))
    return out.getvalue()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROW, min_size=1, max_size=5), dialects())
def test_a_table_comes_back_as_it_was_written(
    rows: list[dict[str, Any]], dialect: dict[str, Any]
) -> None:
    name, content, declared = write(rows, dialect)
    with tempfile.TemporaryDirectory() as folder:
        drop = Drop(
            Path(folder),
            "costs",
            {"files": name, "mode": "append", "keep_duplicates": True, **declared},
        )
        drop.write(name, content)

        landed = drop.land()

    found = [{"department": "", "channel": "", **row} for row in landed.values]
    if dialect["kind"] == "fixed":
        rows = [
            row
            | {
                key: " ".join(row[key].split("\t")).replace("\n", " ").strip()
                for key in ("department", "channel")
            }
            for row in rows
        ]
    assert landed.refused == []
    assert found == rows
