"""`warehouse close`, `reopen` and `approve`: what people decide on closed months.

Belongs here: the verbs and their words. Stays out: conditions, freezing, the chain
(`orchestration.periods`).
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.options import Config, Json, Root, now, print_json
from orchestration.lock import hold_run_lock
from orchestration.periods.closing import approve_change, close_period, reopen_period
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

Label = Annotated[str, typer.Argument(metavar="PERIOD", help="A month, like 2026-10.")]
Area = Annotated[str, typer.Option("--area", help="finance, sales or marketing.")]
By = Annotated[str, typer.Option("--by", help="Name of the person who decides.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command(
        epilog='Example: warehouse close 2026-10 --area finance --by "Lê Thị Hoa"'
    )(close)
    app.command(
        epilog="Example: warehouse reopen 2026-10 --area finance "
        '--by "Lê Thị Hoa" --reason "invoice 1042 belongs to October"'
    )(reopen)
    app.command(
        epilog="Example: warehouse approve change-finance-0a1b2c3d "
        '--by "Lê Thị Hoa" --reason "credit notes now count on their own day"'
    )(approve)


def close(
    period: Label,
    area: Area,
    by: By,
    config: Config = None,
    root: Root = None,
    *,
    as_json: Json = False,
) -> None:
    """Sign a month off: freeze its figures as readers see them now, with all evidence.

    Refuses with code 65 while the figures cannot be signed off (a red gate, an incomplete
    source, an unexplained difference, a month that is not over), with 78 when it is not the
    month's turn. From the next night on what comes late is shown as an adjustment of the open
    month, never in this one.
    """
    settings = load_settings(root=root, config_path=config, require_secrets=False)
    with hold_run_lock(settings.home.root, step=f"close of {area} {period}", now=now()):
        closed = close_period(settings, period, area, by=by, now=now())
    if as_json:
        print_json({**asdict(closed.entry), "record": closed.record})
        return
    sys.stdout.write("\n".join(_close_lines(closed.record)) + "\n")


def reopen(
    period: Label,
    area: Area,
    by: By,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it is opened again.")],
    config: Config = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Open a closed month again, newest first; the frozen figures stay on record.

    From the next night on its figures move with the data until it is closed again.
    """
    settings = load_settings(root=root, config_path=config, require_secrets=False)
    step = f"reopening of {area} {period}"
    with hold_run_lock(settings.home.root, step=step, now=now()):
        entry = reopen_period(settings, period, area, by=by, reason=reason, now=now())
    if as_json:
        print_json(asdict(entry))
        return
    sys.stdout.write(
        f"{area} {period} is open again, by {entry.by}; close {entry.subject} stays on "
        "record. Next: warehouse nightly\n"
    )


def approve(
    change: Annotated[str, typer.Argument(help="Id the change was reported with.")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why it is right.")],
    config: Config = None,
    root: Root = None,
    *,
    as_json: Json = False,
) -> None:
    """Let changed models or policies move closed figures; what they move is kept on record.

    Signed figures stay as they are; what the new models make of a closed month is published
    as restatements. `warehouse diff CHANGE` shows the figures before and after.
    """
    settings = load_settings(root=root, config_path=config, require_secrets=False)
    with hold_run_lock(settings.home.root, step=f"approval of {change}", now=now()):
        entry = approve_change(settings, change, by=by, reason=reason, now=now())
    if as_json:
        print_json(asdict(entry))
        return
    sys.stdout.write(
        f"{entry.subject} is approved by {entry.by}. Next: warehouse nightly\n"
    )


def _close_lines(record: Mapping[str, Any]) -> list[str]:
    figures, inputs, change = (
        record["figures"], record["inputs"], record["model_change"],
    )  # fmt: skip
    who, what = record["closed_by"], f"{record['area']} {record['period']}"
    built = f"as of {record['as_of_date']} (build {record['build_id']})"
    kpis, size = len(figures["kpi_versions"]), figures["rows"]
    author = change["author"] or "nobody known"
    same = {
        True: " (the closer: nobody else has looked at these models)",
        None: " (so nobody can say whether the closer made it)",
    }
    loaded = f"{inputs['batches']:,} batches, {inputs['rows']:,} rows"
    lines = [
        f"{what} is closed by {who}: {record['close_id']}",
        f"  figures   {size:,} frozen of {kpis} KPIs, {built}",
        f"  inputs    {loaded}, sha256 {inputs['sha256'][:16]}",
        f"  models    last changed by {author}{same.get(change['is_closer'], '')}",
    ]
    if record["tables"]:
        rows = sum(table["rows"] for table in record["tables"].values())
        lines.append(f"  tables    {rows:,} rows of {', '.join(record['tables'])}")
    waiting = figures["waiting_for_window"]
    if waiting:
        lines.append(
            "  later     frozen when their window has ended: " + ", ".join(waiting)
        )
    return lines
