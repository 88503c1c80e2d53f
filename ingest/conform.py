"""Records as received -> typed Arrow batches, control sums and refused rows.

Belongs here: which rows land, their types, their hash, and the sums of money as received.
Stays out: what one type accepts (`ingest.typing_rules`), files and folders
(`ingest.landing`), how many refused rows are too many (`ingest.quarantine`).

Rows stream through in chunks; memory is bounded by one chunk.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow.compute import JoinOptions, ReplaceSubstringOptions, call_function

from ingest.entities import ARROW, EntityContract, Type
from ingest.errors import ContractViolation
from ingest.quarantine import MAX_REJECTED, shape_of
from ingest.sources.protocol import Record, Rejected, Unreadable
from ingest.typing_rules import TYPERS, Untypable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CHUNK_ROWS: Final = 20_000
CHUNK_BYTES: Final = 64 << 20
"""Rows and payload bytes typed at once; whichever is reached first bounds the memory."""

ROW_FIELDS: Final = ("source_account", "_payload", "_source_ref", "_row_hash")
"""Load columns that differ from row to row; landing adds those of the whole batch."""

_SEPARATOR: Final = "\x1f"
_ESCAPES: Final = (("\x1e", "\x1e0"), (_SEPARATOR, "\x1e1"))
_NULL: Final = "\x00"
MAX_DIGITS: Final = 30
# Python's default context would round a sum to 28 digits without a word.
_SUMS: Final = Context(prec=100)


@dataclass
class ReceivedSum:
    """Money of one account, column and currency as it was received, before any typing."""

    row_count: int = 0
    landed: Decimal = Decimal(0)
    quarantined: Decimal = Decimal(0)


@dataclass
class Tally:
    """What was counted while the rows went through; complete once they are exhausted."""

    received: int = 0
    landed_rows: Counter[str] = field(default_factory=Counter)
    quarantined_rows: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    sums: dict[tuple[str, str, str], ReceivedSum] = field(default_factory=dict)

    def reject(self, finding: Rejected) -> None:
        """Keep one finding.

        Raises:
            ContractViolation: there are too many to keep.
        """
        if len(self.rejected) >= MAX_REJECTED:
            message = (
                f"more than {MAX_REJECTED} cells cannot be typed, the last one in "
                f"{finding.column or 'a whole row'} ({finding.reason}) at "
                f"{finding.source_ref}; the source changed shape, nothing is landed"
            )
            raise ContractViolation(message)
        self.rejected.append(finding)


def conform_rows(
    rows: Iterable[Record],
    contract: EntityContract,
    *,
    tally: Tally,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Yield typed batches: the contract's columns, then account, payload, reference, hash.

    Grain: one row per record; duplicates are kept. Rows with a value that cannot be typed,
    or without a key, are left out and noted in `tally`.

    Raises:
        ContractViolation: a record holds a column the contract does not have.
    """
    chunk: list[Record] = []
    size = 0
    for record in rows:
        chunk.append(record)
        size += len(record.payload)
        if len(chunk) >= chunk_rows or size >= CHUNK_BYTES:
            yield _conform_chunk(chunk, contract, tally)
            chunk, size = [], 0
    if chunk:
        yield _conform_chunk(chunk, contract, tally)


def conformed_schema(contract: EntityContract) -> pa.Schema:
    """Return the schema of the batches `conform_rows` yields."""
    fields = [pa.field(c.name, ARROW[c.type]) for c in contract.columns]
    return pa.schema([*fields, *(pa.field(name, pa.string()) for name in ROW_FIELDS)])


def hash_rows(batch: pa.RecordBatch, contract: EntityContract) -> list[str]:
    """Return SHA-256 over the typed contract values of each row.

    Equal values give equal hashes whatever the vendor's spelling ("12.5" and "12.50"), and
    NULL differs from ''.
    """
    texts = []
    for column in contract.columns:
        values = batch.column(column.name)
        if column.type is Type.TEXT:
            # A separator inside a text must not move a value into the next column.
            for character, escaped in _ESCAPES:
                values = call_function(
                    "replace_substring",
                    [values],
                    ReplaceSubstringOptions(character, escaped),
                )
        else:
            values = values.cast(pa.string())
        texts.append(values)
    joined = call_function(
        "binary_join_element_wise",
        [*texts, _SEPARATOR],
        JoinOptions(null_handling="replace", null_replacement=_NULL),
    )
    return [hashlib.sha256(text.encode()).hexdigest() for text in joined.to_pylist()]


