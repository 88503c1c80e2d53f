"""A large company landed at once: promoted batches and their ledger, written by DuckDB.

Belongs here: how many rows, which batch holds what, and landing them where the pipeline looks
for promoted batches. Stays out: what the rows say (`ingest.sandbox.bulk_rows`), the simulated
company the connectors are tested on (`ingest.sandbox.company`).

Served page by page and typed row by row, ten million rows take the better part of an hour
before the first model runs, and benchmarks of the build want nothing but landed data. So
typing and the raw gate are left out; everything behind them is the product's own: contracts,
paths, manifests, the ledger. The same company, scale and night give the same rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import duckdb

from ingest import ledger
from ingest.batch_file import write_empty_file
from ingest.closed_files import ensure_empty_closes
from ingest.contracts import CONTRACTS, contract_of
from ingest.manifest import AccountCoverage, BatchManifest, ControlTotal
from ingest.paths import StreamPath, empty_file, raw_dir
from ingest.sandbox.bulk_lives import HISTORY
from ingest.sandbox.bulk_rows import BULK_ENTITIES
from ingest.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.entities import EntityContract
    from ingest.sandbox.bulk_entity import BulkEntity

COMPANY_ZONE: Final = "Asia/Ho_Chi_Minh"
_ROW_GROUP_ROWS: Final = 100_000
_EXTRACTED_AFTER: Final = timedelta(hours=2)


@dataclass(frozen=True)
class BulkCompany:
    """How large the company is and how long it has been running.

    At scale 1 its history holds 1 million ad rows, 500 thousand calls, 100 thousand leads,
    20 thousand deals and about 300 thousand invoice lines. Campaigns grow with the root of
    the scale and ads within them with the rest, as accounts do.
    """

    scale: float
    first_night: date
    months: int = 40
    nights: int = 2
    seed: int = 7

    @property
    def first_day(self) -> date:
        """Return the day its history begins."""
        return self.first_night - timedelta(days=round(self.months * 30.4))

    @property
    def last_day(self) -> date:
        """Return the last day anything is generated for."""
        return self.first_night + timedelta(days=self.nights - 1)


def land_history(root: Path, company: BulkCompany) -> int:
    """Land everything known on the first night as one batch per entity; return its rows."""
    for entities in CONTRACTS.values():
        for contract in entities.values():
            path = empty_file(root, contract.kind, contract.name)
            write_empty_file(path, contract.arrow_schema())
    return _land(
        root, company, company.first_night, since=datetime(1970, 1, 1, tzinfo=UTC)
    )


def land_night(root: Path, company: BulkCompany, as_of: date) -> int:
    """Land what one more night brings (new, changed and restated rows); return the rows."""
    return _land(root, company, as_of, since=_end_of(as_of - timedelta(days=1)))


def land_entities(
    root: Path, company: BulkCompany, as_of: date, entities: Sequence[BulkEntity]
) -> int:
    """Land one night's batches of these entities alone; return the rows.

    For nights that tell more than the company's life does: corrected, late, vanished rows.
    """
    since = _end_of(as_of - timedelta(days=1))
    return _land(root, company, as_of, since=since, entities=entities)


def _land(
    root: Path,
    company: BulkCompany,
    as_of: date,
    *,
    since: datetime,
    entities: Sequence[BulkEntity] = BULK_ENTITIES,
) -> int:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set preserve_insertion_order = false")
        for statement in HISTORY:
            connection.execute(_filled(statement, company, as_of, since))
        rows = 0
        for entity in entities:
            query = _filled(entity.query, company, as_of, since)
            rows += _land_batch(
                connection, root, entity, query, as_of=as_of, since=since
            )
    ledger.export(root)
    ensure_empty_closes(root)
    return rows


def _land_batch(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    entity: BulkEntity,
    query: str,
    *,
    as_of: date,
    since: datetime,
) -> int:
    contract = contract_of(entity.kind, entity.name)
    stream = StreamPath(entity.kind, entity.name, entity.stream)
    load_date = as_of + timedelta(days=1)
    extracted_at = _end_of(as_of) + _EXTRACTED_AFTER
    identity = f"{entity.kind}|{stream}|{load_date}|{query}"
    batch_id = hashlib.sha256(identity.encode()).hexdigest()[:32]
    folder = raw_dir(root, stream, load_date)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{batch_id}.parquet"
    shared = {
        "source_name": entity.source_name,
        "source_account": entity.account,
        "legal_entity": entity.legal_entity,
        "_payload": None,
        "_batch_id": batch_id,
        "_load_date": load_date,
        "_extracted_at": extracted_at,
    }
    connection.execute(
        f"""
        copy ({_typed(connection, contract, query)}) to '{path}'
        (format parquet, compression zstd, row_group_size {_ROW_GROUP_ROWS})
        """,
        shared,
    )
    (row_count,) = connection.execute(
        "select count(*) from read_parquet($path)", {"path": str(path)}
    ).fetchone() or (0,)
    days = entity.restated_days
    first_day = None
    if days is not None:
        # The first load covers its whole history, a later one what it reads again.
        first_day = max(since.date(), date(1970, 1, 1))
        if since.year > 1970:  # noqa: PLR2004 - the beginning of everything
            first_day = as_of - timedelta(days=days - 1)
    ledger.append(
        root,
        BatchManifest(
            kind=entity.kind,
            entity=entity.name,
            stream=entity.stream,
            load_date=load_date,
            batch_id=batch_id,
            source_name=entity.source_name,
            legal_entity=entity.legal_entity,
            mode=entity.mode,
            is_full_list=entity.is_full_list,
            has_gap=False,
            row_count=row_count,
            quarantined_count=0,
            extracted_at=extracted_at,
            coverage=(
                AccountCoverage(
                    source_account=entity.account,
                    row_count=row_count,
                    quarantined_count=0,
                    window_start=None,
                    window_end=extracted_at,
                    window_start_date=first_day,
                    window_end_date=None if first_day is None else as_of,
                ),
            ),
            totals=_totals(connection, contract, path, entity.account),
            new_cursor=None,
            file_sha256s=(),
            unknown_fields=(),
            parquet_sha256=sha256_of(path),
            parquet_bytes=path.stat().st_size,
        ),
    )
    return row_count


def _typed(
    connection: duckdb.DuckDBPyConnection, contract: EntityContract, query: str
) -> str:
    """Return the query with every column of the contract, typed, and the load columns."""
    given = {row[0] for row in connection.execute(f"describe {query}").fetchall()}
    shape = contract.arrow_schema().empty_table()
    types = {
        name: kind
        for name, kind, *_ in connection.execute("describe from shape").fetchall()
    }
    del shape
    unknown = sorted(given - set(types))
    if unknown:
        message = f"{contract.kind}.{contract.name} has no columns {unknown}"
        raise ValueError(message)
    own = [column.name for column in contract.columns]
    landed = ", ".join(
        f'cast("{name}" as {types[name]}) as "{name}"'
        if name in given
        else f'cast(null as {types[name]}) as "{name}"'
        for name in own
    )
    key = ", ".join(f'"{name}"' for name in contract.key)
    order = contract.date_column or contract.key[0]
    return f"""
        select
            {landed},
            cast($source_name as varchar) as source_name,
            cast($source_account as varchar) as source_account,
            cast($legal_entity as varchar) as legal_entity,
            cast($_payload as varchar) as _payload,
            'bulk#' || concat_ws('|', {key}) as _source_ref,
            cast($_batch_id as varchar) as _batch_id,
            cast($_load_date as date) as _load_date,
            cast($_extracted_at as timestamptz) as _extracted_at,
            format('{{:016x}}', hash(generated)) as _row_hash
        from ({query}) as generated
        order by "{order}"
    """  # noqa: S608 - our own text, no input


def _totals(
    connection: duckdb.DuckDBPyConnection,
    contract: EntityContract,
    path: Path,
    account: str,
) -> tuple[ControlTotal, ...]:
    """Return the money of the batch per column and currency."""
    totals: list[ControlTotal] = []
    for column in contract.money_columns:
        sums = connection.execute(
            f"""
            select
                "{column.currency_column}" as currency,
                count(*),
                cast(coalesce(sum("{column.name}"), 0) as decimal(38, 6)) as total
            from read_parquet($path)
            where "{column.currency_column}" is not null
            group by all
            order by currency
            """,  # noqa: S608 - our own text, no input
            {"path": str(path)},
        ).fetchall()
        totals += [
            ControlTotal(
                source_account=account,
                column_name=column.name,
                currency=currency,
                row_count=count,
                source_sum=total,
                landed_sum=total,
                quarantined_sum=total * 0,
            )
            for currency, count, total in sums
        ]
    return tuple(totals)


def _filled(text: str, company: BulkCompany, as_of: date, since: datetime) -> str:
    """Return SQL with the figures of company and night in place of their names."""
    days = (company.last_day - company.first_day).days + 1
    root = company.scale**0.5
    google, meta, files = (max(1, round(n * root)) for n in (60, 40, 50))
    figures: dict[str, object] = {
        "seed": company.seed,
        "first_day": company.first_day,
        "days": days,
        "since": since.isoformat(),
        "until": _end_of(as_of).isoformat(),
        "as_of": as_of,
        "google_slots": google,
        "meta_slots": meta,
        "file_slots": files,
        "ads": max(
            1, round((1_000_000 * company.scale / days - google - meta) / files)
        ),
        "leads": round(100_000 * company.scale),
        "accounts": max(1, round(20_000 * company.scale)),
        "deals": round(20_000 * company.scale),
        "calls": round(500_000 * company.scale),
        "customers": max(1, round(16_000 * company.scale)),
    }
    for name, figure in figures.items():
        text = text.replace("{" + name + "}", str(figure))
    return text


def _end_of(day: date) -> datetime:
    """Return the instant a company day ends."""
    following = datetime.combine(
        day + timedelta(days=1), datetime.min.time(), tzinfo=ZoneInfo(COMPANY_ZONE)
    )
    return following.astimezone(UTC)
