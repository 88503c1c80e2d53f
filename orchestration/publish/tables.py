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

RESTRICTED_AUDIENCES: Final = frozenset({"finance", "people"})
"""Audiences whose own tables (ledger, invoices, pay) nobody else may read."""


@dataclass(frozen=True)
class PublishedTable:
    """One published table, as its model declares it in `meta`."""

    name: str
    schema: str
    theme: str
    audiences: tuple[str, ...]
    description: str = ""
    column_docs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_restricted(self) -> bool:
        """Whether the table stays out of the open file."""
        return bool(self.audiences) and set(self.audiences) <= RESTRICTED_AUDIENCES

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files (audiences) the table goes to; the first one is its home."""
        if self.is_restricted:
            return tuple(sorted(self.audiences))
        return (OPEN_AUDIENCE, *sorted(set(self.audiences) - {OPEN_AUDIENCE, "all"}))


def read_published_tables(manifest_path: Path) -> tuple[PublishedTable, ...]:
    """Return every node of dbt's `manifest.json` that declares a theme, by name."""
    manifest = json.loads(manifest_path.read_text("utf-8"))
    found = (_read_node(node) for node in manifest["nodes"].values())
    return tuple(sorted((t for t in found if t), key=lambda table: table.name))


def _read_node(node: Mapping[str, Any]) -> PublishedTable | None:
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
    )


def audience_files(tables: Iterable[PublishedTable]) -> tuple[str, ...]:
    """Return the names of all files to write, the open one first."""
    named = {audience for table in tables for audience in table.files}
    return (OPEN_AUDIENCE, *sorted(named - {OPEN_AUDIENCE}))
