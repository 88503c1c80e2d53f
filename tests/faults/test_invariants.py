"""Each invariant is able to fail: one good morning, broken in one place at a time."""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.faults import invariants

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = date(2026, 10, 30)
KEY = ("meta_main", "11", "c1", "VND", DAY)
BUILD = "2026-10-30T1-a"
SECRET = "planted-secret-of-the-vendor"  # noqa: S105 - planted to be found
PERSON = "lan@planted.example"


def write_raw(root: Path, *rows: tuple[str, str]) -> None:
    """Promote one batch of (campaign, spend)."""
    batch: dict[str, Any] = {
        "kind": "meta_ads", "entity": "campaign_insights_daily", "stream": "meta_main",
        "load_date": "2026-10-31", "batch_id": "b1", "source_name": "meta_main",
        "row_count": len(rows), "new_cursor": "2026-10-30",
        "coverage": [{
            "source_account": "11", "window_start_date": "2026-10-29",
            "window_end_date": "2026-10-30",
        }],
        "totals": [{
            "source_account": "11", "column_name": "spend", "currency": "VND",
            "source_sum": "100.250000", "landed_sum": "100.250000",
        }],
    }  # fmt: skip
    path = invariants.batch_file(root, batch)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "source_name": ["meta_main"] * len(rows),
            "source_account": ["11"] * len(rows),
            "campaign_id": [campaign for campaign, _ in rows],
            "currency": ["VND"] * len(rows),
            "date": [DAY] * len(rows),
            "spend": [Decimal(spend) for _, spend in rows],
            "_row_hash": [f"{n}" for n in range(len(rows))],
        }
    )
    pq.write_table(table, path)
    batch["parquet_sha256"] = invariants.sha256(path)
    state = root / "state"
    (state / "meta_main").mkdir(parents=True, exist_ok=True)
    (state / "ledger.jsonl").write_text(json.dumps(batch) + "\n")
    cursors = {"2026-10-31": "2026-10-30"}
    (state / "meta_main" / "campaign_insights_daily.json").write_text(
        json.dumps(cursors)
    )


def write_warehouse(root: Path, *, spend: str = "100.25") -> None:
    with duckdb.connect(str(root / "warehouse.duckdb")) as con:
        con.execute(
            "create or replace table stg_meta_ads__campaign_insights_daily as select"
            " 'meta_main' as source_name, '11' as source_account, 'c1' as campaign_id,"
            f" 'VND' as currency, date '2026-10-30' as date, {spend}::decimal(38, 4) as spend"
        )


