"""Reading a vendor's JSON: required keys, lists, instants, unknown names.

Belongs here: the few checks every connector makes on an answer before it uses it. Stays
out: anything one vendor does, typing of values (`ingest.conform`), HTTP (`ingest.http`).

A key that a vendor's documentation promises and that is absent means the vendor changed or
the answer is not what it claims to be, so it is a `ContractViolation` and never an empty
list: a renamed `has_more` must not end paging after the first page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from ingest.errors import ContractViolation

Json = dict[str, Any]
T = TypeVar("T")


def required(record: object, key: str, where: str) -> Any:  # noqa: ANN401  # JSON
    """Return `record[key]`; its value may be null.

    Raises:
        ContractViolation: not an object, or the key is absent.
    """
    if not isinstance(record, Mapping):
        message = f"{where}: expected an object with {key!r}, got {_kind(record)}"
        raise ContractViolation(message)
    if key not in record:
        message = f"{where}: {key!r} is absent (got {_names(record)}); the vendor changed shape"
        raise ContractViolation(message)
    return record[key]


def key_of(record: object, key: str, where: str) -> str | None:
    """Return an id as text. A null one stays None, so that landing quarantines the row.

    Raises:
        ContractViolation: not an object, or the key is absent.
    """
    value = required(record, key, where)
    return None if value is None else str(value)


def list_of(record: object, key: str, where: str) -> list[Json]:
    """Return the list of objects under `key`.

    Raises:
        ContractViolation: the key is absent or does not hold a list of objects.
    """
    items = required(record, key, where)
    if not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
        message = f"{where}: {key!r} must be a list of objects, got {_kind(items)}"
        raise ContractViolation(message)
    return items


def flag(record: object, key: str, where: str) -> bool:
    """Return the true or false under `key`.

    Raises:
        ContractViolation: the key is absent or holds something else.
    """
    value = required(record, key, where)
    if not isinstance(value, bool):
        message = f"{where}: {key!r} must be true or false, got {_kind(value)}"
        raise ContractViolation(message)
    return value


def dig(record: object, *keys: str) -> Any:  # noqa: ANN401  # JSON
    """Return the value under nested optional keys; None where the way ends."""
    for key in keys:
        if not isinstance(record, Mapping):
            return None
        record = record.get(key)
    return record


def parse_instant(value: object, where: str) -> datetime:
    """Return an ISO instant with a zone as aware UTC.

    Raises:
        ContractViolation: not such a text.
    """
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = f"{where}: expected an ISO instant with a zone, got {_kind(value)}"
        raise ContractViolation(message)
    return instant.astimezone(UTC)


def unknown_names(record: Mapping[str, object], known: frozenset[str]) -> set[str]:
    """Return the names of a record its documentation, as we read it, does not have."""
    return set(record) - known


def in_chunks(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the items in lists of at most `size`."""
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _kind(value: object) -> str:
    return type(value).__name__


def _names(record: Mapping[str, object]) -> str:
    return ", ".join(sorted(record)[:12]) or "no keys"
