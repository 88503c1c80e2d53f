"""JSON in which every number stays what it was.

Belongs here: decoding to `int` and `Decimal`, writing back the same digits. Stays out: HTTP
(`ingest.http`), the meaning of any value.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

JsonValue = Any
"""Decoded JSON: numbers are `int` or `Decimal`, never `float`."""

NOT_JSON: Final = object()
"""What decoding gives for an empty, cut or foreign body."""

# Exact numbers: json cannot write a Decimal as a number, so it is written as a marked string
# (a private-use character no vendor text holds) and the marks are taken off afterwards.
_MARK: Final = "\ue000"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MARKED: Final = re.compile(f'"{_MARK}([-+0-9.eE]+){_MARK}"')


def dump_json(value: JsonValue) -> str:
    """Return compact JSON text with every number exactly as it was received."""
    text = json.dumps(
        value, default=_mark_decimal, ensure_ascii=False, separators=(",", ":")
    )
    if _MARK in text:
        text = _MARKED.sub(r"\1", text)
    try:
        text.encode()
    except UnicodeEncodeError:
        # JSON may escape half of a surrogate pair; as a character it could not be stored.
        text = _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text


def _mark_decimal(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{_MARK}{value}{_MARK}"
    message = f"{type(value).__name__} is not a JSON value"
    raise TypeError(message)


def decode_json(content: bytes) -> JsonValue:
    """Return decoded JSON, or `NOT_JSON` for an empty, cut or foreign body."""
    try:
        return json.loads(
            content, parse_float=Decimal, parse_int=int, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        return NOT_JSON


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)
