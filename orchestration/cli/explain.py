"""`warehouse explain`: the records behind a figure, adding up to it exactly.

Belongs here: the verb, its table, files for a spreadsheet. Stays out: which rows make a
figure (`orchestration.explain`).
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ingest.errors import ConfigError
from orchestration.cli.options import Config, Json, Root, print_json, terminal
from orchestration.explain import (
    Explainer,
    Explanation,
    Part,
    Question,
    Side,
    Signed,
    explain_figure,
    explain_signed,
    find_landed,
)
from orchestration.explain.records import open_explainer
from orchestration.inert import write_csv
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from orchestration.settings import Home

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(
        epilog="Examples: warehouse explain mrr --period 2026-10 · warehouse explain win_rate "
        "--period 2026-Q3 --by rep --member NV011 · warehouse explain --record "
        "hubspot_main:108923000001"
    )(explain)


def explain(
    key: Annotated[str, typer.Argument(help="Key of the KPI.")] = "",
    period: Annotated[
        str,
        typer.Option("--period", help="2026, 2026-Q4, 2026-10, 2026-W44, 2026-10-31."),
    ] = "",
    config: Config = None,
    root: Root = None,
    *,
    by: Annotated[str, typer.Option("--by", help="Breakdown, such as rep.")] = "total",
    member: Annotated[
        str, typer.Option("--member", help="Member of the breakdown, by its id.")
    ] = "",
    variant: Annotated[
        str, typer.Option("--variant", help="Reading of the KPI, such as median.")
    ] = "standard",
    currency: Annotated[
        str,
        typer.Option(
            "--currency", help="Presentation currency; default the reporting one."
        ),
    ] = "",
    record: Annotated[
        str, typer.Option("--record", help="Instead: every figure this record is in.")
    ] = "",
    basis: Annotated[
        str,
        typer.Option(
            "--basis",
            help="current, or as_closed: the records a signed month was made of, and which "
            "have changed since.",
        ),
    ] = "current",
    show_all: Annotated[
        bool, typer.Option("--all", help="Every row, not the largest twenty.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write every row to this CSV file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the records behind a published figure; they add up to it, or it is refused.

    Each row names its record, its source, and the file and line or page it was read from.
    """
    settings = load_settings(root=root, config_path=config, require_secrets=False)
    with open_explainer(settings.home, settings.dbt_project_dir) as explainer:
        if record:
            _show_record(explainer, record, as_json=as_json)
            return
        if not key or not period:
            message = (
                "name a KPI and --period, or --record; see warehouse explain --help"
            )
            raise ConfigError(message)
        default = "(total)" if by == "total" else ""
        if not (member or default):
            message = (
                f"--by {by} needs --member; warehouse kpi {key} --by {by} lists them"
            )
            raise ConfigError(message)
        reporting = settings.config.company.reporting_currency
        asked = Question(
            key, period, by, member or default, variant, currency, reporting
        )
        signed = _read_signed(settings.home, explainer, asked, basis)
        explanation = (
            signed.explanation
            if signed
            else explain_figure(settings.home, explainer, asked)
        )
        if to is not None:
            _write_rows(explainer, explanation, to)
        if as_json:
            print_json(_as_json(explanation) | (_signed_json(signed) if signed else {}))
            return
        shown = None if show_all else _SHOWN
        _show(explainer, asked, explanation, shown=shown)
        if signed:
            _show_changes(explainer, signed, shown)


def _read_signed(
    home: Home, explainer: Explainer, asked: Question, basis: str
) -> Signed | None:
    """Return the signed figure where it is asked for; None = as it stands now."""
    if basis not in {"current", "as_closed"}:
        message = f"--basis {basis!r}: current or as_closed"
        raise ConfigError(message)
    if basis == "current":
        return None
    area = explainer.registry(asked.kpi_key).get("theme")
    if area is None:
        explain_figure(home, explainer, asked)  # refuses, naming the nearest KPI
    return explain_signed(home, explainer, asked, str(area))


def _show_changes(explainer: Explainer, signed: Signed, shown: int | None) -> None:
    """Show the records that add something else now than when the figure was signed."""
    then, now = signed.explanation.figure["value"], signed.now.figure["value"]
    close = signed.close
    sys.stdout.write(
        f"signed {_number(then)} by {close.by} on {close.at[:10]}, now {_number(now)}\n"
    )
    if not signed.changes:
        sys.stdout.write("no record of it has changed since\n")
        return
    table = Table(title="changed since", title_justify="left")
    for name in ("record", "side"):
        table.add_column(name, overflow="fold")
    for name in ("signed", "now", "moved"):
        table.add_column(name, justify="right")
    table.add_column("landed", overflow="fold")
    listed = signed.changes[:shown] if shown else signed.changes
    for change in listed:
        record = change.record_id or "(nothing booked)"
        landed = (
            [
                f"{one.source_name} {one.load_date} {one.source_ref}"
                for one in find_landed(explainer.con, change.record_type, record)
            ]
            if change.record_type != "figure"
            else []
        )
        table.add_row(
            f"{change.record_type} {record}",
            change.side,
            _number(change.signed),
            _number(change.now),
            _number(change.delta),
            _several(landed),
        )
    if len(signed.changes) > len(listed):
        table.add_row(f"… {len(signed.changes) - len(listed)} more (--all)")
    terminal().print(table)


