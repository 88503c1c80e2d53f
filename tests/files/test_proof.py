"""Which file counts, when, and what proves that it is whole."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import random
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from ingest.errors import ContractViolation, RetryableError
from ingest.landing import promote_batch, read_landed, record_gate
from tests.files.landing import AS_OF, Drop, Landed

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

HEAD = "month,cost_type,amount,currency\n"
OCTOBER = HEAD + "2026-10-01,tool,1,USD\n2026-10-01,agency,2,USD\n"


def costs(tmp_path: Path, **more: Any) -> Drop:
    return Drop(tmp_path, "costs", {"files": "c*.csv", **more})


def state(drop: Drop, name: str, text: str, **more: Any) -> None:
    entry = {"file": name, "sha256": hashlib.sha256(text.encode()).hexdigest(), **more}
    drop.write("manifest.json", json.dumps({"files": [entry]}))


def promote(drop: Drop, landed: Landed) -> None:
    """Let a night's batch through, as the gate and the orchestrator do."""
    batch = read_landed(
        drop.root, landed.manifest.stream_path, landed.manifest.load_date
    )
    assert batch is not None
    record_gate(batch, passed=True)
    promote_batch(drop.root, batch)


def test_a_manifest_proves_a_file(tmp_path: Path) -> None:
    drop = costs(tmp_path)
    drop.write("c.csv", OCTOBER)
    assert len(drop.land().manifest.unproven) == 1

    state(drop, "c.csv", OCTOBER, rows=2, content="full")

    assert len(drop.land().manifest.unproven) == 0


@pytest.mark.parametrize("rows", [3, 6000])
def test_a_total_nobody_declared_is_no_deal(tmp_path: Path, rows: int) -> None:
    """Its date is blank, which a deal's may be: it would double every sum."""
    drop = Drop(
        tmp_path, "opportunities", {"files": "d.csv"}, max_quarantine_share="0.3"
    )
    drop.write(
        "d.csv",
        "opportunity_id,created_at,stage,status,amount,currency,owner_id\n"
        + "".join(f"total{n},,s,won,1,VND,Total\n" for n in range(rows))
        + f"Tổng cộng,,s,won,{rows},VND,\n",
    )
    landed = drop.land()
    assert landed.manifest.row_count == rows
    assert landed.refused == [
        (
            rows + 2,
            "opportunity_id",
            "is a word of totals and no record; declare total_rows",
        )
    ]


def test_a_total_below_the_last_row_proves_a_file(tmp_path: Path) -> None:
    drop = costs(tmp_path, total_rows={"column": "month", "words": "Total"})
    drop.write("c.csv", OCTOBER + "Total,,3,\n")
    assert len(drop.land().manifest.unproven) == 0
    drop.write(
        "c.csv", HEAD + "2026-10-01,tool,1,USD\nTotal,,1,\n2026-11-01,tool,1,USD\n"
    )
    assert len(drop.land().manifest.unproven) == 1


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"sha256": "0" * 64}, "its manifest says 0000000000000000"),
        ({"rows": 3}, "holds 2 rows, its manifest says 3"),
        (
            {"period": ["2026-11-01", "2026-11-30"]},
            "holds rows from 2026-10-01 to 2026-10-01",
        ),
        (
            {"period": ["2026-10-31", "2026-10-01"]},
            "is no manifest (period ends before it begins)",
        ),
        ({"content": "delta"}, "is a delta, but the dataset replaces"),
        ({"content": "some"}, "is no manifest (content is full or delta)"),
        ({"size": 3}, "is no manifest (unknown key 'size')"),
        ({"file": "../c.csv"}, "is no manifest (file is the name of a file beside it)"),
    ],
)
def test_a_file_that_is_not_what_its_manifest_says_is_refused(
    tmp_path: Path, stated: dict[str, Any], message: str
) -> None:
    drop = costs(tmp_path, mode="replace_period")
    drop.write("c.csv", OCTOBER)
    state(drop, "c.csv", OCTOBER)
    path = drop.folder / "manifest.json"
    content = json.loads(path.read_text())
    content["files"][0] |= stated
    path.write_text(json.dumps(content))

    assert message in drop.refusal()


