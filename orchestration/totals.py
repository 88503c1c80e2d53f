"""Control totals: what sources said, what landed, what staging and marts hold; difference 0.

Belongs here: comparing counts of rows and sums of money step by step, per source, account and
currency, and naming every break. Stays out: taking them while landing (`ingest.control`).

Each side is computed on its own: raw is read from the Parquet files by the ledger's rules,
written down here a second time and differently, so that a mistake in a model shows.
"""

# ruff: noqa: S608 - names come from contracts and code, never from data

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, time
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import duckdb

from ingest import ledger
from ingest.contracts import CONTRACTS
from ingest.entities import EntityContract, Truth, Type
from ingest.periods import period_column
from orchestration.billing_controls import read_controls
from orchestration.lead_sources import THEME, tell_missing_sources
from orchestration.mart_totals import MART_TOTALS, ROWS
from orchestration.publish.copying import attach, find_raw, read_catalog, text
from orchestration.publish.tables import CORE
from orchestration.unpriced import tell_unpriced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestration.night_run import NightRun

_FILES: Final = "files"
_LOAD_COLUMNS: Final = (
    "source_name, source_account, legal_entity, _batch_id, _load_date, _extracted_at,"
    " _row_hash"
)
_EXACT: Final = Context(prec=80)
"""Sums have up to 38 digits; the default context would round a difference to 28."""

_SHOWN_ROWS: Final = 6

RECEIVED_TO_RAW: Final = "received to raw"
RAW_TO_STAGING: Final = "raw to staging"
STAGING_TO_MART: Final = "staging to mart"
BILLING_CONTROL: Final = "billing control"


@dataclass(frozen=True)
class ControlRow:
    """One comparison. Units: those of the column, as the source gives them."""

    step: str
    theme: str
    source: str
    entity: str
    account: str
    column: str
    currency: str
    before: str
    after: str
    difference: str
    left_out: str = ""
    """What did not go on, by reason; part of `after`."""
    records: tuple[str, ...] = ()
    """Of a difference in staging or between documents: the records it is made of."""

    @property
    def is_broken(self) -> bool:
        """Whether the two sides differ."""
        return self.difference != "0"

    def describe(self) -> str:
        """Return one line for reports."""
        where = f"{self.source} {self.entity} {self.column} {self.currency}".strip()
        told = f"{self.step}: {where}: {self.before} before, {self.after} after"
        if self.records:
            return "; ".join([told, *self.records])
        return f"{told} (left out: {self.left_out})" if self.left_out else told


def landed_breaks(run: NightRun) -> list[str]:
    """Compare money received with money landed, for tonight's batches; return breaks."""
    rows = [
        _row(
            RECEIVED_TO_RAW,
            CORE,
            (batch.source_name, batch.entity, total.column_name),
            (total.source_account, total.currency),
            (total.source_sum, total.landed_sum),
        )
        for batch in ledger.live(ledger.read(run.settings.home.root))
        if batch.load_date == run.load_date
        for total in batch.totals
    ]
    return _note(run, rows)


def mart_breaks(run: NightRun) -> set[str]:
    """Compare raw with staging and staging with marts; return the themes that are off."""
    home = run.settings.home
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        attach(con, home.warehouse, "build")
        find_raw(con, home.warehouse)
        rows = [*_staged(con, run), *_marted(con, run)]
        # Told in rpt_reconciliation in any case.
        if run.settings.config.policies["recon_controls"] == "hold":
            rows += _controlled(con)
        missing = tell_missing_sources(con, run.settings.config.policies)
        run.report.unpriced = tell_unpriced(
            con, run.settings.config.policies, run.as_of
        )
    _note(run, rows)
    themes = {row.theme for row in rows if row.is_broken}
    if missing:
        run.report.control_breaks.append(missing)
        themes.add(THEME)
    return themes


def _note(run: NightRun, rows: list[ControlRow]) -> list[str]:
    broken = [row.describe() for row in rows if row.is_broken]
    run.report.control_rows += [asdict(row) for row in rows]
    run.report.control_breaks += broken
    return broken


