"""What each figure adds up, row by row, from the build file.

Belongs here: the statements a build left behind (`dbt compile` with the variable `explain`,
D-480) and asking them. Stays out: which rows make a figure (`figures`).
"""

# ruff: noqa: S608 - names come from our own statements, values are parameters

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import duckdb
import yaml

from ingest.errors import EXIT_BUSY, IngestError
from orchestration.publish.copying import find_raw
from orchestration.publish.records import BY_PERIOD, read_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from decimal import Decimal
    from pathlib import Path

    from orchestration.settings import Home

UNKNOWN: Final = "(unknown)"
"""Member of whatever names none, as in every published breakdown."""

_PART: Final = (
    "kpi_key, record_type, record_id, min(report_date), max(report_date), {own},"
    " original_currency, cast({numerator} as decimal(38, 6)),"
    " cast(sum(denominator) as decimal(38, 6))"
).format(
    # One part nobody can value makes the sum unknown, not smaller.
    **{
        name: f"case when count({column}) = count(*) then sum({column}) end"
        for name, column in (("own", "original_amount"), ("numerator", "numerator"))
    }
)


class NotExplainedError(IngestError):
    """The rows cannot be had, or do not add up to what is published."""


@dataclass(frozen=True)
class Part:
    """One record behind a figure, all its days together, or another figure it is made of.

    `numerator` and `denominator` are what it adds to the two sides; NULL (None) = unknown,
    which makes the figure unknown.
    """

    kpi_key: str
    record_type: str
    record_id: str | None
    first_date: date | None
    last_date: date | None
    original_amount: Decimal | None
    original_currency: str | None
    numerator: Decimal | None
    denominator: Decimal | None

    def times(self, factor: Decimal | int) -> Part:
        """Return the row multiplied by a whole number a formula names."""
        return replace(
            self,
            numerator=None if self.numerator is None else self.numerator * factor,
        )


