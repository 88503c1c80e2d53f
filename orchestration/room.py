"""Room on the disk: enough to start a night, and what to say when it ran out.

Belongs here: what a night may need, what is free, errors of a full or refusing disk as one
clear `StorageError`. Stays out: writing anything.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ingest import ledger
from ingest.config_files import FilesSource
from ingest.errors import (
    EXIT_STORAGE_IO,
    EXIT_STORAGE_WRITE,
    IngestError,
    StorageError,
    causes,
)
from ingest.paths import TEMPORARY
from ingest.sources.files.discover import find_files
from ingest.storage import Trouble, trouble_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestration.settings import Settings

_BUILDS: Final = 3
"""A night needs a new build file, a new published build and spill space at most."""
_COPIES: Final = 3
"""Bytes landed lie as spool, as Parquet and, of dropped files, in the archive."""


def free_bytes(path: Path) -> int:
    """Return the bytes an ordinary user may still write where a path lies or will lie."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def needed_bytes(settings: Settings) -> int:
    """Return what a night may write: three times the last build, and what comes in."""
    home = settings.home
    sizes = [_size(home.warehouse)]
    current = home.published / "current"
    if current.exists():
        sizes.append(sum(_size(path) for path in current.resolve().rglob("*")))
    return _BUILDS * max(sizes) + _COPIES * expected_input(settings)


def expected_input(settings: Settings) -> int:
    """Return the bytes tonight's extracts may have: like the last ones, and new drops."""
    batches = ledger.live(ledger.read(settings.home.root))
    last = {batch.stream_path: batch for batch in batches if batch.kind != "files"}
    landed = max((batch.extracted_at.timestamp() for batch in batches), default=0.0)
    drops = {
        path
        for source in settings.config.sources
        if isinstance(source, FilesSource) and source.path.is_dir()
        for dataset in source.datasets
        for path in find_files(source.path, dataset.files)
    }
    new = sum(path.stat().st_size for path in drops if path.stat().st_mtime > landed)
    return sum(batch.parquet_bytes for batch in last.values()) + new


def check_room(settings: Settings, *, free: Callable[[Path], int] = free_bytes) -> None:
    """Refuse to start a night that may not fit, or could not be written in the end.

    Raises:
        OSError: a folder the night writes to cannot be written.
        StorageError: too little is free on a disk the night writes to.
    """
    needed = needed_bytes(settings)
    for place in (settings.home.root, settings.home.published):
        _try_to_write(place)
        found = free(place)
        if found < needed:
            message = (
                f"{place} has {found:,} bytes free, a night may need {needed:,}; "
                "free some space and run again. What is published is not affected."
            )
            raise StorageError(message)


class DiskError(StorageError):
    """A disk that is full or refuses, with what is free and what a night may need."""


def _try_to_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Rights and mounts say little: root may write anywhere but on a read-only disk.
    probe = folder / f"probe{TEMPORARY}"
    probe.write_bytes(b"")
    probe.unlink()


def explain(settings: Settings, error: BaseException) -> DiskError | None:
    """Return an error of the disk as one sentence a person can act on; None = another one.

    Looks through causes: the engine, the run history and Arrow each wrap what the disk said.
    """
    root = settings.home.root
    troubles = {trouble_of(part) for part in causes(error)}
    if Trouble.FULL in troubles:
        raised = DiskError(
            f"The disk is full: {_said(error)}. {free_bytes(root):,} bytes are free at "
            f"{root}, a night may need {needed_bytes(settings):,}; free some space and run "
            "again. What is published is not affected."
        )
        raised.exit_code = EXIT_STORAGE_IO
        return raised
    if Trouble.REFUSED in troubles:
        raised = DiskError(
            f"The disk refuses: {_said(error)}. Give user {os.getuid()} a folder it may "
            f"write below {root} (mounted read-only? owned by another user? a file in the "
            "place of a folder?) and run again. What is published is not affected."
        )
        raised.exit_code = EXIT_STORAGE_WRITE
        return raised
    return None


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Let no error of the disk leave the block as anything but a `DiskError`."""
    try:
        yield
    except DiskError:
        raise
    except Exception as error:
        of_another_kind = isinstance(error, IngestError) and not isinstance(
            error, StorageError
        )
        raised = None if of_another_kind else explain(settings, error)
        if raised is None:
            raise
        raise raised from error


def _said(error: BaseException) -> str:
    """Return the words that name the trouble, our own before the disk's, on one line."""
    named = [part for part in causes(error) if trouble_of(part)]
    own = [part for part in named if isinstance(part, StorageError)]
    return " ".join(str((own or named[::-1])[0]).split()).rstrip(".")[:200]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
