"""A published figure and the rows that make it, side by side, adding up or refused.

Belongs here: which rows a figure of each kind consists of (flow, stock, ratio, share, median,
figure put together from others). Stays out: reading rows (`records`), the terminal.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.config_yaml import nearest
from ingest.errors import ConfigError
from orchestration.explain.records import Explainer, NotExplainedError, Part
from orchestration.publish import current_build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestration.settings import Home

_FACTOR: Final = re.compile(
    r"(?P<key>[a-z_]+)(/(?P<variant>[a-z_0-9]+))?(?P<marks>(@[a-z]+)*)"
)
_TERM: Final = re.compile(r"(?P<sign>-?)((?P<times>\d+)\*)?(?P<rest>.+)")
_SIX_PLACES: Final = Decimal("0.000001")
NUMERATOR: Final = "numerator"
DENOMINATOR: Final = "denominator"
_OF_FIGURES: Final = frozenset(
    {"capacity_coverage", "forecast_accuracy", "pipeline_coverage"}
)
"""Compared with targets, stated capacity, what was forecast: no side is a sum of records."""

_OF_REVENUE: Final = frozenset({
    "sales_growth_mom", "sales_growth_qoq", "sales_growth_yoy", "sales_revenue_mtd",
    "sales_run_rate", "target_attainment",
})  # fmt: skip
"""Told of the rows of `sales_revenue` (rpt_kpi_derived_values, rpt_run_rate_values)."""

_PER_WORKING_DAY: Final = "working_days"
"""Variant of growth: each period's revenue by its working days (D-623)."""


@dataclass(frozen=True)
class Question:
    """One published figure: a KPI of a period, a member, a variant, a currency."""

    kpi_key: str
    period: str
    by: str = "total"
    member: str = "(total)"
    variant: str = "standard"
    currency: str = ""
    """'' = `default_currency`; a figure that is no money has none."""
    default_currency: str = ""
    basis: str = "current"


@dataclass(frozen=True)
class Side:
    """The numerator or denominator of a figure, or the whole of a sum."""

    name: str
    published: Decimal | None
    parts: tuple[Part, ...]

    @property
    def total(self) -> Decimal | None:
        """What the rows add up to; None as soon as one of them is unknown."""
        amounts = [getattr(part, self.name) for part in self.parts]
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal(0)) if len(known) == len(amounts) else None

    @property
    def adds_up(self) -> bool:
        """Whether the rows give exactly what is published; the unknown is never wrong."""
        return self.published is None or self.total == self.published


@dataclass(frozen=True)
class Explanation:
    """A figure, the registry's row of its KPI, and its sides."""

    figure: dict[str, Any]
    registry: dict[str, Any]
    sides: tuple[Side, ...]
    build_id: str


def explain_figure(home: Home, explainer: Explainer, asked: Question) -> Explanation:
    """Return the rows behind one published figure.

    Raises:
        ConfigError: there is no such figure; the nearest valid word is named.
        NotExplainedError: its rows do not add up to it (the build file is of another night).
    """
    build = current_build(home.published)
    if build is None:
        message = f"Nothing is published in {home.root}; run `warehouse nightly` first."
        raise ConfigError(message)
    with duckdb.connect(str(build / "bi.duckdb"), read_only=True) as published:
        built_from = json.loads((build / "quality.json").read_text("utf-8"))[
            "built_from"
        ]
        figures = _Figures(published, built_from["policies"])
        figure = figures.find(asked)
        registry = explainer.registry(asked.kpi_key)
        sides = tuple(_sides(explainer, figures, registry, figure))
    off = [side for side in sides if not side.adds_up]
    if off:
        listed = ", ".join(
            f"{side.name}: rows {side.total}, published {side.published}"
            for side in off
        )
        message = (
            f"{asked.kpi_key} {asked.period} is published from build {build.name}, but the "
            f"build file holds other rows ({listed}). A later night was not published, or a "
            "theme is held; `warehouse status` says which."
        )
        raise NotExplainedError(message)
    return Explanation(figure, registry, sides, build.name)


