"""The rows behind figures add up to them, for every KPI and both ways, on the sandbox."""

from __future__ import annotations

import csv
import json
import random
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.explain import (
    Explainer,
    NotExplainedError,
    Part,
    Question,
    explain_figure,
)
from orchestration.explain.landed import find_landed
from orchestration.explain.records import open_explainer
from orchestration.settings import Home, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipeline.conftest import Warehouse

SEED = 20261130
SAMPLED = 25


@pytest.fixture(scope="module")
def home(first_night: Warehouse) -> Home:
    return Home(first_night.root)


@pytest.fixture(scope="module")
def explainer(home: Home) -> Iterator[Explainer]:
    settings = load_settings(root=home.root, require_secrets=False)
    with open_explainer(home, settings.dbt_project_dir) as opened:
        yield opened


@pytest.fixture(scope="module")
def figures(first_night: Warehouse) -> list[dict[str, Any]]:
    """Every published figure that is known, in a fixed order."""
    path = str(first_night.current / "bi.duckdb")
    with duckdb.connect(path, read_only=True) as con:
        cursor = con.execute(
            "select v.kpi_key, coalesce(p.period_label, v.period_start_date::varchar) as"
            " period, v.breakdown as by, v.member_id as member, v.variant,"
            " coalesce(v.currency, '') as currency, v.value, v.numerator, v.denominator,"
            " v.additivity from rpt_kpi_values as v left join dim_periods as p"
            " using (grain, period_start_date)"
            " where v.value is not null and v.basis = 'current' and v.kpi_key not in"
            " ('sales_target', 'pipeline_coverage', 'capacity_coverage', 'forecast_accuracy')"
            " order by all"
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def added_up(parts: tuple[Part, ...], side: str) -> Decimal:
    return sum((getattr(part, side) or Decimal(0) for part in parts), Decimal(0))


def ask(row: dict[str, Any]) -> Question:
    words = ("kpi_key", "period", "by", "member", "variant", "currency")
    return Question(**{word: row[word] for word in words})


def test_every_kpi_and_variant_is_explained(
    home: Home, explainer: Explainer, figures: list[dict[str, Any]]
) -> None:
    """One figure of each, drawn anew by seed: its rows give it exactly."""
    chance = random.Random(SEED)  # noqa: S311 - drawn anew by seed
    by_reading: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in figures:
        by_reading.setdefault((row["kpi_key"], row["variant"]), []).append(row)
    assert len(by_reading) > 200
    for rows in by_reading.values():
        row = chance.choice([one for one in rows if one["value"]] or rows)
        explained = explain_figure(home, explainer, ask(row))
        # The sums are ours: the explanation's own check is under test.
        first = explained.sides[0]
        if row["variant"] == "median":
            # The middle of its cases, by the plain library.
            cases = [
                part.numerator for part in first.parts if part.numerator is not None
            ]
            assert median(cases) == row["value"], row
            continue
        if row["kpi_key"] == "sales_run_rate":
            assert first.parts, row
            continue
        whole = row["numerator"] if row["additivity"] == "ratio" else row["value"]
        assert added_up(first.parts, "numerator") == whole, row
        if row["additivity"] == "ratio":
            second = explained.sides[-1].parts
            assert added_up(second, "denominator") == row["denominator"], row


def test_from_figures_to_rows_and_back(
    home: Home, explainer: Explainer, figures: list[dict[str, Any]]
) -> None:
    """Drawn figures to one of their records each, and from the record back to the KPI."""
    chance = random.Random(SEED + 1)  # noqa: S311 - drawn anew by seed
    found = 0
    for row in chance.sample(figures, len(figures)):
        parts = explain_figure(home, explainer, ask(row)).sides[0].parts
        records = [
            part for part in parts if part.record_id and part.record_type != "figure"
        ]
        if (
            not records
            or row["kpi_key"] in {"grr", "nrr"}
            or "customer_" in row["kpi_key"]
        ):
            continue
        part = chance.choice(records)
        assert part.record_id is not None
        keys = {one["kpi_key"] for one in explainer.figures_of(part.record_id)}
        assert part.kpi_key in keys, (row, part)
        if part.record_type not in {
            "users",
            "periods",
            "kpi_assignments",
            "targets",
            "reconciliation",
        }:
            landed = find_landed(explainer.con, part.record_type, part.record_id)
            assert landed, (row, part)
            assert all(one.batch_id and one.source_ref for one in landed)
        found += 1
        if found == SAMPLED:
            break
    assert found == SAMPLED


def test_another_night_in_the_build_file_is_refused(
    home: Home, explainer: Explainer, figures: list[dict[str, Any]]
) -> None:
    """Rows of one night never explain a figure of another."""
    row = next(one for one in figures if one["kpi_key"] == "mrr" and one["value"])
    assert explain_figure(home, explainer, ask(row)).sides[0].adds_up
    statements = {
        name: text.replace("as numerator", "+ 1 as numerator", 1)
        for name, text in explainer._statements.items()
    }
    settings = load_settings(root=home.root, require_secrets=False)
    moved = Explainer(explainer.con, statements, settings.dbt_project_dir)
    with pytest.raises(NotExplainedError, match="holds other rows"):
        explain_figure(home, moved, ask(row))


def test_the_command_lists_rows_and_writes_them(
    first_night: Warehouse, tmp_path: Any
) -> None:
    """As finance asks: why is October's revenue what it is?"""
    file = tmp_path / "rows.csv"
    asked = ("explain", "sales_revenue", "--period", "2026-10")
    shown = first_night.run(*asked, "--to", str(file)).stdout
    told = json.loads(first_night.run(*asked, "--json").stdout)
    value = Decimal(told["figure"]["value"])
    assert f"sales_revenue 2026-10 = {value:,.0f} VND" in shown
    with file.open(encoding="utf-8-sig") as lines:
        rows = list(csv.DictReader(lines))
    assert sum(Decimal(row["numerator"]) for row in rows) == value
    assert len({row["record_id"] for row in rows}) == len(rows)
    assert all(row["landed"] for row in rows)


def test_the_table_for_bi_adds_up_to_the_months_it_holds(
    first_night: Warehouse,
) -> None:
    """Finance's file has the records of this month and the last; nobody else's has them."""
    compared = first_night.query(
        "select v.kpi_key, v.variant, v.currency, v.period_start_date,"
        " v.value, sum(r.numerator) as total from rpt_kpi_values as v"
        " inner join fct_kpi_records as r on v.kpi_key = r.kpi_key and v.variant = r.variant"
        " and v.currency is not distinct from r.currency"
        " and r.report_date between v.period_start_date and v.period_end_date"
        " where v.grain = 'month' and v.breakdown = 'total' and v.basis = 'current'"
        " and v.additivity <> 'ratio' and v.value is not null group by all",
        audience="finance",
    )
    assert len(compared) > 60
    assert [row for row in compared if row[4] != row[5]] == []
    assert {row[3].month for row in compared} == {9, 10}
    for audience in ("bi", "sales", "marketing"):
        with pytest.raises(duckdb.CatalogException):
            first_night.query("select 1 from fct_kpi_records", audience=audience)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mrrr", "--period", "2026-10"), "did you mean 'mrr'"),
        (("mrr", "--period", "2026-13"), "'2026-13' is no period"),
        (("mrr", "--period", "2026-10", "--by", "rep"), "needs --member"),
        (("mrr", "--period", "2026-10", "--currency", "EUR"), "not published in EUR"),
        (("--record", "nothing:1"), "no figure counts the record"),
    ],
)
def test_a_wrong_word_is_named(
    first_night: Warehouse, words: tuple[str, ...], said: str
) -> None:
    done = CliRunner().invoke(app, ["explain", *words, "--root", str(first_night.root)])
    assert said in str(done.exception)
