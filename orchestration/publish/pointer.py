"""Which build people read: committing, recovering, listing and pruning builds.

Belongs here: everything about `published/` as a folder. Stays out: what is in a build.

The symlink `published/current` is the commit point: replacing it is one rename, and whoever
opens files through it gets one build. `current.json` says the same to clients that cannot
follow a link; it is written after the link, derived from it, and repaired from it at the next
start. Builds are never edited, so a build is either whole or not the current one.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Final

from ingest.faults import fault
from orchestration.publish.manifest import (
    Manifest,
    find_damage,
    read_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path

CURRENT: Final = "current"
CURRENT_JSON: Final = "current.json"
UNFINISHED: Final = ".tmp"


def current_build(published: Path) -> Path | None:
    """Return the folder of the build people read now, or None before the first one."""
    link = published / CURRENT
    if not link.is_symlink():
        return None
    target = published / link.readlink().name
    return target if target.is_dir() else None


def list_builds(published: Path) -> list[tuple[Path, Manifest]]:
    """Return finished builds, newest publication first; unreadable ones are left out."""
    builds: list[tuple[Path, Manifest]] = []
    for path in published.iterdir() if published.is_dir() else ():
        if path.is_symlink() or not path.is_dir() or path.name.endswith(UNFINISHED):
            continue
        try:
            builds.append((path, read_manifest(path)))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(builds, key=lambda build: build[1].published_at, reverse=True)


def commit_build(published: Path, unfinished: Path, build_id: str) -> Path:
    """Make a finished build durable under its name, then the one people read."""
    for path in unfinished.rglob("*"):
        if path.is_file():
            _sync(path)
            path.chmod(0o444)
            fault("publish.file_synced")
    for folder in (*(p for p in unfinished.rglob("*") if p.is_dir()), unfinished):
        _sync(folder)
    fault("publish.folders_synced")
    final = published / build_id
    unfinished.rename(final)
    fault("publish.renamed")
    for folder in (*(p for p in final.rglob("*") if p.is_dir()), final):
        folder.chmod(0o555)
    _sync(published)
    fault("publish.rename_synced")
    switch_current(published, build_id)
    return final


def switch_current(published: Path, build_id: str) -> None:
    """Point readers to a build: the link first (the commit), then `current.json`."""
    aside = published / f".{CURRENT}.new"
    aside.unlink(missing_ok=True)
    aside.symlink_to(build_id, target_is_directory=True)
    fault("publish.link_made")
    aside.replace(published / CURRENT)
    fault("publish.switched")
    _sync(published)
    fault("publish.switch_synced")
    _write_current_json(published, build_id)


def recover(published: Path) -> str | None:
    """Remove what a killed publish left, and make pointer and file agree.

    Returns:
        What had to be said about it (damage found, which build is served instead), or None.
    """
    if not published.is_dir():
        return None
    for path in published.iterdir():
        if path.name.endswith(UNFINISHED) and path.is_dir() and not path.is_symlink():
            remove_build(path)
    link = published / CURRENT
    if not link.is_symlink():
        return None
    name = link.readlink().name
    damage = find_damage(published / name)
    if damage is None:
        _write_current_json(published, name)
        return None
    for path, manifest in list_builds(published):
        if path.name != name and find_damage(path) is None:
            switch_current(published, path.name)
            return (
                f"Build {name} is damaged ({damage}); "
                f"{path.name} as of {manifest.as_of_date} is served again."
            )
    link.unlink()
    (published / CURRENT_JSON).unlink(missing_ok=True)
    return f"Build {name} is damaged ({damage}) and no other is whole; none is served."


def surplus_builds(published: Path, *, keep: int) -> list[Path]:
    """Return all but the newest `keep` builds; never the one people read, nor the one before.

    Who began to read the build before goes on reading it table by table. It need not be among
    the newest: nights killed between naming a build and switching to it leave builds that
    nobody ever read.
    """
    builds = list_builds(published)
    current = current_build(published)
    before = {manifest.replaces for path, manifest in builds if path == current}
    older = builds[max(keep, 1) :]
    return [p for p, _manifest in older if p != current and p.name not in before]


def prune_builds(published: Path, *, keep: int) -> list[str]:
    """Remove the surplus builds."""
    surplus = surplus_builds(published, keep=keep)
    for path in surplus:
        remove_build(path)
    return [path.name for path in surplus]


def remove_build(path: Path) -> None:
    """Delete a read-only build folder; under a name nobody reads, in case of a kill."""
    path.chmod(0o755)
    if not path.name.endswith(UNFINISHED):
        path = path.rename(path.with_name(f"{path.name}{UNFINISHED}"))
        fault("publish.build_put_aside")
    for folder in (p for p in path.rglob("*") if p.is_dir()):
        folder.chmod(0o755)
    shutil.rmtree(path)


def _write_current_json(published: Path, build_id: str) -> None:
    manifest = read_manifest(published / build_id)
    content = json.dumps(
        {
            "build_id": build_id,
            "as_of_date": manifest.as_of_date,
            "published_at": manifest.published_at,
            "content_hash": manifest.content_hash,
        },
        indent=2,
    )
    path = published / CURRENT_JSON
    if path.is_file() and path.read_text("utf-8") == content:
        return
    aside = published / f".{CURRENT_JSON}.new"
    aside.write_text(content, encoding="utf-8")
    _sync(aside)
    fault("publish.told_aside")
    aside.replace(path)
    fault("publish.told")
    _sync(published)


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
