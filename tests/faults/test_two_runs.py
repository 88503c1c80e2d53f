"""Several runs at once: one works, the others leave with 75 and name it; nothing is done twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from orchestration.build_file import ForeignHolderError, prepare_build_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
PAIRS = 4
MANY_PAIRS = 50

# What every command does first: take the root, put it in order, leave a line of what it did.
# `forks` shares one interpreter, so that a pair costs milliseconds.
RUNNER = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from ingest import landing
from ingest.errors import IngestError
from orchestration.lock import hold_run_lock

root, steps = Path(sys.argv[1]), sys.argv[2].split(",")

def run(step):
    try:
        with hold_run_lock(root, step=step, now=datetime.now(UTC)):
            landing.repair(root)
            with (root / "work.txt").open("a") as log:
                log.write(f"{step} in\\n")
                log.flush()
                time.sleep(0.1)
                log.write(f"{step} out\\n")
        return 0
    except IngestError as error:
        sys.stderr.write(f"{error}\\n")
        return error.exit_code

for _ in range(int(sys.argv[3])):
    start, go = os.pipe()
    children = []
    for step in steps:
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(start, 1)
            code = run(step)
            sys.stderr.flush()
            os._exit(code)
        children.append(child)
    os.close(start)
    os.close(go)
    codes = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
    print(*sorted(codes))
"""


def start_together(root: Path, *steps: str, times: int) -> tuple[list[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(root), ",".join(steps), str(times)],
        capture_output=True, text=True, cwd=REPOSITORY, check=True,
    )  # fmt: skip
    return done.stdout.splitlines(), done.stderr


def assert_never_interleaved(root: Path) -> None:
    lines = (root / "work.txt").read_text().splitlines()
    for begun, ended in zip(lines[::2], lines[1::2], strict=True):
        assert ended == begun.replace(" in", " out")


@pytest.mark.parametrize(
    "times", [PAIRS, pytest.param(MANY_PAIRS, marks=pytest.mark.faults)]
)
def test_of_two_nights_started_together_exactly_one_works(
    tmp_path: Path, times: int
) -> None:
    codes, said = start_together(tmp_path, "night of 2026-10-31", "again", times=times)
    assert codes == ["0 75"] * times
    assert_never_interleaved(tmp_path)
    assert said.count("This warehouse is in use by") == times


def test_nightly_backfill_and_manual_run_do_not_interleave(tmp_path: Path) -> None:
    codes, _ = start_together(tmp_path, "night", "backfill", "manual", times=PAIRS)
    assert codes == ["0 75 75"] * PAIRS
    assert_never_interleaved(tmp_path)


@pytest.fixture
def analyst(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Open the build file in another process, as an analyst's tool does."""
    started: list[subprocess.Popen[str]] = []
    code = (
        "import duckdb, sys, time\n"
        "con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'True')\n"
        "print('open', flush=True)\nsys.stdin.read()\n"
    )

    def start(*, read_only: bool) -> int:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "warehouse.duckdb"), str(read_only)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        return process.pid

    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        con.execute("create table t as select 1 as x")
    yield start
    for process in started:
        process.communicate("")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_build_file_held_elsewhere_is_waited_for_then_named(
    tmp_path: Path, analyst: Callable[..., int], *, read_only: bool
) -> None:
    pid = analyst(read_only=read_only)
    waits: list[float] = []
    said: list[str] = []
    with pytest.raises(ForeignHolderError, match=rf"PID {pid}\) for 5 s") as held:
        prepare_build_file(
            tmp_path / "warehouse.duckdb",
            sleep=waits.append,
            say=said.append,
            patience_seconds=5,
        )
    assert held.value.exit_code == 75
    assert sum(waits) == 5
    assert "waiting up to 5 s" in said[0]
    assert "python" in said[0]


def test_a_build_file_closed_in_time_is_no_trouble(
    tmp_path: Path, analyst: Callable[..., int]
) -> None:
    pid = analyst(read_only=False)
    said: list[str] = []

    def close_meanwhile(_seconds: float) -> None:
        os.kill(pid, 15)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    prepare_build_file(
        tmp_path / "warehouse.duckdb",
        sleep=close_meanwhile,
        say=said.append,
        patience_seconds=600,
    )
    assert len(said) == 1
