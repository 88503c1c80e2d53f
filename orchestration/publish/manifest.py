"""The manifest of a build: what it holds, as of when, and how to prove it is unbroken.

Belongs here: the manifest's shape, writing, reading and verifying it. Stays out: taking the
sums (`hashing`) and swapping builds (`pointer`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestration.publish.hashing import MoneyTotal, hash_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1

FRESH: Final = "fresh"
HELD: Final = "held"
ABSENT: Final = "absent"


@dataclass(frozen=True)
class ThemeState:
    """What a theme's tables show: `fresh`, `held` (as of an earlier day) or `absent`."""

    state: str
    as_of_date: str | None
    build_id: str | None


@dataclass(frozen=True)
class FileEntry:
    """One file of the build."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class TableEntry:
    """One published table; restricted tables show no totals here, everybody reads this."""

    theme: str
    audiences: tuple[str, ...]
    row_count: int
    content_hash: str
    totals: tuple[MoneyTotal, ...]


@dataclass(frozen=True)
class Manifest:
    """Everything a reader needs to trust a build without opening the tables."""

    build_id: str
    company_name: str
    as_of_date: str
    published_at: str
    code_version: str
    content_hash: str
    themes: Mapping[str, ThemeState]
    files: Mapping[str, FileEntry]
    tables: Mapping[str, TableEntry]
    notes: tuple[str, ...] = ()
    format: int = FORMAT
    replaces: str | None = None
    """The build people read until this one; None = there was none, or it is not known."""


def write_manifest(build_dir: Path, manifest: Manifest) -> None:
    """Write `manifest.json` into a build that is not yet visible."""
    content = json.dumps(asdict(manifest), indent=2, sort_keys=True)
    (build_dir / MANIFEST).write_text(content + "\n", encoding="utf-8")


def read_manifest(build_dir: Path) -> Manifest:
    """Return the manifest of a build.

    Raises:
        OSError, ValueError, KeyError, TypeError: there is none, or it is not one.
    """
    raw: dict[str, Any] = json.loads((build_dir / MANIFEST).read_text("utf-8"))
    return Manifest(
        build_id=raw["build_id"],
        company_name=raw["company_name"],
        as_of_date=raw["as_of_date"],
        published_at=raw["published_at"],
        code_version=raw["code_version"],
        content_hash=raw["content_hash"],
        themes={name: ThemeState(**state) for name, state in raw["themes"].items()},
        files={name: FileEntry(**entry) for name, entry in raw["files"].items()},
        tables={name: _read_table(entry) for name, entry in raw["tables"].items()},
        notes=tuple(raw["notes"]),
        format=raw["format"],
        replaces=raw.get("replaces"),
    )


def _read_table(raw: Mapping[str, Any]) -> TableEntry:
    totals = tuple(MoneyTotal(**total) for total in raw["totals"])
    return TableEntry(**{**raw, "audiences": tuple(raw["audiences"]), "totals": totals})


def describe_file(path: Path) -> FileEntry:
    """Return hash and size of one file."""
    return FileEntry(hash_file(path), path.stat().st_size)


def describe_files(build_dir: Path) -> dict[str, FileEntry]:
    """Return every file of the build but the manifest, by path inside the build."""
    found = sorted(path for path in build_dir.rglob("*") if path.is_file())
    return {
        path.relative_to(build_dir).as_posix(): describe_file(path)
        for path in found
        if path.name != MANIFEST
    }


def find_damage(build_dir: Path) -> str | None:
    """Return what is wrong with a build, or None when every byte is as published."""
    try:
        manifest = read_manifest(build_dir)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"manifest unreadable ({type(error).__name__})"
    for name, entry in manifest.files.items():
        path = build_dir / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != entry.size_bytes or hash_file(path) != entry.sha256:
            return f"{name} differs from its manifest"
    return None
