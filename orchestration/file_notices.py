"""What a night has to say about dropped files beside its rows: leftovers and strangers.

Belongs here: what lies in a drop and feeds nothing, values that match no member. Stays out:
finding them (`ingest.sources.files.discover`, `orchestration.members`), where they are shown
(the night's summary, `status`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingest import ledger
from ingest.config import FilesSource
from ingest.contracts import CONTRACTS
from ingest.paths import raw_dir
from ingest.sources.files.discover import find_leftovers
from orchestration.file_history import find_read_otherwise, standing_batches
from orchestration.header_words import NOISE, likeness, plain
from orchestration.members import (
    LandedRows,
    describe_all,
    find_unmatched,
    source_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ingest.config import SourceConfig
    from orchestration.members import Unmatched
    from orchestration.settings import Settings

_SHOWN: Final = 5
_NEAR: Final = 0.75


def file_notices(settings: Settings, served: Path | None) -> list[str]:
    """Return one line per thing a person may want to mend; empty = nothing.

    `served`: database file of the build, None = there is none.
    """
    sources = settings.config.sources
    lines = list(drop_notices(sources))
    strangers = find_unmatched(
        live_rows(settings), served, sources=source_words(settings.dbt_project_dir)
    )
    told = describe_all([s for s in strangers if not _is_mapped(s, sources)])
    lines += told[:_SHOWN]
    if len(told) > _SHOWN:
        more = len(told) - _SHOWN
        lines.append(f"and {more} more words without a member: warehouse files check")
    live = ledger.live(ledger.read(settings.home.root))
    return [*lines, *(one.notice for one in find_read_otherwise(sources, live))]


def _is_mapped(stranger: Unmatched, sources: Iterable[SourceConfig]) -> bool:
    """Return whether a word is mapped today: then its rows only wait to be read again."""
    return any(
        stranger.value in dataset.values.get(stranger.column, {})
        for source in sources
        if isinstance(source, FilesSource)
        for dataset in source.datasets
        if source.stream_of(dataset) == stranger.stream
    )


def drop_notices(sources: Iterable[SourceConfig]) -> Iterator[str]:
    """Yield what lies in a drop and feeds nothing; sources may share one."""
    drops: dict[Path, list[FilesSource]] = {}
    for source in sources:
        if isinstance(source, FilesSource):
            drops.setdefault(source.path.resolve(), []).append(source)
    for sharing in drops.values():
        yield from _drop_notices(sharing)


def _drop_notices(sources: Sequence[FilesSource]) -> Iterator[str]:
    """Yield what lies in one drop and feeds none of its sources."""
    names = ", ".join(source.name for source in sources)
    datasets = [dataset for source in sources for dataset in source.datasets]
    patterns = [pattern for dataset in datasets for pattern in dataset.files]
    patterns += [rule.file for dataset in datasets for rule in dataset.lookup.values()]
    left = find_leftovers(sources[0].path, patterns)
    if any(source.templates for source in sources):
        patterns += [f"{entity}.xlsx" for entity in CONTRACTS["files"]]
    hints = {name: _nearest_pattern(name, patterns) for name in left.unmatched}
    meant = [name for name, hint in hints.items() if hint]
    for name in meant[:_SHOWN]:
        yield f"{names}: {name} feeds nothing{hints[name]}"
    others = [name for name in left.unmatched if name not in meant[:_SHOWN]]
    if others:
        rest = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        yield f"{names}: feed nothing: {', '.join(others[:_SHOWN])}{rest}"
    if left.litter:
        shown = ", ".join(left.litter[:_SHOWN])
        rest = (
            f" and {len(left.litter) - _SHOWN} more"
            if len(left.litter) > _SHOWN
            else ""
        )
        yield f"{names}: ignored {shown}{rest} (locks, hidden or unfinished files)"
    if left.empty:
        yield f"{names}: empty folders: {', '.join(left.empty[:_SHOWN])}"


def _nearest_pattern(name: str, patterns: Sequence[str]) -> str:
    """Return a hint at the pattern a name was probably meant for, '' = none is near."""
    wanted = _core(name)
    scored = [
        # Of patterns alike, a plain name says best what to call the file.
        (likeness(wanted, _core(pattern)), not set("*?[") & set(pattern), pattern)
        for pattern in patterns
    ]
    best, _, pattern = max(scored, default=(0.0, False, ""))
    return f"; did you mean it for {pattern!r}?" if best >= _NEAR else ""


def _core(name: str) -> str:
    """Return the words of a file's name that say what it is: no digits, no `export`."""
    words = re.findall(r"[a-z]+", plain(name.rpartition(".")[0]))
    return "_".join(word for word in words if word not in NOISE)


def live_rows(settings: Settings) -> list[LandedRows]:
    """Return what dropped files have brought into raw and what of it stands.

    Histories of another source are left out: they speak in that source's ids.
    """
    root = settings.home.root
    histories = {
        source.stream_of(dataset)
        for source in settings.config.sources
        if isinstance(source, FilesSource)
        for dataset in source.datasets
        if dataset.history_of
    }
    grouped: dict[tuple[str, str], list[Path]] = {}
    for batch in standing_batches(ledger.live(ledger.read(root))):
        if batch.row_count and batch.stream not in histories:
            folder = raw_dir(root, batch.stream_path, batch.load_date)
            files = grouped.setdefault((batch.stream, batch.entity), [])
            files.append(folder / batch.parquet_name)
    return [
        LandedRows(stream, entity, tuple(file for file in files if file.is_file()))
        for (stream, entity), files in grouped.items()
    ]
