"""Checks of one dataset of `warehouse.yml` against the contract of its entity.

Belongs here: what contradicts the contract or itself. Stays out: the models
(`ingest.config_files`), what only a file can tell (`ingest.sources.files`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ingest.config_files import EVERY_COLUMN, UNSETTLED, Dataset, required_columns
from ingest.config_yaml import Location, Problem, nearest
from ingest.entities import Type
from ingest.periods import period_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.config_files import Words

_NUMERIC: Final = frozenset({Type.INTEGER, Type.MONEY, Type.NUMBER, Type.RATE})


def check_dataset(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield what contradicts the entity contract in one dataset."""
    yield from _check_column_names(dataset, location)
    yield from _check_types(dataset, location)
    yield from _check_words(dataset, location)
    yield from _check_given_once(dataset, location)
    if dataset.mode == "replace" and (len(dataset.files) > 1):
        text = "replace takes the last file of one pattern; use one dataset per file"
        yield Problem((*location, "files"), text)
    if dataset.mode == "upsert" and dataset.keep_duplicates:
        text = "keep_duplicates has no key to upsert by; choose another mode"
        yield Problem((*location, "keep_duplicates"), text)
    if dataset.fixed_width and (dataset.rows_quoted or dataset.header_rows > 1):
        text = "columns of fixed width have no header and no quotes"
        yield Problem((*location, "fixed_width"), text)
    if dataset.mode == "replace_period" and period_column(dataset.contract) is None:
        text = f"{dataset.entity} has no date, so a period of it cannot be replaced"
        yield Problem((*location, "mode"), text)


def find_unsettled(given: object, location: Location) -> Iterator[Problem]:
    """Yield every `?` below a source as it is written, whatever else is wrong there.

    Words that mean NULL are left out: a form may well write `?` for nothing.
    """
    parts = list(given.items()) if isinstance(given, dict) else []
    parts = list(enumerate(given)) if isinstance(given, list) else parts
    for key, value in parts:
        if value == UNSETTLED:
            text = f"{_place(location, key)} is still {UNSETTLED!r}: write what it is, "
            yield Problem((*location, key), text + "then run `warehouse doctor` again")
        elif key != "nulls":
            yield from find_unsettled(value, (*location, key))


def without_unsettled(body: dict[str, Any]) -> dict[str, Any]:
    """Return a dataset without formats and units that are still open.

    So what else is wrong is told beside them, and nothing is told of a `?` twice. Files,
    columns, constants and words stay: there a `?` says that they will be given.
    """
    settled = {k: v for k, v in body.items() if k == "files" or not _is_open(v)}
    units = settled.get("units")
    if isinstance(units, dict):
        settled["units"] = {k: v for k, v in units.items() if v != UNSETTLED}
    return settled


def _is_open(value: object) -> bool:
    return value == UNSETTLED or (isinstance(value, list) and UNSETTLED in value)


def _place(location: Location, key: str | int) -> str:
    """Return what a `?` stands at, in words: a column, a word of a column, a format."""
    if isinstance(key, int):
        location, key = location[:-1], location[-1]
    match location:
        case (*_, "columns" | "constants"):
            return str(key)
        case (*_, "values", column):
            return f"{column} {key!r}"
        case (*_, "units"):
            return f"the unit of {key}"
    return str(key)


def _check_column_names(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield every column the entity does not have."""
    known = {column.name for column in dataset.contract.columns}
    for part in ("columns", "units", "nulls", "constants", "values", "lookup"):
        for name in getattr(dataset, part):
            if name in known or (part == "nulls" and name == EVERY_COLUMN):
                continue
            text = f"{dataset.entity} has no column {name!r}{nearest(name, known)}"
            yield Problem((*location, part, name), text)
    for where, names in _lists_of_columns(dataset).items():
        for index, name in enumerate(names):
            if name not in known:
                text = f"{dataset.entity} has no column {name!r}{nearest(name, known)}"
                yield Problem((*location, *where, index), text)


def _lists_of_columns(dataset: Dataset) -> dict[tuple[str, str], Words]:
    """Return every list of columns a dataset may hold, by where it is declared."""
    added, totals = dataset.aggregate, dataset.total_rows
    return {
        ("aggregate", "by"): added.by if added else (),
        ("aggregate", "sum"): added.sum if added else (),
        ("total_rows", "sums"): totals.sums if totals else (),
    }


def _check_types(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield units and sums of columns that are not numbers."""
    columns = {column.name: column for column in dataset.contract.columns}
    numeric = {name for name, column in columns.items() if column.type in _NUMERIC}
    for name, unit in dataset.units.items():
        if name in columns and name not in numeric:
            text = f"{name} is not a number, so it has no unit"
            yield Problem((*location, "units", name), text)
        elif unit == "minor" and name in numeric and not columns[name].currency_column:
            text = f"{name} has no currency, so it has no minor unit"
            yield Problem((*location, "units", name), text)
    for where, names in _lists_of_columns(dataset).items():
        for name in names if where != ("aggregate", "by") else ():
            if name in columns and name not in numeric:
                yield Problem((*location, *where), f"{name} cannot be added up")


def _check_words(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield constants and value maps that lead outside a column's closed list."""
    allowed = {column.name: column.values for column in dataset.contract.columns}
    given = [
        ((*location, "values", name, word), name, canonical)
        for name, mapping in dataset.values.items()
        for word, canonical in mapping.items()
    ]
    given += [
        ((*location, "constants", name), name, value)
        for name, value in dataset.constants.items()
        if name not in dataset.values
    ]
    for where, name, value in given:
        words = allowed.get(name, ())
        if words and value not in words and value != UNSETTLED:
            yield Problem(where, f"{name} cannot be {value!r}{nearest(value, words)}")


def _check_given_once(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield required columns nobody gives and columns given in two ways.

    Without `columns` the headers of the file are the canonical names, so what is missing is
    known only when a file is read.
    """
    given = {
        part: set(getattr(dataset, part)) for part in ("columns", "constants", "lookup")
    }
    for first, second in (
        ("columns", "constants"),
        ("columns", "lookup"),
        ("constants", "lookup"),
    ):
        for name in sorted(given[first] & given[second]):
            text = f"{name} is given twice, by {first} and by {second}"
            yield Problem((*location, second, name), text)
    if not dataset.columns:
        return
    provided = set().union(*given.values())
    for name in required_columns(dataset.contract):
        if name not in provided:
            text = (
                f"{dataset.entity}.{name} is required: map it in columns, or give it in "
                "constants or lookup"
            )
            yield Problem((*location, "columns"), text)
