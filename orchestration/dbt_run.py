"""dbt as a child process: its variables, its environment, its manifest, what failed.

Belongs here: everything about running dbt that needs no orchestrator. Stays out: turning its
events into assets (`orchestration.assets.models`), the models themselves. dbt runs in its own
process because an in-process run keeps the build file locked after it returns.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import IngestError
from orchestration.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.config import WarehouseConfig
    from orchestration.settings import Settings

_NIGHTLY_VARS: Final = frozenset({"as_of_date", "load_date", "build_id"})
"""Variables that change every night without changing the graph."""

_FAILED: Final = frozenset({"error", "fail", "runtime error", "partial success"})
_LAST_LINES: Final = 15


class DbtError(IngestError):
    """dbt failed; the text names models and tests, or quotes its last lines."""


@dataclass(frozen=True)
class DbtOutcome:
    """What one dbt invocation did."""

    nodes: int
    tests: int
    failures: tuple[str, ...]


def dbt_vars(
    config: WarehouseConfig, *, raw: Path, as_of: date, build_id: str
) -> dict[str, Any]:
    """Return the variables every model may read; nothing else tells them the time."""
    company = config.company
    return {
        "as_of_date": as_of.isoformat(),
        "load_date": (as_of + timedelta(days=1)).isoformat(),
        "build_id": build_id,
        "raw_root": str(raw),
        "reporting_timezone": company.timezone,
        "reporting_currency": company.reporting_currency,
        "presentation_currencies": list(company.presentation_currencies),
        "fiscal_year_start_month": company.fiscal_year_start_month,
        "company_name": company.name,
        "configured_entities": config.configured_entities(),
        "policies": {name: _plain(value) for name, value in config.policies.items()},
    }


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return dbt's environment: the build file, target and logs below the root."""
    home = settings.home
    return child_environment(
        {
            "WAREHOUSE_DUCKDB": str(home.warehouse),
            "DBT_PROFILES_DIR": str(settings.dbt_project_dir),
            "DBT_PROJECT_DIR": str(settings.dbt_project_dir),
            "DBT_TARGET_PATH": str(home.dbt / "target"),
            "DBT_LOG_PATH": str(home.dbt / "logs"),
            "DBT_VERSION_CHECK": "true",
            "PYTHONUNBUFFERED": "1",
        }
    )


def dbt_executable() -> str:
    """Return the dbt of this environment, whatever PATH says."""
    return str(Path(sys.executable).with_name("dbt"))


def prepare_manifest(settings: Settings, variables: Mapping[str, Any]) -> Path:
    """Return the path of an up-to-date `manifest.json`; parse the project if it is stale.

    Raises:
        DbtError: the project does not parse.
    """
    target = settings.home.dbt / "manifest"
    manifest = target / "manifest.json"
    stamp = target / "stamp"
    wanted = _fingerprint(settings.dbt_project_dir, variables)
    if manifest.is_file() and stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return manifest
    target.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(  # noqa: S603 - our own dbt with our own arguments
        [
            dbt_executable(),
            "--quiet",
            "parse",
            "--target-path",
            str(target),
            "--vars",
            json.dumps(dict(variables)),
        ],
        cwd=settings.dbt_project_dir,
        env=dbt_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-_LAST_LINES:]
        message = "The dbt project does not parse:\n" + "\n".join(last)
        raise DbtError(message)
    stamp.write_text(wanted, encoding="utf-8")
    return manifest


def read_outcome(target: Path, manifest: Mapping[str, Any]) -> DbtOutcome:
    """Return what the last invocation did, failures named by model or test."""
    try:
        results = json.loads((target / "run_results.json").read_text("utf-8"))
    except (OSError, ValueError):
        return DbtOutcome(0, 0, ())
    rows = results["results"]
    tests = [r for r in rows if r["unique_id"].split(".")[0] in {"test", "unit_test"}]
    failed = [_describe(r, manifest) for r in rows if r["status"] in _FAILED]
    return DbtOutcome(len(rows) - len(tests), len(tests), tuple(failed))


def _describe(result: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    unique_id = result["unique_id"]
    kind, name = unique_id.split(".")[0], unique_id.split(".")[2]
    node = manifest.get("nodes", {}).get(unique_id, {})
    on = node.get("attached_node") or ""
    where = f" on {on.rsplit('.', 1)[-1]}" if on else ""
    if kind == "test" and result.get("failures"):
        return f"test {name}{where}: {result['failures']} rows break it"
    # The first lines say what is wrong; later ones may quote rows.
    message = " ".join((result.get("message") or "").split("\n")[:3])[:300]
    return f"{kind.replace('_', ' ')} {name}{where}: {message}".strip()


def _fingerprint(project: Path, variables: Mapping[str, Any]) -> str:
    """Return a hash over the project's files and the variables that shape the graph."""
    digest = hashlib.sha256()
    stable = {k: v for k, v in variables.items() if k not in _NIGHTLY_VARS}
    digest.update(json.dumps(stable, sort_keys=True).encode())
    for path in sorted(project.rglob("*")):
        if (
            path.suffix in {".sql", ".yml", ".csv", ".md"}
            and "target" not in path.parts
        ):
            digest.update(path.relative_to(project).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _plain(value: object) -> object:
    """Return a policy value as JSON; decimals as text, so that no float appears."""
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, int | str) else str(value)
