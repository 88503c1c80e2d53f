"""How fresh each source is: the newest business day that reached raw.

Belongs here: reading that day from the footers of the newest batches, and its age. Stays out:
whether a batch may be promoted (the raw gate), wording (`orchestration.status`).

The business day counts, not the day of the load: a source that sends last month's rows again
every night loads well and is stale all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from ingest.config import VendorSource
from ingest.contracts import CONTRACTS
from ingest.entities import Truth
from ingest.paths import raw_dir

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ingest.config import SourceConfig
    from ingest.entities import EntityContract
    from ingest.manifest import BatchManifest

FRESH: Final = "fresh"
QUIET: Final = "quiet"
LATE: Final = "late"
STALE: Final = "stale"
NEW: Final = "not loaded yet"

_LOADS_LOOKED_AT: Final = 10
"""Newest loads of a stream whose footers are read: a nightly stream that brought no newer
row in ten loads is stale whatever the eleventh holds, and status must not cost history."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class SourceFreshness:
    """One source: through which day it was asked, through which day it has data.

    `state`: `fresh`; `late` or `stale` beyond the warning or failing age; `quiet` when it was
    asked in time and has nothing newer, which for records (deals, invoices) may be true;
    `not loaded yet`. Ages are hours since the end of the day, None without a day.
    """

    source: str
    kind: str
    optional: bool
    loaded_through: date | None
    data_through: date | None
    loaded_hours: int | None
    data_hours: int | None
    warn_hours: int | None
    fail_hours: int | None
    state: str


def measure_freshness(
    root: Path,
    sources: Iterable[SourceConfig],
    live: Sequence[BatchManifest],
    *,
    now: datetime,
) -> list[SourceFreshness]:
    """Return the freshness of every source at an instant; `live` are the ledger's batches."""
    # By stream and not by name: a history export lands under the name of its vendor source.
    by_source: dict[str, list[BatchManifest]] = {}
    for batch in live:
        by_source.setdefault(batch.stream.partition(".")[0], []).append(batch)
    return [
        _measure(root, source, by_source.get(source.name, []), now)
        for source in sources
    ]


def _measure(
    root: Path, source: SourceConfig, batches: list[BatchManifest], now: datetime
) -> SourceFreshness:
    zone = ZoneInfo(source.reporting_timezone)
    loaded = max((batch.load_date - _DAY for batch in batches), default=None)
    newest = [
        day
        for batch in _newest_loads(batches)
        if (day := _newest_day(root, batch, zone, now)) is not None
    ]
    data = max(newest, default=None)
    vendor = source if isinstance(source, VendorSource) else None
    warn = vendor.freshness_warn_hours if vendor else None
    fail = vendor.freshness_fail_hours if vendor else None
    loaded_hours, data_hours = _hours(loaded, zone, now), _hours(data, zone, now)
    return SourceFreshness(
        source=source.name,
        kind=source.kind,
        optional=source.optional,
        loaded_through=loaded,
        data_through=data,
        loaded_hours=loaded_hours,
        data_hours=data_hours,
        warn_hours=warn,
        fail_hours=fail,
        state=_judge(source.kind, loaded_hours, data_hours, warn, fail),
    )


def _judge(
    kind: str,
    loaded: int | None,
    data: int | None,
    warn: int | None,
    fail: int | None,
) -> str:
    """Return the state; files come in their own rhythm, so only vendors are judged.

    Only daily facts have a row for every day. A company may well sign no deal from Friday to
    Monday, so records that bring nothing newer are `quiet`, whatever their age.
    """
    if loaded is None:
        return NEW
    if warn is None or fail is None:
        return FRESH
    has_days = any(
        contract.truth is Truth.RESTATED_DAILY for contract in CONTRACTS[kind].values()
    )
    age = loaded if not has_days or data is None else max(loaded, data)
    if age > fail:
        return STALE
    if age > warn:
        return LATE
    return QUIET if data is None or data > fail else FRESH


def _hours(day: date | None, zone: ZoneInfo, now: datetime) -> int | None:
    """Return whole hours since a business day ended there."""
    if day is None:
        return None
    ended = datetime.combine(day + _DAY, time.min, tzinfo=zone)
    return max(0, (now - ended) // timedelta(hours=1))


def _newest_loads(batches: list[BatchManifest]) -> Iterator[BatchManifest]:
    counts: dict[object, int] = {}
    for batch in sorted(batches, key=lambda b: b.load_date, reverse=True):
        if batch.row_count == 0:
            continue
        seen = counts.get(batch.stream_path, 0)
        if seen < _LOADS_LOOKED_AT:
            counts[batch.stream_path] = seen + 1
            yield batch


def _newest_day(
    root: Path, batch: BatchManifest, zone: ZoneInfo, now: datetime
) -> date | None:
    """Return the newest business day a batch holds, none of the future."""
    contract = CONTRACTS.get(batch.kind, {}).get(batch.entity)
    path = (
        raw_dir(root, batch.stream_path, batch.load_date) / f"{batch.batch_id}.parquet"
    )
    if contract is None or not path.is_file():
        return None
    with pq.ParquetFile(path) as file:
        days = [
            day
            for name in _dating_columns(contract)
            for value in _newest_values(file, name, now, zone)
            if (day := _day_of(value, zone)) <= _day_of(now, zone)
        ]
    return max(days, default=None)


def _dating_columns(contract: EntityContract) -> tuple[str, ...]:
    """Return the columns that say when something happened or was changed at the source."""
    names = (contract.date_column, contract.version_column)
    return tuple(dict.fromkeys(name for name in names if name))


def _newest_values(
    file: pq.ParquetFile, name: str, now: datetime, zone: ZoneInfo
) -> Iterator[date | datetime]:
    """Yield the largest value of each row group, from the footer where it serves."""
    if name not in file.schema_arrow.names:
        return
    column = file.schema_arrow.names.index(name)
    for group in range(file.num_row_groups):
        statistics = file.metadata.row_group(group).column(column).statistics
        largest = statistics.max if statistics and statistics.has_min_max else None
        if isinstance(largest, date) and _day_of(largest, zone) <= _day_of(now, zone):
            yield largest
            continue
        # A planned day (a rate or period ahead) hides what has happened: look at the rows.
        for value in file.read_row_group(group, [name]).column(0).unique():
            if isinstance(known := value.as_py(), date):
                yield known


def _day_of(value: date | datetime, zone: ZoneInfo) -> date:
    if not isinstance(value, datetime):
        return value
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(zone).date()
