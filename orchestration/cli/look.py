"""`warehouse kpi`: looking at what is published.

Belongs here: reading published builds for people at a terminal. Stays out: unaudited tables;
nothing here opens the build file.
"""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import duckdb
import typer
from rich.measure import Measurement
from rich.table import Table

from ingest.config_yaml import nearest
from ingest.errors import ConfigError
from orchestration.cli.options import Json, Root, print_json, terminal
from orchestration.publish import current_build, read_manifest
from orchestration.settings import Home, find_root

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from orchestration.publish import Manifest

_WIDEST = 1000
_LINE = re.compile(r"\d{3}-\d{2}")
"""A line of one of the five source articles, such as 001-14."""
GRAINS = ("day", "week", "month", "quarter", "year")


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(
        epilog="Examples: warehouse kpi mrr · warehouse kpi win_rate --by rep --last 3 · "
        "warehouse kpi sales_cycle_days --variant median · warehouse kpi 001-14"
    )(kpi)


def kpi(
    key: Annotated[
        str,
        typer.Argument(help="Key of the KPI, or a line of an article (001-14)."),
    ],
    by: Annotated[str, typer.Option("--by", help="Breakdown, such as rep.")] = "total",
    grain: Annotated[str, typer.Option("--grain", help=", ".join(GRAINS))] = "month",
    last: Annotated[int, typer.Option("--last", help="How many periods.", min=1)] = 12,
    root: Root = None,
    *,
    variant: Annotated[
        str, typer.Option("--variant", help="Reading of the KPI, such as median.")
    ] = "standard",
    basis: Annotated[
        str,
        typer.Option("--basis", help="current, or as_closed once months are closed."),
    ] = "current",
    as_json: Json = False,
) -> None:
    """Show a published KPI, newest period last; of an article's line, every KPI it names."""
    home = Home(find_root(root))
    build = current_build(home.published)
    if build is None:
        message = f"Nothing is published in {home.root}; run `warehouse nightly` first."
        raise ConfigError(message)
    keys = _keys_of_line(build, key) if _LINE.fullmatch(key) else [key]
    found = {
        one: read_kpi(
            build, key=one, by=by, grain=grain, last=last, variant=variant, basis=basis
        )
        for one in keys
    }
    if as_json:
        print_json([row for rows in found.values() for row in rows])
        return
    for one, rows in found.items():
        _show_kpi(terminal(), read_manifest(build), one, rows)
        if rows and not any(row["value"] for row in rows):
            told = newest_told(
                build, key=one, by=by, grain=grain, variant=variant, basis=basis
            )
            if told is not None:
                typer.echo(f"  nothing but 0 and – here; {told}", err=True)


def _keys_of_line(build: Path, line: str) -> list[str]:
    """Say what an article's line is; return the KPIs that answer it.

    Raises:
        ConfigError: no article has such a line.
    """
    with duckdb.connect(str(build / "bi.duckdb"), read_only=True) as con:
        row = con.execute(
            "select text_vi, concept_en, kpi_keys, breakdowns, places"
            " from dim_article_lines where line_id = ?",
            [line],
        ).fetchone()
        registered = con.execute("select kpi_key from kpi_registry").fetchall()
    if row is None:
        message = f"no line {line!r}: articles are 000 to 004, lines 01 and up"
        raise ConfigError(message)
    text, concept, keys, breakdowns, places = row
    typer.echo(f"{line}  {text}\n        {concept}", err=True)
    if breakdowns:
        typer.echo(f"        --by {breakdowns.replace('|', ', ')}", err=True)
    if places:
        typer.echo(f"        published in {places.replace('|', ', ')}", err=True)
    published = {key for (key,) in registered}
    named = keys.split("|") if keys else []
    for missing in sorted(set(named) - published):
        typer.echo(f"        {missing} is not published yet", err=True)
    return [key for key in named if key in published]


