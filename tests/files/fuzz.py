"""Random damaged files, each from a seed, and what must hold of whatever comes of them.

Belongs here: making a file and a declaration from a seed, reading it, the properties. Stays
out: how many and for how long (`test_fuzz`; `python -m tests.files.fuzz` runs the long lane).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
import tempfile
import time
import traceback
import unicodedata
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.config import Dataset, load_config
from ingest.conform import Tally, conform_rows
from ingest.errors import IngestError, StorageError
from ingest.landing import _count_rejected, check_nothing_lost
from ingest.sources.files.contents import DroppedFile
from ingest.sources.files.reading import Reading
from ingest.sources.protocol import Extract

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.config import FilesSource

_SHOWN = 3
SECONDS_PER_FILE = 60
"""Processor time no file of some kilobytes may take."""

_BY_WORDS = re.compile("its words are|but is UTF-8")
HEADERS = (
    "month",
    "cost_type",
    "department",
    "channel",
    "product_id",
    "amount",
    "currency",
)
WORDS = (
    "",
    " ",
    "tool",
    "agency",
    "Facebook",
    "Hà Nội",
    "Ha\u0300 No\u0323\u0302i",
    "N/A",
    "-",
    "0",
    "Nguyễn",
    "C«ng ty",
    "Nguyá»…n",
    "'; drop table x; --",
    "{{ 1 }}",
    "=1+1",
    "#REF!",
    "1.23E+15",
    "a\nb",
    'say "x"',
    "Tổng cộng",
    "Total",
    "month",
    "😀",
    "\u200b",
    "x" * 50,
)
AMOUNTS = (
    "1",
    "1.5",
    "1,5",
    "1.234,56",
    "1,234.56",
    "250.000",
    "(1.000)",
    "1.000 ₫",
    "$5",
    "1,5 tỷ",
    "15k",
    "",
    "-",
    "x",
    "1e5",
    "NaN",
    "9" * 40,
    "\u22125",
    "0.00001",
    "1.",
    ".5",
)
DAYS = (
    "2026-10-01",
    "2026-10-02",
    "01/10/2026",
    "46086",
    "",
    "2026-02-30",
    "Total",
    "month",
    "9999-12-31",
    "0001-01-01",
)
CURRENCIES = ("USD", "VND", "usd", "KWD", "", "XXX", "currency")
BITS = (
    b'"',
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\t",
    b'""',
    b'",',
    b'\n"',
    b"\xff",
    b"\xfe",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\xe2\x82\xab",
    b"\xed\xa0\x80",
    b"|",
    b"\\",
    b"'",
    b"\x1a",
    b"\x0c",
    b"\xe2\x80\xa8",
    b"{",
    b"}",
    b'"a":',
    b"null",
    b"1e999",
    b"\\ud800",
    b"[",
    b"\x1f\x8b",
    b"PK\x03\x04",
)
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "cp1258",
    "cp1252",
    "latin-1",
    "utf-32",
)


@dataclass(frozen=True)
class Attempt:
    """A file and how it is declared.

    What is known of one that was not damaged: `records`, how many it holds; `inner`, the file
    it is the archive of.
    """

    name: str
    content: bytes
    declared: dict[str, Any]
    records: int | None = None
    inner: Attempt | None = None


def make_attempt(seed: int) -> Attempt:  # noqa: C901 - one choice after the other
    """Return the file and the declaration of a seed."""
    dice = random.Random(seed)  # noqa: S311 - a seed, not a secret
    delimiter = dice.choice((",", ";", "|", "tab", "¦"))
    mode = dice.choice(("append", "upsert", "replace", "replace_period"))
    declared: dict[str, Any] = {
        "files": "*",
        "mode": mode,
        "delimiter": delimiter,
        "encoding": dice.choice(ENCODINGS),
        "number_format": dice.choice(
            ("undeclared", "1234.56", "1.234,56", "1,234.56", "1 234,56")
        ),
        "date_formats": dice.choice(
            (["iso"], ["%d/%m/%Y"], ["iso", "%d/%m/%Y", "excel"])
        ),
        "max_quarantine_share": 1,
        "rows_quoted": dice.random() < 0.1,
        "skip_rows": int(dice.random() < 0.05),
        "header_rows": 1 + (dice.random() < 0.05),
    }
    if dice.random() < 0.4:
        declared["number_words"] = {"tỷ": 1_000_000_000, "k": 1000}
    if dice.random() < 0.4:
        declared["total_rows"] = {"column": "month", "words": ["Total", "Tổng cộng"]}
    if dice.random() < 0.3:
        declared["nulls"] = {"channel": ["N/A", "-"], "*": ["#REF!"]}
    if dice.random() < 0.3:
        declared["units"] = {"amount": dice.choice(("minor", "micros", "thousand"))}
    if mode != "upsert" and dice.random() < 0.4:
        declared["keep_duplicates"] = True
    rows = [
        [
            dice.choice(DAYS if dice.random() < 0.2 else DAYS[:2]),
            dice.choice(("tool", "agency", "salary", dice.choice(WORDS))),
            dice.choice(WORDS[:6]),
            dice.choice(WORDS),
            str(dice.randrange(40)) if dice.random() < 0.8 else dice.choice(WORDS),
            dice.choice(AMOUNTS if dice.random() < 0.3 else AMOUNTS[:1]),
            dice.choice(CURRENCIES if dice.random() < 0.2 else CURRENCIES[:2]),
        ]
        for _ in range(dice.randrange(30))
    ]
    kind = dice.choice(("csv", "csv", "csv", "csv", "jsonl", "fixed"))
    headers = list(HEADERS) + [""] * dice.choice((0, 0, 0, 2))
    if kind == "jsonl":
        text = "\n".join(
            json.dumps(
                {
                    header: dice.choice((cell, cell, cell, None, 5, 1.5, True, [cell]))
                    for header, cell in zip(HEADERS, row, strict=True)
                },
                ensure_ascii=dice.random() < 0.5,
            )
            for row in rows
        )
    elif kind == "fixed":
        declared |= {"rows_quoted": False, "header_rows": 1}
        widths = (10, 8, 10, 12, 6, 10, 4)
        start, fields = 1, {}
        for header, width in zip(HEADERS, widths, strict=True):
            fields[header] = [start, start + width - 1]
            start += width
        declared["fixed_width"] = fields
        text = "\n".join(
            "".join(c.ljust(w)[:w] for c, w in zip(row, widths, strict=True))
            for row in rows
        )
    else:
        text = _write_delimited(
            dice, headers, rows, "\t" if delimiter == "tab" else delimiter
        )
    if dice.random() < 0.02:
        text = text.replace("a", dice.choice(("\ufffd", "\x85", "\x94")), 1)
    encoding = declared["encoding"] if dice.random() < 0.97 else dice.choice(ENCODINGS)
    content = bytearray(text.encode(encoding, "ignore"))
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2, 10))):
        damage(dice, content)
    name = "f.jsonl" if kind == "jsonl" else dice.choice(("f.csv", "f.txt", "f.tsv"))
    return Attempt(name, bytes(content), declared)


def _write_delimited(
    dice: random.Random, headers: list[str], rows: list[list[str]], delimiter: str
) -> str:
    end = dice.choice(("\n", "\n", "\r\n", "\r"))
    quote_share = dice.choice((0.0, 0.1, 1.0))
    lines = []
    for row in [headers, *rows]:
        cells = [
            '"' + cell.replace('"', '""') + '"'
            if dice.random() < quote_share
            or (delimiter in cell and dice.random() < 0.9)
            else cell
            for cell in row
        ]
        if dice.random() < 0.03:
            cells = cells[: dice.randrange(len(cells))]
        if dice.random() < 0.03:
            cells.append("more")
        lines.append(delimiter.join(cells))
        if dice.random() < 0.02:
            lines.append(lines[0])
    return end.join(lines) + (end if dice.random() < 0.8 else "")


def damage(dice: random.Random, content: bytearray) -> None:
    """Change one place of the bytes."""
    place = dice.randrange(len(content) + 1)
    what = dice.randrange(6)
    if what == 0:
        content[place:place] = dice.choice(BITS)
    elif what == 1:
        del content[place : place + dice.choice((1, 1, 2, 20))]
    elif what == 2 and content:
        content[place % len(content)] ^= 1 << dice.randrange(8)
    elif what == 3:
        content[place:place] = content[place : place + dice.randrange(60)]
    elif what == 4:
        content[place : place + 1] = dice.choice(BITS)
    else:
        del content[place:]


@dataclass(frozen=True)
class Outcome:
    """What came of a file: its rows, what was refused where, or why all of it was."""

    rows: tuple[str, ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()
    absorbed: tuple[tuple[str, int], ...] = ()
    refusal: str = ""


def read(attempt: Attempt, folder: Path, *, part_bytes: int = 4 << 20) -> Outcome:
    """Read a file as landing does, and check what must hold of any file.

    Raises:
        AssertionError: a row is lost or twice, or letters of a wrong encoding land.
    """
    source = _source_of(attempt, folder)
    dataset = source.datasets[0]
    sha256 = hashlib.sha256(attempt.content).hexdigest()
    archive = folder / "archive"
    archive.mkdir(exist_ok=True)
    (archive / sha256).write_bytes(attempt.content)
    extract = Extract(quarantine_share=Decimal(1))
    reading = Reading(
        source,
        dataset,
        archive_dir=archive,
        files=[DroppedFile(attempt.name, sha256)],
        has_earlier=False,
        extract=extract,
        part_bytes=part_bytes,
    )
    reading.begin()
    rows: list[str] = []
    tally = Tally()
    try:
        while True:
            tally, rows = Tally(), []
            for batch in conform_rows(extract.rows, dataset.contract, tally=tally):
                for record in batch.to_pylist():
                    _check_letters(record)
                    rows.append(repr(sorted(record.items(), key=lambda item: item[0])))
            if extract.is_settled():
                break
    except StorageError:
        raise
    except IngestError as error:
        return Outcome(refusal=str(error))
    _count_rejected(extract, tally)
    check_nothing_lost(extract, tally, what="fuzz")
    refused = [(f.source_ref, f.column, f.reason) for f in tally.rejected]
    return Outcome(
        tuple(sorted(rows)),
        tuple(sorted(refused)),
        tuple(sorted(extract.absorbed.items())),
    )


def _check_letters(record: dict[str, Any]) -> None:
    for name, value in record.items():
        if isinstance(value, str) and not name.startswith("_"):
            assert not any(0x80 <= ord(letter) < 0xA0 for letter in value), value
            assert "\ufffd" not in value, value
            assert "\0" not in value, value
            assert unicodedata.is_normalized("NFC", value), value


@cache
def _base(folder: Path) -> FilesSource:
    config = {
        "company": {
            "name": "A",
            "reporting_currency": "VND",
            "timezone": "Asia/Ho_Chi_Minh",
        },
        "sources": [
            {
                "name": "drop",
                "kind": "files",
                "path": str(folder),
                "datasets": {"costs": {"files": "*"}},
            }
        ],
    }
    path = folder / "warehouse.yml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return load_config(path, environ={}).source("drop")


def _source_of(attempt: Attempt, folder: Path) -> FilesSource:
    """Return the source with the attempt's declaration; a whole configuration takes longer."""
    base = _base(folder)
    (dataset,) = base.datasets
    given = {**dataset.model_dump(), **attempt.declared}
    given |= {"entity": "costs", "name": "costs"}
    return base.model_copy(update={"datasets": (Dataset.model_validate(given),)})


