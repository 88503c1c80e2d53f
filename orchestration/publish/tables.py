"""What is published: tables, their themes and the audiences that may read them.

Belongs here: reading that from dbt's manifest, and which file a table goes to. Stays out: the
rows. A table is restricted when only restricted audiences are named for it; it then exists in
their files alone and never in `bi.duckdb`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CORE: Final = "core"
OPEN_AUDIENCE: Final = "bi"
"""Name of the file everybody may read."""

BUILD_FILE: Final = "build"
"""Name the build file is attached under while publishing."""

RESTRICTED_AUDIENCES: Final = frozenset({"finance", "people"})
"""Audiences whose own tables (ledger, invoices, pay) nobody else may read."""


@dataclass(frozen=True)
class PublishedTable:
    """One published table, as its model declares it in `meta`.

    `audiences` are those the model declares, `granted` those the configuration adds; a grant
    never makes a table restricted, nor a restricted one open to everybody.
    """

    name: str
    schema: str
    theme: str
    audiences: tuple[str, ...]
    description: str = ""
    column_docs: Mapping[str, str] = field(default_factory=dict)
    granted: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    may_be_empty: bool = False
    unique_id: str = ""
    database: str = BUILD_FILE

    @property
    def is_restricted(self) -> bool:
        """Whether the table stays out of the open file."""
        return bool(self.audiences) and set(self.audiences) <= RESTRICTED_AUDIENCES

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files (audiences) the table goes to; the first one is its home."""
        named = {*self.audiences, *self.granted} - {OPEN_AUDIENCE, "all"}
        if not self.is_restricted:
            return (OPEN_AUDIENCE, *sorted(named))
        home = min(self.audiences)
        return (home, *sorted(named - {home}))


def read_published_tables(manifest_path: Path) -> tuple[PublishedTable, ...]:
    """Return every node of dbt's `manifest.json` that declares a theme, by name."""
    manifest = json.loads(manifest_path.read_text("utf-8"))
    keys = _read_keys(manifest["nodes"].values())
    found = (_read_node(node, keys) for node in manifest["nodes"].values())
    return tuple(sorted((t for t in found if t), key=lambda table: table.name))


def _read_keys(nodes: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the tested key of every model: the columns of its `unique_key` test."""
    keys: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        test = node.get("test_metadata") or {}
        if test.get("name") == "unique_key" and node.get("attached_node"):
            keys[node["attached_node"]] = tuple(test["kwargs"]["columns"])
        elif test.get("name") == "unique" and node.get("attached_node"):
            keys.setdefault(node["attached_node"], (test["kwargs"]["column_name"],))
    return keys


def _read_node(
    node: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]]
) -> PublishedTable | None:
    meta = {**node.get("meta", {}), **node.get("config", {}).get("meta", {})}
    if node["resource_type"] not in {"model", "seed"} or "theme" not in meta:
        return None
    audiences = meta.get("audience", [])
    return PublishedTable(
        name=node.get("alias") or node["name"],
        schema=node["schema"],
        theme=meta["theme"],
        audiences=tuple([audiences] if isinstance(audiences, str) else audiences),
        description=node.get("description", ""),
        column_docs={
            name: column.get("description", "")
            for name, column in node.get("columns", {}).items()
        },
        key=keys.get(node["unique_id"], ()),
        may_be_empty=bool(meta.get("may_be_empty")),
        unique_id=node["unique_id"],
    )


def audience_files(tables: Iterable[PublishedTable]) -> tuple[str, ...]:
    """Return the names of all files to write, the open one first."""
    named = {audience for table in tables for audience in table.files}
    return (OPEN_AUDIENCE, *sorted(named - {OPEN_AUDIENCE}))
