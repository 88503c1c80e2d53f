"""`warehouse connect`: how a BI tool reads what is published.

Belongs here: the verb. Stays out: the snippets (`orchestration.connections`).
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ingest.config_yaml import nearest
from ingest.errors import ConfigError
from orchestration.cli.options import Root, say
from orchestration.connections import SNIPPETS, fill_in
from orchestration.publish import current_build
from orchestration.settings import Home, find_root


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(
        epilog="Examples: warehouse connect · warehouse connect powerquery > Warehouse.pq · "
        "warehouse connect duckdb --audience finance"
    )(connect)


def connect(
    tool: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(SNIPPETS)}.")
    ] = None,
    audience: Annotated[
        str,
        typer.Option("--audience", help="Whose file: bi (everybody's) or an audience."),
    ] = "bi",
    root: Root = None,
) -> None:
    """Show a snippet that reads the published build from a BI tool, path filled in."""
    if tool is None:
        lines = [f"  {name:<11} {snippet.about}" for name, snippet in SNIPPETS.items()]
        sys.stdout.write("\n".join(["warehouse connect TOOL", *lines]) + "\n")
        return
    if tool not in SNIPPETS:
        message = f"no snippet for {tool!r}{nearest(tool, SNIPPETS)}"
        raise ConfigError(message)
    published = Home(find_root(root)).published
    build = current_build(published)
    if build is None:
        say(f"nothing is published in {published} yet; the path will be right")
    elif not (build / f"{audience}.duckdb").is_file():
        audiences = [path.stem for path in build.glob("*.duckdb")]
        message = f"no file for audience {audience!r}{nearest(audience, audiences)}"
        raise ConfigError(message)
    sys.stdout.write(fill_in(tool, published, audience=audience))
