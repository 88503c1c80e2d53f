"""YAML read for people: every scalar stays text, every key remembers its line.

Belongs here: turning the bytes of `warehouse.yml` into plain data with line numbers, and the
collection of problems into one error text. Stays out: what the keys mean (`ingest.config`).

Scalars stay text because YAML's own typing guesses: `NO` would become false, `0012` would
become 10 and `2026-01-31` a date, while a header, an id or a value map needs what was written.
The models convert where they declare a type.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import yaml

from ingest.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Location: TypeAlias = tuple[str | int, ...]

_NULL_WORDS = frozenset({"", "~", "null", "Null", "NULL"})
_SHOWN = 12  # valid words listed when none is near
_MAX_DEPTH = 30  # no honest configuration nests deeper; stops recursive aliases


@dataclass(frozen=True)
class LocatedYaml:
    """Plain data of one file and the line of every key and list element in it."""

    path: Path
    data: object
    lines: dict[Location, int] = field(default_factory=dict)

    def line_of(self, location: Location) -> int:
        """Return the line of the deepest part of `location` the file really has."""
        for end in range(len(location), 0, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return 1


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the configuration, where it is and what would be right."""

    location: Location
    text: str


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest valid word, or the list of valid ones."""
    names = sorted(set(valid))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if not close:
        lowered = {name.lower(): name for name in names}
        close = [
            lowered[match]
            for match in difflib.get_close_matches(
                word.lower(), lowered, n=1, cutoff=0.5
            )
        ]
    if close:
        return f"; did you mean {close[0]!r}?"
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"; valid: {shown}" if names else ""


def read_yaml(path: Path) -> LocatedYaml:
    """Read one YAML file, every scalar as text.

    Raises:
        ConfigError: the file is missing, not UTF-8, not YAML, or says a key twice.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        message = f"{path}: no such configuration file"
        raise ConfigError(message) from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as UTF-8 text ({type(error).__name__})"
        raise ConfigError(message) from error
    try:
        node = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        message = f"{path}:{line}: not valid YAML: {error.problem}"
        raise ConfigError(message) from error
    except yaml.YAMLError as error:
        message = f"{path}: not valid YAML: {error}"
        raise ConfigError(message) from error
    located = LocatedYaml(path=path, data=None)
    data = None if node is None else _plain(node, (), located)
    return LocatedYaml(path=path, data=data, lines=located.lines)


def _plain(node: yaml.Node, location: Location, located: LocatedYaml) -> object:
    """Return the plain data below one node, noting lines on the way."""
    located.lines.setdefault(location, node.start_mark.line + 1)
    if len(location) > _MAX_DEPTH:
        message = f"{located.path}:{node.start_mark.line + 1}: nested too deeply"
        raise ConfigError(message)
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(child, (*location, index), located)
            for index, child in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, location, located)
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return None if is_plain and node.value in _NULL_WORDS else str(node.value)


def _plain_mapping(
    node: yaml.MappingNode, location: Location, located: LocatedYaml
) -> dict[str, object]:
    """Return one mapping, refusing a key said twice (YAML keeps the last one silently)."""
    result: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            message = f"{located.path}:{line}: a key must be a word"
            raise ConfigError(message)
        key = str(key_node.value)
        if key in result:
            message = f"{located.path}:{line}: key {key!r} is said twice"
            raise ConfigError(message)
        located.lines[(*location, key)] = line
        result[key] = _plain(value_node, (*location, key), located)
    return result


def raise_problems(located: LocatedYaml, problems: Iterable[Problem]) -> None:
    """Raise one error listing every problem in file order, or return if there is none.

    Raises:
        ConfigError: there is at least one problem.
    """
    rows = sorted({(located.line_of(p.location), p.text) for p in problems})
    if rows:
        raise ConfigError(
            "\n".join(f"{located.path}:{line}: {text}" for line, text in rows)
        )
