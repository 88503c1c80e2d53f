"""Bounded growth: what nights leave behind beyond the data itself, and how much of it stays.

Belongs here: which files and how many of each are kept. Stays out: how Dagster's runs are
deleted (`orchestration.instance`), and raw data, archive, ledger, acknowledgements and closes:
they are the warehouse and never pruned.

Runs at the end of every session under the run lock, so it must cost little and never decide
how a night ended.
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from ingest import ledger
from ingest.errors import StorageError
from ingest.landing import waiting_batches
from ingest.storage import disk_errors, sync_directory, sync_file, write_file
from orchestration.lock import is_alive
from orchestration.night import list_nights
from orchestration.publish.pointer import prune_builds, surplus_builds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ingest.landing import LandedBatch
    from ingest.paths import StreamPath
    from orchestration.settings import Home

KEPT_RUNS: Final = 14
"""Dagster runs with all their events (1.5 MB each); night reports tell of older ones."""

_FULL_REPORTS: Final = 14
"""Night reports kept whole; older ones lose what every gate and total said (90 % of them),
which the published build keeps in its quality report anyway."""

_KEPT_REPORTS: Final = 400
"""Night reports kept at all: a year, and the same month of the year before."""

_BLOATED: Final = 2.5
"""File size per byte in use above which the build file is copied into a new one. DuckDB
reuses free blocks and never gives them back; a night that rebuilds every table needs twice
the space, so up to 2 is no waste but room for the next night (measured: 1.9 to 2.0)."""

_SMALL_BYTES: Final = 64 << 20
"""Below this, copying the build file gains nothing worth a second."""

_ASIDE: Final = ".compact"
DIFF_PREFIX: Final = "diff-"
"""Folders `warehouse diff` builds in; a killed one leaves its own behind."""


@dataclass(frozen=True)
class Freed:
    """One kind of leftovers: how many there were and the bytes they took."""

    what: str
    count: int
    size_bytes: int


def prune(home: Home, *, keep_builds: int, dry_run: bool = False) -> list[Freed]:
    """Remove what is beyond its bound, and return it by kind; nothing with `dry_run`.

    Call it under the run lock.

    Raises:
        StorageError: the disk refused.
    """
    with disk_errors("prune the warehouse root"), _engine_errors():
        found = [
            _prune_builds(home, keep=keep_builds, dry_run=dry_run),
            _remove("superseded batches", _superseded(home.root), dry_run=dry_run),
            _remove("dbt logs", _old_logs(home.dbt), dry_run=dry_run),
            _remove("night reports", _old_reports(home.nights), dry_run=dry_run),
            _slim_reports(home.nights, dry_run=dry_run),
            _remove("temporary files", _temporary(home), dry_run=dry_run),
            _compact(home.warehouse, dry_run=dry_run),
            _forget_runs(home.dagster, dry_run=dry_run),
        ]
    return [freed for freed in found if freed.count]


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn what the engine says of the build file into an error of the disk.

    Raises:
        StorageError: the build file is held by another program or cannot be read.
    """
    try:
        yield
    except duckdb.Error as error:
        message = f"the build file was not looked at: {str(error).splitlines()[0]}"
        raise StorageError(message) from error


def describe_freed(found: Iterable[Freed], *, dry_run: bool) -> str:
    """Return what was, or would be, removed, one line per kind."""
    verb = "would free" if dry_run else "freed"
    lines = [
        f"{freed.what}: {verb} {freed.size_bytes / 1e6:,.1f} MB in {freed.count:,}"
        for freed in found
    ]
    return "\n".join(lines) or "Nothing is beyond its bound."


def _prune_builds(home: Home, *, keep: int, dry_run: bool) -> Freed:
    surplus = surplus_builds(home.published, keep=keep)
    size = sum(_size_of(path) for path in surplus)
    if not dry_run:
        prune_builds(home.published, keep=keep)
    return Freed("published builds", len(surplus), size)


def _remove(what: str, paths: Iterable[Path], *, dry_run: bool) -> Freed:
    listed = list(paths)
    size = sum(_size_of(path) for path in listed)
    for path in () if dry_run else listed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return Freed(what, len(listed), size)


def _superseded(root: Path) -> Iterable[Path]:
    """Yield what lies in incoming, quarantine and raw of batches that count no more.

    Of a stream that is held night after night the newest batch says all: it began at the same
    cursor. Files of raw the ledger has never heard of are left alone: after a ledger restored
    from a backup they would be the only copy.
    """
    newest: dict[StreamPath, LandedBatch] = {}
    for waiting in waiting_batches(root):
        older = newest.get(waiting.manifest.stream_path)
        if older is not None:
            yield older.directory
        newest[waiting.manifest.stream_path] = waiting
    promoted = ledger.read(root)
    live = {batch.batch_id for batch in ledger.live(promoted)}
    kept = live | {waiting.manifest.batch_id for waiting in newest.values()}
    for path in (root / "quarantine").glob("*/*/*/*/*.jsonl"):
        if path.stem not in kept:
            yield path
    superseded = {batch.batch_id for batch in promoted} - live
    for path in (root / "raw").glob("*/*/*/*/*.parquet"):
        if path.stem in superseded:
            yield path


