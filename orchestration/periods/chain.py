"""The chain: every close, reopening and approval, in order, each holding what came before.

Belongs here: reading, proving and extending `closes/chain.jsonl`, and finishing a close that
was killed. Stays out: what a close holds (`freezing`), when one may be made (`refusals`).

Grain: one line of JSON per decision. A line names the SHA-256 of the line before it, of itself
and of every file of its close; the newest line of an area and period says whether it is closed.
A line is the commit point: the files of a close lie under a temporary name until it stands, and
get their own name after it, so a kill leaves nothing or a whole close (`repair_closes`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import EXIT_STORAGE_IO, StorageError
from ingest.faults import fault
from ingest.paths import TEMPORARY
from ingest.storage import disk_errors, sha256_of, sync_directory, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CHAIN: Final = "chain.jsonl"
CLOSE: Final = "close"
REOPEN: Final = "reopen"
APPROVE: Final = "approve"
HEAD: Final = "closes_head"
"""Key of what a build is made of under which it names the end of the chain."""
APPROVALS: Final = "approvals"
"""Folder of what approvals keep, in the place of a period's."""
_KEEPING: Final = frozenset({CLOSE, APPROVE})
START: Final = "0" * 64
"""What the first line names as the one before it."""


class ChainBrokenError(StorageError):
    """The record of closes is not as it was written; nothing is built on it."""

    exit_code = EXIT_STORAGE_IO

    def __init__(self, where: str | int, why: str) -> None:
        """Name the first bad entry (its number, or in words) and what is wrong with it."""
        place = f"entry {where}" if isinstance(where, int) else where
        super().__init__(
            f"The record of closes was changed: {place} {why}. Nothing is closed or "
            "published on it; restore `closes/` whole from a backup, then run again."
        )


@dataclass(frozen=True)
class Entry:
    """One decision of a named person. Blank text = does not apply to its kind.

    `period` is a month's label (2026-10). `subject` is the close's id, for a reopening the id
    of the close it opens, for an approval what is approved. `files` are paths inside the
    close's folder with the SHA-256 of their content.
    """

    sequence: int
    kind: str
    at: str
    by: str
    subject: str
    period: str = ""
    area: str = ""
    reason: str = ""
    as_of_date: str = ""
    build_id: str = ""
    code_version: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    previous: str = START
    hash: str = ""

    @property
    def name(self) -> str:
        """Return the entry as people are told of it."""
        about = f"{self.area} {self.period}" if self.period else self.subject
        return f"entry {self.sequence} ({self.kind} of {about} by {self.by}, {self.at})"


def closes_dir(root: Path) -> Path:
    """Return the folder of closes below a warehouse root."""
    return root / "closes"


def close_dir(root: Path, entry: Entry) -> Path:
    """Return the folder of what a close or an approval keeps."""
    return closes_dir(root) / (entry.period or APPROVALS) / entry.subject


def hash_of(entry: Entry) -> str:
    """Return the hash of an entry over all it says but the hash itself."""
    said = {name: value for name, value in asdict(entry).items() if name != "hash"}
    return hashlib.sha256(_encode(said)).hexdigest()


def read_chain(root: Path) -> tuple[Entry, ...]:
    """Return every entry, oldest first, after proving each against the one before it.

    Raises:
        ChainBrokenError: a line was changed, added, removed or moved.
    """
    path = closes_dir(root) / CHAIN
    if not path.is_file():
        return ()
    entries: list[Entry] = []
    content = path.read_bytes()
    lines = content.split(b"\n")
    if lines.pop() != b"":
        raise ChainBrokenError(len(lines) + 1, "has lost its end")
    for number, line in enumerate(lines, start=1):
        before = entries[-1].hash if entries else START
        entries.append(_prove_line(line, number, before))
    return tuple(entries)


def _prove_line(line: bytes, number: int, before: str) -> Entry:
    try:
        entry = Entry(**json.loads(line))
    except (ValueError, TypeError):
        raise ChainBrokenError(number, "is not readable") from None
    if entry.sequence != number or entry.previous != before:
        why = f"does not follow entry {number - 1}"
        raise ChainBrokenError(number, why)
    if entry.hash != hash_of(entry) or line != _encode(asdict(entry)):
        raise ChainBrokenError(number, "does not match its own hash")
    return entry


