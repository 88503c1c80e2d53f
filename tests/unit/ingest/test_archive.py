"""Dropped bytes are kept under their SHA-256 and given back only if they are still those."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from ingest.archive import archive_file, archived_file
from ingest.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = "tháng,số tiền\n2026-10,1.000\n".encode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_is_kept_once_under_its_content(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    for name in ("costs.csv", "costs (1).csv"):
        (tmp_path / name).write_bytes(CONTENT)
        assert archive_file(tmp_path / name, archive) == SHA256
    assert [path.name for path in archive.iterdir()] == [SHA256]
    assert archived_file(archive, SHA256).read_bytes() == CONTENT


def test_a_damaged_copy_is_refused_and_replaced_by_the_next_drop(
    tmp_path: Path,
) -> None:
    source, archive = tmp_path / "costs.csv", tmp_path / "archive"
    source.write_bytes(CONTENT)
    archive_file(source, archive)
    (archive / SHA256).write_bytes(CONTENT[:-1])
    with pytest.raises(StorageError, match="is damaged"):
        archived_file(archive, SHA256)
    archive_file(source, archive)
    assert archived_file(archive, SHA256).read_bytes() == CONTENT


def test_a_content_never_archived_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"no {SHA256}"):
        archived_file(tmp_path, SHA256)
