"""`warehouse acknowledge` and `warehouse rollback`: what a person decides.

Belongs here: the verbs that change what the next night accepts or what readers see. Stays out:
how (`orchestration.acknowledgements`, `orchestration.publish`).
"""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from ingest.config_yaml import nearest
from ingest.errors import ConfigError, StorageError
from orchestration.acknowledgements import Acknowledgement, reported_findings
from orchestration.acknowledgements import acknowledge as keep
from orchestration.cli.options import Root, now, say
from orchestration.lock import hold_run_lock
from orchestration.publish import list_builds, switch_current
from orchestration.publish.manifest import find_damage
from orchestration.settings import Home, find_root


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(
        epilog="Example: warehouse acknowledge drop-stripe_sg-refunds-2026-11-01-0a1b2c3d"
        ' --reason "refunds were migrated to the other account"'
    )(acknowledge)
    app.command(
        epilog="Example: warehouse rollback 2026-10-30T20261031T190012Z-1a2b3c4d"
    )(rollback)


def acknowledge(
    finding: Annotated[str, typer.Argument(help="Id the finding was reported with.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is right.")],
    by: Annotated[str, typer.Option("--by", help="Who says so; default: you.")] = "",
    root: Root = None,
) -> None:
    """Accept a finding (a list that shrank, a volume that dropped) for the next night."""
    if not reason.strip():
        message = "--reason must say why the finding is right"
        raise ConfigError(message)
    home = Home(find_root(root))
    who = by or getpass.getuser()
    accepted = Acknowledgement(
        finding, reason, who, now().isoformat(timespec="seconds")
    )
    keep(home.root, accepted)
    sys.stdout.write(f"{finding} accepted by {who}. Next: warehouse nightly\n")
    reported = reported_findings(home.nights)
    if finding not in reported:
        # A dry run of files may have named it, so it is kept; a slip of the hand is likelier.
        say(
            f"no night in {home.root} has reported {finding}"
            f"{nearest(finding, reported)}; if none does, this changes nothing"
        )


def rollback(
    build: Annotated[str, typer.Argument(help="A build of `warehouse status --json`.")],
    root: Root = None,
) -> None:
    """Show readers an earlier build again, until the next night that passes its gates.

    Nothing is pinned: that night publishes what it built, and a theme it has to hold is
    carried over from the build readers see then. Stop the schedule to stay longer.
    """
    home = Home(find_root(root))
    with hold_run_lock(home.root, step=f"rollback to {build}", now=now()):
        known = {path.name: manifest for path, manifest in list_builds(home.published)}
        if build not in known:
            hint = nearest(build, known)
            message = f"no build {build!r}{hint}; kept: {', '.join(known) or 'none'}"
            raise ConfigError(message)
        damage = find_damage(home.published / build)
        if damage is not None:
            message = f"build {build} is damaged ({damage}); choose another"
            raise StorageError(message)
        switch_current(home.published, build)
    sys.stdout.write(
        f"Readers see {build}, as of {known[build].as_of_date}, until the next night that "
        "passes its gates.\n"
    )
