"""The files source: dropped files in, records of one dataset out.

Belongs here: which files of the drop are new tonight and in which order they count. Stays
out: reading them (`reading`), landing.

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

import fnmatch
import logging
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ingest.archive import archive_file, archived_file
from ingest.config import FilesSource
from ingest.contracts import CONTRACTS
from ingest.errors import ConfigError, ContractViolation, RetryableError
from ingest.sources.files.contents import DroppedFile
from ingest.sources.files.decode import GUESSED_BYTES, guess_ending
from ingest.sources.files.discover import find_files, nearest_name
from ingest.sources.files.proof import (
    Stated,
    check_sha256,
    is_manifest,
    read_manifests,
    still_written,
    wait_until_settled,
)
from ingest.sources.files.reading import REF_DIGITS, Reading
from ingest.sources.protocol import Extract, Stream
from ingest.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.config import Dataset, SourceConfig
    from ingest.windows import Window


_log = logging.getLogger(__name__)


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
        takes_new: bool = True,
    ) -> Extract:
        """Return the rows of the dataset's files that no other load date has loaded.

        Raises:
            ContractViolation: a file is not what the configuration says it is.
            FatalSourceError: the folder is not there.
            RetryableError: a file is still being written.
        """
        source = _files_source(config)
        dataset = next(d for d in source.datasets if d.name == stream.dataset)
        files = _choose_files(
            source,
            dataset,
            archive_dir,
            known_files,
            replay_files,
            takes_new=takes_new,
        )
        extract = Extract(
            source_name=dataset.history_of or "",
            legal_entity=dataset.legal_entity,
            quarantine_share=Decimal(str(dataset.max_quarantine_share)),
        )
        if files:
            extract.mode = landed_mode(dataset)
            extract.is_full_list = dataset.mode == "replace"
            extract.read_as = dataset.reading
            Reading(
                source,
                dataset,
                archive_dir=archive_dir,
                files=files,
                has_earlier=bool(known_files),
                extract=extract,
            ).begin()
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
    *,
    takes_new: bool,
) -> list[DroppedFile]:
    """Return the files to load, oldest first, each archived; equal contents count once.

    Without `takes_new` only what the date loaded before; it is in the archive.
    """
    paths = [
        path
        for path in find_files(source.path, dataset.files)
        if not is_manifest(path.name)
    ]
    if not paths and not known_files and not replay_files:
        hint = nearest_name(source.path, dataset.files[0])
        message = f"{source.name}: no file matches {', '.join(dataset.files)}{hint}"
        raise ContractViolation(message)
    stated = _read_stated(source, dataset, paths, known_files)
    names = {path: path.relative_to(source.path).as_posix() for path in paths}
    proven = [path for path in paths if names[path] in stated]
    unproven = [path for path in paths if names[path] not in stated]
    if dataset.requires_manifest:
        _report_waiting(source, dataset, unproven)
        paths = proven
    else:
        wait_until_settled(unproven, source.settle_seconds)
    contents: dict[str, Path] = {}
    for path in paths:
        contents.setdefault(_hash_settled(path), path)
    if not takes_new:
        contents = {s: path for s, path in contents.items() if s in replay_files}
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
        name = names[path]
        proof = check_sha256(stated[name], sha, name) if name in stated else None
        if archive_file(path, archive_dir) != sha:
            raise RetryableError(still_written(path.name))
        files.append(DroppedFile(name, sha, is_replay=sha in replayed, stated=proof))
    return files


def _read_stated(
    source: FilesSource,
    dataset: Dataset,
    paths: Sequence[Path],
    known_files: frozenset[str],
) -> dict[str, list[Stated]]:
    """Return what manifests say of the dataset's files.

    Raises:
        RetryableError: a manifest names a file that is not there and was never loaded.
    """
    folders = [source.path, *(path.parent for path in paths)]
    found = read_manifests(folders, source.path)
    here = {path.relative_to(source.path).as_posix() for path in paths}
    for name, entries in found.items():
        is_loaded = any(entry.sha256 in known_files for entry in entries)
        is_own = any(fnmatch.fnmatchcase(name, pattern) for pattern in dataset.files)
        if is_own and name not in here and not is_loaded:
            message = f"{name}: its manifest is here and the file is not yet; it waits"
            raise RetryableError(message)
    return {name: entries for name, entries in found.items() if name in here}


def _report_waiting(
    source: FilesSource, dataset: Dataset, unproven: Sequence[Path]
) -> None:
    for path in unproven:
        _log.warning(
            "file_waits_for_manifest",
            extra={"stream": source.stream_of(dataset), "file": path.name},
        )


def _hash_settled(path: Path) -> str:
    """Return the SHA-256 of a file nobody is writing.

    Raises:
        RetryableError: its size or time changed meanwhile.
    """
    before = path.stat()
    digest = sha256_of(path)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise RetryableError(still_written(path.name))
    return digest


def _archived_name(archive_dir: Path, sha256: str, pattern: str) -> str:
    """Return a name for a content whose own name is gone: the pattern's ending, or a guess."""
    path = PurePosixPath(pattern)
    ending = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    if not ending or "*" in ending or "?" in ending:
        with archived_file(archive_dir, sha256).open("rb") as content:
            ending = guess_ending(content.read(GUESSED_BYTES))
    return f"archive/{sha256[:REF_DIGITS]}{ending}"


SOURCE: Final = FileDrop()
