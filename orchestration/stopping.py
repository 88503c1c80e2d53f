"""Being asked to end: Ctrl-C and SIGTERM, which mean the same.

Belongs here: turning the signal into an exception that is neither lost nor mistaken. Stays out:
what a stopped run says and leaves (`orchestration.cli.nights`, `orchestration.runner`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

from ingest.errors import causes

if TYPE_CHECKING:
    from types import FrameType

_ASKED_AGAIN_AFTER_SECONDS: Final = 0.1
_STOPS: Final = frozenset({"KeyboardInterrupt", "DagsterExecutionInterruptedError"})
"""By name: Dagster, whose handler replaces ours while it executes, takes seconds to import."""


def end_when_asked() -> None:
    """Treat SIGTERM like Ctrl-C from now on, so that locks and child processes end with us.

    A signal that arrives while an object is being disposed of raises where Python can only
    print and forget it: the run went on to its end as if nobody had asked. Then we are asked
    again.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _ask_again


def leave_in_peace() -> None:
    """Let nobody stop what has ended: its exit code says how, whoever asks in its last second."""
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, signal.SIG_IGN)


def was_stopped(error: BaseException | None) -> bool:
    """Return whether somebody asked us to end, and an error is what came of it.

    DuckDB turns the exception of a signal into `RuntimeError: Query interrupted`, with the
    exception as its cause (1.5.5).
    """
    return any(type(cause).__name__ in _STOPS for cause in causes(error))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ask_again(lost: sys.UnraisableHookArgs) -> None:
    if not was_stopped(lost.exc_value):
        sys.__unraisablehook__(lost)
        return
    # From a thread: raised here it would be lost like the one before.
    again = threading.Timer(
        _ASKED_AGAIN_AFTER_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)
    )
    again.daemon = True
    again.start()
