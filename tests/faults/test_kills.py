"""kill -9 at every named point: nothing lost, nothing twice, readers served, the next run heals."""

from __future__ import annotations

import random
import re
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import invariants, world
from tests.faults.conftest import (
    Reading,
    Stage,
    content,
    held_invariants,
    held_mid_way,
    leaks,
)
from tests.faults.test_fault_points import points_in_code

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLED = -signal.SIGKILL
RANDOM_KILLS = 5
"""Seeded instants over whole small nights in `make test`; each costs about 3 s. The long lane
kills 40 nights run through the command, and stops 20 (`test_whole_nights`)."""
NIGHT_SECONDS = 6.0
"""About what a small night takes alone."""
MOST_SECONDS_TO_STOP = 10

LANDING = (
    "fetch.", "archive.", "land.", "file.", "gate.raw", "promote.", "ledger.", "export.",
)  # fmt: skip
WRITING = tuple(step for step in LANDING if step != "fetch.")
"""Fetching itself writes nothing; what it received is written at the other points."""
OF_NO_STREAM = ("archive.", "export.", "ledger.")
NAMED = r"full: (land|judge|promote)\S* \S*(meta_main|drop)"
PUBLISHING = ("gate.table", "publish.")
BUILDING = ("dbt.",)


def points_of(prefixes: tuple[str, ...]) -> list[str]:
    return [name for name in sorted(points_in_code()) if name.startswith(prefixes)]


def promoted(stage: Stage) -> list[dict[str, Any]]:
    """The ledger's lines, each once: a batch promoted twice would stand there twice."""
    lines = invariants.ledger_lines(stage.root)
    ids = Counter((b["batch_id"], b["load_date"]) for b in lines)
    assert [batch for batch, count in ids.items() if count > 1] == []
    return sorted(lines, key=lambda b: (b["load_date"], b["batch_id"]))


@pytest.fixture(scope="module")
def landed(stage: Stage) -> list[dict[str, Any]]:
    """The ledger after the second night has landed and nothing happened to it."""
    stage.go_back("landed")
    return promoted(stage)


@pytest.mark.parametrize("point", points_of(LANDING))
def test_kill_while_landing_and_promoting(
    stage: Stage, point: str, landed: list[dict[str, Any]]
) -> None:
    stage.go_back("first")
    if point == "land.swapped_out":
        # Only a date that landed and was not promoted is landed over.
        stage.play(faults="gate.raw_judged=kill", last="land", expect=KILLED)
    killed = stage.play(faults=f"{point}=kill", last="land", expect=KILLED)
    held_mid_way(stage.root, killed.said)
    stage.play(last="land")
    assert promoted(stage) == landed
    told = world.raw_truth([world.FIRST, world.SECOND])
    assert invariants.raw_holds(stage.root, told) == []
    assert invariants.cursors_follow(stage.root) == []
    left = [p for p in stage.root.rglob("*.tmp") if "dbt" not in p.parts]
    assert left == []


@pytest.mark.parametrize("point", points_of(WRITING))
def test_a_disk_full_at_any_step_of_landing_leaves_nothing_half(
    stage: Stage, point: str, landed: list[dict[str, Any]]
) -> None:
    """B1: 74 with the bytes free and needed; with room again the night lands the same."""
    stage.go_back("first")
    if point == "land.swapped_out":
        stage.play(faults="gate.raw_judged=kill", last="land", expect=KILLED)
    full = stage.play(faults=f"{point}=raise:ENOSPC", last="land", expect=74)
    assert "Traceback" not in full.said
    assert "No space left" in full.said
    assert "bytes are free" in full.said
    # The archive of files and the ledger are of all streams.
    assert point.startswith(OF_NO_STREAM) or re.search(NAMED, full.said), full.said
    held_mid_way(stage.root, full.said)
    stage.play(last="land")
    assert promoted(stage) == landed
    told = world.raw_truth([world.FIRST, world.SECOND])
    assert invariants.raw_holds(stage.root, told) == []
    assert [p for p in stage.root.rglob("*.tmp") if "dbt" not in p.parts] == []


