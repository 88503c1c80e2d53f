"""Building the bulk company: with the real dbt, and as one script in one DuckDB connection.

Belongs here: the child processes, the script, comparing what two builds publish. Stays out:
the rows (`ingest.sandbox.bulk`), what is claimed of the figures (the benchmarks).

The script of the full build holds the project's own statements in order of dependency and
nothing of dbt: no process per step, no contract, no column comments, no table that is read
once and not published. It is compiled from the models at run time, because a second copy of a
hundred definitions would be another warehouse to keep right. So its ratio says what the
layering and the tool cost. Whether the statements themselves are well put, `by_hand.sql` says:
written by hand for the KPIs in `ASKED`, timed against the models' statements for the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
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
BY_HAND = Path(__file__).with_name("by_hand.sql")
REGISTRY = "kpi_registry"
ASKED = {
    "ad_spend": "total|platform|channel|campaign|legal_entity|currency",
    "cpc": "total|platform|channel|campaign|legal_entity",
    "cpl_media": "total|platform|channel|campaign|legal_entity",
    "impressions": "total|platform|channel|campaign|legal_entity",
    "clicks": "total|platform|channel|campaign|legal_entity",
    "ctr": "total|platform|channel|campaign|legal_entity",
    "leads_created": "total|rep|team|lead_source_group|campaign|channel|platform|legal_entity",
    "mql_count": "total|rep|team|lead_source_group|campaign|channel|platform|legal_entity",
    "sql_count": "total|rep|team|lead_source_group|campaign|channel|platform|legal_entity",
    "lead_source_completeness": "total|rep|team|legal_entity",
    "calls_made": "total|rep|team|department|customer_type|legal_entity",
    "mrr": "total|rep|team|segment|legal_entity|currency|product",
    "paying_customers": "total|rep|team|segment|legal_entity",
}
"""KPIs and breakdowns written by hand; what the registry has besides is left out on both sides."""
REPORT_STEPS = (
    "rpt_kpi_member_days",
    "rpt_kpi_periods",
    "rpt_kpi_base_values",
    "rpt_kpi_values_judged",
    "rpt_members",
    "rpt_kpi_values",
)
MEMORY = "8GB"
"""What the engine may take on either side; above it spills to disk."""


def scale(default: float) -> float:
    """Return the size asked for: 1 is a million ad rows."""
    return float(os.environ.get("BENCH_SCALE", default))  # noqa: TID251 - a test's knob


@dataclass(frozen=True)
class Spent:
    """What a child process took."""

    wall_seconds: float
    cpu_seconds: float
    peak_gib: float

    def __str__(self) -> str:
        return (
            f"{self.wall_seconds:.1f} s ({self.cpu_seconds:.1f} s of CPU,"
            f" {self.peak_gib:.1f} GiB)"
        )


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
            "--project-dir", str(PROJECT), "--profiles-dir", str(_profile(root)),
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
            # Measures as views make one statement of all of them with their only reader, which
            # filled the disk at scale 10, where dbt's tables do not.
            is_kept = (
                node["alias"] in published
                or len(readers) > 1
                or node["alias"].endswith("_measures")
            )
            compiled = root / "target" / "compiled" / "kpi_warehouse"
            body = (compiled / node["original_file_path"]).read_text("utf-8")
            kind = "table" if is_kept else "view"
            statements.append(
                f'create {kind} "warehouse"."main"."{node["alias"]}" as\n{body}'
            )
            del waiting[node["unique_id"]]
    path.write_text(";\n\n".join(statements) + ";\n", encoding="utf-8")


def write_by_hand(root: Path, path: Path) -> None:
    """Write the script a person wrote: some KPIs from facts to published rows."""
    path.write_text(
        ";\n\n".join([*_given(root), BY_HAND.read_text("utf-8")]), encoding="utf-8"
    )


def write_by_models(root: Path, path: Path) -> None:
    """Write what the models do from facts to published rows, for the KPIs asked alone."""
    nodes = {node["unique_id"]: node for node in _models(root)}
    by_name = {node["name"]: node for node in nodes.values()}
    keys = ", ".join(f"'{key}'" for key in ASKED)
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as built:
        measures = [
            name
            for unique_id in by_name["rpt_kpi_member_days"]["depends_on"]["nodes"]
            if (name := unique_id.rsplit(".", 1)[1]).endswith("_measures")
            and built.execute(
                f"select count(*) from {name} where kpi_key in ({keys})"
            ).fetchone()
            != (0,)
        ]
    compiled = root / "target" / "compiled" / "kpi_warehouse"
    computed = [*measures, *REPORT_STEPS]
    statements = _given(root)
    for name in computed:
        for unique_id in by_name[name]["depends_on"]["nodes"]:
            alias = nodes[unique_id]["alias"] if unique_id in nodes else "."
            is_input = nodes.get(unique_id, {"name": name})["name"] not in computed
            # Other KPIs' rows are none; facts and dimensions are there already.
            if is_input and alias.startswith(("kpi_", "rpt_")) and alias != REGISTRY:
                statements.append(
                    f'create view if not exists "{alias}" as '
                    f'select * from built."main"."{alias}" where false'
                )
        body = (compiled / by_name[name]["original_file_path"]).read_text("utf-8")
        if name in measures:
            body = (
                f"select * from (\n{body}\n) where kpi_key in ({keys})"
                " and variant = 'standard'"
            )
        is_view = by_name[name]["config"]["materialized"] == "view"
        statements.append(
            f'create {"view" if is_view else "table"} "{name}" as\n{body}'
        )
    path.write_text(";\n\n".join(statements) + ";\n", encoding="utf-8")


def _given(root: Path) -> list[str]:
    """What both begin with: facts, dimensions, the registry's rows of the KPIs asked."""
    manifest = json.loads((root / "target" / "manifest.json").read_text("utf-8"))
    asked = ", ".join(f"('{key}', '{members}')" for key, members in ASKED.items())
    threshold = POLICIES["low_sample_threshold"].default
    return [
        *_functions(manifest["macros"]["macro.kpi_warehouse.create_functions"]),
        *(
            f'create view "{node["alias"]}" as select * from built."main"."{node["alias"]}"'
            for node in _models(root)
            if not node["alias"].startswith(("kpi_", "rpt_"))
            and node["config"]["materialized"] != "view"
        ),
        f"create table asked as select * from (values {asked}) as t (kpi_key, breakdowns)",
        f"""create table "{REGISTRY}" as
        select kpi.* replace (asked.breakdowns as breakdowns, null::varchar as variants)
        from built."main"."{REGISTRY}" as kpi inner join asked using (kpi_key)""",
        f"set variable as_of = date '{FIRST_NIGHT}'",
        "set variable build_id = 'bench'",
        "set variable recent_days = 92",
        "set variable recent_week_days = 371",
        f"set variable low_sample_threshold = {threshold}",
    ]


