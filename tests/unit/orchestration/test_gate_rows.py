"""A landed batch gets the same verdict however few rows make a frame."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.catalogue import LandedBatch, raw_suite
from ingest.contracts import contract_of
from orchestration.gates import judge_rows

if TYPE_CHECKING:
    from pathlib import Path

ADS = contract_of("files", "ad_performance_daily")
GOOD = [
    {
        "platform": "meta",
        "ad_account_id": "a",
        "campaign_id": f"c{number}",
        "ad_group_id": "",
        "ad_id": "",
        "date": date(2026, 10, 31),
        "spend": Decimal("1.50"),
        "currency": "VND",
        "impressions": 7,
        "clicks": None,
        "source_name": "drop",
        "source_account": "",
        "legal_entity": "acme",
        "_payload": "{}",
        "_source_ref": f"0123:{number}",
        "_batch_id": "b",
        "_load_date": date(2026, 11, 1),
        "_extracted_at": datetime(2026, 10, 31, 19, tzinfo=UTC),
        "_row_hash": "0" * 64,
    }
    for number in range(10)
]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {0: {"spend": None}},
        {0: {"impressions": -1}, 9: {"clicks": -5}},
        {3: {"currency": "vnd"}, 4: {"currency": "dong"}},
        # The same key far apart: no slice of three rows holds it twice.
        {9: {"campaign_id": "c0"}, 8: {"campaign_id": "c0"}, 5: {"campaign_id": "c1"}},
    ],
)
def test_three_rows_or_a_hundred_thousand_make_no_difference(
    tmp_path: Path, broken: dict[int, dict[str, object]]
) -> None:
    rows = [{**row, **broken.get(number, {})} for number, row in enumerate(GOOD)]
    path = tmp_path / "batch.parquet"
    pq.write_table(pa.Table.from_pylist(rows, ADS.arrow_schema()), path)
    batch = LandedBatch("files", ADS.name, ADS.key, usual_row_counts=(20, 20, 24))
    suite = raw_suite(batch)

    as_frame = judge_rows(suite, path, row_count=len(rows))
    measured = judge_rows(suite, path, row_count=len(rows), frame_rows=3)

    assert measured == as_frame
    assert as_frame.passed is (not broken)