def test_a_file_its_manifest_announces_is_waited_for(tmp_path: Path) -> None:
    drop = costs(tmp_path)
    drop.write("c1.csv", OCTOBER)
    state(drop, "c2.csv", OCTOBER.replace("10-01", "11-01"))

    with pytest.raises(
        RetryableError, match=r"c2\.csv: its manifest is here and the file is not"
    ):
        drop.land()


def test_a_file_without_its_manifest_waits_where_one_is_required(
    tmp_path: Path,
) -> None:
    drop = costs(tmp_path, requires_manifest=True)
    drop.write("c1.csv", OCTOBER)
    assert drop.land().manifest.row_count == 0

    state(drop, "c1.csv", OCTOBER)

    assert drop.land().manifest.row_count == 2


def test_the_period_of_a_manifest_is_what_a_file_replaces(tmp_path: Path) -> None:
    """Without it a month with no costs left would keep the old ones."""
    drop = costs(tmp_path, mode="replace_period")
    drop.write("c.csv", OCTOBER)
    state(drop, "c.csv", OCTOBER, period=["2026-09-01", "2026-10-31"])

    (coverage,) = drop.land().manifest.coverage

    assert coverage.window_start_date == dt.date(2026, 9, 1)
    assert coverage.window_end_date == dt.date(2026, 10, 31)


