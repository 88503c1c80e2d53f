"""What nights leave behind stays within its bounds, and nothing else is touched."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import pytest

from ingest import ledger
from ingest.errors import StorageError
from ingest.landing import LandedBatch, record_gate
from ingest.manifest import MANIFEST_FILE, BatchManifest, encode_manifest
from ingest.paths import StreamPath, incoming_dir, quarantine_dir, raw_dir
from orchestration.instance import forget_old_runs, open_instance
from orchestration.prune import prune
from orchestration.settings import Home

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
STREAM = StreamPath("files", "users", "people.users")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "state" / "nights").mkdir(parents=True)
    return Home(tmp_path)


def batch(load_date: date, mark: str) -> BatchManifest:
    return BatchManifest(
        kind=STREAM.kind,
        entity=STREAM.entity,
        stream=STREAM.stream,
        load_date=load_date,
        batch_id=f"people-{load_date}-{mark}",
        source_name="people",
        legal_entity="acme",
        mode="upsert",
        is_full_list=False,
        has_gap=False,
        row_count=1,
        quarantined_count=1,
        extracted_at=NOW,
        coverage=(),
        totals=(),
        new_cursor=None,
        file_sha256s=(),
        unknown_fields=(),
        parquet_sha256="0",
        parquet_bytes=1,
    )


def wait_in_incoming(home: Home, manifest: BatchManifest) -> Path:
    """A batch a red gate held."""
    folder = incoming_dir(home.root, STREAM, manifest.load_date)
    folder.mkdir(parents=True)
    (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))
    (folder / manifest.parquet_name).write_bytes(b"held")
    record_gate(LandedBatch(manifest, folder), passed=False)
    return folder


def refuse_row(home: Home, manifest: BatchManifest) -> Path:
    path = quarantine_dir(home.root, STREAM, manifest.load_date)
    path.mkdir(parents=True, exist_ok=True)
    file = path / f"{manifest.batch_id}.jsonl"
    file.write_text("{}\n")
    return file


def promote(home: Home, manifest: BatchManifest) -> Path:
    folder = raw_dir(home.root, STREAM, manifest.load_date)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / manifest.parquet_name).write_bytes(b"rows")
    ledger.append(home.root, manifest)
    return folder / manifest.parquet_name


def test_of_a_stream_held_every_night_only_the_newest_batch_is_kept(home: Home) -> None:
    held = [batch(date(2026, 11, day), "a") for day in (1, 2, 3)]
    folders = [wait_in_incoming(home, manifest) for manifest in held]
    refused = [refuse_row(home, manifest) for manifest in held]
    assert [f.count for f in prune(home, keep_builds=7, dry_run=True)] == [4]
    assert all(folder.exists() for folder in folders)

    prune(home, keep_builds=7)
    assert [folder.exists() for folder in folders] == [False, False, True]
    assert [file.exists() for file in refused] == [False, False, True]


def test_what_counts_is_never_touched(home: Home) -> None:
    replaced, live = batch(date(2026, 11, 1), "old"), batch(date(2026, 11, 1), "new")
    gone, kept = promote(home, replaced), promote(home, live)
    unknown = kept.with_name("people-2026-11-01-restored.parquet")
    unknown.write_bytes(b"the only copy after a ledger from a backup")
    refused_gone, refused_kept = refuse_row(home, replaced), refuse_row(home, live)
    originals = [
        home.root / name
        for name in ("archive/ab12", "state/acknowledged.jsonl", "closes/2026-10/c1")
    ]
    for path in originals:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept")
    lines = (home.root / "state" / "ledger.jsonl").read_bytes()

    prune(home, keep_builds=7)
    assert (gone.exists(), kept.exists(), unknown.exists()) == (False, True, True)
    assert (refused_gone.exists(), refused_kept.exists()) == (False, True)
    assert all(path.read_text() == "kept" for path in originals)
    assert (home.root / "state" / "ledger.jsonl").read_bytes() == lines


def test_older_night_reports_lose_their_verdicts_and_the_oldest_go(home: Home) -> None:
    first = date(2025, 1, 1)
    days = [first + timedelta(days=number) for number in range(402)]
    for day in days:
        content = {"as_of": day.isoformat(), "gates": [{"rule": 1}], "control_rows": []}
        (home.nights / f"{day}.json").write_text(json.dumps(content))
    prune(home, keep_builds=7)
    left = {
        path.stem: json.loads(path.read_text()) for path in home.nights.glob("*.json")
    }
    assert sorted(left) == [day.isoformat() for day in days[2:]]
    whole = sorted(day for day, report in left.items() if report["gates"])
    assert whole == [day.isoformat() for day in days[-14:]]
    assert prune(home, keep_builds=7) == []


def test_leftovers_of_killed_processes_go_and_those_of_living_ones_stay(
    home: Home,
) -> None:
    spilled = home.root / "warehouse.duckdb.tmp"
    # No process has the highest number a kernel gives.
    dead, living = home.root / "diff-4194304", home.root / f"diff-{os.getpid()}"
    for folder in (spilled, dead, living):
        folder.mkdir()
        (folder / "block").write_bytes(b"x")
    log = home.dbt / "logs" / "dbt.log.1"
    log.parent.mkdir(parents=True)
    log.write_text("rotated")
    prune(home, keep_builds=7)
    assert [path.exists() for path in (spilled, dead, living, log)] == [
        False, False, True, False,
    ]  # fmt: skip


def build_file(home: Home, *, waste: int) -> None:
    """A build file of one table, a view on it, and tables dropped before."""
    with duckdb.connect(str(home.warehouse)) as con:
        for number in range(waste):
            con.execute(
                f"create table waste{number} as select hash(i) as h from range(1000000) r(i)"
            )
        con.execute("checkpoint")
        for number in range(waste):
            con.execute(f"drop table waste{number}")
        con.execute("create table kept (id bigint not null)")
        con.execute("insert into kept select * from range(200000)")
        con.execute(
            'create view seen as select id from "warehouse"."main"."kept" where id > 5'
        )


def test_a_bloated_build_file_is_copied_into_a_small_one(home: Home) -> None:
    build_file(home, waste=10)
    before = home.warehouse.stat().st_size
    assert before > 64 << 20
    (freed,) = prune(home, keep_builds=7)
    after = home.warehouse.stat().st_size
    assert freed.size_bytes == before - after > before / 2
    with duckdb.connect(str(home.warehouse)) as con:
        assert con.execute("select count(*) from seen").fetchall() == [(199994,)]
        with pytest.raises(duckdb.ConstraintException):
            con.execute("insert into kept values (null)")
    assert prune(home, keep_builds=7) == []


def test_a_build_file_somebody_holds_is_left_alone(home: Home) -> None:
    build_file(home, waste=10)
    before = home.warehouse.read_bytes()
    pid = os.fork()
    if pid == 0:
        con = duckdb.connect(str(home.warehouse))
        (home.root / "held").touch()
        while (home.root / "held").exists():
            time.sleep(0.01)
        con.close()
        os._exit(0)
    while not (home.root / "held").exists():
        time.sleep(0.01)
    try:
        with pytest.raises(StorageError, match="was not looked at"):
            prune(home, keep_builds=7)
    finally:
        (home.root / "held").unlink()
        os.waitpid(pid, 0)
    assert home.warehouse.read_bytes() == before


@dg.asset(check_specs=[dg.AssetCheckSpec("fine", asset="figure")])
def figure() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name="fine", passed=True)]
    )


def runs_in(index: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(index)) as con:
        return {row[0] for row in con.execute(f"select distinct run_id from {table}")}


def test_old_runs_go_with_their_events_and_files(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        ids = [dg.materialize([figure], instance=instance).run_id for _ in range(2)]
    assert forget_old_runs(tmp_path, keep=1, dry_run=True)[0] == 1
    assert forget_old_runs(tmp_path, keep=1)[0] == 1
    with open_instance(tmp_path) as instance:
        assert {run.run_id for run in instance.get_runs()} == set(ids[1:])
        assert instance.get_latest_materialization_event(dg.AssetKey("figure"))
    shards = {path.stem for path in (tmp_path / "history" / "runs").glob("*-*.db")}
    assert shards == set(ids[1:])
    index = tmp_path / "history" / "runs" / "index.db"
    for table in ("event_logs", "asset_check_executions"):
        assert runs_in(index, table) == set(ids[1:]), table
