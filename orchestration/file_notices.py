"""What a night has to say about dropped files beside its rows: leftovers and strangers.

Belongs here: what lies in a drop and feeds nothing, values that match no member. Stays out:
finding them (`ingest.sources.files.discover`, `orchestration.members`), where they are shown
(the night's summary, `status`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest import ledger
from ingest.config import FilesSource
from ingest.config_yaml import nearest
from ingest.paths import raw_dir
from ingest.sources.files.discover import find_leftovers
from orchestration.members import LandedRows, find_unmatched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.config import SourceConfig
    from orchestration.settings import Settings

_SHOWN: Final = 5


def file_notices(settings: Settings, served: Path | None) -> list[str]:
    """Return one line per thing a person may want to mend; empty = nothing.

    `served`: database file of the build, None = there is none.
    """
    sources = settings.config.sources
    lines = [line for source in sources for line in drop_notices(source)]
    unmatched = find_unmatched(live_rows(settings), served)
    lines += [f"{one.describe()}; map it in values" for one in unmatched[:_SHOWN]]
    if len(unmatched) > _SHOWN:
        more = len(unmatched) - _SHOWN
        lines.append(f"and {more} more values without a member: warehouse files check")
    return lines


def drop_notices(source: SourceConfig) -> Iterator[str]:
    """Yield what lies in a drop and feeds nothing."""
    if not isinstance(source, FilesSource):
        return
    patterns = [pattern for dataset in source.datasets for pattern in dataset.files]
    patterns += [
        rule.file for dataset in source.datasets for rule in dataset.lookup.values()
    ]
    left = find_leftovers(source.path, patterns)
    for name in left.unmatched[:_SHOWN]:
        hint = nearest(name, patterns) if patterns else ""
        yield f"{source.name}: {name} feeds nothing: no dataset matches it{hint}"
    if len(left.unmatched) > _SHOWN:
        more = len(left.unmatched) - _SHOWN
        yield f"{source.name}: and {more} more files no dataset matches"
    if left.litter:
        shown = ", ".join(left.litter[:_SHOWN])
        rest = (
            f" and {len(left.litter) - _SHOWN} more"
            if len(left.litter) > _SHOWN
            else ""
        )
        yield f"{source.name}: ignored {shown}{rest} (locks, hidden or unfinished files)"
    if left.empty:
        yield f"{source.name}: empty folders: {', '.join(left.empty[:_SHOWN])}"


def live_rows(settings: Settings) -> list[LandedRows]:
    """Return what dropped files have brought into raw and what of it stands."""
    root = settings.home.root
    grouped: dict[tuple[str, str], list[Path]] = {}
    for batch in ledger.live(ledger.read(root)):
        if batch.kind != "files" or not batch.row_count:
            continue
        file = raw_dir(root, batch.stream_path, batch.load_date) / batch.parquet_name
        files = grouped.setdefault((batch.stream, batch.entity), [])
        # A list that replaces the one before is the whole truth.
        if batch.mode == "replace":
            files.clear()
        files.append(file)
    return [
        LandedRows(stream, entity, tuple(file for file in files if file.is_file()))
        for (stream, entity), files in grouped.items()
    ]
