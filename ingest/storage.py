"""Writing so that no reader and no crash ever sees half a file.

Belongs here: atomic files and folders, fsync, hashing, disk errors as `StorageError`. Stays
out: what is written and where (`ingest.landing`, `ingest.ledger`).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ingest.errors import EXIT_STORAGE_WRITE, StorageError
from ingest.faults import fault
from ingest.paths import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CANNOT_CREATE: Final = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        # A file stands where a folder must be.
        *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
    }
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_TEXT: Final = re.compile(
    r"No space left on device|database or disk is full|Disk quota exceeded"
)
_REFUSED_TEXT: Final = re.compile(
    r"Read-only file system|Permission denied|attempt to write a readonly database"
    r"|unable to open database file"
)
_BLOCK: Final = 1 << 20


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn an OSError of the block into a StorageError that says what could not be done.

    Raises:
        StorageError: exit 73 when we may not write there, 74 for everything else.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        advice = "check the disk"
        if error.errno in _FULL:
            advice = "free some space"
        elif error.errno in _CANNOT_CREATE:
            advice = "give this user the right to write there"
        where = f" ({error.filename})" if error.filename else ""
        message = f"{what}: {reason}{where}; {advice} and run again"
        raised = StorageError(message)
        if error.errno in _CANNOT_CREATE:
            raised.exit_code = EXIT_STORAGE_WRITE
        raise raised from error


class Trouble(StrEnum):
    """What a disk does to whoever writes."""

    FULL = "full"
    REFUSED = "refused"


def trouble_of(error: BaseException) -> Trouble | None:
    """Return whether an error says that the disk is full or refuses; None = neither.

    Engines and libraries say what the disk said in exceptions of their own, as text.
    """
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    if number in _FULL or _FULL_TEXT.search(text):
        return Trouble.FULL
    if number in _CANNOT_CREATE or _REFUSED_TEXT.search(text):
        return Trouble.REFUSED
    return None


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and make it survive a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}{TEMPORARY}")
    with temporary.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    fault("file.written")
    temporary.replace(path)
    sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a written file durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make renames in a folder durable; systems that cannot open folders need no help."""
    if os.name != "posix":
        return
    sync_file(path)


def swap_directory(written: Path, target: Path) -> None:
    """Put a finished folder in the place of another one, which is removed.

    Between the two renames there is no folder; a kill there leaves only temporary names,
    which repair removes, so the date counts as not landed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f"{target.name}.old{TEMPORARY}")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
        fault("land.swapped_out")
    written.replace(target)
    sync_directory(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def remove_leftovers(directory: Path) -> None:
    """Remove every temporary file and folder a killed run left below a folder."""
    for path in sorted(directory.rglob(f"*{TEMPORARY}")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
