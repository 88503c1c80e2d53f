"""The tie-out of a period, read from what is published for finance.

Belongs here: which rows a period has, adding them up per line, which are left to explain, the
machine-readable copy. Stays out: comparing (dbt model `fct_tie_out_differences`), words on a
terminal (`orchestration.cli.reconcile`), the workbook (`orchestration.dashboards.evidence`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.errors import ConfigError
from orchestration.periods.served import Period
from orchestration.publish import read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestration.publish import Manifest

TABLES: Final = ("rpt_reconciliation", "rpt_reconciliation_records")
_PERIOD: Final = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
AGREED: Final = "agreed"
COMPARED: Final = "compared"
LANGUAGES: Final = ("vi", "en")
_CODES: Final = (
    "recon_reason",
    "recon_state",
    "recon_side",
    "recon_measure",
    "explanation_state",
)
"""Types of the codes in `labels` a tie-out speaks in; none of them shares a code."""

Words = Mapping[str, tuple[str, str]]
"""Code -> Vietnamese and English word."""


def word(words: Words, code: str | None, language: str) -> str:
    """Return the word of a code in a language; a code without one is its own word."""
    return words.get(code or "", (code or "", code or ""))[LANGUAGES.index(language)]


def parse_period(text: str) -> Period:
    """Return the months a period such as 2026-10, 2026-Q4 or 2026 stands for.

    Raises:
        ConfigError: it is none of these.
    """
    found = _PERIOD.fullmatch(text)
    if found is None:
        message = f"--period {text!r} is no month (2026-10), quarter (2026-Q4) or year"
        raise ConfigError(message)
    year, quarter, month = found.groups()
    first, count = 1, 12
    if quarter:
        first, count = int(quarter) * 3 - 2, 3
    elif month:
        first, count = int(month), 1
    last = first + count - 1
    following = date(int(year) + last // 12, last % 12 + 1, 1)
    return Period(text, date(int(year), first, 1), following - timedelta(days=1))


@dataclass(frozen=True)
class Line:
    """One line of the tie-out in one month, legal entity and currency, added up.

    `other`, `difference` and the parts of it are None where the month is not compared.
    """

    month: date
    legal_entity: str
    line: str
    name_vi: str
    name_en: str
    accounts: str
    currency: str
    state: str
    is_control: bool
    blocks_close: bool
    warehouse: Decimal
    other: Decimal | None
    difference: Decimal | None
    explained: Decimal | None
    unexplained: Decimal | None
    unexplained_count: int


@dataclass(frozen=True)
class TieOut:
    """The tie-out of one period as one build published it."""

    period: Period
    manifest: Manifest
    lines: tuple[Line, ...]
    differences: tuple[Mapping[str, Any], ...]
    """Rows of rpt_reconciliation that differ, unexplained first, largest first."""
    records: tuple[Mapping[str, Any], ...]
    """Rows of rpt_reconciliation_records of those differences."""
    words: Words
    columns: Mapping[str, tuple[str, ...]]
    """Column names of both tables, also where they have no row."""

    @property
    def unexplained(self) -> tuple[Mapping[str, Any], ...]:
        """Differences nobody and nothing explains, of lines that keep a month open."""
        return tuple(
            row
            for row in self.differences
            if row["blocks_close"] and not row["is_explained"]
        )

    @property
    def held_as_of(self) -> str | None:
        """Day of the figures where the finance theme is held at an earlier night."""
        theme = self.manifest.themes["finance"]
        return (
            None if theme.as_of_date == self.manifest.as_of_date else theme.as_of_date
        )


def read_tie_out(build: Path, period: Period) -> TieOut:
    """Return the tie-out of a period from a published build.

    Raises:
        ConfigError: the build has no tie-out, or none of that period.
    """
    path = build / "finance.duckdb"
    if not path.is_file():
        path = build / "bi.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        tables = {name for (name,) in con.execute("show tables").fetchall()}
        if not set(TABLES) <= tables:
            message = (
                f"build {build.name} has no tie-out: finance has not been published yet, "
                "or by an earlier version. `warehouse status` says what holds it; then run "
                "`warehouse nightly`"
            )
            raise ConfigError(message)
        rows, records = (
            _read(
                con,
                f"select * exclude (build_id) from {table}"  # noqa: S608 - our names
                " where period_start_date between ? and ? order by all",
                period,
            )
            for table in TABLES
        )
        columns = {
            table: tuple(name for name in _columns(con, table) if name != "build_id")
            for table in TABLES
        }
        words = {
            code: (vi, en)
            for code, vi, en in con.execute(
                "select code, label_vi, label_en from labels"
                " where code_type in (select unnest(?))",
                [list(_CODES)],
            ).fetchall()
        }
    if not rows:
        message = f"nothing to reconcile in {period.label}: no figures of billing there"
        raise ConfigError(message)
    differences = sorted(
        (
            row
            for row in rows
            if row["state"] == COMPARED and row["reason_code"] != AGREED
        ),
        key=_weight,
    )
    return TieOut(
        period=period,
        manifest=read_manifest(build),
        lines=tuple(_lines(rows)),
        differences=tuple(differences),
        records=tuple(records),
        words=words,
        columns=columns,
    )


def _weight(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["is_explained"],
        row["period_start_date"],
        row["display_order"],
        row["legal_entity"],
        -abs(row["difference_amount"]),
        row["reference"],
    )


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in con.execute(f"describe {table}").fetchall()]


def _read(
    con: duckdb.DuckDBPyConnection, query: str, period: Period
) -> list[dict[str, Any]]:
    cursor = con.execute(query, [period.first, period.last])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _lines(rows: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Add up the rows of each line: what agrees and every difference."""
    grouped: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = (
            row["period_start_date"],
            row["legal_entity"],
            row["display_order"],
            row["line"],
            row["currency"],
        )
        grouped.setdefault(key, []).append(row)
    return [_line(grouped[key]) for key in sorted(grouped)]


