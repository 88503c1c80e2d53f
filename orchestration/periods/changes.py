"""Which landed rows say something else than what had landed before: what a restatement is of.

Belongs here: comparing the batches of a load date with the loads before it, row by row, and
giving dbt what concerns closed months. Stays out: which figures moved (the models), promoting.

A line of a document has its document's days beside its own: it is billed on that day, whatever
its days of service are.

A load date's changes are a function of what is in raw. They are computed once, when months are
closed, and kept in `state/changes/`; the name of the file says of which batches they are, so a
replaced batch makes another. Only keys, hashes and dates are read of earlier loads.
"""

# ruff: noqa: S608 - column names of contracts go through quote(), paths through text()

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from ingest import ledger
from ingest.closed_files import CHANGES_FILE, CHANGES_SCHEMA, encode
from ingest.contracts import contract_of
from ingest.contracts.references import DOCUMENT_OF
from ingest.entities import Type
from ingest.paths import closed_dir, raw_dir
from ingest.periods import period_column
from ingest.storage import disk_errors, write_file
from orchestration.publish.copying import quote, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ingest.entities import EntityContract
    from ingest.manifest import BatchManifest
    from ingest.paths import StreamPath

DAY: Final = timedelta(days=1)
_DATED: Final = (Type.DATE, Type.INSTANT)
_TOUCHED: Final = frozenset({"updated_at"})
"""Says when somebody looked at a record, not when what it tells of happened."""


def export_changes(
    root: Path,
    *,
    since: date | None,
    until: date,
    closed_through: date | None,
    zone: str,
) -> None:
    """Give dbt the rows loaded after a day that tell of closed months; none when `since` is None.

    `since` is the oldest load behind a close that stands, `until` tonight's; `closed_through`
    is the last closed day of any area.

    Raises:
        StorageError: the disk refused.
    """
    files: list[Path] = []
    if since is not None:
        by_stream: dict[StreamPath, list[BatchManifest]] = defaultdict(list)
        for batch in ledger.live(ledger.read(root)):
            if batch.load_date <= until:
                by_stream[batch.stream_path].append(batch)
        days = {b.load_date for found in by_stream.values() for b in found}
        files = [
            _changes_of(root, by_stream.values(), day, zone)
            for day in sorted(day for day in days if day > since)
        ]
    target = closed_dir(root) / CHANGES_FILE
    table = CHANGES_SCHEMA.empty_table()
    if files:
        listed = ", ".join(text(str(path)) for path in files)
        with duckdb.connect() as con:
            table = (
                con.execute(
                    f"select * from read_parquet([{listed}])"
                    " where list_min(dates) <= ? order by all",
                    [closed_through],
                )
                .to_arrow_table()
                .cast(CHANGES_SCHEMA)
            )
    with disk_errors("write raw/_closes"):
        write_file(target, encode(table))


def _changes_of(
    root: Path, streams: Iterable[Sequence[BatchManifest]], day: date, zone: str
) -> Path:
    """Return the file of a load date's changes, computed if it is not there yet."""
    streams = list(streams)
    compared = [
        (
            batch,
            [b for b in batches if b.load_date < day],
            _documents_of(batch, streams),
        )
        for batches in streams
        for batch in batches
        if batch.load_date == day
    ]
    digest = hashlib.sha256(zone.encode())
    for batch, *read_with_it in compared:
        read = [b.batch_id for batches in read_with_it for b in batches]
        digest.update("|".join([batch.batch_id, *read]).encode())
    name = f"load_date={day}-{digest.hexdigest()[:12]}.parquet"
    path = root / "state" / "changes" / name
    if path.is_file():
        return path
    found: list[pa.Table] = []
    with duckdb.connect() as con:
        for batch, earlier, documents in compared:
            contract = contract_of(batch.kind, batch.entity)
            is_dated = any(column.type in _DATED for column in contract.columns)
            if not (is_dated or documents):
                continue
            changes = _changes_query(root, contract, batch, earlier, zone)
            query = _with_document_days(changes, root, documents, zone)
            found.append(con.execute(query).to_arrow_table().cast(CHANGES_SCHEMA))
    table = pa.concat_tables(found) if found else CHANGES_SCHEMA.empty_table()
    with disk_errors("keep the changes of a load"):
        for older in path.parent.glob(f"load_date={day}-*.parquet"):
            older.unlink()
        write_file(path, encode(table))
    return path


def _since_last_list(earlier: Sequence[BatchManifest]) -> Sequence[BatchManifest]:
    lists = [place for place, batch in enumerate(earlier) if batch.is_full_list]
    return earlier[lists[-1] :] if lists else earlier