def _row(
    step: str,
    theme: str,
    what: tuple[str, str, str],
    where: tuple[str, str],
    sides: tuple[Decimal | int, Decimal | int],
) -> ControlRow:
    before, after = (Decimal(side) for side in sides)
    return ControlRow(
        step=step,
        theme=theme,
        source=what[0],
        entity=what[1],
        column=what[2],
        account=where[0],
        currency=where[1],
        before=_plain(before),
        after=_plain(after),
        difference=_plain(_EXACT.subtract(after, before)),
    )


def _total(values: Iterable[Decimal | int]) -> Decimal:
    total = Decimal()
    for value in values:
        total = _EXACT.add(total, Decimal(value))
    return total


def _plain(value: Decimal) -> str:
    """Return an exact number without an exponent or trailing zeros."""
    written = f"{value:f}"
    shortest = written.rstrip("0").rstrip(".") if "." in written else written
    return shortest if value else "0"


def _staged(con: duckdb.DuckDBPyConnection, run: NightRun) -> Iterator[ControlRow]:
    """Compare every entity's rows and money in raw with its staging model."""
    kinds = {source.kind for source in run.settings.config.sources}
    catalog = read_catalog(con, ("build",))
    for kind in sorted(kinds):
        for contract in CONTRACTS[kind].values():
            model = f"stg_{kind}__{contract.name}"
            staged = catalog.get(("build", "main", model))
            if staged is None:
                continue
            columns = {column.name for column in staged.columns}
            table = f"build.main.{model}"
            if "is_standing" in columns:
                table = f"(select * from {table} where is_standing)"
            for currency, measures in _measures_of(contract, columns).items():
                check = _Check(RAW_TO_STAGING, CORE, contract.name, measures)
                needed = tuple(name for name in (currency, *measures) if name != ROWS)
                raw = _standing_rows(run, contract, needed)
                by = f"upper(coalesce({currency}, ''))" if currency else "''"
                before, after = (
                    _added_up(
                        con,
                        check,
                        f"select *, {by} as _currency, '' as reason from ({rows})",
                    )
                    for rows in (raw, f"select * from {table}")
                )
                for row in _balanced(check, before, after):
                    if not row.is_broken or not set(contract.key) <= columns:
                        yield row
                        continue
                    # Read again, with where each row came from: only of a broken night.
                    named = _standing_rows(run, contract, (*needed, "_source_ref"))
                    sides = (named, f"select * from {table}")
                    found = _rows_off(con, contract, row, by, sides)
                    yield replace(row, records=found)


def _rows_off(
    con: duckdb.DuckDBPyConnection,
    contract: EntityContract,
    row: ControlRow,
    currency: str,
    sides: tuple[str, str],
) -> tuple[str, ...]:
    """Return the records raw and staging say different things of, by key, the first few.

    `sides` are the queries of both, `currency` what a row's currency is read by.
    """
    measure = "count(*)" if row.column == ROWS else f"sum({row.column})"
    key = ", ".join(f"coalesce({name}::varchar, '')" for name in contract.key)
    before, after = (
        f"select concat_ws('|', {key}) as record, {measure} as amount, {ref} as source_ref"
        f" from ({side}) where source_name = $source"
        f" and coalesce(source_account, '') = $account and {currency} = $currency group by 1"
        for side, ref in zip(sides, ("min(_source_ref)", "null::varchar"), strict=True)
    )
    rows = con.execute(
        "select record, b.amount, a.amount, b.source_ref"
        f" from ({before}) as b full join ({after}) as a using (record)"
        " where b.amount is distinct from a.amount order by record limit $shown",
        {
            "source": row.source,
            "account": row.account,
            "currency": row.currency,
            "shown": _SHOWN_ROWS,
        },
    ).fetchall()
    return tuple(
        f"{contract.name} {record} {_side(then)} before, {_side(now)} after"
        f" [{ref or 'not in raw'}]"
        for record, then, now, ref in rows
    )


