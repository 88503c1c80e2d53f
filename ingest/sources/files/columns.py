"""Whole columns of text to typed columns: what `mapping` does row by row, many times faster.

Belongs here: typing a table column by column, and money as received. Stays out: what a text
means; `mapping`, `scalars` and `ingest.typing_rules` say that, and only they.

Two ways, both exact. A column of few distinct words asks the rules once per word. A column of
many is typed by Arrow, as far as its cells are of the plainest form of the declared format
(`-1.234,5` with at most as many digits as are kept); every other cell asks the rules. A row
with a cell the rules refuse, or with a value that depends on another column in a way not
covered here, is `unclear`: it goes through `mapping` as a row, which is the definition.
`tests/unit/ingest/test_files_columns.py` holds both ways against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow.compute import (
    MatchSubstringOptions,
    ReplaceSubstringOptions,
    SetLookupOptions,
    call_function,
)

from ingest.conform import received_amount
from ingest.currencies import EXPONENTS
from ingest.date_formats import ISO
from ingest.entities import ARROW, MONEY_SCALE, Column, Type
from ingest.sources.files.mapping import (
    FORMULA_ERRORS,
    HELD_AS_TEXT,
    LOST_DIGITS,
    NUMERIC,
    POWERS,
    TOTAL_WORD,
    is_identifier,
    names_record,
    shift,
    tidy_cell,
)
from ingest.sources.files.scalars import UNDECLARED, Misread
from ingest.sources.files.table import Letters
from ingest.sources.protocol import Unreadable
from ingest.typing_rules import TYPERS, Untypable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.sources.files.mapping import FileMapping
    from ingest.sources.files.table import RawTable

_SAMPLE: Final = 4096
_FEW: Final = 4
"""A column repeats its words if a sample has at least this many cells per word."""

_ENDS_OF_TOTALS: Final = np.isin(np.arange(256), list(b"glmsGLMS: \x91\x90"))
"""Last bytes a word of totals can have (ố is three of them, Ố too)."""
_EXACT: Final = Context(prec=100)
_HALF_AWAY: Final = Context(prec=100, rounding=ROUND_HALF_UP)
_MONEY_STEP: Final = Decimal(1).scaleb(-MONEY_SCALE)
_WHOLE_DIGITS: Final = 12
_HALF_OF_DIGITS: Final = 10**8
"""Mantissas are added in two halves, which fit 64 bits for as many rows as memory holds."""

_PLAIN_INSTANT: Final = (
    r"^[12][0-9]{3}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,6})?Z$"
)


@dataclass(frozen=True)
class _Words:
    """Amounts of some rows: each row's word, each word's amount."""

    rows: np.ndarray
    codes: np.ndarray
    amounts: Sequence[Decimal | None]


@dataclass(frozen=True)
class _Digits:
    """Amounts of some rows as their digits alone and how many follow the decimal sign.

    Taken from the text by another way than the typed column, so that a mistake there shows
    as a difference between money received and money landed.
    """

    rows: np.ndarray
    mantissas: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class _Typed:
    """One typed column: its values, the rows it cannot judge, its amounts as received."""

    values: pa.Array
    unclear: np.ndarray
    amounts: tuple[_Words | _Digits, ...] = ()


@dataclass(frozen=True)
class TypedTable:
    """A table typed column by column.

    `columns` are of the contract's own types. Where `unclear` is set the values mean nothing.
    """

    columns: dict[str, pa.Array]
    unclear: np.ndarray
    _amounts: dict[str, tuple[_Words | _Digits, ...]] = field(default_factory=dict)

    def received(
        self, column: Column, kept: np.ndarray
    ) -> dict[str, tuple[int, Decimal]]:
        """Return rows and sum of a money column as received, by currency, of kept rows."""
        totals: dict[str, tuple[int, Decimal]] = {}
        if column.name not in self._amounts:
            return totals
        names, codes = _currency_codes(
            self.columns.get(column.currency_column), len(kept)
        )
        for amounts in self._amounts[column.name]:
            found = (
                _add_words(amounts, kept, codes, len(names))
                if isinstance(amounts, _Words)
                else _add_digits(amounts, kept, codes, len(names))
            )
            for code, (count, total) in found.items():
                before, so_far = totals.get(names[code], (0, Decimal(0)))
                totals[names[code]] = before + count, _EXACT.add(so_far, total)
        return totals


def type_table(table: RawTable, mapping: FileMapping) -> TypedTable:
    """Return the contract's columns of a table.

    Rows without a key are unclear: landing refuses them one by one.
    """
    rows = len(table.lines)
    unclear = np.zeros(rows, dtype=bool)
    columns: dict[str, pa.Array] = {}
    amounts: dict[str, tuple[_Words | _Digits, ...]] = {}
    for column in mapping.columns:
        typed = _type_column(column, table, mapping, columns)
        columns[column.name] = typed.values
        unclear |= typed.unclear
        if column.currency_column:
            amounts[column.name] = typed.amounts
    contract = mapping.dataset.contract
    for position, name in enumerate(contract.key):
        if name in columns and (
            position == 0 or contract.column(name).type is not Type.TEXT
        ):
            unclear |= _flags(call_function("is_null", [columns[name]]))
    return TypedTable(columns, unclear, amounts)


def _type_column(
    column: Column, table: RawTable, mapping: FileMapping, done: Mapping[str, pa.Array]
) -> _Typed:
    """Return one column, by the fastest way that is exact for its cells."""
    header = mapping.header_of.get(column.name)
    if header is None:
        cells = mapping.cells(column.name, table)
        codes = np.array(cells.codes, dtype=np.int64)
        return _by_words(column, list(cells.words), codes, mapping, done, is_tidy=True)
    texts = table.column(header)
    typed = _type_plain(column, texts, mapping, done)
    return typed or _by_distinct(column, texts, mapping, done)


def _type_plain(
    column: Column, texts: pa.Array, mapping: FileMapping, done: Mapping[str, pa.Array]
) -> _Typed | None:
    """Return a column of many plain words, None where asking for each word is the way."""
    nulls, words = mapping.word_rules(column.name)
    if (
        column.name in mapping.currencies
        or column.type in (Type.DATE, Type.BOOLEAN)
        or not Letters.of(texts).is_plain
        or (words and _any_in(texts, words))
    ):
        return None
    blanks = _in_set(texts, {"", *nulls})
    if call_function("any", [blanks]).as_py():
        texts = call_function("if_else", [blanks, pa.scalar(None, pa.string()), texts])
    if column.type is Type.TEXT:
        return _plain_texts(column, texts, mapping)
    unit = mapping.dataset.units.get(column.name, "major")
    if _repeats(texts) or unit != "major":
        return None
    if column.type in NUMERIC:
        return _plain_numbers(column, texts, mapping, done)
    return (
        _plain_instants(column, texts, mapping, done)
        if mapping.formats == (ISO,)
        else None
    )


def _plain_texts(column: Column, texts: pa.Array, mapping: FileMapping) -> _Typed:
    """Return plain texts as they stand; those a closed list or a lost digit refuses apart."""
    unclear = np.zeros(len(texts), dtype=bool)
    if column.values:
        known = _in_set(texts, set(column.values))
        unclear |= ~_flags(known) & _flags(call_function("is_valid", [texts]))
    letters = Letters.of(texts).data
    if (letters == ord("#")).any():
        unclear |= _flags(_in_set(texts, set(FORMULA_ERRORS)))
    key = mapping.dataset.contract.key
    if is_identifier(column, key):
        for sign, refused in (("+", LOST_DIGITS), ("=", HELD_AS_TEXT)):
            if (letters == ord(sign)).any():
                unclear |= _matches(texts, f"^(?:{refused.pattern})$")
    if names_record(column, key):
        places = _places_ending(texts, _ENDS_OF_TOTALS)
        if places.size:
            words = texts.take(pa.array(places))
            unclear[places] |= _matches(words, f"(?i)^(?:{TOTAL_WORD.pattern})$")
    return _Typed(texts, unclear)


def _places_ending(texts: pa.Array, ends: np.ndarray) -> np.ndarray:
    """Return the places of cells whose last byte is one of some: hardly any id's is."""
    letters = Letters.of(texts)
    filled = np.flatnonzero(letters.ends > letters.starts)
    return filled[ends[letters.data[letters.ends[filled] - 1]]]


