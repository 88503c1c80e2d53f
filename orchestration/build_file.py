"""The build file between nights: waited for while others hold it, thrown away when damaged.

Belongs here: `warehouse.duckdb` as a file. Stays out: filling it (`orchestration.dbt_run`).
It can be rebuilt from raw at any time, so nothing in it is worth a person's hand.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import duckdb

from ingest.errors import EXIT_BUSY, IngestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_POLL_SECONDS: Final = 2.0
# "lock" alone is in "block" too, which every message about damage names.
_HELD: Final = re.compile(r"Could not set lock on file|Conflicting lock is held")
_HOLDER: Final = re.compile(r"held in (?P<program>\S+) \((?P<pid>PID \d+)\)")
_DAMAGED: Final = re.compile(
    r"Corrupt database file|not a valid DuckDB database file|Could not read enough bytes"
    r"|Failure while replaying WAL|Failed to load metadata"
)


class ForeignHolderError(IngestError):
    """A program outside the pipeline has the build file open."""

    exit_code = EXIT_BUSY


def prepare_build_file(
    path: Path,
    *,
    sleep: Callable[[float], None],
    say: Callable[[str], None],
    patience_seconds: float,
) -> None:
    """Wait until nobody else has the build file open; remove it when it cannot be opened.

    Raises:
        ForeignHolderError: somebody still holds it after the patience is over (exit 75).
    """
    waited = 0.0
    while path.exists():
        try:
            duckdb.connect(str(path)).close()
        except duckdb.Error as error:
            if not _HELD.search(str(error)):
                discard_build_file(path)
                say(
                    f"{path.name} cannot be opened ({_first_line(error)}); "
                    "it is rebuilt from raw"
                )
                return
            holder = _describe_holder(error)
            if waited >= patience_seconds:
                message = (
                    f"{path.name} is held by {holder} for {waited:.0f} s; close it there "
                    "and run again. What is published is not affected."
                )
                raise ForeignHolderError(message) from None
            if waited == 0:
                say(
                    f"{path.name} is held by {holder}; waiting up to "
                    f"{patience_seconds:.0f} s for it to be closed"
                )
            pause = min(_POLL_SECONDS, patience_seconds - waited)
            sleep(pause)
            waited += pause
        else:
            return


def discard_build_file(path: Path) -> None:
    """Remove the build file and what was written ahead of it."""
    for leftover in (path, path.with_name(f"{path.name}.wal")):
        with suppress(FileNotFoundError):
            leftover.unlink()


def tells_damage(text: str) -> bool:
    """Return whether the engine says that the file itself is broken."""
    return _DAMAGED.search(text) is not None


def _describe_holder(error: duckdb.Error) -> str:
    found = _HOLDER.search(str(error))
    if found is None:
        return "another program"
    program = found["program"].rsplit("/", 1)[-1]
    return f"{program} ({found['pid']})"


def _first_line(error: duckdb.Error) -> str:
    return str(error).split("\n", 1)[0][:120]
