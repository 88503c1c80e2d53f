"""Raw Parquet by contract from a few hand-written rows, as ingest would have landed them.

Belongs here: what a dbt test needs to build on (`RawBatch`, `write_raw`). Stays out: the rows
of any case (each golden case writes its own), running dbt (`warehouse_build`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.closed_files import ensure_empty_closes
from ingest.contracts import CONTRACTS, contract_of
from ingest.entities import LOAD_FIELDS, EntityContract
from ingest.ledger import BATCHES_SCHEMA, TOTALS_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

Row = Mapping[str, object]


@dataclass(frozen=True)
class RawBatch:
    """One promoted batch: rows by contract column, blanks left out."""

    kind: str
    source_name: str
    entity: str
    load_date: date
    rows: Sequence[Row]
    source_account: str = ""
    legal_entity: str = "acme_vn"
    mode: str = ""
    first_day: date | None = None
    last_day: date | None = None
    dataset: str = field(default="")

    @property
    def stream(self) -> str:
        """Folder name of the stream the batch belongs to."""
        if self.kind != "files":
            return self.source_name
        return f"{self.source_name}.{self.dataset or self.entity}"

    @cached_property
    def batch_id(self) -> str:
        """Id that depends on the content, so a corrected batch is another one.

        Kept: every row is written with it, and it reads all of them.
        """
        content = hashlib.sha256(repr(self.rows).encode()).hexdigest()[:8]
        return f"{self.stream}-{self.entity}-{self.load_date}-{content}"

    @property
    def extracted_at(self) -> datetime:
        """Two in the morning in Hà Nội, when the night reads."""
        day = self.load_date
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return midnight - timedelta(hours=5)


def write_raw(raw: Path, batches: Sequence[RawBatch]) -> None:
    """Write `raw/` whole: every batch, an empty file per contract, and the ledger."""
    for kind, entities in CONTRACTS.items():
        for contract in entities.values():
            empty = raw / kind / contract.name / "_empty" / "load_date=1970-01-01"
            _write(contract.arrow_schema().empty_table(), empty / "empty.parquet")
    for batch in batches:
        contract = contract_of(batch.kind, batch.entity)
        folder = raw / batch.kind / batch.entity / batch.stream
        path = folder / f"load_date={batch.load_date}" / f"{batch.batch_id}.parquet"
        _write(_table(contract, batch), path)
    ledger = pa.Table.from_pylist([_ledger_row(b) for b in batches], BATCHES_SCHEMA)
    _write(ledger, raw / "_batches" / "data.parquet")
    _write(TOTALS_SCHEMA.empty_table(), raw / "_batches" / "totals.parquet")
    ensure_empty_closes(raw.parent)


def _table(contract: EntityContract, batch: RawBatch) -> pa.Table:
    schema = contract.arrow_schema()
    rows = [_landed_row(batch, number, row) for number, row in enumerate(batch.rows)]
    unknown = {name for row in rows for name in row} - set(schema.names)
    assert not unknown, f"{contract.name} has no columns {sorted(unknown)}"
    columns = {
        name: pa.array([_exact(row.get(name)) for row in rows], schema.field(name).type)
        for name in schema.names
    }
    return pa.table(columns, schema=schema)


def _landed_row(batch: RawBatch, number: int, row: Row) -> dict[str, object]:
    text = json.dumps(row, default=str, sort_keys=True)
    load: dict[str, object] = {
        "source_name": batch.source_name,
        "source_account": batch.source_account,
        "legal_entity": batch.legal_entity,
        "_payload": text,
        "_source_ref": f"fixture#{number}",
        "_batch_id": batch.batch_id,
        "_load_date": batch.load_date,
        "_extracted_at": batch.extracted_at,
        "_row_hash": hashlib.sha256(text.encode()).hexdigest(),
    }
    assert set(load) == {f.name for f in LOAD_FIELDS}
    return {**load, **row}


def _exact(value: object) -> object:
    """Read decimals from text, so that a fixture never writes money as a float."""
    assert not isinstance(value, float), "write decimals as text or Decimal"
    return value


def _ledger_row(batch: RawBatch) -> dict[str, object]:
    return {
        "batch_id": batch.batch_id,
        "kind": batch.kind,
        "source_name": batch.source_name,
        "stream": batch.stream,
        "entity": batch.entity,
        "source_account": batch.source_account,
        "legal_entity": batch.legal_entity,
        "mode": batch.mode,
        "load_date": batch.load_date,
        "window_start": None,
        "window_end": batch.extracted_at,
        "window_start_date": batch.first_day,
        "window_end_date": batch.last_day,
        "is_full_list": False,
        "row_count": len(batch.rows),
        "quarantined_count": 0,
        "extracted_at": batch.extracted_at,
    }


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def vn(text: str) -> datetime:
    """Return the instant of a wall-clock time in Hà Nội, `2026-03-31 23:59`."""
    return datetime.fromisoformat(f"{text}+07:00").astimezone(UTC)