class Explainer:
    """The build file of the last night, open to be asked."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        statements: Mapping[str, str],
        project: Path,
    ) -> None:
        """Take over an open build file and the statements its build left."""
        self.con = con
        self.project = project
        self._statements = statements
        variables = yaml.safe_load((project / "dbt_project.yml").read_text("utf-8"))
        self._dimensions: dict[str, str] = variables["vars"]["kpi_dimensions"]

    def registry(self, kpi_key: str) -> dict[str, Any]:
        """Return the registry's row of a KPI; empty = there is no such KPI."""
        cursor = self.con.execute(
            "select * from main.kpi_registry where kpi_key = ?", [kpi_key]
        )
        names = [column[0] for column in cursor.description]
        row = cursor.fetchone()
        return dict(zip(names, row, strict=True)) if row else {}

    def last_known_day(self, kpi_key: str, grain: str, start: date) -> date | None:
        """Return the day a stock's period is read on; None = no such period."""
        row = self.con.execute(
            "select last_known_date from main.rpt_kpi_periods"
            " where kpi_key = ? and grain = ? and period_start_date = ?",
            [kpi_key, grain, start],
        ).fetchone()
        return row[0] if row else None

    def adjustments(self, figure: dict[str, Any]) -> list[Part]:  # noqa: ARG002 - signed figures have them
        """Return what is booked in a figure beside its own records: nothing, as they stand."""
        return []

    def variants(self, kpi_key: str) -> set[str]:
        """Return the variants a KPI has rows of."""
        rows = self.con.execute(
            f"select distinct variant from ({self._rows(kpi_key, 'variant')})"
        ).fetchall()
        return {row[0] for row in rows}

    def parts(
        self,
        kpi_key: str,
        *,
        variant: str,
        days: tuple[date, date],
        period: tuple[str, date],
        by: str,
        member: str,
        currency: str | None,
    ) -> list[Part]:
        """Return the rows of one KPI, variant, span of days and member, largest first.

        `period` (grain, first day) is asked where rows are of periods, not days.
        """
        column = self._member_column(by)
        conditions = ["variant = ?", "currency is not distinct from ?"]
        values: list[Any] = [variant, currency]
        if column:
            conditions.append(f"coalesce({column}, '{UNKNOWN}') = ?")
            values.append(member)
        if BY_PERIOD in self._models(kpi_key):
            conditions.append("grain = ? and period_start_date = ?")
            values += period
        else:
            conditions.append("report_date between ? and ?")
            values += days
        rows = self.con.execute(
            f"select {_PART} from ({self._rows(kpi_key)})"
            f" where {' and '.join(conditions)}"
            " group by kpi_key, record_type, record_id, original_currency"
            " order by abs(sum(numerator)) desc nulls last, record_id",
            values,
        ).fetchall()
        return [Part(*row) for row in rows]

    def figures_of(self, record_id: str) -> list[dict[str, Any]]:
        """Return what a record adds to which KPI, variant, month and currency."""
        found: list[dict[str, Any]] = []
        for model, statement in self._statements.items():
            if model == BY_PERIOD:
                continue
            cursor = self.con.execute(
                "select kpi_key, variant, date_trunc('month', report_date)::date as month,"
                " currency, record_type, sum(numerator) as numerator,"
                " sum(denominator) as denominator, count(*) as row_count,"
                " min(report_date) as first_date, max(report_date) as last_date"
                f" from ({statement}) where record_id = ? group by all",
                [record_id],
            )
            names = [column[0] for column in cursor.description]
            found += [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return sorted(
            found,
            key=lambda row: (
                row["kpi_key"],
                row["variant"],
                row["month"],
                row["currency"] or "",
            ),
        )

    def _models(self, kpi_key: str) -> list[str]:
        name = re.compile(rf"'{re.escape(kpi_key)}'")
        return [model for model, text in self._statements.items() if name.search(text)]

    def _rows(self, kpi_key: str, columns: str = "") -> str:
        """Return the relation of all rows of a KPI.

        Raises:
            NotExplainedError: no statement names the KPI.
        """
        models = self._models(kpi_key)
        if not models:
            message = f"the last build has no records of {kpi_key}"
            raise NotExplainedError(message)
        kept = columns or "*"
        wanted = f"kpi_key = '{kpi_key}'"
        parts = [
            f"select {kept} from ({_with_days(model, self._statements[model])}) where {wanted}"
            for model in models
        ]
        return " union all by name ".join(parts)

    def _member_column(self, by: str) -> str:
        if by == "total":
            return ""
        return "original_currency" if by == "currency" else self._dimensions[by]


def _with_days(model: str, statement: str) -> str:
    """Give rows of periods the columns rows of days have."""
    if model != BY_PERIOD:
        return statement
    return (
        "select *, null::date as report_date, null::varchar as original_currency,"
        f" null::decimal(38, 6) as original_amount from ({statement})"
    )


def dated_statements(home: Home) -> dict[str, str]:
    """Return what the last build left, of models whose rows have days."""
    found = read_statements(home.explain)
    found.pop(BY_PERIOD, None)
    return found


@contextmanager
def open_explainer(home: Home, project: Path) -> Iterator[Explainer]:
    """Open the build file and what its build left.

    Raises:
        NotExplainedError: no build left statements, or a run holds the file.
    """
    statements = read_statements(home.explain)
    if not statements or not home.warehouse.is_file():
        message = "no build has left the rows behind its figures; run `warehouse nightly` first"
        raise NotExplainedError(message)
    try:
        con = duckdb.connect(str(home.warehouse), read_only=True)
    except duckdb.IOException as error:
        held = NotExplainedError(
            "a run is building the figures; ask again when it is done"
        )
        held.exit_code = EXIT_BUSY
        raise held from error
    with con:
        con.execute("set TimeZone = 'UTC'")
        find_raw(con, home.warehouse)
        yield Explainer(con, statements, project)
