"""The original bytes of dropped files, kept by content.

Belongs here: putting a file's bytes under its SHA-256. Stays out: reading what is in them
(`ingest.sources.files`), deciding which were loaded (`ingest.ledger`).
"""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING

from ingest.errors import StorageError
from ingest.faults import fault
from ingest.paths import TEMPORARY
from ingest.storage import disk_errors, sha256_of, sync_directory

if TYPE_CHECKING:
    from pathlib import Path


def archive_file(source: Path, archive: Path) -> str:
    """Keep a copy of a file under its SHA-256 and return that.

    The copy is hashed, not the original: a file that changes while it is copied is still
    archived under the name of the bytes that were kept.

    Raises:
        StorageError: the archive cannot be written.
    """
    with disk_errors(f"archive {source.name}"):
        archive.mkdir(parents=True, exist_ok=True)
        # Not named after the file: its own name may be as long as a name can be.
        temporary = archive / f"{os.getpid()}-{threading.get_ident()}{TEMPORARY}"
        shutil.copyfile(source, temporary)
        digest = sha256_of(temporary)
        fault("archive.copied")
        target = archive / digest
        if target.exists() and sha256_of(target) == digest:
            temporary.unlink()
            return digest
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(target)
        sync_directory(archive)
        fault("archive.kept")
    return digest


def archived_file(archive: Path, sha256: str) -> Path:
    """Return the kept copy of a content.

    Raises:
        StorageError: it is not in the archive, or no longer what its name says.
    """
    path = archive / sha256
    if not path.is_file():
        message = f"archive holds no {sha256}; restore it or drop the file again"
        raise StorageError(message)
    if sha256_of(path) != sha256:
        message = f"archive/{sha256} is damaged; restore it or drop the file again"
        raise StorageError(message)
    return path
