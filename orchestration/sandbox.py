"""The sandbox company as a child process: started, told the time, stopped by its pid.

Belongs here: its life and its clock, seen from outside. Stays out: the company itself; nothing
here imports it, so a warehouse on real sources never loads it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from ingest.errors import RetryableError
from orchestration.processes import ended
from orchestration.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_START_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.1
_LAST_CHARACTERS: Final = 500


@dataclass(frozen=True)
class Sandbox:
    """A sandbox company being served."""

    url: str
    folder: Path

    def set_clock(self, now: datetime) -> None:
        """Make it `now` there, and write the files the company drops by then.

        Raises:
            RetryableError: the sandbox does not answer.
        """
        try:
            httpx.post(
                f"{self.url}/_sandbox/clock", json={"now": now.isoformat()}, timeout=60
            ).raise_for_status()
        except httpx.HTTPError as error:
            message = f"the sandbox does not answer ({type(error).__name__}); run again"
            raise RetryableError(message) from error
        _run_to_end(["write", "--root", str(self.folder), "--now", now.isoformat()])


@contextmanager
def serve_sandbox(folder: Path, *, now: datetime) -> Iterator[Sandbox]:
    """Serve the sandbox company on a free loopback port for the length of the block.

    Raises:
        RetryableError: it did not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "server.json"
    ready.unlink(missing_ok=True)
    log = folder / "server.log"
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                *_command("serve"),
                *("--root", str(folder)),
                *("--now", now.isoformat()),
                *("--parent-pid", str(os.getpid())),
            ],
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    with ended(process):
        yield Sandbox(_wait_until_ready(process, ready, log), folder)


def _command(verb: str) -> list[str]:
    return [sys.executable, "-m", "ingest.sandbox", verb]


def _run_to_end(arguments: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [*_command(arguments[0]), *arguments[1:]],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        message = (
            f"the sandbox did not write its files: {done.stderr[-_LAST_CHARACTERS:]}"
        )
        raise RetryableError(message)


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return str(json.loads(ready.read_text("utf-8"))["url"])
        except (OSError, ValueError, KeyError):
            time.sleep(_POLL_SECONDS)
    said = log.read_text("utf-8", errors="replace")[-_LAST_CHARACTERS:].strip()
    message = f"the sandbox did not start: {said or 'no answer in time'}"
    raise RetryableError(message)
