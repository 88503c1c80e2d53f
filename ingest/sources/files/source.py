"""The files source: dropped files in, records of one dataset out.

Belongs here: which files of the drop are new tonight, in which order they count, and the
composition decode -> map -> merge -> records. Stays out: each of those steps, landing.

**Modes.** A batch carries its dataset's mode; staging applies it over the batches of a stream
(`macros/file_rows.sql`), newest load date first:

- `replace`: the newest batch is the whole truth. Only the last file by name is read; an
  older file dropped late changes nothing.
- `replace_period`: for each day the newest batch whose covered days (`window_start_date` to
  `window_end_date`) hold it wins as a whole, so a row gone from a corrected file is gone. The
  day of a row is `ingest.periods.period_column`, an instant in the company zone. A file
  covers every month from its first row to its last; a restated daily file, every day.
- `upsert`: newest row per key.
- `append`: rows are never replaced. A dataset that keeps keyless duplicates is landed as
  `append` (every row of every batch stands). Any other is landed as `upsert`: files that
  overlap send some rows again, and a key counts once.

A batch has one span of covered days. When files of one night leave a gap between their
periods and earlier nights loaded something, the files behind the gap wait for the next night:
one span over all of them would erase what lies in the gap.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ingest.archive import archive_file, archived_file
from ingest.config import FilesSource
from ingest.contracts import CONTRACTS
from ingest.errors import ConfigError, ContractViolation, RetryableError
from ingest.sources.files.decode import decode_file, guess_ending
from ingest.sources.files.discover import find_files, nearest_name
from ingest.sources.files.mapping import map_table
from ingest.sources.files.merge import (
    Period,
    Row,
    aggregate_rows,
    covered_periods,
    join_periods,
    resolve_duplicates,
    round_micros,
    supersede_periods,
)
from ingest.sources.protocol import (
    AccountWindow,
    Extract,
    Record,
    Rejected,
    Stream,
)
from ingest.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config import Dataset, SourceConfig
    from ingest.sources.files.table import RawTable
    from ingest.windows import Window

_log = logging.getLogger(__name__)
_REF_DIGITS: Final = 16


@dataclass(frozen=True)
class DroppedFile:
    """One content to load: the name it was dropped under and its SHA-256."""

    name: str
    sha256: str
    is_replay: bool = False


@dataclass(frozen=True)
class _FileRows:
    """What one file holds: its mapped rows and the records that are none."""

    file: DroppedFile
    rows: list[Row]
    rejected: list[Rejected]
    unused_headers: frozenset[str]


class FileDrop:
    """Dropped files as a source; see the module for how modes work."""

    kind = "files"
    entities = tuple(CONTRACTS["files"].values())

    def streams(self, config: SourceConfig) -> tuple[Stream, ...]:
        """Return one stream per configured dataset."""
        source = _files_source(config)
        return tuple(
            Stream(
                kind=self.kind,
                entity=dataset.entity,
                name=source.stream_of(dataset),
                dataset=dataset.name,
            )
            for dataset in source.datasets
        )

    def fetch_files(
        self,
        stream: Stream,
        window: Window,  # noqa: ARG002 - part of the protocol; files have no window
        *,
        config: SourceConfig,
        archive_dir: Path,
        known_files: frozenset[str],
        replay_files: tuple[str, ...],
    ) -> Extract:
        """Return the rows of the dataset's files that no other load date has loaded.

        Raises:
            ContractViolation: a file is not what the configuration says it is.
            FatalSourceError: the folder is not there.
            RetryableError: a file is still being written.
        """
        source = _files_source(config)
        dataset = next(d for d in source.datasets if d.name == stream.dataset)
        files = _choose_files(source, dataset, archive_dir, known_files, replay_files)
        extract = Extract(
            source_name=dataset.history_of or "",
            legal_entity=dataset.legal_entity,
            quarantine_share=Decimal(str(dataset.max_quarantine_share)),
        )
        if files:
            reading = _Reading(source, dataset, archive_dir, bool(known_files))
            extract.mode = landed_mode(dataset)
            extract.is_full_list = dataset.mode == "replace"
            extract.rows = reading.records(extract, files)
        return extract


def landed_mode(dataset: Dataset) -> str:
    """Return the mode staging applies: an append without keyless rows counts a key once."""
    if dataset.mode == "append" and not dataset.keep_duplicates:
        return "upsert"
    return dataset.mode


def _files_source(config: SourceConfig) -> FilesSource:
    if not isinstance(config, FilesSource):
        message = f"source {config.name} is of kind {config.kind}, not files"
        raise ConfigError(message)
    return config


def _choose_files(
    source: FilesSource,
    dataset: Dataset,
    archive_dir: Path,
    known_files: frozenset[str],
    replay_files: tuple[str, ...],
) -> list[DroppedFile]:
    """Return the files to load, oldest first, each archived; equal contents count once."""
    paths = find_files(source.path, dataset.files)
    if not paths and not known_files and not replay_files:
        hint = nearest_name(source.path, dataset.files[0])
        message = f"{source.name}: no file matches {', '.join(dataset.files)}{hint}"
        raise ContractViolation(message)
    contents: dict[str, Path] = {}
    for path in paths:
        contents.setdefault(_hash_settled(path), path)
    if dataset.mode == "replace" and contents:
        newest, path = list(contents.items())[-1]
        contents = {newest: path}
        replay_files = tuple(sha for sha in replay_files if sha == newest)
    replayed = frozenset(replay_files)
    files = [
        DroppedFile(
            _archived_name(archive_dir, sha, dataset.files[0]), sha, is_replay=True
        )
        for sha in replay_files
        if sha not in contents
    ]
    for sha, path in contents.items():
        if sha in known_files and sha not in replayed:
            continue
        if archive_file(path, archive_dir) != sha:
            raise RetryableError(_still_written(path))
        name = path.relative_to(source.path).as_posix()
        files.append(DroppedFile(name, sha, is_replay=sha in replayed))
    return files


def _hash_settled(path: Path) -> str:
    """Return the SHA-256 of a file nobody is writing.

    Raises:
        RetryableError: its size or time changed meanwhile.
    """
    before = path.stat()
    digest = sha256_of(path)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise RetryableError(_still_written(path))
    return digest


def _still_written(path: Path) -> str:
    return f"{path.name}: is still being written; copy under another name, then rename"


def _archived_name(archive_dir: Path, sha256: str, pattern: str) -> str:
    """Return a name for a content whose own name is gone: the pattern's ending, or a guess."""
    ending = PurePosixPath(pattern).suffix
    if not ending or "*" in ending or "?" in ending:
        with archived_file(archive_dir, sha256).open("rb") as content:
            ending = guess_ending(content.read(16))
    return f"archive/{sha256[:_REF_DIGITS]}{ending}"


