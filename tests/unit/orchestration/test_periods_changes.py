"""Which landed rows say something else than before: what restatements name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from ingest import ledger
from ingest.closed_files import CHANGES_FILE
from ingest.manifest import AccountCoverage, BatchManifest
from ingest.paths import closed_dir
from orchestration.periods.changes import export_changes
from tests.pipeline.raw_fixture import RawBatch, write_raw

if TYPE_CHECKING:
    from pathlib import Path

ZONE = "Asia/Ho_Chi_Minh"
CLOSED = date(2026, 10, 31)
FIRST, SECOND, THIRD = date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 4)
DAY = timedelta(days=1)


def land(root: Path, *batches: RawBatch, is_full_list: bool = False) -> None:
    """Put batches into raw and the ledger as ingest does."""
    write_raw(root / "raw", batches)
    (root / "state" / "ledger.jsonl").unlink(missing_ok=True)
    for batch in batches:
        part = AccountCoverage(
            "", len(batch.rows), 0, None, None, batch.first_day, batch.last_day
        )
        ledger.append(
            root,
            BatchManifest(
                kind=batch.kind, entity=batch.entity, stream=batch.stream,
                load_date=batch.load_date, batch_id=batch.batch_id,
                source_name=batch.source_name, legal_entity=batch.legal_entity,
                mode=batch.mode, is_full_list=is_full_list and bool(batch.rows),
                has_gap=False,
                row_count=len(batch.rows), quarantined_count=0,
                extracted_at=batch.extracted_at, coverage=(part,), totals=(),
                new_cursor=None, file_sha256s=(), unknown_fields=(),
                parquet_sha256="s", parquet_bytes=1,
            ),
        )  # fmt: skip


def changes(
    root: Path, *, since: date | None = FIRST, until: date = THIRD
) -> list[tuple[Any, ...]]:
    """Record, change, load date and days of every changed row dbt is given."""
    export_changes(root, since=since, until=until, closed_through=CLOSED, zone=ZONE)
    rows = pq.read_table(closed_dir(root) / CHANGES_FILE).to_pylist()
    return sorted(
        (row["record"], row["change"], row["load_date"], tuple(row["dates"]))
        for row in rows
    )


def invoices(load: date, **totals: tuple[int, datetime]) -> RawBatch:
    rows = [
        {"invoice_id": name, "currency": "VND", "total": Decimal(total),
         "finalized_at": at}
        for name, (total, at) in totals.items()
    ]  # fmt: skip
    return RawBatch("files", "drop", "invoices", load, rows, mode="upsert")


@pytest.fixture
def october() -> datetime:
    # 1 October in Hà Nội.
    return datetime(2026, 9, 30, 18, tzinfo=UTC)


def test_only_rows_that_say_something_else_are_changes(
    tmp_path: Path, october: datetime
) -> None:
    november = datetime(2026, 11, 1, 3, tzinfo=UTC)
    same = {"i1": (10, october)}
    land(
        tmp_path,
        invoices(FIRST, i1=(10, october), i2=(20, october), i3=(30, october)),
        # An older version comes back: it differs from what was said last.
        RawBatch("files", "drop", "invoices", SECOND, [
            dict(invoices(FIRST, **same).rows[0]),
            *invoices(SECOND, i2=(21, october), i4=(40, november)).rows,
        ], mode="upsert"),
        invoices(THIRD, i2=(20, october), i3=(30, november)),
    )  # fmt: skip
    day, later = date(2026, 10, 1), date(2026, 11, 1)
    assert changes(tmp_path) == [
        ("i2", "changed", SECOND, (day,)),
        ("i2", "changed", THIRD, (day,)),
        # It tells of both days: the one it left and the one it went to.
        ("i3", "changed", THIRD, (day, later)),
    ]
    # Without i4, which tells of no closed day. A night of the past sees what it saw.
    assert changes(tmp_path, until=SECOND) == [("i2", "changed", SECOND, (day,))]
    assert changes(tmp_path, since=SECOND) == changes(tmp_path)[1:]
    assert changes(tmp_path, since=None) == []


def test_a_record_gone_from_a_whole_list_is_removed_once(
    tmp_path: Path, october: datetime
) -> None:
    both = invoices(FIRST, i1=(10, october), i2=(20, october))
    one = dict(both.rows[0])
    land(
        tmp_path,
        both,
        RawBatch("files", "drop", "invoices", SECOND, [one]),
        RawBatch("files", "drop", "invoices", THIRD, [one]),
        is_full_list=True,
    )
    day = date(2026, 10, 1)
    assert changes(tmp_path) == [("i2", "removed", SECOND, (day,))]


def test_a_night_without_a_new_list_is_passed_over(
    tmp_path: Path, october: datetime
) -> None:
    """The file of the night before lay there again: its batch has no row and is no list."""
    both = invoices(FIRST, i1=(10, october), i2=(20, october))
    land(
        tmp_path,
        both,
        RawBatch("files", "drop", "invoices", SECOND, []),
        invoices(THIRD, i1=(10, october), i2=(21, october)),
        is_full_list=True,
    )
    day = date(2026, 10, 1)
    assert changes(tmp_path) == [("i2", "changed", THIRD, (day,))]


def spend(load: date, first: date, last: date, **amounts: str) -> RawBatch:
    rows = [
        {"platform": "google", "ad_account_id": "a", "campaign_id": name,
         "ad_group_id": "", "ad_id": "", "date": first, "spend": Decimal(amount),
         "currency": "VND"}
        for name, amount in amounts.items()
    ]  # fmt: skip
    return RawBatch(
        "files", "ads", "ad_performance_daily", load, rows, mode="replace_period",
        first_day=first, last_day=last,
    )  # fmt: skip


def test_of_a_day_covered_again_what_moved_came_or_vanished_is_told(
    tmp_path: Path,
) -> None:
    land(
        tmp_path,
        spend(FIRST, CLOSED, CLOSED, c1="10", c2="20", c3="30"),
        spend(SECOND, CLOSED, CLOSED, c1="10", c2="21", c4="5"),
        # Another day says nothing of it, and c3 is gone already.
        spend(THIRD, CLOSED + DAY, CLOSED + DAY, c1="99"),
    )
    found = [
        (record.split("|")[2:4], change) for record, change, *_ in changes(tmp_path)
    ]
    named = sorted((parts, change) for parts, change in found)
    assert [change for _, change in named] == ["changed", "removed", "added"]


def test_a_replaced_batch_is_compared_again(tmp_path: Path, october: datetime) -> None:
    first = invoices(FIRST, i1=(10, october))
    land(tmp_path, first, invoices(SECOND, i1=(11, october)))
    assert len(changes(tmp_path)) == 1
    land(tmp_path, first, invoices(SECOND, i1=(12, october), i2=(5, october)))
    assert [row[:2] for row in changes(tmp_path)] == [
        ("i1", "changed"),
        ("i2", "added"),
    ]
    assert len(list((tmp_path / "state" / "changes").iterdir())) == 1


def test_a_line_tells_of_the_day_it_was_billed_on_whatever_its_service(
    tmp_path: Path, october: datetime
) -> None:
    """Billed in October: a year's service from November on, and an item with no service."""

    def lines(load: date, ahead: int, item: int) -> RawBatch:
        november = datetime(2026, 11, 10, tzinfo=UTC)
        rows = [
            {"line_id": "ahead", "invoice_id": "i1", "amount": Decimal(ahead),
             "currency": "VND", "service_starts_at": november,
             "service_ends_at": november + 365 * DAY},
            {"line_id": "item", "invoice_id": "i1", "amount": Decimal(item),
             "currency": "VND"},
            {"line_id": "alone", "invoice_id": "nowhere", "amount": Decimal(item),
             "currency": "VND"},
        ]  # fmt: skip
        return RawBatch("files", "drop", "invoice_lines", load, rows, mode="upsert")

    land(
        tmp_path,
        invoices(FIRST, i1=(30, october)),
        lines(FIRST, 10, 20),
        lines(SECOND, 11, 19),
    )
    billed = date(2026, 10, 1)
    assert changes(tmp_path) == [
        ("ahead", "changed", SECOND, (billed, date(2026, 11, 10), date(2027, 11, 10))),
        ("item", "changed", SECOND, (billed,)),
    ]
