"""Who last changed the models an area's figures are made by, as git knows it.

Belongs here: asking git. Stays out: what is made of the answer (a build keeps it, a close
records whether the closer is the author). Unknown is an answer: an installed package has no
git, changes that are not committed have no author yet, and where a clone's history is cut off
its oldest commit holds the work of everybody before it.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from orchestration.periods import AREAS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHARED: Final = (
    "models/staging",
    "models/marts/core",
    "models/reports",
    "macros",
    "seeds",
)
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "finance": (
        "models/marts/finance", "models/marts/revenue",
        "models/intermediate/billing", "models/intermediate/finance",
    ),
    "sales": (
        "models/marts/sales", "models/intermediate/sales", "models/intermediate/crm",
        "models/intermediate/people",
    ),
    "marketing": ("models/marts/marketing", "models/intermediate/marketing"),
}  # fmt: skip
_FIELDS: Final = ("author", "email", "commit", "at")
_FORMAT: Final = "%an%x00%ae%x00%H%x00%cI%x00%P"
_SECONDS: Final = 10


def model_changes(project: Path) -> dict[str, dict[str, str]]:
    """Return per area the last committed change of its models; {} values = not known."""
    return {area: _last_change(project, (*_SHARED, *_OWN[area])) for area in AREAS}


def _last_change(project: Path, paths: tuple[str, ...]) -> dict[str, str]:
    pending = _ask_git(project, "status", "--porcelain", "--", *paths)
    if pending is None or pending.strip():
        return {}
    said = _ask_git(project, "log", "-1", f"--format={_FORMAT}", "--", *paths)
    *known, parents = (said or "").strip().split("\0")
    if len(known) != len(_FIELDS) or (not parents and _is_cut_off(project)):
        return {}
    return dict(zip(_FIELDS, known, strict=True))


def _is_cut_off(project: Path) -> bool:
    """Return whether the clone has no whole history: its oldest commits seem to have no parents."""
    said = _ask_git(project, "rev-parse", "--is-shallow-repository")
    return (said or "").strip() != "false"


def _ask_git(project: Path, *words: str) -> str | None:
    """Return what git says; None where there is no git or no checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - git of the user, words of this module
            [git, "-C", str(project), *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
