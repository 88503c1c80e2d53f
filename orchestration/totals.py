"""Control totals: what sources said, what landed, what staging and marts hold; difference 0.

Belongs here: comparing counts of rows and sums of money step by step, per source, account and
currency, and naming every break. Stays out: taking them while landing (`ingest.control`).

Each side is computed on its own: raw is read from the Parquet files by the ledger's rules,
written down here a second time and differently, so that a mistake in a model shows.
"""

# ruff: noqa: S608 - names come from contracts and code, never from data

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final

import duckdb

from ingest import ledger
from ingest.contracts import CONTRACTS
from ingest.entities import EntityContract, Truth
from orchestration.publish.copying import attach, read_catalog, text
from orchestration.publish.tables import CORE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.night_run import NightRun

_FILES: Final = "files"
_EXACT: Final = Context(prec=80)
"""Sums have up to 38 digits; the default context would round a difference to 28."""

RECEIVED_TO_RAW: Final = "received to raw"
RAW_TO_STAGING: Final = "raw to staging"
STAGING_TO_MART: Final = "staging to mart"


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

    @property
    def is_broken(self) -> bool:
        """Whether the two sides differ."""
        return self.difference != "0"

    def describe(self) -> str:
        """Return one line for reports."""
        where = f"{self.source} {self.entity} {self.column} {self.currency}".strip()
        return f"{self.step}: {where}: {self.before} before, {self.after} after"


@dataclass(frozen=True)
class MartSum:
    """Two queries that must agree: (source_name, account, currency, rows or money)."""

    theme: str
    entity: str
    column: str
    table: str
    before: str
    after: str


MART_SUMS: Final = (
    MartSum(
        theme="marketing",
        entity="ad_performance_daily",
        column="spend_amount",
        table="fct_ad_performance_daily",
        before="""
            select source_name, source_account, currency, sum(amount) from (
                select source_name, source_account, currency, date,
                    cast(cast(cost_micros as decimal(28, 0)) * 0.000001
                        as decimal(38, 6)) as amount
                from build.main.stg_google_ads__campaign_performance_daily
                union all
                select source_name, source_account, currency, date,
                    cast(spend as decimal(38, 6))
                from build.main.stg_meta_ads__campaign_insights_daily
                union all
                select source_name, ad_account_id,
                    coalesce(upper(currency), '(unknown)'), date,
                    cast(spend as decimal(38, 6))
                from build.main.stg_files__ad_performance_daily
            ) where date <= $as_of group by all
        """,
        after="""
            select source_name, ad_account_id, currency, sum(spend_amount)
            from build.main.fct_ad_performance_daily group by all
        """,
    ),
    # Every line and credit note ends in the mart or among those left out for a stated reason.
    MartSum(
        theme="finance",
        entity="invoice_lines+credit_notes",
        column="net_amount",
        table="fct_invoice_lines",
        before="""
            select source_name, source_account, currency, sum(amount) from (
                select source_name, source_account, currency,
                    (amount_minor - coalesce(discount_minor, 0)) * stripe_minor_unit_amount
                        as amount
                from build.main.stg_stripe__invoice_lines
                inner join build.main.currency_exponents using (currency)
                union all
                select source_name, source_account, currency,
                    -subtotal_minor * stripe_minor_unit_amount
                from build.main.stg_stripe__credit_notes
                inner join build.main.currency_exponents using (currency)
                union all
                select source_name, source_account, currency, amount
                from build.main.stg_files__invoice_lines
                union all
                select source_name, source_account, currency, -amount
                from build.main.stg_files__credit_notes
            ) group by all
        """,
        after="""
            select source_name, source_account, currency, sum(net_amount) from (
                select source_name, source_account, currency, net_amount
                from build.main.fct_invoice_lines
                union all
                select source_name, source_account, currency, net_amount
                from build.main.int_revenue_events_classified
                where exclusion_reason is not null
            ) group by all
        """,
    ),
)


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
        rows = [*_staged(con, run), *_marted(con, run)]
    _note(run, rows)
    return {row.theme for row in rows if row.is_broken}


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


