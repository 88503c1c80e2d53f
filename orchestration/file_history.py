"""What was loaded from dropped files before, and what about it a person may want to mend.

Belongs here: files nothing proves to be whole, files read by another mapping than today's.
Stays out: what lies in a drop now (`file_notices`), values without a member (`members`),
loading files again (`backfill`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.config import FilesSource
from ingest.errors import IngestError
from ingest.sources import streams_of
from ingest.sources.files.proof import read_manifests
from orchestration.night_run import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from ingest.config import SourceConfig
    from ingest.manifest import BatchManifest


@dataclass(frozen=True)
class Unproven:
    """A loaded file nothing proves to be whole; `since`: the night that loaded it."""

    stream: str
    file: str
    since: date


@dataclass(frozen=True)
class ReadOtherwise:
    """Files of one source whose rows were read by another mapping than today's.

    `datasets`: those they feed. `first` and `last`: the first and last night that loaded any.
    """

    source: str
    datasets: tuple[str, ...]
    files: int
    first: date
    last: date

    def describe(self) -> str:
        """Return one line: which files, since when."""
        files = f"{self.files} file{'s' if self.files > 1 else ''}"
        span = f"{self.first}" + (f" to {self.last}" if self.last > self.first else "")
        return (
            f"{self.source}: {files} of {', '.join(self.datasets)} loaded {span}, before the "
            "mapping in warehouse.yml was changed, stand as they were read then"
        )

    @property
    def notice(self) -> str:
        """Return the line with the words that mend it."""
        return f"{self.describe()}: {self.command}"

    @property
    def command(self) -> str:
        """Return what reads them again by today's mapping."""
        return (
            f"warehouse backfill --from {self.first} --to {self.last} "
            f"--source {self.source}"
        )


def standing_batches(live: Iterable[BatchManifest]) -> list[BatchManifest]:
    """Return the live batches of files that still count, oldest first."""
    kept: dict[tuple[str, str], list[BatchManifest]] = {}
    for batch in live:
        if batch.kind != "files" or not batch.file_sha256s:
            continue
        batches = kept.setdefault((batch.stream, batch.entity), [])
        # A list that replaces the one before is the whole truth.
        if batch.mode == "replace":
            batches.clear()
        batches.append(batch)
    return [batch for batches in kept.values() for batch in batches]


def find_unproven(
    sources: Iterable[SourceConfig], live: Sequence[BatchManifest]
) -> list[Unproven]:
    """Return the loaded files nothing proves to be whole, the newest first.

    A manifest that came after its file proves it as well: it names the same bytes.
    """
    streams = _streams(sources)
    batches = [b for b in standing_batches(live) if b.unproven and b.stream in streams]
    proven: set[str] = set()
    for source in {id(s): s for b in batches if (s := streams[b.stream][0])}.values():
        proven |= _stated_now(source, batches)
    found = [
        Unproven(batch.stream, name, batch.load_date - DAY)
        for batch in batches
        for sha256, name in batch.unproven.items()
        if sha256 not in proven
    ]
    return sorted(found, key=lambda u: (u.since, u.stream, u.file), reverse=True)


def find_read_otherwise(
    sources: Iterable[SourceConfig], live: Sequence[BatchManifest]
) -> list[ReadOtherwise]:
    """Return the sources some of whose files were read by another mapping than today's."""
    found: dict[str, list[BatchManifest]] = {}
    streams = _streams(sources)
    for batch in standing_batches(live):
        if batch.stream in streams and batch.read_as:
            source, name = streams[batch.stream]
            dataset = next(d for d in source.datasets if d.name == name)
            if batch.read_as != dataset.reading:
                found.setdefault(source.name, []).append(batch)
    return [
        ReadOtherwise(
            source=name,
            datasets=tuple(sorted({streams[b.stream][1] for b in batches})),
            files=sum(len(batch.file_sha256s) for batch in batches),
            first=min(batch.load_date for batch in batches) - DAY,
            last=max(batch.load_date for batch in batches) - DAY,
        )
        for name, batches in found.items()
    ]


def _streams(sources: Iterable[SourceConfig]) -> dict[str, tuple[FilesSource, str]]:
    """Return stream -> its source and the name of its dataset."""
    return {
        stream.name: (source, stream.dataset)
        for source in sources
        if isinstance(source, FilesSource)
        for stream in streams_of(source)
    }


def _stated_now(source: FilesSource, batches: Iterable[BatchManifest]) -> set[str]:
    """Return the SHA-256s the manifests in a drop name; unreadable ones are the night's."""
    names = {name for batch in batches for name in batch.unproven.values()}
    folders = {(source.path / name).parent for name in names}
    stated: set[str] = set()
    for folder in folders:
        if folder.is_dir():
            with suppress(IngestError, OSError):
                found = read_manifests([folder], source.path)
                stated |= {one.sha256 for entries in found.values() for one in entries}
    return stated
