"""Sixty nights with everything they leave behind: what is kept does not grow with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import invariants, world
from tests.faults.test_catch_up import content, play

if TYPE_CHECKING:
    from pathlib import Path

NIGHTS = 60
AFTER = 20
"""By then every bound is reached: 4 builds, 14 runs, 14 whole reports. A night report after
that stays, without its verdicts, for 400 nights."""
BOUND = 1.1
KEPT = 4
"""As the small company configures it."""
DATA = ("raw", "archive", "drop", "ledger.jsonl", "asked.txt")
"""Grows with what the sources deliver, one batch a night; never pruned."""


def sizes(root: Path) -> dict[str, int]:
    """Bytes by what they are, data and cursors apart from what nights leave behind."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    for path in root.rglob("*"):
        status = path.lstat()
        if not path.is_file() or path.is_symlink() or status.st_ino in seen:
            continue
        seen.add(status.st_ino)
        parts = path.relative_to(root).parts
        is_data = bool(set(parts) & set(DATA)) or (
            parts[0] == "state" and len(parts) == 3 and parts[1] != "nights"
        )
        what = "data" if is_data else parts[0]
        found[what] = found.get(what, 0) + status.st_size
    return found


@pytest.mark.faults
def test_sixty_nights_take_little_more_than_twenty(tmp_path: Path) -> None:
    root = tmp_path / "root"
    days = [world.FIRST + number * world.DAY for number in range(NIGHTS)]
    play(tmp_path, "nights", *days[:AFTER])
    early = sizes(root)
    play(tmp_path, "nights", *days[AFTER:])
    late = sizes(root)
    kept = {name: (early[name], late[name]) for name in early if name != "data"}
    grown = sum(b for _, b in kept.values()) / sum(a for a, _ in kept.values())
    assert grown <= BOUND, (grown, kept)
    assert len(list((root / "published").glob("2*"))) == KEPT
    assert late["data"] > early["data"], "data is kept"
    assert invariants.served_is_whole(root) == []
    assert len(content(tmp_path)) > 0
    for name, (before, after) in sorted(kept.items()):
        print(f"{name}: {before / 1e6:.1f} MB -> {after / 1e6:.1f} MB")  # noqa: T201 - the figures are the result
    print(f"kept: {grown:.3f} x; data {early['data']} -> {late['data']}")  # noqa: T201 - the figures are the result
