"""A reader of the Google Ads Query Language, as far as reports need it.

Belongs here: SELECT … FROM … WHERE … ORDER BY … LIMIT … into a query object, with the errors
Google names. Stays out: which fields exist and what they hold (`google_ads`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")|(?P<symbol>!=|>=|<=|=|>|<|\(|\)|,)"
    r"|(?P<word>[A-Za-z0-9_.\-]+))"
)
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "TODAY": (0, 0),
    "YESTERDAY": (1, 1),
    "LAST_7_DAYS": (7, 1),
    "LAST_14_DAYS": (14, 1),
    "LAST_30_DAYS": (30, 1),
}
"""DURING literals: days back of first and last day; the LAST_ ones leave out today."""


class GaqlError(ValueError):
    """The query is refused; `code` is Google's QueryError."""

    def __init__(self, message: str, *, code: str) -> None:
        """Keep the code beside the text."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Condition:
    """One condition: a field, an operator and its operands as text."""

    field: str
    operator: str
    values: tuple[str, ...]

    def holds(self, value: object) -> bool:
        """Tell whether a value passes; numbers compare as numbers."""
        test = _OPERATORS[self.operator]
        if isinstance(value, int):
            return test(value, tuple(int(one) for one in self.values))
        return test("" if value is None else str(value), self.values)


@dataclass(frozen=True)
class Query:
    """A parsed query."""

    fields: tuple[str, ...]
    resource: str
    conditions: tuple[Condition, ...]
    order_by: tuple[tuple[str, bool], ...]
    """(field, descending)."""
    limit: int | None

    def dates(self) -> tuple[date, date] | None:
        """Return the finite range the conditions put on segments.date, else None."""
        low, high = date.min, date.max
        for one in self.conditions:
            if one.field != "segments.date":
                continue
            days = [_parse_day(value) for value in one.values]
            match one.operator:
                case "=" | "BETWEEN":
                    low, high = max(low, days[0]), min(high, days[-1])
                case ">=":
                    low = max(low, days[0])
                case ">":
                    low = max(low, days[0] + timedelta(days=1))
                case "<=":
                    high = min(high, days[0])
                case "<":
                    high = min(high, days[0] - timedelta(days=1))
                case _:
                    message = f"Operator {one.operator} is not allowed on segments.date"
                    raise GaqlError(message, code="PROHIBITED_OPERATOR")
        return None if low == date.min or high == date.max else (low, high)


def parse_gaql(text: str, today: date) -> Query:
    """Return the query.

    Args:
        text: the query.
        today: the account's current day, which DURING counts from.

    Raises:
        GaqlError: Google would refuse the query.
    """
    return _Parser(_tokens(text), today).query()


def _tokens(text: str) -> list[str]:
    """Return the words, symbols and quoted texts of a query."""
    tokens: list[str] = []
    position = 0
    stripped = text.rstrip().rstrip(";").rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            rest = stripped[position : position + 20]
            message = f"Error in query: unexpected input {rest!r}."
            raise GaqlError(message, code="UNEXPECTED_INPUT")
        tokens.append(match.group(0).strip())
        position = match.end()
    return tokens


class _Parser:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[str], today: date) -> None:
        """Start at the first token."""
        self._tokens = tokens
        self._today = today
        self._at = 0

    def query(self) -> Query:
        """Return the whole query."""
        self._keyword("SELECT", "EXPECTED_SELECT")
        fields = [self._next()]
        while self._peek() == ",":
            self._next()
            fields.append(self._next())
        self._keyword("FROM", "EXPECTED_FROM")
        resource = self._next()
        conditions: list[Condition] = []
        if self._peek().upper() == "WHERE":
            self._next()
            conditions.append(self._condition())
            while self._peek().upper() == "AND":
                self._next()
                conditions.append(self._condition())
        order_by = self._order()
        limit = self._limit()
        if self._peek().upper() == "PARAMETERS":
            self._at = len(self._tokens)
        if self._peek():
            message = f"Error in query: unexpected input {self._peek()}."
            raise GaqlError(message, code="UNEXPECTED_INPUT")
        return Query(tuple(fields), resource, tuple(conditions), order_by, limit)

    def _condition(self) -> Condition:
        """Return one condition."""
        field, operator = self._next(), self._next().upper()
        if operator == "NOT":
            operator = f"NOT {self._next().upper()}"
        match operator:
            case "BETWEEN":
                low = self._value()
                self._keyword("AND", "EXPECTED_AND")
                return Condition(field, operator, (low, self._value()))
            case "IN" | "NOT IN":
                return Condition(field, operator, self._list())
            case "DURING":
                back = _RANGES.get(self._next().upper())
                if back is None:
                    message = "Invalid date range literal."
                    code = "INVALID_VALUE_WITH_DURING_OPERATOR"
                    raise GaqlError(message, code=code)
                days = [self._today - timedelta(days=count) for count in back]
                return Condition(
                    field, "BETWEEN", tuple(day.isoformat() for day in days)
                )
            case "=" | "!=" | ">" | ">=" | "<" | "<=":
                return Condition(field, operator, (self._value(),))
            case _:
                message = f"Error in query: invalid operator {operator}."
                raise GaqlError(message, code="INVALID_OPERATOR")

    def _list(self) -> tuple[str, ...]:
        """Return the values between parentheses."""
        self._keyword("(", "EXPECTED_LIST")
        values = [self._value()]
        while self._peek() == ",":
            self._next()
            values.append(self._value())
        self._keyword(")", "EXPECTED_LIST")
        return tuple(values)

    def _order(self) -> tuple[tuple[str, bool], ...]:
        """Return the ordering."""
        if self._peek().upper() != "ORDER":
            return ()
        self._next()
        self._keyword("BY", "EXPECTED_BY")
        order: list[tuple[str, bool]] = []
        while True:
            field = self._next()
            descending = self._peek().upper() == "DESC"
            if self._peek().upper() in {"ASC", "DESC"}:
                self._next()
            order.append((field, descending))
            if self._peek() != ",":
                return tuple(order)
            self._next()

    def _limit(self) -> int | None:
        """Return the row limit."""
        if self._peek().upper() != "LIMIT":
            return None
        self._next()
        text = self._next()
        if not text.isdigit() or text == "0":
            message = "Limit must be a positive number."
            raise GaqlError(message, code="LIMIT_VALUE_TOO_LOW")
        return int(text)

    def _peek(self) -> str:
        """Return the next token without taking it; '' at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        """Take the next token."""
        token = self._peek()
        if not token:
            message = "Error in query: unexpected end of query."
            raise GaqlError(message, code="UNEXPECTED_END_OF_QUERY")
        self._at += 1
        return token

    def _value(self) -> str:
        """Take an operand without its quotes."""
        return self._next().strip("'\"")

    def _keyword(self, word: str, code: str) -> None:
        """Take a word that must come now."""
        token = self._next()
        if token.upper() != word:
            message = f"Error in query: expected {word}, got {token}."
            raise GaqlError(message, code=code)


def _parse_day(text: str) -> date:
    """Return a day written YYYY-MM-DD or YYYYMMDD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"Invalid date {text!r}."
        raise GaqlError(message, code="BAD_VALUE") from error


_OPERATORS: Final[Mapping[str, Callable[[Any, tuple[Any, ...]], bool]]] = {
    "=": lambda value, wanted: value == wanted[0],
    "!=": lambda value, wanted: value != wanted[0],
    ">": lambda value, wanted: value > wanted[0],
    ">=": lambda value, wanted: value >= wanted[0],
    "<": lambda value, wanted: value < wanted[0],
    "<=": lambda value, wanted: value <= wanted[0],
    "BETWEEN": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "IN": lambda value, wanted: value in wanted,
    "NOT IN": lambda value, wanted: value not in wanted,
}
