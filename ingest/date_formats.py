"""Declared date formats: what one accepts, and which may not stand beside each other.

Belongs here: reading one text by one declared format, judging formats before a file is read.
Stays out: which column has which formats (`ingest.config_files`), zones and clocks that go
back (`ingest.sources.files.scalars`).

A format is `iso`, a `strptime` pattern, or `excel` / `excel-1904`: the day number a
spreadsheet shows when a date cell is formatted as a number.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ISO: Final = "iso"
EXCEL: Final = "excel"
EXCEL_1904: Final = "excel-1904"

_DIRECTIVES: Final = frozenset("YymdHIMSfpzbBjaAT%")
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ISO_INSTANT: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
    r"(?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,](?P<part>[0-9]{1,9}))?"
    r" ?(?P<zone>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?",
    re.ASCII,
)
_SERIAL: Final = re.compile(r"(?P<day>[0-9]{1,7})(?P<part>\.[0-9]{1,15})?", re.ASCII)
_LAST_SERIAL: Final = 2_958_465
"""31 December 9999, the last day a spreadsheet knows."""
_MISSING_DAY: Final = 60
"""29 February 1900, which spreadsheets count although it never was."""
_MILLISECONDS: Final = 86_400_000
_SAMPLE_YEARS: Final = (2001, 2012, 2026)
"""Years whose days tell formats apart: 01/02/2001, 12-11-10 and the like read two ways."""


def read_by_format(text: str, written: str) -> dt.date | dt.datetime | None:
    """Return what one declared format reads: a day, or a moment with or without offset.

    None where the text is not fully of the format. A weekday that contradicts its date is
    not of the format either.
    """
    if written == ISO:
        return _read_iso(text)
    if written in (EXCEL, EXCEL_1904):
        return _read_serial(text, written)
    try:
        moment = dt.datetime.strptime(text, written)  # noqa: DTZ007 - the caller adds the zone
    except ValueError:
        return None
    if ("%a" in written or "%A" in written) and not _names_its_weekday(text, moment):
        return None
    has_time = any(directive in written for directive in ("%H", "%I"))
    return moment if has_time else moment.date()


def check_date_format(value: str) -> str:
    """Return a declared format in composed Unicode, as cells are compared.

    Raises:
        ValueError: it names no whole day, or half a clock.
    """
    value = unicodedata.normalize("NFC", value)
    if value in (ISO, EXCEL, EXCEL_1904):
        return value
    directives = re.findall(r"%(.)", value)
    unknown = [d for d in directives if d not in _DIRECTIVES]
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
        message = (
            f"date format {value!r} must be iso, excel, excel-1904 or name year, month and "
            "day (%d/%m/%Y)"
        )
        raise ValueError(message)
    if "I" in directives and "p" not in directives:
        message = f"date format {value!r} has hours of half a day; add %p or use %H"
        raise ValueError(message)
    return value


def find_confusion(formats: Sequence[str]) -> tuple[str, str, str] | None:
    """Return two of the formats and a text both read, as different days; None = there is none.

    05/03/2026 is the 5th of March by one and the 3rd of May by the other: a column with such
    a value says nothing, and one without any today has one tomorrow.
    """
    for number, first in enumerate(formats):
        for second in formats[number + 1 :]:
            for one, other in ((first, second), (second, first)):
                text = _read_differently(one, other)
                if text is not None:
                    return first, second, text
    return None


def _read_differently(written: str, other: str) -> str | None:
    """Return a text of the first format that the second reads as another moment."""
    for year in _SAMPLE_YEARS:
        for month in range(1, 13):
            for day in range(1, calendar.monthrange(year, month)[1] + 1):
                text = _write(dt.datetime(year, month, day, 7, 8), written)  # noqa: DTZ001 - a sample
                reading, again = read_by_format(text, other), None
                if reading is not None:
                    again = read_by_format(text, written)
                if again is not None and str(again) != str(reading):
                    return text
    return None


def _write(moment: dt.datetime, written: str) -> str:
    if written == ISO:
        return moment.date().isoformat()
    if written in (EXCEL, EXCEL_1904):
        return str((moment.date() - _first_day(written)).days)
    return moment.strftime(written)


def _names_its_weekday(text: str, moment: dt.datetime) -> bool:
    """Say whether a text holds the name of the weekday its date is."""
    name = calendar.day_abbr[moment.weekday()].lower()
    return re.search(rf"(?<![a-z]){name}", text.lower()) is not None


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


def _first_day(written: str) -> dt.date:
    """Return the day whose number is 0, for days after February 1900."""
    return dt.date(1904, 1, 1) if written == EXCEL_1904 else dt.date(1899, 12, 30)


def _read_serial(text: str, written: str) -> dt.date | dt.datetime | None:
    """Return the day of a spreadsheet's number, to the millisecond if it has a part."""
    found = _SERIAL.fullmatch(text)
    if found is None:
        return None
    number = int(found["day"])
    if written == EXCEL:
        if number in (0, _MISSING_DAY) or number > _LAST_SERIAL:
            return None
        number += number < _MISSING_DAY
    try:
        day = _first_day(written) + dt.timedelta(days=number)
    except OverflowError:
        return None
    part = round(Decimal(found["part"] or 0) * _MILLISECONDS)
    if not part:
        return day
    return dt.datetime.combine(day, dt.time()) + dt.timedelta(milliseconds=part)
