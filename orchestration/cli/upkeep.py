"""`warehouse prune` and `warehouse diff`: keeping a warehouse small, and changing it safely.

Belongs here: the verbs and their output. Stays out: what is kept (`orchestration.prune`), how
figures are compared (`orchestration.diff`).
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from orchestration.cli.options import Config, Json, Root, now, print_json, say, terminal
from orchestration.diff import ALL, compare
from orchestration.lock import hold_run_lock
from orchestration.periods.moved import read_moves, waiting_changes
from orchestration.prune import describe_freed
from orchestration.prune import prune as cut
from orchestration.rehearsal import is_build, published_side, rehearsed_side
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal

    from rich.console import Console

    from orchestration.diff import Difference, Move


_SHOWN: Final = 60
"""Figures listed in a terminal; `--json` has all."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(
        epilog="Examples: warehouse diff · warehouse diff HEAD~1 --kpi mrr · "
        "warehouse diff 2026-10-30T20261031T190012Z-1a2b3c4d --grain day · "
        "warehouse diff change-finance-0a1b2c3d"
    )(diff)
    app.command(epilog="Example: warehouse prune --dry-run")(prune)


def diff(
    against: Annotated[
        str,
        typer.Argument(
            help="A published build, a git ref, or a change that waits for approval; "
            "default: this code."
        ),
    ] = "",
    grain: Annotated[str, typer.Option("--grain", help="One grain, or all.")] = "month",
    by: Annotated[str, typer.Option("--by", help="One breakdown, or all.")] = "total",
    *,
    kpi: Annotated[str, typer.Option("--kpi", help="One KPI alone.")] = "",
    config: Config = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Say which figures differ, by how much, and why.

    Named a published build: from that build to the one readers see. Otherwise: from what
    readers see to what the models of a git ref, or of this code, and the policies of the
    configuration make of the same raw data; built aside, nothing is published. Named a change
    that waits for `warehouse approve`: the closed figures it would move.
    """
    settings = load_settings(root=root, config_path=config, require_secrets=False)
    waiting = waiting_changes(settings.home.root).get(against)
    if waiting is not None:
        moves = [
            move
            for move in read_moves(waiting)
            if (grain in {move.grain, ALL})
            and (by in {move.breakdown, ALL})
            and kpi in {move.kpi_key, ""}
        ]
        if as_json:
            print_json({"change": against, "figures": [asdict(move) for move in moves]})
        else:
            _show_moves(
                terminal(soft_wrap=True), moves, f"closed figures {against} would move"
            )
        return
    current = published_side(settings)
    words = {"grain": grain, "breakdown": by, "kpi": kpi}
    if against and is_build(settings, against):
        found = compare(published_side(settings, against), current, **words)
    else:
        say(
            f"building the figures of {against or 'this code'} beside what is published"
        )
        with rehearsed_side(settings, against) as rehearsed:
            found = compare(current, rehearsed, **words)
    if as_json:
        print_json(_as_json(found))
    else:
        show_difference(found)


def _as_json(found: Difference) -> dict[str, Any]:
    return {
        "before": found.before.label,
        "after": found.after.label,
        "moved": found.count("moved"),
        "added": found.count("added"),
        "removed": found.count("removed"),
        "unchanged": found.unchanged,
        "flags_changed": found.flags_changed,
        "policies": {name: list(pair) for name, pair in found.policies.items()},
        "versions": [asdict(change) for change in found.versions],
        "figures": [asdict(move) for move in found.moves],
    }


def show_difference(found: Difference) -> None:
    """Print which figures differ between two builds, and why."""
    console = terminal(soft_wrap=True)
    # A period that came or went without a figure tells nothing; it is counted below.
    moves = [m for m in found.moves if not (m.old is None and m.new is None)]
    _show_moves(console, moves, f"{found.before.label} → {found.after.label}")
    for name, (old, new) in found.policies.items():
        console.print(f"policy {name}: {old} → {new}", highlight=False)
    for change in found.versions:
        old, new = change.old or "none", change.new or "none"
        console.print(f"version of {change.kpi_key}: {old} → {new}", highlight=False)
    counts = [f"{found.count(s)} {s}" for s in ("moved", "added", "removed")]
    flags = f" ({found.flags_changed} with other flags)" if found.flags_changed else ""
    console.print(
        f"{', '.join(counts)}, {found.unchanged} unchanged{flags}", highlight=False
    )


def _show_moves(console: Console, moves: Sequence[Move], title: str) -> None:
    table = Table(title=title)
    for name in ("KPI", "period", "currency"):
        table.add_column(name, no_wrap=True)
    for name in ("old", "new", "change", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("cause")
    for move in moves[:_SHOWN]:
        table.add_row(*_cells(move))
    if moves:
        console.print(table)
    if len(moves) > _SHOWN:
        console.print(f"and {len(moves) - _SHOWN} more; --json lists all")


def _cells(move: Move) -> list[str]:
    name = (
        move.kpi_key if move.variant == "standard" else f"{move.kpi_key} {move.variant}"
    )
    where = "" if move.breakdown == "total" else f" · {move.member_id}"
    return [
        name + where,
        _period(move.grain, move.period_start_date),
        move.currency or "",
        *(_number(value) for value in (move.old, move.new, move.delta)),
        "" if move.share is None else f"{move.share:+.1%}",
        ", ".join((*([] if move.state == "moved" else [move.state]), *move.causes)),
    ]


def _period(grain: str, start: date) -> str:
    """Return a period as every verb takes it: 2026, 2026-Q4, 2026-10, 2026-W44, a day."""
    words = {
        "year": f"{start:%Y}",
        "quarter": f"{start:%Y}-Q{(start.month + 2) // 3}",
        "month": f"{start:%Y-%m}",
        "week": f"{start:%G-W%V}",
    }
    return words.get(grain, start.isoformat())


def _number(value: Decimal | None) -> str:
    if value is None:
        return "–"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def prune(
    config: Config = None,
    root: Root = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what nights leave behind beyond its bound. Every night does this at its end.

    Never removed: raw data, the archive, the ledger, acknowledgements, closed periods and the
    build readers see.
    """
    settings = load_settings(root=root, config_path=config, require_secrets=False)
    home, keep = settings.home, settings.config.publish.keep
    if dry_run:
        found = cut(home, keep_builds=keep, dry_run=True)
    else:
        with hold_run_lock(home.root, step="prune", now=now()):
            found = cut(home, keep_builds=keep)
    if as_json:
        print_json([asdict(freed) for freed in found])
    else:
        sys.stdout.write(f"{describe_freed(found, dry_run=dry_run)}\n")
