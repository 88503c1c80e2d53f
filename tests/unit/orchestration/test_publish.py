"""Publishing from hand-made build files: what readers see, and when."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import duckdb
import pyarrow.parquet as pq
import pytest

from ingest.errors import ConfigError
from orchestration.publish import (
    Manifest,
    PublishedTable,
    PublishRequest,
    build,
    build_id_for,
    current_build,
    list_builds,
    publish_build,
    read_published_tables,
    recover,
    switch_current,
)
from orchestration.publish.build import CoreHeldError
from orchestration.publish.copying import UnpublishableError
from orchestration.publish.manifest import find_damage
from orchestration.publish.pointer import prune_builds
from orchestration.publish.tables import assign_files

if TYPE_CHECKING:
    from pathlib import Path

FIRST_NIGHT = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
TABLES = (
    PublishedTable("dim_dates", "main", "core", ("all",), "One row per day."),
    PublishedTable("fct_deals", "main", "sales", ("sales", "finance")),
    PublishedTable("fct_ledger", "main", "finance", ("finance",)),
    PublishedTable("rpt_kpi_values", "main", "core", ("all",)),
)


def write_warehouse(root: Path, *, deal: str = "10.00", sales: int = 1) -> Path:
    path = root / "warehouse.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(
            "create table dim_dates as select date '2026-10-31' as date_day,"
            " timestamptz '2026-10-31 17:00:00+00' as loaded_at,"
            " sum(1::hugeint) as total, 'b' as build_id"
        )
        con.execute("comment on column dim_dates.loaded_at is 'when ''it'' came'")
        con.execute(
            f"create table fct_deals as select * from (values (1, {deal}::decimal(38,4),"
            " 'VND', 'b'), (2, 5.5, 'USD', 'b')) v(deal_id, won_amount, currency,"
            " build_id)"
        )
        con.execute("create table fct_ledger as select 7::decimal(38,4) as amount")
        con.execute(
            "create table rpt_kpi_values as select * from (values"
            f" ('sales', 'deals_won', {sales}), ('marketing', 'clicks', {sales}),"
            f" (null, 'other', {sales})) v(theme, kpi_key, value)"
        )
    return path


def publish(
    root: Path,
    *,
    night: int = 0,
    hour: int = 0,
    red: frozenset[str] = frozenset(),
    tables: tuple[PublishedTable, ...] = TABLES,
    keep: int = 7,
) -> Manifest:
    now = FIRST_NIGHT + timedelta(days=night, hours=hour)
    as_of = date(2026, 10, 31) + timedelta(days=night)
    return publish_build(
        PublishRequest(
            warehouse=root / "warehouse.duckdb",
            published=root / "published",
            tables=tables,
            build_id=build_id_for(as_of, now, seed="s"),
            as_of=as_of,
            code_version="c",
            company_name="Acme",
            now=now,
            red_themes=red,
            keep=keep,
        ),
        render=lambda folder: {"index.html": f"<p>{folder.name}</p>".encode()},
    )


def query(root: Path, audience: str, sql: str) -> list[tuple[object, ...]]:
    path = root / "published" / "current" / f"{audience}.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_build_holds_each_audience_and_nothing_restricted(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    publish(tmp_path)
    names = "select table_name from duckdb_tables() order by 1"
    assert query(tmp_path, "bi", names) == [
        ("build_themes",),
        ("dim_dates",),
        ("fct_deals",),
        ("rpt_kpi_values",),
    ]
    assert query(tmp_path, "finance", names) == [
        ("build_themes",),
        ("dim_dates",),
        ("fct_deals",),
        ("fct_ledger",),
        ("rpt_kpi_values",),
    ]
    current = tmp_path / "published" / "current"
    parquet = {p.relative_to(current).as_posix() for p in current.rglob("*.parquet")}
    for_all = {"build_themes", "dim_dates", "fct_deals", "rpt_kpi_values"}
    assert parquet == {
        *(f"parquet/bi/{name}.parquet" for name in for_all),
        *(f"parquet/sales/{name}.parquet" for name in for_all),
        *(f"parquet/finance/{name}.parquet" for name in {*for_all, "fct_ledger"}),
    }


def test_served_types_and_comments_suit_every_reader(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    publish(tmp_path)
    columns = query(
        tmp_path,
        "bi",
        "select column_name, data_type, comment from duckdb_columns()"
        " where table_name = 'dim_dates' order by column_index",
    )
    assert columns[1] == ("loaded_at", "TIMESTAMP", "when 'it' came (UTC)")
    assert columns[2][1] == "DECIMAL(38,0)"
    instant = query(tmp_path, "bi", "select loaded_at from dim_dates")
    assert instant == [(datetime(2026, 10, 31, 17, 0),)]  # noqa: DTZ001 - served naive
    comment = "select comment from duckdb_tables() where table_name = 'dim_dates'"
    assert query(tmp_path, "bi", comment) == [("One row per day.",)]
    path = tmp_path / "published/current/parquet/bi/dim_dates.parquet"
    schema = pq.read_schema(path)
    assert schema.field("loaded_at").type.tz is None
    assert str(schema.field("total").type) == "decimal128(38, 0)"


def test_every_table_says_its_build(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    first = publish(tmp_path)
    publish(tmp_path, night=1, red=frozenset({"sales"}))
    values = "select theme, build_id = ? from rpt_kpi_values order by 1 nulls first"
    path = tmp_path / "published" / "current" / "bi.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        found = con.execute(values, [first.build_id]).fetchall()
    assert found == [(None, False), ("marketing", False), ("sales", True)]


def test_floating_point_is_refused_and_old_build_stays(tmp_path: Path) -> None:
    path = write_warehouse(tmp_path)
    first = publish(tmp_path)
    with duckdb.connect(str(path)) as con:
        con.execute("alter table fct_deals add column score double")
    with pytest.raises(UnpublishableError, match=r"fct_deals.*score"):
        publish(tmp_path, night=1)
    now = current_build(tmp_path / "published")
    assert now is not None
    assert now.name == first.build_id
    assert not list((tmp_path / "published").glob("*.tmp"))


def test_what_cannot_be_cleared_away_hides_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted query still closed its files when the folder was removed."""
    path = write_warehouse(tmp_path)
    first = publish(tmp_path)
    with duckdb.connect(str(path)) as con:
        con.execute("alter table fct_deals add column score double")

    def vanished(folder: Path) -> NoReturn:
        raise FileNotFoundError(folder / "sales.duckdb.wal")

    with monkeypatch.context() as patched:
        patched.setattr(build, "remove_build", vanished)
        with pytest.raises(UnpublishableError, match=r"fct_deals.*score"):
            publish(tmp_path, night=1)
    recover(tmp_path / "published")
    assert not list((tmp_path / "published").glob("*.tmp"))
    now = current_build(tmp_path / "published")
    assert now is not None
    assert now.name == first.build_id


