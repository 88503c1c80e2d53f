"""The `warehouse` command.

Belongs here: the application, its groups of verbs, exit codes and the last line. Stays out:
all work. Heavy packages are imported by the verb that needs them, so `warehouse kpi` answers
without loading an orchestrator.
"""

from __future__ import annotations

import sys

import typer

from ingest.errors import EXIT_STORAGE_IO, EXIT_STORAGE_WRITE, IngestError
from ingest.storage import Trouble, trouble_of
from orchestration.cli import (
    connect,
    decisions,
    explain,
    files,
    init,
    look,
    nights,
    periods,
    reconcile,
    setup,
    state,
    upkeep,
)
from orchestration.settings import arm_faults
from orchestration.stopping import end_when_asked, leave_in_peace

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="KPI warehouse: from CRM, ads and billing to published KPI marts.",
    epilog="First time: `warehouse nightly`, then `warehouse kpi mrr`.",
)
for module in (
    init,
    files,
    nights,
    state,
    look,
    explain,
    reconcile,
    decisions,
    periods,
    upkeep,
    connect,
    setup,
):
    module.register(app)


def main() -> None:
    """Run the command and leave with its exit code; errors end in one line."""
    end_when_asked()
    try:
        arm_faults()
        app()
    except IngestError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        # Nights explain themselves (`orchestration.room`); this is for every other verb.
        sys.stderr.write(
            f"The disk is full or refuses: {error}. Repair it and run again.\n"
        )
        sys.exit(EXIT_STORAGE_IO if trouble is Trouble.FULL else EXIT_STORAGE_WRITE)
    finally:
        leave_in_peace()
