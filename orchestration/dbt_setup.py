"""Getting ready for dbt: its variables, its environment, its manifest, its build file.

Belongs here: everything dbt needs before it runs. Stays out: running it and reading what it
did (`orchestration.dbt_run`), the models.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from ingest import ledger
from ingest.faults import fault
from ingest.storage import write_file
from orchestration.dbt_process import DbtProcess, start_dbt
from orchestration.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ingest.config import WarehouseConfig
    from orchestration.settings import Settings


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
        "functional_currencies": {
            source.legal_entity: source.functional_currency for source in config.sources
        },
        "fiscal_year_start_month": company.fiscal_year_start_month,
        "calendar": company.calendar,
        "company_name": company.name,
        "configured_entities": config.configured_entities(),
        "policies": {name: _plain(value) for name, value in config.policies.items()},
    }


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a dbt that works in the root: build file, target, logs."""
    home = settings.home
    return child_environment(
        {
            "WAREHOUSE_DUCKDB": home.warehouse.name,
            "DBT_PROFILES_DIR": str(settings.dbt_project_dir),
            "DBT_PROJECT_DIR": str(settings.dbt_project_dir),
            "DBT_TARGET_PATH": str(home.dbt / "target"),
            "DBT_LOG_PATH": str(home.dbt / "logs"),
            "DBT_VERSION_CHECK": "true",
            "PYTHONUNBUFFERED": "1",
        }
    )


@contextmanager
def start_night_dbt(settings: Settings) -> Iterator[DbtProcess]:
    """Start the dbt that will build tonight; it parses at once, and ends with the block."""
    variables = dbt_vars(settings.config, raw=settings.home.raw_from_root)
    fingerprint = _fingerprint(settings, variables)
    with start_dbt(
        settings.home.root,
        dbt_environment(settings),
        target=manifest_file(settings).parent,
        variables=variables,
        parses=fingerprint,
        writes_manifest=not _is_current(settings, fingerprint),
    ) as process:
        yield process


def prepare_manifest(
    settings: Settings, variables: Mapping[str, Any], *, dbt: DbtProcess | None = None
) -> Path:
    """Return the path of an up-to-date `manifest.json`; parse the project if it is stale.

    `dbt` is the process that is parsing it already, if there is one.

    Raises:
        DbtError: the project does not parse.
    """
    wanted = _fingerprint(settings, variables)
    manifest = manifest_file(settings)
    if _is_current(settings, wanted):
        return manifest
    with ExitStack() as stack:
        if dbt is None or dbt.parses != wanted:
            dbt = stack.enter_context(start_night_dbt(settings))
        dbt.wait_parsed()
    _stamp(settings).write_text(wanted, encoding="utf-8")
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
    project = _stamp(settings).read_text("utf-8")
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


def _stamp(settings: Settings) -> Path:
    """Return where it is noted of what the prepared manifest was made."""
    return manifest_file(settings).with_name("stamp")


def _is_current(settings: Settings, wanted: str) -> bool:
    """Return whether the prepared manifest was made of just this."""
    stamp = _stamp(settings)
    return (
        manifest_file(settings).is_file()
        and stamp.is_file()
        and stamp.read_text("utf-8") == wanted
    )


def _fingerprint(settings: Settings, variables: Mapping[str, Any]) -> str:
    """Return a hash over the project's files and the variables that shape the graph."""
    project = settings.dbt_project_dir
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
