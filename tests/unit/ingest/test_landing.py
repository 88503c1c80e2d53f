"""A batch lands whole or not at all, and counts only once the ledger says so."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from ingest import cursors, ledger
from ingest.contracts import CONTRACTS, contract_of
from ingest.control import drop_id
from ingest.errors import (
    ContractViolation,
    RetryableError,
    StorageError,
    TruncatedExtract,
)
from ingest.landing import (
    BatchOrigin,
    LandedBatch,
    ensure_empty_batches,
    finish_promotion,
    land_batch,
    promote_batch,
    read_landed,
    record_gate,
    repair,
    waiting_batches,
)
from ingest.manifest import AccountCoverage, ControlTotal
from ingest.paths import StreamPath, raw_dir
from ingest.sources.protocol import AccountWindow, Extract, Record, Rejected
from ingest.storage import disk_errors
from ingest.windows import EARLIEST_DAY, window_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

INSIGHTS = contract_of("meta_ads", "campaign_insights_daily")
STREAM = StreamPath("meta_ads", "campaign_insights_daily", "meta_main")
ORIGIN = BatchOrigin(STREAM, "meta_main", "acme_sg")
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST = date(2026, 11, 1)
SECOND = date(2026, 11, 2)


def record(campaign: str, spend: object, *, account: str = "act_1") -> Record:
    values = {
        "campaign_id": campaign,
        "date": "2026-10-30",
        "spend": spend,
        "currency": "USD",
    }
    return Record(values, f'{{"spend":"{spend}"}}', "/act_1/insights#1", account)


def extract_of(
    *spends: object, full: bool = False, cursor: str | None = None
) -> Extract:
    rows = [record(f"c{n}", spend) for n, spend in enumerate(spends)]
    return Extract(rows=rows, is_full_list=full, new_cursor=cursor)


def land(
    root: Path,
    extract: Extract,
    *,
    load_date: date = FIRST,
    minute: int = 0,
    acknowledged: frozenset[str] = frozenset(),
) -> LandedBatch:
    as_of = load_date.replace(day=load_date.day - 1) if load_date.day > 1 else None
    as_of = as_of or date(2026, 10, 31)
    now = datetime.combine(load_date, datetime.min.time(), ZONE).replace(
        hour=2, minute=minute
    )
    window = window_for(INSIGHTS, None, as_of=as_of, tz=ZONE, now=now)
    return land_batch(
        extract,
        INSIGHTS,
        window,
        root=root,
        origin=ORIGIN,
        baseline=ledger.last_full_list(root, STREAM, before=load_date),
        acknowledged=acknowledged,
    )


def promote(root: Path, batch: LandedBatch) -> LandedBatch:
    record_gate(batch, passed=True)
    promote_batch(root, batch)
    return batch


def raw_files(root: Path, load_date: date = FIRST) -> list[str]:
    folder = raw_dir(root, STREAM, load_date)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def every_file(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def test_a_batch_lands_with_exactly_the_contracts_columns(tmp_path: Path) -> None:
    batch = land(tmp_path, extract_of("12.34"))
    table = pq.read_table(batch.parquet)
    assert table.schema.equals(INSIGHTS.arrow_schema())
    row = table.to_pylist()[0]
    assert (row["spend"], row["campaign_id"]) == (Decimal("12.3400"), "c0")
    assert (row["source_name"], row["source_account"]) == ("meta_main", "act_1")
    assert (row["legal_entity"], row["_load_date"]) == ("acme_sg", FIRST)
    assert row["_extracted_at"] == datetime(2026, 10, 31, 19, tzinfo=UTC)
    assert row["_batch_id"] == batch.manifest.batch_id
    assert batch.manifest.batch_id.startswith(
        "meta_main-campaign_insights_daily-2026-11-01-"
    )
    assert batch.directory == (
        tmp_path / "incoming/meta_ads/campaign_insights_daily/meta_main"
        "/load_date=2026-11-01"
    )
    assert read_landed(tmp_path, STREAM, FIRST) == batch


def test_records_that_stand_in_no_row_of_their_own_are_counted_by_cause(
    tmp_path: Path,
) -> None:
    extract = extract_of("1", "2")
    extract.absorbed = {"older version": 3, "added up": 4}
    batch = promote(tmp_path, land(tmp_path, extract))
    (kept,) = ledger.read(tmp_path)
    assert kept.absorbed == {"added up": 4, "older version": 3}
    assert (kept.row_count, kept.absorbed_count) == (2, 7)
    assert kept == batch.manifest


def test_an_empty_extract_lands_a_file_with_schema(tmp_path: Path) -> None:
    asked = [AccountWindow("act_1", start_date=date(2026, 10, 4))]
    batch = land(tmp_path, Extract(coverage=asked))
    assert pq.read_table(batch.parquet).schema.equals(INSIGHTS.arrow_schema())
    # The account answered: its vanished rows must be known to be gone.
    assert batch.manifest.coverage == (
        AccountCoverage(
            source_account="act_1",
            row_count=0,
            quarantined_count=0,
            window_start=None,
            window_end=datetime(2026, 10, 31, 19, tzinfo=UTC),
            window_start_date=date(2026, 10, 4),
            window_end_date=date(2026, 10, 31),
        ),
    )


def test_an_unbounded_restated_load_covers_every_day(tmp_path: Path) -> None:
    coverage = land(tmp_path, extract_of("1")).manifest.coverage
    assert coverage[0].window_start_date == EARLIEST_DAY


def test_the_same_input_gives_the_same_batch(tmp_path: Path) -> None:
    first = land(tmp_path / "a", extract_of("12.34", "5"))
    again = land(tmp_path / "b", extract_of("12.34", "5"))
    assert again.manifest == first.manifest
    assert again.parquet.read_bytes() == first.parquet.read_bytes()


def test_other_values_accounts_or_days_give_another_batch_id(tmp_path: Path) -> None:
    days = [AccountWindow("act_1", start_date=date(2026, 10, 4))]
    extracts = [
        extract_of("1"),
        extract_of("2"),
        extract_of("1", full=True),
        Extract(rows=[record("c0", "1", account="act_2")]),
        Extract(rows=[record("c0", "1")], coverage=days),
    ]
    ids = {land(tmp_path, extract).manifest.batch_id for extract in extracts}
    assert len(ids) == 5


def test_a_second_landing_replaces_the_first_whole(tmp_path: Path) -> None:
    record_gate(land(tmp_path, extract_of("1", "2")), passed=True)
    batch = land(tmp_path, extract_of("3"))
    assert pq.read_table(batch.parquet).column("spend").to_pylist() == [Decimal(3)]
    # The old verdict is gone with the old data.
    assert sorted(path.name for path in batch.directory.iterdir()) == [
        "batch.json",
        batch.parquet.name,
    ]


def test_a_source_that_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    before = land(tmp_path, extract_of("1"))
    files = every_file(tmp_path)

    def rows() -> Iterator[Record]:
        yield record("c1", "2")
        message = "page 2 did not come"
        raise RetryableError(message)

    with pytest.raises(RetryableError, match="page 2"):
        land(tmp_path, Extract(rows=rows()))
    assert every_file(tmp_path) == files
    assert read_landed(tmp_path, STREAM, FIRST) == before


def test_what_the_generator_fills_on_the_way_is_kept(tmp_path: Path) -> None:
    extract = Extract()

    def rows() -> Iterable[Record]:
        yield record("c1", "2")
        extract.new_cursor = "2026-10-31"
        extract.unknown_fields.update({"b", "a"})
        extract.coverage.append(AccountWindow("act_9"))

    extract.rows = rows()
    manifest = land(tmp_path, extract).manifest
    assert (manifest.new_cursor, manifest.unknown_fields) == ("2026-10-31", ("a", "b"))
    assert [part.source_account for part in manifest.coverage] == ["act_1", "act_9"]


def test_money_is_controlled_from_the_record_to_the_file(tmp_path: Path) -> None:
    extract = extract_of("0.10", "0.20", "9.999,9", "7")
    manifest = land(tmp_path, extract).manifest
    assert manifest.totals == (
        ControlTotal(
            source_account="act_1",
            column_name="spend",
            currency="USD",
            row_count=3,
            source_sum=Decimal("7.300000"),
            landed_sum=Decimal("7.300000"),
            quarantined_sum=Decimal("0.000000"),
        ),
    )
    assert (manifest.row_count, manifest.quarantined_count) == (3, 1)


def test_refused_rows_are_listed_without_their_values(tmp_path: Path) -> None:
    extract = extract_of("1", "9.999,9")
    extract.rejected.append(Rejected("f#3", "act_1", "", "blank", "has 3 of 8 cells"))
    extract.rejected.append(Rejected("f#3", "act_1", "", "blank", "ends in a quote"))
    extract.quarantine_share = Decimal("0.9")
    manifest = land(tmp_path, extract).manifest
    # Two findings of one line are one row.
    assert (manifest.row_count, manifest.quarantined_count) == (1, 2)
    path = (
        tmp_path / "quarantine/meta_ads/campaign_insights_daily/meta_main"
        f"/load_date=2026-11-01/{manifest.batch_id}.jsonl"
    )
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {
        "source_ref": "/act_1/insights#1",
        "source_account": "act_1",
        "column": "spend",
        "value_class": "9.999,9",
        "reason": "is other text, not a number such as 1234.56",
    }
    assert [line["reason"] for line in lines[1:]] == [
        "has 3 of 8 cells",
        "ends in a quote",
    ]


def test_too_many_refused_rows_refuse_the_batch_but_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ContractViolation, match="2 of 3 rows cannot be typed"):
        land(tmp_path, extract_of("1", "x", "y"))
    assert [path.split("/")[0] for path in every_file(tmp_path)] == ["quarantine"]


def test_a_batch_without_a_green_gate_is_not_promoted(tmp_path: Path) -> None:
    batch = land(tmp_path, extract_of("1"))
    with pytest.raises(ContractViolation, match="has not passed the raw gate"):
        promote_batch(tmp_path, batch)
    record_gate(batch, passed=False, findings=[{"rule": "spend.min"}])
    with pytest.raises(ContractViolation, match="has not passed"):
        promote_batch(tmp_path, batch)
    assert (raw_files(tmp_path), ledger.read(tmp_path)) == ([], [])
    assert waiting_batches(tmp_path) == [batch]


def test_a_gate_of_other_content_does_not_count(tmp_path: Path) -> None:
    first = land(tmp_path, extract_of("1"))
    record_gate(first, passed=True)
    verdict = (first.directory / "gate.json").read_bytes()
    second = land(tmp_path, extract_of("2"))
    (second.directory / "gate.json").write_bytes(verdict)
    with pytest.raises(ContractViolation, match="has not passed"):
        promote_batch(tmp_path, second)


def test_promotion_moves_the_file_and_writes_ledger_and_cursor(tmp_path: Path) -> None:
    batch = promote(tmp_path, land(tmp_path, extract_of("1", cursor="2026-10-31")))
    assert raw_files(tmp_path) == [batch.parquet.name]
    assert ledger.read(tmp_path) == [batch.manifest]
    assert cursors.read_cursor(tmp_path, STREAM, before=SECOND) == "2026-10-31"
    assert not batch.directory.exists()


def test_a_date_run_again_starts_from_the_cursor_it_had(tmp_path: Path) -> None:
    # The tempting change: one cursor per stream. The second run of the first night would
    # then replace everything it had loaded by the rows after its own cursor.
    promote(tmp_path, land(tmp_path, extract_of("1", cursor="2026-10-31")))
    promote(
        tmp_path,
        land(tmp_path, extract_of("1", cursor="2026-11-01"), load_date=SECOND),
    )
    third = date(2026, 11, 3)
    assert cursors.read_cursor(tmp_path, STREAM, before=FIRST) is None
    assert cursors.read_cursor(tmp_path, STREAM, before=SECOND) == "2026-10-31"
    assert cursors.read_cursor(tmp_path, STREAM, before=third) == "2026-11-01"


def test_promoting_a_date_again_replaces_it_whole(tmp_path: Path) -> None:
    old = promote(tmp_path, land(tmp_path, extract_of("1", "x")))
    new = promote(tmp_path, land(tmp_path, extract_of("1", "2")))
    assert raw_files(tmp_path) == [new.parquet.name]
    assert ledger.live(ledger.read(tmp_path)) == [new.manifest]
    assert old.manifest.batch_id != new.manifest.batch_id
    # The findings of the replaced batch go with it.
    assert not [path for path in every_file(tmp_path) if path.startswith("quarantine")]


def test_promoting_the_same_content_again_keeps_its_file(tmp_path: Path) -> None:
    promote(tmp_path, land(tmp_path, extract_of("1")))
    again = promote(tmp_path, land(tmp_path, extract_of("1"), minute=30))
    assert raw_files(tmp_path) == [again.parquet.name]
    assert ledger.live(ledger.read(tmp_path)) == [again.manifest]


def test_a_later_promotion_clears_the_older_batch_left_waiting(tmp_path: Path) -> None:
    rejected = land(tmp_path, extract_of("1"))
    record_gate(rejected, passed=False)
    promote(tmp_path, land(tmp_path, extract_of("2"), load_date=SECOND))
    assert waiting_batches(tmp_path) == []


def test_a_kill_between_rename_and_ledger_leaves_the_batch_out(tmp_path: Path) -> None:
    batch = land(tmp_path, extract_of("1"))
    record_gate(batch, passed=True)
    target = raw_dir(tmp_path, STREAM, FIRST)
    target.mkdir(parents=True)
    batch.parquet.replace(target / batch.parquet.name)
    repair(tmp_path)
    ledger.export(tmp_path)
    batches = tmp_path / "raw/_batches/data.parquet"
    assert pq.read_table(batches).num_rows == 0
    # Either the promotion is repeated …
    promote_batch(tmp_path, batch)
    assert ledger.read(tmp_path) == [batch.manifest]
    assert raw_files(tmp_path) == [batch.parquet.name]


def test_a_rerun_heals_a_killed_promotion(tmp_path: Path) -> None:
    batch = land(tmp_path, extract_of("1"))
    target = raw_dir(tmp_path, STREAM, FIRST)
    target.mkdir(parents=True)
    batch.parquet.replace(target / batch.parquet.name)
    repair(tmp_path)
    # … or the date is extracted again, and the file of the killed run disappears.
    new = promote(tmp_path, land(tmp_path, extract_of("2")))
    assert raw_files(tmp_path) == [new.parquet.name]
    assert ledger.read(tmp_path) == [new.manifest]


def test_a_kill_right_after_the_ledger_line_is_finished_at_start(
    tmp_path: Path,
) -> None:
    old = promote(tmp_path, land(tmp_path, extract_of("1", cursor="2026-10-30")))
    kept = raw_dir(tmp_path, STREAM, FIRST) / old.parquet.name
    old_bytes = kept.read_bytes()
    new = land(tmp_path, extract_of("2", cursor="2026-10-31"))
    new.parquet.replace(kept.with_name(new.parquet.name))
    ledger.append(tmp_path, new.manifest)
    assert kept.read_bytes() == old_bytes
    repair(tmp_path)
    assert raw_files(tmp_path) == [new.parquet.name]
    assert cursors.read_cursor(tmp_path, STREAM, before=SECOND) == "2026-10-31"
    assert waiting_batches(tmp_path) == []


def test_finishing_a_promotion_twice_changes_nothing(tmp_path: Path) -> None:
    batch = promote(tmp_path, land(tmp_path, extract_of("1", cursor="2026-10-31")))
    before = every_file(tmp_path)
    finish_promotion(tmp_path, batch.manifest)
    repair(tmp_path)
    assert every_file(tmp_path) == before


def test_repair_removes_half_written_files_only(tmp_path: Path) -> None:
    batch = promote(tmp_path, land(tmp_path, extract_of("1")))
    waiting = land(tmp_path, extract_of("2"), load_date=SECOND)
    kept = every_file(tmp_path)
    half = waiting.directory.with_name("load_date=2026-11-02.tmp")
    half.mkdir()
    (half / "spool.arrow").write_bytes(b"half")
    (raw_dir(tmp_path, STREAM, FIRST) / "x.parquet.tmp").write_bytes(b"half")
    repair(tmp_path)
    assert every_file(tmp_path) == kept
    assert raw_files(tmp_path) == [batch.parquet.name]


def test_repair_never_deletes_data_the_ledger_does_not_know(tmp_path: Path) -> None:
    # A ledger restored from an older backup must not cost the newer data.
    batch = promote(tmp_path, land(tmp_path, extract_of("1")))
    (tmp_path / "state" / "ledger.jsonl").unlink()
    repair(tmp_path)
    assert raw_files(tmp_path) == [batch.parquet.name]


def test_a_damaged_cursor_is_restored_from_the_ledger(tmp_path: Path) -> None:
    promote(tmp_path, land(tmp_path, extract_of("1", cursor="2026-10-31")))
    path = tmp_path / "state/meta_main/campaign_insights_daily.json"
    path.write_bytes(b"\x00\x00")
    with pytest.raises(StorageError, match="is damaged"):
        cursors.read_cursor(tmp_path, STREAM, before=SECOND)
    repair(tmp_path)
    assert cursors.read_cursor(tmp_path, STREAM, before=SECOND) == "2026-10-31"


def test_a_damaged_data_file_is_not_promoted(tmp_path: Path) -> None:
    batch = land(tmp_path, extract_of("1"))
    record_gate(batch, passed=True)
    content = bytearray(batch.parquet.read_bytes())
    content[20] ^= 1
    batch.parquet.write_bytes(content)
    with pytest.raises(StorageError, match="missing or damaged"):
        promote_batch(tmp_path, batch)
    assert ledger.read(tmp_path) == []


def test_a_full_list_of_under_half_is_refused_until_acknowledged(
    tmp_path: Path,
) -> None:
    ten = promote(tmp_path, land(tmp_path, extract_of(*range(10), full=True)))
    half = land(tmp_path, extract_of(*range(5), full=True), load_date=SECOND)
    assert half.manifest.row_count == 5
    four = extract_of(*range(4), full=True)
    with pytest.raises(TruncatedExtract, match=r"has 4 rows, .* had 10") as caught:
        land(tmp_path, four, load_date=SECOND)
    accepted = drop_id(ten.manifest)
    assert accepted in str(caught.value)
    batch = land(tmp_path, four, load_date=SECOND, acknowledged=frozenset({accepted}))
    assert batch.manifest.row_count == 4


def test_one_vanished_account_is_not_hidden_by_the_others(tmp_path: Path) -> None:
    rows = [record(f"a{n}", 1) for n in range(90)]
    rows += [record(f"b{n}", 1, account="act_2") for n in range(10)]
    promote(tmp_path, land(tmp_path, Extract(rows=rows, is_full_list=True)))
    with pytest.raises(TruncatedExtract, match="of account act_2 has 0 rows"):
        land(
            tmp_path,
            Extract(rows=rows[:90], is_full_list=True),
            load_date=SECOND,
        )


def test_a_window_may_hold_far_fewer_rows_than_the_last_list(tmp_path: Path) -> None:
    promote(tmp_path, land(tmp_path, extract_of(*range(10), full=True)))
    batch = land(tmp_path, extract_of("1"), load_date=SECOND)
    assert batch.manifest.row_count == 1


def test_history_lands_under_the_name_of_the_source_it_stands_for(
    tmp_path: Path,
) -> None:
    extract = extract_of("1")
    extract.source_name, extract.legal_entity = "meta_old", "acme_vn"
    batch = land(tmp_path, extract)
    row = pq.read_table(batch.parquet).to_pylist()[0]
    assert (row["source_name"], row["legal_entity"]) == ("meta_old", "acme_vn")
    assert (batch.manifest.source_name, batch.manifest.legal_entity) == (
        "meta_old",
        "acme_vn",
    )


def test_every_entity_of_every_kind_has_an_empty_file(tmp_path: Path) -> None:
    ensure_empty_batches(tmp_path)
    for kind, contracts in CONTRACTS.items():
        for name, contract in contracts.items():
            path = (
                tmp_path / "raw" / kind / name / "_empty/load_date=1970-01-01"
                "/empty.parquet"
            )
            assert pq.read_schema(path).equals(contract.arrow_schema())


def test_an_empty_file_follows_its_contract(tmp_path: Path) -> None:
    ensure_empty_batches(tmp_path)
    path = tmp_path / "raw/meta_ads/accounts/_empty/load_date=1970-01-01/empty.parquet"
    pq.write_table(INSIGHTS.arrow_schema().empty_table(), path)
    ensure_empty_batches(tmp_path)
    accounts = contract_of("meta_ads", "accounts")
    assert pq.read_schema(path).equals(accounts.arrow_schema())


@pytest.mark.parametrize(
    ("error", "exit_code", "advice"),
    [
        (OSError(28, "No space left on device"), 74, "free some space"),
        (PermissionError(13, "Permission denied", "/x"), 73, "the right to write"),
        (OSError(5, "Input/output error"), 74, "check the disk"),
    ],
)
def test_disk_errors_say_what_to_do(
    error: OSError, exit_code: int, advice: str
) -> None:
    with (
        pytest.raises(StorageError, match=rf"land x: .*{advice}") as caught,
        disk_errors("land x"),
    ):
        raise error
    assert caught.value.exit_code == exit_code


def test_a_manifest_tells_a_batch_apart_from_its_copy(tmp_path: Path) -> None:
    batch = land(tmp_path, extract_of("1"))
    other = dataclasses.replace(batch.manifest, batch_id="other")
    with pytest.raises(ContractViolation, match="other has not passed"):
        promote_batch(tmp_path, dataclasses.replace(batch, manifest=other))
