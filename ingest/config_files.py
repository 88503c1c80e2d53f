"""Files sources of `warehouse.yml`: a folder, how its text is written, what each file feeds.

Belongs here: the models of a files source and of its datasets, and the checks of a dataset
against its entity contract. Stays out: opening or reading a file (`ingest.sources.files`).
"""

from __future__ import annotations

import codecs
import datetime as dt
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ingest.config_model import ConfigModel, Name, Text, Timezone
from ingest.config_sources import SourceConfig
from ingest.config_yaml import Location, Problem, nearest
from ingest.contracts import CONTRACTS
from ingest.entities import EntityContract, Truth, Type
from ingest.periods import period_column

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["replace", "replace_period", "upsert", "append"]
Unit = Literal["major", "minor", "micros", "thousand", "million"]
NumberFormat = Literal[
    "1234.56", "1234,56", "1,234.56", "1.234,56", "1 234,56", "1 234.56", "1'234.56"
]

ISO: Final = "iso"
EVERY_COLUMN: Final = "*"
UNSETTLED: Final = "?"
"""Where a proposal leaves a decision to a person; no night runs on it."""
_DATE_DIRECTIVES: Final = frozenset("YymdHIMSfpzbBjaAT%")
_NUMERIC: Final = frozenset({Type.INTEGER, Type.MONEY, Type.NUMBER, Type.RATE})
_DEFAULT_MODE: Final[dict[Truth, Mode]] = {
    Truth.LEDGER: "append",
    Truth.RESTATED_DAILY: "replace_period",
    Truth.MUTABLE: "upsert",
}


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _check_pattern(value: str) -> str:
    path = PurePosixPath(value)
    windows = "\\" in value or re.match(r"[A-Za-z]:", value)
    if (
        not value
        or path.is_absolute()
        or windows
        or ".." in path.parts
        or "\0" in value
    ):
        message = f"file pattern {value!r} must stay inside the source's path"
        raise ValueError(message)
    return value


def _check_encoding(value: str) -> str:
    try:
        codecs.lookup(value)
    except LookupError:
        known = ("utf-8-sig", "utf-8", "utf-16", "cp1258", "cp1252", "latin-1")
        message = f"unknown encoding {value!r}{nearest(value, known)}"
        raise ValueError(message) from None
    return value


def _check_delimiter(value: str) -> str:
    plain = {"\\t": "\t", "tab": "\t"}.get(value, value)
    if len(plain) != 1 or plain in '"\r\n':
        message = f"delimiter {value!r} must be one character (tab for tabulators)"
        raise ValueError(message)
    return plain


def _check_date_format(value: str) -> str:
    if value == ISO:
        return value
    directives = re.findall(r"%(.)", value)
    unknown = [d for d in directives if d not in _DATE_DIRECTIVES]
    try:
        dt.datetime.strptime(  # noqa: DTZ007 - only the format is on trial
            dt.datetime(2026, 1, 31, 13, 5, tzinfo=dt.UTC).strftime(value), value
        )
    except ValueError:
        unknown = unknown or ["?"]
    has_day = {"d", "m"} <= set(directives) or {"d", "b"} <= set(directives)
    has_day = has_day or {"d", "B"} <= set(directives) or "j" in directives
    has_year = {"Y", "y"} & set(directives)
    months_only = {"Y", "m"} <= set(directives) and "d" not in directives
    if unknown or not has_year or not (has_day or months_only):
        message = f"date format {value!r} must be 'iso' or name year, month and day (%d/%m/%Y)"
        raise ValueError(message)
    return value


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_as_tuple)]
Headers = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Encoding = Annotated[str, AfterValidator(_check_encoding)]
Delimiter = Annotated[str, AfterValidator(_check_delimiter)]
DateFormat = Annotated[str, AfterValidator(_check_date_format)]
DateFormats = Annotated[tuple[DateFormat, ...], BeforeValidator(_as_tuple)]


class Lookup(ConfigModel):
    """One column taken from another file: where `on` matches, `take` is the value.

    `on` maps a header of this file (or a column already filled) to a header of the other.
    `latest_by` names the other file's version header when it keeps several per key.
    """

    file: Pattern
    on: dict[str, str]
    take: Text
    latest_by: Text | None = None


class Aggregate(ConfigModel):
    """Rows finer than the entity: added up over `sum` for each value of `by`."""

    by: Words
    sum: Words


class TextFormat(ConfigModel):
    """How the text of a file is to be read; declared, never guessed."""

    number_format: NumberFormat = "1234.56"
    date_formats: DateFormats = (ISO,)
    encoding: Encoding = "utf-8-sig"
    delimiter: Delimiter = ","
    timezone: Timezone
    max_quarantine_share: float = Field(default=0.001, ge=0, le=1)


