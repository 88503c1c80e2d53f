"""What is published: tables, their themes and the audiences that may read them.

Belongs here: reading that from dbt's manifest, and which file a table goes to. Stays out: the
rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CORE: Final = "core"
OPEN_FILE: Final = "bi"
"""Name of the file everybody may read."""

EVERYBODY: Final = "all"

BUILD_FILE: Final = "build"
"""Name the build file is attached under while publishing."""

RESTRICTED_AUDIENCES: Final = frozenset({"finance", "people"})
"""Audiences that read more than others (ledger, invoices, pay); the rest are open ones."""


@dataclass(frozen=True)
class PublishedTable:
    """One published table, as its model declares it in `meta`.

    `audiences` are those that may read it (`all` or none named: everybody); `files` are the
    audiences whose files it is written to, its home first (see `assign_files`).
    """

    name: str
    schema: str
    theme: str
    audiences: tuple[str, ...]
    description: str = ""
    column_docs: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    may_be_empty: bool = False
    fed_by: tuple[str, ...] = ()
    unique_id: str = ""
    database: str = BUILD_FILE
    files: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether everybody may read it."""
        return OPEN_FILE in self.files


def assign_files(
    tables: Iterable[PublishedTable], configured: Mapping[str, tuple[str, ...]]
) -> tuple[PublishedTable, ...]:
    """Return the tables with the files they go to.

    The model says who may read a table, the configuration which themes an audience gets; a
    table it names itself is given whatever the model says. A table every open audience may
    read is in the open file too.

    Raises:
        ConfigError: a table nobody gets. It would be missing without anybody having said so.
    """
    listed = tuple(tables)
    named = {audience for table in listed for audience in table.audiences}
    everyone = (named | set(configured)) - {EVERYBODY}
    assigned = tuple(
        replace(table, files=_files_of(table, everyone, configured)) for table in listed
    )
    unserved = [table for table in assigned if not table.files]
    if unserved:
        told = ", ".join(
            f"{table.name} (theme {table.theme}, for {' or '.join(table.audiences)})"
            for table in unserved
        )
        message = (
            f"publish.audiences: nobody gets {told}. Give an audience it is for the theme, or "
            f"name the table."
        )
        raise ConfigError(message)
    return assigned


def _files_of(
    table: PublishedTable,
    everyone: set[str],
    configured: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...]:
    is_for_all = not table.audiences or EVERYBODY in table.audiences
    may = everyone if is_for_all else set(table.audiences)
    open_audiences = everyone - RESTRICTED_AUDIENCES
    is_open = is_for_all or bool(open_audiences and open_audiences <= may)
    gets = {name for name in may if table.theme in configured.get(name, (table.theme,))}
    gets |= {name for name, given in configured.items() if table.name in given}
    return (*([OPEN_FILE] if is_open else []), *sorted(gets))


def read_published_tables(manifest_path: Path) -> tuple[PublishedTable, ...]:
    """Return every node of dbt's `manifest.json` that declares a theme, by name."""
    manifest = json.loads(manifest_path.read_text("utf-8"))
    keys = _read_keys(manifest["nodes"].values())
    found = (_read_node(node, keys) for node in manifest["nodes"].values())
    return tuple(sorted((t for t in found if t), key=lambda table: table.name))


def _read_keys(nodes: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the tested key of every model; one of several columns before one of one."""
    keys: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        test = node.get("test_metadata") or {}
        model = node.get("attached_node")
        if not model or test.get("name") not in {"unique_key", "unique"}:
            continue
        if "columns" in test["kwargs"]:
            keys[model] = tuple(test["kwargs"]["columns"])
        else:
            keys.setdefault(model, (test["kwargs"]["column_name"],))
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
        fed_by=tuple(meta.get("fed_by", ())),
        unique_id=node["unique_id"],
    )


def audience_files(tables: Iterable[PublishedTable]) -> tuple[str, ...]:
    """Return the names of all files to write, the open one first."""
    named = {audience for table in tables for audience in table.files}
    return (OPEN_FILE, *sorted(named - {OPEN_FILE}))
