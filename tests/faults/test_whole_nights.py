"""The long lane: whole nights through the command on the real models, killed and stopped.

What `test_kills` does to a small night in milliseconds is done here to the night a company
runs: Dagster, the real dbt project, every gate, the page. A whole night takes about a minute
alone on two cores, so a night is killed several times on its way before it is let through.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults import invariants, world
from tests.faults.conftest import Reading, content, held_invariants, held_mid_way
from tests.faults.test_fault_points import points_in_code

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.faults

KILLED = -signal.SIGKILL
RANDOM_KILLS = 40
STOPS = 10
MOST_SECONDS_TO_STOP = 10
KILLS_IN_A_ROW = 5
NOT_OF_A_SECOND_NIGHT = {
    # Only a date that landed and was not promoted is landed over.
    "land.swapped_out": ["gate.raw_judged=kill"],
    # Only the fourth build pushes one out.
    "publish.build_put_aside": ["", "", ""],
}
"""What must have happened before a point is reached."""


@dataclass(frozen=True)
class Untouched:
    """The second night when nothing happens to it."""

    content: str
    points: list[str]
    """In the order it reaches them."""


@dataclass
class Company:
    """The small company's warehouse and the command on it."""

    folder: Path
    vendor: world.Vendor
    seconds: float = 0.0

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def night(
        self,
        faults: str = "",
        *,
        expect: int | None = 0,
        after: float = 0,
        send: int = 0,
    ) -> tuple[int, str, float]:
        """Run the second night; send a signal to it after some seconds."""
        command = [
            str(Path(sys.executable).with_name("warehouse")), "nightly",
            "--as-of", self.vendor.as_of.isoformat(), "--root", str(self.root),
            "--config", str(self.folder / "warehouse.yml"),
        ]  # fmt: skip
        environ = {
            **os.environ,  # noqa: TID251 - a child process
            world.TOKEN_ENV: world.TOKEN,
            "WAREHOUSE_FAULTS": faults,
            "WAREHOUSE_FAULTS_REACHED": str(self.folder / "reached.txt"),
        }
        process = subprocess.Popen(
            command, env=environ, text=True, cwd=self.folder, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        began = time.monotonic()
        if send:
            with suppress(subprocess.TimeoutExpired):
                process.wait(after)
            began = time.monotonic()
            with suppress(ProcessLookupError):
                kill = os.killpg if send == signal.SIGKILL else os.kill
                kill(process.pid, send)
        said, _ = process.communicate()
        seconds = time.monotonic() - began
        code = process.returncode
        assert invariants.exit_code_is_known(code) == [], said
        assert expect is None or code == expect, (faults, code, said)
        return code, said, seconds

    def go_back(self) -> None:
        """Put the warehouse back to the morning after its first night."""
        subprocess.run(["chmod", "-R", "u+w", self.root], check=True)
        subprocess.run(["rm", "-r", self.root], check=True)
        subprocess.run(["cp", "-a", self.folder / "first", self.root], check=True)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    vendor = world.Vendor(world.FIRST, folder / "asked.txt")
    (folder / "warehouse.yml").write_text(world.CONFIG.replace("URL", vendor.url))
    company = Company(folder, vendor)
    world.write_drop(folder / "drop", world.FIRST)
    company.night()
    subprocess.run(["cp", "-a", company.root, folder / "first"], check=True)
    vendor.as_of = world.SECOND
    world.write_drop(folder / "drop", world.SECOND)
    yield company
    vendor.shutdown()
    vendor.server_close()


@pytest.fixture(scope="module")
def untouched(company: Company) -> Untouched:
    """What the second night publishes when nothing happens to it."""
    company.go_back()
    reached = company.folder / "reached.txt"
    reached.unlink(missing_ok=True)
    _, said, company.seconds = company.night()
    held_invariants(company.root, said)
    points = list(dict.fromkeys(reached.read_text("utf-8").split()))
    return Untouched(content(company.root), points)


def heals(company: Company, untouched: Untouched) -> None:
    """Let the night through; it must publish what it would have published."""
    _, said, _ = company.night()
    assert content(company.root) == untouched.content
    held_invariants(company.root, said)


def test_kill_at_every_point_one_after_another(
    company: Company, untouched: Untouched, tmp_path: Path
) -> None:
    alone: list[list[str]] = []
    in_a_row = [
        untouched.points[first : first + KILLS_IN_A_ROW]
        for first in range(0, len(untouched.points), KILLS_IN_A_ROW)
    ]
    for row in in_a_row:
        survived = kill_in_a_row(company, untouched, row, tmp_path)
        alone += [[point] for point in survived]
    for row in alone:
        assert kill_in_a_row(company, untouched, row, tmp_path) == []


def kill_in_a_row(
    company: Company, untouched: Untouched, points: list[str], tmp_path: Path
) -> list[str]:
    """Kill one night at each point in turn; return those it no longer came past.

    What an earlier kill let happen is not done again: such a night ends well.
    """
    company.go_back()
    folder = tmp_path / f"{len(points)} from {points[0]}"
    folder.mkdir()
    survived = []
    with Reading(company.root / "published", folder, 1) as readers:
        for point in points:
            code, said, _ = company.night(f"{point}=kill", expect=None)
            assert code in {KILLED, 0}, (point, code, said)
            survived += [point] if code == 0 else []
            held_mid_way(company.root, said)
        heals(company, untouched)
    assert invariants.readers_were_served(readers.found[0]) == []
    return survived


@pytest.mark.parametrize("point", sorted(NOT_OF_A_SECOND_NIGHT))
def test_kill_at_a_point_that_takes_a_history(
    company: Company, untouched: Untouched, point: str, tmp_path: Path
) -> None:
    company.go_back()
    with Reading(company.root / "published", tmp_path, 1) as readers:
        for before in NOT_OF_A_SECOND_NIGHT[point]:
            company.night(before, expect=KILLED if before else 0)
        _, said, _ = company.night(f"{point}=kill", expect=KILLED)
        held_mid_way(company.root, said)
        heals(company, untouched)
    assert invariants.readers_were_served(readers.found[0]) == []


@pytest.mark.parametrize("row", range(RANDOM_KILLS // KILLS_IN_A_ROW))
def test_kill_at_random_instants(
    company: Company, untouched: Untouched, row: int, tmp_path: Path
) -> None:
    chance = random.Random(20261101 + row)  # noqa: S311 - seeded on purpose
    company.go_back()
    with Reading(company.root / "published", tmp_path, 1) as readers:
        for _ in range(KILLS_IN_A_ROW):
            company.night(
                expect=None, send=signal.SIGKILL,
                after=chance.uniform(0, company.seconds),
            )  # fmt: skip
            held_mid_way(company.root)
        heals(company, untouched)
    assert invariants.readers_were_served(readers.found[0]) == []


@pytest.mark.parametrize("row", range(STOPS // KILLS_IN_A_ROW))
@pytest.mark.parametrize("send", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_at_random_instants(
    company: Company, untouched: Untouched, row: int, send: int
) -> None:
    chance = random.Random(f"{send} {row}")  # noqa: S311 - seeded on purpose
    # A shell has what it starts in the background ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    company.go_back()
    for _ in range(KILLS_IN_A_ROW):
        # Python itself starts within the first half second and knows no handler yet.
        after = chance.uniform(1, company.seconds)
        code, said, seconds = company.night(expect=None, send=send, after=after)
        assert code in {0, 75, 130}, said
        assert "Traceback" not in said, said
        assert seconds < MOST_SECONDS_TO_STOP
        held_mid_way(company.root, said)
    heals(company, untouched)


def test_every_point_was_reached_by_these_nights(company: Company) -> None:
    reached = set((company.folder / "reached.txt").read_text("utf-8").split())
    of_nights = {name for name in points_in_code() if not name.startswith("close.")}
    assert of_nights - reached == set()
