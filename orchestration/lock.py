"""The run lock: one night at a time per warehouse root.

Belongs here: taking, naming and releasing lock files, `state/run.lock` above all. Stays out:
what is done under them. The kernel's lock decides (it is gone with its process, also after
SIGKILL); the text in the file only tells the loser who holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from ingest.errors import EXIT_BUSY, IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


RUN_LOCK: Final = "run.lock"


@dataclass(frozen=True)
class Holder:
    """Who works in this warehouse: process, since when, doing what, on which machine.

    `process` tells this process from a later one of the same number, as after a restart of
    the machine. '' = not known.
    """

    pid: int
    started_at: str
    step: str
    host: str = ""
    process: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether it works on another machine, whose processes cannot be seen from here."""
        return self.host not in ("", platform.node())

    def describe(self) -> str:
        """Return the process in words, with its machine when that is not this one."""
        return f"process {self.pid}" + (f" on {self.host}" if self.is_elsewhere else "")


class BusyError(IngestError):
    """Another run holds the warehouse; nothing was started."""

    exit_code = EXIT_BUSY

    def __init__(self, holder: Holder | None) -> None:
        """Name the holder, as far as it has written who it is."""
        self.holder = holder
        who = (
            f"pid {holder.pid} since {holder.started_at} ({holder.step})"
            if holder
            else "another process that has not named itself yet"
        )
        super().__init__(
            f"This warehouse is in use by {who}. Wait for it to end, then run again."
        )


class HandedOverError(IngestError):
    """A backfill holds the warehouse and will run this night between two of its days."""

    exit_code = EXIT_BUSY


class RunLock:
    """A held lock; `note_step` keeps the text for losers up to date."""

    def __init__(self, handle: TextIO, holder: Holder) -> None:
        """Take over the locked file and write who holds it."""
        self._handle = handle
        self._holder = holder
        self._write()

    def note_step(self, step: str) -> None:
        """Say what the holder does now."""
        self._holder = replace(self._holder, step=step)
        self._write()

    def _write(self) -> None:
        self._handle.seek(0)
        self._handle.truncate()
        json.dump(asdict(self._holder), self._handle)
        self._handle.flush()


def read_holder(root: Path) -> Holder | None:
    """Return who last wrote the run lock, or None when it says nothing readable."""
    return _read(root / "state" / RUN_LOCK)


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def find_worker(root: Path) -> Holder | None:
    """Return who works in this warehouse now, without touching the lock itself.

    Whoever wrote it on another machine counts as at work: nothing here can tell otherwise.
    """
    holder = read_holder(root)
    if holder is None or holder.is_elsewhere:
        return holder
    known = holder.process
    is_same = not known or _describe_process(holder.pid) == known
    return holder if is_alive(holder.pid) and is_same else None


def _describe_process(pid: int) -> str:
    """Return the boot and the tick a process began at; '' where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    # The name in brackets may hold anything; the 20th field behind it is the start.
    return f"{boot} {status.rpartition(')')[2].split()[19]}"


def is_alive(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def hold_run_lock(root: Path, *, step: str, now: datetime) -> Iterator[RunLock]:
    """Hold the warehouse for the length of the block.

    Raises:
        BusyError: another process holds it (exit 75); it is named.
    """
    with hold_lock(root / "state" / RUN_LOCK, step=step, now=now) as lock:
        yield lock


@contextmanager
def hold_lock(path: Path, *, step: str, now: datetime) -> Iterator[RunLock]:
    """Hold a lock file for the length of the block.

    Raises:
        BusyError: another holds it (exit 75); it is named.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # "a+": opening must not empty the holder's text before the lock is ours.
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(_read(path)) from None
        started_at = now.isoformat(timespec="seconds")
        pid = os.getpid()
        holder = Holder(pid, started_at, step, platform.node(), _describe_process(pid))
        lock = RunLock(handle, holder)
        try:
            yield lock
        finally:
            handle.seek(0)
            handle.truncate()
