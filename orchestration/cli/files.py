"""`warehouse files`: what a person with a folder of exports does on the first day.

Belongs here: the verbs `template` and `check` and what they print. Stays out: `inspect`
(`cli.files_inspect`), the dry run (`orchestration.file_check`), templates
(`orchestration.templates`).
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingest.errors import EXIT_BAD_DATA, ConfigError
from orchestration.cli.files_inspect import inspect
from orchestration.cli.options import Config, Json, Root, now, print_json, say
from orchestration.night_run import yesterday
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from orchestration.file_check import DatasetCheck, FilesCheck
    from orchestration.settings import Settings

files_app = typer.Typer(
    no_args_is_help=True,
    help="Your own files: look at them, try them, get templates to fill in.",
)
_REFUSED_SHOWN: Final = 8
_UNMATCHED_SHOWN: Final = 20
_UNUSED_SHOWN: Final = 8


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.add_typer(files_app, name="files")


files_app.command(
    epilog="Examples: warehouse files inspect ./drop · warehouse files inspect "
    "./drop/pipeline.xlsx · warehouse files inspect './drop/*.csv' --to datasets.yml"
)(inspect)


@files_app.command(
    epilog="Examples: warehouse files template · warehouse files template targets · "
    "warehouse files template costs --to ./forms/costs.xlsx"
)
def template(
    entity: Annotated[
        str, typer.Argument(help="What to fill in; none = list all.")
    ] = "",
    to: Annotated[
        Path | None, typer.Option("--to", help="File to write; default ENTITY.xlsx.")
    ] = None,
) -> None:
    """Write a workbook to fill in: targets, costs, people, rates, ledger and 38 others.

    Headers in Vietnamese and English, a note per column, one example that is never loaded.
    Filled in and dropped into a files source with `templates: true`, it loads as it is.
    """
    from ingest.contracts.headers import TITLES  # noqa: PLC0415 - only this verb pays
    from orchestration.templates import (  # noqa: PLC0415 - openpyxl, which only this verb needs
        find_entity,
        render_template,
    )

    if not entity:
        lines = [f"  {name:<22} {vi} · {en}" for name, (vi, en) in TITLES.items()]
        sys.stdout.write(
            "\n".join([*lines, "Next: warehouse files template targets"]) + "\n"
        )
        return
    contract = find_entity(entity)
    path = to or Path(f"{entity}.xlsx")
    if path.exists():
        message = (
            f"{path} is there already and stays as it is; choose another with --to"
        )
        raise ConfigError(message)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render_template(contract))
    vi, en = TITLES[entity]
    sys.stdout.write(
        f"{path} is written: {vi} · {en}.\n"
        f"Next: fill it in from line 6 and drop it into the folder of a files source with "
        f"`templates: true`; keep the name {entity}, more after it is fine "
        f"({entity} 2026.xlsx). No such source yet? Add to warehouse.yml under sources:\n"
        f"  - {{name: forms, kind: files, path: ./forms, templates: true}}\n"
    )


@files_app.command(
    epilog="Examples: warehouse files check · warehouse files check --dataset opportunities "
    "· warehouse files check --figures"
)
def check(
    config: Config = None,
    root: Root = None,
    *,
    dataset: Annotated[
        str, typer.Option("--dataset", help="One dataset or entity; default: all.")
    ] = "",
    figures: Annotated[
        bool,
        typer.Option(
            "--figures", help="Also which published figures would change (a minute)."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Try every dropped file as a night would; nothing in the warehouse changes.

    Rows in, landed, refused with their lines, merged; totals of money; words that match no
    product, person or campaign you have. Leaves with 65 when a file would be refused.
    """
    from orchestration.file_check import check_files  # noqa: PLC0415 - only this verb pays
    from orchestration.publish import current_build  # noqa: PLC0415 - only this verb pays

    settings = load_settings(root=root, config_path=config, require_secrets=False)
    build = current_build(settings.home.published)
    served = build / "bi.duckdb" if build else None
    at = now()
    day = yesterday(at, settings.config.company.timezone)
    with check_files(
        settings, as_of=day, now=at, dataset=dataset, served=served
    ) as found:
        if as_json:
            print_json(asdict(found))
        else:
            sys.stdout.write("\n".join(_check_lines(found, settings)) + "\n")
        is_refused = any(one.problem or one.red for one in found.datasets)
    if figures:
        _show_figures(settings, at)
    elif not as_json and not is_refused:
        more = "warehouse files check --figures, or " if served else ""
        sys.stdout.write(f"Next: {more}warehouse nightly\n")
    if is_refused:
        raise typer.Exit(EXIT_BAD_DATA)


