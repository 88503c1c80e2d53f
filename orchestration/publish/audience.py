"""One audience's database file and Parquet folder, written table by table.

Belongs here: where each table's rows come from (tonight, the previous build, or both) and
writing, commenting, exporting and describing it. Stays out: which tables an audience gets
(`tables`), the SQL of single steps (`copying`), the order of a publication (`build`).
"""

# ruff: noqa: S608 - names go through quote(), literals through text()

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeGuard

from ingest.errors import IngestError
from ingest.faults import fault
from orchestration.publish.copying import (
    SourceTable,
    attach,
    comment_on,
    compose_rows,
    export_parquet,
    quote,
    read_catalog,
    refuse_inexact,
    with_build_id,
)
from orchestration.publish.facts import BUILD_INFO, comment_facts
from orchestration.publish.hashing import hash_table, sum_money
from orchestration.publish.manifest import TableEntry, describe_file, read_manifest
from orchestration.publish.tables import BUILD_FILE, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

    from orchestration.publish.copying import Catalog

OLD_PREFIX: Final = "old_"
"""Files of the previous build are attached as `old_<audience>`."""

_SERVED: Final = "served"


@dataclass(frozen=True)
class AudienceWriter:
    """Writes the file and the folder of one audience."""

    con: duckdb.DuckDBPyConnection
    sources: Catalog
    held: frozenset[str]
    build_id: str
    facts: str
    folder: Path
    audience: str
    previous: Path | None = None
    common: Path | None = None
    """File of the tables every audience gets; None = none is written yet."""

    def write_common(self, tables: Sequence[PublishedTable], path: Path) -> None:
        """Write the tables every audience gets into a file each audience's begins as.

        They are nearly all rows that are published, and copying a file costs a twentieth of
        writing, compressing and commenting the tables again.
        """
        attach(self.con, path, _SERVED, writable=True)
        for table in tables:
            self._create(table)
        self.con.execute(f"checkpoint {_SERVED}")
        self.con.execute(f"detach {_SERVED}")

    def write(
        self, tables: Sequence[PublishedTable], *, known: Mapping[str, TableEntry]
    ) -> dict[str, TableEntry]:
        """Write every table of the audience; describe those not described yet.

        Raises:
            IngestError: a published table is not in the build file.
            UnpublishableError: a table has floating-point columns.
        """
        path = self.folder / f"{self.audience}.duckdb"
        if self.common is not None:
            shutil.copyfile(self.common, path)
        attach(self.con, path, _SERVED, writable=True)
        begun = read_catalog(self.con, (_SERVED,))
        written = [
            table
            for table in tables
            if self.audience in table.files
            and ((_SERVED, "main", table.name) in begun or self._create(table))
        ]
        served = read_catalog(self.con, (_SERVED,))
        entries: dict[str, TableEntry] = {}
        for table in written:
            shape = served[_SERVED, "main", table.name]
            self._export(table, shape)
            if table.name not in known:
                entries[table.name] = self._describe(table, shape)
        fault("publish.tables_exported")
        self.con.execute(f"checkpoint {_SERVED}")
        fault("publish.checkpointed")
        self.con.execute(f"detach {_SERVED}")
        return entries

    def _create(self, table: PublishedTable) -> bool:
        """Create the served table; False when its held theme has no last good one."""
        new = self.sources.get((table.database, table.schema, table.name))
        if new is None:
            message = f"published table {table.name} is not in the build file"
            raise IngestError(message)
        old = self._find_old(table)
        if table.theme in self.held:
            if old is None:
                return False
            source, query = old, f"select * from {old.relation}"
        else:
            refuse_inexact(table.name, new.columns)
            new = with_build_id(new, self.build_id)
            source, query = new, self._fresh_query(table, new, old)
        target = f"{_SERVED}.main.{quote(table.name)}"
        self.con.execute(f"create table {target} as {query}")
        comment_on(self.con, target, table, source)
        if table.name == BUILD_INFO:
            comment_facts(self.con, target)
        fault("publish.table_copied")
        return True

    def _fresh_query(
        self, table: PublishedTable, new: SourceTable, old: SourceTable | None
    ) -> str:
        is_mixed = any(column.name == "theme" for column in new.columns)
        if self.held and is_mixed and table.database == BUILD_FILE:
            return compose_rows(new, old, held=self.held)
        facts = self.facts if table.name == BUILD_INFO else ""
        return f"select {new.served_columns}{facts} from {new.relation}"

    def _find_old(self, table: PublishedTable) -> SourceTable | None:
        """Return the table in the previous build, whichever of its files has it."""
        for database, _schema, name in self.sources:
            if name == table.name and database.startswith(OLD_PREFIX):
                return self.sources[database, "main", name]
        return None

    def _export(self, table: PublishedTable, shape: SourceTable) -> None:
        """Write the table's Parquet, or share a file that holds it already.

        That is the one its home audience wrote, or for a held table the one of the previous
        build: the same rows, build id and all. Any other table names its new build in every
        row and is written. Files of builds are never edited, so a second name for one is safe,
        and pruning a build takes its name away, not the file.
        """
        at_home = f"parquet/{table.files[0]}/{table.name}.parquet"
        path = self.folder / "parquet" / self.audience / f"{table.name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        if (self.folder / at_home).is_file():
            _share(self.folder / at_home, path)
        elif table.theme in self.held and _is_whole(self.previous, at_home):
            _share(self.previous / at_home, path)
        else:
            export_parquet(self.con, shape, path)

    def _describe(self, table: PublishedTable, shape: SourceTable) -> TableEntry:
        row_count, content_hash = hash_table(self.con, shape)
        return TableEntry(
            theme=table.theme,
            audiences=table.files,
            row_count=row_count,
            content_hash=content_hash,
            totals=sum_money(self.con, shape) if table.is_open else (),
        )


def _share(source: Path, path: Path) -> None:
    """Give a file a second name; a copy where the disk knows no links."""
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


def _is_whole(build: Path | None, name: str) -> TypeGuard[Path]:
    """Return whether a build has a file and every byte of it is as published."""
    if build is None:
        return False
    published = read_manifest(build).files.get(name)
    path = build / name
    return path.is_file() and describe_file(path) == published
