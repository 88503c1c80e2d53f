"""Finding dropped files: by pattern, in the declared folder, regular files only.

Belongs here: matching names and refusing what is no ordinary file. Stays out: reading
(`delimited`, `tabular`), which files were loaded before (the caller knows).
"""

from __future__ import annotations

import fnmatch
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ingest.config_yaml import nearest
from ingest.errors import ContractViolation, FatalSourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNFINISHED: Final = (
    ".part", ".partial", ".tmp", ".crdownload", ".download", ".filepart", ".swp",
)  # fmt: skip
_LOCK_MARKS: Final = (".", "~$", "~lock")
_SYSTEM: Final = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""Files still being copied, editors' locks, hidden files, what Windows and macOS leave: not
dropped yet, or never."""


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the files matching any pattern, in order of their names below the folder.

    Nothing is followed out of the folder: a link, pipe or device under a matching name is
    refused, not opened.

    Raises:
        FatalSourceError: the folder is not there.
        ContractViolation: a matching name is no regular file.
    """
    if not folder.is_dir():
        message = f"drop folder {folder} does not exist; create or mount it"
        raise FatalSourceError(message)
    found: dict[str, Path] = {}
    for pattern in patterns:
        for path in _matches(folder, PurePosixPath(pattern).parts):
            found[path.relative_to(folder).as_posix()] = path
    for name, path in found.items():
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
            message = f"{name}: is {kind}; drop the file itself"
            raise ContractViolation(message)
    return [found[name] for name in sorted(found)]


def find_matches(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return what any pattern matches, unchecked; nothing where there is no folder."""
    if not folder.is_dir():
        return []
    found = {p for one in patterns for p in _matches(folder, PurePosixPath(one).parts)}
    return sorted(found)


@dataclass(frozen=True)
class Leftovers:
    """What lies in a drop and feeds nothing, as names below the folder.

    `litter`: locks, hidden and unfinished files, what systems leave. `unmatched`: files no
    pattern matches. `empty`: folders without a file.
    """

    litter: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def find_leftovers(folder: Path, patterns: Sequence[str]) -> Leftovers:
    """Return what no pattern of a drop takes; a folder that is not there has none."""
    if not folder.is_dir():
        return Leftovers()
    wanted = set(find_matches(folder, patterns))
    litter: list[str] = []
    unmatched: list[str] = []
    empty: list[str] = []
    for where, folders, files in os.walk(folder):
        place = Path(where)
        if place != folder and not folders and not files:
            empty.append(place.relative_to(folder).as_posix())
        for name in files:
            path = place / name
            shown = path.relative_to(folder).as_posix()
            if path in wanted:
                continue
            within = path.relative_to(folder).parts
            (litter if any(map(is_litter, within)) else unmatched).append(shown)
    return Leftovers(
        tuple(sorted(litter)), tuple(sorted(unmatched)), tuple(sorted(empty))
    )


def nearest_name(folder: Path, pattern: str) -> str:
    """Return a hint naming the file of the folder whose name is closest to a pattern."""
    names = sorted(
        entry.name for entry in os.scandir(folder) if not is_litter(entry.name)
    )
    return nearest(pattern, names) if names else "; the folder is empty"


def _matches(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """Yield what matches the pattern's parts below a folder; linked folders are skipped."""
    wanted = unicodedata.normalize("NFC", parts[0])
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        plain = unicodedata.normalize("NFC", name)
        if not fnmatch.fnmatchcase(plain, wanted):
            continue
        if is_litter(name) and wanted != plain:
            continue
        path = folder / name
        if len(parts) == 1:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                yield path
        elif stat.S_ISDIR(os.lstat(path).st_mode):
            yield from _matches(path, parts[1:])


def is_litter(name: str) -> bool:
    """Tell whether a name is that of a lock, a hidden, system or unfinished file."""
    lowered = name.lower()
    return (
        name.startswith(_LOCK_MARKS)
        or lowered.endswith(_UNFINISHED)
        or lowered in _SYSTEM
    )
