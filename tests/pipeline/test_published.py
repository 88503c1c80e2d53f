"""What readers get: plain types in every file, tables only where they belong, no person's data."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow.parquet as pq
import pytest

from ingest.sandbox.company import build_company
from tests.pipeline.conftest import FIRST_NIGHT, Warehouse

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN_TYPES = ("HUGEINT", "DOUBLE", "FLOAT", "WITH TIME ZONE")
"""What BI tools read differently or inexactly."""
FINANCE_ONLY = {"fct_invoice_lines", "fct_mrr_monthly", "fct_customer_mrr"}


def parquet_files(warehouse: Warehouse) -> list[Path]:
    return sorted((warehouse.current / "parquet").rglob("*.parquet"))


def test_parquet_holds_no_type_a_bi_tool_misreads(first_night: Warehouse) -> None:
    files = parquet_files(first_night)
    assert len(files) > 30
    wrong = []
    with duckdb.connect() as connection:
        for file in files:
            columns = connection.execute(
                "select column_name, column_type from "
                f"(describe select * from read_parquet('{file}'))"
            ).fetchall()
            wrong += [
                f"{file.name}: {name} {type_}"
                for name, type_ in columns
                if any(foreign in type_ for foreign in FOREIGN_TYPES)
            ]
    assert wrong == []


def test_files_equal_the_manifest(first_night: Warehouse) -> None:
    manifest = first_night.manifest()
    for name, entry in manifest["files"].items():
        content = (first_night.current / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
    for file in parquet_files(first_night):
        rows = pq.read_metadata(file).num_rows
        assert rows == manifest["tables"][file.stem]["row_count"], file.name


def test_finance_tables_are_in_the_finance_file_only(first_night: Warehouse) -> None:
    tables = "select table_name from duckdb_tables()"
    per_file = {
        audience: {name for (name,) in first_night.query(tables, audience=audience)}
        for audience in ("bi", "sales", "marketing", "finance")
    }
    assert per_file["finance"] >= FINANCE_ONLY
    for audience in ("bi", "sales", "marketing"):
        assert not per_file[audience] & FINANCE_ONLY, audience


def test_columns_are_documented_in_the_file_itself(first_night: Warehouse) -> None:
    bare = first_night.query(
        "select table_name || '.' || column_name from duckdb_columns() "
        "where not internal and coalesce(trim(comment), '') = ''",
        audience="finance",
    )
    assert bare == []


def test_every_table_carries_its_build(first_night: Warehouse) -> None:
    rows = first_night.query(
        "select table_name from duckdb_tables() except "
        "select table_name from duckdb_columns() where column_name = 'build_id'",
        audience="finance",
    )
    assert rows == []


@pytest.mark.parametrize("field", ["email", "phone"])
def test_no_contact_data_of_a_lead_is_in_any_published_file(
    first_night: Warehouse, field: str
) -> None:
    company = build_company(until=datetime(2026, 11, 1, tzinfo=UTC))
    now = datetime(FIRST_NIGHT.year, FIRST_NIGHT.month, FIRST_NIGHT.day, tzinfo=UTC)
    people = {
        str(state[field]).encode()
        for contact in company.hubspot.contacts
        if (state := contact.state_at(now)) and state.get(field)
    }
    assert len(people) > 1000
    # Parquet and DuckDB may compress text, so the rows are read, not the bytes.
    seen: set[bytes] = set()
    with duckdb.connect() as connection:
        for file in parquet_files(first_night):
            texts = [
                name
                for name, type_ in connection.execute(
                    "select column_name, column_type from "
                    f"(describe select * from read_parquet('{file}'))"
                ).fetchall()
                if type_ == "VARCHAR"
            ]
            for name in texts:
                rows = connection.execute(
                    f"select distinct \"{name}\" from read_parquet('{file}')"
                ).fetchall()
                seen |= {value.encode() for (value,) in rows if value}
    assert not people & seen
    page = (first_night.current / "index.html").read_bytes()
    quality = (first_night.current / "quality.json").read_bytes()
    assert not [person for person in people if person in page or person in quality]


def test_what_answers_an_articles_line_is_published(first_night: Warehouse) -> None:
    places = first_night.query(
        "select distinct unnest(string_split(places, '|')) from dim_article_lines"
        " where places is not null"
    )
    columns = [
        row
        for audience in ("finance", "sales", "marketing")
        for row in first_night.query(
            "select table_name, column_name from duckdb_columns()", audience=audience
        )
    ]
    known = {table for table, _ in columns} | {f"{t}.{c}" for t, c in columns}
    assert {place for (place,) in places} - known == set()
