"""Which landed columns a published figure needs, read from the SQL of the models.

Belongs here: following a column from its staging model to the models that read it, by name.
Stays out: parsing SQL: a name that stands in the text counts as used, so that doubt blocks
rather than lets a column go silently empty.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|\{#.*?#\}", re.DOTALL)


@functools.cache
def used_columns(project: Path, kind: str, entity: str) -> frozenset[str] | None:
    """Return the columns of a landed entity that models beyond staging name.

    None = no staging model reads the entity at all.
    """
    models = _models(project)
    staging = f"stg_{kind}__{entity}"
    if staging not in models:
        return None
    readers = [sql for name, sql in models.items() if _refers(sql, staging)]
    words = {word for sql in readers for word in re.findall(r"\w+", sql)}
    own = models[staging]
    return frozenset(
        column
        for column in set(re.findall(r"\w+", own))
        if ({column} | _aliases(own, column)) & words
    )


def _aliases(sql: str, column: str) -> set[str]:
    """Return what select items that name the column are called."""
    word = re.compile(rf"\b{re.escape(column)}\b")
    return {
        named[-1]
        for item in _items(sql)
        if word.search(item) and (named := item.split())[-1].isidentifier()
    }


def _items(sql: str) -> Iterator[str]:
    """Yield the text between commas and `from`, inside every bracket and around it."""
    # Of every open bracket: the whole text so far, and its item so far.
    brackets = [["", ""]]
    for part in re.findall(r"[(),]|\bfrom\b|[^(),\s]+|\s+", sql):
        if part == "(":
            brackets.append(["", ""])
        elif part == ")" and len(brackets) > 1:
            whole, item = brackets.pop()
            yield item
            brackets[-1] = [f"{text}({whole})" for text in brackets[-1]]
        elif part in (",", "from"):
            yield brackets[-1][1]
            brackets[-1] = [f"{brackets[-1][0]} ", ""]
        else:
            brackets[-1] = [text + part for text in brackets[-1]]
    yield from (item for _, item in brackets)


def _refers(sql: str, model: str) -> bool:
    return re.search(rf"ref\(\s*['\"]{model}['\"]\s*\)", sql) is not None


@functools.cache
def _models(project: Path) -> dict[str, str]:
    """Return every model's SQL without its comments."""
    return {
        path.stem: _COMMENT.sub(" ", path.read_text("utf-8"))
        for path in sorted((project / "models").rglob("*.sql"))
    }
