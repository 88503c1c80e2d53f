"""Text a spreadsheet must not run: which texts it would, and the harmless way to write them.

Belongs here: the one rule every export follows (reliability.md J5). Stays out: the cells
of workbooks (`dashboards.cells`), which rows are exported.

A file of ours is opened with a double click, and a spreadsheet runs what begins like a
formula, also in plain CSV. Numbers are never touched: `-5` typed as a number stays one, only
text is made inert.
"""

from __future__ import annotations

import csv
import re
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_STARTS: Final = "=+-@\uff1d\uff0b\uff0d\uff20"
"""`= + - @` and their full-width forms, which East Asian input methods write and spreadsheets
read alike."""
_DANGER: Final = re.compile(rf"[\t\r\n]|\s*[{re.escape(_STARTS)}]")
_UNSAID: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def runs_as_formula(text: str) -> bool:
    """Return whether a spreadsheet may run a text: it begins as a formula or hides its start.

    Blanks before the sign count too, because importers cut them off; a leading tab or line
    end does, because it can push what follows into a cell of its own.
    """
    return _DANGER.match(text) is not None


def inert_text(text: str) -> str:
    """Return the text as a CSV cell that stays text: an apostrophe before what would run."""
    return f"'{text}" if runs_as_formula(text) else text


def printable_text(text: str) -> str:
    """Return the text without control characters a workbook cannot hold."""
    return _UNSAID.sub("\ufffd", text)


def write_csv(file: IO[str], rows: Iterable[Iterable[object]]) -> None:
    """Write rows as CSV: text inert, NULL blank, numbers and days as they are."""
    csv.writer(file).writerows(
        [inert_text(value) if isinstance(value, str) else value for value in row]
        for row in rows
    )
