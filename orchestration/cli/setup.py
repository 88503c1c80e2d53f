"""`warehouse doctor`, `ui` and `sandbox`: checking a setup and looking in.

Belongs here: the verbs. Stays out: the first configuration (`cli.init`), checking one
(`ingest.config`), serving.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.errors import EXIT_OK, RetryableError
from ingest.sources import streams_of
from orchestration.cli.options import Config, Json, Root, now, print_json, say
from orchestration.cli.words import describe_source_check
from orchestration.processes import ended
from orchestration.settings import (
    ENV_CONFIG,
    ENV_ROOT,
    ENV_SANDBOX_URL,
    Settings,
    child_environment,
    load_settings,
    ui_environment,
)

if TYPE_CHECKING:
    from orchestration.doctor_live import SourceCheck

sandbox_app = typer.Typer(
    no_args_is_help=True, help="The simulated company behind the default configuration."
)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(
        epilog="Examples: warehouse doctor --config warehouse.yml · warehouse doctor --live"
    )(doctor)
    app.command(epilog="Example: warehouse ui --port 3000")(ui)
    app.add_typer(sandbox_app, name="sandbox")


def doctor(
    config: Config = None,
    root: Root = None,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Ask every source, too; nothing is landed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the configuration without running it; with --live also every source.

    Live: whether each secret is valid, which permission is missing, a few rows without
    personal data, how long the first load may take. Leaves with 77 (credentials,
    permissions), 69 (no answer) or 78 (configuration).
    """
    settings = load_settings(root=root, config_path=config)
    if live:
        _ask_sources(settings, as_json=as_json)
        return
    company, sources = settings.config.company, settings.config.sources
    listed = {source.name: [s.entity for s in streams_of(source)] for source in sources}
    if as_json:
        print_json(
            {
                "config": settings.config.path,
                "company": company.name,
                "timezone": company.timezone,
                "sources": listed,
                "entities": settings.config.configured_entities(),
            }
        )
        return
    out = [
        f"{settings.config.path}: valid",
        (
            f"  {company.name}, {company.reporting_currency}, {company.timezone}; "
            f"presented in {', '.join(company.presentation_currencies)}"
        ),
    ]
    for source in sources:
        mark = " (optional)" if source.optional else ""
        entities = ", ".join(dict.fromkeys(listed[source.name]))
        out.append(f"  {source.name} · {source.kind}{mark}: {entities}")
    out.append(f"  entities fed: {', '.join(settings.config.configured_entities())}")
    has_files = any(source.kind == "files" for source in sources)
    out.append(f"Next: warehouse {'files check' if has_files else 'nightly'}")
    sys.stdout.write("\n".join(out) + "\n")


def _ask_sources(settings: Settings, *, as_json: bool) -> None:
    """Show what every source answers, and leave with the code of the worst refusal."""
    # Connectors and readers of files are heavy; the other verbs do not wait for them.
    from orchestration.doctor_live import check_sources, worst_code  # noqa: PLC0415 - only this verb pays

    results: list[SourceCheck] = []
    with ExitStack() as stack:
        if settings.config.uses_sandbox and not settings.sandbox_url:
            settings = _with_sandbox(settings, stack)
        for result in check_sources(settings.config.sources, now=now()):
            results.append(result)
            if not as_json:
                sys.stdout.write("\n".join(describe_source_check(result)) + "\n\n")
                sys.stdout.flush()
    code = worst_code(result.exit_code for result in results)
    if as_json:
        print_json(
            {
                "exit_code": code,
                "sources": [
                    {
                        **asdict(result),
                        "first_load_rows": result.rows,
                        "first_load_seconds": round(result.seconds),
                    }
                    for result in results
                ],
            }
        )
    elif code == EXIT_OK:
        sys.stdout.write("Every source answers. Next: warehouse nightly\n")
    raise typer.Exit(code)


def _with_sandbox(settings: Settings, stack: ExitStack) -> Settings:
    """Serve the sandbox company for the length of the stack and point its sources there."""
    from orchestration.sandbox import serve_sandbox  # noqa: PLC0415 - only here

    say("sandbox company: starting")
    served = stack.enter_context(serve_sandbox(settings.home.sandbox, now=now()))
    served.set_clock(now())
    return load_settings(
        root=settings.home.root,
        config_path=settings.config.path,
        sandbox_url=served.url,
    )


def ui(
    config: Config = None,
    root: Root = None,
    port: Annotated[int, typer.Option("--port", help="Loopback port.")] = 3000,
) -> None:
    """Open Dagster on loopback: asset graph, lineage and history of every night."""
    from orchestration.instance import prepare_instance  # noqa: PLC0415 - loads Dagster
    from orchestration.sandbox import serve_sandbox  # noqa: PLC0415 - only here

    settings = load_settings(root=root, config_path=config)
    _check_port(port)
    prepare_instance(settings.home.dagster)
    extra = {
        ENV_ROOT: str(settings.home.root),
        ENV_CONFIG: str(settings.config.path),
        "DAGSTER_HOME": str(settings.home.dagster),
    }
    with ExitStack() as stack:
        if settings.config.uses_sandbox and not settings.sandbox_url:
            say("sandbox company: starting")
            served = stack.enter_context(
                serve_sandbox(settings.home.sandbox, now=now())
            )
            extra[ENV_SANDBOX_URL] = served.url
        environment = ui_environment(extra)
        daemon = subprocess.Popen(  # noqa: S603 - our own Dagster
            _dagster("dagster-daemon", "run"),
            env=environment,
            cwd=settings.home.dagster,
        )
        stack.enter_context(ended(daemon))
        say(f"Dagster: http://127.0.0.1:{port} (Ctrl-C ends it)")
        web = subprocess.Popen(  # noqa: S603 - our own Dagster
            _dagster("dagster-webserver", "-h", "127.0.0.1", "-p", str(port)),
            env=environment,
            cwd=settings.home.dagster,
        )
        # Asked to end rather than killed: it ends its own code server.
        stack.enter_context(ended(web))
        web.wait()


@sandbox_app.command(epilog="Example: warehouse sandbox serve --port 8080")
def serve(
    root: Root = None,
    port: Annotated[int, typer.Option("--port", help="0 = any free port.")] = 0,
    at: Annotated[str | None, typer.Option("--now", help="ISO instant.")] = None,
) -> None:
    """Serve the simulated company's APIs on loopback until stopped."""
    _sandbox("serve", root, at, "--port", str(port))


@sandbox_app.command(
    epilog="Example: warehouse sandbox write --now 2026-11-01T02:00+07:00"
)
def write(
    root: Root = None,
    at: Annotated[str | None, typer.Option("--now", help="ISO instant.")] = None,
) -> None:
    """Write the files the simulated company drops."""
    _sandbox("write", root, at)


def _sandbox(verb: str, root: Path | None, at: str | None, *more: str) -> None:
    settings: Settings = load_settings(root=root, require_secrets=False)
    command = [
        *(sys.executable, "-m", "ingest.sandbox", verb),
        *("--root", str(settings.home.sandbox)),
        *("--now", at or now().isoformat()),
        *more,
    ]
    done = subprocess.run(command, env=child_environment(), check=False)  # noqa: S603 - our own module
    raise typer.Exit(done.returncode)


def _dagster(program: str, *arguments: str) -> list[str]:
    path = Path(sys.executable).with_name(program)
    return [str(path), *arguments, "-m", "orchestration.definitions"]


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            message = f"port {port} is taken; choose another with --port"
            raise RetryableError(message)
