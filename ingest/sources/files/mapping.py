"""From headers to contract columns: which cell becomes which value.

Belongs here: finding headers, blanks and value maps, constants, lookups, units, reading every
column by its declared format. Stays out: reading files (`delimited`, `tabular`), what is done
with several rows of one key (`merge`).

Work is done once per distinct text of a column, not once per cell: a year of daily rows has
365 dates however many rows it has.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ingest.config_files import EVERY_COLUMN, Dataset, Lookup, Unit, required_columns
from ingest.config_yaml import nearest
from ingest.currencies import EXPONENTS
from ingest.date_formats import ISO
from ingest.entities import Column, Type
from ingest.errors import ContractViolation
from ingest.sources.files.legacy import find_legacy
from ingest.sources.files.scalars import (
    Misread,
    read_boolean,
    read_date,
    read_instant,
    read_number,
)
from ingest.sources.files.table import BLANKS, RawTable, tidy_header
from ingest.sources.protocol import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

_EXACT: Final = Context(prec=100)
LOST_DIGITS: Final = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+[0-9]{2,3}", re.ASCII)
HELD_AS_TEXT: Final = re.compile(r'="[^"]*"')
"""How an export keeps a spreadsheet from reading an id as a number."""
TOTAL_WORD: Final = re.compile(
    "[ :]*(?:tổng|tổng cộng|tổng số|cộng|total|totals|grand total|sub-?total|sum)[ :]*",
    re.IGNORECASE,
)
"""What a row that adds up others is called where it would name itself."""
_IDENTIFIERS: Final = ("_id", "_key", "_ref", "_code", "_number", "phone", "reference")
FORMULA_ERRORS: Final = frozenset(
    {
        "#REF!",
        "#N/A",
        "#NAME?",
        "#VALUE!",
        "#DIV/0!",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#GETTING_DATA",
    }
)
"""What a spreadsheet shows instead of a value; NULL only where `nulls` says so."""
_NO_LETTERS: Final = re.compile("[\u0080-\u009f\ufffd\ufffe\uffff\ud800-\udfff]")
POWERS: Final[dict[Unit, int]] = {"micros": -6, "thousand": 3, "million": 6}
NUMERIC: Final = frozenset({Type.INTEGER, Type.MONEY, Type.NUMBER, Type.RATE})
INSTANTS, NUMBERS, NO_VERSION = "instants", "numbers", "neither"
_CURRENCY_NAMES: Final = frozenset({"currency", "base_currency", "quote_currency"})


@dataclass(frozen=True)
class Coded:
    """A column of text as its distinct words and, per row, the position of its word."""

    words: tuple[str | None, ...]
    codes: Sequence[int]

    def to_list(self) -> list[str | None]:
        """Return the word of every row."""
        return [self.words[code] for code in self.codes]

    def map_words(self, change: Callable[[str], str | None]) -> Coded:
        """Return the column with every word changed; NULL stays NULL."""
        words = tuple(None if word is None else change(word) for word in self.words)
        return Coded(words, self.codes)


@dataclass(frozen=True)
class MappedTable:
    """Rows of one file by contract column: values, or `Unreadable` where a cell is none.

    `versions` orders rows of one key, None where the dataset declares no version.
    """

    columns: dict[str, list[object]]
    versions: list[object] | None
    unused_headers: frozenset[str]


class LookupTables:
    """The files lookups refer to, each indexed once however many tables are mapped."""

    def __init__(self, tables: Mapping[tuple[str, str | None], RawTable]) -> None:
        """Keep the tables by the pattern and sheet lookups name them with."""
        self._tables = tables
        self._indices: dict[str, dict[tuple[str | None, ...], str | None]] = {}
        self.missed: dict[str, set[str]] = {}
        """Column -> the codes its lookup file does not hold; such cells are NULL."""

    def index(
        self, rule: Lookup, dataset: Dataset
    ) -> dict[tuple[str | None, ...], str | None]:
        """Return key -> value of one lookup."""
        name = rule.model_dump_json()
        if name not in self._indices:
            other = self._tables[rule.file, rule.sheet]
            formats = formats_of(dataset, is_native=other.is_native)
            zone = ZoneInfo(dataset.timezone)
            self._indices[name] = _index_of(other, rule, formats=formats, zone=zone)
        return self._indices[name]


class FileMapping:
    """How the columns of one file become columns of the contract.

    Built once per file, from its headers; then it maps any of the file's tables.

    Raises:
        ContractViolation: a declared header is missing, twice in the file, or a lookup is
            ambiguous.
    """

    def __init__(
        self,
        headers: Sequence[str],
        dataset: Dataset,
        *,
        what: str,
        lookups: LookupTables,
        is_native: bool = False,
    ) -> None:
        """Find the header of every column the dataset maps."""
        self.headers = tuple(headers)
        self.dataset = dataset
        self.what = what
        self.lookups = lookups
        self.zone = ZoneInfo(dataset.timezone)
        self.formats = formats_of(dataset, is_native=is_native)
        self.header_of = self._find_headers()
        self._used = set(self.header_of.values())
        for rule in dataset.lookup.values():
            for local in rule.on:
                self._note_local(local)
            lookups.index(rule, dataset)
        contract = dataset.contract
        self.currencies = {
            c.currency_column for c in contract.columns if c.currency_column
        } | _CURRENCY_NAMES
        given = {*self.header_of, *dataset.constants, *dataset.lookup}
        for name in required_columns(contract):
            if name not in given:
                hint = self._one_column() or nearest(name, self.headers)
                message = f"{what}: has no header {name!r}, which is required{hint}"
                raise ContractViolation(message)
        # Amounts are read by their currency, so currencies come first.
        self.columns = tuple(
            sorted(
                (c for c in contract.columns if c.name in given),
                key=lambda c: c.name not in self.currencies,
            )
        )
        name = dataset.version_column
        self.version_header: str | None = None
        if name is not None and name not in given:
            self._note_local(name)
            self.version_header = name
        self.unused_headers = frozenset(self.headers) - self._used

    def map(self, table: RawTable, *, versions: str | None = None) -> MappedTable:
        """Return the rows of a table; `versions` as `version_kinds` says of the file.

        Grain: one row per record of the table, in its order.
        Units: money and numbers in major units.
        """
        return _TableMapper(self, table).map(versions)

    def cells(self, name: str, table: RawTable) -> Coded:
        """Return a column of text after its blanks and its value map."""
        return _TableMapper(self, table).text(name)

    def header_words(self, table: RawTable) -> tuple[str | None, ...]:
        """Return the words of the version header."""
        header = tidy_header(self.version_header or "")
        return _tidy_cells(table.column(header)).words

    def read_word(self, column: Column) -> Callable[[str], object]:
        """Return what reads one text of a column, after blanks and value map."""
        if column.type is Type.TEXT:
            return _text_reader(
                column,
                self.dataset.contract.key,
                is_currency=column.name in self.currencies,
            )
        if column.type is Type.BOOLEAN:
            return read_boolean
        if column.type is Type.DATE:
            return lambda text: read_date(text, self.formats, self.zone)
        if column.type is Type.INSTANT:
            return lambda text: read_instant(text, self.formats, self.zone)
        written, words = self.dataset.number_format, self.dataset.number_words
        return lambda text: read_number(text, written, words)

    def word_rules(self, name: str) -> tuple[frozenset[str], dict[str, str]]:
        """Return the words of a column that mean NULL, and those that mean another word."""
        nulls = {
            tidy_cell(word)
            for key in (EVERY_COLUMN, name)
            for word in self.dataset.nulls.get(key, ())
        }
        mapping = {
            tidy_cell(k): v for k, v in self.dataset.values.get(name, {}).items()
        }
        return frozenset(nulls), mapping

    def _find_headers(self) -> dict[str, str]:
        """Return contract column -> header."""
        headers = self.dataset.columns
        if not headers:
            given = {*self.dataset.constants, *self.dataset.lookup}
            known = [
                c.name for c in self.dataset.contract.columns if c.name not in given
            ]
            headers = {name: (name,) for name in known if name in self.headers}
        taken: dict[str, str] = {}
        for name, spellings in headers.items():
            wanted = [tidy_header(spelling) for spelling in spellings]
            found = [header for header in wanted if header in self.headers]
            if not found:
                hint = self._one_column() or nearest(wanted[0], self.headers)
                message = f"{self.what}: has no header {wanted[0]!r} (for {name}){hint}"
                raise ContractViolation(message)
            if len(set(found)) > 1:
                message = (
                    f"{self.what}: has both {found[0]!r} and {found[1]!r} for {name}"
                )
                raise ContractViolation(message)
            taken[name] = found[0]
        return taken

    def _one_column(self) -> str:
        """Return a hint where the whole header is one name that holds another delimiter."""
        header = self.headers[0] if len(self.headers) == 1 else ""
        signs = " or ".join(repr(sign) for sign in ";\t|," if sign in header)
        if not signs:
            return ""
        return f": its header is one column, {header!r}; declare delimiter: {signs}"

    def _note_local(self, name: str) -> None:
        """Count a header as used; it may also be a contract column filled already."""
        header = tidy_header(name)
        if header in self.headers:
            self._used.add(header)
        elif name not in {
            *self.header_of,
            *self.dataset.constants,
            *self.dataset.lookup,
        }:
            known = [*self.headers, *self.header_of, *self.dataset.constants]
            message = (
                f"{self.what}: has no header or column {name!r}{nearest(name, known)}"
            )
            raise ContractViolation(message)


class _TableMapper:
    """One mapping of one table; keeps the text columns lookups and units refer to."""

    def __init__(self, file: FileMapping, table: RawTable) -> None:
        self.file = file
        self.dataset = file.dataset
        self.table = table
        self.rows = len(table.lines)
        self.texts: dict[str, Coded] = {}

    def map(self, versions: str | None) -> MappedTable:
        """Return the mapped table."""
        columns: dict[str, list[object]] = {}
        for column in self.file.columns:
            columns[column.name] = self._read(column, columns)
        return MappedTable(
            columns={
                c.name: columns[c.name]
                for c in self.dataset.contract.columns
                if c.name in columns
            },
            versions=self._versions(columns, versions),
            unused_headers=self.file.unused_headers,
        )

    def text(self, name: str) -> Coded:
        """Return a column of text after its blanks and its value map."""
        if name not in self.texts:
            if name in self.dataset.constants:
                cells = Coded((self.dataset.constants[name],), [0] * self.rows)
            elif name in self.dataset.lookup:
                cells = self._look_up(name)
            else:
                cells = _tidy_cells(self.table.column(self.file.header_of[name]))
            nulls, mapping = self.file.word_rules(name)
            if nulls or mapping:
                cells = cells.map_words(
                    lambda word: None if word in nulls else mapping.get(word, word)
                )
            self.texts[name] = cells
        return self.texts[name]

    def _local(self, name: str) -> list[str | None]:
        """Return a text column by header, else by contract column."""
        header = tidy_header(name)
        if header in self.file.headers:
            return _tidy_cells(self.table.column(header)).to_list()
        return self.text(name).to_list()

    def _look_up(self, name: str) -> Coded:
        """Return the column another file gives; no match is NULL."""
        rule = self.dataset.lookup[name]
        found = self.file.lookups.index(rule, self.dataset)
        keys = list(zip(*(self._local(local) for local in rule.on), strict=True))
        missed = {key for key in set(keys) if key not in found and any(key)}
        if missed:
            codes = {" · ".join(part or "" for part in key) for key in missed}
            self.file.lookups.missed.setdefault(name, set()).update(codes)
        taken = [found.get(key) for key in keys]
        words: dict[str | None, int] = {}
        codes = [words.setdefault(word, len(words)) for word in taken]
        return Coded(tuple(words), codes)

    def _read(self, column: Column, done: Mapping[str, list[object]]) -> list[object]:
        """Return the typed values of one column."""
        cells = self.text(column.name)
        read = self.file.read_word(column)
        values = [attempt(read, word) for word in cells.words]
        if column.type not in NUMERIC:
            return [values[code] for code in cells.codes]
        unit = self.dataset.units.get(column.name, "major")
        marks = [value[1] if isinstance(value, tuple) else None for value in values]
        numbers = [value[0] if isinstance(value, tuple) else value for value in values]
        if unit in POWERS:
            numbers = [shift(number, POWERS[unit]) for number in numbers]
        amounts = [numbers[code] for code in cells.codes]
        # A target's value is no money by its type, but says its currency in the same row.
        currency = done.get(column.currency_column or "currency", [None] * self.rows)
        if any(marks):
            amounts = [
                _agree(amount, marks[code], code_of_row, cells.words[code])
                for amount, code, code_of_row in zip(
                    amounts, cells.codes, currency, strict=True
                )
            ]
        if unit == "minor":
            amounts = [
                _from_minor(amount, code_of_row)
                for amount, code_of_row in zip(amounts, currency, strict=True)
            ]
        return amounts

    def _versions(
        self, columns: Mapping[str, list[object]], kind: str | None
    ) -> list[object] | None:
        """Return what orders rows of one key: a contract column, else a header."""
        name = self.dataset.version_column
        if name is None:
            return columns.get(self.dataset.contract.version_column)
        if name in columns:
            return columns[name]
        what = f"{self.file.what} {name}"
        return order_values(
            self._local(name), self.file.formats, self.file.zone, what, kind=kind
        )


def tidy_cell(text: str) -> str:
    """Return a cell as it is read: composed Unicode, blanks cut off."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.strip(BLANKS)


