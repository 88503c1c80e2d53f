"""How a landed batch differs from the last promoted one: records gone, fields gone, days old.

Belongs here: measuring, in numbers and names. Stays out: what is too much
(`expectations.catalogue`), which columns a mart uses and what people accept (the
orchestrator), the guard while landing (`ingest.control`).

A field is gone when no record of tonight sends it although so many did before that chance
cannot explain it. Which column it filled, and which new field holds the same values now, is
found by comparing values, because one vendor's `dealstage` is our `stage_id`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.compute import call_function

from ingest.entities import Type
from ingest.vendor_errors import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.entities import EntityContract

SAMPLE_ROWS: Final = 2_000
"""Records whose fields are compared, spread evenly: parsing every payload of a large list
would cost more than landing it."""
FIRST_LOOK: Final = 200
"""Records looked at first; only when a usual field is in none of them are more compared. A
field gone from the whole list is gone from these, and on all other nights this is the cost."""
_GROUPS: Final = 4
"""Row groups read of a file, spread evenly."""
BY_CHANCE: Final = 0.0001
"""A field missing from every record is gone when chance would do that less often than this:
one record tells for a field that every record had, fourteen for one that half of them had."""
USUAL_SHARE: Final = 0.5
"""Fields fewer records had are not judged: vendors that leave blanks out (Google, Meta) send
them in runs, so that their absence is no chance of independent records."""
SAME_VALUES: Final = 0.9
SIMILAR_NAME: Final = 0.6
_SHARED_ROWS: Final = 3
_SAME_WEEKDAY: Final = 7


@dataclass(frozen=True)
class LostField:
    """A field the source no longer sends.

    `columns` are the contract columns it filled ('' names none of them), `renamed_to` the new
    field that looks like it, with the reason.
    """

    name: str
    columns: tuple[str, ...]
    renamed_to: str = ""
    likeness: str = ""

    def describe(self) -> str:
        """Return one sentence that names both fields where there are two."""
        filled = f" (column {', '.join(self.columns)})" if self.columns else ""
        now = (
            f"; it now sends {self.renamed_to!r}, {self.likeness}: renamed?"
            if self.renamed_to
            else ""
        )
        return f"the source no longer sends {self.name!r}{filled}{now}"


@dataclass(frozen=True)
class DayRows:
    """Rows of the newest day of restated facts, and of the same weekday before."""

    newest: date | None
    row_count: int
    same_weekday_counts: tuple[int, ...]


def count_removed(new: Path, old: Path, contract: EntityContract) -> int:
    """Return how many records of the old full list are not in the new one."""
    names = ["source_account", *contract.key]
    before = pq.read_table(old, columns=names).group_by(names).aggregate([])
    now = pq.read_table(new, columns=names).group_by(names).aggregate([])
    return before.join(now, keys=names, join_type="left anti").num_rows


def count_days(parquet: Path, contract: EntityContract, last: date) -> DayRows:
    """Return how many rows `last`, the day asked for last, has beside its weekday before.

    `newest` is the newest day any row has, of the account that is furthest behind: one
    account that stopped is not hidden by the others.
    """
    table = pq.read_table(parquet, columns=["source_account", contract.date_column])
    days = table.column(contract.date_column).cast(pa.date32())
    table = pa.table({"account": table.column("source_account"), "day": days})
    newest_by_account = table.group_by("account").aggregate([("day", "max")])
    newest = call_function("min", [newest_by_account.column("day_max")]).as_py()
    counts = Counter(day for day in days.to_pylist() if day is not None)
    oldest = min(counts, default=last)
    before = []
    day = last - timedelta(days=_SAME_WEEKDAY)
    while day >= oldest:
        before.append(counts[day])
        day -= timedelta(days=_SAME_WEEKDAY)
    return DayRows(newest, counts[last], tuple(before))


def find_lost_fields(
    new: Path, old: Path, contract: EntityContract
) -> tuple[LostField, ...]:
    """Return the fields the old batch's records had and no record of the new one has."""
    present = {name for names in _field_names(new) for name in names}
    first = _field_names(old)
    usual = Counter(name for names in first for name in names)
    if not present or all(
        name in present or count < USUAL_SHARE * len(first)
        for name, count in usual.items()
    ):
        return ()
    now, before = _sample(new, contract), _sample(old, contract)
    if not now or not before:
        return ()
    shares_before, shares_now = _shares(before), _shares(now)
    lost = [
        name
        for name, share in shares_before.items()
        if name not in shares_now
        and share >= USUAL_SHARE
        and (1 - share) ** len(now) <= BY_CHANCE
    ]
    gained = [name for name in shares_now if name not in shares_before]
    return tuple(_describe(name, gained, now, before) for name in sorted(lost))


