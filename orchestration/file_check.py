"""A dry run of dropped files: what they would land, refuse and move, with nothing changed.

Belongs here: landing every dataset into a folder of its own, judging it, and the figures that
follow. Stays out: printing (`cli.files`), comparing (`orchestration.diff`), building aside
(`orchestration.rehearsal`). The warehouse is only read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest import ledger
from ingest.config import FilesSource
from ingest.config_yaml import nearest
from ingest.errors import ConfigError, IngestError
from ingest.job import extract_entity
from ingest.landing import ensure_empty_batches, promote_batch
from ingest.paths import ledger_file, quarantine_dir
from ingest.sources import streams_of
from ingest.sources.files.discover import find_matches
from ingest.storage import sha256_of
from orchestration.diff import BuiltFrom, Side
from orchestration.file_notices import live_rows
from orchestration.gates import judge_batch
from orchestration.ingestion import stream_path
from orchestration.members import LandedRows, find_unmatched, source_words
from orchestration.night_run import DAY
from orchestration.prune import DIFF_PREFIX
from orchestration.rehearsal import build_figures
from orchestration.settings import Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from ingest.landing import LandedBatch
    from ingest.manifest import ControlTotal
    from ingest.sources.protocol import Stream
    from orchestration.members import Unmatched
    from orchestration.settings import Settings

REFERENCE_DIGITS: Final = 16
_LINES_SHOWN: Final = 5


@dataclass
class Refused:
    """Rows refused for one reason in one column: how many, and where the first ones stand."""

    column: str
    reason: str
    rows: int
    places: tuple[str, ...]


@dataclass
class DatasetCheck:
    """What the files of one dataset would bring.

    Rows in = `landed` + `quarantined` + `absorbed`. `problem`: why nothing would land; the
    counts are 0 then, and `refused` holds what is known. `red`: what the raw gate says.
    """

    source: str
    dataset: str
    entity: str
    files: tuple[str, ...]
    landed: int = 0
    quarantined: int = 0
    absorbed: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    totals: tuple[ControlTotal, ...] = ()
    unused: tuple[str, ...] = ()
    unmatched_codes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    red: list[str] = field(default_factory=list)
    problem: str = ""
    rows: LandedRows | None = None

    @property
    def received(self) -> int:
        """Return how many records the files hold."""
        return self.landed + self.quarantined + sum(self.absorbed.values())


@dataclass
class FilesCheck:
    """All datasets, and the values among them that match no member."""

    datasets: list[DatasetCheck]
    unmatched: list[Unmatched]


@contextmanager
def check_files(
    settings: Settings,
    *,
    as_of: date,
    now: datetime,
    dataset: str = "",
    served: Path | None,
) -> Iterator[FilesCheck]:
    """Yield one check of every file in the drops, as if none had been loaded; then clean up.

    Raises:
        ConfigError: there is no such dataset, or no files source.
    """
    chosen = list(_streams(settings, dataset))
    with tempfile.TemporaryDirectory(prefix="warehouse-check-") as folder:
        root = Path(folder)
        checks = [
            _check(source, stream, root=root, as_of=as_of, now=now)
            for source, stream in chosen
        ]
        rows = [check.rows for check in checks if check.rows is not None]
        others = [
            one
            for one in live_rows(settings)
            if (one.stream, one.entity) not in {(r.stream, r.entity) for r in rows}
        ]
        streams = {row.stream for row in rows}
        unmatched = [
            one
            for one in find_unmatched(
                [*rows, *others],
                served,
                sources=source_words(settings.dbt_project_dir),
            )
            if one.stream in streams
        ]
        yield FilesCheck(checks, unmatched)


@contextmanager
def rehearsed_files(
    settings: Settings, *, as_of: date, now: datetime
) -> Iterator[Side]:
    """Build the figures as they would be with what lies in the drops now, and clean up after.

    As of the day readers see, as if the files had been there that night; what was loaded
    before is not loaded again. Batches are linked, not copied.

    Raises:
        IngestError: a file cannot be landed.
        RehearsalError: the models do not build.
    """
    home = settings.home
    aside = home.root.with_name(f"{home.root.name}-{DIFF_PREFIX}files")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _link_raw(home.root, aside)
        there = replace(settings, home=Home(aside))
        ensure_empty_batches(aside)
        for source, stream in _streams(settings, ""):
            batch = extract_entity(source, stream, root=aside, as_of=as_of, now=now)
            if judge_batch(batch, root=aside, as_of=as_of).passed:
                promote_batch(aside, batch)
        ledger.export(aside)
        work = aside / "figures"
        work.mkdir()
        path = build_figures(there, work, settings.dbt_project_dir, as_of)
        yield Side("with these files", path, BuiltFrom(as_of=as_of.isoformat()))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _link_raw(root: Path, aside: Path) -> None:
    """Make a folder beside the warehouse that holds its raw data by link, its ledger by copy."""
    for path in (root / "raw").rglob("*"):
        if path.is_file():
            target = aside / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)
    for path in (ledger_file(root), *(root / "archive").glob("*")):
        if path.is_file():
            target = aside / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _streams(settings: Settings, dataset: str) -> Iterator[tuple[FilesSource, Stream]]:
    known: list[str] = []
    found = False
    for source in settings.config.sources:
        if not isinstance(source, FilesSource):
            continue
        for stream in streams_of(source):
            known.append(stream.name)
            if dataset in {"", stream.name, stream.dataset, stream.entity}:
                found = True
                yield source, stream
    if not found:
        message = (
            f"no dataset {dataset!r}{nearest(dataset, known)}"
            if known
            else f"{settings.config.path} has no source of kind files"
        )
        raise ConfigError(message)


def _check(
    source: FilesSource, stream: Stream, *, root: Path, as_of: date, now: datetime
) -> DatasetCheck:
    dataset = next(d for d in source.datasets if d.name == stream.dataset)
    paths = find_matches(source.path, dataset.files)
    names = {
        sha256_of(path)[:REFERENCE_DIGITS]: path.relative_to(source.path).as_posix()
        for path in paths
        if path.is_file() and not path.is_symlink()
    }
    check = DatasetCheck(source.name, stream.name, stream.entity, tuple(names.values()))
    where = stream_path(stream)
    try:
        batch = extract_entity(source, stream, root=root, as_of=as_of, now=now)
    except IngestError as error:
        check.problem = str(error)
        check.refused = _refused(quarantine_dir(root, where, as_of + DAY), names)
        return check
    _fill(check, batch)
    if dataset.history_of:
        # It speaks in the ids of that source; whether they name a member is not ours to say.
        check.rows = None
    check.refused = _refused(quarantine_dir(root, where, as_of + DAY), names)
    verdict = judge_batch(batch, root=root, as_of=as_of)
    check.red = [] if verdict.passed else [verdict.describe()]
    return check


def _fill(check: DatasetCheck, batch: LandedBatch) -> None:
    manifest = batch.manifest
    check.landed = manifest.row_count
    check.quarantined = manifest.quarantined_count
    check.absorbed = manifest.absorbed
    check.totals = manifest.totals
    check.unused = manifest.unknown_fields
    check.unmatched_codes = manifest.unmatched_codes
    files = (batch.parquet,) if manifest.row_count else ()
    check.rows = LandedRows(manifest.stream, manifest.entity, files)


def _refused(folder: Path, names: dict[str, str]) -> list[Refused]:
    """Return the refused rows by column and reason, each with file and line of the first."""
    counts: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], list[str]] = {}
    for path in folder.glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            found: dict[str, Any] = json.loads(line)
            key = found["column"], found["reason"]
            counts[key] += 1
            sha, _, number = found["source_ref"].partition(":")
            shape = f" ({found['value_class']})" if found["value_class"] else ""
            if len(places.setdefault(key, [])) < _LINES_SHOWN:
                places[key].append(f"{names.get(sha, sha)}:{number}{shape}")
    return [
        Refused(column, reason, count, tuple(places[column, reason]))
        for (column, reason), count in counts.most_common()
    ]