def order_values(
    texts: Sequence[str | None],
    formats: Sequence[str],
    zone: ZoneInfo,
    what: str,
    *,
    kind: str | None = None,
) -> list[object]:
    """Return comparable values of a version header: instants, else whole numbers.

    `kind` is what `version_kinds` said of the whole column, when these are only some of it.

    Raises:
        ContractViolation: they are neither, so nobody can say which row is newer.
    """
    if kind is None:
        kinds = _kinds_of(texts, formats, zone)
        kind = next((k for k in (INSTANTS, NUMBERS) if k in kinds), NO_VERSION)
    if kind == NO_VERSION:
        message = f"{what}: is neither dates of the declared formats nor whole numbers"
        raise ContractViolation(message)
    words = {text for text in texts if text is not None}
    moments: dict[str, object] = {
        word: int(word) if kind == NUMBERS else read_instant(word, formats, zone)
        for word in words
    }
    return [None if text is None else moments[text] for text in texts]


def version_kinds(texts: Iterable[str | None], mapping: FileMapping) -> frozenset[str]:
    """Return what all texts of a version header can be read as: INSTANTS, NUMBERS, both."""
    return _kinds_of(texts, mapping.formats, mapping.zone)


def _kinds_of(
    texts: Iterable[str | None], formats: Sequence[str], zone: ZoneInfo
) -> frozenset[str]:
    words = {text for text in texts if text is not None}
    kinds = set()
    if all(word.isascii() and word.isdigit() for word in words):
        kinds.add(NUMBERS)
    try:
        for word in words:
            read_instant(word, formats, zone)
        kinds.add(INSTANTS)
    except Misread:
        pass
    return frozenset(kinds)