def _plain_instants(
    column: Column,
    texts: pa.Array,
    mapping: FileMapping,
    done: Mapping[str, pa.Array],
) -> _Typed:
    """Return ISO instants in UTC; any other text asks the rules."""
    fits = _matches(texts, _PLAIN_INSTANT)
    try:
        values = _where(fits, texts).cast(ARROW[column.type])
    except pa.ArrowInvalid:  # the 31st of February: the rules say so
        return _by_distinct(column, texts, mapping, done)
    return _with_rest(
        _Typed(values, ~fits), fits, column, texts, mapping=mapping, done=done
    )


def _plain_numbers(
    column: Column,
    texts: pa.Array,
    mapping: FileMapping,
    done: Mapping[str, pa.Array],
) -> _Typed:
    """Return numbers of the plainest form; any other text asks the rules."""
    number_format = mapping.dataset.number_format
    group, point = _signs(number_format)
    fits = _matches(texts, _plain_number(number_format, column.type))
    plain = _where(fits, texts)
    bare = _replace(plain, group, "") if group else plain
    exact = _replace(bare, point, ".") if point != "." else bare
    values = exact.cast(ARROW[column.type])
    amounts: tuple[_Words | _Digits, ...] = ()
    if column.currency_column:
        amounts = (_digits_of(bare, fits, point),)
    typed = _Typed(values, ~fits, amounts)
    return _with_rest(typed, fits, column, texts, mapping=mapping, done=done)


