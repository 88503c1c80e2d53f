"""The short lane of the fuzzer; `python -m tests.files.fuzz --minutes 30` is the long one."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.files.fuzz import check_seed

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 8
FEWEST = 20


def test_no_damaged_file_crashes_hangs_or_loses_a_row(tmp_path: Path) -> None:
    outcomes: Counter[bool] = Counter()
    end = time.monotonic() + SECONDS
    seed = 0
    while seed < FEWEST or time.monotonic() < end:
        outcomes[bool(check_seed(seed, tmp_path).refusal)] += 1
        seed += 1

    assert outcomes[False] >= FEWEST // 4
