"""Archives around dropped files: zip and gzip, opened within bounds.

Belongs here: which members of an archive are read, what is too much of it. Stays out: what
the members are (`decode`).

Sizes an archive states are its own claim, so the bytes that come out are counted: reading
stops at the bound, not after it. An archive in an archive is refused.
"""

from __future__ import annotations

import fnmatch
import gzip
import io
import lzma
import struct
import unicodedata
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, Final

from ingest.config_yaml import nearest
from ingest.errors import ContractViolation
from ingest.sources.files.discover import is_litter

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_UNPACKED: Final = 2 << 30
MAX_RATIO: Final = 200
MAX_ENTRIES: Final = 1000
"""What one archive may unpack to (reliability.md J6)."""

FREE_BYTES: Final = 16 << 20
"""Below this a file may be packed as well as it likes."""
_MAX_DIRECTORY: Final = 1 << 20
"""Bytes of the list of members; a thousand long names take half of it."""
_END_MARK: Final = b"PK\x05\x06"
_END: Final = struct.Struct("<4s4H2LH")
_LONGEST_END: Final = _END.size + (1 << 16)
_UNLIMITED: Final = 0xFFFFFFFF
_ARCHIVES: Final = (".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".zst")
DAMAGES: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError,
    struct.error,
)  # fmt: skip
"""What a damaged or lying archive, or one of a kind it does not know, makes the standard library
raise."""


def open_members(
    stream: BinaryIO, *, name: str, member: str | None
) -> Iterator[tuple[str, str, BinaryIO]]:
    """Yield (name, '' or `.<number>` of a member, content) of every file in a dropped file.

    A file that is no archive is its own only member. `member` is a pattern; without one an
    archive must hold a single file.

    Raises:
        ContractViolation: damaged, encrypted, nested, too much, or not the members declared.
    """
    lowered = name.lower()
    if lowered.endswith(".gz"):
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        inner = gzip.GzipFile(fileobj=stream)
        yield name[: -len(".gz")], "", _bounded(inner, name, packed=size)
    elif lowered.endswith(".zip"):
        yield from _open_zip(stream, name, member)
    else:
        yield name, "", stream


def check_directory(
    stream: BinaryIO, what: str, *, kind: str = "a zip archive"
) -> None:
    """Refuse a zip archive with too long a list of members before the list is read.

    Raises:
        ContractViolation: it is no zip archive, or has too many members.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _LONGEST_END))
    tail = stream.read()
    stream.seek(0)
    place = tail.rfind(_END_MARK)
    if place < 0 or len(tail) - place < _END.size:
        message = f"{what}: is not {kind}, or is cut"
        raise ContractViolation(message)
    *_, entries, directory, _, _ = _END.unpack_from(tail, place)
    if entries > MAX_ENTRIES or directory > _MAX_DIRECTORY or directory == _UNLIMITED:
        message = f"{what}: lists {entries:,} members in {directory:,} bytes; refused"
        raise ContractViolation(message)


def check_sizes(entries: list[zipfile.ZipInfo], what: str) -> None:
    """Refuse an archive that itself says it unpacks to too much.

    Raises:
        ContractViolation: it does.
    """
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if (
        len(entries) > MAX_ENTRIES
        or unpacked > MAX_UNPACKED
        or (unpacked > FREE_BYTES and unpacked / packed > MAX_RATIO)
    ):
        message = (
            f"{what}: unpacks to {unpacked:,} bytes in {len(entries)} parts; refused"
        )
        raise ContractViolation(message)


def _open_zip(
    stream: BinaryIO, name: str, member: str | None
) -> Iterator[tuple[str, str, BinaryIO]]:
    check_directory(stream, name)
    try:
        archive = zipfile.ZipFile(stream)
    except DAMAGES as error:
        message = f"{name}: is damaged ({error}); drop it again"
        raise ContractViolation(message) from None
    with archive:
        entries = archive.infolist()
        check_sizes(entries, name)
        chosen = _choose(entries, name, member)
        for number, entry in enumerate(chosen, start=1):
            within = f"{name}/{entry.filename}"
            if entry.flag_bits & 1:
                message = f"{within}: is encrypted; drop it without a password"
                raise ContractViolation(message)
            try:
                content = archive.open(entry)
            except DAMAGES as error:
                message = f"{within}: cannot be unpacked ({error})"
                raise ContractViolation(message) from None
            mark = f".{number}" if len(chosen) > 1 else ""
            yield (
                within,
                mark,
                _bounded(content, within, packed=max(1, entry.compress_size)),
            )


def _choose(
    entries: list[zipfile.ZipInfo], name: str, member: str | None
) -> list[zipfile.ZipInfo]:
    """Return the members to read, in order of their names."""
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if ".." in path.parts or path.is_absolute():
            message = f"{name}: holds {entry.filename!r}, which leads out of its folder; refused"
            raise ContractViolation(message)
    files = {
        unicodedata.normalize("NFC", entry.filename): entry
        for entry in entries
        if not entry.is_dir()
        and not any(map(is_litter, PurePosixPath(entry.filename).parts))
    }
    if len(files) < sum(not e.is_dir() and not _is_hidden(e) for e in entries):
        message = f"{name}: holds two members of one name; refused"
        raise ContractViolation(message)
    if member is None:
        chosen = list(files)
        if not chosen:
            message = f"{name}: holds no file to read"
            raise ContractViolation(message)
        if len(chosen) != 1:
            message = (
                f"{name}: holds {len(chosen)} files; declare which in member: "
                f"({', '.join(sorted(files)[:3])} …)"
            )
            raise ContractViolation(message)
    else:
        wanted = unicodedata.normalize("NFC", member)
        chosen = [
            path
            for path in files
            if fnmatch.fnmatchcase(path, wanted)
            or fnmatch.fnmatchcase(PurePosixPath(path).name, wanted)
        ]
        if not chosen:
            message = f"{name}: no member matches {member}{nearest(member, files)}"
            raise ContractViolation(message)
    for path in chosen:
        if path.lower().endswith(_ARCHIVES):
            message = f"{name}/{path}: is an archive in an archive; drop it itself"
            raise ContractViolation(message)
    return [files[path] for path in sorted(chosen)]


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    return any(map(is_litter, PurePosixPath(entry.filename).parts))


def _bounded(inner: IO[bytes] | gzip.GzipFile, name: str, *, packed: int) -> BinaryIO:
    """Return a reader that stops where an archive has unpacked to too much."""
    return io.BufferedReader(_Bounded(inner, name, packed))


class _Bounded(io.RawIOBase):
    """Bytes of a member, counted as they come out."""

    def __init__(
        self, inner: IO[bytes] | gzip.GzipFile, name: str, packed: int
    ) -> None:
        self._inner = inner
        self._name = name
        self._bound = min(MAX_UNPACKED, max(FREE_BYTES, packed * MAX_RATIO))
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride] - the base takes any buffer
        try:
            data = self._inner.read(len(buffer))
        except DAMAGES as error:
            message = f"{self._name}: is damaged ({error}); drop it again"
            raise ContractViolation(message) from None
        self._count += len(data)
        if self._count > self._bound:
            message = (
                f"{self._name}: unpacks to more than {self._bound:,} bytes; refused. Drop it "
                "unpacked if it is what it says"
            )
            raise ContractViolation(message)
        buffer[: len(data)] = data
        return len(data)