class _Figures:
    """Published figures, found by their words."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, policies: Mapping[str, Any]
    ) -> None:
        self._con = con
        self._policies = policies

    def find(self, asked: Question) -> dict[str, Any]:
        grain, start = self._period(asked.period)
        rows = self._rows(
            "kpi_key = ? and grain = ? and period_start_date = ? and breakdown = ?"
            " and member_id = ? and variant = ? and basis = ?",
            [
                *(asked.kpi_key, grain, start, asked.by, asked.member, asked.variant),
                asked.basis,
            ],
        )
        if not rows:
            self._refuse(asked, grain, start)
        wanted = asked.currency or asked.default_currency
        for row in rows:
            if row["currency"] in {wanted, None}:
                return row
        known = ", ".join(sorted(row["currency"] for row in rows))
        message = f"{asked.kpi_key} is not published in {wanted}; known: {known}"
        raise ConfigError(message)

    def value(
        self, figure: dict[str, Any], other: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Return the figure with other words than this one; None = not published."""
        words = {
            name: figure[name]
            for name in (
                *("kpi_key", "variant", "grain", "period_start_date"),
                *("breakdown", "member_id", "currency", "basis"),
            )
        } | other
        conditions = " and ".join(f"{name} is not distinct from ?" for name in words)
        rows = self._rows(conditions, list(words.values()))
        return rows[0] if rows else None

    def has_currency(self, kpi_key: str) -> bool:
        """Return whether a KPI's figures are of a currency."""
        rows = self._rows("kpi_key = ? and currency is not null limit 1", [kpi_key])
        return bool(rows)

    def month_start(self, day: date) -> date:
        """Return the first day of the month a day lies in."""
        row = self._con.execute(
            "select max(period_start_date) from dim_periods"
            " where grain = 'month' and period_start_date <= ?",
            [day],
        ).fetchone()
        assert row is not None  # noqa: S101 - an aggregate without group by gives one row
        return row[0]

    def whole_months(self, until: date) -> list[tuple[date, date]]:
        """Return the last months over by a day, as many as `ltv_churn_months` asks for."""
        return self._con.execute(
            "select period_start_date, period_end_date from dim_periods"
            " where grain = 'month' and is_ended and period_end_date <= ?"
            " order by 1 desc limit ?",
            [until, int(self._policies["ltv_churn_months"])],
        ).fetchall()

    def base_period(self, figure: dict[str, Any]) -> tuple[date, date]:
        """Return first and last day of the period a growth figure looks back to."""
        years = 1 if figure["kpi_key"].endswith("yoy") else 0
        rows = self._con.execute(
            "select period_start_date, period_end_date from dim_periods where grain = $grain"
            " and case when $years = 0 then period_end_date = $start - 1"
            " else period_label = (select (left(period_label, 4)::integer - 1)"
            " || substr(period_label, 5) from dim_periods where grain = $grain"
            " and period_start_date = $start) end",
            {
                "grain": figure["grain"],
                "start": figure["period_start_date"],
                "years": years,
            },
        ).fetchall()
        start = figure["period_start_date"]
        return rows[0] if rows else (start, start - timedelta(days=1))

    def working_days(self, start: date, end: date) -> int:
        """Return how many days from `start` to `end` the company works."""
        row = self._con.execute(
            "select count(*) from dim_dates"
            " where is_working_day and date_day between ? and ?",
            [start, end],
        ).fetchone()
        assert row is not None  # noqa: S101 - an aggregate without group by gives one row
        return row[0]

    def previous(self, grain: str, start: date) -> date | None:
        """Return the first day of the period before."""
        row = self._con.execute(
            "select max(period_start_date) from dim_periods"
            " where grain = ? and period_start_date < ?",
            [grain, start],
        ).fetchone()
        return row[0] if row else None

    def _period(self, label: str) -> tuple[str, date]:
        rows = self._con.execute(
            "select grain, period_start_date from dim_periods where period_label = ?",
            [label],
        ).fetchall()
        if rows:
            return rows[0]
        # The company's calendar says what its months are called: 2026-10, or 2026-P10.
        newest = self._con.execute(
            "select max_by(period_label, period_start_date) from dim_periods"
            " where period_start_date <= (select max(as_of_date) from build_info)"
            " group by grain order by max(period_end_date - period_start_date) desc"
        ).fetchall()
        *longer, day = (name for (name,) in newest)
        message = f"{label!r} is no period; write it like {', '.join(longer)} or {day}"
        raise ConfigError(message)

    def _rows(self, condition: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        cursor = self._con.execute(
            f"select * from rpt_kpi_values where {condition}",  # noqa: S608 - our own conditions
            values,
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _refuse(self, asked: Question, grain: str, start: date) -> None:
        """Say which word is not published, with the nearest one that is."""
        condition, values = "true", []
        for column, word in (
            ("kpi_key", asked.kpi_key),
            ("variant", asked.variant),
            ("grain", grain),
            ("breakdown", asked.by),
            ("member_id", asked.member),
            ("period_start_date", start),
        ):
            known = [
                row[0]
                for row in self._con.execute(
                    f"select distinct {column} from rpt_kpi_values"  # noqa: S608 - our own columns
                    f" where {condition} order by 1",
                    values,
                ).fetchall()
            ]
            if word not in known:
                texts = [str(one) for one in known]
                hint = nearest(str(word), texts) or f"; known: {', '.join(texts[:12])}"
                what = column.removesuffix("_key").removesuffix("_id")
                of = "" if column == "kpi_key" else f" of {asked.kpi_key}"
                message = f"no {what} {str(word)!r}{of}{hint}"
                raise ConfigError(message)
            condition += f" and {column} = ?"
            values = [*values, word]


def _sides(
    explainer: Explainer,
    figures: _Figures,
    registry: dict[str, Any],
    figure: dict[str, Any],
) -> Iterator[Side]:
    _refuse_what_is_no_sum(registry)
    if figure["kpi_key"] in _OF_REVENUE:
        yield from _revenue_sides(explainer, figures, figure)
    elif figure["variant"] == "trailing":
        # The sums of the last whole months, not of the period.
        months = figures.whole_months(figure["period_end_date"])
        parts = [
            part
            for start, end in months
            for part in _own_parts(
                explainer,
                registry,
                figure
                | {
                    "variant": "standard",
                    "grain": "month",
                    "period_start_date": start,
                    "period_end_date": end,
                },
            )
        ]
        yield Side(NUMERATOR, figure[NUMERATOR], tuple(parts))
        yield Side(DENOMINATOR, figure[DENOMINATOR], tuple(parts))
    elif figure["variant"] == "median":
        # Cases of a mean: a median is no sum, and its published numerator is empty.
        cases = _own_parts(explainer, registry, {**figure, "variant": "standard"})
        listed = tuple(part for part in cases if part.numerator is not None)
        yield Side(NUMERATOR, None, listed)
    elif registry["numerator_kpis"]:
        for side in (NUMERATOR, DENOMINATOR):
            formula = registry[f"{side}_kpis"]
            if formula:
                published = (
                    figure[side] if registry["denominator_kpis"] else figure["value"]
                )
                parts = _put_together(explainer, figures, formula, figure)
                yield Side(side, published, tuple(_on(side, part) for part in parts))
    else:
        is_ratio = figure["additivity"] == "ratio"
        booked = [] if is_ratio else explainer.adjustments(figure)
        parts = (*_own_parts(explainer, registry, figure), *booked)
        yield Side(NUMERATOR, figure[NUMERATOR] if is_ratio else figure["value"], parts)
        if is_ratio and registry["aggregation"] == "share":
            whole = {**figure, "breakdown": "total", "member_id": "(total)"}
            all_parts = _own_parts(explainer, registry, whole)
            yield Side(
                DENOMINATOR,
                figure[DENOMINATOR],
                tuple(replace(part, denominator=part.numerator) for part in all_parts),
            )
        elif is_ratio:
            counted = tuple(part for part in parts if part.denominator)
            yield Side(DENOMINATOR, figure[DENOMINATOR], counted)


def _refuse_what_is_no_sum(registry: dict[str, Any]) -> None:
    """Say where to look for a figure that no records add up to."""
    key = registry["kpi_key"]
    if key == "sales_target":
        message = "sales_target is set, not computed: its revisions are in fct_targets"
        raise NotExplainedError(message)
    if key in _OF_FIGURES:
        message = (
            f"{key} is made of other figures ({registry['formula']}); explain those"
        )
        raise NotExplainedError(message)


def _revenue_sides(
    explainer: Explainer, figures: _Figures, figure: dict[str, Any]
) -> Iterator[Side]:
    """Yield the sides of what is told of revenue: growth, the month so far, attainment."""
    key = figure["kpi_key"]
    revenue = figure | {"kpi_key": "sales_revenue"}
    is_per_working_day = figure["variant"] == _PER_WORKING_DAY
    if is_per_working_day:
        revenue["variant"] = "standard"
    if figure["grain"] == "day":
        revenue["period_start_date"] = figures.month_start(figure["period_start_date"])
    now = tuple(_own_parts(explainer, explainer.registry("sales_revenue"), revenue))
    if key.startswith("sales_growth"):
        start, end = figures.base_period(figure)
        base = {**revenue, "period_start_date": start, "period_end_date": end}
        before = _own_parts(explainer, explainer.registry("sales_revenue"), base)
        if is_per_working_day:
            # Each period times the days of the other, as it is published (D-623).
            days = figures.working_days(start, end)
            now = tuple(part.times(days) for part in now)
            days = figures.working_days(
                figure["period_start_date"], figure["period_end_date"]
            )
            before = [part.times(days) for part in before]
        gone = tuple(part.times(-1) for part in before)
        yield Side(NUMERATOR, figure[NUMERATOR], (*now, *gone))
        parts = tuple(_on(DENOMINATOR, part) for part in before)
        yield Side(DENOMINATOR, figure[DENOMINATOR], parts)
    elif key == "target_attainment":
        yield Side(NUMERATOR, figure[NUMERATOR], now)
        target = figures.value(figure, {"kpi_key": "sales_target"})
        part = _figure_part(figure, "sales_target", target["value"] if target else None)
        yield Side(DENOMINATOR, figure[DENOMINATOR], (_on(DENOMINATOR, part),))
    elif key == "sales_run_rate":
        # Times the working days of the month, over those that are past.
        yield Side("numerator", None, now)
    else:
        yield Side(NUMERATOR, figure["value"], now)


def _figure_part(figure: dict[str, Any], name: str, value: Decimal | None) -> Part:
    """Return a row that is another figure."""
    return Part(
        kpi_key=figure["kpi_key"],
        record_type="figure",
        record_id=name,
        first_date=figure["period_start_date"],
        last_date=figure["period_end_date"],
        original_amount=None,
        original_currency=None,
        numerator=value,
        denominator=None,
    )


def _on(side: str, part: Part) -> Part:
    """Move what a row adds to its own figure to the side the formula has it on."""
    if side == NUMERATOR:
        return part
    return replace(part, denominator=part.numerator, numerator=None)


def _own_parts(
    explainer: Explainer, registry: dict[str, Any], figure: dict[str, Any]
) -> list[Part]:
    """Return the records of a KPI that is computed from records itself."""
    grain, start = figure["grain"], figure["period_start_date"]
    # What is dated ahead, as activities counted 30 days later, is of nights to come.
    days = (start, min(figure["period_end_date"], figure["as_of_date"]))
    variant = figure["variant"]
    if registry["aggregation"] == "last":
        day = explainer.last_known_day(figure["kpi_key"], grain, start)
        days = (day or start, day or start)
        # A stock about the period itself has a reading per length of period.
        for_period = f"for_{grain if grain == 'quarter' else 'month'}"
        if variant == "standard" and for_period in explainer.variants(
            figure["kpi_key"]
        ):
            variant = for_period
    return explainer.parts(
        figure["kpi_key"],
        variant=variant,
        days=days,
        period=(grain, start),
        by=figure["breakdown"],
        member=figure["member_id"],
        currency=figure["currency"],
    )


def _put_together(
    explainer: Explainer, figures: _Figures, formula: str, figure: dict[str, Any]
) -> Iterator[Part]:
    """Return the rows of every term of a formula, figures where a term multiplies them."""
    for term in formula.split("|"):
        match = _TERM.fullmatch(term)
        assert match is not None  # noqa: S101 - the registry's tests hold formulas to this form
        factor = int(match["times"] or 1) * (-1 if match["sign"] else 1)
        named = [_FACTOR.fullmatch(part) for part in match["rest"].split("*")]
        found = [_figure_of(explainer, figures, one, figure) for one in named if one]
        only = found[0] if len(found) == 1 and "@days" not in term else None
        registry = explainer.registry(only["kpi_key"]) if only else {}
        if only and _is_of_records(registry):
            for part in _own_parts(explainer, registry, only):
                yield part.times(factor)
            continue
        value = _product(found, explainer, figure, term)
        yield _figure_part(figure, term, None if value is None else value * factor)


def _is_of_records(registry: dict[str, Any]) -> bool:
    return registry["additivity"] != "ratio" and registry["aggregation"] != "derived"


def _figure_of(
    explainer: Explainer,
    figures: _Figures,
    named: re.Match[str],
    figure: dict[str, Any],
) -> dict[str, Any] | None:
    """Return the published figure a factor of a formula means for this figure."""
    marks = named["marks"] or ""
    registry = explainer.registry(named["key"])
    start = figure["period_start_date"]
    if "@opening" in marks:
        start = figures.previous(figure["grain"], start)
    is_of_company = "@total" in marks or figure["breakdown"] not in str(
        registry["breakdowns"]
    ).split("|")
    of_company = {"breakdown": "total", "member_id": "(total)"}
    variants = {"standard", *str(registry["variants"] or "").split("|")}
    variant = named["variant"] or figure["variant"]
    words: dict[str, Any] = {
        "kpi_key": named["key"],
        "period_start_date": start,
        "variant": variant if variant in variants else "standard",
        "currency": figure["currency"] if figures.has_currency(named["key"]) else None,
        **(of_company if is_of_company else {}),
    }
    found = figures.value(figure, words)
    if found is None:
        # A member without a row did nothing, where the company has a figure at all.
        company = figures.value(figure, words | of_company)
        if company is None or company["value"] is None:
            return None
        member = {"breakdown": figure["breakdown"], "member_id": figure["member_id"]}
        found = {**company, **member, "value": Decimal(0)}
    return found


def _product(
    found: list[dict[str, Any] | None],
    explainer: Explainer,
    figure: dict[str, Any],
    term: str,
) -> Decimal | None:
    product = Decimal(1)
    for one in found:
        if one is None or one["value"] is None:
            return None
        product *= one["value"]
    if "@days" in term:
        end = explainer.last_known_day(
            figure["kpi_key"], figure["grain"], figure["period_start_date"]
        )
        last = end or figure["period_end_date"]
        product *= (last - figure["period_start_date"] + timedelta(days=1)).days
    return product.quantize(_SIX_PLACES)
