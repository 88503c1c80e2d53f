"""Options and output every verb shares.

Belongs here: the typed options, progress lines, JSON output. Stays out: verbs.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ingest.errors import ConfigError

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="warehouse.yml; default ./warehouse.yml or the sandbox"
    ),
]
Root = Annotated[
    Path | None,
    typer.Option("--root", help="Folder of the warehouse; default ./.warehouse"),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def now() -> datetime:
    """Return the wall clock; below the command line nothing asks it."""
    return datetime.now(UTC)


def say(text: str) -> None:
    """Show progress, apart from the result on standard output."""
    sys.stderr.write(f"{datetime.now(UTC).astimezone():%H:%M:%S}  {text}\n")
    sys.stderr.flush()


def terminal(at_least: int = 0, *, soft_wrap: bool = False) -> Console:
    """Return where tables are shown: text as it is, wide enough that no figure is cut.

    Ids hold colons and brackets, which a console takes for symbols (`:books:`) and styles.
    """
    # A file or a pipe has no width of its own.
    console = Console(
        markup=False,
        emoji=False,
        soft_wrap=soft_wrap,
        width=None if sys.stdout.isatty() else 140,
    )
    console.width = max(console.width, at_least)
    return console


def print_json(content: Any) -> None:  # noqa: ANN401 - any JSON
    """Write a result for machines."""
    sys.stdout.write(
        json.dumps(content, ensure_ascii=False, default=str, indent=1) + "\n"
    )


def parse_day(text: str, option: str) -> date:
    """Return the day an option names.

    Raises:
        ConfigError: it is not a day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{option} {text!r} is not a day like 2026-10-31"
        raise ConfigError(message) from None