class Dataset(TextFormat):
    """Files that feed one canonical entity, and how their columns become its columns."""

    entity: str = Field(exclude=True)
    name: Name = Field(exclude=True)
    """Entity, or entity__n where several datasets feed it; part of the stream."""
    files: Patterns
    mode: Mode
    columns: dict[str, Headers] = Field(default_factory=dict)
    units: dict[str, Unit] = Field(default_factory=dict)
    nulls: dict[str, Words] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    lookup: dict[str, Lookup] = Field(default_factory=dict)
    aggregate: Aggregate | None = None
    sheet: str | None = None
    skip_rows: int = Field(default=0, ge=0)
    """Physical lines above the header (a title, an export date)."""
    version_column: str | None = None
    """Header or column that orders rows of one key; the newest wins."""
    keep_duplicates: bool = False
    """Rows of one key are kept as they are (keyless detail)."""
    allow_empty: bool = False
    """A file without rows means 'no rows' instead of a failed export."""
    history_of: str | None = None
    """Vendor source whose past these files are: rows land under its name."""
    source_account: str = ""
    legal_entity: str = Field(default="", exclude=True)
    """Set by `load_config` with `history_of`; '' = that of the files source."""

    @property
    def contract(self) -> EntityContract:
        """Contract of the entity the files feed."""
        return CONTRACTS["files"][self.entity]


class FilesSource(SourceConfig):
    """A drop folder whose files are mapped onto canonical entities."""

    path: Path
    datasets: tuple[Dataset, ...]
    templates: bool = False
    """Workbooks named after an entity feed it, too (`ingest.config_templates`)."""
    history_of: str | None = None

    def canonical_entities(self) -> frozenset[str]:
        """Return the entities the datasets feed."""
        return frozenset(dataset.entity for dataset in self.datasets)

    def stream_of(self, dataset: Dataset) -> str:
        """Return the name the dataset's batches are kept under."""
        return f"{self.name}.{dataset.name}"


def default_mode(contract: EntityContract) -> Mode:
    """Return the mode that loses nothing for an entity: by how its truth behaves."""
    return _DEFAULT_MODE[contract.truth]


def check_dataset(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield what contradicts the entity contract in one dataset."""
    yield from _check_column_names(dataset, location)
    yield from _check_types(dataset, location)
    yield from _check_words(dataset, location)
    yield from _check_given_once(dataset, location)
    yield from _check_settled(dataset, location)
    if dataset.mode == "replace" and (len(dataset.files) > 1):
        text = "replace takes the last file of one pattern; use one dataset per file"
        yield Problem((*location, "files"), text)
    if dataset.mode == "upsert" and dataset.keep_duplicates:
        text = "keep_duplicates has no key to upsert by; choose another mode"
        yield Problem((*location, "keep_duplicates"), text)
    if dataset.mode == "replace_period" and period_column(dataset.contract) is None:
        text = f"{dataset.entity} has no date, so a period of it cannot be replaced"
        yield Problem((*location, "mode"), text)


def _check_settled(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield every mapping a proposal left open."""
    text = (
        f"is still {UNSETTLED!r}: write what it is, then run `warehouse doctor` again"
    )
    for name, headers in dataset.columns.items():
        if UNSETTLED in headers:
            yield Problem((*location, "columns", name), f"{name} {text}")
    for name, value in dataset.constants.items():
        if value == UNSETTLED:
            yield Problem((*location, "constants", name), f"{name} {text}")
    for name, words in dataset.values.items():
        for word, value in words.items():
            if value == UNSETTLED:
                where = (*location, "values", name, word)
                yield Problem(where, f"{name} {word!r} {text}")


def _check_column_names(dataset: Dataset, location: Location) -> Iterator[Problem]:
    """Yield every column the entity does not have."""
    known = {column.name for column in dataset.contract.columns}
    for part in ("columns", "units", "nulls", "constants", "values", "lookup"):
        for name in getattr(dataset, part):
            if name in known or (part == "nulls" and name == EVERY_COLUMN):
                continue
            text = f"{dataset.entity} has no column {name!r}{nearest(name, known)}"
            yield Problem((*location, part, name), text)
    if dataset.aggregate is not None:
        for part in ("by", "sum"):
            for index, name in enumerate(getattr(dataset.aggregate, part)):
                if name not in known:
                    text = (
                        f"{dataset.entity} has no column {name!r}{nearest(name, known)}"
                    )
                    yield Problem((*location, "aggregate", part, index), text)


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
    for name in dataset.aggregate.sum if dataset.aggregate else ():
        if name in columns and name not in numeric:
            yield Problem((*location, "aggregate", "sum"), f"{name} cannot be added up")


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


def required_columns(contract: EntityContract) -> tuple[str, ...]:
    """Return the columns a file must give: the star columns and the first part of the key.

    Other text parts of a key may be absent (a blank dimension is ''); a date, an instant or
    the currency of an amount may not, because no blank stands for them.
    """
    currencies = {column.currency_column for column in contract.columns}
    # `legal_entity` may be a part of a key; it is a load column every source has.
    own_parts = [name for name in contract.key if name != "legal_entity"]
    key_parts = {
        name
        for index, name in enumerate(own_parts)
        if index == 0
        or contract.column(name).type is not Type.TEXT
        or name in currencies
    }
    return tuple(c.name for c in contract.columns if c.star or c.name in key_parts)