def formats_of(dataset: Dataset, *, is_native: bool) -> tuple[str, ...]:
    """Return the date formats of a file; typed formats also write ISO."""
    if is_native and ISO not in dataset.date_formats:
        return (*dataset.date_formats, ISO)
    return dataset.date_formats


def _tidy_cells(column: pa.Array) -> Coded:
    """Return a column of received text: tidied, blank = NULL."""
    encoded = column.dictionary_encode()
    words = tuple(
        (tidy_cell(word) or None) if word is not None else None
        for word in encoded.dictionary.to_pylist()
    )
    codes = encoded.indices.to_pylist()
    if encoded.null_count:
        words = (*words, None)
        codes = [len(words) - 1 if code is None else code for code in codes]
    return Coded(words, codes)


def _index_of(
    other: RawTable, rule: Lookup, *, formats: Sequence[str], zone: ZoneInfo
) -> dict[tuple[str | None, ...], str | None]:
    """Return key -> value of a lookup file.

    Raises:
        ContractViolation: a header is missing, or one key has two values.
    """
    on = tuple(rule.on.values())
    lists = []
    for name in (*on, rule.take, *([rule.latest_by] if rule.latest_by else [])):
        header = tidy_header(name)
        if header not in other.headers:
            hint = nearest(header, other.headers)
            message = f"{rule.file}: has no header {header!r} (for a lookup){hint}"
            raise ContractViolation(message)
        lists.append(_tidy_cells(other.column(header)).to_list())
    keys = list(zip(*lists[: len(on)], strict=True))
    values = lists[len(on)]
    order: Sequence[object] = range(len(keys))
    if rule.latest_by:
        order = order_values(lists[-1], formats, zone, f"{rule.file} {rule.latest_by}")
    index: dict[tuple[str | None, ...], str | None] = {}
    newest: dict[tuple[str | None, ...], object] = {}
    for key, value, rank in zip(keys, values, order, strict=True):
        if None in key:
            continue
        if key not in index or (rule.latest_by and _is_newer(rank, newest[key])):
            index[key], newest[key] = value, rank
        elif index[key] != value and (not rule.latest_by or rank == newest[key]):
            message = (
                f"{rule.file}: gives two values of {rule.take!r} for one "
                f"{', '.join(on)}; name the header that orders them in latest_by"
            )
            raise ContractViolation(message)
    return index


