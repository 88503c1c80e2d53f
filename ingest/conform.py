"""Records as received -> typed Arrow batches, control sums and refused rows.

Belongs here: which rows land, their types, their hash, and the sums of money as received.
Stays out: what one type accepts (`ingest.typing_rules`), files and folders
(`ingest.landing`), how many refused rows are too many (`ingest.quarantine`).

Rows stream through in chunks; a few chunks are worked on side by side, and they bound the
memory. What a source typed itself (`Block`) is completed here, not typed again.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from hashlib import sha256 as digest
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from pyarrow.compute import JoinOptions, ReplaceSubstringOptions, call_function

from ingest.entities import ARROW, EntityContract, Type
from ingest.errors import ContractViolation
from ingest.ordered import map_in_order
from ingest.quarantine import MAX_REJECTED, shape_of
from ingest.sources.protocol import Block, Record, Rejected, Unreadable
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
_SEPARATOR_MASK, _SEPARATOR_BITS = 0xFE, 0x1E
"""Both characters of `_ESCAPES` in one comparison."""
_HASH_LETTERS: Final = 64
_UNTYPED: Final = object()
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

    def add(self, other: Tally) -> None:
        """Count what another part of the rows counted.

        Raises:
            ContractViolation: there are too many findings to keep.
        """
        self.received += other.received
        self.landed_rows.update(other.landed_rows)
        self.quarantined_rows.update(other.quarantined_rows)
        for finding in other.rejected:
            self.reject(finding)
        for key, more in other.sums.items():
            total = self.sums.setdefault(key, ReceivedSum())
            total.row_count += more.row_count
            total.landed = _SUMS.add(total.landed, more.landed)
            total.quarantined = _SUMS.add(total.quarantined, more.quarantined)

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
    rows: Iterable[Record | Callable[[], Block]],
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

    def work(
        part: Sequence[Record] | Callable[[], Block],
    ) -> tuple[pa.RecordBatch, Tally]:
        own = Tally()
        if callable(part):
            return _conform_block(part(), contract, own), own
        batch, _ = _conform_chunk(part, contract, own)
        return batch, own

    for batch, counted in map_in_order(work, _parts(rows, chunk_rows)):
        tally.add(counted)
        yield batch


def _parts(
    rows: Iterable[Record | Callable[[], Block]], chunk_rows: int
) -> Iterator[Sequence[Record] | Callable[[], Block]]:
    """Yield what is worked on at once: a chunk of records, or one block."""
    chunk: list[Record] = []
    size = 0
    for row in rows:
        if callable(row):
            if chunk:
                yield chunk
            yield row
            chunk, size = [], 0
            continue
        chunk.append(row)
        size += len(row.payload)
        if len(chunk) >= chunk_rows or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def conformed_schema(contract: EntityContract) -> pa.Schema:
    """Return the schema of the batches `conform_rows` yields."""
    fields = [pa.field(c.name, ARROW[c.type]) for c in contract.columns]
    return pa.schema([*fields, *(pa.field(name, pa.string()) for name in ROW_FIELDS)])


def hash_rows(batch: pa.RecordBatch, contract: EntityContract) -> pa.Array:
    """Return SHA-256 over the typed contract values of each row.

    Equal values give equal hashes whatever the vendor's spelling ("12.5" and "12.50"), and
    NULL differs from ''.
    """
    if not batch.num_rows:
        return pa.array([], type=pa.string())
    texts = []
    for column in contract.columns:
        values = batch.column(column.name)
        if texts and values.null_count == len(values):
            # Made here: the first scalar loads pandas, which no start should wait for.
            values = pa.scalar(_NULL)
        elif column.type is Type.TEXT:
            values = _escape_separators(values)
        else:
            values = values.cast(pa.string())
        texts.append(values)
    joined = call_function(
        "binary_join_element_wise",
        [*texts, _SEPARATOR],
        JoinOptions(null_handling="replace", null_replacement=_NULL),
    )
    contents = joined.cast(pa.binary()).to_pylist()
    digests = b"".join([digest(content).digest() for content in contents])
    # Written as hexadecimal all at once: a text of 64 letters per row.
    places = np.arange(len(contents) + 1, dtype=np.int32) * _HASH_LETTERS
    letters = pa.py_buffer(digests.hex().encode())
    return pa.StringArray.from_buffers(len(contents), pa.py_buffer(places), letters)


def _escape_separators(values: pa.Array) -> pa.Array:
    """Return texts in which a separator cannot move a value into the next column."""
    content = values.buffers()[2]
    letters = np.frombuffer(content or b"", dtype=np.uint8)
    if not ((letters & _SEPARATOR_MASK) == _SEPARATOR_BITS).any():
        return values
    for character, escaped in _ESCAPES:
        options = ReplaceSubstringOptions(character, escaped)
        values = call_function("replace_substring", [values], options)
    return values


def _conform_block(
    block: Block, contract: EntityContract, tally: Tally
) -> pa.RecordBatch:
    """Return a block's rows with their hashes, rows typed one by one in their places."""
    count = len(block.payloads)
    arrays = []
    for column in contract.columns:
        values = block.columns.get(column.name)
        if values is None:
            values = pa.nulls(count, ARROW[column.type])
        if _may_be_blank(contract, column.name):
            values = values.fill_null("")
        arrays.append(values)
    if count:
        tally.received += count
        tally.landed_rows[block.source_account] += count
    for (name, currency), (rows, total) in block.received.items():
        key = (block.source_account, name, currency)
        tally.sums[key] = ReceivedSum(row_count=rows, landed=total)
    typed = _complete(
        arrays,
        contract,
        accounts=pa.repeat(pa.scalar(block.source_account), count),
        payloads=block.payloads,
        references=block.source_refs,
    )
    if not block.others:
        return typed
    records = [record for _, record in block.others]
    rest, kept = _conform_chunk(records, contract, tally)
    places = [block.others[index][0] for index in kept]
    both = pa.concat_batches([typed, rest])
    order = sorted(range(count + len(kept)), key=lambda row: _place(row, count, places))
    return both.take(pa.array(order, pa.int64()))