@dataclass(frozen=True)
class _Sampled:
    """One record: its typed columns, and its leaf fields as received."""

    columns: Mapping[str, object]
    fields: Mapping[str, object]


_Sample = Mapping[tuple[object, ...], _Sampled]


def _field_names(parquet: Path) -> list[set[str]]:
    """Return the names of the fields of a few records."""
    payloads = _some_rows(parquet, ["_payload"], FIRST_LOOK)
    return [
        {name for name, _ in _leaves(json.loads(str(row["_payload"])), "")}
        for row in payloads
        if row["_payload"] is not None
    ]


def _sample(parquet: Path, contract: EntityContract) -> _Sample:
    """Return records by key, spread evenly; a repeated key keeps its last."""
    names = [c.name for c in contract.columns if c.type is not Type.RATE]
    columns = list(dict.fromkeys([*names, "source_account", "_payload"]))
    kept: dict[tuple[object, ...], _Sampled] = {}
    for row in _some_rows(parquet, columns, SAMPLE_ROWS):
        payload = row.pop("_payload")
        if payload is None:
            continue
        key = (row.pop("source_account"), *(row.get(name) for name in contract.key))
        kept[key] = _Sampled(row, dict(_leaves(json.loads(str(payload)), "")))
    return kept


def _some_rows(
    parquet: Path, columns: list[str], most: int
) -> Iterator[dict[str, object]]:
    """Yield at most so many rows, spread evenly over a few row groups."""
    with pq.ParquetFile(parquet) as file:
        groups = file.num_row_groups
        chosen = sorted({number * groups // _GROUPS for number in range(_GROUPS)})
        for group in chosen if groups else ():
            table = file.read_row_group(group, columns=columns)
            step = max(1, -(-table.num_rows * len(chosen) // most))
            rows = pa.array(range(0, table.num_rows, step), pa.int64())
            yield from table.take(rows).to_pylist()


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield every named field of a record with its path; lists count as one field."""
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        where = f"{path}.{name}" if path else str(name)
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, where)
        else:
            yield where, inner


def _shares(sample: _Sample) -> dict[str, float]:
    """Return the share of records that send each field, blank or not."""
    counts = Counter(name for record in sample.values() for name in record.fields)
    return {name: count / len(sample) for name, count in counts.items()}


def _describe(
    name: str, gained: Sequence[str], now: _Sample, before: _Sample
) -> LostField:
    filled = _filled_by(name, before)
    best, likeness = "", 0.0
    reason = ""
    for candidate in gained:
        same, of = _same_values(name, candidate, now, before)
        similar = SequenceMatcher(None, _leaf(name), _leaf(candidate)).ratio()
        equal = same / of if of >= _SHARED_ROWS else 0.0
        if max(similar, equal) < SIMILAR_NAME or similar + equal <= likeness:
            continue
        best, likeness = candidate, similar + equal
        reason = (
            f"with the same value in {same} of {of} shared records"
            if of
            else "a similar name"
        )
    return LostField(clean_text(_leaf(name)), filled, clean_text(_leaf(best)), reason)


def _filled_by(name: str, before: _Sample) -> tuple[str, ...]:
    """Return the columns that held what the field said."""
    same: Counter[str] = Counter()
    seen = 0
    for record in before.values():
        told = _comparable(record.fields.get(name))
        if told is None:
            continue
        seen += 1
        same.update(c for c, v in record.columns.items() if _comparable(v) == told)
    return tuple(sorted(c for c, n in same.items() if n >= SAME_VALUES * seen))


def _same_values(
    lost: str, gained: str, now: _Sample, before: _Sample
) -> tuple[int, int]:
    """Return in how many shared records the new field says what the lost one said."""
    pairs = [
        (
            _comparable(before[key].fields.get(lost)),
            _comparable(now[key].fields[gained]),
        )
        for key in before.keys() & now.keys()
        if gained in now[key].fields
    ]
    told = [pair for pair in pairs if pair[0] is not None]
    return sum(old == new for old, new in told), len(told)


def _comparable(value: object) -> object:
    """Return a value in one spelling, whatever its type; None = it says nothing."""
    if value is None or value == "" or isinstance(value, (list, dict)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.timestamp()
    text = str(value).strip()
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        pass
    if "T" in text:
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            pass
    return text.lower()


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]
