"""The fault points themselves: listed from the code, armed, and free of charge when not."""

from __future__ import annotations

import ast
import errno
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ingest import faults
from ingest.errors import ConfigError
from orchestration.settings import arm_faults

CODE = Path(__file__).resolve().parents[2]
STEPS = (
    "fetch.", "archive.", "land.", "file.", "gate.raw", "promote.", "ledger.", "export.",
    "dbt.", "gate.table", "publish.", "close.",
)  # fmt: skip
"""Every step a process can die in; `test_kills` kills at each point of each step of a night,
`test_closes` at each of a close."""


def points_in_code() -> Counter[str]:
    """Return every point the source code names, with how often it does."""
    found: Counter[str] = Counter()
    for package in ("ingest", "expectations", "orchestration"):
        for path in sorted((CODE / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id == "fault"
                ):
                    (name,) = node.args
                    assert isinstance(name, ast.Constant), f"{path}: name it plainly"
                    found[name.value] += 1
    return found


def test_every_point_has_a_name_of_its_own_and_belongs_to_a_step() -> None:
    points = points_in_code()
    assert [name for name, count in points.items() if count > 1] == []
    assert [name for name in points if not name.startswith(STEPS)] == []
    assert [step for step in STEPS if not any(n.startswith(step) for n in points)] == []


@pytest.fixture(autouse=True)
def _disarmed() -> None:
    faults.arm("")


def test_a_point_does_nothing_unless_armed_and_costs_nothing() -> None:
    began = time.perf_counter()
    for _ in range(100_000):
        faults.fault("promote.moved")
    # Measured 5 ms; a night passes a few hundred points.
    assert time.perf_counter() - began < 1


def test_the_nth_time_a_point_is_reached_is_the_one_that_fails() -> None:
    faults.arm("promote.moved#2=raise:ENOSPC, publish.began=sleep:0.01")
    try:
        faults.fault("promote.moved")
        faults.fault("publish.began")
        with pytest.raises(OSError, match="No space left") as failed:
            faults.fault("promote.moved")
        assert failed.value.errno == errno.ENOSPC
        faults.fault("promote.moved")
    finally:
        faults.arm("")


def test_an_armed_process_is_killed_and_has_written_what_it_reached(
    tmp_path: Path,
) -> None:
    code = (
        "import sys\nfrom orchestration.settings import arm_faults\n"
        "from ingest.faults import fault\narm_faults()\n"
        "fault('land.landed')\nfault('land.landed')\nfault('promote.moved')\n"
        "sys.exit(3)\n"
    )
    record = tmp_path / "reached.txt"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "WAREHOUSE_FAULTS": "promote.moved=kill",
            "WAREHOUSE_FAULTS_REACHED": str(record),
        },
        cwd=CODE,
        check=False,
    )
    assert done.returncode == -9
    assert record.read_text().split() == ["land.landed", "promote.moved"]


@pytest.mark.parametrize(
    "order", ["promote.moved", "promote.moved=explode", "x=raise:ENOSUCH", "x#0=kill"]
)
def test_an_order_nobody_understands_is_refused(order: str) -> None:
    with pytest.raises(ConfigError, match="is not like"):
        arm_faults({"WAREHOUSE_FAULTS": order})
