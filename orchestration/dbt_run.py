"""Running dbt as a child process: what it does as it does it, and what failed.

Belongs here: one `dbt build` and its results. Stays out: getting ready for it
(`orchestration.dbt_setup`), the process (`orchestration.dbt_process`), turning results into
assets (`orchestration.assets.models`), the models.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import StorageError
from ingest.faults import fault
from orchestration.build_file import discard_build_file, tells_damage
from orchestration.dbt_process import DbtError
from orchestration.dbt_setup import dbt_vars
from orchestration.room import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestration.dbt_process import DbtProcess
    from orchestration.night_run import NightRun
    from orchestration.settings import Settings

_FAILED: Final = frozenset({"error", "fail", "runtime error", "partial success"})
_RUN_RESULTS: Final = "run_results.json"
EXPLAINED: Final = ("kpi_*_measures", "rpt_retention_values")
"""Models that can say row by row what their figures add up."""
_QUOTES_DATA: Final = re.compile(r"Conversion Error|Constraint Error|Invalid Input")
_LAST_LINES: Final = 15


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


@dataclass(frozen=True)
class DbtOutcome:
    """What one dbt invocation did."""

    nodes: int
    tests: int
    failures: tuple[str, ...]


def build_arguments(
    run: NightRun, *, full_refresh: bool, selected: list[str]
) -> list[str]:
    """Return the arguments of the night's `dbt build`."""
    variables = dbt_vars(
        run.settings.config,
        raw=run.settings.home.raw_from_root,
        night=(run.as_of, run.build_id),
    )
    return [
        # Unit tests prove the models' logic on fixtures; they do not depend on the night.
        *("--exclude-resource-type", "unit_test"),
        "--vars",
        json.dumps(variables),
        *(["--full-refresh"] if full_refresh else []),
        *(["--select", *selected] if selected else []),
    ]


def explain_arguments(run: NightRun) -> list[str]:
    """Return the invocation that writes what figures add up, row by row (D-480).

    The statements are those of this build: its code, policies and day. `warehouse explain`
    runs them on the build file, so it needs no dbt and cannot mean other figures.
    """
    variables = dbt_vars(
        run.settings.config,
        raw=run.settings.home.raw_from_root,
        night=(run.as_of, run.build_id),
    )
    return [
        "compile",
        *("--select", *EXPLAINED, "--indirect-selection", "empty"),
        # Rows of every day, not of those a night changed.
        "--full-refresh",
        *("--target-path", str(run.settings.home.explain)),
        *("--vars", json.dumps({**variables, "explain": True})),
    ]


class DbtBuild:
    """One `dbt build` in a child process."""

    def __init__(
        self,
        settings: Settings,
        dbt: DbtProcess,
        arguments: list[str],
        *,
        then: list[str],
    ) -> None:
        """Prepare the order; nothing is built before `results` is read.

        `then` is an invocation that follows a build that went well.
        """
        self._then = then
        self._settings = settings
        self._dbt = dbt
        self._arguments = arguments
        self._target = settings.home.dbt / "target"
        self._log = settings.home.dbt / "build.log"
        self._exit_code: int | None = None

    def results(self) -> Iterator[NodeResult]:
        """Run dbt and yield every model, seed and test as it ends.

        Raises:
            DbtError: the project does not parse.
        """
        self._target.mkdir(parents=True, exist_ok=True)
        (self._target / _RUN_RESULTS).unlink(missing_ok=True)
        shutil.rmtree(self._settings.home.explain, ignore_errors=True)
        # What dbt says goes to a file: the terminal belongs to the night's progress.
        fault("dbt.started")
        with self._log.open("w", encoding="utf-8") as log:
            for told in self._dbt.build(self._arguments, then=[self._then]):
                log.write(f"{told.get('said', '')}\n")
                if "result" in told:
                    fault("dbt.node_done")
                    yield NodeResult(**told["result"])
            self._exit_code = self._dbt.wait()
        fault("dbt.ended")

    def outcome(self, manifest: Mapping[str, Any]) -> DbtOutcome:
        """Return what was done, once `results` is read to its end."""
        return read_outcome(self._target, manifest)

    def raise_if_failed(self, outcome: DbtOutcome) -> None:
        """Raise what failed, or dbt's last lines when it did not get that far.

        Raises:
            DbtError: dbt did not end well.
            StorageError: because the disk refused, or the build file is damaged.
        """
        if self._exit_code == 0:
            return
        said = self._log.read_text("utf-8", errors="replace").strip().splitlines()
        # The engine's words, whole: failures are shortened for people.
        self._raise_if_disk_failed(said)
        if outcome.failures:
            raise DbtError("; ".join(outcome.failures))
        raise DbtError("dbt did not build:\n" + "\n".join(said[-_LAST_LINES:]))

    def _raise_if_disk_failed(self, said: list[str]) -> None:
        """Tell a full disk and a damaged build file from models that are wrong."""
        warehouse = self._settings.home.warehouse
        for line in said:
            if tells_damage(line):
                discard_build_file(warehouse)
                message = (
                    f"{warehouse.name} is damaged ({line.strip()[:120]}); it is removed, "
                    "the next run rebuilds it from raw"
                )
                raise StorageError(message)
            refused = explain(self._settings, OSError(line))
            if refused is not None:
                raise refused


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
