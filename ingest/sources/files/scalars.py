"""Text of one cell to a value, by the declared format only.

Belongs here: numbers, dates, instants and truths as people write them in files. Stays out:
which column has which type (`mapping`), scale and range (`ingest.typing_rules`).

What does not fully match the declared format raises `Misread`: a cell is never guessed at.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from decimal import Context, Decimal
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ingest.config_files import UNDECLARED, number_word
from ingest.currencies import EXPONENTS
from ingest.date_formats import ISO, read_by_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo


class Misread(ValueError):
    """The text is not what the format declares; the message says why, without the text."""


_SPACE_CLASS: Final = "[ \u00a0\u2007\u202f]"
_GROUPED: Final = {
    UNDECLARED: ("", r"\."),
    "1234.56": ("", r"\."),
    "1234,56": ("", ","),
    "1,234.56": (",", r"\."),
    "1.234,56": (r"\.", ","),
    "1 234,56": (_SPACE_CLASS, ","),
    "1 234.56": (_SPACE_CLASS, r"\."),
    "1'234.56": ("['\u2019]", r"\."),
}
_DOLLARS: Final = frozenset(
    {"USD", "SGD", "AUD", "CAD", "HKD", "NZD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU"}
)
_SYMBOLS: Final[dict[str, frozenset[str]]] = {
    "₫": frozenset({"VND"}),
    "đ": frozenset({"VND"}),
    "VNĐ": frozenset({"VND"}),
    "đồng": frozenset({"VND"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP", "EGP", "FKP", "GIP", "SHP"}),
    "¥": frozenset({"JPY", "CNY"}),
    "₩": frozenset({"KRW"}),
    "฿": frozenset({"THB"}),
    "₹": frozenset({"INR"}),
    "₱": frozenset({"PHP"}),
    "zł": frozenset({"PLN"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "Rp": frozenset({"IDR"}),
    "RM": frozenset({"MYR"}),
    "$": _DOLLARS,
    "US$": frozenset({"USD"}),
    "S$": frozenset({"SGD"}),
    "A$": frozenset({"AUD"}),
    "C$": frozenset({"CAD"}),
    "HK$": frozenset({"HKD"}),
    "NT$": frozenset({"TWD"}),
    "NZ$": frozenset({"NZD"}),
    "R$": frozenset({"BRL"}),
    "MX$": frozenset({"MXN"}),
    **{code: frozenset({code}) for code in EXPONENTS},
}
_CURRENCIES: Final = {mark.casefold(): codes for mark, codes in _SYMBOLS.items()}
_MARK: Final = "|".join(re.escape(s) for s in sorted(_SYMBOLS, key=len, reverse=True))
_MARK_PLACES: Final = ("first", "before", "after", "last")
_SCIENTIFIC: Final = re.compile(r"[-+]?[0-9]+([.,][0-9]+)?e[-+]?[0-9]+", re.IGNORECASE)
_SIGNS: Final = "[-\u2212]"
_EXACT: Final = Context(prec=100)
_GROUP_DIGITS: Final = 3
NO_WORDS: Final[Mapping[str, Decimal]] = MappingProxyType({})


@cache
def _number_pattern(number_format: str, words: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of one declared format: sign or brackets, mark, digits, word."""
    group, point = _GROUPED[number_format]
    whole = r"[0-9]+"
    if group:
        whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)"
    digits = rf"(?=[0-9]|{point}[0-9])(?P<whole>{whole})?(?:{point}(?P<part>[0-9]*))?"
    before = rf"(?:(?P<before>{_MARK}){_SPACE_CLASS}?)?"
    after = rf"(?:{_SPACE_CLASS}?(?P<after>{_MARK}))?"
    minus = rf"(?P<minus>{_SIGNS})?"
    trailing = rf"(?P<trailing>{_SIGNS})?"
    known = "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))
    word = rf"(?:{_SPACE_CLASS}?(?P<word>{known}))?" if words else "(?P<word>)"
    plain = rf"(?:{minus}|(?P<plus>\+)?){before}(?P<inner>{_SIGNS})?{digits}{word}{trailing}{after}"
    # A spreadsheet writes the mark outside of its brackets: (1.000) ₫.
    first = rf"(?:(?P<first>{_MARK}){_SPACE_CLASS}?(?=\())?"
    last = rf"(?:(?<=\)){_SPACE_CLASS}?(?P<last>{_MARK}))?"
    return re.compile(
        rf"{first}(?P<open>\()?{plain}(?P<close>\))?{last}", re.IGNORECASE
    )


