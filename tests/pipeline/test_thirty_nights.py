"""A month of nights, each built, equals one backfill of the month; each night is the truth.

Takes about as long as thirty nights do, so it has a lane of its own: `make nights`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ingest.sandbox.company import build_company
from ingest.sandbox.truth import kpi_truth
from tests.pipeline.conftest import Warehouse
from tests.pipeline.test_nights import content, content_by_table
from tests.pipeline.test_truth import differences, published

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = date(2026, 9, 30)
NIGHTS = 30


@pytest.mark.long
def test_thirty_nights_equal_one_backfill_and_every_night_is_the_truth(
    tmp_path: Path,
) -> None:
    company = build_company(until=datetime(2027, 1, 1, tzinfo=UTC))
    nightly, backfilled = (
        Warehouse(tmp_path / "nightly"),
        Warehouse(tmp_path / "backfilled"),
    )
    nightly.night(BEFORE)
    backfilled.night(BEFORE)
    for number in range(1, NIGHTS + 1):
        as_of = BEFORE + timedelta(days=number)
        nightly.night(as_of)
        truth = {
            key: figure.value
            for key, figure in kpi_truth(company, as_of, first_as_of=BEFORE).items()
        }
        found = differences(truth, published(nightly, "month"))
        assert not found, f"night of {as_of}: {len(found)} differ:\n" + "\n".join(
            found[:20]
        )
    last = BEFORE + timedelta(days=NIGHTS)
    backfilled.run(
        "backfill",
        "--from",
        (BEFORE + timedelta(days=1)).isoformat(),
        "--to",
        last.isoformat(),
    )
    assert content_by_table(backfilled) == content_by_table(nightly)

    # Replaying an older night and going on again ends where it was, to the batch.
    by_nights = content(nightly)
    nightly.night(BEFORE + timedelta(days=NIGHTS - 1))
    nightly.night(last)
    assert content(nightly) == by_nights
