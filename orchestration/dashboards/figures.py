"""Read the figures a page shows from one published build.

Belongs here: queries on `bi.duckdb` and the two JSON files beside it. Stays out: layout.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal
    from pathlib import Path


@dataclass(frozen=True)
class Point:
    """One period of a series; `value` None = unknown (never 0)."""

    period_start: dt.date
    value: Decimal | None
    is_partial: bool
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A KPI as the registry states it."""

    kpi_key: str
    version: str
    name_vi: str
    name_en: str
    definition_vi: str
    definition_en: str
    formula: str
    unit: str
    direction: str
    theme: str
    indicator_class: str


@dataclass(frozen=True)
class Figures:
    """Everything a page shows of one build.

    `series` maps (kpi_key, currency or None, breakdown, member_id) to monthly points, oldest
    first. `members` maps (breakdown, member_id) to the name of a person, team or campaign;
    `labels` maps (code type, code) to its words (vi, en). `currencies` begins with the
    reporting currency.
    """

    manifest: dict[str, Any]
    quality: dict[str, Any]
    currencies: tuple[str, ...]
    definitions: dict[str, Definition]
    series: dict[tuple[str, str | None, str, str], tuple[Point, ...]]
    members: dict[tuple[str, str], str]
    labels: dict[tuple[str, str], tuple[str, str]]
    scorecard: tuple[dict[str, Any], ...] = field(default=())
    leaderboard: tuple[dict[str, Any], ...] = field(default=())

    def total(self, kpi_key: str, currency: str | None) -> tuple[Point, ...]:
        """Return the company's monthly series of a KPI; money KPIs need a currency."""
        money = self.series.get((kpi_key, currency, "total", "(total)"), ())
        return money or self.series.get((kpi_key, None, "total", "(total)"), ())

    def words(self, code_type: str, code: str) -> tuple[str, str]:
        """Return a code's words (vi, en); a name without words is its own word."""
        name = self.members.get((code_type, code), code)
        return self.labels.get((code_type, code)) or (name, name)

    def by(
        self, kpi_key: str, breakdown: str, currency: str | None
    ) -> dict[str, tuple[Point, ...]]:
        """Return the monthly series of each member of a breakdown, by member id."""
        return {
            member: points
            for (key, unit, by, member), points in self.series.items()
            if key == kpi_key and by == breakdown and unit in (currency, None)
        }


_SERIES_SQL = """
    select kpi_key, currency, breakdown, member_id, any_value(member_name) as member_name,
           list({
               'period': period_start_date, 'value': value, 'is_partial': is_partial,
               'numerator': numerator, 'denominator': denominator, 'flag': flag
           } order by period_start_date) as points
      from rpt_kpi_values
     where grain = 'month' and variant = 'standard' and basis = 'current'
       and breakdown in ('total', 'lead_source_group', 'platform', 'team', 'legal_entity')
     group by kpi_key, currency, breakdown, member_id
     order by kpi_key, currency, breakdown, member_id
"""


def read_figures(build_dir: Path) -> Figures:
    """Read one build's figures.

    Raises:
        FileNotFoundError: the folder is not a published build.
    """
    manifest = json.loads((build_dir / "manifest.json").read_text(encoding="utf-8"))
    quality_file = build_dir / "quality.json"
    quality = (
        json.loads(quality_file.read_text(encoding="utf-8"))
        if quality_file.exists()
        else {}
    )
    with duckdb.connect(str(build_dir / "bi.duckdb"), read_only=True) as connection:
        rows = connection.sql(_SERIES_SQL).fetchall()
        currencies = connection.sql(
            "select currency_id from dim_currencies where is_presentation "
            "order by is_reporting desc, currency_id"
        ).fetchall()
        labels = connection.sql(
            "select code_type, code, label_vi, label_en from labels"
        ).fetchall()
        columns = ", ".join(Definition.__dataclass_fields__)
        definitions = connection.sql(
            f"select {columns} from kpi_registry order by kpi_key"  # noqa: S608 - own names
        ).fetchall()
        scorecard = _dicts(
            connection.sql(
                "select * from rpt_kpi_scorecard where grain = 'month' "
                "and breakdown = 'total' and variant = 'standard' and basis = 'current' "
                "order by kpi_key, currency, period_start_date"
            )
        )
        leaderboard = _read_leaderboard(connection)
    series = {
        (key, currency, breakdown, member): tuple(_point(item) for item in points)
        for key, currency, breakdown, member, _, points in rows
    }
    return Figures(
        manifest=manifest,
        quality=quality,
        currencies=tuple(currency for (currency,) in currencies),
        definitions={row[0]: Definition(*row) for row in definitions},
        series=series,
        members={
            (breakdown, member): name for _, _, breakdown, member, name, _ in rows
        },
        labels={(kind, code): (vi, en) for kind, code, vi, en in labels},
        scorecard=scorecard,
        leaderboard=leaderboard,
    )


def _read_leaderboard(
    connection: duckdb.DuckDBPyConnection,
) -> tuple[dict[str, Any], ...]:
    """Return the ranked people of the newest whole month; none where sales was never green."""
    tables = {name for (name,) in connection.sql("show tables").fetchall()}
    if "rpt_leaderboard" not in tables:
        return ()
    return _dicts(
        connection.sql(
            "select * from rpt_leaderboard where grain = 'month' "
            "and rank_in_company is not null and not is_partial "
            "qualify dense_rank() over (order by period_start_date desc) = 1 "
            "order by kpi_key, rank_in_company, user_name"
        )
    )


def _point(item: dict[str, Any]) -> Point:
    """Return one point of a series."""
    return Point(
        period_start=item["period"],
        value=item["value"],
        is_partial=bool(item["is_partial"]),
        numerator=item["numerator"],
        denominator=item["denominator"],
        flags=tuple(item["flag"] or ()),
    )


def _dicts(relation: duckdb.DuckDBPyRelation) -> tuple[dict[str, Any], ...]:
    """Return a relation's rows as dictionaries."""
    return tuple(
        dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()
    )