def run_script(script: Path, database: Path, built: Path) -> Spent:
    """Run the script into a new database; seeds come from the one dbt built.

    Threads are the engine's default and memory the same bound, as they are for dbt.
    """
    code = (
        "import duckdb, pathlib, sys\n"
        "script, database, built = sys.argv[1:]\n"
        "db = duckdb.connect(database)\n"
        "db.execute(\"set timezone = 'UTC'\")\n"
        "db.execute('set enable_progress_bar = false')\n"
        f"db.execute(\"set memory_limit = '{MEMORY}'\")\n"
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


def _profile(root: Path) -> Path:
    """Write the project's profile with the bound of memory; return its folder."""
    folder = root / "profile"
    folder.mkdir(parents=True, exist_ok=True)
    text = (PROJECT / "profiles.yml").read_text("utf-8")
    bound = f"      settings:\n        memory_limit: {MEMORY}\n"
    assert "      settings:\n" in text
    (folder / "profiles.yml").write_text(
        text.replace("      settings:\n", bound), encoding="utf-8"
    )
    return folder


def _spend(command: list[str], environment: dict[str, str]) -> Spent:
    """Run a child; its own time and memory, which `wait4` alone tells apart."""
    with tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**os.environ, "DO_NOT_TRACK": "1", **environment},  # noqa: TID251 - a child
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        assert process.returncode == 0, said.read()
    return Spent(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)
