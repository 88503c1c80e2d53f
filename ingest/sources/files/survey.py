"""What must be known of every row of a drop before any of them stands.

Belongs here: the days a file speaks for, keys as numbers, which keys occur twice, what a
version header holds. Stays out: what is done about it (`reading`, `merge`).

A key is kept as a 64-bit hash, 8 bytes a row. Equal keys have equal hashes; keys that merely
share a hash are told apart afterwards, by `merge`, which looks at the rows themselves.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import duckdb
import numpy as np
import pyarrow as pa
from pyarrow.compute import call_function

from ingest.entities import ARROW, EntityContract, Type
from ingest.sources.files.merge import Row, day_of, key_of
from ingest.typing_rules import TYPERS, Untypable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from ingest.sources.files.apart import Stretch
    from ingest.sources.files.table import BrokenRow

_NO_KEYS: Final = np.array([], dtype=np.uint64)
_NO_ROWS: Final = np.array([], dtype=np.int64)
_CLOCK_SHIFTS: Final = dt.timedelta(days=2)
"""Longer than any zone ever set its clocks back, so no later instant has an earlier day."""


@dataclass(frozen=True)
class Days:
    """First and last day among some rows."""

    first: dt.date
    last: dt.date

    @staticmethod
    def among(days: Iterable[dt.date | None]) -> Days | None:
        """Return the first and last of some days, None when there is none."""
        known = [day for day in days if day is not None]
        return Days(min(known), max(known)) if known else None

    @staticmethod
    def join(parts: Iterable[Days | None]) -> Days | None:
        """Return the first and last day of several parts."""
        return Days.among(
            day for part in parts if part for day in (part.first, part.last)
        )


@dataclass(frozen=True)
class PartFacts:
    """What one part of a file tells: its counts, its days, the keys of its rows.

    `received` counts every row, also those that are no records (`apart`, by what they are).
    """

    received: int
    broken: tuple[BrokenRow, ...] = ()
    member: str = ""
    apart: Mapping[str, int] = field(default_factory=dict)
    stretches: tuple[Stretch, ...] = ()
    days: Days | None = None
    rows: np.ndarray = field(default_factory=lambda: _NO_ROWS)
    keys: np.ndarray = field(default_factory=lambda: _NO_KEYS)
    version_kinds: frozenset[str] | None = None


def days_of(values: pa.Array | None, zone: ZoneInfo) -> Days | None:
    """Return the first and last day of a column of dates or, in the zone, of instants."""
    if values is None or values.null_count == len(values):
        return None
    bounds = call_function("min_max", [values]).as_py()
    first, last = bounds["min"], bounds["max"]
    if not isinstance(first, dt.datetime):
        return Days(first, last)
    near_first = call_function("less_equal", [values, _bound(values, first, 1)])
    near_last = call_function("greater_equal", [values, _bound(values, last, -1)])
    near = call_function("or", [near_first, near_last])
    moments = values.filter(near).unique().to_pylist()
    return Days.among(day_of(moment, zone) for moment in moments)


def _bound(values: pa.Array, moment: dt.datetime, sign: int) -> pa.Scalar:
    return pa.scalar(moment + sign * _CLOCK_SHIFTS, values.type)


def hash_keys(
    columns: Mapping[str, pa.Array], contract: EntityContract, rows: np.ndarray
) -> np.ndarray:
    """Return a number per row that is equal where keys are; rows without a key left out."""
    if not rows.size:
        return _NO_KEYS
    parts = {
        name: _key_part(columns.get(name), contract, name)
        for name in _own_key(contract)
        if name in columns
    }
    return _hash_columns(parts)[rows]


def hash_row_keys(rows: Sequence[Row], contract: EntityContract) -> np.ndarray:
    """Return the same numbers for rows that were read one by one, all of them keyed."""
    keys = [key_of(row, contract) or () for row in rows]
    typed: list[dict[str, object] | None] = []
    for row in rows:
        try:
            typed.append(
                {
                    name: None
                    if row.values[name] is None
                    else TYPERS[contract.column(name).type](row.values[name])
                    for name in _own_key(contract)
                    if name in row.values
                }
            )
        except Untypable:
            typed.append(None)
    sound = [values for values in typed if values is not None]
    parts = {
        name: _key_part(
            pa.array(
                [values[name] for values in sound], ARROW[contract.column(name).type]
            ),
            contract,
            name,
        )
        for name in (sound[0] if sound else ())
    }
    hashes = iter(_hash_columns(parts).tolist() if sound else [])
    # A key no column can hold equals only another one like it.
    return np.array(
        [
            _hash_text(repr(key)) if values is None else next(hashes)
            for key, values in zip(keys, typed, strict=True)
        ],
        dtype=np.uint64,
    )


def repeated_keys(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys that occur more than once, and how often."""
    if not parts:
        return _NO_KEYS, _NO_ROWS
    keys = np.sort(np.concatenate(parts))
    again = keys[1:][keys[1:] == keys[:-1]]
    if not again.size:
        return _NO_KEYS, _NO_ROWS
    repeated, counts = np.unique(again, return_counts=True)
    return repeated, counts + 1


def _own_key(contract: EntityContract) -> list[str]:
    """Return the key without load columns, which are the same in all rows of a drop."""
    own = {column.name for column in contract.columns}
    return [name for name in contract.key if name in own]


def _key_part(values: pa.Array | None, contract: EntityContract, name: str) -> pa.Array:
    is_text = contract.column(name).type is Type.TEXT
    return values.fill_null("") if is_text and values is not None else values


def _hash_columns(parts: Mapping[str, pa.Array]) -> np.ndarray:
    names = ", ".join(f'"{name}"' for name in parts)
    with _engine().cursor() as cursor:
        cursor.register("keys", pa.table(dict(parts)))
        found = cursor.sql(f"select hash({names}) as key from keys").fetchnumpy()  # noqa: S608 - names of a contract
    return np.asarray(found["key"], dtype=np.uint64)


@functools.cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Return the engine hashes are asked of; every thread uses a cursor of its own."""
    return duckdb.connect(config={"threads": 1})


def _hash_text(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
