"""Random workbooks, Parquet files, archives and manifests, hostile inside or damaged outside.

Belongs here: making them from a seed, and what must hold beyond what holds of any file: an
archive is its content, an undamaged table loses no row, a manifest is read or refused. Stays
out: text files and reading (`fuzz`).
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import random
import re
import struct
import zipfile
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.utils import get_column_letter

from ingest.errors import ContractViolation
from ingest.sources.files.proof import read_manifests
from tests.files.fuzz import (
    AMOUNTS,
    CURRENCIES,
    HEADERS,
    WORDS,
    Attempt,
    Outcome,
    check_attempt,
    damage,
    make_attempt,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OF_TEXT = ("fixed_width", "rows_quoted", "header_rows", "skip_rows", "delimiter")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DAYS: tuple[object, ...] = (
    "2026-10-01",
    "2026-10-02",
    dt.date(2026, 10, 1),
    dt.datetime(2026, 10, 2, 9, 30),  # noqa: DTZ001 - cells know no zone
    46086,
    46086.5,
    "Total",
    "month",
)
_NUMBERS: tuple[object, ...] = (
    *(1, 0, -5, 10**15, 10**20, 1.5, -0.001, 1e300, 1e-300, 0.1 + 0.2, True),
    Decimal("12.345678901234"),
)
_SHEET = "xl/worksheets/sheet1.xml"
_LIES: tuple[tuple[bytes, bytes], ...] = (
    (b"<sheetData>", b'<sheetData><row r="1048576"><c r="A1048576"><v>1</v></c></row>'),
    (b'r="A2"', b'r="XFE2"'),
    (b'r="B2"', b'r="0"'),
    (b't="s"', b't="q"'),
    (b"<v>0</v>", b"<v>99999999</v>"),
    (b"<v>1</v>", b"<v>-1</v>"),
    (b"<v>", b"<v>1e999"),
    (b"</row>", b"</row><row>"),
    (b"</sheetData>", b"</sheetData></sheetData>"),
    (b"<worksheet", b'<!DOCTYPE w [<!ENTITY a "aaaa">]><worksheet'),
    (b"</worksheet>", b""),
    (b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>'),
)
_NAMES = ("../../f.csv", "/etc/f.csv", "C:\\f.csv", "a/../f.csv", "f.csv/", "é.csv", "")


def make_packed(seed: int) -> Attempt:
    """Return the workbook, Parquet file or archive of a seed, and its declaration."""
    dice = random.Random(seed)  # noqa: S311 - a seed, not a secret
    make: Callable[[random.Random, int], Attempt] = dice.choice(
        (_workbook, _workbook, _parquet, _parquet, _zip, _gzip)
    )
    attempt = make(dice, seed)
    times = dice.choice((0, 0, 0, 0, 1, 1, 2, 10))
    if not times:
        return attempt
    content = bytearray(attempt.content)
    for _ in range(times):
        damage(dice, content)
    return replace(attempt, content=bytes(content), records=None, inner=None)


def check_packed(seed: int, folder: Path) -> Outcome:
    """Read the file of a seed: as any file, and as what it holds where that is known.

    Raises:
        AssertionError: a row is lost or twice, or an archive is not its content.
    """
    attempt = make_packed(seed)
    outcome = check_attempt(attempt, seed, folder)
    if attempt.records is not None and not outcome.refusal:
        refused = {ref for ref, *_ in outcome.refused}
        absorbed = sum(count for _, count in outcome.absorbed)
        found = len(outcome.rows) + len(refused) + absorbed
        assert found == attempt.records, (found, attempt.records)
    if attempt.inner is not None:
        plain = read(attempt.inner, folder)
        assert bool(plain.refusal) == bool(outcome.refusal), (
            plain.refusal,
            outcome.refusal,
        )
        assert _without_file(plain) == _without_file(outcome)
    return outcome


def check_manifest(seed: int, folder: Path) -> Outcome:
    """Read the manifest of a seed: what it states, or why it is none.

    Raises:
        AssertionError: it states something it cannot.
    """
    dice = random.Random(seed)  # noqa: S311 - a seed, not a secret
    place = folder / "manifests"
    place.mkdir(exist_ok=True)
    (place / "manifest.json").write_bytes(_manifest(dice))
    try:
        found = read_manifests([place], place)
    except ContractViolation as error:
        return Outcome(refusal=str(error))
    for name, entries in found.items():
        assert "/" not in name, name
        assert "\\" not in name, name
        for entry in entries:
            assert re.fullmatch("[0-9a-f]{64}", entry.sha256), entry
            assert entry.rows is None or entry.rows >= 0, entry
            assert entry.period is None or entry.period.start <= entry.period.end
    return Outcome(tuple(found))


def _declared(dice: random.Random, seed: int) -> dict[str, Any]:
    declared = make_attempt(seed).declared
    kept = {name: v for name, v in declared.items() if name not in _OF_TEXT}
    kept |= {"encoding": "utf-8", "skip_rows": int(dice.random() < 0.05)}
    if dice.random() < 0.6:
        # Rows of one key would refuse most of the files.
        kept |= {"mode": "append", "keep_duplicates": True}
    return kept


def _rows(dice: random.Random) -> list[list[object]]:
    """Return rows whose first cell is never blank: each is one record."""
    return [
        [
            dice.choice(_DAYS if dice.random() < 0.3 else _DAYS[:2]),
            dice.choice(("tool", "agency", "salary", dice.choice(WORDS))),
            dice.choice((*WORDS, None)),
            dice.choice((*WORDS, 5, None)),
            dice.choice((*WORDS, dice.randrange(40))),
            dice.choice((*AMOUNTS, *_NUMBERS) if dice.random() < 0.5 else ("1", 2)),
            dice.choice(CURRENCIES if dice.random() < 0.2 else CURRENCIES[:2]),
        ]
        for _ in range(dice.randrange(25))
    ]


def _workbook(dice: random.Random, seed: int) -> Attempt:
    declared, rows = _declared(dice, seed), _rows(dice)
    if "total_rows" in declared and dice.random() < 0.5:
        del declared["total_rows"]
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    page = book.create_sheet("data")
    for _ in range(declared["skip_rows"]):
        page.append(["a title"])
    page.append(list(HEADERS))
    for row in rows:
        more = [dice.choice(("", "x"))] if dice.random() < 0.03 else []
        page.append(
            [_ILLEGAL.sub("", c) if isinstance(c, str) else c for c in (*row, *more)]
        )
    if dice.random() < 0.2:
        at = f"{get_column_letter(dice.randrange(1, 8))}{dice.randrange(1, 30)}"
        page.merge_cells(f"{at}:H31")
        rows = []  # what a merge leaves of the rows below it is the library's affair
    if dice.random() < 0.3:
        book.create_sheet("more").append(["x"])
        declared |= {"sheet": dice.choice(("data", "data", "more", "none"))}
    content = io.BytesIO()
    book.save(content)
    packed = content.getvalue()
    known: int | None = len(rows) or None
    if declared.get("sheet", "data") != "data":
        known = None
    if dice.random() < 0.3:
        packed, known = _lie(dice, packed), None
    return Attempt("f.xlsx", packed, declared, records=known)


def _lie(dice: random.Random, packed: bytes) -> bytes:
    """Return the workbook with a sheet that says what is not so, well packed."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        left_out = dice.choice(old.namelist()) if dice.random() < 0.3 else ""
        for name in old.namelist():
            content = old.read(name)
            if name == _SHEET:
                for _ in range(dice.choice((1, 1, 3))):
                    content = content.replace(*dice.choice(_LIES), dice.choice((1, -1)))
            if name != left_out:
                new.writestr(name, content)
    return out.getvalue()


