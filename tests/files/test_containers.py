"""Files in zip and gzip: read as if unpacked, and refused early when they are hostile."""

from __future__ import annotations

import gzip
import io
import struct
import time
import zipfile
from typing import TYPE_CHECKING

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.config_files import FilesSource
from ingest.job import extract_entity
from tests.files.landing import AS_OF, NOW, Drop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HEAD = "month,cost_type,channel,amount,currency\n"
CSV = HEAD + "2026-10-01,tool,Facebook,1.5,USD\n2026-11-01,tool,Hà Nội,2,USD\n"
SECONDS = 5


def zipped(
    members: dict[str, bytes | str], packing: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    names = HEAD.strip().split(",")
    rows = [line.split(",") for line in CSV.splitlines()[1:]]
    pq.write_table(
        pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), out
    )
    return out.getvalue()


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def words_of(value: object) -> str:
    """Return a case's name: archives hold the time they were packed, which names none."""
    return value if isinstance(value, str) else "-"


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("c.csv.gz", gzip.compress(CSV.encode()), (2, 3)),
        (
            "c.zip",
            zipped({"deep/er/c.csv": CSV, "__MACOSX/._c.csv": "x", ".DS_Store": "x"}),
            (2, 3),
        ),
        ("c.zip", zipped({"c.csv": CSV}, zipfile.ZIP_LZMA), (2, 3)),
        ("c.zip", zipped({"c.parquet": parquet()}), (1, 2)),
        ("c.parquet.gz", gzip.compress(parquet()), (1, 2)),
        ("c.psv", CSV.replace(",", "|").encode(), (2, 3)),
    ],
    ids=words_of,
)
def test_what_is_packed_lands_as_what_is_not(
    tmp_path: Path, name: str, content: bytes, lines: tuple[int, ...]
) -> None:
    drop = Drop(tmp_path, "costs", {"files": name})
    drop.write(name, content)

    landed = drop.land()

    assert {line: row["channel"] for line, row in landed.rows.items()} == dict(
        zip(lines, ("Facebook", "Hà Nội"), strict=True)
    )


def test_members_by_pattern_are_one_file(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs", {"files": "c.zip", "member": "cost_*.csv"})
    second = CSV.replace("2026", "2025")
    drop.write(
        "c.zip", zipped({"x/cost_2.csv": second, "x/cost_1.csv": CSV, "read.me": "x"})
    )

    import duckdb  # noqa: PLC0415 - only here

    from ingest.job import extract_entity  # noqa: PLC0415 - only here
    from tests.files.landing import AS_OF, NOW  # noqa: PLC0415 - only here

    batch = extract_entity(
        drop.config, drop.stream, root=drop.root, as_of=AS_OF, now=NOW
    )
    refs = duckdb.sql(
        f"select right(_source_ref, 4) as ref, year(month) as year from '{batch.parquet}'"
    ).fetchall()

    assert sorted(refs) == [
        (".1:2", 2026),
        (".1:3", 2026),
        (".2:2", 2025),
        (".2:3", 2025),
    ]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def lying() -> bytes:
    """A member whose list says 10 bytes and that unpacks to 50 million."""
    content = bytearray(zipped({"c.csv": b"0" * 50_000_000}))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark) + place
        content[at : at + 4] = struct.pack("<L", 10)
    return bytes(content)


def newer() -> bytes:
    """An archive whose list says that version 12.5 of the format is needed to read it."""
    content = bytearray(zipped({"c.csv": CSV}))
    content[content.index(b"PK\x01\x02") + 6] = 125
    return bytes(content)


def bent(method: int) -> bytes:
    """A member with a packed byte changed."""
    content = bytearray(zipped({"c.csv": CSV * 1000}, method))
    middle = content.index(b"PK\x01\x02") // 2
    content[middle : middle + 8] = b"\xff" * 8
    return bytes(content)


