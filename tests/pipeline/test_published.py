"""What readers get: plain types in every file, tables only where they belong, no person's data."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow.parquet as pq

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


def test_no_contact_data_of_a_lead_is_in_any_published_file(
    first_night: Warehouse,
) -> None:
    company = build_company(until=datetime(2026, 11, 1, tzinfo=UTC))
    now = datetime(FIRST_NIGHT.year, FIRST_NIGHT.month, FIRST_NIGHT.day, tzinfo=UTC)
    people = {
        str(state[field]).encode()
        for contact in company.hubspot.contacts
        for field in ("email", "phone")
        if (state := contact.state_at(now)) and state.get(field)
    }
    assert len(people) > 2000
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


def test_published_receivables_lead_to_what_is_held_against_the_ledger(
    first_night: Warehouse,
) -> None:
    """To the unit, every month (D-481).

    The ledger has an invoice until the day it is voided and owes no credit for a refund
    without a credit note; `rpt_receivables` never counts a void invoice (D-011) and credits
    such refunds. Nothing else tells the two apart.
    """
    path = first_night.root / "warehouse.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        rows = con.execute("""
            with held as (
                select legal_entity, currency, period_end_date, period_start_date,
                    sum(warehouse_amount) as amount
                from rpt_reconciliation where line = 'receivables_vs_ledger' group by all
            ),
            published as (
                select distinct legal_entity, original_currency as currency,
                    month_start_date as period_start_date, closing_original_amount as amount
                from rpt_receivables
            ),
            refunded as (
                select held.*, coalesce((
                    select sum(found.gross_amount) from int_refunds_uncredited as found
                    inner join int_invoices_unioned as invoices using (invoice_id)
                    where invoices.legal_entity = held.legal_entity
                        and found.currency = held.currency
                        and found.credited_date <= held.period_end_date
                ), 0) as uncredited, coalesce((
                    select sum(voided.total_amount) from int_invoices_unioned as voided
                    where voided.legal_entity = held.legal_entity
                        and voided.currency = held.currency and voided.status = 'void'
                        and (voided.finalized_at at time zone 'Asia/Ho_Chi_Minh')::date
                        <= held.period_end_date
                        and (voided.voided_at at time zone 'Asia/Ho_Chi_Minh')::date
                        > held.period_end_date
                ), 0) as voided_later
                from held
            )
            select period_start_date, legal_entity, published.amount,
                refunded.amount - uncredited - voided_later, uncredited, voided_later
            from refunded inner join published
                using (legal_entity, currency, period_start_date)
        """).fetchall()
    assert len(rows) > 40
    assert [row for row in rows if row[2] != row[3]] == []
    # Both causes occur, or the test would hold nothing apart.
    assert any(row[4] for row in rows)
    assert any(row[5] for row in rows)