def _signed_json(signed: Signed) -> dict[str, Any]:
    return {
        "close_id": signed.close.subject,
        "signed_by": signed.close.by,
        "signed_at": signed.close.at,
        "current_value": signed.now.figure["value"],
        "changes": [{**asdict(one), "delta": one.delta} for one in signed.changes],
    }


def _show(
    explainer: Explainer,
    asked: Question,
    explanation: Explanation,
    *,
    shown: int | None,
) -> None:
    figure = explanation.figure
    console = terminal()
    unit = figure["currency"] or figure["unit"]
    member = "" if asked.by == "total" else f" · {asked.by} {figure['member_name']}"
    sys.stdout.write(
        f"{asked.kpi_key} {asked.period}{member} = {_number(figure['value'])} {unit}"
        f" · build {explanation.build_id}\n"
        f"{explanation.registry['formula']}\n"
    )
    if figure["value"] is None:
        sys.stdout.write(
            f"not known: {', '.join(figure['flag'] or ['no reason given'])}\n"
        )
    for side in explanation.sides:
        _show_side(console, explainer, side, shown)


def _show_side(
    console: Console, explainer: Explainer, side: Side, shown: int | None
) -> None:
    table = Table(title=f"{side.name} {_number(side.published)}", title_justify="left")
    for name, justify in (
        ("record", "left"),
        ("date", "left"),
        ("own amount", "right"),
        (side.name, "right"),
        ("landed", "left"),
    ):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type] - rich's literal of "left" and "right"
    listed = side.parts[:shown] if shown else side.parts
    for part in listed:
        own = ""
        if part.original_amount is not None:
            own = f"{_number(part.original_amount)} {part.original_currency or ''}"
        landed = _landed(explainer, part)
        table.add_row(
            f"{part.record_type} {part.record_id or '(nothing booked)'}",
            _days(part),
            own,
            _number(getattr(part, side.name)),
            _several(landed),
        )
    rest = side.parts[len(listed) :]
    if rest:
        amounts = [getattr(part, side.name) for part in rest]
        known = sum((one for one in amounts if one is not None), Decimal(0))
        table.add_row(f"… {len(rest)} more (--all)", "", "", _number(known), "")
    table.add_section()
    table.add_row(f"{len(side.parts)} rows", "", "", _number(side.total), "")
    console.print(table)


def _days(part: Part) -> str:
    if part.first_date is None or part.first_date == part.last_date:
        return str(part.first_date or "")
    return f"{part.first_date} … {part.last_date}"


def _several(landed: list[str]) -> str:
    more = f" + {len(landed) - 1}" if len(landed) > 1 else ""
    return f"{landed[0]}{more}" if landed else ""


def _landed(explainer: Explainer, part: Part) -> list[str]:
    if part.record_id is None or part.record_type == "figure":
        return []
    return [
        f"{one.source_name} {one.load_date} {one.source_ref}"
        for one in find_landed(explainer.con, part.record_type, part.record_id)
    ]


def _show_record(explainer: Explainer, record: str, *, as_json: bool) -> None:
    rows = explainer.figures_of(record)
    if as_json:
        print_json(rows)
        return
    if not rows:
        message = (
            f"no figure counts the record {record!r}; ids are as explain shows them"
        )
        raise ConfigError(message)
    for one in find_landed(explainer.con, rows[0]["record_type"], record):
        sys.stdout.write(
            f"{one.kind} {one.entity} · {one.source_name} · loaded {one.load_date}"
            f" · {one.source_ref} · batch {one.batch_id}\n"
        )
    table = Table(title=record, title_justify="left")
    for name in ("KPI", "variant", "month", "days", "currency"):
        table.add_column(name)
    for name in ("numerator", "denominator"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["kpi_key"],
            row["variant"],
            str(row["month"]),
            str(row["row_count"]),
            row["currency"] or "",
            _number(row["numerator"]),
            _number(row["denominator"]),
        )
    terminal().print(table)


def _write_rows(explainer: Explainer, explanation: Explanation, path: Path) -> None:
    """Write one line per row and side; text that looks like a formula stays text."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = list(_flat(explainer, explanation))
        write_csv(file, [*map(list, rows[:1]), *(row.values() for row in rows)])


def _flat(explainer: Explainer, explanation: Explanation) -> Iterator[dict[str, Any]]:
    for side in explanation.sides:
        for part in side.parts:
            landed = _landed(explainer, part)
            yield {
                "side": side.name,
                **asdict(part),
                "landed": "; ".join(landed) or None,
            }


def _as_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "figure": explanation.figure,
        "build_id": explanation.build_id,
        "sides": [
            {
                "side": side.name,
                "published": side.published,
                "total": side.total,
                "rows": [asdict(part) for part in side.parts],
            }
            for side in explanation.sides
        ],
    }


def _number(value: Decimal | int | None) -> str:
    if value is None:
        return "–"
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text