def _parquet(dice: random.Random, seed: int) -> Attempt:
    declared, rows = _declared(dice, seed) | {"skip_rows": 0}, _rows(dice)
    columns: dict[str, pa.Array] = {}
    for number, name in enumerate(HEADERS):
        cells = [row[number] for row in rows]
        texts = [None if c is None else str(c) for c in cells]
        columns[name] = dice.choice(_WRITERS)(dice, [_lone_free(t) for t in texts])
    if dice.random() < 0.2:
        columns["more"] = pa.array([[1, None]] * len(rows))
    names = list(columns)
    if dice.random() < 0.05:
        names[-1] = names[0]
    table = pa.Table.from_arrays(list(columns.values()), names)
    out = io.BytesIO()
    pq.write_table(
        table,
        out,
        compression=dice.choice(("none", "snappy", "zstd", "gzip", "brotli", "lz4")),
        row_group_size=dice.choice((1, 7, 10_000)),
        use_dictionary=dice.random() < 0.5,
    )
    return Attempt("f.parquet", out.getvalue(), declared, records=len(rows) or None)


def _lone_free(text: str | None) -> str | None:
    return None if text is None else _ILLEGAL.sub("", text)


def _as_text(dice: random.Random, texts: list[str | None]) -> pa.Array:
    kind = dice.choice((pa.string(), pa.string(), pa.large_string(), pa.string_view()))
    found = pa.array(texts, pa.string())
    return found.dictionary_encode() if dice.random() < 0.1 else found.cast(kind)


def _as_bytes(dice: random.Random, texts: list[str | None]) -> pa.Array:
    end = dice.choice((b"", b"", b"\xff", b"\0"))
    values = [None if t is None else t.encode() + end for t in texts]
    return pa.array(values, pa.binary())


def _as_broken_text(dice: random.Random, texts: list[str | None]) -> pa.Array:
    """Return text that is no UTF-8, as a careless writer leaves it."""
    ends = [
        None if t is None else t.encode() + dice.choice((b"", b"\xff")) for t in texts
    ]
    found = pa.array(ends, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(found), found.buffers())