def _with_rest(
    typed: _Typed,
    fits: np.ndarray,
    column: Column,
    texts: pa.Array,
    *,
    mapping: FileMapping,
    done: Mapping[str, pa.Array],
) -> _Typed:
    """Return a column typed in part with the cells that are left typed by the rules."""
    unclear = np.zeros(len(texts), dtype=bool)
    rest = np.flatnonzero(~fits & _flags(call_function("is_valid", [texts])))
    if not rest.size:
        return _Typed(typed.values, unclear, typed.amounts)
    places = pa.array(rest)
    part = {name: values.take(places) for name, values in done.items()}
    other = _by_distinct(column, texts.take(places), mapping, part)
    mask = np.zeros(len(texts), dtype=bool)
    mask[rest] = True
    values = call_function(
        "replace_with_mask", [typed.values, pa.array(mask), other.values]
    )
    unclear[rest] = other.unclear
    moved = tuple(
        _Words(rest[amounts.rows], amounts.codes, amounts.amounts)
        for amounts in other.amounts
        if isinstance(amounts, _Words)
    )
    return _Typed(values, unclear, (*typed.amounts, *moved))


def _by_distinct(
    column: Column,
    texts: pa.Array,
    mapping: FileMapping,
    done: Mapping[str, pa.Array],
) -> _Typed:
    encoded = texts.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    codes = encoded.indices
    if codes.null_count:
        codes = codes.fill_null(len(words))
        words.append(None)
    return _by_words(column, words, codes.to_numpy(zero_copy_only=False), mapping, done)