def _changes_query(
    root: Path,
    contract: EntityContract,
    batch: BatchManifest,
    earlier: Sequence[BatchManifest],
    zone: str,
) -> str:
    """Return the query of one batch's changes against what its stream had said before.

    What an earlier load had said of a record is its newest version since the last whole list;
    where loads cover whole days, what the newest earlier load of the day says. So a row gone
    from a list or day is gone once, and a night without a new file says nothing.
    """
    day_column = period_column(contract)
    covers_days = any(part.window_start_date for part in batch.coverage)
    selected = _columns(contract, zone, day_column if covers_days else None)
    new = f"select {selected} from read_parquet({text(_path(root, batch))})"
    compared = _since_last_list(earlier)
    if not compared:
        # Nothing to compare with: all of it is new.
        old = f"select * from ({new}) where false"
    else:
        listed = ", ".join(text(_path(root, b)) for b in compared)
        old = f"select {selected} from read_parquet([{listed}])"
    if covers_days:
        spans = " or ".join(
            f"(source_account = {text(part.source_account)} and day between"
            f" date '{part.window_start_date}' and date '{part.window_end_date}')"
            for part in batch.coverage
            if part.window_start_date
        )
        # Earlier loads in the order they were made: the last one that covers a day speaks.
        newest = "load_date = max(load_date) over (partition by source_account, day)"
        old = f"select * from ({old}) where ({spans}) qualify {newest}"
    else:
        newest = (
            "row_number() over (partition by source_account, record order by load_date"
        )
        old = f"select * from ({old}) qualify {newest} desc, row_hash) = 1"
    gone = "true" if covers_days or batch.is_full_list else "false"
    return f"""
        with new as ({new}), old as ({old})
        select
            {text(contract.kind)} as kind,
            {text(contract.name)} as entity,
            {text(batch.source_name)} as source_name,
            {text(batch.batch_id)} as batch_id,
            date '{batch.load_date}' as load_date,
            coalesce(new.record, old.record) as record,
            case
                when old.record is null then 'added'
                when new.record is null then 'removed'
                else 'changed'
            end as change,
            coalesce(new.source_ref, old.source_ref) as source_ref,
            list_concat(coalesce(old.dates, []), coalesce(new.dates, [])) as dates,
            coalesce(new.source_account, old.source_account) as source_account,
            [old.document, new.document] as documents
        from new full join old
            on new.source_account = old.source_account and new.record = old.record
        where new.row_hash is distinct from old.row_hash
            and (new.record is not null or {gone})
    """


def _documents_of(
    batch: BatchManifest, streams: Iterable[Sequence[BatchManifest]]
) -> list[BatchManifest]:
    """Return the loads, up to the batch's, of the documents its rows are lines of."""
    if batch.entity not in DOCUMENT_OF:
        return []
    entity, _ = DOCUMENT_OF[batch.entity]
    return [
        other
        for batches in streams
        for other in batches
        if (other.kind, other.source_name, other.entity)
        == (batch.kind, batch.source_name, entity)
        and other.load_date <= batch.load_date
    ]


def _with_document_days(
    changes: str, root: Path, documents: Sequence[BatchManifest], zone: str
) -> str:
    """Return the query of changed rows with the days of their documents, of every version."""
    days = "[]::date[]"
    if documents:
        contract = contract_of(documents[0].kind, documents[0].entity)
        listed = ", ".join(text(_path(root, batch)) for batch in documents)
        days = f"""
            select flatten(list(document.dates))
            from (
                select {_columns(contract, zone, None)} from read_parquet([{listed}])
            ) as document
            where document.source_account = changed.source_account
                and list_contains(changed.documents, document.record)
        """
    return f"""
        select
            * exclude (source_account, documents)
            replace (list_sort(list_distinct(list_concat(dates, ({days})))) as dates)
        from ({changes}) as changed
    """


def _columns(contract: EntityContract, zone: str, day: str | None) -> str:
    """Return what is read of a landed row: who it is, its hash, and the days it tells of."""
    names = [
        column.name
        for column in contract.columns
        if column.type in _DATED
        and column.name not in {*_TOUCHED, contract.version_column}
    ]
    dates = ", ".join(_day_of(contract, name, zone) for name in names)
    _, names_it = DOCUMENT_OF.get(contract.name, ("", ""))
    document = quote(names_it) if names_it else "null"
    parts = [
        f"concat_ws('|', {', '.join(quote(name) for name in contract.key)}) as record",
        "source_account",
        "_row_hash as row_hash",
        "_source_ref as source_ref",
        "_load_date as load_date",
        f"list_filter([{dates}], lambda d: d is not null) as dates"
        if names
        else "[]::date[] as dates",
        f"{_day_of(contract, day, zone) if day else 'null::date'} as day",
        f"{document}::varchar as document",
    ]
    return ", ".join(parts)


def _day_of(contract: EntityContract, name: str, zone: str) -> str:
    if contract.column(name).type is Type.DATE:
        return quote(name)
    return f"timezone({text(zone)}, {quote(name)})::date"


def _path(root: Path, batch: BatchManifest) -> str:
    folder = raw_dir(root, batch.stream_path, batch.load_date)
    return str(folder / batch.parquet_name)