class _Reading:
    """One reading of one dataset's files."""

    def __init__(
        self,
        source: FilesSource,
        dataset: Dataset,
        archive_dir: Path,
        has_earlier: bool,  # noqa: FBT001 - named by its callers
    ) -> None:
        self.source = source
        self.dataset = dataset
        self.archive_dir = archive_dir
        self.has_earlier = has_earlier
        self.zone = ZoneInfo(source.reporting_timezone)
        self.what = f"{source.name}.{dataset.name}"

    def records(self, extract: Extract, files: list[DroppedFile]) -> Iterator[Record]:
        """Yield the rows that stand; fill the extract's counts and coverage."""
        tables = self._lookup_tables()
        parts = [self._read(number, file, tables) for number, file in enumerate(files)]
        parts = self._without_gap(parts)
        extract.file_sha256s = tuple(part.file.sha256 for part in parts)
        for part in parts:
            extract.rejected.extend(part.rejected)
            extract.unknown_fields.update(part.unused_headers)
        rows = [row for part in parts for row in part.rows]
        received = len(rows) + len(extract.rejected)
        rows, periods = self._merge(rows, extract)
        account = self.dataset.source_account
        extract.coverage.append(
            AccountWindow(
                account,
                start_date=periods[0].start if periods else None,
                end_date=periods[-1].end if periods else None,
            )
        )
        _log.info(
            "files_read",
            extra={
                "stream": self.what,
                "files": [part.file.name for part in parts],
                "received": received,
                "standing": len(rows),
                "absorbed": extract.absorbed,
            },
        )
        for row in rows:
            yield Record(row.values, row.payload, row.ref, account)

    def _merge(
        self, rows: list[Row], extract: Extract
    ) -> tuple[list[Row], list[Period]]:
        """Return the rows that stand, in file order, and the periods they speak for."""
        dataset = self.dataset
        steps = []
        if dataset.aggregate is not None:
            # Each file is added up alone: a later file replaces a sum, it does not add to it.
            by_file: dict[int, list[Row]] = {}
            for row in rows:
                by_file.setdefault(row.file, []).append(row)
            rows = []
            for members in by_file.values():
                steps.append(aggregate_rows(members, dataset.aggregate, what=self.what))
                rows.extend(steps[-1].rows)
        rows = [round_micros(row, dataset) for row in rows]
        periods: list[Period] = []
        if dataset.mode == "replace_period":
            step, periods = supersede_periods(rows, dataset.contract, self.zone)
            steps.append(step)
            rows = step.rows
        step = resolve_duplicates(rows, dataset, what=self.what)
        for done in (*steps, step):
            for cause, count in done.absorbed.items():
                extract.absorbed[cause] = extract.absorbed.get(cause, 0) + count
        return sorted(step.rows, key=lambda row: (row.file, row.line)), periods

    def _read(
        self, number: int, file: DroppedFile, tables: dict[str, RawTable]
    ) -> _FileRows:
        """Return the mapped rows of one file."""
        content = archived_file(self.archive_dir, file.sha256).read_bytes()
        table = decode_file(content, self.dataset, name=file.name)
        if not table.lines and not table.broken and not self.dataset.allow_empty:
            message = (
                f"{file.name}: has a header but no rows; if that means 'none', declare "
                "allow_empty: true"
            )
            raise ContractViolation(message)
        mapped = map_table(table, self.dataset, what=file.name, lookup_tables=tables)
        short = file.sha256[:_REF_DIGITS]
        names = list(mapped.columns)
        versions = mapped.versions or [None] * len(table.lines)
        cells = zip(*mapped.columns.values(), strict=True)
        rows = [
            Row(
                values=dict(zip(names, values, strict=True)),
                payload=payload,
                file=number,
                line=line,
                ref=f"{short}:{line}",
                version=version,
            )
            for values, payload, line, version in zip(
                cells, table.payload_texts(), table.lines, versions, strict=True
            )
        ]
        rejected = [
            Rejected(
                source_ref=f"{short}:{row.line}",
                source_account=self.dataset.source_account,
                column="",
                value_class="",
                reason=row.reason,
            )
            for row in table.broken
        ]
        return _FileRows(file, rows, rejected, mapped.unused_headers)

    def _without_gap(self, parts: list[_FileRows]) -> list[_FileRows]:
        """Return the files whose periods join into one span; later ones wait a night."""
        if self.dataset.mode != "replace_period" or not self.has_earlier:
            return parts
        taken: list[_FileRows] = []
        spans: list[Period] = []
        for part in parts:
            own = covered_periods(part.rows, self.dataset.contract, self.zone)
            joined = join_periods([*spans, *own])
            if len(joined) > 1 and not part.file.is_replay and taken:
                _log.warning(
                    "file_waits", extra={"stream": self.what, "file": part.file.name}
                )
                continue
            taken.append(part)
            spans = joined
        return taken

    def _lookup_tables(self) -> dict[str, RawTable]:
        """Return the tables lookups refer to; of several matches, the last by name."""
        tables: dict[str, RawTable] = {}
        plain = self.dataset.model_copy(update={"skip_rows": 0, "sheet": None})
        for rule in self.dataset.lookup.values():
            if rule.file in tables:
                continue
            paths = find_files(self.source.path, [rule.file])
            if not paths:
                hint = nearest_name(self.source.path, rule.file)
                message = (
                    f"{self.what}: no file matches {rule.file} (for a lookup){hint}"
                )
                raise ContractViolation(message)
            kept = archived_file(
                self.archive_dir, archive_file(paths[-1], self.archive_dir)
            )
            tables[rule.file] = decode_file(
                kept.read_bytes(), plain, name=paths[-1].name
            )
        return tables


SOURCE: Final = FileDrop()
