"""Damaged and foreign files through the landing path: every row is accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.files.corpus import DAMAGES, ENCODINGS, Case
from tests.files.landing import Drop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("case", [*ENCODINGS, *DAMAGES], ids=lambda case: case.name)
def test_a_file_is_read_exactly_or_refused_clearly(tmp_path: Path, case: Case) -> None:
    declared = {"max_quarantine_share": 1, **case.declared}
    drop = Drop(tmp_path, "costs", {"files": "c.csv", **declared})
    drop.write("c.csv", case.content)

    if case.message:
        assert case.message in drop.refusal()
        return
    landed = drop.land()

    channels = {line: row.get("channel", "") for line, row in landed.rows.items()}
    assert channels == case.channels
    assert [line for line, _, _ in landed.refused] == [line for line, _ in case.refused]
    for (_, _, reason), (_, expected) in zip(landed.refused, case.refused, strict=True):
        assert expected in reason
    assert landed.manifest.absorbed == case.absorbed
