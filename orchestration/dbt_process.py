"""The dbt child process: started early, told to build later, never left behind.

Belongs here: starting it, waiting for its parse, giving the one order, reading its lines.
Stays out: what runs in it (`orchestration.dbt_worker`), arguments and results
(`orchestration.dbt_run`). dbt has a process of its own because an in-process run keeps the
build file locked after it returns; that process is started before the night lands its data, so
that dbt's imports and parse (3 of its 9 seconds before the first model) cost no time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import IngestError
from orchestration.processes import ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WORKER: Final = Path(__file__).with_name("dbt_worker.py")
_LAST_LINES: Final = 15
_QUIET: Final = (
    *("--quiet", "--no-use-colors"),
    *("--log-level", "none", "--log-level-file", "none"),
)
"""Everything dbt says reaches us as events; writing its own logs as well costs seconds."""


class DbtError(IngestError):
    """dbt failed; the text names models and tests, or quotes its last lines."""


class DbtProcess:
    """One dbt: it parses at once and builds once."""

    def __init__(self, process: subprocess.Popen[str], parses: str) -> None:
        """Take over a child just started; `parses` marks what it parses."""
        self.parses = parses
        self._process = process
        self._is_ordered = False
        self._parsed: bool | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it lives and has not been told to build yet."""
        return not self._is_ordered and self._process.poll() is None

    def wait_parsed(self) -> None:
        """Wait until the project is parsed.

        Raises:
            DbtError: it does not parse; the last lines say why.
        """
        said: list[str] = []
        while self._parsed is None:
            line = self._read()
            if line is None:
                self._parsed = False
            else:
                self._parsed = line.get("parsed")
                said.append(line.get("said", ""))
        if not self._parsed:
            said += [line.get("said", "") for line in iter(self._read, None)]
            last = "\n".join(said).strip().splitlines()[-_LAST_LINES:]
            raise DbtError("The dbt project does not parse:\n" + "\n".join(last))

    def build(
        self, arguments: Sequence[str], *, then: Sequence[Sequence[str]] = ()
    ) -> Iterator[dict[str, Any]]:
        """Run `dbt build` with these arguments; yield each line it tells, to the end.

        `then` are whole invocations that follow a build that went well.

        Raises:
            DbtError: the project does not parse.
        """
        self.wait_parsed()
        self._is_ordered = True
        quiet = [*_QUIET, "--no-write-json"]
        order = json.dumps(
            [[*quiet, "build", *arguments], *([*quiet, *more] for more in then)]
        )
        assert self._process.stdin is not None  # noqa: S101 - opened with a pipe
        # Left open: its end tells the child that we are gone.
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        yield from iter(self._read, None)

    def wait(self) -> int:
        """Return the exit code of a child that has told its last line."""
        return self._process.wait()

    def _read(self) -> dict[str, Any] | None:
        """Return the next thing told; None at the end."""
        assert self._process.stdout is not None  # noqa: S101 - opened with a pipe
        line = self._process.stdout.readline()
        if not line:
            return None
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        # A line of a library or of the interpreter is kept as what dbt said.
        return told if isinstance(told, dict) else {"said": line.rstrip()}


@contextmanager
def start_dbt(
    root: Path,
    environment: Mapping[str, str],
    *,
    target: Path,
    variables: Mapping[str, Any],
    parses: str,
    writes_manifest: bool,
) -> Iterator[DbtProcess]:
    """Start a dbt that parses a project into `target`; it ends with the block.

    It works in `root`; the environment names the project.
    """
    target.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [
            # -P: the folder of the script is no place to import from.
            *(sys.executable, "-P", str(_WORKER)),
            *_QUIET,
            *(() if writes_manifest else ("--no-write-json",)),
            *("parse", "--target-path", str(target)),
            *("--vars", json.dumps(dict(variables))),
        ],
        cwd=root,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    with ended(process):
        try:
            yield DbtProcess(process, parses)
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