def _place(row: int, count: int, places: Sequence[int]) -> tuple[int, int, int]:
    """Return where a row stands: block rows at their own numbers, others before theirs."""
    if row < count:
        return row, 1, 0
    return places[row - count], 0, row


def _conform_chunk(
    chunk: Sequence[Record], contract: EntityContract, tally: Tally
) -> tuple[pa.RecordBatch, list[int]]:
    """Return the typed rows of a chunk, and which of its records they are."""
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
    batch = _complete(
        [
            pa.array(columns[column.name], type=ARROW[column.type])
            for column in contract.columns
        ],
        contract,
        accounts=_texts([record.source_account for record in records]),
        payloads=_texts([record.payload for record in records]),
        references=_texts([record.source_ref for record in records]),
    )
    return batch, kept


def _texts(values: list[str]) -> pa.Array:
    return pa.array(values, type=pa.string())


def _complete(
    arrays: list[pa.Array],
    contract: EntityContract,
    *,
    accounts: pa.Array,
    payloads: pa.Array,
    references: pa.Array,
) -> pa.RecordBatch:
    """Return the batch of the contract's columns and what differs from row to row."""
    typed = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in contract.columns])
    hashes = hash_rows(typed, contract)
    return pa.RecordBatch.from_arrays(
        [*arrays, accounts, payloads, references, hashes],
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
    received = [record.values.get(name) for record in chunk]
    if received.count(None) == len(received):
        return received
    values: list[object] = []
    texts: dict[str, object] = {}
    for index, value in enumerate(received):
        if value is None:
            values.append(None)
            continue
        if type(value) is str:
            # Days, currencies, counts come again and again; each is typed once per chunk.
            known = texts.get(value, _UNTYPED)
            if known is not _UNTYPED:
                values.append(known)
                continue
        if isinstance(value, Unreadable):
            values.append(None)
            finding = _finding(
                chunk[index], name, value=value.text, reason=value.reason
            )
            refused.setdefault(index, []).append(finding)
            continue
        try:
            typed = typer(value)
        except Untypable as problem:
            values.append(None)
            finding = _finding(chunk[index], name, value=value, reason=str(problem))
            refused.setdefault(index, []).append(finding)
            continue
        values.append(typed)
        if type(value) is str:
            texts[value] = typed
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
    for name in contract.key:
        if name not in columns:
            continue  # a load column: given by the configuration, never missing
        may_be_blank = _may_be_blank(contract, name)
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


def _may_be_blank(contract: EntityContract, name: str) -> bool:
    """Say whether a blank of this column is a key part that means 'none'."""
    return (
        contract.kind == "files"
        and name in contract.key[1:]
        and contract.column(name).type is Type.TEXT
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
            amount = received_amount(record.values.get(column.name))
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


def received_amount(value: object) -> Decimal | None:
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
