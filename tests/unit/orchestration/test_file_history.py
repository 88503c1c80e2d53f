"""Files loaded before: what nothing proves, what another mapping read, what is read again."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ingest import ledger
from orchestration.file_history import (
    ReadOtherwise,
    Unproven,
    find_read_otherwise,
    find_unproven,
)
from tests.files.landing import AS_OF, Drop, Landed
from tests.files.test_proof import promote

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.manifest import BatchManifest

HEAD = "month,cost_type,channel,amount,currency\n"
OCTOBER = HEAD + "2026-10-01,tool,fb,1,USD\n"
CORRECTED = HEAD + "2026-10-01,tool,fb,7,USD\n"
NEXT_DAY = AS_OF + timedelta(days=1)


def costs(tmp_path: Path, **more: Any) -> Drop:
    return Drop(tmp_path, "costs", {"files": "c*.csv", **more})


def load(drop: Drop, as_of: date = AS_OF) -> Landed:
    landed = drop.land(as_of)
    promote(drop, landed)
    return landed


def standing(drop: Drop) -> list[BatchManifest]:
    return ledger.live(ledger.read(drop.root))


def amounts(landed: Landed) -> list[int]:
    return [int(row["amount"]) for row in landed.values]


def test_an_earlier_date_read_again_takes_its_own_files_only(tmp_path: Path) -> None:
    """Taking the correction, too, would date it before the file it corrects."""
    drop = costs(tmp_path, mode="replace_period")
    drop.write("c1.csv", OCTOBER)
    load(drop)
    drop.write("c2.csv", OCTOBER.replace("10-01", "11-01"))
    load(drop, NEXT_DAY)
    drop.write("c1.csv", CORRECTED)

    assert amounts(load(drop)) == [1]
    third = load(drop, NEXT_DAY + timedelta(days=1))
    assert amounts(third) == [7]


def test_a_list_of_an_earlier_date_is_kept_when_it_is_read_again(
    tmp_path: Path,
) -> None:
    drop = costs(tmp_path, mode="replace")
    drop.write("c.csv", OCTOBER)
    load(drop)
    drop.write("c.csv", CORRECTED)
    load(drop, NEXT_DAY)

    again = load(drop)

    assert (amounts(again), again.manifest.mode) == ([1], "replace")


def test_a_loaded_file_is_told_until_something_proves_it(tmp_path: Path) -> None:
    drop = costs(tmp_path)
    drop.write("c_2026.csv", OCTOBER)
    load(drop)
    sources = [drop.config]
    told = [Unproven("drop.costs", "c_2026.csv", AS_OF)]
    assert find_unproven(sources, standing(drop)) == told
    entry = {"file": "c_2026.csv", "sha256": "0" * 64}
    drop.write("manifest.json", json.dumps(entry))
    assert find_unproven(sources, standing(drop)) == told

    entry["sha256"] = hashlib.sha256(OCTOBER.encode()).hexdigest()
    drop.write("manifest.json", json.dumps(entry))

    assert find_unproven(sources, standing(drop)) == []


def test_a_workbook_proves_its_end_itself(tmp_path: Path) -> None:
    import openpyxl  # noqa: PLC0415 - only here

    book = openpyxl.Workbook()
    for line in OCTOBER.splitlines():
        book.active.append(line.split(","))
    drop = Drop(tmp_path, "costs", {"files": "c.xlsx"})
    book.save(drop.folder / "c.xlsx")

    assert load(drop).manifest.unproven == {}


def test_files_read_by_another_mapping_are_told_with_the_words_that_read_them_again(
    tmp_path: Path,
) -> None:
    drop = costs(tmp_path)
    drop.write("c1.csv", OCTOBER)
    load(drop)
    drop.write("c2.csv", OCTOBER.replace("10-01", "11-01"))
    load(drop, NEXT_DAY)
    assert find_read_otherwise([drop.config], standing(drop)) == []
    # Where files lie says nothing about what they mean.
    moved = costs(tmp_path, max_quarantine_share=0.5)
    assert find_read_otherwise([moved.config], standing(drop)) == []

    mapped = costs(tmp_path, values={"channel": {"fb": "Facebook"}})

    [found] = find_read_otherwise([mapped.config], standing(drop))
    assert found == ReadOtherwise("drop", ("costs",), 2, AS_OF, NEXT_DAY)
    assert found.command == (
        "warehouse backfill --from 2026-10-30 --to 2026-10-31 --source drop"
    )
    again = [load(mapped), load(mapped, NEXT_DAY)]
    assert [row["channel"] for one in again for row in one.values] == ["Facebook"] * 2
    assert find_read_otherwise([mapped.config], standing(drop)) == []
