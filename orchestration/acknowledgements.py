"""What people have looked at and accepted: a list that really shrank, a volume that dropped.

Belongs here: keeping acknowledgements in `state/acknowledged.jsonl`, with who and why. Stays
out: what they change (`ingest.control` for lists, the raw gate for volumes).
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from ingest.storage import disk_errors
from orchestration.night import list_nights, read_report

if TYPE_CHECKING:
    from pathlib import Path

COMMAND: Final = re.compile(r"warehouse acknowledge (\S+)")
"""How a message names the finding that can be accepted."""


@dataclass(frozen=True)
class Acknowledgement:
    """One finding a named person accepted, and why."""

    finding: str
    reason: str
    by: str
    at: str


def acknowledge(root: Path, accepted: Acknowledgement) -> None:
    """Add one acknowledgement; the next night counts it."""
    path = root / "state" / "acknowledged.jsonl"
    line = json.dumps(asdict(accepted), ensure_ascii=False) + "\n"
    with disk_errors("keep the acknowledgement"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as handle:
            handle.write(line)
            handle.flush()
            os.fsync(handle.fileno())


def read_acknowledged(root: Path) -> frozenset[str]:
    """Return the ids of every accepted finding; a torn last line was never accepted."""
    path = root / "state" / "acknowledged.jsonl"
    found: set[str] = set()
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            found.add(json.loads(line)["finding"])
        except (ValueError, KeyError):
            continue
    return frozenset(found)


def reported_findings(nights: Path) -> list[str]:
    """Return the ids of findings the kept night reports name, newest night first."""
    found: dict[str, None] = {}
    for day in reversed(list_nights(nights)):
        report = read_report(nights, date.fromisoformat(day))
        for stream in report.streams if report else ():
            told = f"{stream.problem} {' '.join(stream.red)}"
            found |= dict.fromkeys(COMMAND.findall(told))
    return list(found)
