"""A file for a month that is closed: it lands, and the night says what becomes of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from ingest.closed_files import CHANGES_FILE
from ingest.landing import promote_batch, read_landed, record_gate
from ingest.paths import closed_dir
from orchestration.periods.chain import CLOSE, REOPEN, Entry, append_entry, read_chain
from orchestration.periods.changes import export_changes
from orchestration.periods.late import describe_late_rows
from tests.files.landing import AS_OF, Drop, Landed, line_of

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "month,cost_type,amount,currency\n"
ZONE = "Asia/Ho_Chi_Minh"
DAY = dt.timedelta(days=1)


def decide(root: Path, kind: str, area: str, period: str) -> None:
    entry = Entry(
        0, kind, "2026-10-05T00:00:00Z", "Lan", "c1", period=period, area=area
    )
    append_entry(root, read_chain(root), entry)


def promote(drop: Drop, landed: Landed) -> None:
    batch = read_landed(
        drop.root, landed.manifest.stream_path, landed.manifest.load_date
    )
    assert batch is not None
    record_gate(batch, passed=True)
    promote_batch(drop.root, batch)


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


def test_a_corrected_file_for_a_closed_month_lands_and_every_row_of_it_is_a_change(
    tmp_path: Path,
) -> None:
    """Signed figures stay; what a restatement names is the record and its line in the file."""
    drop = Drop(tmp_path, "costs", {"files": "c*.csv", "mode": "replace_period"})
    drop.write(
        "c.csv",
        HEAD
        + "2026-09-01,tool,1,USD\n2026-09-01,agency,2,USD\n2026-09-01,other,3,USD\n",
    )
    first = drop.land()
    promote(drop, first)
    decide(drop.root, CLOSE, "finance", "2026-09")

    # One amount corrected, one row taken out, one new; the month after is open.
    drop.write(
        "c.csv",
        HEAD
        + "2026-09-01,tool,1,USD\n2026-09-01,agency,5,USD\n2026-09-01,salary,4,USD\n"
        "2026-10-01,tool,1,USD\n",
    )
    second = drop.land(AS_OF + DAY)

    # Nothing of it is kept out.
    assert (second.manifest.row_count, second.refused) == (4, [])
    batch = read_landed(
        drop.root, second.manifest.stream_path, second.manifest.load_date
    )
    assert batch is not None
    [line] = describe_late_rows(drop.root, batch, ZONE)
    assert line.startswith("rows of closed months (2 of 2026-09, 1 gone of 2026-09; ")

    promote(drop, second)
    export_changes(
        drop.root,
        since=first.manifest.load_date,
        until=second.manifest.load_date,
        closed_through=dt.date(2026, 9, 30),
        zone=ZONE,
    )
    rows = pq.read_table(closed_dir(drop.root) / CHANGES_FILE).to_pylist()
    found = {
        (row["record"].split("|")[1], row["change"], line_of(row["source_ref"]))
        for row in rows
    }
    assert found == {
        ("agency", "changed", 3),
        ("salary", "added", 4),
        ("other", "removed", 4),
    }


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
