"""kill -9 at every point of a close: nothing, or a whole close; the same command heals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.periods.chain import closes_dir, repair_closes, verify_closes
from tests.faults.test_fault_points import points_in_code
from tests.unit.orchestration.closing_desk import HOA, Desk

KILLED = -9
POINTS = sorted(name for name in points_in_code() if name.startswith("close."))
WHOLE = frozenset({"close.recorded", "close.named"})
"""From here on the close stands."""


def close(desk: Desk, label: str, orders: str = "") -> subprocess.CompletedProcess[str]:
    """Close a month of finance through the command, armed to die where `orders` say."""
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("warehouse")), "close", label,
            "--area", "finance", "--by", HOA, "--root", str(desk.root),
            "--config", str(desk.root / "warehouse.yml"),
        ],
        env={**os.environ, "WAREHOUSE_FAULTS": orders},  # noqa: TID251 - a child process
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


# `file.written` is the chain's new line, on the disk and not yet in its place.
@pytest.mark.parametrize("point", [*POINTS, "file.written"])
def test_a_killed_close_is_nothing_or_whole_and_the_same_command_goes_on(
    tmp_path: Path, point: str
) -> None:
    desk = Desk(tmp_path, {("billings", "2026-10"): "250.5"})
    desk.publish()
    killed = close(desk, "2026-10", f"{point}=kill")
    assert killed.returncode == KILLED, killed.stderr
    is_whole = point in WHOLE
    # Proof holds before anything is repaired, and a look at the status takes no lock.
    assert len(verify_closes(desk.root)) == is_whole
    again = close(desk, "2026-10")
    if is_whole:
        assert again.returncode == 78
        assert "finance 2026-10 is closed since" in again.stderr
    else:
        assert again.returncode == 0, again.stderr
    (entry,) = verify_closes(desk.root)
    assert sorted(entry.files) == [
        "figures.csv", "figures.parquet", "inputs.parquet", "record.json",
        "tables/fct_mrr_monthly.parquet",
    ]  # fmt: skip
    repair_closes(desk.root)
    assert [p for p in closes_dir(desk.root).rglob("*") if p.suffix == ".tmp"] == []
