"""dbt as a child process: its variables, its environment, its manifest, what failed.

Belongs here: everything about running dbt that needs no orchestrator. Stays out: turning its
events into assets (`orchestration.assets.models`), the models themselves. dbt runs in its own
process because an in-process run keeps the build file locked after it returns.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest import ledger
from ingest.errors import EXIT_BUSY, IngestError
from ingest.storage import write_file
from orchestration.processes import ended
from orchestration.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ingest.config import WarehouseConfig
    from orchestration.night_run import NightRun
    from orchestration.settings import Settings

_FAILED: Final = frozenset({"error", "fail", "runtime error", "partial success"})
_RUN_RESULTS: Final = "run_results.json"
_RESULT_EVENTS: Final = frozenset(
    {"LogSeedResult", "LogModelResult", "LogSnapshotResult", "LogTestResult"}
)
_QUOTES_DATA: Final = re.compile(r"Conversion Error|Constraint Error|Invalid Input")
_LAST_LINES: Final = 15
_POLL_SECONDS: Final = 2.0


class DbtError(IngestError):
    """dbt failed; the text names models and tests, or quotes its last lines."""


@dataclass(frozen=True)
class NodeResult:
    """One model, seed or test dbt has finished."""

    unique_id: str
    is_success: bool
    seconds: float
    number: int
    total: int

    @property
    def share(self) -> float:
        """How much of the build is done, 0 to 1."""
        return self.number / self.total


class ForeignHolderError(IngestError):
    """A program outside the pipeline has the build file open."""

    exit_code = EXIT_BUSY


@dataclass(frozen=True)
class DbtOutcome:
    """What one dbt invocation did."""

    nodes: int
    tests: int
    failures: tuple[str, ...]


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


def build_arguments(
    run: NightRun, *, full_refresh: bool, selected: list[str]
) -> list[str]:
    """Return the command line of the night's `dbt build`."""
    variables = dbt_vars(
        run.settings.config,
        raw=run.settings.home.raw,
        night=(run.as_of, run.build_id),
    )
    return [
        dbt_executable(),
        "build",
        # Unit tests prove the models' logic on fixtures; they do not depend on the night.
        *("--exclude-resource-type", "unit_test"),
        "--vars",
        json.dumps(variables),
        *(["--full-refresh"] if full_refresh else []),
        *(["--select", *selected] if selected else []),
    ]


class DbtBuild:
    """One `dbt build` in a child process."""

    def __init__(self, settings: Settings, arguments: list[str]) -> None:
        """Prepare the call; nothing runs before `results` is read."""
        self._settings = settings
        self._arguments = arguments
        self._target = settings.home.dbt / "target"
        self._log = settings.home.dbt / "build.log"
        self._exit_code: int | None = None

    def results(self) -> Iterator[NodeResult]:
        """Run dbt and yield every model, seed and test as it ends."""
        self._target.mkdir(parents=True, exist_ok=True)
        (self._target / _RUN_RESULTS).unlink(missing_ok=True)
        process = subprocess.Popen(  # noqa: S603 - our own dbt with our own arguments
            self._arguments,
            cwd=self._settings.dbt_project_dir,
            env={**dbt_environment(self._settings), "DBT_LOG_FORMAT": "json"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        # What dbt says goes to a file: the terminal belongs to the night's progress.
        with ended(process), self._log.open("w", encoding="utf-8") as log:
            for line in process.stdout or ():
                text, result = _read_line(line)
                log.write(f"{text}\n")
                if result is not None:
                    yield result
            self._exit_code = process.wait()

    def outcome(self, manifest: Mapping[str, Any]) -> DbtOutcome:
        """Return what was done, once `results` is read to its end."""
        return read_outcome(self._target, manifest)

    def raise_if_failed(self, outcome: DbtOutcome) -> None:
        """Raise what failed, or dbt's last lines when it did not get that far.

        Raises:
            DbtError: dbt did not end well.
        """
        if self._exit_code == 0:
            return
        if outcome.failures:
            raise DbtError("; ".join(outcome.failures))
        said = self._log.read_text("utf-8", errors="replace").strip().splitlines()
        raise DbtError("dbt did not build:\n" + "\n".join(said[-_LAST_LINES:]))


def _read_line(line: str) -> tuple[str, NodeResult | None]:
    """Return the text of one line of dbt's JSON log, and the result it tells, if any."""
    try:
        event = json.loads(line)
        info, data = event["info"], event["data"]
    except (ValueError, KeyError, TypeError):
        return line.rstrip(), None
    if info["name"] not in _RESULT_EVENTS:
        return info["msg"], None
    result = NodeResult(
        unique_id=data["node_info"]["unique_id"],
        is_success=data["node_info"]["node_status"] == "success",
        seconds=round(float(data["execution_time"]), 3),
        number=data["index"],
        total=data.get("total") or data.get("num_models") or data["index"],
    )
    return info["msg"], result


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


def read_outcome(target: Path, manifest: Mapping[str, Any]) -> DbtOutcome:
    """Return what the last invocation did, failures named by model or test."""
    try:
        results = json.loads((target / _RUN_RESULTS).read_text("utf-8"))
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
    # The first lines say what is wrong; later ones quote the statement.
    message = " ".join((result.get("message") or "").split("\n")[:3])[:300]
    if _QUOTES_DATA.search(message):
        message = re.sub(r"'[^']*'?|\"[^\"]*: [^\"]*\"?", "…", message)
    return f"{kind.replace('_', ' ')} {name}{where}: {message}".strip()


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