def _is_newer(rank: object, other: object) -> bool:
    if rank is None or other is None:
        return rank is not None
    return rank > other  # type: ignore[operator]  # both instants or both integers


def attempt(read: Callable[[str], object], word: str | None) -> object:
    """Return the value of one text, NULL, or why it is none."""
    if word is None:
        return None
    try:
        return read(word)
    except Misread as finding:
        return Unreadable(word, str(finding))


def is_identifier(column: Column, key: Sequence[str]) -> bool:
    """Return whether a column holds what things are known by, whose every digit counts."""
    return column.name in key or column.name.endswith(_IDENTIFIERS)


def names_record(column: Column, key: Sequence[str]) -> bool:
    """Return whether a column holds the id of the row's own thing.

    A target's scope may be the total; other parts of a key (a channel) name no thing.
    """
    return (
        column.name in key and column.name.endswith("_id") and column.name != "scope_id"
    )


def _text_reader(
    column: Column, key: Sequence[str], *, is_currency: bool
) -> Callable[[str], str]:
    """Return what reads one text of a text column: codes, closed lists, identifiers."""
    is_own_id = names_record(column, key)
    is_known_by = is_identifier(column, key)

    def read(word: str) -> str:
        if is_currency:
            word = word.upper()
            if word not in EXPONENTS:
                message = "is not an ISO 4217 currency"
                raise Misread(message)
        if column.values and word not in column.values:
            message = f"is none of {', '.join(column.values)}"
            raise Misread(message)
        if is_known_by and LOST_DIGITS.fullmatch(word):
            message = "is an identifier a spreadsheet turned into a rounded number"
            raise Misread(message)
        if is_known_by and HELD_AS_TEXT.fullmatch(word):
            message = 'is an identifier inside a formula (="…"); export its value alone'
            raise Misread(message)
        if is_own_id and TOTAL_WORD.fullmatch(word):
            message = "is a word of totals and no record; declare total_rows"
            raise Misread(message)
        if word in FORMULA_ERRORS:
            message = "is the error of a formula"
            raise Misread(message)
        if not word.isascii():
            _refuse_wrong_letters(word)
        return word

    return read


