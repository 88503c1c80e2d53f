"""Several rows of one key: added up, collapsed, ordered by version, or refused.

Belongs here: `aggregate`, duplicates inside one drop, what a newer file of the same night
replaces, and the periods a drop covers. Stays out: reading and mapping cells, what earlier
nights delivered (staging applies the mode over batches).
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final

from ingest.entities import MONEY_SCALE, Truth, Type
from ingest.errors import ContractViolation
from ingest.periods import period_column
from ingest.sources.protocol import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

    from ingest.config_files import Aggregate, Dataset
    from ingest.entities import EntityContract

_EXACT: Final = Context(prec=100)
_HALF_AWAY: Final = Context(prec=100, rounding=ROUND_HALF_UP)
_MONEY_STEP: Final = Decimal(1).scaleb(-MONEY_SCALE)
_DAY: Final = dt.timedelta(days=1)
MAX_ADDED: Final = 2_000_000
"""Rows added up in one night; a row takes some kilobytes while it is held."""


@dataclass(frozen=True)
class Row:
    """One row of a file: values by contract column and where it stands.

    `file` numbers the files of a drop from the oldest; `version` orders rows of one key.
    """

    values: dict[str, object]
    payload: str
    file: int
    line: int
    ref: str
    version: object = None

    @property
    def is_readable(self) -> bool:
        """True when every cell was read; others go to quarantine as they are."""
        return not any(isinstance(value, Unreadable) for value in self.values.values())


@dataclass(frozen=True)
class Merged:
    """The rows that stand, and how many were absorbed into them or replaced, by cause."""

    rows: list[Row]
    absorbed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Period:
    """Inclusive days."""

    start: dt.date
    end: dt.date

    def __contains__(self, day: dt.date) -> bool:
        """Say whether a day lies in it."""
        return self.start <= day <= self.end


def check_added(rows: int, *, what: str) -> None:
    """Refuse more rows to be added up than may be held in memory.

    Raises:
        ContractViolation: there are more.
    """
    if rows > MAX_ADDED:
        message = (
            f"{what}: more than {MAX_ADDED:,} rows are to be added up, and all of them are held in "
            "memory; add them up before they are dropped, or drop fewer files a night"
        )
        raise ContractViolation(message)


def aggregate_rows(rows: Iterable[Row], rule: Aggregate, *, what: str) -> Merged:
    """Add up rows finer than the entity.

    Grain: one row per value of `rule.by`. Unreadable rows stay single, so each is found
    again in quarantine. NULL adds nothing; only NULLs add up to NULL.

    Raises:
        ContractViolation: a column that is neither grouped nor added up differs in a group.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    standing: list[Row] = []
    for row in rows:
        if row.is_readable:
            key = tuple(row.values.get(name) for name in rule.by)
            groups.setdefault(key, []).append(row)
        else:
            standing.append(row)
    absorbed = 0
    for members in groups.values():
        standing.append(_add_up(members, rule, what=what))
        absorbed += len(members) - 1
    return Merged(standing, {"added up": absorbed} if absorbed else {})


def _add_up(members: Sequence[Row], rule: Aggregate, *, what: str) -> Row:
    first = members[0]
    values = dict(first.values)
    for name in values:
        if name in rule.by:
            continue
        if name in rule.sum:
            values[name] = _sum(row.values[name] for row in members)
            continue
        for row in members[1:]:
            if row.values[name] != first.values[name]:
                message = (
                    f"{what}: {name} differs between lines {first.line} and {row.line} that "
                    f"are added up; put it in aggregate.by or aggregate.sum"
                )
                raise ContractViolation(message)
    if len(members) == 1:
        return replace(first, values=values)
    payload = "[" + ",".join(row.payload for row in members) + "]"
    return replace(first, values=values, payload=payload)


def _sum(values: Iterable[object]) -> Decimal | None:
    total: Decimal | None = None
    for value in values:
        if isinstance(value, Decimal):
            total = value if total is None else _EXACT.add(total, value)
    return total


def round_micros(row: Row, dataset: Dataset) -> Row:
    """Return the row with money given in micros at the places money is kept with.

    A platform's millionths end here, once per row and half away from zero, after rows finer
    than the entity were added up. Money in any other unit is never rounded.
    """
    names = [name for name, unit in dataset.units.items() if unit == "micros"]
    rounded = {
        name: value.quantize(_MONEY_STEP, context=_HALF_AWAY)
        for name in names
        if dataset.contract.column(name).type is Type.MONEY
        and isinstance(value := row.values.get(name), Decimal)
    }
    return replace(row, values={**row.values, **rounded}) if rounded else row