def check_seed(seed: int, folder: Path) -> Outcome:
    """Read the file of a seed whole and in small parts: no crash, no hang, one outcome.

    Raises:
        AssertionError: the parts a file is read in change what comes of it.
    """
    return check_attempt(make_attempt(seed), seed, folder)


def check_attempt(attempt: Attempt, seed: int, folder: Path) -> Outcome:
    """Read a file whole and in small parts, as `check_seed` says."""
    begun = time.process_time()
    whole = read(attempt, folder)
    part_bytes = random.Random(seed).choice((64, 513, 2000))  # noqa: S311 - a seed
    parts = read(attempt, folder, part_bytes=part_bytes)
    refusals = whole.refusal, parts.refusal
    # How much of a text is looked at for words of a wrong encoding depends on its parts.
    by_words = any(_BY_WORDS.search(refusal) for refusal in refusals)
    if not all(refusals) and not by_words:
        assert parts == whole, (part_bytes, parts, whole)
    assert time.process_time() - begun < SECONDS_PER_FILE, "hangs"
    return whole


def main() -> int:
    """Run seeds until the time is over; print what was found and how often."""
    # These make their files with what stands above.
    from tests.files.fuzz_packed import check_manifest, check_packed  # noqa: PLC0415 - it reads this module, too

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--first", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=30)
    given = parser.parse_args()
    checks: dict[str, Callable[[int, Path], Outcome]] = {
        "text": check_seed,
        "packed": check_packed,
        "manifest": check_manifest,
    }
    counts: Counter[str] = Counter()
    found: Counter[str] = Counter()
    end = time.monotonic() + given.minutes * 60
    seed = given.first
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while time.monotonic() < end:
            for kind, check in checks.items():
                try:
                    _count(counts, kind, check(seed, folder))
                except Exception as error:  # noqa: BLE001 - any exception is a finding
                    last = traceback.extract_tb(error.__traceback__)[-1]
                    where = f"{kind}: {type(error).__name__} {last.name}:{last.lineno}"
                    found[where] += 1
                    if found[where] <= _SHOWN:
                        sys.stdout.write(f"seed {seed}: {where}: {str(error)[:300]}\n")
                        sys.stdout.flush()
            seed += 1
            if seed % 500 == 0:
                for path in (folder / "archive").iterdir():
                    path.unlink()
    sys.stdout.write(
        f"seeds {given.first} to {seed - 1}: {dict(counts)}; found {dict(found)}\n"
    )
    return 1 if found else 0


def _count(counts: Counter[str], kind: str, outcome: Outcome) -> None:
    counts[f"{kind} {'refused' if outcome.refusal else 'landed'}"] += 1
    counts["rows"] += len(outcome.rows)
    counts["quarantined"] += len({ref for ref, *_ in outcome.refused})
    counts["absorbed"] += sum(count for _, count in outcome.absorbed)


if __name__ == "__main__":
    sys.exit(main())