def _refuse_wrong_letters(word: str) -> None:
    """Refuse a text whose letters come from a wrong encoding.

    Raises:
        Misread: it holds letters no text has, or words of another encoding.
    """
    legacy = find_legacy(word)
    if legacy is not None:
        message = f"is {legacy}"
        raise Misread(message)
    found = _NO_LETTERS.search(word)
    if found is not None:
        message = f"holds U+{ord(found[0]):04X}, which is no letter"
        raise Misread(message)


def shift(number: object, power: int) -> object:
    """Return a number times a power of ten, exactly."""
    return (
        number.scaleb(power, context=_EXACT) if isinstance(number, Decimal) else number
    )


def _from_minor(amount: object, currency: object) -> object:
    """Return minor units of a row's currency as major units."""
    if not isinstance(amount, Decimal):
        return amount
    if not isinstance(currency, str):
        return Unreadable(str(amount), "is in minor units but the row has no currency")
    return shift(amount, -EXPONENTS[currency])


def _agree(
    amount: object, marks: frozenset[str] | None, currency: object, text: str | None
) -> object:
    """Refuse an amount whose own mark is of another currency than its row."""
    if marks is None or currency in marks:
        return amount
    reason = "carries the mark of another currency than its row"
    if not isinstance(currency, str):
        reason = "carries the mark of a currency, and its row has none"
    return Unreadable(text or "", reason)
