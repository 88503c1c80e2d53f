"""The base of every configuration model and the words their fields are checked against.

Belongs here: what all models share (frozen, unknown keys named with the nearest valid one,
zones, currencies, names fit for a path). Stays out: the models themselves.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from ingest.config_yaml import nearest
from ingest.currencies import EXPONENTS

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


class ConfigModel(BaseModel):
    """A frozen part of the configuration that knows no key it was not told about."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic hands over anything
        """Name an unknown key beside the nearest one the model has."""
        if isinstance(data, dict):
            known = {
                name for name, f in cls.model_fields.items() if f.exclude is not True
            }
            for key in data:
                if key not in cls.model_fields:
                    code, text = "unknown_key", "unknown key '{word}'{hint}"
                    context = {"word": str(key), "hint": nearest(str(key), known)}
                    raise PydanticCustomError(code, text, context)
        return data


@cache
def known_timezones() -> frozenset[str]:
    """Return every IANA zone this machine knows (the tzdata package brings them all)."""
    return frozenset(zoneinfo.available_timezones())


def _check_timezone(value: str) -> str:
    if value not in known_timezones():
        message = f"unknown timezone {value!r}{nearest(value, known_timezones())}"
        raise ValueError(message)
    return value


def _check_currency(value: str) -> str:
    if value not in EXPONENTS:
        message = f"unknown currency {value!r}{nearest(value, EXPONENTS)}"
        raise ValueError(message)
    return value


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        message = f"name {value!r} must be small letters, digits and _ (it becomes a folder name)"
        raise ValueError(message)
    return value


def _check_text(value: str) -> str:
    if not value.strip():
        message = "must not be blank"
        raise ValueError(message)
    return value


def _check_variable(value: str) -> str:
    """Refuse what is no name of a variable, unquoted: it may well be the secret itself."""
    if not _VARIABLE.fullmatch(value):
        message = (
            "must name an environment variable (capital letters, digits and _), never hold "
            "the secret itself; if a secret stood here, put it into a variable and renew it"
        )
        raise ValueError(message)
    return value


Timezone = Annotated[str, AfterValidator(_check_timezone)]
Currency = Annotated[str, AfterValidator(_check_currency)]
Name = Annotated[str, AfterValidator(_check_name)]
Text = Annotated[str, AfterValidator(_check_text)]
Variable = Annotated[str, AfterValidator(_check_variable)]
