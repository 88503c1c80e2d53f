"""`warehouse reconcile`: whether a period ties out, and what is left to explain.

Belongs here: the verb and its words. Stays out: comparing and reading
(`orchestration.reconciliation`), the workbook (`orchestration.dashboards.evidence`).
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ingest.errors import EXIT_BAD_DATA, ConfigError
from ingest.storage import write_file
from orchestration.cli.options import Json, Root, print_json, terminal
from orchestration.inert import write_csv
from orchestration.publish import current_build
from orchestration.reconciliation import (
    COMPARED,
    LANGUAGES,
    Line,
    TieOut,
    as_json,
    as_tables,
    parse_period,
    read_tie_out,
    word,
)
from orchestration.settings import Home, find_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

_SHOWN = 20
_WITHOUT_DECIMALS = frozenset({"VND", "JPY", "KRW"})


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(
        epilog="Examples: warehouse reconcile --period 2026-10 · "
        "warehouse reconcile --period 2026-Q3 --pack ./evidence"
    )(reconcile)


def reconcile(
    period: Annotated[
        str,
        typer.Option("--period", help="2026-10, 2026-Q4 or 2026.", show_default=False),
    ],
    pack: Annotated[
        Path | None,
        typer.Option(
            "--pack", help="Folder to write workbooks and CSV and JSON copies into."
        ),
    ] = None,
    root: Root = None,
    *,
    language: Annotated[
        str, typer.Option("--language", help="Of the table: en or vi.")
    ] = "en",
    as_json_text: Json = False,
) -> None:
    """Hold the published figures of a period against billing, bank and ledger.

    Leaves with 0 when every line ties out or is explained, with 65 when a difference is not.
    A month that is open or whose ledger was not delivered is shown and judged by nobody.
    """
    if language not in LANGUAGES:
        message = f"--language {language!r}: en or vi"
        raise ConfigError(message)
    home = Home(find_root(root))
    build = current_build(home.published)
    if build is None:
        message = f"Nothing is published in {home.root}; run `warehouse nightly` first."
        raise ConfigError(message)
    found = read_tie_out(build, parse_period(period))
    if as_json_text:
        print_json(as_json(found))
    else:
        _show(found, language)
    if pack is not None:
        for path in write_pack(found, pack):
            typer.echo(f"wrote {path}", err=True)
    if found.unexplained:
        raise typer.Exit(EXIT_BAD_DATA)


def write_pack(found: TieOut, folder: Path) -> list[Path]:
    """Write both workbooks, the CSV copies and the JSON copy; return their paths."""
    # Spreadsheets are for this verb alone; the others answer without loading them.
    from orchestration.dashboards.evidence import FILES, render_pack  # noqa: PLC0415 - openpyxl, which only the pack needs

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    content = _pack_content(found)
    for language, name in FILES.items():
        path = folder / name.format(period=found.period.label)
        write_file(path, render_pack(content, language))
        written.append(path)
    for sheet, rows in as_tables(found).items():
        path = folder / f"reconciliation_{found.period.label}_{sheet}.csv"
        # The mark at its start tells a spreadsheet that the names are UTF-8.
        text = io.StringIO(newline="")
        write_csv(text, rows)
        write_file(path, text.getvalue().encode("utf-8-sig"))
        written.append(path)
    path = folder / f"reconciliation_{found.period.label}.json"
    text = json.dumps(as_json(found), ensure_ascii=False, indent=1) + "\n"
    write_file(path, text.encode())
    return [*written, path]


def _pack_content(found: TieOut) -> dict[str, Any]:
    """Return what the workbook shows, amounts still exact."""
    manifest = found.manifest
    return {
        "company_name": manifest.company_name,
        "period": found.period.label,
        "is_tied_out": not found.unexplained,
        "as_of_date": manifest.as_of_date,
        "held_as_of": found.held_as_of,
        "build_id": manifest.build_id,
        "content_hash": manifest.content_hash,
        "code_version": manifest.code_version,
        "lines": [asdict(line) for line in found.lines],
        "differences": found.differences,
        "records": found.records,
        "words": found.words,
    }


def _show(found: TieOut, language: str) -> None:
    """Show one row per line, then what nobody explained, with its records."""
    manifest = found.manifest
    # A figure is never cut: a terminal that is too narrow wraps instead.
    console = terminal(at_least=150)
    held = f" · finance held at {found.held_as_of}" if found.held_as_of else ""
    table = Table(
        title=f"{manifest.company_name} · {found.period.label} · "
        f"as of {manifest.as_of_date}{held}"
    )
    for name, justify in (
        ("month", "left"),
        ("entity", "left"),
        ("line", "left"),
        ("accounts", "left"),
        ("warehouse", "right"),
        ("other side", "right"),
        ("difference", "right"),
        ("unexplained", "right"),
        ("", "left"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left")
    for line in found.lines:
        table.add_row(
            f"{line.month:%Y-%m}",
            line.legal_entity,
            line.name_vi if language == "vi" else line.name_en,
            line.accounts,
            money(line.warehouse, line.currency, language),
            money(line.other, line.currency, language),
            money(line.difference, line.currency, language),
            money(line.unexplained, line.currency, language),
            _verdict(found, line, language),
        )
    console.print(table)
    left = found.unexplained
    for row in left[:_SHOWN]:
        console.print(_told(found, row, language), soft_wrap=True, highlight=False)
    if len(left) > _SHOWN:
        console.print(f"… and {len(left) - _SHOWN} more; --json or --pack has them all")
    sys.stdout.flush()


def _verdict(found: TieOut, line: Line, language: str) -> str:
    if line.state != COMPARED:
        return word(found.words, line.state, language)
    if line.unexplained_count:
        # What keeps no month open is told, and no cross.
        return f"{'✗' if line.blocks_close else '·'} {line.unexplained_count}"
    return "✓" if line.difference == 0 else f"✓ {word(found.words, 'proven', language)}"


def _told(found: TieOut, row: Mapping[str, Any], language: str) -> str:
    """Return an unexplained difference and the records it is made of."""
    currency = row["currency"]
    head = (
        f"✗ {row['period_start_date']:%Y-%m} {row['legal_entity']} {row['line']} "
        f"{row['reference']}: {money(row['difference_amount'], currency, language)} "
        f"({money(row['warehouse_amount'], currency, language)} − "
        f"{money(row['other_amount'], currency, language)}) · "
        f"{word(found.words, row['reason_code'], language)} · "
        f"{word(found.words, row['explanation_state'], language)}"
    )
    records = [
        f"    {word(found.words, one['side'], language)}: {one['record_type']} {one['record_id']} "
        f"{one['occurred_date']:%Y-%m-%d} {money(one['amount'], currency, language)} "
        f"[{one['source_ref']}]"
        for one in found.records
        if one["reconciliation_id"] == row["reconciliation_id"]
    ]
    return "\n".join([head, *records])


def money(value: Decimal | None, currency: str, language: str) -> str:
    """Return an amount as people write it: 1.362.645.185 ₫ in Vietnamese; unknown is –."""
    if value is None:
        return "–"
    whole, _, part = f"{value:,f}".partition(".")
    part = part.rstrip("0")
    if part or currency not in _WITHOUT_DECIMALS:
        whole = f"{whole}.{part.ljust(2, '0')}"
    text = whole
    if language == "vi":
        text = text.translate(str.maketrans(",.", ".,"))
    return f"{text} {'₫' if currency == 'VND' else currency}"
