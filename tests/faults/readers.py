"""A reader of published builds in a process of its own, asking all the time.

Belongs here: the two ways clients read (through the link as a whole, table by table through
`current.json`) and counting what went wrong. Stays out: starting it (`conftest`), judging
(`invariants`).

    python -m tests.faults.readers <published> <stop file>      prints what it found as JSON
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

TABLES = "select table_name from duckdb_tables() order by 1"
PAUSE_SECONDS = 0.05


def read_whole(published: Path) -> dict[str, tuple[str | None, int]]:
    """Return build and row count of every table of the file behind the link."""
    with duckdb.connect(
        str(published / "current" / "bi.duckdb"), read_only=True
    ) as con:
        return {name: _ask(con, name) for (name,) in con.execute(TABLES).fetchall()}


def read_by_table(published: Path) -> dict[str, tuple[str | None, int]]:
    """Return the same, every table opened anew in the build `current.json` named at first."""
    told = json.loads((published / "current.json").read_text("utf-8"))["build_id"]
    file = str(published / told / "bi.duckdb")
    found: dict[str, tuple[str | None, int]] = {}
    with duckdb.connect(file, read_only=True) as con:
        names = [name for (name,) in con.execute(TABLES).fetchall()]
    for name in names:
        with duckdb.connect(file, read_only=True) as con:
            found[name] = _ask(con, name)
        time.sleep(PAUSE_SECONDS)
    return found


def _ask(con: duckdb.DuckDBPyConnection, name: str) -> tuple[str | None, int]:
    row = con.execute(
        f"select max(build_id), min(build_id), count(*) from {name}"
    ).fetchone()
    assert row is not None
    return (row[0] if row[0] == row[1] else f"{row[0]} and {row[1]}"), row[2]


def main() -> None:
    """Read until told to stop, then say how it went."""
    published, stop = Path(sys.argv[1]), Path(sys.argv[2])
    found: dict[str, Any] = {"rounds": 0, "errors": [], "mixed": []}
    answers: dict[tuple[str | None, str], int] = {}
    builds: Counter[str] = Counter()
    Path(f"{stop}.ready{os.getpid()}").touch()
    while not stop.exists():
        for way in (read_whole, read_by_table):
            try:
                tables = way(published)
            except (duckdb.Error, OSError, ValueError, KeyError) as error:
                found["errors"].append(
                    f"{way.__name__}: {type(error).__name__} {error}"
                )
                continue
            found["rounds"] += 1
            # A table without rows names no build: no source of this company fills it.
            ids = {build for build, _ in tables.values() if build is not None}
            builds.update(ids)
            if len(ids) != 1:
                found["mixed"].append(f"{way.__name__}: {tables}")
            for name, (build, count) in tables.items():
                if answers.setdefault((build, name), count) != count:
                    found["mixed"].append(
                        f"{name} of {build} changed under its readers"
                    )
        time.sleep(PAUSE_SECONDS)
    found["builds"] = len(builds)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