def _side(amount: Decimal | int | None) -> str:
    return "none" if amount is None else _plain(Decimal(amount))


def _measures_of(
    contract: EntityContract, columns: set[str]
) -> dict[str, tuple[str, ...]]:
    """Return currency column ('' = none) -> what is added up by it; rows with the first."""
    found: dict[str, list[str]] = {}
    for column in contract.money_columns:
        if {column.name, column.currency_column} <= columns:
            found.setdefault(column.currency_column, []).append(column.name)
    by_currency = {key: tuple(names) for key, names in found.items()} or {"": ()}
    first = next(iter(by_currency))
    return {**by_currency, first: (ROWS, *by_currency[first])}


def _standing_rows(
    run: NightRun, contract: EntityContract, needed: tuple[str, ...]
) -> str:
    """Return the query of the raw rows that stand, by the entity's truth."""
    raw = run.settings.home.raw
    files = text(f"{raw}/{contract.kind}/{contract.name}/*/*/*.parquet")
    # Only what is compared: the payload is most of a row.
    kept = {*needed, *contract.key, contract.version_column, contract.date_column}
    names = ", ".join(sorted(kept - {"", "legal_entity"}))
    rows = (
        f"select {names}, {_LOAD_COLUMNS}"
        f" from read_parquet({files}, union_by_name = true, hive_partitioning = false)"
    )
    live = (
        f"select * from read_parquet({text(f'{raw}/_batches/data.parquet')}) where"
        f" kind = {text(contract.kind)} and entity = {text(contract.name)}"
        f" and load_date <= date {text(run.load_date.isoformat())}"
    )
    if contract.kind == _FILES:
        zone = run.settings.config.company.timezone
        return _standing_file_rows(contract, rows, live, zone)
    if contract.truth is Truth.RESTATED_DAILY:
        newer = (
            "newer.source_name = r.source_name and newer.source_account = "
            f"r.source_account and r.{contract.date_column} between "
            "newer.window_start_date and newer.window_end_date and "
            "newer.load_date > r._load_date"
        )
        return (
            f"select r.* from ({rows}) r semi join ({live}) own"
            " on own.batch_id = r._batch_id"
            f" anti join ({live}) newer on {newer}"
        )
    return _newest(
        contract,
        f"select r.* from ({rows}) r semi join ({live}) own"
        " on own.batch_id = r._batch_id",
    )


def _newest(contract: EntityContract, rows: str) -> str:
    """Return the query of the newest version of each record."""
    version, oldest = "_extracted_at", "timestamptz '0001-01-01'"
    if contract.version_column:
        version = contract.version_column
        if contract.column(version).type is Type.DATE:
            oldest = "date '0001-01-01'"
    key = ", ".join(("source_name", "source_account", *contract.key))
    newest = f"coalesce({version}, {oldest}), _load_date, _extracted_at, _row_hash"
    return f"select unnest(max_by(r, ({newest}))) from ({rows}) r group by {key}"


def _standing_file_rows(
    contract: EntityContract, rows: str, live: str, zone: str
) -> str:
    """Return the query of a dropped entity's rows that stand, by their batches' modes.

    A full replacement ends everything before it in its stream, a replaced period the older
    rows of its days (and those without a day), an upsert the older versions of its records.
    """
    day = "cast(null as date)"
    period = period_column(contract)
    if period:
        day = f"r.{period}"
        if contract.column(period).type is Type.INSTANT:
            day = f"cast(timezone({text(zone)}, {day}) as date)"
    batches = (
        "select source_name, stream, batch_id, mode, min(window_start_date) as first_day,"
        " max(window_end_date) as last_day, (load_date, extracted_at, batch_id) as age"
        f" from ({live}) group by all"
    )
    replaced = (
        f"select source_name, stream, max(age) as age from ({batches})"
        " where mode = 'replace' group by all"
    )
    standing = (
        f"select r.*, own.mode as _mode from ({rows}) r"
        f" inner join ({batches}) own on own.batch_id = r._batch_id"
        f" left join ({replaced}) whole"
        " on whole.source_name = own.source_name and whole.stream = own.stream"
        f" anti join (select * from ({batches}) where mode = 'replace_period') newer"
        " on newer.source_name = own.source_name and newer.stream = own.stream"
        f" and newer.age > own.age and coalesce({day}, newer.first_day)"
        " between newer.first_day and newer.last_day"
        " where whole.age is null or own.age >= whole.age"
    )
    latest = _newest(contract, f"select * from ({standing}) where _mode = 'upsert'")
    return f"select * from ({standing}) where _mode <> 'upsert' union all ({latest})"


