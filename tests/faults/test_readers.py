"""Readers across publications: one build each, the old one to its end, the new one when told."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingest.errors import EXIT_BUSY
from orchestration.lock import BusyError
from orchestration.publish import (
    Manifest,
    PublishedTable,
    PublishRequest,
    build_id_for,
    current_build,
    list_builds,
    publish_build,
    recover,
    switch_current,
)
from tests.faults import invariants
from tests.faults.conftest import Reading

if TYPE_CHECKING:
    from pathlib import Path

PUBLICATIONS = 20
MANY_PUBLICATIONS = 100
READERS = 3
AS_OF = date(2026, 10, 31)
NIGHT = datetime(2026, 11, 1, 2, tzinfo=UTC)
TABLES = tuple(
    PublishedTable(name, "main", "core", ("all",))
    for name in ("dim_dates", "fct_deals", "rpt_kpi_values")
)


def publish(root: Path, number: int, *, keep: int = 7) -> Manifest:
    """Publish a build whose every row says which one it is of."""
    now = NIGHT + timedelta(seconds=number)
    build_id = build_id_for(AS_OF, now, seed="s")
    with duckdb.connect(str(root / "warehouse.duckdb")) as con:
        for table in TABLES:
            con.execute(
                f"create or replace table {table.name} as select i as id, {number} as night,"
                f" '{build_id}' as build_id from range({100 + number}) as r(i)"
            )
    return publish_build(
        PublishRequest(
            warehouse=root / "warehouse.duckdb",
            published=root / "published",
            tables=TABLES,
            build_id=build_id,
            as_of=AS_OF,
            code_version="c",
            company_name="Acme",
            now=now,
            keep=keep,
        )
    )


@pytest.mark.parametrize(
    "publications",
    [PUBLICATIONS, pytest.param(MANY_PUBLICATIONS, marks=pytest.mark.faults)],
)
def test_readers_see_one_build_each_across_publications(
    tmp_path: Path, publications: int
) -> None:
    publish(tmp_path, 0)
    published = tmp_path / "published"
    # A reader that goes table by table may meet a pause of the machine: builds are kept so
    # long that none is pruned under it.
    with Reading(published, tmp_path, READERS) as readers:
        readers.wait_until_ready()
        for number in range(1, publications + 1):
            publish(tmp_path, number, keep=20)
        assert readers.is_asking()
    for found in readers.found:
        assert invariants.readers_were_served(found) == []
        assert found["builds"] > 1
    assert invariants.served_is_whole(tmp_path) == []


def test_a_page_that_asks_across_a_publication_shows_one_build(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    told = json.loads((tmp_path / "published" / "current.json").read_text())
    seen = set()
    for number, table in enumerate(TABLES, start=2):
        file = tmp_path / "published" / told["build_id"] / "bi.duckdb"
        with duckdb.connect(str(file), read_only=True) as con:
            seen |= set(
                con.execute(f"select distinct build_id from {table.name}").fetchall()
            )
        publish(tmp_path, number)
    assert seen == {(told["build_id"],)}


def test_a_reader_that_never_reconnects_can_see_that_its_build_is_old(
    tmp_path: Path,
) -> None:
    first = publish(tmp_path, 1)
    file = tmp_path / "published" / first.build_id / "bi.duckdb"
    with duckdb.connect(str(file), read_only=True) as pinned:
        second = publish(tmp_path, 2)
        (own,) = (
            pinned.execute("select distinct build_id from build_themes").fetchone()
            or ()
        )
        told = json.loads((tmp_path / "published" / "current.json").read_text())
        assert own == first.build_id
        assert told["build_id"] == second.build_id
        assert told["published_at"] > first.published_at
        # Opened by the name it was told, the new build is there beside the old connection.
        fresh = tmp_path / "published" / told["build_id"] / "bi.duckdb"
        with duckdb.connect(str(fresh), read_only=True) as con:
            assert con.execute("select max(night) from fct_deals").fetchall() == [(2,)]
        assert pinned.execute("select max(night) from fct_deals").fetchall() == [(1,)]


def test_of_two_publishers_one_publishes_and_the_other_is_refused(
    tmp_path: Path,
) -> None:
    publish(tmp_path, 1)
    entered, leave = threading.Event(), threading.Event()
    second: list[Manifest] = []

    def render(_folder: Path) -> dict[str, bytes]:
        entered.set()
        assert leave.wait(30)
        return {}

    def work() -> None:
        now = NIGHT + timedelta(seconds=2)
        second.append(
            publish_build(
                PublishRequest(
                    warehouse=tmp_path / "warehouse.duckdb",
                    published=tmp_path / "published",
                    tables=TABLES,
                    build_id=build_id_for(AS_OF, now, seed="s"),
                    as_of=AS_OF,
                    code_version="c",
                    company_name="Acme",
                    now=now,
                ),
                render=render,
            )
        )

    other = threading.Thread(target=work)
    other.start()
    try:
        assert entered.wait(30)
        with pytest.raises(BusyError) as refused:
            publish_quietly(tmp_path)
        assert refused.value.exit_code == EXIT_BUSY
    finally:
        leave.set()
        other.join()
    current = current_build(tmp_path / "published")
    assert current is not None
    assert current.name == second[0].build_id


def publish_quietly(root: Path) -> Manifest:
    """Publish what stands in the build file, older than the publication at work."""
    now = NIGHT + timedelta(seconds=1, milliseconds=500)
    return publish_build(
        PublishRequest(
            warehouse=root / "warehouse.duckdb",
            published=root / "published",
            tables=TABLES,
            build_id=build_id_for(AS_OF, now, seed="other"),
            as_of=AS_OF,
            code_version="c",
            company_name="Acme",
            now=now,
        )
    )


def test_only_a_rollback_goes_back(tmp_path: Path) -> None:
    first, second = publish(tmp_path, 1), publish(tmp_path, 2)
    published = tmp_path / "published"
    assert recover(published) is None
    current = current_build(published)
    assert current is not None
    assert current.name == second.build_id
    switch_current(published, first.build_id)
    # What a person decided stands until the next publication.
    assert recover(published) is None
    assert current_build(published) == published / first.build_id
    third = publish(tmp_path, 3)
    newest, _ = list_builds(published)[0]
    assert newest.name == third.build_id
