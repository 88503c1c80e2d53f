"""The short lane of the fuzzer; `python -m tests.files.fuzz --minutes 30` is the long one."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.files.fuzz import check_seed
from tests.files.fuzz_packed import check_manifest, check_packed

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 8
SECONDS_PACKED = 2.5
FEWEST = 20


def test_no_damaged_file_crashes_hangs_or_loses_a_row(tmp_path: Path) -> None:
    outcomes: Counter[bool] = Counter()
    end = time.monotonic() + SECONDS
    seed = 0
    while seed < FEWEST or time.monotonic() < end:
        outcomes[bool(check_seed(seed, tmp_path).refusal)] += 1
        seed += 1

    assert outcomes[False] >= FEWEST // 4


def test_no_damaged_workbook_or_archive_crashes_hangs_or_loses_a_row(
    tmp_path: Path,
) -> None:
    outcomes: Counter[bool] = Counter()
    end = time.monotonic() + SECONDS_PACKED
    seed = 0
    while seed < FEWEST or time.monotonic() < end:
        outcomes[bool(check_packed(seed, tmp_path).refusal)] += 1
        seed += 1

    assert outcomes[False] >= FEWEST // 4


def test_any_manifest_is_read_or_refused(tmp_path: Path) -> None:
    refused = Counter(
        bool(check_manifest(seed, tmp_path).refusal) for seed in range(300)
    )

    assert min(refused[True], refused[False]) >= 30
