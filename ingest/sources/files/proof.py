"""What proves that a dropped file is whole: a manifest beside it, or that nobody writes it.

Belongs here: reading manifests, holding files against them, waiting until a file is left
alone. Stays out: totals inside a file (`apart`), which files are new (`source`).

Without a manifest a workbook, a Parquet file and a zip archive still say where they end: one
that is cut cannot be opened. Text does not, and a gzip file may be cut between two members.

A manifest is JSON in a file named `manifest.json` or `….manifest.json`, written after the
files it names, which lie beside it:

    {"files": [{"file": "costs_2026-10.csv", "sha256": "…", "rows": 120,
                "period": ["2026-10-01", "2026-10-31"], "content": "full"}]}

`sha256` is needed; `rows` counts records, without header and totals; `period` is the inclusive
days the file speaks for; `content` is `full` or `delta`. One entry may stand alone.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import ContractViolation, RetryableError
from ingest.sources.files.merge import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

MANIFEST_ENDING: Final = "manifest.json"
_WITH_END: Final = (".xlsx", ".parquet", ".zip")
_MAX_BYTES: Final = 8 << 20
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_KEYS: Final = frozenset(
    {"file", "sha256", "rows", "period", "content", "schema_version"}
)
_PARTS: Final = ("full", "delta")


@dataclass(frozen=True)
class Stated:
    """What a manifest says of one file; None = it does not say."""

    name: str
    sha256: str
    rows: int | None = None
    period: Period | None = None
    content: str | None = None


def ends_itself(name: str) -> bool:
    """Say whether a file of that name cannot be opened when its end is missing."""
    return name.lower().endswith(_WITH_END)


def is_manifest(name: str) -> bool:
    """Say whether a name is that of a manifest: such a file holds no records."""
    return name.lower().endswith(MANIFEST_ENDING)


def read_manifests(folders: Iterable[Path], root: Path) -> dict[str, list[Stated]]:
    """Return what the manifests in some folders say, by the file's name below the root.

    Raises:
        ContractViolation: one is no manifest.
    """
    found: dict[str, list[Stated]] = {}
    for folder in sorted(set(folders)):
        for path in sorted(folder.iterdir()):
            if not is_manifest(path.name) or path.is_symlink() or not path.is_file():
                continue
            for stated in _read_manifest(path):
                name = (folder / stated.name).relative_to(root).as_posix()
                found.setdefault(name, []).append(stated)
    return found


def check_sha256(stated: Sequence[Stated], sha256: str, name: str) -> Stated:
    """Return the entry a content is proven by.

    Raises:
        ContractViolation: its manifest is of another content.
    """
    for entry in stated:
        if entry.sha256 == sha256:
            return entry
    message = (
        f"{name}: has the SHA-256 {sha256[:16]}…, its manifest says {stated[-1].sha256[:16]}…; "
        "drop the file again, then its manifest"
    )
    raise ContractViolation(message)


def check_stated(
    stated: Stated,
    *,
    rows: int,
    days: Period | None,
    replaces: bool,
    name: str,
) -> None:
    """Hold the rows of a file against its manifest.

    Raises:
        ContractViolation: rows are missing or too many, lie outside the period, or the file
            is a delta where it would replace what it does not hold.
    """
    if stated.rows is not None and stated.rows != rows:
        message = (
            f"{name}: holds {rows} rows, its manifest says {stated.rows}; drop it again"
        )
        raise ContractViolation(message)
    period = stated.period
    if period and days and not (days.start in period and days.end in period):
        message = (
            f"{name}: holds rows from {days.start} to {days.end}, its manifest says "
            f"{period.start} to {period.end}"
        )
        raise ContractViolation(message)
    if replaces and stated.content == "delta":
        message = (
            f"{name}: its manifest says it is a delta, but the dataset replaces what it does "
            "not hold; declare mode: upsert"
        )
        raise ContractViolation(message)


def wait_until_settled(
    paths: Sequence[Path],
    seconds: float,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until files were left alone for some seconds, all of them at once.

    Raises:
        RetryableError: one changed meanwhile, or is gone.
    """
    before = [path.stat() for path in paths]
    ages = [clock() - state.st_mtime for state in before]
    # A time to come is of another clock: it tells no age, so the file is waited for.
    if not any(age < seconds for age in ages):
        return
    sleep(max(seconds - max(age, 0) for age in ages))
    for path, state in zip(paths, before, strict=True):
        try:
            now = path.stat()
        except FileNotFoundError:
            raise RetryableError(still_written(path.name)) from None
        if (now.st_size, now.st_mtime_ns) != (state.st_size, state.st_mtime_ns):
            raise RetryableError(still_written(path.name))


def still_written(name: str) -> str:
    """Return the message of a file that is not left alone."""
    return f"{name}: is still being written; copy under another name, then rename"


def _read_manifest(path: Path) -> list[Stated]:
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(_MAX_BYTES))
        entries = (
            content.get("files", [content]) if isinstance(content, dict) else content
        )
        return [_read_entry(entry) for entry in entries]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        message = (
            f"{path.name}: is no manifest ({error}); see the documentation of files"
        )
        raise ContractViolation(message) from None


def _read_entry(entry: dict[str, Any]) -> Stated:
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        message = f"unknown key {unknown[0]!r}"
        raise ValueError(message)
    name, sha256 = entry["file"], str(entry["sha256"]).lower()
    if not isinstance(name, str) or "/" in name or "\\" in name or name in ("", ".."):
        message = "file is the name of a file beside it"
        raise ValueError(message)
    if not _SHA256.fullmatch(sha256):
        message = "sha256 is 64 hexadecimal digits"
        raise ValueError(message)
    rows = entry.get("rows")
    if rows is not None and (
        not isinstance(rows, int) or isinstance(rows, bool) or rows < 0
    ):
        message = "rows is a whole number"
        raise ValueError(message)
    content = entry.get("content")
    if content is not None and content not in _PARTS:
        message = "content is full or delta"
        raise ValueError(message)
    period = None
    if entry.get("period") is not None:
        start, end = map(dt.date.fromisoformat, entry["period"])
        if end < start:
            message = "period ends before it begins"
            raise ValueError(message)
        period = Period(start, end)
    return Stated(name, sha256, rows, period, content)
