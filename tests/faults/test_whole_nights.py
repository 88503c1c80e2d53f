"""The long lane: whole nights through the command on the real models, killed and stopped.

What `test_kills` does to a small night in milliseconds is done here to the night a company
runs: Dagster, the real dbt project, every gate, the page. Measured alone on two cores a whole
night takes about 30 s, so each case costs about a minute.
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
NOT_IN_A_FIRST_TRY = {
    # Only a date that landed and was not promoted is landed over.
    "land.swapped_out": "gate.raw_judged=kill",
}


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
def untouched(company: Company) -> str:
    """What the second night publishes when nothing happens to it."""
    company.go_back()
    _, said, company.seconds = company.night()
    held_invariants(company.root, said)
    return content(company.root)


@pytest.mark.parametrize("point", sorted(points_in_code()))
def test_kill_at_every_point(
    company: Company, untouched: str, point: str, tmp_path: Path
) -> None:
    company.go_back()
    with Reading(company.root / "published", tmp_path, 1) as readers:
        if point == "publish.build_put_aside":
            _publish_until_one_goes(company)
        if point in NOT_IN_A_FIRST_TRY:
            company.night(NOT_IN_A_FIRST_TRY[point], expect=KILLED)
        _, said, _ = company.night(f"{point}=kill", expect=KILLED)
        held_mid_way(company.root, said)
        _, said, _ = company.night()
    assert content(company.root) == untouched
    held_invariants(company.root, said)
    assert invariants.readers_were_served(readers.found[0]) == []


def _publish_until_one_goes(company: Company) -> None:
    for _ in range(3):
        company.night()


def test_kill_at_random_instants(
    company: Company, untouched: str, tmp_path: Path
) -> None:
    chance = random.Random(20261101)  # noqa: S311 - seeded on purpose
    company.go_back()
    with Reading(company.root / "published", tmp_path, 1) as readers:
        for number in range(RANDOM_KILLS):
            company.night(
                expect=None, send=signal.SIGKILL,
                after=chance.uniform(0, company.seconds),
            )  # fmt: skip
            held_mid_way(company.root)
            # Every other time a kill follows a kill; the rest heal and are compared.
            if number % 2:
                company.night()
                assert content(company.root) == untouched
                held_invariants(company.root)
    assert invariants.readers_were_served(readers.found[0]) == []


@pytest.mark.parametrize("number", range(STOPS))
@pytest.mark.parametrize("send", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_at_a_random_instant(
    company: Company, untouched: str, number: int, send: int
) -> None:
    chance = random.Random(f"{send} {number}")  # noqa: S311 - seeded on purpose
    company.go_back()
    # Python itself starts within the first half second and knows no handler yet.
    after = chance.uniform(1, company.seconds)
    code, said, seconds = company.night(expect=None, send=send, after=after)
    assert code in {0, 75, 130}, said
    assert "Traceback" not in said
    assert seconds < MOST_SECONDS_TO_STOP
    held_mid_way(company.root, said)
    company.night()
    assert content(company.root) == untouched
    held_invariants(company.root)


def test_every_point_was_reached_by_these_nights(company: Company) -> None:
    reached = set((company.folder / "reached.txt").read_text("utf-8").split())
    assert set(points_in_code()) - reached == set()
