"""Building the bulk company: with the real dbt, and as one script in one DuckDB connection.

Belongs here: the child processes, the script, comparing what two builds publish. Stays out:
the rows (`ingest.sandbox.bulk`), what is claimed of the figures (the benchmarks).

The script holds the project's own statements in order of dependency and nothing of dbt: no
process per step, no contract, no column comments, no table that is read once and not
published. It is compiled from the models at run time, because a second copy of a hundred
definitions would be another warehouse to keep right. So the ratio says what the layering and
the tool cost; whether a statement itself is well put, the profile in the README has to say.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingest.config_policies import POLICIES
from ingest.contracts import CONTRACTS

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
FIRST_NIGHT = date(2026, 11, 18)


def scale(default: float) -> float:
    """Return the size asked for: 1 is a million ad rows."""
    return float(os.environ.get("BENCH_SCALE", default))  # noqa: TID251 - a test's knob


@dataclass(frozen=True)
class Spent:
    """What a child process took."""

    wall_seconds: float
    cpu_seconds: float

    def __str__(self) -> str:
        return f"{self.wall_seconds:.1f} s ({self.cpu_seconds:.1f} s of CPU)"


def run_dbt(root: Path, as_of: date, command: str, *more: str) -> Spent:
    """Run one dbt command on `root/raw`; fail with its output when it does."""
    variables = {
        "as_of_date": as_of.isoformat(),
        "load_date": (as_of + timedelta(days=1)).isoformat(),
        "build_id": "bench",
        "raw_root": str(root / "raw"),
        "reporting_timezone": "Asia/Ho_Chi_Minh",
        "reporting_currency": "VND",
        "presentation_currencies": ["VND", "USD"],
        "fiscal_year_start_month": 1,
        "company_name": "Bulk",
        "configured_entities": sorted(CONTRACTS["files"]),
        "policies": {
            name: list(policy.default)
            if isinstance(policy.default, tuple)
            else policy.default
            for name, policy in POLICIES.items()
        },
    }
    return _spend(
        [
            str(Path(sys.executable).with_name("dbt")), command, "--quiet",
            "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
            "--target-path", str(root / "target"), "--log-path", str(root / "logs"),
            "--vars", json.dumps(variables), *more,
        ],
        {"WAREHOUSE_DUCKDB": str(root / "warehouse.duckdb")},
    )  # fmt: skip


def slowest(root: Path, count: int) -> list[tuple[float, str]]:
    """Return the nodes of the last dbt run that took longest."""
    results = json.loads((root / "target" / "run_results.json").read_text("utf-8"))
    nodes = [(r["execution_time"], r["unique_id"]) for r in results["results"]]
    return sorted(nodes, reverse=True)[:count]


def published_tables(root: Path) -> list[str]:
    """Return the models with an enforced contract, which are what is published."""
    return sorted(
        node["alias"]
        for node in _models(root)
        if node["config"]["contract"]["enforced"] and node["config"]["enabled"]
    )


def write_script(root: Path, path: Path) -> None:
    """Write the one script that computes what the last full `dbt run` in `root` did."""
    manifest = json.loads((root / "target" / "manifest.json").read_text("utf-8"))
    published = set(published_tables(root))
    waiting = {node["unique_id"]: node for node in _models(root)}
    statements = [
        f'create table "warehouse"."main"."{node["alias"]}" as '
        f'select * from built."main"."{node["alias"]}"'
        for node in manifest["nodes"].values()
        if node["resource_type"] == "seed"
    ]
    statements += _functions(manifest["macros"]["macro.kpi_warehouse.create_functions"])
    while waiting:
        ready = [
            node
            for node in waiting.values()
            if not waiting.keys() & set(node["depends_on"]["nodes"])
        ]
        for node in ready:
            readers = [
                child
                for child in manifest["child_map"][node["unique_id"]]
                if child.startswith("model.")
            ]
            is_kept = node["alias"] in published or len(readers) > 1
            compiled = root / "target" / "compiled" / "kpi_warehouse"
            body = (compiled / node["original_file_path"]).read_text("utf-8")
            kind = "table" if is_kept else "view"
            statements.append(
                f'create {kind} "warehouse"."main"."{node["alias"]}" as\n{body}'
            )
            del waiting[node["unique_id"]]
    path.write_text(";\n\n".join(statements) + ";\n", encoding="utf-8")


def run_script(script: Path, database: Path, built: Path) -> Spent:
    """Run the script into a new database; seeds come from the one dbt built.

    Threads and memory are the engine's defaults, as they are for dbt.
    """
    code = (
        "import duckdb, pathlib, sys\n"
        "script, database, built = sys.argv[1:]\n"
        "db = duckdb.connect(database)\n"
        "db.execute(\"set timezone = 'UTC'\")\n"
        "db.execute(f\"attach '{built}' as built (read_only)\")\n"
        "db.execute(pathlib.Path(script).read_text('utf-8'))\n"
    )
    database.unlink(missing_ok=True)
    # The compiled statements name their database after the file dbt built.
    return _spend(
        [sys.executable, "-c", code, str(script), str(database), str(built)], {}
    )


def differing_tables(one: Path, other: Path, tables: list[str]) -> list[str]:
    """Return the tables whose rows differ between two build files."""
    fingerprints = []
    for database in (one, other):
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            fingerprints.append(
                {table: _fingerprint(connection, table) for table in tables}
            )
    return [t for t in tables if fingerprints[0][t] != fingerprints[1][t]]


def _fingerprint(connection: duckdb.DuckDBPyConnection, table: str) -> Any:
    return connection.execute(
        f"select count(*), sum(hash(r)::hugeint) from {table} as r"
    ).fetchone()


def _functions(macro: dict[str, Any]) -> list[str]:
    body = macro["macro_sql"].split("%}", 1)[1].rsplit("{%", 1)[0]
    return [s for s in body.replace("{{ target.schema }}", "main").split(";") if s]


def _models(root: Path) -> list[dict[str, Any]]:
    manifest = json.loads((root / "target" / "manifest.json").read_text("utf-8"))
    return [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]


def _spend(command: list[str], environment: dict[str, str]) -> Spent:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        command,
        env={**os.environ, "DO_NOT_TRACK": "1", **environment},  # noqa: TID251 - a child
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, cpu)