def verify_closes(root: Path, *, known_head: str = "") -> tuple[Entry, ...]:
    """Return the chain after proving every line and every byte of every close.

    `known_head` is the hash a published build says the chain ended with: a chain that was cut
    off, or written anew from there, no longer holds it.

    Raises:
        ChainBrokenError: the first entry that is not as it was written.
    """
    entries = read_chain(root)
    for entry in entries:
        if entry.kind in _KEEPING:
            _prove_files(root, entry)
    if known_head and known_head not in {START, *(entry.hash for entry in entries)}:
        where = f"after entry {len(entries)}" if entries else "all of it"
        why = "there was an entry a published build knows of"
        raise ChainBrokenError(where, why)
    _refuse_strangers(root, entries)
    return entries


def _prove_files(root: Path, entry: Entry) -> None:
    folder = close_dir(root, entry)
    if not folder.is_dir():
        # Recorded and killed before it got its name: whole already, named by the repair.
        folder = _aside(folder)
    for name, digest in entry.files.items():
        path = folder / name
        if not path.is_file():
            raise ChainBrokenError(entry.name, f"has lost its file {name}")
        if sha256_of(path) != digest:
            raise ChainBrokenError(entry.name, f"has a changed file {name}")


def _refuse_strangers(root: Path, entries: Sequence[Entry]) -> None:
    """Refuse a close's folder no entry names: its line was taken out of the chain."""
    known = {close_dir(root, entry) for entry in entries if entry.kind in _KEEPING}
    for path in sorted(closes_dir(root).glob("*/*")):
        if path.is_dir() and path.suffix != TEMPORARY and path not in known:
            where = f"the folder {path.parent.name}/{path.name}"
            raise ChainBrokenError(where, "is in no entry")


def append_entry(root: Path, entries: Sequence[Entry], new: Entry) -> Entry:
    """Write one more entry behind a proven chain; return it with its place and hashes."""
    before = entries[-1].hash if entries else START
    placed = Entry(
        **{**asdict(new), "sequence": len(entries) + 1, "previous": before, "hash": ""}
    )
    sealed = Entry(**{**asdict(placed), "hash": hash_of(placed)})
    lines = [*entries, sealed]
    content = b"".join(_encode(asdict(entry)) + b"\n" for entry in lines)
    with disk_errors("write the record of closes"):
        # The whole file aside and renamed: no line is ever torn.
        write_file(closes_dir(root) / CHAIN, content)
    fault("close.recorded")
    return sealed


def name_close(root: Path, entry: Entry) -> None:
    """Give the files of a recorded close their own name."""
    folder = close_dir(root, entry)
    aside = _aside(folder)
    if aside.is_dir():
        with disk_errors(f"name the close {entry.subject}"):
            aside.rename(folder)
            fault("close.named")
            sync_directory(folder.parent)


def repair_closes(root: Path) -> None:
    """Finish closes whose line stands, and remove what was written for one that has none.

    Call it under the run lock.

    Raises:
        ChainBrokenError: the chain is not as it was written; then nothing is removed.
    """
    known = {close_dir(root, e): e for e in read_chain(root) if e.kind in _KEEPING}
    for aside in sorted(closes_dir(root).glob(f"*/*{TEMPORARY}")):
        entry = known.get(aside.with_name(aside.name.removesuffix(TEMPORARY)))
        if entry is not None:
            name_close(root, entry)
        else:
            with disk_errors("remove an unfinished close"):
                shutil.rmtree(aside)


def closed_now(entries: Sequence[Entry], area: str) -> dict[str, Entry]:
    """Return the closes of an area that stand, by period label, oldest period first."""
    standing: dict[str, Entry] = {}
    for entry in entries:
        if entry.area == area and entry.kind == CLOSE:
            standing[entry.period] = entry
        elif entry.area == area and entry.kind == REOPEN:
            standing.pop(entry.period, None)
    return dict(sorted(standing.items()))


def _aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{TEMPORARY}")


def head_of(entries: Sequence[Entry]) -> str:
    """Return the hash the chain ends with."""
    return entries[-1].hash if entries else START


def _encode(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
