"""Words and numbers in the reader's language.

Belongs here: formatting of values in Vietnamese and English and the page's own texts. Stays
out: names of KPIs and members, which come from the registry and `labels` in the build.
"""

from __future__ import annotations

import datetime as dt
import html
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

_UNIT_WORDS: Final = {
    "days": ("ngày", "days"),
    "seconds": ("giây", "seconds"),
    "hours": ("giờ", "hours"),
    "months": ("tháng", "months"),
    "points": ("điểm", "points"),
}
_ZERO_DECIMALS: Final = frozenset({"VND", "JPY", "KRW"})


def month_of(start: dt.date) -> dt.date:
    """Return the first day of the calendar month people call a company's month by.

    A month of whole weeks (4-4-5) may begin in the calendar month before; its fifteenth day
    lies in the one it is named after.
    """
    return (start + dt.timedelta(days=14)).replace(day=1)


def both(vi: str, en: str) -> str:
    """Return text in both languages; the page shows one. Arguments are plain text."""
    return (
        f'<span class="vi" lang="vi">{html.escape(vi)}</span>'
        f'<span class="en" lang="en">{html.escape(en)}</span>'
    )


def grouped(value: Decimal, places: int, *, language: str) -> str:
    """Return a number with the language's separators: 1.234,56 or 1,234.56."""
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    text = f"{rounded:,.{places}f}"
    if language == "vi":
        return text.replace(",", "\0").replace(".", ",").replace("\0", ".")
    return text


def shown(value: Decimal | None, unit: str, currency: str | None) -> str:
    """Return a KPI's value with its unit in both languages; unknown is a dash, never 0."""
    if value is None:
        return '<span class="unknown">–</span>'
    return both(*(_one(value, unit, currency, language=name) for name in ("vi", "en")))


def _one(value: Decimal, unit: str, currency: str | None, *, language: str) -> str:
    """Return a value with its unit in one language."""
    if unit == "rate":
        return grouped(value * 100, 1, language=language) + " %"
    if unit == "money" and currency:
        places = 0 if currency in _ZERO_DECIMALS else 2
        return f"{grouped(value, places, language=language)} {currency}"
    if unit in _UNIT_WORDS:
        places = 0 if value == value.to_integral_value() else 1
        word = _UNIT_WORDS[unit][language == "en"]
        return f"{grouped(value, places, language=language)} {word}"
    places = 0 if value == value.to_integral_value() else 2
    return grouped(value, places, language=language)


def short(value: float, language: str) -> str:
    """Return a number for a chart's axis: 1,2 triệu or 1.2 M."""
    for size, vi, en in (
        (1e9, " tỷ", " B"),
        (1e6, " triệu", " M"),
        (1e3, " nghìn", " k"),
    ):
        if abs(value) >= size:
            text, suffix = f"{value / size:.3g}", vi if language == "vi" else en
            break
    else:
        text, suffix = f"{value:.3g}", ""
    return (text.replace(".", ",") if language == "vi" else text) + suffix


def percent(value: float, _language: str) -> str:
    """Return a share for a chart's axis."""
    return f"{value * 100:.0f} %"