def _by_words(
    column: Column,
    words: Sequence[str | None],
    codes: np.ndarray,
    mapping: FileMapping,
    done: Mapping[str, pa.Array],
    *,
    is_tidy: bool = False,
) -> _Typed:
    """Return a column by asking the rules once per word (and per currency's places)."""
    if not is_tidy:
        words = [_known_word(word, *mapping.word_rules(column.name)) for word in words]
    read = [_read_word(word, column, mapping) for word in words]
    unit = mapping.dataset.units.get(column.name, "major")
    rows = np.arange(len(codes))
    if column.type not in NUMERIC or unit != "minor":
        power = POWERS.get(unit, 0)
        is_rounded = unit == "micros" and column.type is Type.MONEY
        finals = [_final(v, column, power=power, is_rounded=is_rounded) for v in read]
        return _take_words(finals, column, codes, rows)
    names, currencies = _currency_codes(done.get(column.currency_column), len(codes))
    places = np.array([EXPONENTS.get(name, -1) for name in names])[currencies]
    values = pa.nulls(len(codes), ARROW[column.type])
    unclear = np.zeros(len(codes), dtype=bool)
    amounts: list[_Words | _Digits] = []
    for exponent in np.unique(places):
        mask = places == exponent
        # An amount in minor units without a currency is nothing yet.
        finals = (
            [_final(v, column, power=-int(exponent), is_rounded=False) for v in read]
            if exponent >= 0
            else [_Final(None, None, is_clear=v is None) for v in read]
        )
        part = _take_words(finals, column, codes[mask], rows[mask])
        values = call_function(
            "replace_with_mask", [values, pa.array(mask), part.values]
        )
        unclear[mask] = part.unclear
        amounts += part.amounts
    return _Typed(values, unclear, tuple(amounts))


@dataclass(frozen=True)
class _Final:
    """What becomes of one word: the typed value, the amount as received, or neither."""

    value: object
    amount: Decimal | None
    is_clear: bool = True


def _known_word(
    word: str | None, nulls: frozenset[str], mapping: Mapping[str, str]
) -> str | None:
    """Return a text as `mapping` keeps it: tidied, blanks NULL, other words for some."""
    word = None if word is None else tidy_cell(word) or None
    return None if word is None or word in nulls else mapping.get(word, word)


def _read_word(word: str | None, column: Column, mapping: FileMapping) -> object:
    """Return the value of a text, NULL, or `Unreadable`."""
    if word is None:
        return None
    try:
        value = mapping.read_word(column)(word)
    except Misread as finding:
        return Unreadable(word, str(finding))
    if isinstance(value, tuple):
        number, marks = value
        if marks:
            return Unreadable(word, "its mark must agree with the currency of its row")
        return number
    return value


def _final(value: object, column: Column, *, power: int, is_rounded: bool) -> _Final:
    if value is None:
        return _Final(None, None)
    if isinstance(value, Unreadable):
        return _Final(None, None, is_clear=False)
    if power:
        value = shift(value, power)
    if is_rounded and isinstance(value, Decimal):
        value = value.quantize(_MONEY_STEP, context=_HALF_AWAY)
    try:
        typed = TYPERS[column.type](value)
    except Untypable:
        return _Final(None, None, is_clear=False)
    return _Final(typed, received_amount(value))


def _take_words(
    finals: Sequence[_Final], column: Column, codes: np.ndarray, rows: np.ndarray
) -> _Typed:
    """Return every row's word as what became of it."""
    values = pa.array([final.value for final in finals], ARROW[column.type])
    clear = np.array([final.is_clear for final in finals], dtype=bool)
    amounts = tuple(final.amount for final in finals)
    return _Typed(
        values.take(pa.array(codes)),
        ~clear[codes],
        (_Words(rows, codes, amounts),) if column.currency_column else (),
    )


def _signs(number_format: str) -> tuple[str, str]:
    """Return the grouping sign ('' = none) and the decimal sign of a declared format."""
    if number_format == UNDECLARED:
        return "", "."
    group = "" if number_format[1].isdigit() else number_format[1]
    return group, number_format[-3]


def _plain_number(number_format: str, kind: Type) -> str:
    """Return the pattern of numbers that are exact as they stand: no sign but a minus."""
    group, point = _signs(number_format)
    whole = rf"[0-9]{{1,{_WHOLE_DIGITS}}}"
    if group:
        whole = rf"(?:[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}}){{1,3}}|{whole})"
    scale = 0 if kind is Type.INTEGER else ARROW[kind].scale
    digits = rf"[0-9]{{1,{scale}}}"
    if number_format == UNDECLARED:
        # Three places may be thousands: the rules say which.
        digits = rf"(?:[0-9]{{1,2}}|[0-9]{{4,{max(scale, 4)}}})"
    part = rf"(?:{re.escape(point)}{digits})?" if scale else ""
    return f"^-?{whole}{part}$"