def write_build(root: Path, *, spend: str = "100.25", copies: int = 1) -> Path:
    folder = root / "published" / BUILD
    (folder / "parquet" / "bi").mkdir(parents=True, exist_ok=True)
    file = folder / "bi.duckdb"
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as con:
        con.execute(
            "create table fct_ad_performance_daily as select 'k' as ad_performance_id,"
            " 'meta_main' as source_name, '11' as ad_account_id, 'VND' as currency,"
            f" date '2026-10-30' as report_date, {spend}::decimal(38, 6) as spend_amount,"
            f" '{BUILD}' as build_id from range({copies})"
        )
        con.execute(
            "copy fct_ad_performance_daily to"
            f" '{folder}/parquet/bi/fct_ad_performance_daily.parquet'"
        )
    manifest = {
        "themes": {"core": {"build_id": BUILD}},
        "files": {"bi.duckdb": {"sha256": invariants.sha256(file)}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    link = root / "published" / "current"
    link.unlink(missing_ok=True)
    link.symlink_to(BUILD)
    (root / "published" / "current.json").write_text(json.dumps({"build_id": BUILD}))
    graph = root / "dbt" / "manifest"
    graph.mkdir(parents=True, exist_ok=True)
    test = {
        "attached_node": "model.p.fct_ad_performance_daily",
        "test_metadata": {
            "name": "unique",
            "kwargs": {"column_name": "ad_performance_id"},
        },
    }
    model = {"alias": "fct_ad_performance_daily"}
    (graph / "manifest.json").write_text(
        json.dumps({"nodes": {"t": test, test["attached_node"]: model}})
    )
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_raw(tmp_path, ("c1", "100.25"))
    write_warehouse(tmp_path)
    write_build(tmp_path)
    (tmp_path / "closes" / "2026-09").mkdir(parents=True)
    (tmp_path / "closes" / "2026-09" / "figures.json").write_text("{}")
    return tmp_path


def findings(root: Path) -> list[str]:
    served = root / "published" / BUILD / "bi.duckdb"
    told = Counter({(KEY, Decimal("100.25")): 1})
    return [
        *invariants.raw_holds(root, told),
        *invariants.staging_equals(root, {KEY: Decimal("100.25")}),
        *invariants.keys_hold(root, served),
        *invariants.totals_agree(root, served),
        *invariants.served_is_whole(root),
        *invariants.cursors_follow(root),
        *invariants.nothing_leaks(root, secrets=[SECRET], persons=[PERSON]),
    ]


def test_a_good_morning_has_no_findings(root: Path) -> None:
    assert findings(root) == []


def lose_a_row(root: Path) -> None:
    write_raw(root)


def take_a_row_twice(root: Path) -> None:
    write_raw(root, ("c1", "100.25"), ("c1", "100.25"))


def damage_raw(root: Path) -> None:
    (path,) = (root / "raw").rglob("*.parquet")
    table = pq.read_table(path)
    pq.write_table(table, path, compression="none")


def lose_the_raw_file(root: Path) -> None:
    (path,) = (root / "raw").rglob("*.parquet")
    path.unlink()


def stage_another_figure(root: Path) -> None:
    write_warehouse(root, spend="100.26")


def publish_a_key_twice(root: Path) -> None:
    write_build(root, copies=2)


def publish_a_cent_less(root: Path) -> None:
    write_build(root, spend="100.24")


def flip_a_served_byte(root: Path) -> None:
    file = root / "published" / BUILD / "bi.duckdb"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def serve_two_builds(root: Path) -> None:
    file = write_build(root)
    with duckdb.connect(str(file)) as con:
        con.execute("update fct_ad_performance_daily set build_id = 'another'")
    manifest = file.with_name("manifest.json")
    content = json.loads(manifest.read_text())
    content["files"]["bi.duckdb"]["sha256"] = invariants.sha256(file)
    manifest.write_text(json.dumps(content))


def name_another_build(root: Path) -> None:
    (root / "published" / "2026-10-29T1-z").mkdir()
    told = root / "published" / "current.json"
    told.write_text(json.dumps({"build_id": "2026-10-29T1-z"}))


def move_a_cursor_ahead(root: Path) -> None:
    path = root / "state" / "meta_main" / "campaign_insights_daily.json"
    path.write_text(json.dumps({"2026-11-01": "2026-10-31"}))


def log_a_secret(root: Path) -> None:
    (root / "state" / "build.log").write_text(f"Authorization: Bearer {SECRET}")


def log_a_secret_in_base64(root: Path) -> None:
    hidden = base64.b64encode(f"user:{SECRET}:x".encode())
    (root / "state" / "build.log").write_bytes(hidden)


def report_a_person(root: Path) -> None:
    (root / "state" / "night.json").write_text(PERSON.replace("@", "%40"))


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        (lose_a_row, "I1"),
        (take_a_row_twice, "I1"),
        (damage_raw, "I1"),
        (lose_the_raw_file, "I1"),
        (stage_another_figure, "I1"),
        (publish_a_key_twice, "I2"),
        (publish_a_cent_less, "I3"),
        (stage_another_figure, "I3"),
        (flip_a_served_byte, "I4"),
        (serve_two_builds, "I4"),
        (name_another_build, "I4"),
        (move_a_cursor_ahead, "I5"),
        (log_a_secret, "I8"),
        (log_a_secret_in_base64, "I8"),
        (report_a_person, "I8"),
    ],
)
def test_a_break_is_found(
    root: Path, change: Callable[[Path], None], invariant: str
) -> None:
    change(root)
    found: list[str] = []
    served = root / "published" / BUILD / "bi.duckdb"
    told = Counter({(KEY, Decimal("100.25")): 1})
    checks: dict[str, list[Callable[[], list[str]]]] = {
        "I1": [
            lambda: invariants.raw_holds(root, told),
            lambda: invariants.staging_equals(root, {KEY: Decimal("100.25")}),
        ],
        "I2": [lambda: invariants.keys_hold(root, served)],
        "I3": [lambda: invariants.totals_agree(root, served)],
        "I4": [lambda: invariants.served_is_whole(root)],
        "I5": [lambda: invariants.cursors_follow(root)],
        "I8": [
            lambda: invariants.nothing_leaks(root, secrets=[SECRET], persons=[PERSON])
        ],
    }
    for check in checks[invariant]:
        found += check()
    assert found
    assert {text[:2] for text in found} == {invariant}


def test_other_content_is_found(root: Path) -> None:
    before = invariants.content_of(root / "published" / BUILD)
    write_build(root)
    again = invariants.content_of(root / "published" / BUILD)
    assert invariants.content_unchanged(before, again) == []
    write_build(root, spend="100.24")
    after = invariants.content_of(root / "published" / BUILD)
    assert invariants.content_unchanged(before, after)[0].startswith("I6")


def test_an_edited_or_missing_close_is_found_and_a_new_one_is_none(root: Path) -> None:
    before = invariants.closes_in(root)
    closed = root / "closes" / "2026-09" / "figures.json"
    (closed.parent / "restated.json").write_text("{}")
    assert invariants.closes_unchanged(before, invariants.closes_in(root)) == []
    closed.write_text('{"revenue": 1}')
    assert (
        "edited" in invariants.closes_unchanged(before, invariants.closes_in(root))[0]
    )
    os.unlink(closed)  # noqa: PTH108 - the close is removed behind the warehouse's back
    assert (
        "removed" in invariants.closes_unchanged(before, invariants.closes_in(root))[0]
    )


def test_undocumented_exit_codes_and_unhappy_readers_are_found() -> None:
    assert invariants.exit_code_is_known(1) == ["I9 exit code 1"]
    assert invariants.exit_code_is_known(75) == invariants.exit_code_is_known(-9) == []
    good = {"rounds": 3, "errors": [], "mixed": []}
    assert invariants.readers_were_served(good) == []
    for bad in ({"rounds": 0}, {"errors": ["x"]}, {"mixed": ["x"]}):
        assert invariants.readers_were_served({**good, **bad})[0].startswith("I10")
