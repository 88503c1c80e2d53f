"""Whole nights on the sandbox company, run as a user runs them: through the command.

The first night is run once per session and copied for each test that goes on from it: landing
24 months takes the longest, and what a test does to its copy no other test sees.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.settings import Home

FIRST_NIGHT = date(2026, 10, 30)
"""The company is two years old, the month is not over, and the next night ends it."""

WAREHOUSE = Path(sys.executable).with_name("warehouse")


@dataclass(frozen=True)
class Warehouse:
    """One root, and the command on it."""

    root: Path

    def run(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `warehouse …` on this root; fail with its output on another exit code."""
        done = subprocess.run(
            [str(WAREHOUSE), *arguments, "--root", str(self.root)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DO_NOT_TRACK": "1"},  # noqa: TID251 - a child process
        )
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        return done

    def night(self, as_of: date, *more: str, expect: int = 0) -> str:
        """Run one night and return what it said."""
        done = self.run("nightly", "--as-of", as_of.isoformat(), *more, expect=expect)
        return done.stdout + done.stderr

    @property
    def current(self) -> Path:
        """Folder of the build readers see."""
        return (self.root / "published" / "current").resolve()

    def manifest(self) -> dict[str, Any]:
        """The manifest of the build readers see."""
        return json.loads((self.current / "manifest.json").read_text("utf-8"))

    def query(self, sql: str, *, audience: str = "bi") -> list[tuple[Any, ...]]:
        """Ask the served file of an audience."""
        with duckdb.connect(
            str(self.current / f"{audience}.duckdb"), read_only=True
        ) as db:
            return db.execute(sql).fetchall()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that ask for the first night behind the others that build something.

    One process makes it while the others wait; what needs none of it is done meanwhile. The
    first file stays where it is, because it begins the night.
    """
    places = [i for i, item in enumerate(items) if "pipeline" in item.path.parts]
    ours = [items[place] for place in places]
    reads = {
        item.path for item in ours if "first_night" in getattr(item, "fixturenames", ())
    }
    begins = next((item.path for item in ours if item.path in reads), None)
    order = sorted(ours, key=lambda i: i.path != begins and 1 + (i.path in reads))
    for place, item in zip(places, order, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def first_night(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, parsed_project: Path
) -> Warehouse:
    """A warehouse after its first night; read it, do not run nights on it.

    Test processes share one: whichever needs it first runs it, the others wait for it.
    """
    folder = tmp_path_factory.getbasetemp()
    # With several processes each has its own folder below the one of the session.
    folder = folder if worker_id == "master" else folder.parent
    warehouse = Warehouse(folder / "first_night" / "root")
    with (folder / "first_night.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not warehouse.current.is_dir():
            shutil.copytree(parsed_project, Home(warehouse.root).dbt / "manifest")
            warehouse.night(FIRST_NIGHT)
    return warehouse


@pytest.fixture
def warehouse(first_night: Warehouse, tmp_path: Path) -> Warehouse:
    """A copy of the warehouse after its first night, to go on with."""
    copied = Warehouse(tmp_path / "root")
    shutil.copytree(first_night.root, copied.root, symlinks=True)
    return copied
