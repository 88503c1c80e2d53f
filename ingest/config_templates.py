"""A drop of our own templates: which entities its files feed, with nothing declared.

Belongs here: how templates are named and laid out, and the datasets that follow from the
files found. Stays out: writing a template (`orchestration.templates`), other datasets
(`ingest.config_files`).

`templates: true` on a files source means: a workbook named after an entity
(`targets.xlsx`, `targets 2026.xlsx`) feeds it. An entity once loaded stays declared when its
file is taken away, so that what it fed is not published as having no source.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from ingest.contracts import CONTRACTS
from ingest.paths import StreamPath, raw_dir_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ingest.config_files import Dataset

HEADER_LINE: Final = 5
"""Line of a template that holds the column names; title, notes, the example row and the
Vietnamese headers stand above it and so are never read as data."""


def is_template(dataset: Dataset) -> bool:
    """Say whether a dataset's files are laid out as our own templates."""
    return dataset.sheet == (dataset.entity,) and dataset.skip_rows == HEADER_LINE - 1


def template_patterns(entity: str) -> tuple[str, ...]:
    """Return the file names that feed an entity: its own, alone or with an addition."""
    # Not `invoices*`: that would take the lines of invoices, too.
    return (f"{entity}.xlsx", f"{entity}[!a-z_]*.xlsx", f"{entity}_[0-9]*.xlsx")


def template_datasets(
    source: str, folder: Path, *, root: Path | None, but: Iterable[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield entity and dataset of every template dropped in a folder or loaded before.

    `root` is the warehouse's, None = what was loaded is not known; `but` are entities
    declared otherwise.
    """
    names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
    for entity in CONTRACTS["files"]:
        if entity in but:
            continue
        patterns = template_patterns(entity)
        stream = StreamPath(kind="files", entity=entity, stream=f"{source}.{entity}")
        is_known = root is not None and raw_dir_of(root, stream).is_dir()
        if is_known or any(fnmatchcase(n, one) for n in names for one in patterns):
            yield (
                entity,
                {
                    "files": patterns,
                    "sheet": entity,
                    "skip_rows": HEADER_LINE - 1,
                    "number_format": "1234.56",
                    "date_formats": ("iso",),
                    "encoding": "utf-8-sig",
                },
            )
