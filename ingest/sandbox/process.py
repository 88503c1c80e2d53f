"""Life of the sandbox as its own process: readiness file, signals, the parent.

Belongs here: `server.json`, stopping on SIGTERM or SIGINT, ending with the parent. Stays out:
arguments (`__main__`), serving (`server`).
"""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from ingest.sandbox.server import SandboxHandle

STATE_FILE: Final = "server.json"
_PARENT_CHECK_SECONDS: Final = 1.0


def announce(handle: SandboxHandle, root: Path) -> Path:
    """Write where the sandbox listens; the file appears whole, once it answers."""
    root.mkdir(parents=True, exist_ok=True)
    target = root / STATE_FILE
    aside = root / f".{STATE_FILE}.{os.getpid()}"
    aside.write_text(json.dumps({"url": handle.url, "pid": os.getpid()}) + "\n")
    aside.replace(target)
    return target


def serve_until_told(
    handle: SandboxHandle, state_file: Path, parent: int | None
) -> None:
    """Serve until a signal arrives or the parent is gone, then leave nothing behind."""
    told = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not told.wait(_PARENT_CHECK_SECONDS):
        if parent is not None and not _is_alive(parent):
            break
    handle.stop()
    _withdraw(state_file)


def _is_alive(pid: int) -> bool:
    """Tell whether the parent still runs; an orphan has been given to another one."""
    if os.getppid() == pid:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Alive but not our parent: either it started us through a shell, or it died and waits,
    # unreaped, as a zombie.
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Tell whether the process is dead but unreaped, where the system can say so."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123  # no Path here
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def _withdraw(state_file: Path) -> None:
    """Remove the readiness file if it is still ours."""
    try:
        if json.loads(state_file.read_text())["pid"] == os.getpid():
            state_file.unlink()
    except (OSError, ValueError, KeyError):
        return
