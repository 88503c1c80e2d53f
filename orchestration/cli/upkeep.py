"""`warehouse prune` and `warehouse diff`: keeping a warehouse small, and changing it safely.

Belongs here: the verbs and their output. Stays out: what is kept (`orchestration.prune`), how
figures are compared (`orchestration.diff`).
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from orchestration.cli.options import Config, Json, Root, now, print_json
from orchestration.lock import hold_run_lock
from orchestration.prune import describe_freed
from orchestration.prune import prune as cut
from orchestration.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(epilog="Example: warehouse prune --dry-run")(prune)


def prune(
    config: Config = None,
    root: Root = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what nights leave behind beyond its bound. Every night does this at its end.

    Never removed: raw data, the archive, the ledger, acknowledgements, closed periods and the
    build readers see.
    """
    settings = load_settings(root=root, config_path=config, require_secrets=False)
    home, keep = settings.home, settings.config.publish.keep
    if dry_run:
        found = cut(home, keep_builds=keep, dry_run=True)
    else:
        with hold_run_lock(home.root, step="prune", now=now()):
            found = cut(home, keep_builds=keep)
    if as_json:
        print_json([asdict(freed) for freed in found])
    else:
        sys.stdout.write(f"{describe_freed(found, dry_run=dry_run)}\n")