def read_number(
    text: str, number_format: str, words: Mapping[str, Decimal] = NO_WORDS
) -> tuple[Decimal, frozenset[str] | None]:
    """Return the exact number and the currencies its mark can mean (None = no mark).

    Negative is a leading or trailing minus or brackets, one of them only. `words` are the
    declared words of size as `number_word` gives them, each with what it multiplies by.

    Raises:
        Misread: anything that is not fully a number of that format, or, where no format is
            declared, is another number elsewhere.
    """
    found = _number_pattern(number_format, tuple(words)).fullmatch(text)
    if found is None:
        message = f"is not a number of the format {number_format}"
        if number_format == UNDECLARED:
            message = "is not a number such as 1234.56; declare number_format"
        if _SCIENTIFIC.fullmatch(text):
            message = (
                "is in scientific notation, where digits are lost; export it in full"
            )
        raise Misread(message)
    signs = [found[name] for name in ("minus", "inner", "trailing", "open")]
    if sum(sign is not None for sign in signs) + (found["plus"] is not None) > 1:
        message = "has more than one sign"
        raise Misread(message)
    if (found["open"] is None) != (found["close"] is None):
        message = "has one bracket only"
        raise Misread(message)
    marks = [m for name in _MARK_PLACES if (m := found[name]) is not None]
    if len(marks) > 1:
        message = "has two currency marks"
        raise Misread(message)
    if number_format == UNDECLARED and _may_be_thousands(found["whole"], found["part"]):
        message = (
            "is thousands in one country and decimals in another; declare number_format"
        )
        raise Misread(message)
    whole = re.sub(r"[^0-9]", "", found["whole"] or "0")
    is_negative = any(sign is not None for sign in signs)
    part = f".{found['part']}" if found["part"] else ""
    number = Decimal(f"{'-' if is_negative else ''}{whole}{part}")
    if found["word"]:
        number = _EXACT.multiply(number, words[number_word(found["word"])])
    return number, _CURRENCIES[marks[0].casefold()] if marks else None


def _may_be_thousands(whole: str | None, part: str | None) -> bool:
    """Say whether `250.000` could be grouped: up to three digits, then exactly three."""
    return (
        len(part or "") == _GROUP_DIGITS
        and 0 < len(whole or "") <= _GROUP_DIGITS
        and not (whole or "").startswith("0")
    )


_DAY_NUMBER: Final = re.compile(r"[1-9][0-9]{4}(\.[0-9]+)?", re.ASCII)


def read_date(text: str, formats: Sequence[str], zone: ZoneInfo) -> dt.date:
    """Return the day; of an instant, its day in the source's zone.

    Raises:
        Misread: no declared format fits, or two fit and disagree.
    """
    moment = _read_moment(text, formats)
    if isinstance(moment, dt.datetime):
        return (moment.astimezone(zone) if moment.tzinfo else moment).date()
    return moment


def read_instant(text: str, formats: Sequence[str], zone: ZoneInfo) -> dt.datetime:
    """Return the UTC instant; text without an offset is in the source's zone.

    Raises:
        Misread: no declared format fits, two fit and disagree, or the local time does not
            exist or exists twice (clocks going forward or back).
    """
    moment = _read_moment(text, formats)
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime.combine(moment, dt.time())
    if moment.tzinfo is not None:
        return _in_utc(moment)
    local = moment.replace(tzinfo=zone)
    first, second = _in_utc(local), _in_utc(local.replace(fold=1))
    if first != second:
        message = f"is a local time that does not exist once in {zone.key}"
        raise Misread(message)
    return first


def _in_utc(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        message = "is outside the calendar"
        raise Misread(message) from None


def _read_moment(text: str, formats: Sequence[str]) -> dt.date | dt.datetime:
    """Return what the declared formats read: a day, or a moment with or without offset."""
    readings: set[dt.date | dt.datetime] = set()
    for written in formats:
        reading = read_by_format(text, written)
        if reading is not None:
            readings.add(reading)
    if not readings:
        told = " or ".join("iso (2026-10-31)" if f == ISO else f for f in formats)
        message = f"is not a date of the declared format {told}"
        if _DAY_NUMBER.fullmatch(text):
            message += "; declare excel if it is a spreadsheet's day number"
        raise Misread(message)
    if len({str(reading) for reading in readings}) > 1:
        message = f"reads as two dates by the declared formats {' and '.join(formats)}"
        raise Misread(message)
    return readings.pop()


_TRUTHS: Final = {
    "true": True,
    "1": True,
    "yes": True,
    "có": True,
    "false": False,
    "0": False,
    "no": False,
    "không": False,
}


def read_boolean(text: str) -> bool:
    """Return true or false.

    Raises:
        Misread: none of true, false, 1, 0, yes, no, có, không.
    """
    word = unicodedata.normalize("NFC", text).casefold()
    if word not in _TRUTHS:
        message = "is not true/false, 1/0, yes/no or có/không"
        raise Misread(message)
    return _TRUTHS[word]


def decimal_sign(number_format: str) -> str:
    """Return the decimal sign of a declared format."""
    return _GROUPED[number_format][1].removeprefix("\\")
