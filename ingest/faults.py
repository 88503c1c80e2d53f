"""Named points where a test may kill, stall or fail the process, as a bad night would.

Belongs here: the points' one function, and arming them. Stays out: the environment
(`orchestration.settings` arms a process once, at its start) and what must hold afterwards
(`tests/faults`).

A point costs one look at a module variable as long as nothing is armed. Its name says what
has just happened: `promote.recorded` lies after the ledger line and before the cursor.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingest.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_ORDER: Final = re.compile(
    r"(?P<point>[a-z_.]+)(?:#(?P<nth>[1-9]\d*))?="
    r"(?P<action>kill|raise:(?P<errno>E[A-Z0-9]+)|sleep:(?P<seconds>\d+(?:\.\d+)?))"
)


@dataclass
class _Plan:
    """What is armed in this process, and where it writes which points it reached."""

    orders: dict[tuple[str, int], re.Match[str]]
    record: Path | None
    counts: Counter[str] = field(default_factory=Counter)

    def reach(self, name: str) -> None:
        self.counts[name] += 1
        nth = self.counts[name]
        if self.record is not None and nth == 1:
            with self.record.open("a", encoding="utf-8") as handle:
                handle.write(f"{name}\n")
        order = self.orders.get((name, nth))
        if order is not None:
            _act(order)


_plan: _Plan | None = None


def fault(name: str) -> None:
    """Mark a point of a night; does nothing unless this process was armed for it."""
    if _plan is not None:
        _plan.reach(name)


def arm(orders: str, *, record: Path | None = None) -> None:
    """Arm points of this process: `<point>[#nth]=kill | raise:ENOSPC | sleep:2`, by commas.

    `record` names a file that is told, one name per line, which points were reached. Neither
    orders nor a record disarms.

    Raises:
        ConfigError: an order is not of that form.
    """
    global _plan  # noqa: PLW0603 - one plan per process, set once at its start
    parsed: dict[tuple[str, int], re.Match[str]] = {}
    for text in filter(None, (part.strip() for part in orders.split(","))):
        order = _ORDER.fullmatch(text)
        if order is None or (order["errno"] and not hasattr(errno, order["errno"])):
            message = f"fault order {text!r} is not like publish.switched#1=kill"
            raise ConfigError(message)
        parsed[order["point"], int(order["nth"] or 1)] = order
    _plan = _Plan(parsed, record) if parsed or record is not None else None


def _act(order: re.Match[str]) -> None:
    if order["errno"]:
        number = getattr(errno, order["errno"])
        raise OSError(number, os.strerror(number))
    if order["seconds"]:
        time.sleep(float(order["seconds"]))
        return
    os.kill(os.getpid(), signal.SIGKILL)
