"""What would be published: other models or policies built from the same raw, beside the rest.

Belongs here: the models of a git ref, building the figures into a folder of their own, and
finding what a published build was made of. Stays out: comparing (`orchestration.diff`).
Nothing is published, the build file is not opened, and no lock is taken: promoted batches
never change, and whether any came meanwhile is checked at the end.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest import landing, ledger
from ingest.errors import EXIT_BUSY, ConfigError, IngestError
from orchestration.dbt_setup import dbt_environment, dbt_vars
from orchestration.diff import FIGURES, BuiltFrom, Side
from orchestration.periods.authors import model_changes
from orchestration.periods.chain import HEAD, head_of, read_chain
from orchestration.prune import DIFF_PREFIX
from orchestration.publish import current_build, list_builds, read_manifest
from orchestration.settings import Home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestration.settings import Settings

BUILT_FROM: Final = "built_from"
"""Key of a build's quality report under which it says what it was made of."""

THEMES: Final = "themes"
"""Key under which that says it of each theme; one that is held was made of something older."""

WORKING_TREE: Final = "working tree"

_LAST_LINES: Final = 15
_SHAPING: Final = ("models", "macros", "seeds")


class RehearsalError(IngestError):
    """The models do not build; dbt's last lines are quoted."""


class ChangedMeanwhileError(IngestError):
    """A night promoted batches while figures were built beside it."""

    exit_code = EXIT_BUSY


def built_from(settings: Settings) -> dict[str, Any]:
    """Return what a build is made of now, to be kept with it."""
    variables = dbt_vars(settings.config, raw=settings.home.raw_from_root)
    return {
        "models": project_fingerprint(settings.dbt_project_dir),
        "ledger_lines": len(ledger.read(settings.home.root)),
        "policies": variables["policies"],
        HEAD: head_of(read_chain(settings.home.root)),
        "model_changes": model_changes(settings.dbt_project_dir),
    }


def published_side(settings: Settings, build: str = "") -> Side:
    """Return a published build as one side; '' = the one readers see.

    Raises:
        ConfigError: there is no such build, or nothing is published.
    """
    published = settings.home.published
    folder = published / build if build else current_build(published)
    if folder is None:
        message = (
            f"Nothing is published in {settings.home.root}; run `warehouse nightly`."
        )
        raise ConfigError(message)
    as_of = read_manifest(folder).as_of_date
    known = _read_built_from(folder / "quality.json")
    return Side(
        folder.name,
        folder / "bi.duckdb",
        BuiltFrom(
            as_of=as_of,
            models=_read_of(known, "models", ""),
            ledger_lines=known.get("ledger_lines"),
            policies=_read_of(known, "policies", {}),
        ),
    )


def _read_of(made_of: Mapping[str, Any], what: str, unknown: Any) -> Any:  # noqa: ANN401 - JSON
    """Return of what the figures are that are read: a held theme's is not the build's."""
    now = made_of.get(what, unknown)
    themes = made_of.get(THEMES, {}).values()
    return next((t[what] for t in themes if t.get(what, now) != now), now)


def is_build(settings: Settings, name: str) -> bool:
    """Return whether a word names a published build."""
    return name in {path.name for path, _ in list_builds(settings.home.published)}


@contextmanager
def rehearsed_side(
    settings: Settings, ref: str = "", *, as_of: date | None = None
) -> Iterator[Side]:
    """Build the figures of a git ref's models, or of the working tree's, and clean up after.

    As of a day, None = the one readers see, with the policies of the configuration given.

    Raises:
        ConfigError: nothing is published yet, or no such ref.
        RehearsalError: the models do not build.
        ChangedMeanwhileError: a night ran beside it.
    """
    day = as_of or date.fromisoformat(published_side(settings).built_from.as_of)
    folder = settings.home.root / f"{DIFF_PREFIX}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        project = settings.dbt_project_dir
        if ref:
            project = extract_models(project, ref, folder / "ref")
        # Models may read an entity that no night has known yet.
        landing.ensure_empty_batches(settings.home.root)
        before = ledger.read(settings.home.root)
        path = build_figures(settings, folder, project, day)
        if ledger.read(settings.home.root) != before:
            message = (
                "a night promoted batches while the figures were built beside it; run "
                "the same again"
            )
            raise ChangedMeanwhileError(message)
        variables = dbt_vars(settings.config, raw=settings.home.raw_from_root)
        yield Side(
            ref or WORKING_TREE,
            path,
            BuiltFrom(
                as_of=day.isoformat(),
                models=project_fingerprint(project),
                ledger_lines=len(before),
                policies=variables["policies"],
            ),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_figures(settings: Settings, folder: Path, project: Path, as_of: date) -> Path:
    """Build a project's figures from raw into a file of its own; return the file.

    Tests are left out: what they would find, a night's gate finds before it publishes.

    Raises:
        RehearsalError: the models do not build.
    """
    aside = Home(folder)
    variables = dbt_vars(
        settings.config, raw=settings.home.raw, night=(as_of, "rehearsal")
    )
    done = subprocess.run(  # noqa: S603 - our own dbt with our own arguments
        [
            str(Path(sys.executable).with_name("dbt")),
            *("--quiet", "build", "--select", f"+{FIGURES}"),
            *("--resource-type", "model", "--resource-type", "seed"),
            *("--vars", json.dumps(variables)),
        ],
        cwd=folder,
        env={
            **dbt_environment(replace(settings, home=aside)),
            "DBT_PROFILES_DIR": str(project),
            "DBT_PROJECT_DIR": str(project),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:]
        raise RehearsalError("The models do not build:\n" + "\n".join(said))
    return aside.warehouse


def extract_models(project: Path, ref: str, into: Path) -> Path:
    """Write a project's files as a git ref has them; return the folder they lie in.

    Raises:
        ConfigError: the project is no git checkout, or has no such ref.
    """
    git = shutil.which("git")
    if git is None or not _is_checkout(project):
        message = f"{ref!r} is no published build, and {project} is no git checkout"
        raise ConfigError(message)
    # After --end-of-options a ref can never be taken for an option.
    done = subprocess.run(  # noqa: S603 - git of the user, the ref as one word
        [
            git,
            "-C",
            str(project),
            "archive",
            "--format=tar",
            "--end-of-options",
            ref,
            ".",
        ],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        message = f"git has no {ref!r}: {said[-1] if said else 'no reason given'}"
        raise ConfigError(message)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(into, filter="data")
    return into


def project_fingerprint(project: Path) -> str:
    """Return a hash over what shapes a project's figures: models, macros, seeds."""
    digest = hashlib.sha256()
    for folder in _SHAPING:
        for path in sorted((project / folder).rglob("*")):
            if path.suffix in {".sql", ".yml", ".csv"}:
                digest.update(path.relative_to(project).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_checkout(project: Path) -> bool:
    return any((folder / ".git").exists() for folder in (project, *project.parents))


def _read_built_from(path: Path) -> Mapping[str, Any]:
    """Return what a build says it was made of; nothing of a build before it did."""
    try:
        return json.loads(path.read_text("utf-8")).get(BUILT_FROM, {})
    except (OSError, ValueError):
        return {}
