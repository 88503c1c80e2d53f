"""Nights that were missed, filled in and killed on the way: what readers get is the same.

One long lane: every test plays many whole nights of the small company in processes of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.faults import invariants, world

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST = world.FIRST
DAY = timedelta(days=1)
MISSED = 6
LAST = FIRST + (MISSED + 1) * DAY
KILLED = -signal.SIGKILL

pytestmark = pytest.mark.faults


def play(folder: Path, *words: object, faults: str = "", expect: int = 0) -> str:
    """Play nights in a process of their own; return what they said."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.faults.long_hauls",
            str(folder),
            *map(str, words),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "WAREHOUSE_FAULTS": faults},  # noqa: TID251 - a child process
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stderr[-4000:]
    return done.stderr


def content(folder: Path) -> str:
    build = invariants.served_build(folder / "root")
    assert build is not None
    return invariants.content_of(build)


def loads(folder: Path) -> Counter[tuple[str, str, str]]:
    """How often each source, entity and load date was promoted."""
    return Counter(
        (b["source_name"], b["entity"], b["load_date"])
        for b in invariants.ledger_lines(folder / "root")
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company after its first night."""
    folder = tmp_path_factory.mktemp("hauls") / "company"
    folder.mkdir()
    play(folder, "nights", FIRST)
    return folder


@pytest.fixture(scope="module")
def never_missed(first: Path) -> str:
    """What readers see after a fortnight of nights, each on its evening."""
    folder = first.with_name("nightly")
    shutil.copytree(first, folder, symlinks=True)
    play(folder, "nights", *(FIRST + n * DAY for n in range(1, MISSED + 2)))
    return content(folder)


@pytest.fixture
def company(first: Path, tmp_path: Path) -> Path:
    """A copy to go on with."""
    folder = tmp_path / "company"
    shutil.copytree(first, folder, symlinks=True)
    return folder


def test_missed_nights_killed_twice_end_where_no_missed_night_does(
    company: Path, never_missed: str
) -> None:
    before = loads(company)
    play(company, "nights", LAST, faults="promote.recorded#5=kill", expect=KILLED)
    play(company, "nights", LAST, faults="promote.moved#7=kill", expect=KILLED)
    assert invariants.served_is_whole(company / "root", mid_way=True) == []
    play(company, "nights", LAST)
    assert content(company) == never_missed
    added = loads(company) - before
    assert max(added.values()) == 1, "what had landed is not fetched again"
    assert len({day for _, _, day in added}) == MISSED + 1
    assert invariants.raw_holds(company / "root", world.raw_truth([FIRST, LAST])) == []


def test_one_missed_night_is_covered_by_the_next(company: Path, tmp_path: Path) -> None:
    nightly = tmp_path / "nightly"
    shutil.copytree(company, nightly, symlinks=True)
    play(nightly, "nights", FIRST + DAY, FIRST + 2 * DAY)
    play(company, "nights", FIRST + 2 * DAY)
    assert content(company) == content(nightly)


def test_a_backfill_killed_twice_equals_the_nights(
    company: Path, never_missed: str
) -> None:
    words = ("backfill", FIRST + DAY, LAST)
    play(company, *words, faults="promote.recorded#3=kill", expect=KILLED)
    # The last of its days is built: killed while it publishes, after everything landed.
    play(company, *words, faults="publish.renamed=kill", expect=KILLED)
    said = play(company, *words)
    assert "extracting" not in said
    assert content(company) == never_missed
    assert max(loads(company).values()) == 1
    assert not (company / "root" / "state" / "backfill.json").exists()


def test_history_of_one_source_changes_no_other(company: Path) -> None:
    play(company, "nights", FIRST + DAY)
    before, figures = loads(company), rows_of(company, "meta_main")
    asked = len((company / "asked.txt").read_text("utf-8").splitlines())
    early = date(2026, 10, 26)
    play(company, "backfill", early, early + DAY, "drop")
    added = loads(company) - before
    assert {source for source, _, _ in added} == {"drop"}
    assert len((company / "asked.txt").read_text("utf-8").splitlines()) == asked
    assert rows_of(company, "meta_main") == figures
    manifest = json.loads((current(company) / "manifest.json").read_text("utf-8"))
    assert manifest["as_of_date"] == (FIRST + DAY).isoformat()


def current(folder: Path) -> Path:
    return (folder / "root" / "published" / "current").resolve()


def rows_of(folder: Path, source: str) -> list[tuple[object, ...]]:
    """The published facts of one source."""
    with duckdb.connect(str(current(folder) / "bi.duckdb"), read_only=True) as con:
        return con.execute(
            "select * exclude (build_id) from fct_ad_performance_daily"
            " where source_name = ? order by all",
            [source],
        ).fetchall()
