"""The ledger decides what is in the warehouse; it survives torn writes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from ingest import ledger
from ingest.errors import StorageError
from ingest.manifest import (
    AccountCoverage,
    BatchManifest,
    ControlTotal,
    encode_manifest,
)
from ingest.paths import StreamPath, ledger_file

if TYPE_CHECKING:
    from pathlib import Path

STREAM = StreamPath("meta_ads", "campaigns", "meta_main")
NIGHT = datetime(2026, 10, 31, 19, tzinfo=UTC)


def manifest(day: int = 1, **changes: object) -> BatchManifest:
    whole = BatchManifest(
        kind="meta_ads",
        entity="campaigns",
        stream="meta_main",
        load_date=date(2026, 11, day),
        batch_id=f"meta_main-campaigns-2026-11-{day:02}-00000000",
        source_name="meta_main",
        legal_entity="acme_sg",
        mode="",
        is_full_list=True,
        has_gap=False,
        row_count=3,
        quarantined_count=1,
        extracted_at=NIGHT,
        coverage=(
            AccountCoverage("act_1", 2, 0, None, NIGHT, None, date(2026, 10, 31)),
            AccountCoverage("act_2", 1, 1, None, NIGHT, None, date(2026, 10, 31)),
        ),
        totals=(
            ControlTotal(
                "act_1",
                "spend",
                "USD",
                2,
                Decimal("0.30"),
                Decimal("0.30"),
                Decimal(0),
            ),
        ),
        new_cursor=None,
        file_sha256s=(),
        unknown_fields=("colour",),
        parquet_sha256="ab",
        parquet_bytes=10,
        absorbed={"older version": 2},
    )
    return dataclasses.replace(whole, **changes)


def test_what_is_appended_is_read_back_whole(tmp_path: Path) -> None:
    for day in (1, 2):
        ledger.append(tmp_path, manifest(day))
    assert ledger.read(tmp_path) == [manifest(1), manifest(2)]


def test_one_stream_is_read_without_the_others(tmp_path: Path) -> None:
    # `meta_main` must not match `meta_main_2`, nor an entity of the same beginning.
    ledger.append(tmp_path, manifest(1, stream="meta_main_2"))
    ledger.append(tmp_path, manifest(1, entity="campaigns_2"))
    ledger.append(tmp_path, manifest(1))
    assert ledger.read(tmp_path, STREAM) == [manifest(1)]


@pytest.mark.parametrize("kept", [1, 100, -1])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, kept: int) -> None:
    ledger.append(tmp_path, manifest(1))
    torn = encode_manifest(manifest(2))[:kept]
    with ledger_file(tmp_path).open("ab") as handle:
        handle.write(torn)
    assert ledger.repair(tmp_path) == len(torn)
    assert ledger.read(tmp_path) == [manifest(1)]
    ledger.append(tmp_path, manifest(2))
    assert ledger.read(tmp_path) == [manifest(1), manifest(2)]


def test_a_last_line_of_zero_bytes_is_cut_off(tmp_path: Path) -> None:
    # What a power cut leaves when the length was durable before the content.
    ledger.append(tmp_path, manifest(1))
    with ledger_file(tmp_path).open("ab") as handle:
        handle.write(b"\x00" * 50 + b"\n")
    assert ledger.repair(tmp_path) == 51
    assert ledger.read(tmp_path) == [manifest(1)]


def test_a_whole_ledger_is_left_alone(tmp_path: Path) -> None:
    assert ledger.repair(tmp_path) == 0
    ledger.append(tmp_path, manifest(1))
    before = ledger_file(tmp_path).read_bytes()
    assert ledger.repair(tmp_path) == 0
    assert ledger_file(tmp_path).read_bytes() == before


def test_damage_before_the_last_line_is_an_error_and_not_cut(tmp_path: Path) -> None:
    ledger_file(tmp_path).parent.mkdir(parents=True)
    good = encode_manifest(manifest(2))
    ledger_file(tmp_path).write_bytes(b'{"kind": "x"}\n' + good + b"\n")
    assert ledger.repair(tmp_path) == 0
    with pytest.raises(StorageError, match=r"ledger\.jsonl:1 is damaged"):
        ledger.read(tmp_path)


def test_the_newest_line_of_a_date_is_the_live_one(tmp_path: Path) -> None:
    replaced = manifest(1, batch_id="replaced")
    for batch in (replaced, manifest(2), manifest(1)):
        ledger.append(tmp_path, batch)
    assert ledger.live(ledger.read(tmp_path)) == [manifest(1), manifest(2)]
    assert ledger.live_batch(tmp_path, STREAM, date(2026, 11, 1)) == manifest(1)
    assert ledger.live_batch(tmp_path, STREAM, date(2026, 11, 3)) is None


def test_the_last_full_list_is_an_earlier_one(tmp_path: Path) -> None:
    ledger.append(tmp_path, manifest(1))
    ledger.append(tmp_path, manifest(2, is_full_list=False))
    ledger.append(tmp_path, manifest(3))
    found = ledger.last_full_list(tmp_path, STREAM, before=date(2026, 11, 3))
    assert found == manifest(1)
    assert ledger.last_full_list(tmp_path, STREAM, before=date(2026, 11, 1)) is None


def test_a_dates_own_files_are_not_known_but_loaded_again(tmp_path: Path) -> None:
    ledger.append(tmp_path, manifest(1, file_sha256s=("a", "b")))
    ledger.append(tmp_path, manifest(2, file_sha256s=("c",)))
    assert ledger.loaded_files(tmp_path, STREAM, load_date=date(2026, 11, 2)) == (
        frozenset({"a", "b"}),
        ("c",),
    )
    assert ledger.loaded_files(tmp_path, STREAM, load_date=date(2026, 11, 3)) == (
        frozenset({"a", "b", "c"}),
        (),
    )


def test_the_export_has_one_row_per_live_batch_and_account(tmp_path: Path) -> None:
    ledger.append(tmp_path, manifest(1, batch_id="replaced", row_count=99))
    ledger.append(tmp_path, manifest(1))
    ledger.append(tmp_path, manifest(2, coverage=(), totals=(), row_count=0))
    ledger.export(tmp_path)
    folder = tmp_path / "raw" / "_batches"
    table = pq.read_table(folder / "data.parquet")
    assert table.schema.equals(ledger.BATCHES_SCHEMA)
    shared = {
        "kind": "meta_ads",
        "source_name": "meta_main",
        "stream": "meta_main",
        "entity": "campaigns",
        "legal_entity": "acme_sg",
        "mode": "",
        "is_full_list": True,
        "extracted_at": NIGHT,
        "window_start": None,
        "window_start_date": None,
    }
    first = shared | {
        "batch_id": "meta_main-campaigns-2026-11-01-00000000",
        "load_date": date(2026, 11, 1),
        "window_end": NIGHT,
        "window_end_date": date(2026, 10, 31),
    }
    assert table.to_pylist() == [
        first | {"source_account": "act_1", "row_count": 2, "quarantined_count": 0},
        first | {"source_account": "act_2", "row_count": 1, "quarantined_count": 1},
        shared
        | {
            "batch_id": "meta_main-campaigns-2026-11-02-00000000",
            "load_date": date(2026, 11, 2),
            "window_end": None,
            "window_end_date": None,
            "source_account": "",
            "row_count": 0,
            "quarantined_count": 0,
        },
    ]
    totals = pq.read_table(folder / "totals.parquet")
    assert totals.schema.equals(ledger.TOTALS_SCHEMA)
    assert totals.to_pylist() == [
        {
            "batch_id": "meta_main-campaigns-2026-11-01-00000000",
            "source_account": "act_1",
            "column_name": "spend",
            "currency": "USD",
            "row_count": 2,
            "source_sum": Decimal("0.300000"),
            "landed_sum": Decimal("0.300000"),
            "quarantined_sum": Decimal("0.000000"),
        }
    ]


def test_the_export_exists_before_anything_was_promoted(tmp_path: Path) -> None:
    ledger.export(tmp_path)
    folder = tmp_path / "raw" / "_batches"
    assert sorted(path.name for path in folder.iterdir()) == [
        "data.parquet",
        "totals.parquet",
    ]
    assert pq.read_table(folder / "data.parquet").schema.equals(ledger.BATCHES_SCHEMA)
    assert pq.read_table(folder / "totals.parquet").num_rows == 0