def _plain(value: Decimal) -> str:
    """Return an exact number without an exponent or trailing zeros."""
    written = f"{value:f}"
    shortest = written.rstrip("0").rstrip(".") if "." in written else written
    return shortest if value else "0"


def _staged(con: duckdb.DuckDBPyConnection, run: NightRun) -> Iterator[ControlRow]:
    """Compare every vendor entity's rows and money in raw with its staging model."""
    kinds = {source.kind for source in run.settings.config.sources} - {_FILES}
    catalog = read_catalog(con, ("build",))
    for kind in sorted(kinds):
        for contract in CONTRACTS[kind].values():
            model = f"stg_{kind}__{contract.name}"
            staged = catalog.get(("build", "main", model))
            if staged is None:
                continue
            columns = {column.name for column in staged.columns}
            for name, before, after in _raw_and_staged(run, contract, model, columns):
                yield from _compare(
                    con, RAW_TO_STAGING, CORE, (contract.name, name), (before, after)
                )


def _raw_and_staged(
    run: NightRun, contract: EntityContract, model: str, columns: set[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (column, query over raw, query over staging) for row count and money."""
    standing = _standing_rows(run, contract)
    who = "source_name, source_account"
    yield (
        "rows",
        f"select {who}, '', count(*) from ({standing}) group by all",
        f"select {who}, '', count(*) from build.main.{model} group by all",
    )
    for column in contract.money_columns:
        currency = column.currency_column
        if {column.name, currency} <= columns:
            by = f"upper(coalesce({currency}, '')), sum({column.name})"
            yield (
                column.name,
                f"select {who}, {by} from ({standing}) group by all",
                f"select {who}, {by} from build.main.{model} group by all",
            )


def _standing_rows(run: NightRun, contract: EntityContract) -> str:
    """Return the query of the raw rows that stand, by the entity's truth."""
    raw = run.settings.home.raw
    files = text(f"{raw}/{contract.kind}/{contract.name}/*/*/*.parquet")
    rows = (
        f"select * from read_parquet({files}, union_by_name = true,"
        " hive_partitioning = false)"
    )
    live = (
        f"select * from read_parquet({text(f'{raw}/_batches/data.parquet')}) where"
        f" kind = {text(contract.kind)} and entity = {text(contract.name)}"
        f" and load_date <= date {text(run.load_date.isoformat())}"
    )
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
    version = contract.version_column or "_extracted_at"
    key = ", ".join(("source_name", "source_account", *contract.key))
    newest = f"coalesce({version}, timestamptz '0001-01-01'), _load_date, _extracted_at"
    return (
        f"select unnest(max_by(r, ({newest}, _row_hash))) from ({rows}) r"
        f" semi join ({live}) own on own.batch_id = r._batch_id group by {key}"
    )


def _marted(con: duckdb.DuckDBPyConnection, run: NightRun) -> Iterator[ControlRow]:
    for check in MART_SUMS:
        before = check.before.replace("$as_of", f"date {text(run.as_of.isoformat())}")
        yield from _compare(
            con,
            STAGING_TO_MART,
            check.theme,
            (check.entity, check.column),
            (before, check.after),
        )


def _compare(
    con: duckdb.DuckDBPyConnection,
    step: str,
    theme: str,
    what: tuple[str, str],
    queries: tuple[str, str],
) -> Iterator[ControlRow]:
    before, after = (
        {tuple(row[:3]): row[3] or 0 for row in con.execute(query).fetchall()}
        for query in queries
    )
    for key in sorted({*before, *after}, key=str):
        source, account, currency = (str(part or "") for part in key)
        yield _row(
            step,
            theme,
            (source, *what),
            (account, currency),
            (before.get(key, 0), after.get(key, 0)),
        )
