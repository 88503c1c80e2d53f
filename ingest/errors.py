"""Errors of extraction, classified by what has to happen next.

Belongs here: the exception classes and the exit code each one ends a run with.
Stays out: gate findings (`expectations`), orchestration failures, messages for people beyond
the text an error is raised with. Every message says what, which source and entity, the
numbers, and what to do next; it never holds a secret or a personal value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_OK = 0
EXIT_BAD_DATA = 65
EXIT_UNAVAILABLE = 69
EXIT_STORAGE_WRITE = 73
EXIT_STORAGE_IO = 74
EXIT_BUSY = 75
EXIT_CREDENTIALS = 77
EXIT_CONFIG = 78


class IngestError(Exception):
    """Base of everything extraction raises on purpose; carries the exit code."""

    exit_code: int = EXIT_BAD_DATA


class ConfigError(IngestError):
    """`warehouse.yml` is wrong; the text names file, line and the nearest valid word."""

    exit_code = EXIT_CONFIG


class RetryableError(IngestError):
    """The source did not answer properly; the same call may work later."""

    exit_code = EXIT_UNAVAILABLE


class FatalSourceError(IngestError):
    """A person must act at the source (permission, deleted account, retired version)."""

    exit_code = EXIT_UNAVAILABLE


class CredentialsError(FatalSourceError):
    """A secret is missing, wrong, expired or lacks a scope."""

    exit_code = EXIT_CREDENTIALS


class ContractViolation(IngestError):
    """The vendor or file changed shape: a known column changed type or a key is absent."""

    exit_code = EXIT_BAD_DATA


class TruncatedExtract(IngestError):
    """The answer is shorter than it claims or than it can honestly be; nothing is landed."""

    exit_code = EXIT_BAD_DATA


class StorageError(IngestError):
    """The disk refused: full, read-only, or not ours."""

    exit_code = EXIT_STORAGE_IO


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came of, newest first: engines and clients wrap what happened."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
