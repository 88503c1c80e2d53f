"""One value as received -> one value of a contract's type, or the reason it is none.

Belongs here: what each logical type accepts. Stays out: which rows are kept
(`ingest.conform`), declared number and date formats of files (`ingest.sources.files`).

Nothing is guessed: text that two countries read differently is refused, and so is a binary
float where money is meant.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Final

from ingest.entities import MONEY_SCALE, RATE_SCALE, Type

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER_SCALE: Final = 6

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INT64: Final = 2**63
_EXACT: Final = Context(prec=38, traps=[Inexact, InvalidOperation])
_ROUNDED: Final = Context(prec=38, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_BOOLEANS: Final = {"true": True, "false": False}


class Untypable(Exception):
    """The value is not of the column's type; the text says why, without the value."""


def type_text(value: object) -> str | None:
    """Return text in composed Unicode form (NFC); blank is NULL."""
    if isinstance(value, str):
        if value.isascii():
            if "\x00" in value:
                reason = "holds a NUL character"
                raise Untypable(reason)
            return value if value and not value.isspace() else None
        try:
            value.encode()
        except UnicodeEncodeError:
            reason = "is not valid Unicode text"
            raise Untypable(reason) from None
        if "\x00" in value:
            reason = "holds a NUL character"
            raise Untypable(reason)
        # The same Vietnamese name comes composed from one system and decomposed from another.
        return unicodedata.normalize("NFC", value) if not value.isspace() else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    reason = f"is {_kind(value)}, not text"
    raise Untypable(reason)


def type_integer(value: object) -> int | None:
    """Return a whole number that fits 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        exact = _decimal_of(value)
        if exact is None:
            return None
        if abs(exact) >= _INT64 or exact != exact.to_integral_value():
            reason = "is not a whole number of at most 64 bits"
            raise Untypable(reason)
        number = int(exact)
    if not -_INT64 <= number < _INT64:
        reason = "is not a whole number of at most 64 bits"
        raise Untypable(reason)
    return number


def type_money(value: object) -> Decimal | None:
    """Return an exact amount; more decimals than money is kept with are refused."""
    if isinstance(value, float):
        reason = "is a binary float; money must be exact"
        raise Untypable(reason)
    exact = _decimal_of(value)
    if exact is None:
        return None
    try:
        return exact.quantize(_MONEY_STEP, context=_EXACT)
    except (Inexact, InvalidOperation):
        reason = f"has more than {MONEY_SCALE} decimals or 38 digits"
        raise Untypable(reason) from None


def type_number(value: object) -> Decimal | None:
    """Return a share, quantity or count, rounded half away from zero to six places."""
    return _round(value, _NUMBER_STEP)


def type_rate(value: object) -> Decimal | None:
    """Return an exchange rate, rounded half away from zero to sixteen places."""
    return _round(value, _RATE_STEP)


def type_boolean(value: object) -> bool | None:
    """Return true or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if not word:
            return None
        if word in _BOOLEANS:
            return _BOOLEANS[word]
    reason = f"is {_kind(value)}, not true or false"
    raise Untypable(reason)


def type_date(value: object) -> date | None:
    """Return a calendar day; an instant is refused, because its day depends on a zone."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        word = value.strip()
        if not word:
            return None
        if _DAY.fullmatch(word):
            try:
                return date.fromisoformat(word)
            except ValueError:
                reason = "is not a day of the calendar"
                raise Untypable(reason) from None
    reason = f"is {_kind(value)}, not a date such as 2026-10-31"
    raise Untypable(reason)


def type_instant(value: object) -> datetime | None:
    """Return a moment in UTC; one without a zone is refused."""
    if isinstance(value, str):
        word = value.strip()
        if not word:
            return None
        try:
            value = datetime.fromisoformat(word)
        except ValueError:
            reason = "is not an instant such as 2026-10-31T19:00:00Z"
            raise Untypable(reason) from None
    if not isinstance(value, datetime):
        reason = f"is {_kind(value)}, not an instant"
        raise Untypable(reason)
    if value.tzinfo is None:
        reason = "is an instant without a time zone"
        raise Untypable(reason)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        reason = "is an instant outside the calendar"
        raise Untypable(reason) from None


TYPERS: Final[dict[Type, Callable[[object], object]]] = {
    Type.TEXT: type_text,
    Type.INTEGER: type_integer,
    Type.MONEY: type_money,
    Type.NUMBER: type_number,
    Type.RATE: type_rate,
    Type.BOOLEAN: type_boolean,
    Type.DATE: type_date,
    Type.INSTANT: type_instant,
}

_MONEY_STEP: Final = Decimal(1).scaleb(-MONEY_SCALE)
_NUMBER_STEP: Final = Decimal(1).scaleb(-NUMBER_SCALE)
_RATE_STEP: Final = Decimal(1).scaleb(-RATE_SCALE)


def _round(value: object, step: Decimal) -> Decimal | None:
    exact = _decimal_of(value)
    if exact is None:
        return None
    try:
        return exact.quantize(step, context=_ROUNDED)
    except InvalidOperation:
        reason = "has more than 38 digits"
        raise Untypable(reason) from None


def _decimal_of(value: object) -> Decimal | None:
    """Return a number as an exact decimal; blank text is None."""
    if isinstance(value, Decimal):
        if value.is_finite():
            return value
    elif isinstance(value, bool):
        pass
    elif isinstance(value, int):
        return Decimal(value)
    elif isinstance(value, float):
        # The shortest text that gives this float back, which is what its sender wrote.
        if value - value == 0:
            return Decimal(repr(value))
    elif isinstance(value, str):
        word = value.strip()
        if not word:
            return None
        if _NUMBER.fullmatch(word):
            return Decimal(word)
    reason = f"is {_kind(value)}, not a number such as 1234.56"
    raise Untypable(reason)


def _kind(value: object) -> str:
    return {"str": "other text", "dict": "an object", "list": "a list"}.get(
        type(value).__name__, f"a {type(value).__name__}"
    )
