"""Names nobody should give a file or a column, and files that are no files."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from ingest.errors import IngestError
from tests.files.landing import Drop

if TYPE_CHECKING:
    from pathlib import Path

ROW = "2026-10-01,tool,x,1,USD\n"
HEAD = "month,cost_type,channel,amount,currency"
PARTS = (
    'x"; drop table raw; --',
    "'; drop table raw; --",
    "{{ env_var('HOME') }}",
    "{% raw %}",
    "$(id)",
    "`id`",
    "a b",
    "a\tb",
    "a\nb",
    "a\rb",
    "%2e%2e%2f",
    "..%5c",
    "..",
    "...",
    "~root",
    "-rf",
    "--help",
    "*",
    "?",
    "[a]",
    "a|b",
    "a>b",
    "a&b",
    "a;b",
    "a'b",
    'a"b',
    "a\\b",
    "con",
    "nul",
    "aux.csv",
    "名前",
    "😀",
    "e\u0301",
    "\u202egpj",
    "\u200b",
    "\x1b[31m",
    "\x7f",
    "=cmd()",
    "@SUM",
    "+1",
    "%s%n",
    "${HOME}",
    "<img onerror=x>",
    "a:b",
    "C:x",
    "\ufeffx",
    "x" * 200,
    "x" * 244,
)
NAMES = [
    f"{before}{part}{after}.csv"
    for part in PARTS
    for before, after in (
        ("c", ""),
        ("c ", " "),
        ("c.", ""),
        ("c_", ".csv"),
        ("c", "'"),
    )
    if "/" not in part and len(f"{before}{part}{after}.csv".encode()) <= 255
]


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_two_hundred_names_of_files_are_names(tmp_path: Path) -> None:
    assert len(set(NAMES)) >= 200
    drop = Drop(
        tmp_path / "in",
        "costs",
        {"files": "c*", "mode": "append", "keep_duplicates": True},
    )
    for number, name in enumerate(sorted(set(NAMES))):
        drop.write(name, f"{HEAD}\n{ROW.replace(',1,', f',{number},')}")
    outside = tree(tmp_path) - {p for p in tree(tmp_path) if p.startswith("in/root")}

    landed = drop.land()

    assert len(landed.rows) == len(set(NAMES))
    assert {p for p in tree(tmp_path) if not p.startswith("in/root")} == outside
    archive = {path.name for path in (drop.root / "archive").iterdir()}
    assert all(len(name) == 64 and name.isalnum() for name in archive)


@pytest.mark.parametrize("part", [p for p in PARTS if p != "\u200b"])
def test_any_header_is_a_name(tmp_path: Path, part: str) -> None:
    header = '"' + part.replace('"', '""') + '"'
    drop = Drop(tmp_path, "costs", {"files": "c.csv"})
    drop.write("c.csv", f"{HEAD},{header}\n{ROW.strip()},v\n")

    landed = drop.land()

    assert len(landed.rows) == 1


@pytest.mark.parametrize(
    "pattern",
    ["../c.csv", "/etc/passwd", "a/../../c.csv", "..\\c.csv", "C:c.csv", "a\0b", ""],
)
def test_a_pattern_stays_in_the_drop(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(IngestError, match=r"must stay inside|files"):
        Drop(tmp_path, "costs", {"files": pattern})


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "lookup link"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(f"{HEAD}\n{ROW}")
    drop = Drop(tmp_path, "costs", {"files": "c*.csv"})
    begun = time.process_time()
    if kind == "pipe":
        os.mkfifo(drop.folder / "c.csv")
    elif kind == "folder":
        (drop.folder / "c.csv").mkdir()
    else:
        (drop.folder / "c.csv").symlink_to(secret)

    with pytest.raises(IngestError):
        drop.land()
    assert time.process_time() - begun < 5
    assert not (drop.root / "archive").exists() or not list(
        (drop.root / "archive").iterdir()
    )


def test_a_hard_link_is_the_bytes_it_has(tmp_path: Path) -> None:
    """It cannot be told from a file: its content is copied into the archive and landed."""
    other = tmp_path / "other.csv"
    other.write_text(f"{HEAD}\n{ROW}")
    drop = Drop(tmp_path, "costs", {"files": "c.csv"})
    (drop.folder / "c.csv").hardlink_to(other)

    landed = drop.land()
    other.write_text("changed")

    (sha256,) = landed.manifest.file_sha256s
    assert (drop.root / "archive" / sha256).read_text() == f"{HEAD}\n{ROW}"


def test_values_are_data_whatever_they_look_like(tmp_path: Path) -> None:
    drop = Drop(
        tmp_path,
        "costs",
        {"files": "c.jsonl", "mode": "append", "keep_duplicates": True},
    )
    words = [part for part in PARTS if part.strip() == part and "\u200b" not in part]
    rows = [
        {
            "month": "2026-10-01",
            "cost_type": "tool",
            "channel": word,
            "amount": 1,
            "currency": "USD",
        }
        for word in words
    ]
    drop.write("c.jsonl", "\n".join(map(json.dumps, rows)))

    landed = drop.land()

    import unicodedata  # noqa: PLC0415 - only here

    found = [row["channel"] for row in landed.values]
    assert found == [
        unicodedata.normalize("NFC", word).strip("\ufeff") for word in words
    ]
