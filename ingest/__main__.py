"""Extract one entity by hand: `python -m ingest --config F --source S --entity E --as-of D`.

Belongs here: arguments and the text printed. Stays out: everything else (`ingest.job`). The
batch stays in `incoming/`; gates and promotion belong to the nightly run.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.config import load_config
from ingest.errors import EXIT_OK, ConfigError, IngestError
from ingest.job import extract_entity
from ingest.sources import streams_of

if TYPE_CHECKING:
    from ingest.landing import LandedBatch


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code; the last line says what happened."""
    options = _parser().parse_args(arguments)
    try:
        config = load_config(
            options.config,
            sandbox_url=options.sandbox_url,
            sandbox_root=options.sandbox_root,
        )
        source = config.source(options.source)
        streams = [s for s in streams_of(source) if s.entity == options.entity]
        if not streams:
            known = ", ".join(sorted({s.entity for s in streams_of(source)}))
            message = f"{source.name} has no entity {options.entity!r}; it has: {known}"
            raise ConfigError(message)
        for stream in streams:
            landed = extract_entity(
                source,
                stream,
                root=options.root,
                as_of=options.as_of,
                now=options.now or datetime.now(UTC),
                full_refresh=options.full_refresh,
            )
            sys.stdout.write(describe(landed))
    except IngestError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return EXIT_OK


def describe(landed: LandedBatch) -> str:
    """Return what one batch holds, in a few lines for people."""
    manifest = landed.manifest
    counts = (
        f"{manifest.row_count} rows landed, {manifest.quarantined_count} quarantined"
    )
    lines = [f"{manifest.stream_path}: {counts}"]
    lines += [
        f"  {total.source_account or '-'} {total.column_name} {total.currency}: "
        f"received {total.source_sum:f}, landed {total.landed_sum:f}"
        for total in manifest.totals
    ]
    if manifest.unknown_fields:
        lines.append(f"  new fields: {', '.join(manifest.unknown_fields)}")
    lines.append(f"  {landed.parquet}")
    return "".join(f"{line}\n" for line in lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ingest", description="Extract one entity into incoming/."
    )
    parser.add_argument("--config", type=Path, required=True, help="warehouse.yml")
    parser.add_argument("--source", required=True, help="name of a configured source")
    parser.add_argument("--entity", required=True, help="one of its entities")
    parser.add_argument(
        "--as-of", type=date.fromisoformat, required=True, help="last complete day"
    )
    parser.add_argument("--root", type=Path, default=Path(".warehouse"))
    parser.add_argument(
        "--now", type=_instant, help="instant of extraction (default: the clock)"
    )
    parser.add_argument("--sandbox-url", help="where the sandbox company is served")
    parser.add_argument("--sandbox-root", type=Path, help="where its files lie")
    parser.add_argument(
        "--full-refresh", action="store_true", help="read from the beginning"
    )
    return parser


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        message = "an instant needs a zone, e.g. 2026-11-01T02:00:00+07:00"
        raise argparse.ArgumentTypeError(message)
    return instant


if __name__ == "__main__":
    sys.exit(main())
