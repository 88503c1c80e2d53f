"""One publication: from the gated build file to the build people read.

Belongs here: the order of the steps and which theme's tables come from where. Stays out: the
steps themselves (`copying`, `hashing`, `manifest`, `pointer`) and the gates' reasoning.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import duckdb

from ingest.errors import EXIT_STORAGE_IO, IngestError, StorageError
from ingest.faults import fault
from ingest.storage import trouble_of
from orchestration.lock import hold_lock
from orchestration.publish.audience import OLD_PREFIX, AudienceWriter
from orchestration.publish.copying import attach, read_catalog
from orchestration.publish.facts import build_facts, write_build_themes
from orchestration.publish.hashing import hash_build
from orchestration.publish.manifest import (
    ABSENT,
    FRESH,
    HELD,
    Manifest,
    TableEntry,
    ThemeState,
    describe_file,
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
from orchestration.publish.records import write_kpi_records
from orchestration.publish.tables import (
    BUILD_FILE,
    CORE,
    OPEN_FILE,
    PublishedTable,
    assign_files,
    audience_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


Render: TypeAlias = "Callable[[Path], Mapping[str, bytes]]"
"""What makes the files people open out of a build's folder: file name to content."""

COMMON_FILE: Final = "common.duckdb.unfinished"
"""What every audience's file begins as; gone before the build is described."""

PUBLISH_LOCK: Final = ".lock"
"""The run lock keeps nights apart; this one also keeps apart whoever publishes without it."""


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
    records: Mapping[str, str] = field(default_factory=dict)
    """What the build left to explain its figures, by model; empty = nothing is told."""
    records_since: date | None = None


def build_id_for(as_of: date, now: datetime, *, seed: str) -> str:
    """Return a build id that sorts by as-of day, then by time of the run."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    mark = hashlib.sha256(f"{as_of}|{now.isoformat()}|{seed}".encode()).hexdigest()[:8]
    return f"{as_of.isoformat()}T{stamp}-{mark}"


def publish_build(request: PublishRequest, *, render: Render | None = None) -> Manifest:
    """Publish the gated tables as one new build and make it the current one.

    A red theme's tables come unchanged from the previous build; a table with a `theme`
    column is put together row by row. `render` makes the files people open. Until the last
    step nobody sees anything.

    Raises:
        BusyError: another publication is at work; this one would go back behind it.
        CoreHeldError: the core theme is red.
        StorageError: the disk refused; the last build is still served.
    """
    if CORE in request.red_themes:
        message = "The core theme is red: nothing is published, the last build stays."
        raise CoreHeldError(message)
    with hold_lock(
        request.published / PUBLISH_LOCK,
        step=f"publishing {request.build_id}",
        now=request.now,
    ):
        return _publish_alone(request, render)


def _publish_alone(request: PublishRequest, render: Render | None) -> Manifest:
    """Publish under the lock: what is current when it begins is what it replaces."""
    unfinished = request.published / f"{request.build_id}{UNFINISHED}"
    try:
        unfinished.mkdir(parents=True)
        fault("publish.began")
        manifest = _write_build(request, unfinished, render)
        commit_build(request.published, unfinished, request.build_id)
        prune_builds(request.published, keep=request.keep)
        fault("publish.pruned")
    except (OSError, duckdb.Error) as error:
        # The engine tells of a full disk in whatever failed: a commit, a checkpoint.
        is_of_disk = isinstance(error, OSError | duckdb.IOException)
        if not is_of_disk and trouble_of(error) is None:
            raise
        served = current_build(request.published)
        which = "It" if served and served.name == request.build_id else "The last build"
        message = (
            f"Publishing {request.build_id} failed: {error}. {which} is served; free or "
            "repair the disk and run again."
        )
        refused = StorageError(message)
        refused.exit_code = EXIT_STORAGE_IO
        raise refused from error
    finally:
        # An interrupted query may still be closing files there: what cannot be removed the next
        # run clears away, and the error that ended this one is not hidden.
        with suppress(OSError):
            if unfinished.is_dir():
                remove_build(unfinished)
    return manifest


def _write_build(
    request: PublishRequest,
    folder: Path,
    render: Render | None,
) -> Manifest:
    previous = current_build(request.published)
    themes = _theme_states(request, previous)
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        attach(con, request.warehouse, BUILD_FILE)
        old = _attach_previous(con, previous)
        told = [write_build_themes(con, request.build_id, themes)]
        if request.records:
            since = request.records_since or request.as_of
            told.append(
                write_kpi_records(con, request.warehouse, request.records, since=since)
            )
        sources = read_catalog(con, (BUILD_FILE, told[0].database, *old))
        tables = assign_files((*request.tables, *told), request.audiences)
        facts = build_facts(
            themes,
            request.code_version,
            mart_rules=request.mart_rules,
            notes=request.notes,
        )
        entries: dict[str, TableEntry] = {}
        writer = AudienceWriter(
            con=con,
            sources=sources,
            held=request.red_themes,
            build_id=request.build_id,
            facts=facts,
            folder=folder,
            audience=OPEN_FILE,
            previous=previous,
        )
        common = folder / COMMON_FILE
        audiences = audience_files(tables)
        writer.write_common(
            [t for t in tables if set(audiences) <= set(t.files)], common
        )
        for audience in audiences:
            writer = replace(writer, audience=audience, common=common)
            entries.update(writer.write(tables, known=entries))
        common.unlink()
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
        replaces=previous.name if previous else None,
    )
    fault("publish.hashed")
    write_manifest(folder, manifest)
    fault("publish.manifest_written")
    if render is not None:
        pages = {}
        for name, content in render(folder).items():
            (folder / name).write_bytes(content)
            pages[name] = describe_file(folder / name)
        manifest = replace(manifest, files={**manifest.files, **pages})
        fault("publish.page_written")
        write_manifest(folder, manifest)
    return manifest


def _attach_previous(
    con: duckdb.DuckDBPyConnection, previous: Path | None
) -> tuple[str, ...]:
    """Attach the previous build's files; return the names they are attached under."""
    if previous is None:
        return ()
    audiences = sorted(path.stem for path in previous.glob("*.duckdb"))
    for audience in audiences:
        attach(con, previous / f"{audience}.duckdb", f"{OLD_PREFIX}{audience}")
    return tuple(f"{OLD_PREFIX}{audience}" for audience in audiences)


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