def test_a_file_still_written_waits(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs", {"files": "c.csv"}, settle_seconds=0.5)
    path = drop.write("c.csv", OCTOBER)

    def write_on() -> None:
        time.sleep(0.1)
        with path.open("a") as stream:
            stream.write("2026-11-01,tool,1,USD\n")

    writer = threading.Thread(target=write_on)
    writer.start()
    with pytest.raises(RetryableError, match="is still being written"):
        drop.land()
    writer.join()

    assert drop.land().manifest.row_count == 3


def test_a_file_left_alone_is_not_waited_for(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs", {"files": "c.csv"}, settle_seconds=600)
    os.utime(drop.write("c.csv", OCTOBER), (0, 0))

    assert drop.land().manifest.row_count == 2


def night(number: int) -> dt.date:
    return AS_OF + dt.timedelta(days=number)


def test_the_same_file_twice_another_name_a_correction(tmp_path: Path) -> None:
    drop = costs(tmp_path)
    drop.write("c.csv", OCTOBER)
    first = drop.land(night(0))
    promote(drop, first)

    again = drop.land(night(1))
    drop.write("c_copy.csv", OCTOBER)
    copied = drop.land(night(1))
    corrected = OCTOBER.replace("agency,2", "agency,5")
    drop.write("c.csv", corrected)
    newer = drop.land(night(1))
    promote(drop, newer)

    assert (again.manifest.row_count, again.manifest.mode) == (0, "")
    assert (copied.manifest.row_count, copied.manifest.mode) == (0, "")
    assert [str(row["amount"]) for row in newer.values] == ["1.0000", "5.0000"]
    assert (
        drop.root / "archive" / first.manifest.file_sha256s[0]
    ).read_text() == OCTOBER


def table_of(drop: Drop) -> dict[tuple[dt.date, str], Decimal]:
    """Raw as staging reads it: of each day the newest batch that covers it."""
    import duckdb  # noqa: PLC0415 - only here

    from ingest import ledger  # noqa: PLC0415 - only here

    rows: dict[tuple[dt.date, str], Decimal] = {}
    days: set[dt.date] = set()
    live = ledger.live(ledger.read(drop.root))
    for batch in sorted(live, key=lambda b: b.load_date, reverse=True):
        (part,) = batch.coverage
        files = list((drop.root / "raw").rglob(batch.parquet_name))
        if not batch.row_count:
            continue
        found = duckdb.sql(
            f"select date, campaign_id, spend from read_parquet('{files[0]}')"
        ).fetchall()
        assert part.window_start_date is not None
        length = (part.window_end_date - part.window_start_date).days + 1
        covered = {part.window_start_date + dt.timedelta(days=n) for n in range(length)}
        rows |= {(day, name): spend for day, name, spend in found if day not in days}
        days |= covered
    return rows


def daily(day: dt.date) -> str:
    lines = [
        "platform,ad_account_id,campaign_id,date,spend,currency,impressions,clicks"
    ]
    lines += [
        f"meta_ads,act_1,c{number},{day},{(day.toordinal() * 7 + number) % 90}.5,USD,10,1"
        for number in range(3)
    ]
    return "\n".join(lines) + "\n"


def test_a_year_of_daily_files_is_the_same_one_a_night_again_or_all_at_once(
    tmp_path: Path,
) -> None:
    first = dt.date(2025, 11, 1)
    days = [first + dt.timedelta(days=number) for number in range(364)]
    dataset = {"files": "ads_*.csv"}
    one = Drop(tmp_path / "one", "ad_performance_daily", dataset)
    for number, day in enumerate(days):
        one.write(f"ads_{day}.csv", daily(day))
        if number % 7 == 6:  # seven days a night: a year of nights takes minutes
            landed = one.land(day)
            promote(one, landed)
    replayed = one.land(days[-1])
    promote(one, replayed)
    whole = Drop(tmp_path / "whole", "ad_performance_daily", dataset)
    for day in days:
        whole.write(f"ads_{day}.csv", daily(day))
    promote(whole, whole.land(days[-1]))

    assert table_of(one) == table_of(whole)
    assert len(table_of(whole)) == 3 * len(days)


def test_of_one_key_the_same_row_wins_in_any_order(tmp_path: Path) -> None:
    head = (
        "opportunity_id,owner_id,amount,currency,status,stage,created_at,updated_at\n"
    )
    rows = [
        f"d1,u1,{number},USD,open,new,2026-10-01,2026-10-{number + 1:02}"
        for number in range(1, 9)
    ]
    for seed in range(20):
        random.Random(seed).shuffle(rows)  # noqa: S311 - a seed, not a secret
        drop = Drop(tmp_path / str(seed), "opportunities", {"files": "o.csv"})
        drop.write("o.csv", head + "\n".join([*rows, rows[0]]) + "\n")

        (row,) = drop.land().values

        assert (row["opportunity_id"], str(row["amount"])) == ("d1", "8.0000")


def test_two_contents_of_one_version_are_refused_in_any_order(tmp_path: Path) -> None:
    head = (
        "opportunity_id,owner_id,amount,currency,status,stage,created_at,updated_at\n"
    )
    rows = [f"d1,u1,{n},USD,open,new,2026-10-01,2026-10-05" for n in (1, 2)]
    for order in (rows, rows[::-1]):
        drop = Drop(tmp_path / order[0][6], "opportunities", {"files": "o.csv"})
        drop.write("o.csv", head + "\n".join(order) + "\n")

        assert "have the same opportunity_id but different amount" in drop.refusal()


def test_an_older_file_dropped_late_changes_nothing_newer(tmp_path: Path) -> None:
    drop = costs(tmp_path, mode="replace")
    drop.write("c_2.csv", OCTOBER)
    promote(drop, drop.land(night(0)))
    drop.write("c_1.csv", OCTOBER.replace(",2,", ",9,"))

    assert drop.land(night(1)).manifest.row_count == 0


def test_a_manifest_that_is_no_json_is_named(tmp_path: Path) -> None:
    drop = costs(tmp_path)
    drop.write("c.csv", OCTOBER)
    drop.write("c.csv.manifest.json", "{")

    with pytest.raises(
        ContractViolation, match=r"c\.csv\.manifest\.json: is no manifest"
    ):
        drop.land()