def _digits_of(bare: pa.Array, fits: np.ndarray, point: str) -> _Digits:
    rows = np.flatnonzero(fits)
    texts = bare.take(pa.array(rows)) if len(rows) < len(fits) else bare
    mantissas = _replace(texts, point, "").cast(pa.int64())
    options = MatchSubstringOptions(point)
    found = call_function("find_substring", [texts], options)
    places = found.to_numpy(zero_copy_only=False)
    letters = Letters.of(texts)
    lengths = letters.ends - letters.starts
    return _Digits(
        rows,
        mantissas.to_numpy(zero_copy_only=False),
        np.where(places < 0, 0, lengths - places - 1),
    )


def _add_digits(
    amounts: _Digits, kept: np.ndarray, currencies: np.ndarray, count: int
) -> dict[int, tuple[int, Decimal]]:
    """Return rows and sum per currency code."""
    keep = kept[amounts.rows]
    mantissas, places = amounts.mantissas[keep], amounts.places[keep]
    currencies = currencies[amounts.rows][keep]
    totals: dict[int, tuple[int, Decimal]] = {}
    for code in range(count):
        of_code = currencies == code
        for place in np.unique(places[of_code]):
            part = mantissas[of_code & (places == place)]
            upper, lower = np.divmod(part, _HALF_OF_DIGITS)
            whole = int(upper.sum()) * _HALF_OF_DIGITS + int(lower.sum())
            amount = Decimal(whole).scaleb(-int(place), context=_EXACT)
            before, total = totals.get(code, (0, Decimal(0)))
            totals[code] = before + len(part), _EXACT.add(total, amount)
    return totals


def _add_words(
    amounts: _Words, kept: np.ndarray, currencies: np.ndarray, count: int
) -> dict[int, tuple[int, Decimal]]:
    """Return rows and sum per currency code."""
    keep = kept[amounts.rows]
    pairs = amounts.codes[keep] * count + currencies[amounts.rows][keep]
    found, times = np.unique(pairs, return_counts=True)
    totals: dict[int, tuple[int, Decimal]] = {}
    for pair, number in zip(found.tolist(), times.tolist(), strict=True):
        word, code = divmod(pair, count)
        amount = amounts.amounts[word]
        if amount is None:
            continue
        before, total = totals.get(code, (0, Decimal(0)))
        more = _EXACT.multiply(amount, Decimal(number))
        totals[code] = before + number, _EXACT.add(total, more)
    return totals


def _currency_codes(values: pa.Array | None, rows: int) -> tuple[list[str], np.ndarray]:
    """Return the currencies of a table ('' = none) and each row's position among them."""
    if values is None:
        return [""], np.zeros(rows, dtype=np.int64)
    encoded = values.fill_null("").dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary.to_pylist(), codes


def _repeats(texts: pa.Array) -> bool:
    """Say whether a column has few words, judged by its first cells."""
    sample = texts.slice(0, _SAMPLE)
    return len(sample.dictionary_encode().dictionary) * _FEW <= len(sample)


def _flags(values: pa.Array) -> np.ndarray:
    filled = values.fill_null(False)  # noqa: FBT003 - the API has no name for it
    return filled.to_numpy(zero_copy_only=False)


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    options = MatchSubstringOptions(pattern)
    return _flags(call_function("match_substring_regex", [texts], options))


def _in_set(texts: pa.Array, words: set[str]) -> pa.Array:
    options = SetLookupOptions(pa.array(sorted(words), pa.string()))
    return call_function("is_in", [texts], options)


def _any_in(texts: pa.Array, words: Mapping[str, str]) -> bool:
    return bool(call_function("any", [_in_set(texts, set(words))]).as_py())


def _where(fits: np.ndarray, texts: pa.Array) -> pa.Array:
    """Return the texts that fit, NULL for the others."""
    if fits.all():
        return texts
    return call_function(
        "if_else", [pa.array(fits), texts, pa.scalar(None, pa.string())]
    )


def _replace(texts: pa.Array, sign: str, other: str) -> pa.Array:
    options = ReplaceSubstringOptions(sign, other)
    return call_function("replace_substring", [texts], options)
