"""Files sources of `warehouse.yml`: a folder, how its text is written, what each file feeds.

Belongs here: the models of a files source and of its datasets. Stays out: the checks of a
dataset against its entity contract (`ingest.config_datasets`), opening or reading a file
(`ingest.sources.files`).
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping  # noqa: TC003 - pydantic reads these at run time
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ingest.config_model import ConfigModel, Name, Text, Timezone
from ingest.config_sources import SourceConfig
from ingest.config_yaml import nearest
from ingest.contracts import CONTRACTS
from ingest.date_formats import ISO, check_date_format, find_confusion
from ingest.entities import EntityContract, Truth, Type

Mode = Literal["replace", "replace_period", "upsert", "append"]
Unit = Literal["major", "minor", "micros", "thousand", "million"]
NumberFormat = Literal[
    "undeclared",
    "1234.56",
    "1234,56",
    "1,234.56",
    "1.234,56",
    "1 234,56",
    "1 234.56",
    "1'234.56",
]

EVERY_COLUMN: Final = "*"
UNSETTLED: Final = "?"
"""Where a proposal leaves a decision to a person; no night runs on it."""
UNDECLARED: Final = "undeclared"
"""Number format of a source that declares none."""
_NO_ENCODINGS: Final = frozenset(
    {
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw-unicode-escape",
        "undefined",
        "unicode-escape",
    }
)
_NUMBER_SIGNS: Final = re.compile(r"[0-9.,'()+\-\u2212]")
_MEANING: Final = (
    "aggregate", "columns", "constants", "date_formats", "keep_duplicates", "lookup", "nulls",
    "number_format", "number_words", "source_account", "timezone", "units", "values",
    "version_column",
)  # fmt: skip
"""What a dataset declares that decides which values come out of a file."""
_DEFAULT_MODE: Final[dict[Truth, Mode]] = {
    Truth.LEDGER: "append",
    Truth.RESTATED_DAILY: "replace_period",
    Truth.MUTABLE: "upsert",
}


def number_word(text: str) -> str:
    """Return a word of size (tỷ, k …) as it is compared: composed, without case."""
    return unicodedata.normalize("NFC", text).strip().casefold()


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
        found: codecs.CodecInfo | None = codecs.lookup(value)
    except LookupError:
        found = None
    # Some codecs turn no bytes into text (rot13), or read signs in it (unicode_escape).
    if not found or not found._is_text_encoding or found.name in _NO_ENCODINGS:  # noqa: SLF001 - said nowhere else
        known = ("utf-8-sig", "utf-8", "utf-16", "cp1258", "cp1252", "latin-1")
        message = f"unknown encoding {value!r}{nearest(value, known)}"
        raise ValueError(message)
    return value


def _check_delimiter(value: str) -> str:
    plain = {"\\t": "\t", "tab": "\t"}.get(value, value)
    if len(plain) != 1 or plain in '"\r\n':
        message = f"delimiter {value!r} must be one character (tab for tabulators)"
        raise ValueError(message)
    return plain


def _check_number_words(value: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    """Return the words as numbers are compared with them."""
    for word, factor in value.items():
        if not word.strip() or _NUMBER_SIGNS.search(word):
            message = f"{word!r} cannot stand behind a number as a word"
            raise ValueError(message)
        if not (factor.is_finite() and factor > 0):
            message = f"{word!r} must mean a number above 0, such as 1000000000"
            raise ValueError(message)
    return {number_word(word): factor for word, factor in value.items()}


def _check_formats(value: tuple[str, ...]) -> tuple[str, ...]:
    confusion = find_confusion(value)
    if confusion is not None:
        first, second, text = confusion
        message = (
            f"{first} and {second} read {text!r} as two different days; declare the one the "
            "column is written in, or load the two kinds of files as two datasets"
        )
        raise ValueError(message)
    return value


def _check_fields(
    value: Mapping[str, tuple[int, int]],
) -> Mapping[str, tuple[int, int]]:
    end = 0
    for name, (first, last) in value.items():
        if first <= end or last < first:
            message = f"{name!r} must be [first, last] character from 1, behind the column before"
            raise ValueError(message)
        end = last
    return value


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_as_tuple)]
Headers = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
Sheets = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Encoding = Annotated[str, AfterValidator(_check_encoding)]
Delimiter = Annotated[str, AfterValidator(_check_delimiter)]
DateFormat = Annotated[str, AfterValidator(check_date_format)]
DateFormats = Annotated[
    tuple[DateFormat, ...], BeforeValidator(_as_tuple), AfterValidator(_check_formats)
]
NumberWords = Annotated[dict[str, Decimal], AfterValidator(_check_number_words)]
Fields = Annotated[dict[Text, tuple[int, int]], AfterValidator(_check_fields)]


class Lookup(ConfigModel):
    """One column taken from another file: where `on` matches, `take` is the value.

    `on` maps a header of this file (or a column already filled) to a header of the other.
    `latest_by` names the other file's version header when it keeps several per key. `sheet`
    says which one of a workbook that has several.
    """

    file: Pattern
    sheet: Text | None = Field(default=None, exclude_if=lambda sheet: sheet is None)
    """Part of what cells mean (`Dataset.reading`); undeclared it is not told, so that files
    read before there was a choice count as read alike."""
    on: dict[str, str]
    take: Text
    latest_by: Text | None = None


class Aggregate(ConfigModel):
    """Rows finer than the entity: added up over `sum` for each value of `by`."""

    by: Words
    sum: Words


class TotalRows(ConfigModel):
    """Rows that add up others: those with one of `words` in `column`, a header of the file.

    They are no records. What they say is held against the sum of the rows above them: of the
    columns in `sums`, without it of every column of money. A blank says nothing.
    """

    column: Text
    words: Words
    sums: Words = ()


class TextFormat(ConfigModel):
    """How the text of a file is to be read; declared, never guessed."""

    number_format: NumberFormat = UNDECLARED
    """Undeclared = 1234.56, and what other countries read as thousands (250.000) is refused."""
    number_words: NumberWords = Field(default_factory=dict)
    """Words of size behind a number, and what they multiply by: {tỷ: 1000000000, "%": 0.01}."""
    date_formats: DateFormats = (ISO,)
    """`iso`, strptime patterns, `excel` or `excel-1904` (a spreadsheet's day numbers)."""
    encoding: Encoding = "utf-8-sig"
    delimiter: Delimiter = ","
    timezone: Timezone
    max_quarantine_share: float = Field(default=0.001, ge=0, le=1)
    requires_manifest: bool = False
    """A file waits until a manifest names it (`ingest.sources.files.proof`)."""


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
    sheet: Sheets | None = None
    """Sheets of a workbook by name or pattern; None = it has cells on a single one."""
    skip_rows: int = Field(default=0, ge=0)
    """Physical lines above the header (a title, an export date)."""
    header_rows: int = Field(default=1, ge=1, le=5)
    """Rows the header is spread over; a column's name is their texts joined by ' / ', where a
    merged cell counts for every column it spans."""
    fixed_width: Fields = Field(default_factory=dict)
    """Text in columns of fixed width: header -> [first, last] character, counted from 1. Such
    a file has no header row."""
    rows_quoted: bool = False
    """Whole rows stand in quotes (a spreadsheet's doing): '"a,""b"",c"' is three cells."""
    member: Pattern | None = None
    """Files to read inside a zip archive, by pattern; None = it holds a single one."""
    total_rows: TotalRows | None = None
    """Rows that are sums of others."""
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
    def reading(self) -> str:
        """Hash of what the cells of its files mean, not of how files are found and opened."""
        told = self.model_dump(mode="json", include=set(_MEANING))
        text = json.dumps(told, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def contract(self) -> EntityContract:
        """Contract of the entity the files feed."""
        return CONTRACTS["files"][self.entity]


class FilesSource(SourceConfig):
    """A drop folder whose files are mapped onto canonical entities."""

    path: Path
    settle_seconds: float = Field(default=2, ge=0, le=600)
    """How long a file no manifest names must have been left alone before it is read."""
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
