"""Nights on books whose closed months go on changing: nothing signed ever moves by itself.

Whole nights through the command, so they have a lane of their own: `make nights`. March is signed
before the first of them and April on the way; every night documents of signed months are
changed, added and deleted (`edited_books`). Another policy waits until a person approves it.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.pipeline.closed_sums import held, signed
from tests.pipeline.conftest import Warehouse
from tests.pipeline.edited_books import CURRENCIES, Books, Edit, config

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

pytestmark = pytest.mark.long

SEED = 11
BEFORE = date(2026, 4, 12)
NIGHTS = 30
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
SIGN_APRIL = date(2026, 5, 3)
MADE_OF = {
    "billings": {"invoices", "invoice_lines", "fx_rates"},
    "cash_collected": {"payments", "fx_rates"},
}
"""What the named KPIs are made of; exchange rates of all money."""
LISTED = 50
"""`changed_rows` lists so many; `changed_row_count` counts all."""

Truth = dict[tuple[str, str, date], Decimal]


class Desk:
    """The books, the warehouse they are loaded into, and what is signed of them."""

    def __init__(self, folder: Path, books: Books) -> None:
        self.folder, self.books = folder, books
        self.warehouse = Warehouse(folder / "root")
        self.signed: dict[date, Truth] = {}
        self.edits: dict[date, list[Edit]] = {}
        self.configure()

    def configure(self, policies: str = "{}") -> None:
        (self.folder / "warehouse.yml").write_text(config(policies), "utf-8")

    def run(self, *words: str) -> CompletedProcess[str]:
        return self.warehouse.run(
            *words, "--config", str(self.folder / "warehouse.yml")
        )

    def night(self) -> str:
        self.books.write(self.folder / "drop")
        done = self.run("nightly", "--as-of", self.books.as_of.isoformat())
        return done.stdout + done.stderr

    def close(self, month: date) -> None:
        self.run("close", f"{month:%Y-%m}", "--area", "finance", "--by", "Hoa")
        self.signed[month] = self.books.truth()
        self.edits[month] = []

    def go_on(self) -> str:
        """Edit the past, then run the night."""
        following = (max(self.signed) + timedelta(days=31)).replace(day=1)
        found = self.books.next_night(following - timedelta(days=1))
        for edits in self.edits.values():
            edits.extend(found)
        return self.night()

    def copy(self, folder: Path) -> Desk:
        """The same desk somewhere else, to go on with."""
        shutil.copytree(self.folder, folder, symlinks=True)
        found = Desk(folder, copy.deepcopy(self.books))
        found.signed = dict(self.signed)
        found.edits = {month: list(edits) for month, edits in self.edits.items()}
        return found

    def published(self, basis: str, month: date) -> Truth:
        rows = self.warehouse.query(
            # In the currency billed, whatever rates make of it elsewhere.
            "select kpi_key, member_id, value_original from rpt_kpi_values"
            " where breakdown = 'currency' and variant = 'standard' and grain = 'month'"
            f" and currency = 'VND' and basis = '{basis}'"
            f" and period_start_date = date '{month}'"
        )
        return {(kpi, currency, month): value for kpi, currency, value in rows}


@pytest.fixture(scope="module")
def march_signed(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """After the night before, with March signed; go on with a copy."""
    desk = Desk(tmp_path_factory.mktemp("edited"), Books(SEED, BEFORE))
    desk.night()
    desk.close(MARCH)
    return desk


def test_another_policy_waits_for_a_person_and_is_a_restatement(
    march_signed: Desk, tmp_path: Path
) -> None:
    desk = march_signed.copy(tmp_path / "policy")
    before = desk.warehouse.query(BILLED_IN_MARCH)
    # The night: refused for finance, with the figures, the look and the way on.
    desk.configure("{fx_flow_rate_type: closing}")
    said = desk.go_on()
    assert "held back: finance (its last good figures, if any, are shown;" in said
    found = re.search(
        r"models or policies changed and would move (\d+) closed figures of ([\w, ]+);"
        r" look: warehouse diff change-\S+; if it is right: warehouse approve (change-\S+)",
        " ".join(said.split()),
    )
    assert found, said
    assert int(found[1]) > 4
    assert "billings" in found[2]
    themes = desk.warehouse.manifest()["themes"]
    assert themes["finance"]["as_of_date"] == str(BEFORE)
    assert themes["sales"]["as_of_date"] == str(desk.books.as_of)
    # The look: before and after, per KPI and month.
    told = json.loads(desk.run("diff", "--kpi", "billings", "--json").stdout)
    assert told["policies"]["fx_flow_rate_type"] == ["average_transfer", "closing"]
    march = {
        figure["currency"]: figure
        for figure in told["figures"]
        if figure["period_start_date"] == str(MARCH)
    }
    assert "policy" in march["VND"]["causes"]
    assert march["VND"]["old"] != march["VND"]["new"]
    # The way on.
    why = "the bank's closing rate"
    approved = desk.run("approve", found[3], "--by", "Hoa", "--reason", why)
    assert f"{found[3]} is approved by Hoa" in approved.stdout
    said = desk.go_on()
    assert "held back" not in said
    assert desk.warehouse.manifest()["themes"]["finance"]["state"] == "fresh"
    assert desk.warehouse.query(BILLED_IN_MARCH) == before
    ((cause, is_adjusted, old, new),) = desk.warehouse.query(
        "select cause, is_adjusted, old_value, new_value from rpt_restatements"
        " where kpi_key = 'billings' and variant = 'standard' and grain = 'month'"
        " and breakdown = 'total' and currency = 'VND'"
        f" and period_start_date = date '{MARCH}'"
    )
    assert (cause, is_adjusted) == ("policy", False)
    assert old == before[0][0]
    assert new not in {None, old}
    entry = json.loads(
        (desk.warehouse.root / "closes" / "chain.jsonl").read_text().splitlines()[-1]
    )
    assert (entry["kind"], entry["by"], entry["reason"]) == ("approve", "Hoa", why)


BILLED_IN_MARCH = (
    "select value from rpt_kpi_values where kpi_key = 'billings' and grain = 'month'"
    " and breakdown = 'total' and variant = 'standard' and currency = 'VND'"
    f" and period_start_date = date '{MARCH}' order by basis limit 1"
)
"""As signed; as current before anything is signed."""


def test_thirty_nights_of_edits_move_nothing_signed(
    march_signed: Desk, tmp_path: Path
) -> None:
    desk = march_signed.copy(tmp_path / "edited")
    hashes: dict[date, str] = {}
    kinds: set[tuple[str, str]] = set()
    moved = 0
    for _ in range(NIGHTS):
        desk.go_on()
        as_of = desk.books.as_of
        for month in desk.signed:
            found = signed(desk.warehouse, str(month))
            assert hashes.setdefault(month, found) == found, (as_of, month)
        assert held(desk.warehouse) > 20
        moved = assert_adjustments_are_the_true_deltas(desk)
        assert_restatements_name_the_edited_rows(desk)
        kinds |= {(e.entity, e.change) for e in desk.edits[MARCH]}
        if as_of == SIGN_APRIL:
            desk.close(APRIL)
    assert moved > 4, "the last night moved hardly anything"
    assert {change for _, change in kinds} == {"added", "changed", "removed"}
    assert {entity for entity, _ in kinds} == {
        "invoices", "invoice_lines", "payments", "credit_notes",
    }  # fmt: skip


def assert_adjustments_are_the_true_deltas(desk: Desk) -> int:
    """Signed months stay; what the open one has beyond its own is what the others lack."""
    now, moved = desk.books.truth(), 0
    for month in desk.signed:
        current = desk.published("current", month)
        for key, value in now.items():
            if key[2] == month:
                assert current.get(key, Decimal(0)) == value, (desk.books.as_of, key)
    following = max(desk.signed) + timedelta(days=31)
    opened = following.replace(day=1)
    as_closed, current = (
        desk.published(basis, opened) for basis in ("as_closed", "current")
    )
    # April's signature holds what was booked in April of March, so only what moved since counts.
    last = desk.signed[max(desk.signed)]
    for kpi in ("billings", "sales_revenue", "recognised_revenue", "cash_collected"):
        for currency in CURRENCIES:
            true = sum(
                now.get((kpi, currency, month), Decimal(0))
                - last.get((kpi, currency, month), Decimal(0))
                for month in desk.signed
            )
            key = kpi, currency, opened
            booked = as_closed.get(key, Decimal(0)) - current.get(key, Decimal(0))
            assert booked == true, (desk.books.as_of, key)
            moved += bool(true)
    return moved


def assert_restatements_name_the_edited_rows(desk: Desk) -> None:
    """Those that tell of the month and were edited since it was signed, and no others."""
    rows = desk.warehouse.query(
        "select kpi_key, period_start_date, changed_rows, changed_row_count, cause"
        " from rpt_restatements where grain = 'month' and variant = 'standard'"
        " and breakdown = 'total' and currency = 'VND' order by all"
    )
    told = {(kpi, month): tuple(more) for kpi, month, *more in rows}
    now = desk.books.truth()
    for month, edits in desk.edits.items():
        for kpi, entities in MADE_OF.items():
            expected = {
                edit.name
                for edit in edits
                if edit.entity in entities
                and any(day.replace(day=1) == month for day in edit.days)
            }
            moved = [
                key
                for key in now.keys() | desk.signed[month].keys()
                if key[0] == kpi
                and key[2] == month
                and now.get(key, 0) != desk.signed[month].get(key, 0)
            ]
            if not moved:
                continue
            listed, count, cause = told[kpi, month]
            where = (desk.books.as_of, kpi, month)
            assert (cause, count) == ("data", len(expected)), (
                where, expected ^ set(listed),
            )  # fmt: skip
            assert list(listed) == sorted(expected)[:LISTED], where
