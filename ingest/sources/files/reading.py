"""The files of one dataset to the rows that stand: parts typed side by side, then merged.

Belongs here: the order of the steps decode -> type -> survey -> merge, and which rows of a
part stand. Stays out: each of those steps, which files are read (`source`), landing.

A file is read once, as parts. While its rows are landed, keys and days are noted; if two
rows have one key, those rows are read again and merged, and all is landed a second time
without the ones that do not stand. Several files are surveyed before anything is landed,
because a later file decides what stands of an earlier one. Rows that are added up
(`aggregate`) go through as rows, all of them in memory.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from pyarrow.compute import call_function

from ingest.config_templates import HEADER_LINE, is_template
from ingest.errors import ContractViolation
from ingest.ordered import map_in_order
from ingest.periods import period_column
from ingest.sources.files.apart import (
    Stretch,
    check_totals,
    stretches_of_columns,
    stretches_of_rows,
)
from ingest.sources.files.columns import TypedTable, type_table
from ingest.sources.files.contents import Contents, DroppedFile
from ingest.sources.files.mapping import (
    INSTANTS,
    NO_VERSION,
    NUMBERS,
    order_values,
    version_kinds,
)
from ingest.sources.files.merge import (
    Period,
    Row,
    aggregate_rows,
    check_added,
    covered_periods,
    day_of,
    join_periods,
    key_of,
    period_between,
    resolve_duplicates,
    round_micros,
    supersede_periods,
)
from ingest.sources.files.proof import check_stated, ends_itself
from ingest.sources.files.survey import (
    Days,
    PartFacts,
    days_of,
    hash_keys,
    hash_row_keys,
    repeated_keys,
)
from ingest.sources.files.text import PART_BYTES
from ingest.sources.protocol import AccountWindow, Block, Extract, Record, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ingest.config import Dataset, FilesSource
    from ingest.sources.files.table import BrokenRow, Part, RawTable

_log = logging.getLogger(__name__)
REF_DIGITS: Final = 16
ROWS_PER_PASS: Final = 300_000
"""Rows of repeated keys merged at once; a drop with more of them is read again for each."""


@dataclass
class _Plan:
    """Which rows stand: files taken, days later files cover, rows dropped by part."""

    taken: list[int]
    is_sure: bool = False
    periods: dict[int, list[Period]] = field(default_factory=dict)
    dropped: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    absorbed: dict[str, int] = field(default_factory=dict)

    def later_periods(self, number: int) -> list[Period]:
        """Return the periods files after this one speak for."""
        return [
            p
            for other in self.taken
            if other > number
            for p in self.periods.get(other, ())
        ]


@dataclass(frozen=True)
class _Examined:
    """One part as typed columns, and the rows that go through one by one."""

    table: RawTable
    typed: TypedTable
    unclear: dict[int, Row]
    facts: PartFacts


class Reading:
    """One reading of one dataset's files into an extract."""

    def __init__(
        self,
        source: FilesSource,
        dataset: Dataset,
        *,
        archive_dir: Path,
        files: Sequence[DroppedFile],
        has_earlier: bool,
        extract: Extract,
        part_bytes: int = PART_BYTES,
    ) -> None:
        """Promise the rows; nothing is read before they are asked for."""
        self.source = source
        self.dataset = dataset
        self.contract = dataset.contract
        self.files = files
        self.contents = Contents(
            source, dataset, archive_dir=archive_dir, files=files, part_bytes=part_bytes
        )
        self.has_earlier = has_earlier
        self.extract = extract
        self.zone = ZoneInfo(source.reporting_timezone)
        self.what = f"{source.name}.{dataset.name}"
        self.plan = _Plan(list(range(len(files))))
        self.facts: dict[tuple[int, int], PartFacts] = {}
        self.superseded: dict[tuple[int, int], int] = {}
        self.proven: set[int] = set()

    def begin(self) -> None:
        """Fill the extract with the rows to come."""
        if self.dataset.aggregate is not None:
            self.extract.rows = self.row_records()
            return
        self.extract.rows = self._blocks()
        self.extract.is_settled = self.settle

    def settle(self) -> bool:
        """Say whether the rows stand as they were read; if not, they come once more.

        Raises:
            ContractViolation: a file is empty, or one key has two contents.
        """
        if not self.plan.is_sure:
            self._check_files(self.plan.taken)
            if self._merge_keys():
                self.extract.rows = self._blocks()
                return False
        self._report()
        return True

    def row_records(self) -> Iterator[Record]:
        """Yield the rows that stand, every one read by itself: the definition of the rest."""
        parts = {number: self._file_rows(number) for number in range(len(self.files))}
        self._check_files(list(parts))
        spans = {
            number: covered_periods(rows, self.contract, self.zone)
            for number, rows in parts.items()
        }
        self.plan.taken = self._without_gap(spans)
        rows = [row for number in self.plan.taken for row in parts[number]]
        absorbed = self.plan.absorbed
        if self.dataset.aggregate is not None:
            # Each file is added up alone: a later file replaces a sum, it does not add to it.
            added = []
            for number in self.plan.taken:
                step = aggregate_rows(
                    parts[number], self.dataset.aggregate, what=self.what
                )
                added += step.rows
                _count(absorbed, step.absorbed)
            rows = added
        rows = [round_micros(row, self.dataset) for row in rows]
        if self.dataset.mode == "replace_period":
            step, periods = supersede_periods(rows, self.contract, self.zone)
            self.plan.periods = {0: periods}
            rows = step.rows
            _count(absorbed, step.absorbed)
        step = resolve_duplicates(rows, self.dataset, what=self.what)
        _count(absorbed, step.absorbed)
        self._report()
        for row in sorted(step.rows, key=lambda row: (row.file, row.line)):
            yield self._record(row)

    def _blocks(self) -> Iterator[Callable[[], Block]]:
        """Yield the parts of the files, each to be read when it is called."""
        if len(self.files) > 1 and not self.plan.is_sure:
            self._survey()
        for number in self.plan.taken:
            for index, part in enumerate(self.contents.parts(number)):
                yield functools.partial(self._block, (number, index), part)

    def _survey(self) -> None:
        """Read all files once to learn what stands of each."""

        def examine(item: tuple[tuple[int, int], Part]) -> None:
            place, part = item
            self.facts[place] = self._examine(place[0], part.read()).facts

        numbers = list(range(len(self.files)))
        places = (
            ((number, index), part)
            for number in numbers
            for index, part in enumerate(self.contents.parts(number))
        )
        for _ in map_in_order(examine, places):
            pass
        self._check_files(numbers)
        spans = {number: self._span(number) for number in numbers}
        self.plan.taken = self._without_gap(spans)
        if self.dataset.mode == "replace_period":
            self.plan.periods = {n: spans[n] for n in self.plan.taken}
        self._merge_keys()

    def _span(self, number: int) -> list[Period]:
        """Return the days a file speaks for: as its manifest says, else by its rows."""
        stated = self.files[number].stated
        if stated is not None and stated.period is not None:
            return [stated.period]
        days = Days.join(f.days for (n, _), f in self.facts.items() if n == number)
        if days is None:
            return []
        return [period_between(days.first, days.last, self.contract)]

    def _merge_keys(self) -> bool:
        """Decide between rows of one key; say whether any does not stand."""
        self.plan.is_sure = True
        if self.dataset.mode == "replace_period" and not self.plan.periods:
            self.plan.periods = {n: self._span(n) for n in self.plan.taken}
        if self.dataset.keep_duplicates:
            return False
        places = sorted(place for place in self.facts if place[0] in self.plan.taken)
        keys, counts = repeated_keys([self.facts[place].keys for place in places])
        passes = (np.cumsum(counts) - 1) // ROWS_PER_PASS
        for number in np.unique(passes):
            self._merge_rows(keys[passes == number])
        return bool(self.plan.dropped)

    def _merge_rows(self, keys: np.ndarray) -> None:
        """Merge the rows of some keys, as `merge` says."""
        rows: dict[tuple[int, int], tuple[tuple[int, int], int, Row]] = {}
        for number in self.plan.taken:
            kind = self._version_kind(number)
            later = self.plan.later_periods(number)
            for index, part in enumerate(self.contents.parts(number)):
                facts = self.facts[number, index]
                places = np.sort(facts.rows[np.isin(facts.keys, keys)])
                if not places.size:
                    continue
                for place, row in zip(
                    places.tolist(),
                    self._rows(number, part.read(), places.tolist(), kind),
                    strict=True,
                ):
                    if not self._is_replaced(row, later):
                        # Rounded first: what lands alike is alike.
                        kept = round_micros(row, self.dataset)
                        rows[row.file, row.line] = (number, index), place, kept
        merged = resolve_duplicates(
            [found[2] for found in rows.values()], self.dataset, what=self.what
        )
        _count(self.plan.absorbed, merged.absorbed)
        for row in merged.rows:
            del rows[row.file, row.line]
        for part_of, place, _ in rows.values():
            self.plan.dropped.setdefault(part_of, []).append(place)

    def _block(self, place: tuple[int, int], part: Part) -> Block:
        """Return the rows of one part that stand."""
        examined = self._examine(place[0], part.read())
        if not self.plan.is_sure:
            self.facts[place] = examined.facts
        table, typed = examined.table, examined.typed
        stands = np.ones(len(table.lines), dtype=bool)
        stands[self.plan.dropped.get(place, [])] = False
        later = self.plan.later_periods(place[0])
        replaced = self._replaced(examined, later)
        self.superseded[place] = int(replaced.sum())
        stands &= ~replaced
        kept = stands & ~typed.unclear
        before = np.cumsum(kept) - kept
        others = tuple(
            (int(before[number]), self._record(round_micros(row, self.dataset)))
            for number, row in examined.unclear.items()
            if stands[number]
        )
        received = {
            (column.name, currency): total
            for column in self.contract.money_columns
            for currency, total in typed.received(column, kept).items()
        }
        mask = None if kept.all() else pa.array(kept)
        return Block(
            columns={n: _filter(v, mask) for n, v in typed.columns.items()},
            payloads=_filter(table.payload_array(), mask),
            source_refs=_filter(self._references(place[0], table), mask),
            source_account=self.dataset.source_account,
            received=received,
            others=others,
        )

    def _examine(self, number: int, table: RawTable) -> _Examined:
        mapping = self.contents.mappings[number]
        typed = type_table(table, mapping)
        places = np.flatnonzero(typed.unclear).tolist()
        rows = self._rows(number, table, places, None) if places else []
        unclear = dict(zip(places, rows, strict=True))
        readable = {place: row for place, row in unclear.items() if row.is_readable}
        keyed = {
            place: row
            for place, row in readable.items()
            if key_of(row, self.contract) is not None
        }
        clear = np.flatnonzero(~typed.unclear)
        period = period_column(self.contract) or ""
        days = typed.columns.get(period)
        clear_days = None if days is None else days.filter(pa.array(~typed.unclear))
        kinds = None
        if mapping.version_header is not None:
            kinds = version_kinds(mapping.header_words(table), mapping)
        stretches: tuple[Stretch, ...] = ()
        if self.dataset.total_rows is not None:
            stretches = stretches_of_columns(
                table, typed.columns, unclear, self.dataset
            )
        facts = PartFacts(
            received=table.received,
            broken=table.broken,
            member=table.member,
            apart=_apart(table),
            stretches=stretches,
            days=Days.join(
                [
                    days_of(clear_days, self.zone),
                    Days.among(
                        day_of(row.values.get(period), self.zone)
                        for row in readable.values()
                    ),
                ]
            ),
            rows=np.concatenate([clear, np.array(list(keyed), dtype=np.int64)]),
            keys=np.concatenate(
                [
                    hash_keys(typed.columns, self.contract, clear),
                    hash_row_keys(list(keyed.values()), self.contract),
                ]
            ),
            version_kinds=kinds,
        )
        return _Examined(table, typed, unclear, facts)

    def _replaced(self, examined: _Examined, later: list[Period]) -> np.ndarray:
        """Return which rows a later file of the drop covers."""
        flags = np.zeros(len(examined.table.lines), dtype=bool)
        if not later:
            return flags
        days = examined.typed.columns.get(period_column(self.contract) or "")
        if days is None:
            flags[:] = True
        else:
            encoded = days.dictionary_encode()
            words = [day_of(d, self.zone) for d in encoded.dictionary.to_pylist()]
            covered = [day is None or any(day in p for p in later) for day in words]
            codes = encoded.indices.fill_null(len(words))
            # A row without a day stands only in the last file, as in staging.
            flags = np.array([*covered, True])[codes.to_numpy(zero_copy_only=False)]
        for place, row in examined.unclear.items():
            flags[place] = row.is_readable and self._is_replaced(row, later)
        return flags

    def _is_replaced(self, row: Row, later: list[Period]) -> bool:
        if not later:
            return False
        day = day_of(row.values.get(period_column(self.contract) or ""), self.zone)
        return day is None or any(day in period for period in later)

    def _rows(
        self, number: int, table: RawTable, places: list[int], versions: str | None
    ) -> list[Row]:
        """Return some rows of a table, each read by itself."""
        some = table.take(places)
        mapped = self.contents.mappings[number].map(some, versions=versions)
        short = f"{self.files[number].sha256[:REF_DIGITS]}{table.member}"
        names = list(mapped.columns)
        cells = zip(*mapped.columns.values(), strict=True)
        return [
            Row(
                values=dict(zip(names, values, strict=True)),
                payload=payload,
                file=number,
                line=line,
                ref=f"{short}:{line}",
                version=version,
            )
            for values, payload, line, version in zip(
                cells,
                some.payload_texts(),
                some.lines,
                mapped.versions or [None] * len(places),
                strict=True,
            )
        ]

    def _file_rows(self, number: int) -> list[Row]:
        """Return all rows of a file, each read by itself."""
        parts: dict[tuple[int, int], RawTable] = {}
        for index, part in enumerate(self.contents.parts(number)):
            table = part.read()
            parts[number, index] = table
            mapping = self.contents.mappings[number]
            kinds = None
            if mapping.version_header is not None:
                kinds = version_kinds(mapping.header_words(table), mapping)
            self.facts[number, index] = PartFacts(
                table.received,
                table.broken,
                table.member,
                apart=_apart(table),
                version_kinds=kinds,
            )
            if self.dataset.aggregate is not None:
                received = sum(facts.received for facts in self.facts.values())
                check_added(received, what=self.what)
        kind = self._version_kind(number)
        found: list[Row] = []
        for place, table in parts.items():
            rows = self._rows(number, table, list(range(len(table.lines))), kind)
            if self.dataset.total_rows is not None:
                stretches = stretches_of_rows(table, rows, self.dataset)
                self.facts[place] = replace(self.facts[place], stretches=stretches)
            found += rows
        return found

    def _version_kind(self, number: int) -> str | None:
        """Return what the version header of a file holds, all its parts together."""
        kinds = [
            facts.version_kinds
            for (n, _), facts in self.facts.items()
            if n == number and facts.version_kinds is not None
        ]
        if not kinds:
            return None
        shared = frozenset.intersection(*kinds)
        return next((k for k in (INSTANTS, NUMBERS) if k in shared), NO_VERSION)

    def _check_files(self, numbers: Sequence[int]) -> None:
        """Refuse a file without rows, a wrong total, a version header nobody can order by.

        Raises:
            ContractViolation: one of them.
        """
        for number in numbers:
            name = self.files[number].name
            parts = [f for (n, _), f in sorted(self.facts.items()) if n == number]
            rows = sum(f.received - sum(f.apart.values()) for f in parts)
            if not rows and not self.dataset.allow_empty:
                message = (
                    f"{name}: has a header but no rows; if that means 'none', declare "
                    "allow_empty: true"
                )
                if is_template(self.dataset):
                    message = (
                        f"{name}: is not filled in, no row stands below line {HEADER_LINE}; "
                        "fill it in or take it out of the drop"
                    )
                raise ContractViolation(message)
            self._check_proof(number, rows)
            stretches = [stretch for f in parts for stretch in f.stretches]
            if check_totals(stretches, self.contents.mappings[number], what=name):
                self.proven.add(number)
            if self._version_kind(number) == NO_VERSION:
                mapping = self.contents.mappings[number]
                what = f"{name} {mapping.version_header}"
                order_values([], mapping.formats, mapping.zone, what, kind=NO_VERSION)

    def _check_proof(self, number: int, rows: int) -> None:
        """Hold a file against its manifest, if it has one."""
        file = self.files[number]
        if file.stated is None:
            return
        days = Days.join(f.days for (n, _), f in self.facts.items() if n == number)
        check_stated(
            file.stated,
            rows=rows,
            days=None if days is None else Period(days.first, days.last),
            replaces=self.dataset.mode in ("replace", "replace_period"),
            name=file.name,
        )
        self.proven.add(number)

    def _without_gap(self, spans: dict[int, list[Period]]) -> list[int]:
        """Return the files whose periods join into one span; later ones wait a night."""
        if self.dataset.mode != "replace_period" or not self.has_earlier:
            return list(spans)
        taken: list[int] = []
        joined: list[Period] = []
        for number, own in spans.items():
            together = join_periods([*joined, *own])
            file = self.files[number]
            if len(together) > 1 and not file.is_replay and taken:
                _log.warning(
                    "file_waits", extra={"stream": self.what, "file": file.name}
                )
                continue
            taken.append(number)
            joined = together
        return taken

    def _report(self) -> None:
        """Fill the extract's counts and coverage."""
        extract, taken = self.extract, self.plan.taken
        absorbed = self.plan.absorbed
        _count(absorbed, {"replaced by a later file": sum(self.superseded.values())})
        received = 0
        for (number, _), facts in sorted(self.facts.items()):
            if number in taken:
                received += facts.received
                _count(absorbed, facts.apart)
                extract.rejected += [
                    self._rejected(number, facts.member, row) for row in facts.broken
                ]
        extract.unproven = {
            self.files[number].sha256: self.files[number].name
            for number in taken
            if number not in self.proven and not ends_itself(self.files[number].name)
        }
        extract.file_sha256s = tuple(self.files[number].sha256 for number in taken)
        for number in taken:
            extract.unknown_fields |= self.contents.mappings[number].unused_headers
        extract.absorbed = dict(absorbed)
        extract.received = received
        if self.dataset.lookup:
            missed = self.contents.lookups.missed
            extract.unmatched_codes = {n: sorted(codes) for n, codes in missed.items()}
        periods = join_periods(p for own in self.plan.periods.values() for p in own)
        extract.coverage.append(
            AccountWindow(
                self.dataset.source_account,
                start_date=periods[0].start if periods else None,
                end_date=periods[-1].end if periods else None,
            )
        )
        _log.info(
            "files_read",
            extra={
                "stream": self.what,
                "files": [self.files[number].name for number in taken],
                "received": received,
                "absorbed": extract.absorbed,
            },
        )

    def _rejected(self, number: int, member: str, row: BrokenRow) -> Rejected:
        return Rejected(
            source_ref=f"{self.files[number].sha256[:REF_DIGITS]}{member}:{row.line}",
            source_account=self.dataset.source_account,
            column="",
            value_class="",
            reason=row.reason,
        )

    def _record(self, row: Row) -> Record:
        return Record(row.values, row.payload, row.ref, self.dataset.source_account)

    def _references(self, number: int, table: RawTable) -> pa.Array:
        """Return where each row stands: `<start of the SHA-256>[.<member>]:<line>`."""
        lines = table.lines
        if isinstance(lines, range):
            lines = np.arange(lines.start, lines.stop)
        short = f"{self.files[number].sha256[:REF_DIGITS]}{table.member}"
        texts = pa.array(lines, pa.int64()).cast(pa.string())
        return call_function(
            "binary_join_element_wise", [pa.scalar(f"{short}:"), texts, pa.scalar("")]
        )


def _filter(values: pa.Array, mask: pa.Array | None) -> pa.Array:
    return values if mask is None else values.filter(mask)


def _apart(table: RawTable) -> dict[str, int]:
    """Return the rows of a table that are no records, by what they are."""
    return {
        "total row": len(table.totals),
        "repeated header": table.repeated_headers,
    }


def _count(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for cause, count in more.items():
        if count:
            totals[cause] = totals.get(cause, 0) + count
