"""One stage for every test of kills: the small company after its first and second night.

Belongs here: starting the stage and readers, taking the root back to a known morning. Stays
out: the nights themselves (`theatre`), what must hold (`invariants`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import pytest

from tests.faults import invariants, world

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a night ended."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True)
class Stage:
    """The process nights are played in, its root, and copies of that root."""

    folder: Path
    orders: IO[str]
    answers: IO[str]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def published(self) -> Path:
        return self.root / "published"

    def play(self, *, expect: int | None = 0, **order: Any) -> Ended:
        """Play one night; its exit code is one it may have, and the expected one."""
        order.setdefault("as_of", world.SECOND.isoformat())
        order.setdefault("reached", str(self.folder / "reached.txt"))
        self.orders.write(json.dumps(order) + "\n")
        self.orders.flush()
        ended = Ended(**json.loads(self.answers.readline()))
        assert invariants.exit_code_is_known(ended.code) == [], ended.said
        assert expect is None or ended.code == expect, (order, ended)
        return ended

    def keep(self, name: str) -> None:
        """Keep the root as it is under a name."""
        shutil.copytree(self.root, self.folder / "kept" / name, symlinks=True)

    def go_back(self, name: str) -> None:
        """Put the root back to how it was kept."""
        subprocess.run(["chmod", "-R", "u+w", self.root], check=True)
        shutil.rmtree(self.root)
        # dbt's graph is the same all along, and its path is part of the variables.
        subprocess.run(["cp", "-a", self.folder / "kept" / name, self.root], check=True)

    def pages_asked(self) -> int:
        return len((self.folder / "asked.txt").read_text("utf-8").splitlines())


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, with the mornings `first` (one night), `landed`, `built`, `second` kept."""
    folder = tmp_path_factory.mktemp("theatre")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.theatre", str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin, process.stdout:
        assert process.stdout.readline() == "ready\n"
        stage = Stage(folder, process.stdin, process.stdout)
        stage.play(as_of=world.FIRST.isoformat())
        stage.keep("first")
        stage.play(last="land")
        stage.keep("landed")
        stage.play(first="build", last="build")
        stage.keep("built")
        stage.play(first="publish")
        stage.keep("second")
        yield stage


def content(root: Path) -> str:
    """Return what readers are told, as one hash."""
    return invariants.content_of(served(root).parent)


def served(root: Path) -> Path:
    """Return the file readers of ad spend open."""
    build = invariants.served_build(root)
    assert build is not None
    own = build / "marketing.duckdb"
    return own if own.is_file() else build / "bi.duckdb"


@pytest.fixture(scope="session")
def never_killed(stage: Stage) -> str:
    """What the second night publishes when nothing happens to it."""
    stage.go_back("second")
    return content(stage.root)


class Reading:
    """Readers at work; `stop` says how it went for them."""

    def __init__(self, published: Path, folder: Path, count: int) -> None:
        self.stop_file = folder / "stop"
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.faults.readers", str(published), str(self.stop_file)],
                stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
            )
            for _ in range(count)
        ]  # fmt: skip
        self.found: list[dict[str, Any]] = []

    def wait_until_ready(self) -> None:
        """Wait until every reader has begun to ask."""
        while len(list(self.stop_file.parent.glob("stop.ready*"))) < len(
            self.processes
        ):
            assert self.is_asking()
            time.sleep(0.02)

    def is_asking(self) -> bool:
        return all(process.poll() is None for process in self.processes)

    def stop(self) -> list[dict[str, Any]]:
        """End the readers and return what each found."""
        self.stop_file.touch()
        while self.processes:
            said, _ = self.processes.pop().communicate(timeout=60)
            self.found.append(json.loads(said))
        return self.found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def held_invariants(root: Path, said: str = "") -> None:
    """Check everything that must hold after a second night that ended well."""
    file = served(root)
    nights = [world.FIRST, world.SECOND]
    broken = [
        *invariants.raw_holds(root, world.raw_truth(nights)),
        *invariants.staging_equals(root, world.truth(world.SECOND)),
        *invariants.keys_hold(root, file),
        *invariants.totals_agree(root, file),
        *invariants.served_is_whole(root),
        *invariants.cursors_follow(root),
        *leaks(root, said),
    ]
    assert broken == []


def held_mid_way(root: Path, said: str = "") -> None:
    """Check what must hold at every instant, also right after a kill."""
    broken = [
        *invariants.served_is_whole(root, mid_way=True),
        *invariants.cursors_follow(root),
        *leaks(root, said),
    ]
    assert broken == []


def leaks(root: Path, said: str) -> list[str]:
    return invariants.nothing_leaks(
        root, secrets=[world.TOKEN], persons=[world.PERSON], said=[said]
    )
