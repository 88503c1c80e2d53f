"""Night after night of changed days leaves what a build from nothing gives, table by table.

Kept tables compute again only the days whose inputs changed (`macros/kept_days.sql`), so this
lands what can change a day that is long over, and days nothing happens on.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingest.sandbox.bulk import BulkCompany, land_entities, land_history, land_night
from ingest.sandbox.bulk_rows import BULK_ENTITIES
from tests.benchmarks.bulk_build import FIRST_NIGHT, differing_tables, run_dbt

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.sandbox.bulk_entity import BulkEntity

COMPANY = BulkCompany(0.003, FIRST_NIGHT, months=14)
LONG_AGO = FIRST_NIGHT - timedelta(days=200)


def told_again(
    name: str, change: str, *, restated_days: int | None = None
) -> BulkEntity:
    """The entity of the bulk company with all it ever said, changed by `change`."""
    (entity,) = [
        entity
        for entity in BULK_ENTITIES
        if entity.name == name and not entity.dataset.startswith("history")
    ]
    query = entity.query.replace("{since}", "1970-01-01")
    return replace(
        entity,
        query=f"select {change.format(query=f'({query}) as told')}",
        restated_days=restated_days,
    )


RESTATED = (
    # Spend of 12 days read again: doubled, nothing for three of them, half the campaigns gone
    # from two.
    told_again(
        "campaign_performance_daily",
        "* replace (cost_micros * 2 as cost_micros) from {query}"
        " where date > date '{{as_of}}' - 12"
        " and date not between date '{{as_of}}' - 7 and date '{{as_of}}' - 5"
        " and not (date > date '{{as_of}}' - 3 and hash(campaign_id) % 2 = 0)",
        restated_days=12,
    ),
    # Rates of a month half a year ago corrected.
    told_again(
        "fx_rates",
        "* replace (rate + 117 as rate, timestamptz '{{until}}' as published_at)"
        f" from {{query}} where rate_date between date '{LONG_AGO}'"
        f" and date '{LONG_AGO}' + 30",
    ),
)
LATE = (
    told_again(
        "calls",
        "* replace ('late' || call_id as call_id) from {query} where hash(call_id) % 40 = 0",
    ),
    # Won deals that turn out lost, others with another amount, all without a word in the log.
    told_again(
        "deals",
        "* replace ('closedlost' as stage_id, amount + 1000 as amount,"
        " timestamptz '{{until}}' as updated_at) from {query}"
        " where stage_id = 'closedwon' and hash(deal_id) % 5 = 0",
    ),
    told_again(
        "invoice_lines",
        "* replace ('late' || line_id as line_id) from {query} where hash(line_id) % 50 = 0",
    ),
    told_again(
        "credit_notes",
        "* replace ('late' || credit_note_id as credit_note_id) from {query}"
        " where hash(credit_note_id) % 2 = 0",
    ),
)
DELETED = (
    told_again(
        "contacts",
        "* replace (true as is_deleted, timestamptz '{{until}}' as deleted_at,"
        " timestamptz '{{until}}' as updated_at) from {query}"
        " where hash(contact_id) % 20 = 0",
    ),
    told_again(
        "calls",
        "* replace (timestamptz '{{until}}' as updated_at), true as is_deleted"
        " from {query} where hash(call_id) % 30 = 0",
    ),
    told_again(
        "deals",
        "* replace (timestamptz '{{until}}' as updated_at), true as is_deleted"
        " from {query} where hash(deal_id) % 10 = 1",
    ),
    # An account in another segment: its leads, deals, calls and customers are too.
    told_again(
        "companies",
        "* replace ('moved' as segment, timestamptz '{{until}}' as updated_at)"
        " from {query} where hash(company_id) % 3 = 0",
    ),
)
MERGED = (
    told_again(
        "contacts",
        "* replace (cast(cast(contact_id as bigint) + 1 as varchar) as merged_object_ids,"
        " timestamptz '{{until}}' as updated_at) from {query}"
        " where hash(contact_id) % 25 = 3",
    ),
)
REORGANISED = (
    # Every third person has been in a new team for four months.
    replace(
        told_again("users", "* from {query}"),
        query=f"""
        select 'NV' || i as user_id, date '{LONG_AGO}' as valid_from,
            'Nhân viên ' || i as user_name, 'nv' || i || '@bulk.example' as email,
            'Team new' as team, 'Department new' as department,
            '{{"hubspot_main": "' || (100 + i) || '"}}' as external_ids
        from range(0, 60, 3) as reps (i)
        """,
    ),
)
NIGHTS = (
    ("restated, rates corrected", RESTATED),
    ("late records", LATE),
    ("nothing at all", ()),
    ("deletes, another segment", DELETED),
    ("merges", MERGED),
    ("reorganised", REORGANISED),
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of the company's own life, built one after the other."""
    root = tmp_path_factory.mktemp("kept")
    land_history(root, COMPANY)
    run_dbt(root, FIRST_NIGHT, "seed")
    run_dbt(root, FIRST_NIGHT, "run", "--full-refresh")
    second = FIRST_NIGHT + timedelta(days=1)
    land_night(root, COMPANY, second)
    run_dbt(root, second, "run")
    return root


def tables(database: Path) -> list[str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            "select table_name from duckdb_tables() where not starts_with(table_name, '_')"
        ).fetchall()
    return sorted(name for (name,) in rows)


def from_nothing(root: Path, as_of: date, aside: Path) -> list[str]:
    """Return the tables that differ from a build of everything; `root` is left as it is."""
    built = root / "warehouse.duckdb"
    shutil.copytree(root / "raw", aside / "raw")
    shutil.copy(built, aside / "warehouse.duckdb")
    run_dbt(aside, as_of, "run", "--full-refresh")
    return differing_tables(built, aside / "warehouse.duckdb", tables(built))


@pytest.mark.faults
def test_nights_of_all_kinds_equal_a_build_from_nothing(
    history: Path, tmp_path: Path
) -> None:
    as_of = FIRST_NIGHT + timedelta(days=1)
    assert from_nothing(history, as_of, tmp_path / "second") == []
    for number, (what, entities) in enumerate(NIGHTS):
        as_of += timedelta(days=1)
        land_entities(history, COMPANY, as_of, entities)
        before = fingerprints(history)
        run_dbt(history, as_of, "run")
        changed = before ^ fingerprints(history)
        assert changed, f"night of {what} changed no day"
        assert from_nothing(history, as_of, tmp_path / str(number)) == [], what


def fingerprints(root: Path) -> set[tuple[str, date, int]]:
    with duckdb.connect(str(root / "warehouse.duckdb"), read_only=True) as connection:
        return set(connection.execute("from _kept_days").fetchall())


@pytest.mark.faults
def test_a_day_nothing_happened_to_is_not_computed_again(history: Path) -> None:
    as_of = FIRST_NIGHT + timedelta(days=20)
    kept = ("kpi_sales_measures", "kpi_marketing_measures", "kpi_revenue_measures")
    database = str(history / "warehouse.duckdb")
    with duckdb.connect(database) as connection:
        for table in kept:
            connection.execute(
                f"update {table} set segment = 'untouched' where report_date = $day",
                {"day": LONG_AGO},
            )
    run_dbt(history, as_of, "run", "--select", *kept)
    with duckdb.connect(database, read_only=True) as connection:
        for table in kept:
            segments = connection.execute(
                f"select distinct segment from {table} where report_date = $day",
                {"day": LONG_AGO},
            ).fetchall()
            assert segments == [("untouched",)], table