def _check_lines(found: FilesCheck, settings: Settings) -> Iterator[str]:
    from ingest import ledger  # noqa: PLC0415 - only this verb pays
    from orchestration.file_history import find_read_otherwise  # noqa: PLC0415 - only this verb pays
    from orchestration.file_notices import drop_notices  # noqa: PLC0415 - only this verb pays
    from orchestration.members import (  # noqa: PLC0415 - only this verb pays
        describe_all,
        mapping_lines,
    )

    for one in found.datasets:
        yield from _dataset_lines(one)
    if found.unmatched:
        yield ""
        yield "Values that name no member you have (still in every total; people as (unknown)):"
        told = describe_all(found.unmatched)
        yield from (f"  · {line}" for line in told[:_UNMATCHED_SHOWN])
        more = len(told) - _UNMATCHED_SHOWN
        if more > 0:
            yield f"  … and {more} more (--json)"
        lines = mapping_lines(found.unmatched)
        if lines:
            yield "  If the suggestions are right, say so under the source in warehouse.yml:"
            yield from (f"    {line}" for line in lines)
            yield "  Files loaded before keep their words until they are read again; `warehouse"
            yield "  status` then names the command."
    notices = list(drop_notices(settings.config.sources))
    if notices:
        yield ""
        yield "Left aside:"
        yield from (f"  · {notice}" for notice in notices)
    live = ledger.live(ledger.read(settings.home.root))
    for one in find_read_otherwise(settings.config.sources, live):
        yield ""
        yield f"{one.describe()}."
        yield f"  To read them again by today's: {one.command}"
    yield ""
    yield "Nothing was loaded; the warehouse is as it was."


def _dataset_lines(one: DatasetCheck) -> Iterator[str]:
    from orchestration.members import count_rows  # noqa: PLC0415 - only this verb pays

    mark = "✗" if one.problem or one.red else "✓"
    files = ", ".join(one.files[:3]) + (" …" if len(one.files) > 3 else "")  # noqa: PLR2004 - a line's width
    yield f"{mark} {one.dataset} ← {files or 'no file'}"
    if one.problem:
        yield f"    would not load: {one.problem}"
    else:
        merged = sum(one.absorbed.values())
        yield (
            f"    {count_rows(one.received)} in = {one.landed:,} landed + "
            f"{one.quarantined:,} refused + {merged:,} merged"
        )
    yield from (f"    merged: {n:,} {cause}" for cause, n in one.absorbed.items())
    for refused in one.refused[:_REFUSED_SHOWN]:
        column = f"{refused.column}: " if refused.column else ""
        yield f"    refused: {refused.rows:,} × {column}{refused.reason}"
        yield f"             {', '.join(refused.places)}"
    for total in one.totals:
        off = total.source_sum - total.landed_sum
        state = "equal" if not off else f"OFF BY {off:,f}"
        of = total.currency or "without a currency"
        received = total.source_sum + total.quarantined_sum
        refused = (
            f" + {total.quarantined_sum:,.2f} refused" if total.quarantined_sum else ""
        )
        yield (
            f"    {total.column_name} {of}: {received:,.2f} in the files = "
            f"{total.landed_sum:,.2f} landed{refused}, {state}"
        )
    for column, codes in one.unmatched_codes.items():
        yield f"    {column}: the lookup file does not hold {', '.join(codes)}; left blank"
    if one.unused:
        more = len(one.unused) - _UNUSED_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        yield f"    columns not used: {', '.join(one.unused[:_UNUSED_SHOWN])}{rest}"
    yield from (f"    gate: {text}" for text in one.red)


def _show_figures(settings: Settings, at: datetime) -> None:
    """Show which published figures the files in the drops would change."""
    from orchestration.cli.upkeep import show_difference  # noqa: PLC0415 - only this verb pays
    from orchestration.diff import compare  # noqa: PLC0415 - only this verb pays
    from orchestration.file_check import rehearsed_files  # noqa: PLC0415 - only this verb pays
    from orchestration.rehearsal import published_side  # noqa: PLC0415 - only this verb pays

    before = published_side(settings)
    day = date.fromisoformat(before.built_from.as_of)
    say("building the figures with these files beside what is published")
    with rehearsed_files(settings, as_of=day, now=at) as side:
        show_difference(compare(before, side))
