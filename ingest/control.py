"""Control figures of a batch: what it covers, and its money as received and as landed.

Belongs here: coverage per account, control totals, the guard against a list that shrank.
Stays out: summing while reading (`ingest.conform`), judging the totals (`expectations`).
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.conform import ReceivedSum, Tally
from ingest.entities import EntityContract, Truth, Type
from ingest.errors import TruncatedExtract
from ingest.manifest import AccountCoverage, BatchManifest, ControlTotal
from ingest.sources.protocol import AccountWindow
from ingest.windows import EARLIEST_DAY, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SHRINK_FLOOR: Final = Decimal("0.5")
"""Share of the last full list below which a new one is taken for a cut answer: the worst
public incident read a short list as the whole one and deleted 23,748 documents."""

_Time = TypeVar("_Time", date, datetime)
_STEP: Final = Decimal("0.000001")
_STORED: Final = Context(prec=38, rounding=ROUND_HALF_UP)


def coverage_of(
    windows: Iterable[AccountWindow],
    tally: Tally,
    contract: EntityContract,
    window: Window,
) -> tuple[AccountCoverage, ...]:
    """Return what the batch covers, one entry per account asked for or seen in a row."""
    by_account: dict[str, list[AccountWindow]] = {}
    for part in windows:
        by_account.setdefault(part.source_account, []).append(part)
    for account in (*tally.landed_rows, *tally.quarantined_rows):
        by_account.setdefault(account, [AccountWindow(account, window.start)])
    is_restated = contract.truth is Truth.RESTATED_DAILY and contract.kind != "files"
    covered = []
    for account, parts in sorted(by_account.items()):
        first = _earliest([part.start_date for part in parts])
        last = _latest([part.end_date for part in parts])
        if is_restated:
            first = first or window.start_date or EARLIEST_DAY
            last = last or window.end_date
        covered.append(
            AccountCoverage(
                source_account=account,
                row_count=tally.landed_rows[account],
                quarantined_count=tally.quarantined_rows[account],
                window_start=_earliest([part.window_start for part in parts]),
                window_end=_latest([part.window_end for part in parts]) or window.end,
                window_start_date=first,
                window_end_date=last,
            )
        )
    return tuple(covered)


def totals_of(
    parquet: Path, contract: EntityContract, tally: Tally
) -> tuple[ControlTotal, ...]:
    """Return money as received beside money as it stands in the written file."""
    landed = _sum_landed(parquet, contract)
    totals = []
    for key in sorted({*tally.sums, *landed}):
        account, column, currency = key
        received = tally.sums.get(key, ReceivedSum())
        count, landed_sum = landed.get(key, (0, Decimal(0)))
        totals.append(
            ControlTotal(
                source_account=account,
                column_name=column,
                currency=currency,
                row_count=count,
                source_sum=received.landed.quantize(_STEP, context=_STORED),
                landed_sum=landed_sum.quantize(_STEP, context=_STORED),
                quarantined_sum=received.quarantined.quantize(_STEP, context=_STORED),
            )
        )
    return tuple(totals)


def check_not_shrunk(
    coverage: Sequence[AccountCoverage],
    baseline: BatchManifest | None,
    *,
    acknowledged: frozenset[str],
) -> None:
    """Refuse a full list with under half the rows its account had in the last one.

    Raises:
        TruncatedExtract: an account shrank and nobody acknowledged it.
    """
    if baseline is None or drop_id(baseline) in acknowledged:
        return
    now = {part.source_account: part.row_count for part in coverage}
    for before in baseline.coverage:
        count = now.get(before.source_account, 0)
        if count >= SHRINK_FLOOR * before.row_count:
            continue
        account = (
            f" of account {before.source_account}" if before.source_account else ""
        )
        message = (
            f"{baseline.stream_path}: the full list{account} has {count} rows, the last one "
            f"({baseline.load_date}) had {before.row_count}; taken for a cut answer, nothing "
            f"is landed. If so many records are really gone: warehouse acknowledge "
            f"{drop_id(baseline)} --reason …"
        )
        raise TruncatedExtract(message)


def drop_id(baseline: BatchManifest) -> str:
    """Return what a person acknowledges: that there is less now than in this batch.

    It names the batch compared with and not tonight's, so it stays valid over the following
    nights, whatever they deliver, and ends once a smaller batch is promoted.
    """
    return f"drop-{baseline.batch_id}"


def _sum_landed(
    parquet: Path, contract: EntityContract
) -> dict[tuple[str, str, str], tuple[int, Decimal]]:
    """Return count and sum per account, money column and currency, read from the file."""
    sums: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    if not contract.money_columns:
        return sums
    names = {column.name for column in contract.money_columns}
    names |= {column.currency_column for column in contract.money_columns}
    with pq.ParquetFile(parquet) as file:
        for batch in file.iter_batches(columns=["source_account", *sorted(names)]):
            table = pa.Table.from_batches([batch])
            for column in contract.money_columns:
                amounts = table.column(column.name)
                if column.type is Type.INTEGER:
                    # Sums of 64-bit minor units may not fit 64 bits.
                    amounts = amounts.cast(pa.decimal128(38, 0))
                grouped = pa.table(
                    {
                        "account": table.column("source_account"),
                        "currency": table.column(column.currency_column),
                        "amount": amounts,
                    }
                )
                grouped = grouped.group_by(["account", "currency"]).aggregate(
                    [("amount", "count"), ("amount", "sum")]
                )
                for row in grouped.to_pylist():
                    if not row["amount_count"]:
                        continue
                    key = (row["account"], column.name, row["currency"] or "")
                    count, total = sums.get(key, (0, Decimal(0)))
                    sums[key] = (
                        count + row["amount_count"],
                        _STORED.add(total, row["amount_sum"]),
                    )
    return sums


def _earliest(values: Sequence[_Time | None]) -> _Time | None:
    """Return the smallest; one unbounded start makes the whole unbounded."""
    return (
        min((v for v in values if v is not None), default=None) if all(values) else None
    )


def _latest(values: Sequence[_Time | None]) -> _Time | None:
    return max((v for v in values if v is not None), default=None)