def _old_logs(dbt: Path) -> Iterable[Path]:
    """Yield the logs dbt has rotated away; `build.log` holds what the last night said."""
    return sorted((dbt / "logs").glob("dbt.log.*"))


def _old_reports(nights: Path) -> Iterable[Path]:
    return [nights / f"{day}.json" for day in list_nights(nights)[:-_KEPT_REPORTS]]


def _slim_reports(nights: Path, *, dry_run: bool) -> Freed:
    """Take the verdicts of single rules and totals out of older reports."""
    count = size = 0
    for day in list_nights(nights)[-_KEPT_REPORTS:-_FULL_REPORTS]:
        path = nights / f"{day}.json"
        try:
            report = json.loads(path.read_text("utf-8"))
        except ValueError:
            continue
        if not (report.get("gates") or report.get("control_rows")):
            continue
        content = json.dumps({**report, "gates": [], "control_rows": []}, indent=1)
        count += 1
        size += path.stat().st_size - len(content.encode()) - 1
        if not dry_run:
            write_file(path, f"{content}\n".encode())
    return Freed("verdicts in older night reports", count, size)


def _temporary(home: Home) -> Iterable[Path]:
    """Yield what killed processes left: spill files, a copy half made, folders of diffs."""
    spilled = home.warehouse.with_name(f"{home.warehouse.name}.tmp")
    aside = home.warehouse.with_name(f"{home.warehouse.name}{_ASIDE}")
    yield from (path for path in (spilled, aside) if path.exists())
    for folder in home.root.glob(f"{DIFF_PREFIX}*"):
        if not is_alive(int(folder.name.removeprefix(DIFF_PREFIX))):
            yield folder


def _forget_runs(dagster: Path, *, dry_run: bool) -> Freed:
    what = "Dagster runs"
    if not (dagster / "history").is_dir():
        return Freed(what, 0, 0)
    from orchestration.instance import (  # noqa: PLC0415 - loads Dagster, a second
        forget_old_runs,
    )

    count, size = forget_old_runs(dagster, keep=KEPT_RUNS, dry_run=dry_run)
    return Freed(what, count, size)


def _compact(warehouse: Path, *, dry_run: bool) -> Freed:
    """Copy a bloated build file into a new one and put that in its place.

    Raises:
        StorageError: the copy does not hold what the file holds.
    """
    nothing = Freed("free blocks of the build file", 0, 0)
    log = warehouse.with_name(f"{warehouse.name}.wal")
    # A log beside the file belongs to this very file: the next writer takes it in first.
    if not warehouse.is_file() or log.exists():
        return nothing
    before = warehouse.stat().st_size
    if before < _SMALL_BYTES:
        return nothing
    with duckdb.connect(str(warehouse), read_only=True) as con:
        block, used = con.execute(
            "select block_size, used_blocks from pragma_database_size()"
        ).fetchall()[0]
    if before <= _BLOATED * block * used:
        return nothing
    if dry_run:
        return Freed(nothing.what, 1, before - block * used)
    aside = warehouse.with_name(f"{warehouse.name}{_ASIDE}")
    _copy_database(warehouse, aside)
    sync_file(aside)
    aside.replace(warehouse)
    sync_directory(warehouse.parent)
    return Freed(nothing.what, 1, before - warehouse.stat().st_size)


def _copy_database(source: Path, target: Path) -> None:
    with duckdb.connect() as con:
        # Models name their database, and a view keeps that name.
        name = source.stem
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach '{_quoted(source)}' as {name} (read_only)")
        con.execute(f"attach '{_quoted(target)}' as compacted")
        con.execute(f"copy from database {name} to compacted")
        counts = con.execute(
            "select count(*) filter (database_name = $source),"
            " count(*) filter (database_name = 'compacted') from"
            " (from duckdb_tables() select database_name"
            " union all from duckdb_views() select database_name)",
            {"source": name},
        ).fetchall()
        con.execute("detach compacted")
    if counts[0][0] != counts[0][1]:
        target.unlink()
        message = f"{source}: a compact copy differs from it; the file is left as it is"
        raise StorageError(message)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _size_of(path: Path) -> int:
    """Return the bytes below a path; a file linked twice below it counts once."""
    if not path.is_dir():
        return path.stat().st_size
    stats = (inner.stat() for inner in path.rglob("*") if inner.is_file())
    return sum({(s.st_dev, s.st_ino): s.st_size for s in stats}.values())