def test_kill_after_every_page_costs_at_most_that_page(
    stage: Stage, landed: list[dict[str, Any]]
) -> None:
    stage.go_back("first")
    before = stage.pages_asked()
    stage.play(last="land")
    pages = stage.pages_asked() - before
    stage.go_back("first")
    before, kills = stage.pages_asked(), 0
    # One new page is kept each time and the next one lost, until there is none to lose.
    while (
        stage.play(faults="fetch.page#2=kill", last="land", expect=None).code == KILLED
    ):
        kills += 1
        assert kills < pages
    assert kills >= pages / 2 - 1
    assert stage.pages_asked() - before <= pages + kills
    assert promoted(stage) == landed


@pytest.fixture(scope="module")
def under_readers(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reading]:
    """Two readers asking all the time, over one publication after the other."""
    stage.go_back("built")
    with Reading(stage.published, tmp_path_factory.mktemp("readers"), 2) as reading:
        yield reading


# The oldest build is put aside only once more than are kept have been published.
@pytest.mark.parametrize(
    "point", sorted(points_of(PUBLISHING), key="publish.build_put_aside".__eq__)
)
def test_kill_while_judging_and_publishing(
    stage: Stage, point: str, never_killed: str, under_readers: Reading
) -> None:
    killed = stage.play(faults=f"{point}=kill", first="publish", expect=KILLED)
    held_mid_way(stage.root, killed.said)
    stage.play(first="publish")
    assert content(stage.root) == never_killed
    held_invariants(stage.root)
    hidden = {p.name for p in stage.published.iterdir() if p.name[0] == "."}
    assert hidden == {".lock"}
    assert under_readers.is_asking()


def test_readers_of_those_publications_met_no_error_and_no_mix(
    under_readers: Reading,
) -> None:
    for found in under_readers.stop():
        assert invariants.readers_were_served(found) == []
        assert found["builds"] > len(points_of(PUBLISHING)) / 2


def test_kill_around_and_in_dbt(stage: Stage, never_killed: str) -> None:
    stage.go_back("landed")
    before = content(stage.root)
    for point in points_of(BUILDING):
        killed = stage.play(
            faults=f"{point}=kill", first="build", whole_group=False, expect=KILLED
        )
        held_mid_way(stage.root, killed.said)
        assert content(stage.root) == before
    stage.play(first="build")
    assert content(stage.root) == never_killed
    held_invariants(stage.root)


def test_kill_and_stop_at_random_instants_of_whole_nights(
    stage: Stage, never_killed: str
) -> None:
    chance = random.Random(20261031)  # noqa: S311 - seeded on purpose
    stage.go_back("first")
    for _ in range(RANDOM_KILLS):
        killed = stage.play(
            after=chance.uniform(0, NIGHT_SECONDS), signal=signal.SIGKILL, expect=None
        )
        assert killed.code in {0, KILLED}, killed.said
        held_mid_way(stage.root, killed.said)
    stopped = stage.play(
        after=chance.uniform(0.1, NIGHT_SECONDS), signal=signal.SIGTERM,
        whole_group=False, expect=None,
    )  # fmt: skip
    assert stopped.code in {0, 75, 130}, stopped.said
    assert stopped.seconds < MOST_SECONDS_TO_STOP
    assert "Traceback" not in stopped.said
    held_mid_way(stage.root, stopped.said)
    stage.play()
    assert content(stage.root) == never_killed
    held_invariants(stage.root)


def test_every_point_of_the_code_was_reached(stage: Stage) -> None:
    reached = set((stage.folder / "reached.txt").read_text("utf-8").split())
    # A close is no night: `test_periods` kills it.
    of_nights = {name for name in points_in_code() if not name.startswith("close.")}
    assert of_nights - reached == set()
    assert leaks(stage.root, "") == []
