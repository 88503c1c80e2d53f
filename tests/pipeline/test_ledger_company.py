"""Books with one mistake each: the tie-out finds it to the dong, says why and names the records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pytest

from orchestration.billing_controls import read_controls
from tests.golden import ledger_company
from tests.pipeline.raw_fixture import write_raw
from tests.pipeline.warehouse_build import build_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def build_books(root: Path, parsed: Path | None, calendar: str = "gregorian") -> Path:
    batches = [b for c in ledger_company.CASES for b in ledger_company.batches_of(c)]
    write_raw(root / "raw", [ledger_company.FX_RATES, *batches])
    return build_warehouse(
        root,
        parsed=parsed,
        calendar=calendar,
        as_of=ledger_company.AS_OF,
        select="+rpt_reconciliation_records +kpi_reconciliation_measures",
        entities=("invoices", "invoice_lines", "gl_balances", "gl_journal"),
    )


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory, parsed_project: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    built = build_books(tmp_path_factory.mktemp("ledger"), parsed_project)
    with duckdb.connect(str(built), read_only=True) as con:
        yield con


def test_billing_that_contradicts_itself_is_named_with_its_records(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    (path,) = warehouse.execute(
        "select path from duckdb_databases() where database_name = 'warehouse'"
    ).fetchone() or ("",)
    with duckdb.connect() as con:
        con.execute(f"attach '{path}' as build (read_only)")
        broken = [control for control in read_controls(con) if control.reference]
    assert [(c.line, c.legal_entity, int(c.other), int(c.ours)) for c in broken] == [
        ("invoices_vs_lines", "header", 1001, 1000),
        ("payments_vs_provider", "pay", 1100, 1101),
    ]
    assert broken[0].records == (
        "other: invoice drop_header:A 1001.0000 [fixture#0]",
        "warehouse: invoice_line drop_header:L-A 1000.0000 [fixture#0]",
    )


def short(reference: str, entity: str) -> str:
    return reference.removeprefix(f"drop_{entity}:")


def differences(
    con: duckdb.DuckDBPyConnection,
) -> list[ledger_company.Difference]:
    rows = con.execute(
        "select legal_entity, strftime(period_start_date, '%m'), line, reference,"
        " reason_code, warehouse_amount, other_amount, explanation_state"
        " from rpt_reconciliation where state = 'compared' and reason_code <> 'agreed'"
    ).fetchall()
    return [
        (e, month, line, short(ref, e), why, int(ours), int(theirs), state)
        for e, month, line, ref, why, ours, theirs, state in rows
    ]


def test_every_mistake_is_found_and_nothing_else(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    found = differences(warehouse)
    assert len(set(found)) == len(found)
    assert set(found) == ledger_company.DIFFERENCES


@pytest.mark.long
def test_a_company_of_whole_weeks_finds_the_same(tmp_path: Path) -> None:
    """Its ledger is kept by calendar months all the same (D-631)."""
    built = build_books(tmp_path, None, "4-4-5")
    with duckdb.connect(str(built), read_only=True) as con:
        assert set(differences(con)) == ledger_company.DIFFERENCES


def test_explained_is_what_records_or_approved_explanations_cover(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        "select distinct explanation_state, is_explained from rpt_reconciliation"
    ).fetchall()
    assert dict(rows) == {
        "agreed": True, "proven": True, "approved": True, "not_delivered": True,
        "expired": False, "not_approved": False, "none": False,
    }  # fmt: skip


def test_a_month_without_a_ledger_is_information(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        "select legal_entity, strftime(period_start_date, '%m'), line, state,"
        " difference_amount, other_amount, warehouse_amount"
        " from rpt_reconciliation where state <> 'compared'"
    ).fetchall()
    assert {row[:4] for row in rows} == ledger_company.NOT_COMPARED
    assert {row[4:6] for row in rows} == {(None, None)}
    assert (
        "dark",
        "04",
        ledger_company.OWED,
        "not_delivered",
        None,
        None,
        1100,
    ) in rows


def test_rows_of_a_line_add_up_to_both_sides(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        "select line, sum(warehouse_amount), sum(other_amount), sum(difference_amount)"
        " from rpt_reconciliation where legal_entity = 'summed'"
        " and period_start_date = '2026-04-01' group by 1"
    ).fetchall()
    # 1,000 billed; 999 + 7 in the ledger. 1,100 owed; 1,099 + 7.
    assert (ledger_company.BILLED, 1000, 1006, -6) in rows
    assert (ledger_company.OWED, 1100, 1106, -6) in rows
    (agreed,) = warehouse.execute(
        "select count(*) from rpt_reconciliation"
        " where reason_code = 'agreed' and difference_amount <> 0"
    ).fetchall()
    assert agreed == (0,)


def test_records_of_both_sides_are_named(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        "select side, record_type, record_id, amount, source_ref"
        " from rpt_reconciliation_records where legal_entity = 'twice' and line = ?"
        " and strftime(period_start_date, '%m') = '04' order by side, record_id",
        [ledger_company.BILLED],
    ).fetchall()
    assert rows == [
        ("other", "journal", "J1/2", 1000, "fixture#1"),
        ("other", "journal", "J2/2", 1000, "fixture#4"),
        ("warehouse", "invoice_line", "line:drop_twice:L-A", 1000, "fixture#0"),
    ]


def test_the_kpi_adds_up_what_is_left_without_signs(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = warehouse.execute(
        "select legal_entity, strftime(report_date, '%m'), sum(numerator)"
        " from kpi_reconciliation_measures where currency = 'VND' group by all"
    ).fetchall()
    left: dict[tuple[str, str], Decimal] = {}
    for entity, month, line, _, _, ours, theirs, state in ledger_company.DIFFERENCES:
        if line == ledger_company.BOOKED:
            continue  # told, and nothing finance signs
        if state not in {"proven", "approved"}:
            key = (entity, month)
            left[key] = left.get(key, Decimal(0)) + abs(ours - theirs)
    assert {(entity, month): gap for entity, month, gap in rows} == left
