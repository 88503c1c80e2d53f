"""What a connector can be asked before its first night: permissions, size, a few rows.

Belongs here: the shape of a probe; each connector keeps its own beside it (`<kind>/probe.py`,
a module-level `PROBE`). Stays out: asking and wording (`orchestration.doctor_live`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ingest.config import SourceConfig
    from ingest.http import ApiClient

COUNTED: Final = "counted"
ESTIMATED: Final = "estimated"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Size:
    """How much a first load brings, and how many requests it takes.

    `basis`: `counted` (the vendor says the number), `estimated` (from how dense some pages
    or days are) or `unknown`.
    """

    rows: int
    requests: int
    basis: str = COUNTED


NOTHING: Final = Size(0, 1)


@dataclass(frozen=True)
class Check:
    """One thing the connector needs to read, and the vendor's name of the permission for it.

    `ask` sends the smallest request that needs the permission.

    Raises (by `ask`):
        IngestError: refused or not answered; the text says what the vendor said.
    """

    what: str
    scope: str
    ask: Callable[[], Size]


class Probe(Protocol):
    """A connector's probe. `samples` are the entities a few rows are shown of."""

    samples: tuple[str, ...]
    seconds_per_request: float
    """Least time between two requests the vendor's rate limit allows."""

    def checks(
        self, config: SourceConfig, client: ApiClient, now: datetime
    ) -> Iterator[Check]:
        """Yield every check, the cheapest and most telling first."""
        ...
