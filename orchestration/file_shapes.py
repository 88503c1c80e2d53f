"""Shapes of a table that its lines prove: fixed width, rows in quotes, headers of several rows.

Belongs here: what every line looked at agrees on. Stays out: delimiters and encodings
(`file_looks`), reading such files (`ingest.sources.files`). A shape that a later line breaks is
refused or quarantined when the file is read; nothing is read wrongly for it.
"""

from __future__ import annotations

import csv
import itertools
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEWEST_LINES: Final = 3
_MANY_LINES: Final = 8
"""From so many lines on a single blank at one place in all of them is no chance."""
_WIDE_GAP: Final = 2
_MARKS: Final = frozenset(';|\t"')
_MOST_HEADER_ROWS: Final = 5
_GROUPS: Final = 2


def find_ruler(lines: Sequence[str]) -> tuple[int, dict[str, tuple[int, int]]] | None:
    """Return (lines to skip, header -> first and last character) of columns of fixed width.

    Proven when one header line names every column and the same places are blank in all lines;
    a column ends where its longest cell ends, so that a longer one below is refused, not cut.
    """
    text = [line.rstrip() for line in lines]
    used = [line for line in text if line]
    if len(used) < _FEWEST_LINES or any(_MARKS & set(line) for line in used):
        return None
    if "," in used[0]:
        return None
    width = max(map(len, used))
    is_blank = [all(not line[n : n + 1].strip() for line in used) for n in range(width)]
    fields = _stretches(is_blank)
    gaps = [b[0] - a[1] - 1 for a, b in itertools.pairwise(fields)]
    least = 1 if len(used) >= _MANY_LINES else _WIDE_GAP
    if not gaps or min(gaps) < least:
        return None
    names = [used[0][first - 1 : last].strip() for first, last in fields]
    if not all(map(_is_word, names)) or len(set(names)) < len(names):
        return None
    return text.index(used[0]) + 1, dict(zip(names, fields, strict=True))


def _stretches(is_blank: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the stretches between blanks as first and last character, from 1."""
    found: list[tuple[int, int]] = []
    start = 0
    for place, blank in enumerate([*is_blank, True], start=1):
        if not blank and not start:
            start = place
        elif blank and start:
            found.append((start, place - 1))
            start = 0
    return found


def unwrap_rows(lines: Sequence[str]) -> list[str] | None:
    """Return the lines without the quotes around whole rows; None = they have none.

    Proven when every line is one cell in quotes, and what the cells hold has, in all of them,
    the same number of cells, more than one.
    """
    inner: list[str] = []
    for line in (line for line in lines if line.strip()):
        cells = next(csv.reader([line]), [])
        if len(cells) != 1 or not (line.startswith('"') and line.endswith('"')):
            return None
        inner.append(cells[0])
    for sign in ",;|\t":
        widths = {len(next(csv.reader([text], delimiter=sign), [])) for text in inner}
        if len(inner) > 1 and len(widths) == 1 and widths != {1}:
            return inner
    return None


def rows_of_header(
    spans: Sequence[tuple[int, int, int, int]],
    rows: Sequence[Sequence[object]],
    line: int,
) -> range:
    """Return the rows (from 0) of a header, of which one was found, as merged cells show.

    A row with two or more merged cells, each over several columns, groups the names below it;
    one merged cell may be a title. That the row below holds names and not the first record
    is shown by the record below it, whose cells there are no words.
    """
    first = last = line
    while _groups(spans, last) and _holds_names(rows, last + 1, _groups(spans, last)):
        last += 1
    while first and _groups(spans, first - 1):
        first -= 1
    return range(max(first, last + 1 - _MOST_HEADER_ROWS), last + 1)


def _groups(spans: Sequence[tuple[int, int, int, int]], row: int) -> list[range]:
    """Return the columns (from 0) of each group a row (from 0) forms; fewer than two are none."""
    found = [
        range(left - 1, right)
        for top, left, bottom, right in spans
        if top == bottom == row + 1 and right > left
    ]
    return found if len(found) > 1 else []


def _holds_names(
    rows: Sequence[Sequence[object]], row: int, groups: Sequence[range]
) -> bool:
    if row + 1 >= len(rows):
        return False
    places = [place for group in groups for place in group if place < len(rows[row])]
    names = [rows[row][place] for place in places]
    below = [rows[row + 1][place] for place in places if place < len(rows[row + 1])]
    return all(isinstance(n, str) and _is_word(n) for n in names) and any(
        cell is not None and not isinstance(cell, str) for cell in below
    )


def second_header(rows: Sequence[Sequence[str]], skip: int, width: int) -> str:
    """Return a hint at a line of words above the header of a text, which has no merged cells."""
    above = rows[skip - 1] if skip else []
    filled = [cell for cell in above if cell]
    if len(above) < width or len(filled) < _GROUPS or not all(map(_is_word, filled)):
        return ""
    return (
        f"line {skip} holds words over these columns: if it is a part of the header, declare "
        f"skip_rows: {skip - 1} and header_rows: 2"
    )


def _is_word(text: str) -> bool:
    return re.search(r"[^\W\d_]", text) is not None
