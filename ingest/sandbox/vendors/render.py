"""What all vendor renderers need: stable snapshots per clock and time formats.

Belongs here: the per-clock cache, instants as text and as epoch seconds, stable ids. Stays out:
anything one vendor alone decides.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Value = TypeVar("Value")


@dataclass
class ClockCache(Generic[Value]):
    """Keeps what was rendered for the present clock; a moved clock empties it.

    A page costs a slice, not a rendering of the whole collection: a first load of 15,000
    records asks for several hundred pages at one instant.
    """

    _now: datetime | None = None
    _values: dict[Hashable, Value] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def get(self, now: datetime, key: Hashable, build: Callable[[], Value]) -> Value:
        """Return the value for the key at that clock, building it once."""
        with self._lock:
            if now != self._now:
                self._now = now
                self._values = {}
            if key not in self._values:
                self._values[key] = build()
            return self._values[key]


def to_milliseconds(instant: datetime) -> datetime:
    """Return the instant cut to whole milliseconds, the finest HubSpot keeps."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def format_instant(instant: datetime) -> str:
    """Return the instant as HubSpot writes it: no fraction when it is zero."""
    spec = "milliseconds" if instant.microsecond else "seconds"
    text = instant.astimezone(UTC).isoformat(timespec=spec)
    return text.replace("+00:00", "Z")


def to_epoch(instant: datetime) -> int:
    """Return the instant as whole seconds since 1970, as Stripe sends it."""
    return int(instant.timestamp())


def stable_token(*parts: object, length: int = 22) -> str:
    """Return a token that is the same for the same parts, for request and trace ids."""
    text = "|".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