def _as_number(dice: random.Random, texts: list[str | None]) -> pa.Array:
    kind = dice.choice(
        (pa.int64(), pa.float64(), pa.float32(), pa.decimal128(38, 10), pa.bool_(),
         pa.date32(), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.time64("us"),
         pa.duration("s"), pa.uint64(), pa.null())
    )  # fmt: skip
    if pa.types.is_null(kind):
        return pa.nulls(len(texts))
    top = dice.choice((2, 40_000, 2**31 - 1))
    values = [None if t is None else dice.randrange(-top, top) for t in texts]
    small = pa.array(values, pa.int32())
    if pa.types.is_date32(kind) or pa.types.is_boolean(kind):
        return small.cast(kind)
    return small.cast(pa.int64()).cast(kind, safe=False)  # fmt: skip


def _as_nested(dice: random.Random, texts: list[str | None]) -> pa.Array:
    return pa.array(
        [dice.choice((None, {"a": t, "b": [t]})) for t in texts],
        pa.struct([("a", pa.string()), ("b", pa.list_(pa.string()))]),
    )


_WRITERS = (
    *(_as_text,) * 10,
    _as_bytes,
    _as_broken_text,
    _as_number,
    _as_number,
    _as_nested,
)


_METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
    zipfile.ZIP_LZMA,
)


def _zip(dice: random.Random, seed: int) -> Attempt:
    inner = make_attempt(seed)
    declared = dict(inner.declared)
    name = inner.name
    out = io.BytesIO()
    is_plain = True
    with zipfile.ZipFile(out, "w", dice.choice(_METHODS)) as archive:
        archive.writestr(name, inner.content)
        if dice.random() < 0.3:
            archive.writestr(dice.choice((".DS_Store", "__MACOSX/x", "d/")), b"")
        if dice.random() < 0.3:
            is_plain = False
            archive.writestr(dice.choice(_NAMES) or "x", inner.content)
            declared["member"] = dice.choice(("*", name, "d/*", "none", "*.csv"))
        if dice.random() < 0.1:
            archive.comment = dice.randbytes(40)
    content = out.getvalue()
    if dice.random() < 0.2:
        is_plain = False
        content = _lie_of_sizes(dice, content)
    return Attempt("f.zip", content, declared, inner=inner if is_plain else None)


def _lie_of_sizes(dice: random.Random, content: bytes) -> bytes:
    """Return the archive with a header of a member that says another size or packing."""
    changed = bytearray(content)
    place = content.find(b"PK\x01\x02") if dice.random() < 0.5 else 0
    offset, width = dice.choice(((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (42, 4)))
    value = dice.choice((0, 1, 9, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
    code = "<H" if width == 2 else "<L"
    changed[place + offset : place + offset + width] = struct.pack(
        code, value & ((1 << (8 * width)) - 1)
    )
    return bytes(changed)


def _gzip(dice: random.Random, seed: int) -> Attempt:
    inner = make_attempt(seed)
    cut = dice.randrange(len(inner.content) + 1)
    parts = (inner.content[:cut], inner.content[cut:])
    packed = b"".join(map(gzip.compress, parts if dice.random() < 0.5 else parts[:0]))
    packed = packed or gzip.compress(inner.content)
    name = f"{inner.name}.gz"
    if dice.random() < 0.1:
        return Attempt(name, packed + dice.randbytes(5), inner.declared)
    return Attempt(name, packed, inner.declared, inner=inner)


def _without_file(outcome: Outcome) -> Outcome:
    """Return an outcome without the names and hashes of the file it came from."""
    rows = tuple(sorted(re.sub(r"[0-9a-f]{16}:", ":", row) for row in outcome.rows))
    refused = tuple(sorted((r.partition(":")[2], c, w) for r, c, w in outcome.refused))
    return Outcome(rows, refused, outcome.absorbed, "refused" * bool(outcome.refusal))


def _manifest(dice: random.Random) -> bytes:
    sha256 = hashlib.sha256(dice.randbytes(1)).hexdigest()
    odd: tuple[object, ...] = (
        None, -1, 10**30, 1.5, "x", "", [], {}, True, "../c.csv", "c\0.csv", "..",
        "2026-02-30", ["2026-10-31", "2026-10-01"], ["2026-10-01"], "C" * 64, "NaN",
    )  # fmt: skip
    good: dict[str, object] = {
        "file": "c.csv",
        "sha256": sha256,
        "rows": 2,
        "period": ["2026-10-01", "2026-10-31"],
        "content": "full",
        "schema_version": 1,
    }
    entries: list[object] = []
    for _ in range(dice.randrange(4)):
        entry: dict[str, object] = {
            k: v for k, v in good.items() if dice.random() < 0.9
        }
        for name in list(good):
            if dice.random() < 0.08:
                entry[name] = dice.choice(odd)
        if dice.random() < 0.05:
            entry["more"] = 1
        entries.append(entry if dice.random() < 0.95 else dice.choice(odd))
    whole: object = dice.choice(
        ({"files": entries}, entries, entries[0] if entries else {}, dice.choice(odd))
    )
    content = bytearray(json.dumps(whole).encode())
    if dice.random() < 0.05:
        content = bytearray(b"[" * 100_000)
    for _ in range(dice.choice((0, 0, 1, 3))):
        damage(dice, content)
    return bytes(content)