def test_manifest_proves_the_build(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    manifest = publish(tmp_path)
    current = tmp_path / "published" / "current"
    assert find_damage(current) is None
    deals = manifest.tables["fct_deals"]
    assert deals.row_count == 2
    assert [(t.currency, t.total) for t in deals.totals] == [
        ("USD", "5.5000"),
        ("VND", "10.0000"),
    ]
    assert manifest.tables["fct_ledger"].totals == ()
    assert "index.html" in manifest.files
    told = json.loads((tmp_path / "published" / "current.json").read_text())
    assert told["build_id"] == manifest.build_id
    (current / "bi.duckdb").chmod(0o644)
    with (current / "bi.duckdb").open("r+b") as handle:
        handle.seek(5000)
        handle.write(b"x")
    assert find_damage(current) == "bi.duckdb differs from its manifest"


def test_content_hash_ignores_run_and_order_but_no_value(tmp_path: Path) -> None:
    path = write_warehouse(tmp_path)
    first = publish(tmp_path)
    with duckdb.connect(str(path)) as con:
        con.execute("update fct_deals set build_id = 'other'")
        con.execute(
            "create or replace table fct_deals as"
            " select * from fct_deals order by deal_id desc"
        )
    assert publish(tmp_path, hour=1).content_hash == first.content_hash
    with duckdb.connect(str(path)) as con:
        con.execute("alter table fct_ledger add column fx_batch_id varchar")
        con.execute("alter table fct_ledger add column source_ref varchar")
        con.execute("update fct_ledger set fx_batch_id = 'b2', source_ref = 'r'")
    assert publish(tmp_path, hour=3).content_hash == first.content_hash
    write_warehouse(tmp_path, deal="10.01")
    changed = publish(tmp_path, hour=2)
    assert changed.content_hash != first.content_hash
    differing = {
        name
        for name, entry in changed.tables.items()
        if entry.content_hash != first.tables[name].content_hash
    }
    assert differing == {"fct_deals"}


def test_content_hash_counts_repeated_rows_and_tells_null_from_blank(
    tmp_path: Path,
) -> None:
    path = tmp_path / "warehouse.duckdb"
    tables = (PublishedTable("t", "main", "core", ()),)
    hashes: list[str] = []
    contents = ("('a')", "('a'), ('a'), ('a')", "('')", "(null::varchar)", "('b')")
    for hour, rows in enumerate(contents):
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as con:
            con.execute(f"create table t as select * from (values {rows}) v(x)")
        hashes.append(publish(tmp_path, hour=hour, tables=tables).content_hash)
    assert len(set(hashes)) == len(contents)


def test_red_theme_is_carried_unchanged_with_its_own_as_of(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    first = publish(tmp_path)
    write_warehouse(tmp_path, deal="99.00", sales=2)
    second = publish(tmp_path, night=1, red=frozenset({"sales"}))
    assert second.themes["sales"].state == "held"
    assert second.themes["sales"].as_of_date == "2026-10-31"
    assert second.themes["core"].as_of_date == "2026-11-01"
    assert second.tables["fct_deals"] == first.tables["fct_deals"]
    values = "select kpi_key, value from rpt_kpi_values order by 1"
    assert query(tmp_path, "bi", values) == [
        ("clicks", 2),
        ("deals_won", 1),
        ("other", 2),
    ]
    third = publish(tmp_path, night=2, red=frozenset({"sales"}))
    assert third.themes["sales"].as_of_date == "2026-10-31"
    assert third.themes["sales"].build_id == first.build_id
    deal = "select won_amount::varchar from fct_deals where deal_id = 1"
    assert query(tmp_path, "finance", deal) == [("10.0000",)]


def test_build_says_itself_what_is_held(tmp_path: Path) -> None:
    path = write_warehouse(tmp_path)
    with duckdb.connect(str(path)) as con:
        con.execute("create table build_info as select 'stripe' as source_name")
    info = PublishedTable("build_info", "main", "core", ("all",))
    publish(tmp_path, tables=(*TABLES, info))
    publish(tmp_path, night=1, tables=(*TABLES, info), red=frozenset({"sales"}))
    assert query(
        tmp_path, "bi", "select held_themes, code_version from build_info"
    ) == [("sales", "c")]
    states = "select theme, state, theme_as_of_date from build_themes order by 1"
    assert query(tmp_path, "bi", states) == [
        ("core", "fresh", date(2026, 11, 1)),
        ("finance", "fresh", date(2026, 11, 1)),
        ("sales", "held", date(2026, 10, 31)),
    ]


def test_a_held_table_is_the_same_file_and_outlives_the_build_it_came_from(
    tmp_path: Path,
) -> None:
    def deals(manifest: Manifest) -> Path:
        folder = tmp_path / "published" / manifest.build_id / "parquet"
        return folder / "finance" / "fct_deals.parquet"

    write_warehouse(tmp_path)
    first = publish(tmp_path)
    write_warehouse(tmp_path, deal="99.00")
    second = publish(tmp_path, night=1, red=frozenset({"sales"}))
    assert deals(second).samefile(deals(first))
    name = "parquet/sales/fct_deals.parquet"
    assert second.files[name] == first.files[name]
    ledger = "parquet/finance/fct_ledger.parquet"
    assert second.files[ledger] != first.files[ledger], "it names its new build"

    for night in (2, 3):
        last = publish(tmp_path, night=night, red=frozenset({"sales"}), keep=1)
    assert not deals(first).exists()
    assert not deals(second).exists()
    rows = pq.read_table(deals(last), columns=["won_amount"])["won_amount"]
    assert sorted(map(str, rows.to_pylist())) == ["10.0000", "5.5000"]
    assert find_damage(tmp_path / "published" / last.build_id) is None


def test_a_held_file_that_is_no_longer_whole_is_written_anew(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    first = publish(tmp_path)
    spoiled = tmp_path / "published" / "current" / "parquet/sales/fct_deals.parquet"
    spoiled.chmod(0o644)
    spoiled.write_bytes(b"spoiled" + spoiled.read_bytes()[7:])
    second = publish(tmp_path, night=1, red=frozenset({"sales"}))
    whole = tmp_path / "published" / second.build_id / "parquet/sales/fct_deals.parquet"
    assert pq.read_metadata(whole).num_rows == 2
    assert second.tables["fct_deals"] == first.tables["fct_deals"]


def test_held_theme_without_a_last_good_build_is_absent(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    manifest = publish(tmp_path, red=frozenset({"sales"}))
    assert manifest.themes["sales"].state == "absent"
    assert "fct_deals" not in manifest.tables
    values = "select kpi_key from rpt_kpi_values order by 1"
    assert query(tmp_path, "bi", values) == [("clicks",), ("other",)]


def test_red_core_publishes_nothing(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    first = publish(tmp_path)
    with pytest.raises(CoreHeldError):
        publish(tmp_path, night=1, red=frozenset({"core"}))
    assert [path.name for path, _ in list_builds(tmp_path / "published")] == [
        first.build_id
    ]


def test_last_builds_are_kept_and_the_current_never_pruned(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    first = publish(tmp_path, keep=2)
    published = tmp_path / "published"
    for night in (1, 2):
        publish(tmp_path, night=night, keep=2)
    kept = [path.name for path, _ in list_builds(published)]
    assert len(kept) == 2
    assert first.build_id not in kept
    switch_current(published, kept[-1])
    assert current_build(published) == published / kept[-1]


def test_the_build_before_is_kept_though_killed_nights_left_newer_ones(
    tmp_path: Path,
) -> None:
    write_warehouse(tmp_path)
    published = tmp_path / "published"
    first = publish(tmp_path, keep=2)
    for night in (1, 2, 3):
        publish(tmp_path, night=night, keep=4)
    # As if the three had been killed before readers were switched to them.
    switch_current(published, first.build_id)
    replacing = publish(tmp_path, night=4, keep=2)
    assert replacing.replaces == first.build_id
    assert prune_builds(published, keep=1) != []
    kept = {path.name for path, _ in list_builds(published)}
    assert kept == {replacing.build_id, first.build_id}
    publish(tmp_path, night=5, keep=2)
    assert first.build_id not in {path.name for path, _ in list_builds(published)}


def test_open_reader_keeps_its_build_and_a_new_one_sees_the_next(
    tmp_path: Path,
) -> None:
    write_warehouse(tmp_path)
    publish(tmp_path)
    current = tmp_path / "published" / "current" / "bi.duckdb"
    with duckdb.connect(str(current.resolve()), read_only=True) as reader:
        write_warehouse(tmp_path, deal="11.00")
        publish(tmp_path, night=1)
        deal = "select won_amount::varchar from fct_deals where deal_id = 1"
        assert reader.execute(deal).fetchall() == [("10.0000",)]
        assert query(tmp_path, "bi", deal) == [("11.0000",)]


def test_builds_are_read_only_on_disk(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    publish(tmp_path)
    current = (tmp_path / "published" / "current").resolve()
    assert current.stat().st_mode & 0o222 == 0
    assert all(path.stat().st_mode & 0o222 == 0 for path in current.rglob("*"))


def test_kill_between_link_and_file_is_repaired_from_the_link(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    publish(tmp_path)
    published = tmp_path / "published"
    before = (published / "current.json").read_text()
    second = publish(tmp_path, night=1)
    (published / "current.json").write_text(before)
    (published / "2026-11-09T20261110T020000Z-0.tmp").mkdir()
    assert recover(published) is None
    told = json.loads((published / "current.json").read_text())
    assert told["build_id"] == second.build_id
    assert not list(published.glob("*.tmp"))


def test_damaged_current_build_falls_back_to_the_last_whole_one(
    tmp_path: Path,
) -> None:
    write_warehouse(tmp_path)
    first = publish(tmp_path)
    second = publish(tmp_path, night=1)
    published = tmp_path / "published"
    broken = published / second.build_id / "bi.duckdb"
    broken.chmod(0o644)
    os.truncate(broken, 100)
    said = recover(published)
    assert said is not None
    assert second.build_id in said
    now = current_build(published)
    assert now is not None
    assert now.name == first.build_id


def test_no_whole_build_serves_none_rather_than_a_broken_one(tmp_path: Path) -> None:
    write_warehouse(tmp_path)
    only = publish(tmp_path)
    published = tmp_path / "published"
    broken = published / only.build_id / "manifest.json"
    broken.chmod(0o644)
    broken.write_text("{")
    said = recover(published)
    assert said is not None
    assert "none is served" in said
    assert current_build(published) is None


def test_published_tables_are_read_from_the_dbt_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    nodes = {
        "model.p.dim_dates": {
            "unique_id": "model.p.dim_dates",
            "resource_type": "model",
            "name": "dim_dates",
            "alias": "dim_dates",
            "schema": "main",
            "description": "One row per day.",
            "columns": {"date_day": {"description": "the day"}},
            "config": {"meta": {"theme": "core", "audience": ["all"]}},
        },
        "model.p.int_x": {
            "unique_id": "model.p.int_x",
            "resource_type": "model",
            "name": "int_x",
            "schema": "main",
            "config": {"meta": {}},
        },
        "test.p.t": {
            "unique_id": "test.p.t",
            "resource_type": "test",
            "name": "t",
            "attached_node": "model.p.dim_dates",
            "test_metadata": {
                "name": "unique_key",
                "kwargs": {"columns": ["date_day"]},
            },
            "schema": "main",
            "config": {"meta": {"theme": "core"}},
        },
    }
    path.write_text(json.dumps({"nodes": nodes}))
    assert read_published_tables(path) == (
        PublishedTable(
            "dim_dates",
            "main",
            "core",
            ("all",),
            "One row per day.",
            {"date_day": "the day"},
            key=("date_day",),
            unique_id="model.p.dim_dates",
        ),
    )


def test_build_ids_sort_by_as_of_then_time() -> None:
    early = build_id_for(date(2026, 10, 30), FIRST_NIGHT, seed="a")
    late = build_id_for(date(2026, 10, 31), FIRST_NIGHT, seed="a")
    later = build_id_for(
        date(2026, 10, 31), FIRST_NIGHT + timedelta(seconds=1), seed="a"
    )
    assert early < late < later


@pytest.mark.parametrize(
    ("audiences", "files"),
    [
        ((), ("bi", "finance", "marketing", "sales")),
        (("all",), ("bi", "finance", "marketing", "sales")),
        # Every open audience may read it, so it is in the open file too.
        (("sales", "marketing"), ("bi", "marketing", "sales")),
        (("finance", "sales"), ("finance", "sales")),
        (("finance",), ("finance",)),
    ],
)
def test_a_table_goes_to_those_who_may_read_it(
    audiences: tuple[str, ...], files: tuple[str, ...]
) -> None:
    others = (PublishedTable("o", "main", "core", ("sales", "marketing", "finance")),)
    table = PublishedTable("t", "main", "core", audiences)
    assert assign_files((table, *others), {})[0].files == files


def test_configured_themes_narrow_an_audience_and_named_tables_widen_it() -> None:
    tables = (
        PublishedTable("dim_dates", "main", "core", ("all",)),
        PublishedTable("rpt_sales", "main", "sales", ("all",)),
        PublishedTable("fct_ledger", "main", "finance", ("finance",)),
    )
    configured = {"marketing": ("core", "fct_ledger"), "finance": ("finance",)}
    files = {table.name: table.files for table in assign_files(tables, configured)}
    assert files == {
        "dim_dates": ("bi", "marketing"),
        "rpt_sales": ("bi",),
        "fct_ledger": ("finance", "marketing"),
    }


def test_a_table_nobody_gets_is_a_mistake_in_the_configuration() -> None:
    """It would be published nowhere, and nobody would be told."""
    tables = (
        PublishedTable("dim_dates", "main", "core", ("all",)),
        PublishedTable("queue", "main", "marketing", ("sales",)),
    )
    with pytest.raises(ConfigError, match=r"queue \(theme marketing, for sales\)"):
        assign_files(tables, {"sales": ("core", "sales"), "marketing": ("marketing",)})
    given = {"sales": ("core", "sales", "queue")}
    assert assign_files(tables, given)[1].files == ("bi", "sales")
