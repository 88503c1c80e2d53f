"""Getting ready for dbt: its variables, its environment, its manifest, its build file.

Belongs here: everything dbt needs before it runs. Stays out: running it and reading what it
did (`orchestration.dbt_run`), the models.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest import ledger
from ingest.errors import EXIT_BUSY, IngestError
from ingest.faults import fault
from ingest.storage import write_file
from orchestration.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ingest.config import WarehouseConfig
    from orchestration.settings import Settings

_LAST_LINES: Final = 15
_POLL_SECONDS: Final = 2.0


class DbtError(IngestError):
    """dbt failed; the text names models and tests, or quotes its last lines."""


class ForeignHolderError(IngestError):
    """A program outside the pipeline has the build file open."""

    exit_code = EXIT_BUSY


def dbt_vars(
    config: WarehouseConfig, *, raw: Path, night: tuple[date, str] | None = None
) -> dict[str, Any]:
    """Return the variables every model may read; nothing else tells them the time.

    `night` is as-of day and build id; None for the graph alone, which they do not shape.
    """
    company = config.company
    nightly: dict[str, Any] = {}
    if night is not None:
        as_of, build_id = night
        nightly = {
            "as_of_date": as_of.isoformat(),
            "load_date": (as_of + timedelta(days=1)).isoformat(),
            "build_id": build_id,
        }
    return {
        **nightly,
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
            # dbt's own log is 13 MB a night at its level of detail; `build.log` and the
            # compiled statements in the target say the same.
            "DBT_LOG_LEVEL_FILE": "none",
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


def manifest_file(settings: Settings) -> Path:
    """Return where the prepared manifest lies."""
    return settings.home.dbt / "manifest" / "manifest.json"


def entities_read(manifest: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return the (kind, entity) pairs some model reads; rows of others end in raw."""
    return frozenset(
        (source["source_name"], source["name"])
        for unique_id, source in manifest["sources"].items()
        if any(child.startswith("model.") for child in manifest["child_map"][unique_id])
    )


def prepare_build(settings: Settings, as_of: date, *, full_refresh: bool) -> bool:
    """Note which day the build file is about to hold; return whether to rebuild it whole.

    Incremental models only go forward, and only with the code that made their rows: an older
    day, other models or other policies than last time rebuild everything from raw. So does
    a batch that was replaced after a model consumed it: its rows must go again.
    """
    state = settings.home.root / "state" / "build.json"
    project = (settings.home.dbt / "manifest" / "stamp").read_text("utf-8")
    try:
        last = json.loads(state.read_text("utf-8"))
        same_code = last["project"] == project
        goes_forward = last["as_of"] <= as_of.isoformat()
    except (OSError, ValueError, KeyError):
        same_code = goes_forward = False
    content = {"as_of": as_of.isoformat(), "project": project}
    write_file(state, json.dumps(content).encode())
    fault("dbt.noted")
    return (
        full_refresh
        or not (same_code and goes_forward)
        or _consumed_replaced_batches(settings)
    )


def _consumed_replaced_batches(settings: Settings) -> bool:
    """Return whether a model of the build file has consumed a batch that is not live now."""
    if not settings.home.warehouse.is_file():
        return False
    live = {batch.batch_id for batch in ledger.live(ledger.read(settings.home.root))}
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        known = connection.execute(
            "select 1 from duckdb_tables() where table_name = '_consumed_batches'"
        ).fetchall()
        if not known:
            return False
        consumed = connection.execute(
            "select distinct batch_id from _consumed_batches"
        ).fetchall()
    return any(batch_id not in live for (batch_id,) in consumed)


def wait_for_build_file(
    path: Path, *, sleep: Callable[[float], None], patience_seconds: float = 600
) -> None:
    """Wait until nobody else has the build file open.

    Raises:
        ForeignHolderError: somebody still has after the patience is over (exit 75).
    """
    if not path.exists():
        return
    waited = 0.0
    while True:
        try:
            duckdb.connect(str(path)).close()
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise
            if waited >= patience_seconds:
                holder = re.search(r"PID \d+", str(error))
                who = holder.group() if holder else "another program"
                message = (
                    f"{path.name} is held by {who} for {waited:.0f} s; close it there and "
                    "run again. What is published is not affected."
                )
                raise ForeignHolderError(message) from None
            sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
        else:
            return


def _fingerprint(project: Path, variables: Mapping[str, Any]) -> str:
    """Return a hash over the project's files and the variables that shape the graph."""
    digest = hashlib.sha256()
    digest.update(json.dumps(dict(variables), sort_keys=True).encode())
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