def resolve_duplicates(rows: Sequence[Row], dataset: Dataset, *, what: str) -> Merged:
    """Leave one row per key.

    Rows of equal content collapse. Of different content the newest version stands; without
    versions the later file stands where files supersede each other, and inside one file the
    key is refused: the last line is not the truth just because it is last.

    Raises:
        ContractViolation: one key, two contents, and nothing says which is right.
    """
    if dataset.keep_duplicates:
        return Merged(list(rows))
    later_file_wins = dataset.mode != "append"
    standing: dict[tuple[object, ...], Row] = {}
    unkeyed: list[Row] = []
    absorbed: dict[str, int] = {}
    for row in rows:
        key = key_of(row, dataset.contract)
        if key is None or not row.is_readable:
            unkeyed.append(row)
            continue
        other = standing.get(key)
        if other is None:
            standing[key] = row
            continue
        cause = "equal duplicate"
        if row.values != other.values:
            cause = "older version"
            if (
                later_file_wins
                and row.file != other.file
                and row.version == other.version
            ):
                standing[key] = row if row.file > other.file else other
            elif row.version == other.version:
                raise ContractViolation(_conflict(row, other, dataset, what))
            elif _is_newer(row.version, other.version):
                standing[key] = row
        absorbed[cause] = absorbed.get(cause, 0) + 1
    return Merged([*unkeyed, *standing.values()], absorbed)


def key_of(row: Row, contract: EntityContract) -> tuple[object, ...] | None:
    """Return the key, None where landing will refuse the row for its missing key.

    A load column in a key (`legal_entity`) is the same in all rows of a drop.
    """
    own = {column.name for column in contract.columns}
    parts: list[object] = []
    for position, name in enumerate(contract.key):
        value = row.values.get(name)
        if value is None and name in own:
            if position == 0 or contract.column(name).type is not Type.TEXT:
                return None
            value = ""
        parts.append(value)
    return tuple(parts)


def _is_newer(version: object, other: object) -> bool:
    if version is None or other is None:
        return version is not None
    return version > other  # type: ignore[operator]  # one version column, one type


def _conflict(row: Row, other: Row, dataset: Dataset, what: str) -> str:
    different = sorted(n for n in row.values if row.values[n] != other.values.get(n))
    first, second = sorted((other, row), key=lambda r: (r.file, r.line))
    return (
        f"{what}: lines {first.line} and {second.line} have the same "
        f"{', '.join(dataset.contract.key)} but different {', '.join(different)}; correct the "
        "file, or declare version_column or keep_duplicates"
    )


def covered_periods(
    rows: Iterable[Row], contract: EntityContract, zone: ZoneInfo
) -> list[Period]:
    """Return the span one file speaks for, as a list of none or one.

    A restated daily file covers every day from its first to its last; any other the whole
    months from its first row to its last, because a month is what people send again.
    """
    name = period_column(contract)
    days = {
        day
        for row in rows
        if row.is_readable and (day := day_of(row.values.get(name or ""), zone))
    }
    return [period_between(min(days), max(days), contract)] if days else []


def period_between(first: dt.date, last: dt.date, contract: EntityContract) -> Period:
    """Return the span a file with this first and last day speaks for."""
    if contract.truth is Truth.RESTATED_DAILY:
        return Period(first, last)
    length = calendar.monthrange(last.year, last.month)[1]
    return Period(first.replace(day=1), last.replace(day=length))


def join_periods(periods: Iterable[Period]) -> list[Period]:
    """Return periods in order, those that touch or overlap joined."""
    joined: list[Period] = []
    for period in sorted(periods, key=lambda p: (p.start, p.end)):
        if joined and period.start <= joined[-1].end + _DAY:
            joined[-1] = Period(joined[-1].start, max(joined[-1].end, period.end))
        else:
            joined.append(period)
    return joined


def supersede_periods(
    rows: Sequence[Row], contract: EntityContract, zone: ZoneInfo
) -> tuple[Merged, list[Period]]:
    """Leave of each file what no later file of the drop covers; return all periods.

    Rows without a day stand only if they are of the last file, as in staging.
    """
    name = period_column(contract) or ""
    files = sorted({row.file for row in rows})
    periods = {
        number: covered_periods((r for r in rows if r.file == number), contract, zone)
        for number in files
    }
    standing: list[Row] = []
    for row in rows:
        later = [p for number in files if number > row.file for p in periods[number]]
        day = day_of(row.values.get(name), zone)
        is_replaced = bool(later) if day is None else any(day in p for p in later)
        if not row.is_readable or not is_replaced:
            standing.append(row)
    replaced = len(rows) - len(standing)
    absorbed = {"replaced by a later file": replaced} if replaced else {}
    everything = join_periods(p for ps in periods.values() for p in ps)
    return Merged(standing, absorbed), everything


def day_of(value: object, zone: ZoneInfo) -> dt.date | None:
    """Return the day of a date or, in the company zone, of an instant."""
    if isinstance(value, dt.datetime):
        return value.astimezone(zone).date()
    return value if isinstance(value, dt.date) else None