def _line(rows: list[Mapping[str, Any]]) -> Line:
    first = rows[0]
    is_compared = first["state"] == COMPARED
    open_rows = [row for row in rows if not row["is_explained"]]
    difference = _sum(rows, "difference_amount") if is_compared else None
    unexplained = _sum(open_rows, "difference_amount") if is_compared else None
    return Line(
        month=first["period_start_date"],
        legal_entity=first["legal_entity"],
        line=first["line"],
        name_vi=first["line_name_vi"],
        name_en=first["line_name_en"],
        accounts=first["account_codes"] or "",
        currency=first["currency"],
        state=first["state"],
        is_control=first["is_control"],
        blocks_close=first["blocks_close"],
        warehouse=_sum(rows, "warehouse_amount"),
        other=None if first["other_amount"] is None else _sum(rows, "other_amount"),
        difference=difference,
        explained=None
        if difference is None or unexplained is None
        else difference - unexplained,
        unexplained=unexplained,
        unexplained_count=len(open_rows),
    )


def _sum(rows: Iterable[Mapping[str, Any]], column: str) -> Decimal:
    return sum((row[column] for row in rows), Decimal(0))


def as_json(found: TieOut) -> dict[str, Any]:
    """Return the tie-out for machines: amounts as exact text, days as ISO."""
    content = {
        "period": found.period.label,
        "period_start_date": found.period.first,
        "period_end_date": found.period.last,
        "is_tied_out": not found.unexplained,
        "build_id": found.manifest.build_id,
        "as_of_date": found.manifest.as_of_date,
        "held_as_of": found.held_as_of,
        "code_version": found.manifest.code_version,
        "content_hash": found.manifest.content_hash,
        "lines": [asdict(line) for line in found.lines],
        "differences": list(found.differences),
        "records": list(found.records),
    }
    plain: dict[str, Any] = json.loads(json.dumps(content, default=_plain))
    return plain


def as_tables(found: TieOut) -> dict[str, list[list[Any]]]:
    """Return lines, differences and records as rows below a header, names as published.

    Records name where each was read from and the load that brought it.
    """
    differences, records = TABLES
    tables = {
        "lines": (
            [field.name for field in fields(Line)],
            [asdict(line) for line in found.lines],
        ),
        "differences": (found.columns[differences], found.differences),
        "records": (found.columns[records], found.records),
    }
    return {
        name: [list(header), *([row[column] for column in header] for row in rows)]
        for name, (header, rows) in tables.items()
    }


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