def crowded(count: int) -> bytes:
    """An archive that lists members it does not have."""
    content = zipped({"a": ""})
    entry, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    listed = content[entry:end] * count
    shown = min(count, 0xFFFF)
    return listed + struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, shown, shown, len(listed), 0, 0
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv.gz", gzip.compress(b"0" * (20 << 20)), "unpacks to more than"),
        ("c.zip", zipped({"c.csv": b"0" * (20 << 20)}), "unpacks to 20,971,520 bytes"),
        ("c.zip", lying(), "damaged"),
        ("c.zip", newer(), "is damaged (zip file version 12.5)"),
        ("c.zip", bent(zipfile.ZIP_DEFLATED), "damaged"),
        ("c.zip", bent(zipfile.ZIP_BZIP2), "damaged"),
        ("c.zip", bent(zipfile.ZIP_LZMA), "damaged"),
        ("c.zip", zipped({f"{n}.csv": "" for n in range(1001)}), "lists 1,001 members"),
        ("c.zip", crowded(1_000_000), "members in 47,000,000 bytes; refused"),
        (
            "c.zip",
            zipped({"c.zip": zipped({"c.csv": CSV})}),
            "is an archive in an archive",
        ),
        (
            "c.zip",
            zipped({"a.csv": CSV, "b.csv": CSV}),
            "holds 2 files; declare which in member",
        ),
        ("c.zip", zipped({}), "holds no file to read"),
        ("c.zip", zipped({"c.exe": "x"}), "cannot be read; drop csv"),
        ("c.zip", zipped({"../../c.csv": CSV}), "'../../c.csv', which leads out of"),
        (
            "c.zip",
            zipped({"c.csv": CSV, "../d.csv": CSV}),
            "which leads out of its folder",
        ),
        ("c.zip", zipped({"/c.csv": CSV}), "'/c.csv', which leads out of its folder"),
        ("c.zip", zipped({"a\\..\\c.csv": CSV}), "which leads out of its folder"),
        ("c.zip", cut(zipped({"c.csv": CSV * 100})), "is not a zip archive, or is cut"),
        ("c.csv.gz", cut(gzip.compress(CSV.encode() * 100)), "is damaged"),
        ("c.csv.gz", CSV.encode(), "is damaged"),
        ("c.xlsx", zipped({"xl/a.xml": "<a/>"}), "is not an xlsx workbook"),
        ("c.xlsx", CSV.encode(), "is not an xlsx workbook"),
        ("c.duckdb", b"\0" * 8 + b"DUCK" + b"\0" * 100, "cannot be read; drop csv"),
        ("c.csv", b"\0" * 8 + b"DUCK" + b"\0" * 100, "is a DuckDB database, not text"),
        ("c.csv", b"SQLite format 3\0", "is a SQLite database, not text"),
        (
            "c.csv",
            zipped({"c.csv": CSV}),
            "is a zip archive or Excel workbook, not text",
        ),
        ("c.csv", gzip.compress(CSV.encode()), "is gzip-compressed, not text"),
        ("c.csv", b"%PDF-1.7", "is a PDF, not text"),
        ("c.csv", b"<!DOCTYPE html><html>sign in</html>", "is a web page"),
        ("c.csv", b"\xd0\xcf\x11\xe0", "is an old Excel workbook"),
        ("c.parquet", b"PAR1" + b"\0" * 50 + b"PAR1", "is not a Parquet file"),
        (
            "c.parquet",
            parquet().replace(b"channel", b"chan\xc3el"),
            "is not a Parquet file, or a damaged one",
        ),
    ],
    ids=words_of,
)
def test_hostile_and_disguised_files_are_refused_early(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    drop = Drop(tmp_path, "costs", {"files": name})
    drop.write(name, content)
    begun = time.process_time()

    assert message in drop.refusal()
    assert time.process_time() - begun < SECONDS


def test_a_month_a_sheet_lands_whole_or_not_at_all(tmp_path: Path) -> None:
    header = ["month", "cost_type", "amount", "currency"]
    months = workbook({
        f"T{month}": [
            header,
            [f"2026-{month:02}-01", "tool", month, "USD"],
            [f"2026-{month:02}-01", "agency", "?" if month == 9 else 2, "USD"],
        ]
        for month in (9, 10)
    })  # fmt: skip
    unsaid = Drop(tmp_path / "a", "costs", {"files": "c.xlsx"})
    unsaid.write("c.xlsx", months)
    assert "2 sheets have cells (T9, T10)" in unsaid.refusal()

    drop = Drop(
        tmp_path / "b",
        "costs",
        {"files": "c.xlsx", "sheet": "T*", "max_quarantine_share": 1},
    )
    drop.write("c.xlsx", months)
    batch = extract_entity(
        drop.config, drop.stream, root=drop.root, as_of=AS_OF, now=NOW
    )
    with duckdb.connect() as con:
        found = con.execute(
            f"select _source_ref, amount from read_parquet('{batch.parquet}') order by 2"
        ).fetchall()
    [sha256] = batch.manifest.file_sha256s
    assert found == [
        (f"{sha256[:16]}.2:3", 2), (f"{sha256[:16]}:2", 9), (f"{sha256[:16]}.2:2", 10),
    ]  # fmt: skip
    assert batch.manifest.quarantined_count == 1


def test_lookups_of_one_workbook_read_the_sheets_they_name(tmp_path: Path) -> None:
    codes = workbook({
        "Kênh": [["code", "name"], ["1", "Facebook"]],
        "Loại": [["code", "name"], ["1", "tool"]],
    })  # fmt: skip

    def lookup(sheet: str | None) -> dict[str, object]:
        rule = {"file": "codes.xlsx", "on": {"code": "code"}, "take": "name"}
        return rule if sheet is None else {**rule, "sheet": sheet}

    def drop(name: str, channel: str | None) -> Drop:
        made = Drop(
            tmp_path / name,
            "costs",
            {
                "files": "c.csv",
                "lookup": {"channel": lookup(channel), "cost_type": lookup("Loại")},
            },
        )
        made.write("c.csv", "month,amount,currency,code\n2026-10-01,1,USD,1\n")
        made.write("codes.xlsx", codes)
        return made

    named = drop("a", "Kênh")
    batch = extract_entity(
        named.config, named.stream, root=named.root, as_of=AS_OF, now=NOW
    )
    with duckdb.connect() as con:
        found = con.execute(
            f"select channel, cost_type from read_parquet('{batch.parquet}')"
        ).fetchall()
    assert found == [("Facebook", "tool")]
    # Another sheet gives other values: what was read by the first one is to be read again.
    readings = set()
    for one in (named, drop("b", "Loại")):
        assert isinstance(one.config, FilesSource)
        readings.add(one.config.datasets[0].reading)
    assert len(readings) == 2
    assert "2 sheets have cells (Kênh, Loại)" in drop("c", None).refusal()