def _marted(con: duckdb.DuckDBPyConnection, run: NightRun) -> Iterator[ControlRow]:
    """Compare what staging holds with what arrived in each mart or was left out and why."""
    company = run.settings.config.company
    end = datetime.combine(run.load_date, time(), tzinfo=ZoneInfo(company.timezone))
    values = {
        "$end": f"timestamptz {text(end.isoformat())}",
        "$as_of": f"date {text(run.as_of.isoformat())}",
        "$home": text(company.reporting_currency),
    }
    for total in MART_TOTALS:
        check = _Check(STAGING_TO_MART, total.theme, total.entity, total.measures)
        staged, arrived, left_out = (
            _added_up(con, check, _filled_in(query, values)) if query else {}
            for query in (total.staged, total.arrived, total.left_out)
        )
        yield from _balanced(check, staged, arrived, {**staged, **left_out})


def _controlled(con: duckdb.DuckDBPyConnection) -> Iterator[ControlRow]:
    """Hold the finance marts against what billing states of itself."""
    if ("build", "main", "rpt_reconciliation") not in read_catalog(con, ("build",)):
        return  # one model built alone, as tests do; a night builds them all
    for control in read_controls(con):
        row = _row(
            BILLING_CONTROL,
            "finance",
            (
                control.legal_entity,
                f"{control.line} {control.reference}".strip(),
                "amount",
            ),
            ("", control.currency),
            (control.other, control.ours),
        )
        yield replace(row, records=control.records)


def _filled_in(query: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        query = query.replace(name, value)
    return query


@dataclass(frozen=True)
class _Check:
    """What is compared between two sides."""

    step: str
    theme: str
    entity: str
    measures: tuple[str, ...]


_Where = tuple[str, str, str]
"""(source, account, currency)."""
_Sums = dict[tuple[_Where, str], tuple[Decimal | int, ...]]
"""By place and reason ('' = none): the measures of a check."""


def _added_up(con: duckdb.DuckDBPyConnection, check: _Check, query: str) -> _Sums:
    """Add up the measures of a query's rows by place and reason, in one pass."""
    sums = ", ".join("count(*)" if m == ROWS else f"sum({m})" for m in check.measures)
    rows = con.execute(
        f"select source_name, source_account, _currency, reason, {sums}"
        f" from ({query}) group by all"
    ).fetchall()
    return {
        ((row[0] or "", row[1] or "", row[2] or ""), row[3] or ""): tuple(
            value or 0 for value in row[4:]
        )
        for row in rows
    }


def _balanced(
    check: _Check, staged: _Sums, arrived: _Sums, named: _Sums | None = None
) -> Iterator[ControlRow]:
    """Yield one comparison per place and measure: staged = arrived + left out by reason."""
    reasons = {key: sums for key, sums in (named or {}).items() if key[1]}
    for place in sorted({at for at, _ in (*staged, *arrived, *reasons)}):
        source, account, currency = place
        for number, measure in enumerate(check.measures):
            before, here = (
                _total(sums[number] for (at, _), sums in side.items() if at == place)
                for side in (staged, arrived)
            )
            missing = {
                reason: _total((sums[number],))
                for (at, reason), sums in sorted(reasons.items())
                if at == place
            }
            row = _row(
                check.step,
                check.theme,
                (source, check.entity, measure),
                (account, currency),
                (before, _total((here, *missing.values()))),
            )
            told = ", ".join(f"{why} {_plain(value)}" for why, value in missing.items())
            yield replace(row, left_out=told)
