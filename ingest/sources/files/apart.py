"""Rows of a file that are no records: its header said again, and declared rows of totals.

Belongs here: finding them, and holding a total against the rows it adds up. Stays out: what
becomes of records (`reading`, `merge`).

A total is true if it is the sum of the rows since the total before it, or of all rows above
it. Amounts are compared as they land, in the unit of the column.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow.compute import (
    ScalarAggregateOptions,
    SetLookupOptions,
    TrimOptions,
    call_function,
)

from ingest.currencies import EXPONENTS
from ingest.errors import ContractViolation
from ingest.sources.files.mapping import POWERS, shift, tidy_cell
from ingest.sources.files.scalars import Misread
from ingest.sources.files.table import (
    BLANKS,
    Letters,
    RawTable,
    TotalRow,
    tidy_header,
    without_rows,
)
from ingest.sources.protocol import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ingest.config_files import Dataset, TotalRows
    from ingest.sources.files.mapping import FileMapping
    from ingest.sources.files.merge import Row

_EXACT: Final = Context(prec=100)


def set_apart(table: RawTable, rule: TotalRows | None) -> RawTable:
    """Return the table without the rows that are no records; they are counted beside it.

    A row that says the header again, cell by cell, is one only in a table of several columns.
    """
    table = _without_headers(table)
    header = tidy_header(rule.column) if rule else ""
    if rule is None or header not in table.headers:
        return table
    words = {tidy_header(word).casefold() for word in rule.words}
    cells = table.column(header).dictionary_encode()
    known = [
        tidy_header(word or "").casefold() in words
        for word in cells.dictionary.to_pylist()
    ]
    if not any(known):
        return table
    places = [
        place
        for place, code in enumerate(cells.indices.to_pylist())
        if code is not None and known[code]
    ]
    found = table.take(places)
    rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
    totals = tuple(
        TotalRow(line, dict(zip(table.headers, row, strict=True)), place - number)
        for number, (line, row, place) in enumerate(
            zip(found.lines, rows, places, strict=True)
        )
    )
    return replace(without_rows(table, places), totals=totals)


def _without_headers(table: RawTable) -> RawTable:
    if len(table.headers) == 1 or not len(table.lines):
        return table
    name = table.headers[0]
    spellings = {name, unicodedata.normalize("NFD", name)}
    letters = Letters.of(table.columns[0]).data.tobytes()
    if not any(spelling.encode() in letters for spelling in spellings):
        return table
    cells = call_function(
        "utf8_trim", [table.columns[0].fill_null("")], TrimOptions(characters=BLANKS)
    )
    options = SetLookupOptions(pa.array(sorted(spellings), pa.string()))
    alike = call_function("is_in", [cells], options).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(alike).tolist()
    if not places:
        return table
    rows = zip(*(c.to_pylist() for c in table.take(places).columns), strict=True)
    repeated = [
        place
        for place, row in zip(places, rows, strict=True)
        if tuple(tidy_header(cell or "") for cell in row) == table.headers
    ]
    if not repeated:
        return table
    return replace(without_rows(table, repeated), repeated_headers=len(repeated))


@dataclass(frozen=True)
class Stretch:
    """Records up to a total row, or to the end of a part: what the declared columns add up to.

    `currencies` are those of the rows, for units that depend on one. `refused`: how many rows
    could not be read, which no sum holds.
    """

    sums: Mapping[str, Decimal] = field(default_factory=dict)
    currencies: frozenset[str] = frozenset()
    rows: int = 0
    refused: int = 0
    total: TotalRow | None = None


def summed_columns(dataset: Dataset) -> tuple[str, ...]:
    """Return the columns totals are held against: the declared ones, else all money."""
    rule = dataset.total_rows
    if rule is None:
        return ()
    return rule.sums or tuple(c.name for c in dataset.contract.money_columns)


def stretches_of_columns(
    table: RawTable,
    columns: Mapping[str, pa.Array],
    others: Mapping[int, Row],
    dataset: Dataset,
) -> tuple[Stretch, ...]:
    """Return the stretches of a table typed by column; `others` are its rows read one by one."""
    found = []
    for first, last, total in _bounds(table):
        within = [row for place, row in others.items() if first <= place < last]
        clear = np.ones(last - first, dtype=bool)
        clear[[place - first for place in others if first <= place < last]] = False
        sums: dict[str, Decimal] = {}
        names = frozenset[str]()
        for name in summed_columns(dataset):
            if name not in columns:
                continue
            part = columns[name].slice(first, last - first).filter(pa.array(clear))
            options = ScalarAggregateOptions(min_count=0)
            sums[name] = Decimal(call_function("sum", [part], options).as_py() or 0)
            code = columns.get(dataset.contract.column(name).currency_column)
            if code is not None:
                names |= set(code.slice(first, last - first).unique().to_pylist())
        rows = _stretch_of_rows(within, total=total, dataset=dataset)
        for name, amount in rows.sums.items():
            sums[name] = _EXACT.add(sums.get(name, Decimal(0)), amount)
        found.append(
            replace(
                rows,
                sums=sums,
                currencies=(names | rows.currencies) - {None},
                rows=last - first,
            )
        )
    return _with_broken(found, table)


def stretches_of_rows(
    table: RawTable, rows: Sequence[Row], dataset: Dataset
) -> tuple[Stretch, ...]:
    """Return the stretches of a table whose rows were all read one by one."""
    found = [
        _stretch_of_rows(rows[first:last], total=total, dataset=dataset)
        for first, last, total in _bounds(table)
    ]
    return _with_broken(found, table)


def check_totals(
    stretches: Iterable[Stretch], mapping: FileMapping, *, what: str
) -> bool:
    """Hold every total row against the rows it adds up; say whether they prove the file.

    They do if a total stands below the last record and every row above could be read.

    Raises:
        ContractViolation: a total is not the sum of its rows.
    """
    since, all_rows = Stretch(), Stretch()
    is_proven = False
    for stretch in stretches:
        since, all_rows = _join(since, stretch), _join(all_rows, stretch)
        if stretch.rows or stretch.refused:
            is_proven = False
        if stretch.total is None:
            continue
        said = _check_total(stretch.total, since, all_rows, mapping, what)
        is_proven = said and not all_rows.refused
        since = Stretch()
    return is_proven


def _check_total(
    total: TotalRow, since: Stretch, all_rows: Stretch, mapping: FileMapping, what: str
) -> bool:
    """Return whether the row says any total at all."""
    said = False
    for name in summed_columns(mapping.dataset):
        header = mapping.header_of.get(name)
        text = tidy_cell(total.cells.get(header or "", ""))
        nulls, _ = mapping.word_rules(name)
        if not text or text in nulls:
            continue
        where = f"{what}:{total.line}: the total of {header}"
        stated = _stated(text, name, all_rows, mapping, where)
        sums = {s.sums.get(name, Decimal(0)) for s in (since, all_rows)}
        if stated in sums:
            said = True
            continue
        if all_rows.refused:
            continue  # rows in quarantine are missing from the sum: it proves nothing
        below = since.sums.get(name, Decimal(0))
        message = (
            f"{where} is {stated:,f}, but its rows add up to {below:,f}; rows are missing, "
            "twice, or the total is not of these rows"
        )
        raise ContractViolation(message)
    return said


def _stated(
    text: str, name: str, rows: Stretch, mapping: FileMapping, where: str
) -> Decimal:
    """Return a total in the unit its column lands in."""
    column = mapping.dataset.contract.column(name)
    try:
        value = mapping.read_word(column)(text)
    except Misread as finding:
        message = f"{where} {finding}"
        raise ContractViolation(message) from None
    number = value[0] if isinstance(value, tuple) else value
    unit = mapping.dataset.units.get(name, "major")
    power = POWERS.get(unit, 0)
    if unit == "minor":
        places = {EXPONENTS[code] for code in rows.currencies if code in EXPONENTS}
        if len(places) != 1:
            message = f"{where} adds up minor units of several currencies"
            raise ContractViolation(message)
        power = -places.pop()
    shifted = shift(number, power)
    return shifted if isinstance(shifted, Decimal) else Decimal(0)


def _bounds(table: RawTable) -> Iterable[tuple[int, int, TotalRow | None]]:
    first = 0
    for total in table.totals:
        yield first, total.above, total
        first = total.above
    yield first, len(table.lines), None


def _stretch_of_rows(
    rows: Sequence[Row], *, total: TotalRow | None, dataset: Dataset
) -> Stretch:
    sums: dict[str, Decimal] = {}
    currencies: set[str] = set()
    columns = summed_columns(dataset)
    for row in rows:
        for name in columns:
            value = row.values.get(name)
            if isinstance(value, Decimal):
                sums[name] = _EXACT.add(sums.get(name, Decimal(0)), value)
            currency = row.values.get(dataset.contract.column(name).currency_column)
            if isinstance(currency, str):
                currencies.add(currency)
    refused = sum(
        isinstance(row.values.get(name), Unreadable) for row in rows for name in columns
    )
    return Stretch(sums, frozenset(currencies), len(rows), refused, total)


def _with_broken(found: Sequence[Stretch], table: RawTable) -> tuple[Stretch, ...]:
    """Return the stretches with the broken rows between their lines counted: no sum has them."""
    counted: list[Stretch] = []
    before = 0
    for stretch in found:
        end = math.inf if stretch.total is None else stretch.total.line
        broken = sum(before < row.line < end for row in table.broken)
        counted.append(replace(stretch, refused=stretch.refused + broken))
        before = end
    return tuple(counted)


def _join(one: Stretch, other: Stretch) -> Stretch:
    names = {*one.sums, *other.sums}
    return Stretch(
        sums={
            name: _EXACT.add(
                one.sums.get(name, Decimal(0)), other.sums.get(name, Decimal(0))
            )
            for name in names
        },
        currencies=one.currencies | other.currencies,
        rows=one.rows + other.rows,
        refused=one.refused + other.refused,
    )
