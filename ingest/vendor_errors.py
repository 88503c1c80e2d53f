"""What a vendor's refusal says: its sentence, the scopes it names, what to do about it.

Belongs here: the error shapes shared by the APIs we know, and texts fit for logs. Stays out:
codes of one vendor (its connector's `classify_error`), sending requests (`ingest.http`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from ingest.errors import (
    CredentialsError,
    FatalSourceError,
    IngestError,
    RetryableError,
)

HTTP_OK: Final = range(200, 300)
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
_REQUEST_TIMEOUT: Final = 408
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_MESSAGE_LENGTH: Final = 300
_REASONS_SHOWN: Final = 3


def describe_body(body: bytes) -> str:
    """Return what kind of body this is, without quoting it."""
    content = body.lstrip()
    if not content:
        return "an empty body"
    if content[:1] == b"<":
        return "an HTML or XML page"
    if content[:1] in (b"{", b"["):
        return f"a cut or invalid JSON body of {len(content)} bytes"
    return f"an unreadable body of {len(content)} bytes"


def class_of(status: int, body: object) -> type[IngestError]:
    """Return the error class HTTP itself gives a refusal."""
    if status in (UNAUTHORIZED, FORBIDDEN):
        return CredentialsError
    if status in (_REQUEST_TIMEOUT, _TOO_MANY) or status >= _SERVER_ERROR:
        return RetryableError
    if status in HTTP_OK and not isinstance(body, dict):
        return RetryableError
    return FatalSourceError


def message_of(body: object) -> str:
    """Return the vendor's own sentence from the error shapes of the APIs we know."""
    if isinstance(body, str):
        return body
    if isinstance(body, Sequence) and body:
        return message_of(body[0])
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error", body)
    if isinstance(error, str):
        return ": ".join(
            part for part in (error, str(body.get("error_description", ""))) if part
        )
    if not isinstance(error, Mapping):
        return ""
    parts = [
        str(error.get(name, "")) for name in ("message", "code", "param", "category")
    ]
    return " | ".join(part for part in (*_reasons_of(error), *parts) if part)


def _reasons_of(error: Mapping[object, object]) -> list[str]:
    """Return the sentences inside `details`, where Google keeps the actual reason.

    The outer message of every 400 is "Request contains an invalid argument."; which argument
    and why stands in `details[].errors[].message` (GoogleAdsFailure, API v26). The reasons
    come first, because a long text is cut at its end.
    """
    details = error.get("details")
    found: list[str] = []
    for detail in details if isinstance(details, list) else ():
        inner = detail.get("errors") if isinstance(detail, Mapping) else None
        for one in inner if isinstance(inner, list) else ():
            if isinstance(one, Mapping) and one.get("message"):
                codes = one.get("errorCode")
                code = (
                    ", ".join(str(value) for value in codes.values())
                    if isinstance(codes, Mapping)
                    else ""
                )
                found.append(
                    f"{one['message']} ({code})" if code else str(one["message"])
                )
    return found[:_REASONS_SHOWN]


def scopes_of(body: object) -> list[str]:
    """Return scope names found under any key that says "scope" or "permission"."""
    found: list[str] = []
    if isinstance(body, Mapping):
        for key, value in body.items():
            named = re.search(r"scope|permission", str(key), re.IGNORECASE)
            if named and isinstance(value, str):
                found.append(value)
            elif named and isinstance(value, list):
                found.extend(str(item) for item in value if isinstance(item, str))
            else:
                found.extend(scopes_of(value))
    elif isinstance(body, list):
        for item in body:
            found.extend(scopes_of(item))
    return list(dict.fromkeys(found))


_CLEANERS: Final = (
    (re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']*"), r"\1"),
    (re.compile(r"\bBearer\s+\S+", re.IGNORECASE), "<secret>"),
    (
        re.compile(
            r"\b(access_token|api_key|apikey|client_secret|refresh_token|token|password)"
            r"\s*[=:]\s*\S+",
            re.IGNORECASE,
        ),
        r"\1=<secret>",
    ),
    (re.compile(r"\b(?:sk|rk|pk)_(?:live|test)_\S+"), "<secret>"),
    (re.compile(r"\bpat-[a-z0-9]{2,4}-\S+"), "<secret>"),
    (re.compile(r"\b(?:EAA|ya29\.)\S+"), "<secret>"),
    (re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+"), "<e-mail>"),
    # Phone numbers and record ids look alike; the path and page find the record again.
    (re.compile(r"\+?\d(?:[\s().-]?\d){7,}"), "<number>"),
)


def forms_of(secret: str) -> tuple[str, ...]:
    """Return a secret as it may stand in a text: plain, URL-encoded, base64."""
    encoded = base64.b64encode(secret.encode()).decode()
    return secret, quote(secret, safe=""), encoded, encoded.rstrip("=")


def clean_text(text: str) -> str:
    """Return text fit for logs: no query strings, tokens, addresses or long numbers."""
    text = " ".join(text.split())
    for pattern, replacement in _CLEANERS:
        text = pattern.sub(replacement, text)
    if len(text) <= _MESSAGE_LENGTH:
        return text
    return text[: _MESSAGE_LENGTH - 1] + "…"
