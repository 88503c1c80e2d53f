"""The request and answer every vendor renderer speaks, and the JSON both travel as.

Belongs here: plain data between the HTTP server and the vendor modules, so that a vendor is a
function from a request and an instant to an answer. Stays out: sockets (`server`), scripted
faults (`faults`), anything a single vendor decides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

JSON_TYPE: Final = "application/json;charset=utf-8"


@dataclass(frozen=True)
class ApiRequest:
    """One request as a vendor sees it: `path` starts after the vendor's mount point."""

    method: str
    path: str
    query_text: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the query parameters; blank values are kept, as vendors do."""
        return parse_qs(self.query_text, keep_blank_values=True)

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def json(self) -> object:
        """Return the body as JSON; an empty body is an empty object.

        Raises:
            ValueError: the body is not JSON.
        """
        return json.loads(self.body) if self.body.strip() else {}

    @property
    def has_bearer(self) -> bool:
        """Tell whether a non-empty bearer token was sent; its value decides nothing."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and bool(token.strip())


@dataclass(frozen=True)
class ApiAnswer:
    """Status, headers and JSON payload of one answer."""

    status: int
    payload: object
    headers: Mapping[str, str] = field(default_factory=dict)


class VendorApi(Protocol):
    """One vendor's API over the simulated company."""

    def answer(self, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer the request as the vendor would at that instant."""
        ...


def dump_json(payload: object) -> bytes:
    """Return the payload as compact UTF-8 JSON."""
    text = json.dumps(
        payload, ensure_ascii=False, separators=(",", ":"), default=_as_json_number
    )
    return text.encode()


def _as_json_number(value: object) -> float:
    """Return a Decimal as the double a vendor would send.

    Only shares, rates and conversion counts reach this: money leaves as integer minor units,
    micros or decimal strings, exactly as at the vendors.
    """
    if isinstance(value, Decimal):
        return float(value)
    message = f"{type(value).__name__} is not JSON"
    raise TypeError(message)
