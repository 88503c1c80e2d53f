from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.errors import EXIT_BUSY
from orchestration.lock import BusyError, hold_run_lock, read_holder

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


def test_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    with hold_run_lock(tmp_path, step="nightly 2026-10-31", now=NOW) as lock:
        lock.note_step("dbt")
        with (
            pytest.raises(BusyError) as refused,
            hold_run_lock(tmp_path, step="backfill", now=NOW),
        ):
            pass
    assert refused.value.exit_code == EXIT_BUSY
    assert refused.value.holder is not None
    assert refused.value.holder.pid == os.getpid()
    assert "2026-11-01T02:00:00+00:00 (dbt)" in str(refused.value)


def test_lock_is_free_again_and_says_nothing(tmp_path: Path) -> None:
    with hold_run_lock(tmp_path, step="one", now=NOW):
        pass
    assert read_holder(tmp_path) is None
    with hold_run_lock(tmp_path, step="two", now=NOW):
        holder = read_holder(tmp_path)
        assert holder is not None
        assert holder.step == "two"


def test_leftover_file_of_a_killed_holder_does_not_block(tmp_path: Path) -> None:
    code = (
        "import os,signal,sys,pathlib,datetime\n"
        "from orchestration.lock import hold_run_lock\n"
        "now = datetime.datetime.now(datetime.UTC)\n"
        "with hold_run_lock(pathlib.Path(sys.argv[1]), step='night', now=now):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode < 0
    assert read_holder(tmp_path) is not None
    with hold_run_lock(tmp_path, step="next", now=NOW):
        pass