def read_kpi(
    build: Path,
    *,
    key: str,
    by: str,
    grain: str,
    last: int,
    variant: str = "standard",
    basis: str = "current",
) -> list[dict[str, Any]]:
    """Return the published rows of a KPI, oldest period first.

    Raises:
        ConfigError: no such KPI, breakdown, grain, variant or basis; the nearest valid word
            is named.
    """
    with duckdb.connect(str(build / "bi.duckdb"), read_only=True) as con:
        for word, column in (
            (key, "kpi_key"),
            (by, "breakdown"),
            (grain, "grain"),
            (variant, "variant"),
            (basis, "basis"),
        ):
            _check_word(con, word, column, key)
        cursor = con.execute(
            "select period_start_date, period_end_date, member_id, member_name, currency,"
            " value, numerator, denominator, unit, is_partial, flag"
            " from rpt_kpi_values"
            " where kpi_key = ? and breakdown = ? and grain = ? and basis = ?"
            " and variant = ?"
            " qualify dense_rank() over (order by period_start_date desc) <= ?"
            " order by period_start_date, currency, member_name",
            [key, by, grain, basis, variant, last],
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def newest_told(
    build: Path, *, key: str, by: str, grain: str, variant: str, basis: str
) -> str | None:
    """Say which the newest period with a figure is, and how to see it; None = there is none.

    Exports of years ago fill no period of today: a screen of dashes looks like a failure.
    """
    with duckdb.connect(str(build / "bi.duckdb"), read_only=True) as con:
        row = con.execute(
            "select max(period_start_date) filter (where value <> 0),"
            " list(distinct period_start_date)"
            " from rpt_kpi_values where kpi_key = ? and breakdown = ? and grain = ?"
            " and basis = ? and variant = ?",
            [key, by, grain, basis, variant],
        ).fetchone()
    if row is None or row[0] is None:
        return None
    newest, periods = row
    back = sum(period >= newest for period in periods)
    return f"the newest other figure is of {newest}: --last {back}"


def _check_word(
    con: duckdb.DuckDBPyConnection, word: str, column: str, key: str
) -> None:
    condition = "" if column == "kpi_key" else " where kpi_key = ?"
    rows = con.execute(
        f"select distinct {column} from rpt_kpi_values{condition} order by 1",  # noqa: S608 - our column names
        [] if column == "kpi_key" else [key],
    ).fetchall()
    known = [row[0] for row in rows]
    if word not in known:
        what = "KPI" if column == "kpi_key" else f"{column} of {key}"
        hint = nearest(word, known) or f"; known: {', '.join(known)}"
        absent = _absent(con) if column == "kpi_key" else ""
        message = f"no {what} {word!r}{hint}{absent}"
        raise ConfigError(message)


def _absent(con: duckdb.DuckDBPyConnection) -> str:
    """Return which themes no night has shown yet, as the end of a refusal."""
    rows = con.execute(
        "select theme from build_themes where state = 'absent' order by 1"
    )
    themes = [theme for (theme,) in rows.fetchall()]
    if not themes:
        return ""
    return (
        f"; nothing of {' and '.join(themes)} is shown yet: a gate held it back, "
        "warehouse status says why and what to do"
    )


def _show_kpi(
    console: Console, manifest: Manifest, key: str, rows: list[dict[str, Any]]
) -> None:
    members = {row["member_id"] for row in rows} != {"(total)"}
    table = Table(
        title=f"{key} · {manifest.company_name} · as of {manifest.as_of_date}"
    )
    table.add_column("period")
    if members:
        table.add_column("member")
    for name in ("currency", "value", "numerator", "denominator"):
        table.add_column(name, justify="left" if name == "currency" else "right")
    table.add_column("note")
    for row in rows:
        cells = [str(row["period_start_date"])]
        if members:
            cells.append(str(row["member_name"] or row["member_id"]))
        cells.append(row["currency"] or "")
        cells += [_number(row[name]) for name in ("value", "numerator", "denominator")]
        cells.append(_note(row))
        table.add_row(*cells)
    # A figure is never cut: where the window is too narrow, lines wrap instead.
    needed = Measurement.get(
        console, console.options.update(width=_WIDEST), table
    ).maximum
    console.width = max(console.width, needed)
    console.print(table)
    sys.stdout.flush()


def _number(value: Decimal | int | None) -> str:
    if value is None:
        return "–"
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _note(row: dict[str, Any]) -> str:
    flags = row["flag"] or []
    listed = [flags] if isinstance(flags, str) else list(flags)
    return ", ".join([*(["so far"] if row["is_partial"] else []), *listed])