def _conform_chunk(
    chunk: Sequence[Record], contract: EntityContract, tally: Tally
) -> pa.RecordBatch:
    _check_columns(chunk, contract)
    refused: dict[int, list[Rejected]] = {}
    columns: dict[str, list[object]] = {}
    for column in contract.columns:
        columns[column.name] = _type_column(
            chunk, column.name, TYPERS[column.type], refused
        )
    _complete_keys(chunk, contract, columns, refused)
    _count(chunk, contract, refused, tally)
    kept = [index for index in range(len(chunk)) if index not in refused]
    if refused:
        columns = {
            name: [values[index] for index in kept] for name, values in columns.items()
        }
    records = [chunk[index] for index in kept]
    arrays = [
        pa.array(columns[column.name], type=ARROW[column.type])
        for column in contract.columns
    ]
    typed = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in contract.columns])
    own = (
        [record.source_account for record in records],
        [record.payload for record in records],
        [record.source_ref for record in records],
        hash_rows(typed, contract),
    )
    return pa.RecordBatch.from_arrays(
        [*arrays, *(pa.array(values, type=pa.string()) for values in own)],
        schema=conformed_schema(contract),
    )


def _check_columns(chunk: Sequence[Record], contract: EntityContract) -> None:
    known = {column.name for column in contract.columns}
    for record in chunk:
        if not record.values.keys() <= known:
            extra = sorted(record.values.keys() - known)
            message = (
                f"{contract.kind}.{contract.name}: records carry {extra}, which the "
                "contract does not have; add the columns or leave them to _payload"
            )
            raise ContractViolation(message)


def _type_column(
    chunk: Sequence[Record],
    name: str,
    typer: Callable[[object], object],
    refused: dict[int, list[Rejected]],
) -> list[object]:
    values: list[object] = []
    for index, record in enumerate(chunk):
        value = record.values.get(name)
        if value is None:
            values.append(None)
            continue
        if isinstance(value, Unreadable):
            values.append(None)
            finding = _finding(record, name, value=value.text, reason=value.reason)
            refused.setdefault(index, []).append(finding)
            continue
        try:
            values.append(typer(value))
        except Untypable as problem:
            values.append(None)
            finding = _finding(record, name, value=value, reason=str(problem))
            refused.setdefault(index, []).append(finding)
    return values


def _complete_keys(
    chunk: Sequence[Record],
    contract: EntityContract,
    columns: dict[str, list[object]],
    refused: dict[int, list[Rejected]],
) -> None:
    """Make blank dimensions '' and refuse rows whose key is missing.

    Only in files, and never in the first part of a key: a cost without a product is a cost,
    an API record without its id is not a record.
    """
    for position, name in enumerate(contract.key):
        if name not in columns:
            continue  # a load column: given by the configuration, never missing
        may_be_blank = (
            contract.kind == "files"
            and position > 0
            and contract.column(name).type is Type.TEXT
        )
        values = columns[name]
        for index, value in enumerate(values):
            if value is not None:
                continue
            if may_be_blank and not _is_refused(refused, index, name):
                values[index] = ""
            elif not _is_refused(refused, index, name):
                record = chunk[index]
                received = record.values.get(name)
                refused.setdefault(index, []).append(
                    _finding(
                        record, name, value=received, reason="is a key and is missing"
                    )
                )


def _is_refused(refused: dict[int, list[Rejected]], index: int, name: str) -> bool:
    return any(finding.column == name for finding in refused.get(index, ()))


def _finding(record: Record, column: str, *, value: object, reason: str) -> Rejected:
    return Rejected(
        source_ref=record.source_ref,
        source_account=record.source_account,
        column=column,
        value_class=shape_of(value),
        reason=reason,
    )


def _count(
    chunk: Sequence[Record],
    contract: EntityContract,
    refused: dict[int, list[Rejected]],
    tally: Tally,
) -> None:
    """Count rows per account and sum money as received, refused rows apart."""
    tally.received += len(chunk)
    for index, record in enumerate(chunk):
        if index in refused:
            tally.quarantined_rows[record.source_account] += 1
            for finding in refused[index]:
                tally.reject(finding)
        else:
            tally.landed_rows[record.source_account] += 1
    for column in contract.money_columns:
        for index, record in enumerate(chunk):
            amount = _received_amount(record.values.get(column.name))
            if amount is None:
                continue
            currency = _received_text(record.values.get(column.currency_column))
            key = (record.source_account, column.name, currency)
            total = tally.sums.setdefault(key, ReceivedSum())
            if index in refused:
                total.quarantined = _SUMS.add(total.quarantined, amount)
            else:
                total.landed = _SUMS.add(total.landed, amount)
                total.row_count += 1


def _received_amount(value: object) -> Decimal | None:
    """Return an amount as received; what is no amount adds nothing."""
    if value is None or isinstance(value, (bool, float, Unreadable)):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    # A typable amount has at most 38 digits; a longer one is refused and adds nothing.
    return amount if amount.is_finite() and amount.adjusted() < MAX_DIGITS else None


def _received_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        return ""
    return unicodedata.normalize("NFC", value)
