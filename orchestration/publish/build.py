"""One publication: from the gated build file to the build people read.

Belongs here: the order of the steps and which theme's tables come from where. Stays out: the
steps themselves (`copying`, `hashing`, `manifest`, `pointer`) and the gates' reasoning.
"""

# ruff: noqa: S608 - names go through quote(), literals through text()
from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import duckdb

from ingest.errors import EXIT_STORAGE_IO, IngestError, StorageError
from orchestration.publish.copying import (
    attach,
    comment_on,
    compose_rows,
    export_parquet,
    quote,
    read_columns,
    read_table_comment,
    refuse_inexact,
)
from orchestration.publish.facts import BUILD_INFO, build_facts, write_build_themes
from orchestration.publish.hashing import hash_build, hash_table, sum_money
from orchestration.publish.manifest import (
    ABSENT,
    FRESH,
    HELD,
    Manifest,
    TableEntry,
    ThemeState,
    describe_files,
    read_manifest,
    write_manifest,
)
from orchestration.publish.pointer import (
    UNFINISHED,
    commit_build,
    current_build,
    prune_builds,
    remove_build,
)
from orchestration.publish.tables import (
    BUILD_FILE,
    CORE,
    PublishedTable,
    assign_files,
    audience_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class CoreHeldError(IngestError):
    """The core theme is red: nothing is published, the previous build stays."""


@dataclass(frozen=True)
class PublishRequest:
    """What to publish, from where, and what the mart gate said."""

    warehouse: Path
    published: Path
    tables: tuple[PublishedTable, ...]
    build_id: str
    as_of: date
    code_version: str
    company_name: str
    now: datetime
    red_themes: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    quality: Mapping[str, Any] | None = None
    audiences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mart_rules: int = 0
    keep: int = 7


def build_id_for(as_of: date, now: datetime, *, seed: str) -> str:
    """Return a build id that sorts by as-of day, then by time of the run."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    mark = hashlib.sha256(f"{as_of}|{now.isoformat()}|{seed}".encode()).hexdigest()[:8]
    return f"{as_of.isoformat()}T{stamp}-{mark}"


def publish_build(
    request: PublishRequest, *, render_page: Callable[[Path], str] | None = None
) -> Manifest:
    """Publish the gated tables as one new build and make it the current one.

    A red theme's tables come unchanged from the previous build; a table with a `theme`
    column is put together row by row. Until the last step nobody sees anything.

    Raises:
        CoreHeldError: the core theme is red.
        StorageError: the disk refused; the previous build is still served.
    """
    if CORE in request.red_themes:
        message = "The core theme is red: nothing is published, the last build stays."
        raise CoreHeldError(message)
    unfinished = request.published / f"{request.build_id}{UNFINISHED}"
    try:
        unfinished.mkdir(parents=True)
        manifest = _write_build(request, unfinished, render_page)
        commit_build(request.published, unfinished, request.build_id)
        prune_builds(request.published, keep=request.keep)
    except (OSError, duckdb.IOException) as error:
        message = (
            f"Publishing {request.build_id} failed: {error}. The previous build is "
            "still served; free or repair the disk and run again."
        )
        refused = StorageError(message)
        refused.exit_code = EXIT_STORAGE_IO
        raise refused from error
    finally:
        if unfinished.is_dir():
            remove_build(unfinished)
    return manifest


def _write_build(
    request: PublishRequest,
    folder: Path,
    render_page: Callable[[Path], str] | None,
) -> Manifest:
    previous = current_build(request.published)
    themes = _theme_states(request, previous)
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        attach(con, request.warehouse, BUILD_FILE)
        old = _attach_previous(con, previous)
        told = write_build_themes(con, request.build_id, themes)
        tables = assign_files((*request.tables, told), request.audiences)
        facts = build_facts(themes, request.code_version, mart_rules=request.mart_rules)
        entries: dict[str, TableEntry] = {}
        for audience in audience_files(tables):
            writer = _AudienceWriter(con, request, tables, facts, folder, audience, old)
            entries.update(writer.write(known=entries))
    if request.quality is not None:
        content = json.dumps(request.quality, indent=2, sort_keys=True, default=str)
        (folder / "quality.json").write_text(content + "\n", encoding="utf-8")
    manifest = Manifest(
        build_id=request.build_id,
        company_name=request.company_name,
        as_of_date=request.as_of.isoformat(),
        published_at=request.now.astimezone(UTC).isoformat(),
        code_version=request.code_version,
        content_hash=hash_build({n: e.content_hash for n, e in entries.items()}),
        themes=themes,
        files=describe_files(folder),
        tables=entries,
        notes=request.notes,
    )
    write_manifest(folder, manifest)
    if render_page is not None:
        (folder / "index.html").write_text(render_page(folder), encoding="utf-8")
        manifest = replace(manifest, files=describe_files(folder))
        write_manifest(folder, manifest)
    return manifest


def _attach_previous(
    con: duckdb.DuckDBPyConnection, previous: Path | None
) -> tuple[str, ...]:
    """Attach the previous build's files as `old_<audience>`; return the audiences."""
    if previous is None:
        return ()
    audiences = tuple(sorted(path.stem for path in previous.glob("*.duckdb")))
    for audience in audiences:
        attach(con, previous / f"{audience}.duckdb", f"old_{audience}")
    return audiences


def _theme_states(
    request: PublishRequest, previous: Path | None
) -> dict[str, ThemeState]:
    before = read_manifest(previous).themes if previous else {}
    states: dict[str, ThemeState] = {}
    for theme in sorted({table.theme for table in request.tables}):
        if theme not in request.red_themes:
            states[theme] = ThemeState(
                FRESH, request.as_of.isoformat(), request.build_id
            )
        elif theme in before and before[theme].state != ABSENT:
            last = before[theme]
            states[theme] = ThemeState(HELD, last.as_of_date, last.build_id)
        else:
            states[theme] = ThemeState(ABSENT, None, None)
    return states


@dataclass(frozen=True)
class _AudienceWriter:
    """Writes one audience's database file and Parquet folder."""

    con: duckdb.DuckDBPyConnection
    request: PublishRequest
    tables: tuple[PublishedTable, ...]
    facts: str
    folder: Path
    audience: str
    old_audiences: tuple[str, ...]

    def write(self, *, known: Mapping[str, TableEntry]) -> dict[str, TableEntry]:
        """Write every table of the audience; describe those not described yet."""
        attach(
            self.con, self.folder / f"{self.audience}.duckdb", "served", writable=True
        )
        entries: dict[str, TableEntry] = {}
        for table in self.tables:
            if self.audience not in table.files or not self._create(table):
                continue
            self._export(table)
            if table.name not in known:
                entries[table.name] = self._describe(table)
        self.con.execute("checkpoint served")
        self.con.execute("detach served")
        return entries

    def _create(self, table: PublishedTable) -> bool:
        """Create the served table; False when its held theme has no last good one."""
        held = self.request.red_themes
        new = read_columns(self.con, table.database, table.schema, table.name)
        if not new:
            message = f"Published table {table.name} is not in {self.request.warehouse}"
            raise IngestError(message)
        home = f"old_{table.files[0]}"
        has_old = table.files[0] in self.old_audiences
        old = read_columns(self.con, home, "main", table.name) if has_old else ()
        new_from = f"{table.database}.{quote(table.schema)}.{quote(table.name)}"
        old_from = f"{quote(home)}.main.{quote(table.name)}"
        target = f"served.main.{quote(table.name)}"
        if table.theme in held:
            if not old:
                return False
            columns, comment_home = old, home
            query = f"select * from {old_from}"
        else:
            refuse_inexact(table.name, new)
            columns, comment_home = new, table.database
            served = ", ".join(f"{c.expression} as {c.quoted}" for c in new)
            if table.name == BUILD_INFO:
                served += self.facts
            query = f"select {served} from {new_from}"
            is_mixed = any(column.name == "theme" for column in new)
            if held and is_mixed and table.database == BUILD_FILE:
                query = compose_rows(
                    new=new, new_from=new_from, old=old, old_from=old_from, held=held
                )
        self.con.execute(f"create table {target} as {query}")
        comment = read_table_comment(self.con, comment_home, table.name)
        comment_on(self.con, target, table, comment=comment, columns=columns)
        return True

    def _export(self, table: PublishedTable) -> None:
        """Write the table's Parquet, or share the file its home audience wrote."""
        path = self.folder / "parquet" / self.audience / f"{table.name}.parquet"
        home = self.folder / "parquet" / table.files[0] / f"{table.name}.parquet"
        if home.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(home, path)
            except OSError:
                shutil.copyfile(home, path)
            return
        comment = read_table_comment(self.con, "served", table.name)
        source = f"served.main.{quote(table.name)}"
        export_parquet(self.con, source, path, description=comment)

    def _describe(self, table: PublishedTable) -> TableEntry:
        source = f"served.main.{quote(table.name)}"
        columns = read_columns(self.con, "served", "main", table.name)
        row_count, content_hash = hash_table(self.con, source, columns)
        totals = sum_money(self.con, source, columns) if table.is_open else ()
        return TableEntry(
            theme=table.theme,
            audiences=table.files,
            row_count=row_count,
            content_hash=content_hash,
            totals=totals,
        )
