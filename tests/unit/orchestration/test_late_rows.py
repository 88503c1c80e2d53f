"""A file for a month that is closed: it lands, and the night says what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.landing import promote_batch, read_landed, record_gate
from orchestration.periods.chain import CLOSE, REOPEN, Entry, append_entry, read_chain
from orchestration.periods.late import describe_late_rows
from tests.files.landing import Drop

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "month,cost_type,amount,currency\n"
ZONE = "Asia/Ho_Chi_Minh"


def decide(root: Path, kind: str, area: str, period: str) -> None:
    entry = Entry(
        0, kind, "2026-10-05T00:00:00Z", "Lan", "c1", period=period, area=area
    )
    append_entry(root, read_chain(root), entry)


def said(drop: Drop) -> list[str]:
    manifest = drop.land().manifest
    batch = read_landed(drop.root, manifest.stream_path, manifest.load_date)
    assert batch is not None
    return describe_late_rows(drop.root, batch, ZONE)


def test_rows_of_a_closed_month_are_told_by_month_and_area(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs", {"files": "c*.csv"})
    drop.write("c.csv", HEAD + "2026-09-01,tool,1,USD\n2026-10-01,tool,2,USD\n")
    assert said(drop) == []

    decide(drop.root, CLOSE, "finance", "2026-09")

    assert said(drop) == [
        (
            "rows of closed months (1 of 2026-09; closed for finance): signed figures stay, what "
            "changes is booked in the first open month"
        )
    ]
    decide(drop.root, REOPEN, "finance", "2026-09")
    assert said(drop) == []


def test_rows_landed_before_say_nothing_new(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs", {"files": "c*.csv"})
    drop.write("c.csv", HEAD + "2026-09-01,tool,1,USD\n")
    landed = drop.land()
    batch = read_landed(
        drop.root, landed.manifest.stream_path, landed.manifest.load_date
    )
    assert batch is not None
    record_gate(batch, passed=True)
    decide(drop.root, CLOSE, "sales", "2026-09")
    assert len(describe_late_rows(drop.root, batch, ZONE)) == 1

    promote_batch(drop.root, batch)
    drop.write("c.csv", HEAD + "2026-09-01,tool,1,USD\n2026-10-01,tool,2,USD\n")

    assert said(drop) == []
