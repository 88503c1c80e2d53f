"""Text of one cell to a value, by the declared format only.

Belongs here: numbers, dates, instants and truths as people write them in files. Stays out:
which column has which type (`mapping`), scale and range (`ingest.typing_rules`).

What does not fully match the declared format raises `Misread`: a cell is never guessed at.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Final

from ingest.currencies import EXPONENTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

ISO: Final = "iso"


class Misread(ValueError):
    """The text is not what the format declares; the message says why, without the text."""


_SPACES: Final = " \u00a0\u2007\u202f"
_SPACE_CLASS: Final = "[ \u00a0\u2007\u202f]"
_GROUPED: Final = {
    "1234.56": ("", r"\."),
    "1234,56": ("", ","),
    "1,234.56": (",", r"\."),
    "1.234,56": (r"\.", ","),
    "1 234,56": (_SPACE_CLASS, ","),
    "1 234.56": (_SPACE_CLASS, r"\."),
    "1'234.56": ("['\u2019]", r"\."),
}
_DOLLARS: Final = frozenset({"USD", "SGD", "AUD", "CAD", "HKD", "NZD", "TWD", "MXN"})
_SYMBOLS: Final[dict[str, frozenset[str]]] = {
    "₫": frozenset({"VND"}),
    "đ": frozenset({"VND"}),
    "Đ": frozenset({"VND"}),
    "VNĐ": frozenset({"VND"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "¥": frozenset({"JPY", "CNY"}),
    "₩": frozenset({"KRW"}),
    "฿": frozenset({"THB"}),
    "₹": frozenset({"INR"}),
    "$": _DOLLARS,
    "US$": frozenset({"USD"}),
    "S$": frozenset({"SGD"}),
    **{code: frozenset({code}) for code in EXPONENTS},
}
_MARK: Final = "|".join(re.escape(s) for s in sorted(_SYMBOLS, key=len, reverse=True))
_SIGNS: Final = "[-\u2212]"


@cache
def _number_pattern(number_format: str) -> re.Pattern[str]:
    """Return the pattern of one declared format: sign or brackets, mark, digits."""
    group, point = _GROUPED[number_format]
    whole = r"[0-9]+"
    if group:
        whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)"
    digits = rf"(?=[0-9]|{point}[0-9])(?P<whole>{whole})?(?:{point}(?P<part>[0-9]*))?"
    before = rf"(?:(?P<before>{_MARK}){_SPACE_CLASS}?)?"
    after = rf"(?:{_SPACE_CLASS}?(?P<after>{_MARK}))?"
    minus = rf"(?P<minus>{_SIGNS})?"
    trailing = rf"(?P<trailing>{_SIGNS})?"
    plain = rf"(?:{minus}|(?P<plus>\+)?){before}(?P<inner>{_SIGNS})?{digits}{trailing}{after}"
    return re.compile(rf"(?P<open>\()?{plain}(?P<close>\))?", re.ASCII)


def read_number(text: str, number_format: str) -> tuple[Decimal, frozenset[str] | None]:
    """Return the exact number and the currencies its mark can mean (None = no mark).

    Negative is a leading or trailing minus or brackets, one of them only.

    Raises:
        Misread: anything that is not fully a number of that format.
    """
    found = _number_pattern(number_format).fullmatch(text)
    if found is None:
        message = f"is not a number of the format {number_format}"
        raise Misread(message)
    signs = [found[name] for name in ("minus", "inner", "trailing", "open")]
    if sum(sign is not None for sign in signs) + (found["plus"] is not None) > 1:
        message = "has more than one sign"
        raise Misread(message)
    if (found["open"] is None) != (found["close"] is None):
        message = "has one bracket only"
        raise Misread(message)
    if found["before"] and found["after"]:
        message = "has two currency marks"
        raise Misread(message)
    whole = re.sub(r"[^0-9]", "", found["whole"] or "0")
    is_negative = any(sign is not None for sign in signs)
    part = f".{found['part']}" if found["part"] else ""
    number = Decimal(f"{'-' if is_negative else ''}{whole}{part}")
    mark = found["before"] or found["after"]
    return number, _SYMBOLS[mark] if mark else None


_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ISO_INSTANT: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
    r"(?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,](?P<part>[0-9]{1,9}))?"
    r" ?(?P<zone>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?",
    re.ASCII,
)


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
        reading = _read_iso(text) if written == ISO else _read_format(text, written)
        if reading is not None:
            readings.add(reading)
    if not readings:
        message = f"is not a date of the declared format {' or '.join(formats)}"
        raise Misread(message)
    if len({str(reading) for reading in readings}) > 1:
        message = f"reads as two dates by the declared formats {' and '.join(formats)}"
        raise Misread(message)
    return readings.pop()


def _read_iso(text: str) -> dt.date | dt.datetime | None:
    try:
        if _ISO_DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
        found = _ISO_INSTANT.fullmatch(text)
        if found is None:
            return None
        part = f".{found['part'][:6]:0<6}" if found["part"] else ""
        if part and found["time"].count(":") == 1:
            return None
        zone = {"Z": "+00:00", "UTC": "+00:00", None: ""}.get(
            found["zone"], found["zone"]
        )
        return dt.datetime.fromisoformat(f"{found['day']}T{found['time']}{part}{zone}")
    except ValueError:
        return None


def _read_format(text: str, written: str) -> dt.date | dt.datetime | None:
    try:
        moment = dt.datetime.strptime(text, written)  # noqa: DTZ007 - the caller adds the zone
    except ValueError:
        return None
    has_time = any(directive in written for directive in ("%H", "%I"))
    return moment if has_time else moment.date()


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
