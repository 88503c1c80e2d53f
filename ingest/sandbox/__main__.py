"""`python -m ingest.sandbox serve|write`: the sandbox company as a process.

    serve --root DIR [--port 0] [--now ISO] [--seed 7] [--scale 1] [--parent-pid PID]
    write --root DIR [--now ISO] [--seed 7] [--scale 1]

`serve` answers as every vendor on one loopback port, says where in `DIR/server.json` once it
is ready, and ends on SIGTERM or with its parent. Faults scripted in `DIR/faults.json`
(`ingest.sandbox.faults` says how) are in force from its first answer. `write` puts the
finance drop and the one-time billing history under DIR.

Belongs here: arguments, the one reading of the machine's clock. Stays out: everything else.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.errors import EXIT_OK
from ingest.sandbox.company import build_company
from ingest.sandbox.drop import write_drop, write_export
from ingest.sandbox.process import announce, serve_until_told
from ingest.sandbox.server import parse_instant, start_sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

FAULT_SCRIPT = "faults.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the asked command and return its exit code."""
    options = _parser().parse_args(arguments)
    now = options.now or datetime.now(UTC)
    if options.command == "write":
        return _write(options, now)
    return _serve(options, now)


def _serve(options: argparse.Namespace, now: datetime) -> int:
    """Serve until told to stop."""
    handle = start_sandbox(
        lambda until: build_company(
            seed=options.seed, scale=options.scale, until=until
        ),
        now,
        port=options.port,
    )
    script = options.root / FAULT_SCRIPT
    if script.exists():
        handle.set_faults(json.loads(script.read_text("utf-8")))
    state_file = announce(handle, options.root)
    sys.stdout.write(f"{handle.url}\n")
    sys.stdout.flush()
    serve_until_told(handle, state_file, options.parent_pid)
    return EXIT_OK


def _write(options: argparse.Namespace, now: datetime) -> int:
    """Write the company's files as of now."""
    company = build_company(seed=options.seed, scale=options.scale, until=now)
    write_drop(company, options.root, now)
    write_export(company, options.root, now)
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--root", type=Path, required=True, help="folder of the sandbox"
    )
    common.add_argument(
        "--now", type=parse_instant, help="virtual clock, ISO 8601 with offset"
    )
    common.add_argument("--seed", type=int, default=7, help="which company")
    common.add_argument("--scale", type=int, default=1, help="how large a company")
    parser = argparse.ArgumentParser(
        prog="python -m ingest.sandbox", description="The simulated company."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", parents=[common], help="answer as the vendors")
    serve.add_argument("--port", type=int, default=0, help="0 = any free port")
    serve.add_argument("--parent-pid", type=int, help="end when this process ends")
    commands.add_parser("write", parents=[common], help="write the company's files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
