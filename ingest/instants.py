"""Vendor times as aware UTC datetimes.

Belongs here: conversions that need to know the vendor's unit. Stays out: time zones of
companies and accounts (`ingest.windows`, staging).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def from_epoch_seconds(value: int | None) -> datetime | None:
    """Return the instant of whole seconds since 1970 (Stripe); None stays None."""
    return None if value is None else _EPOCH + timedelta(seconds=value)


def from_epoch_millis(value: int | None) -> datetime | None:
    """Return the instant of milliseconds since 1970 (HubSpot history); None stays None."""
    return None if value is None else _EPOCH + timedelta(milliseconds=value)
