"""What is written down about one batch: the content of `batch.json` and of a ledger line.

Belongs here: the manifest's parts and their JSON form. Stays out: where they are kept
(`ingest.landing`, `ingest.ledger`) and what dbt reads of them (`ingest.ledger.export`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime  # noqa: TC003 - pydantic reads these at run time
from decimal import Decimal  # noqa: TC003 - pydantic reads it at run time
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from ingest.errors import StorageError
from ingest.paths import StreamPath

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST_FILE: Final = "batch.json"
GATE_FILE: Final = "gate.json"


@dataclass(frozen=True)
class AccountCoverage:
    """What one batch covers of one account, and how much landed.

    `window_start_date` and `window_end_date` are inclusive days, of restated daily facts and
    replaced periods only.
    """

    source_account: str
    row_count: int
    quarantined_count: int
    window_start: datetime | None
    window_end: datetime | None
    window_start_date: date | None
    window_end_date: date | None


@dataclass(frozen=True)
class ControlTotal:
    """Money of one account, column and currency: as received and as landed.

    `source_sum` counts the rows that land; `quarantined_sum` those that were refused, as far
    as their amount could be read.
    """

    source_account: str
    column_name: str
    currency: str
    row_count: int
    source_sum: Decimal
    landed_sum: Decimal
    quarantined_sum: Decimal


@dataclass(frozen=True)
class BatchManifest:
    """One landed batch. Grain: kind, entity, stream and load date.

    Every record received is counted once: landed, quarantined, or absorbed (see
    `Extract.absorbed`; records of a file that stand in no row of their own, by cause).
    `unproven`: SHA-256 -> name of the files in it that nothing proves to be whole (no manifest,
    no total row, no end of its own as a workbook has). `read_as`: how its files were declared
    to be read (`Dataset.reading`), '' = it has none.
    """

    kind: str
    entity: str
    stream: str
    load_date: date
    batch_id: str
    source_name: str
    legal_entity: str
    mode: str
    is_full_list: bool
    has_gap: bool
    row_count: int
    quarantined_count: int
    extracted_at: datetime
    coverage: tuple[AccountCoverage, ...]
    totals: tuple[ControlTotal, ...]
    new_cursor: str | None
    file_sha256s: tuple[str, ...]
    unknown_fields: tuple[str, ...]
    parquet_sha256: str
    parquet_bytes: int
    absorbed: dict[str, int] = field(default_factory=dict)
    unmatched_codes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The first codes, by column, that a lookup file does not hold; their cells are NULL."""
    unproven: dict[str, str] = field(default_factory=dict)
    read_as: str = ""

    @property
    def stream_path(self) -> StreamPath:
        """Return the identity of the stream the batch belongs to."""
        return StreamPath(kind=self.kind, entity=self.entity, stream=self.stream)

    @property
    def absorbed_count(self) -> int:
        """Return how many records received stand in no row of their own."""
        return sum(self.absorbed.values())

    @property
    def parquet_name(self) -> str:
        """Return the file name of the batch."""
        return f"{self.batch_id}.parquet"


_MANIFEST: Final = TypeAdapter(BatchManifest)


def encode_manifest(manifest: BatchManifest) -> bytes:
    """Return one line of JSON that starts with kind, entity and stream; no line end."""
    return _MANIFEST.dump_json(manifest)


def decode_manifest(content: bytes) -> BatchManifest:
    """Return the manifest of one line of JSON.

    Raises:
        ValueError: it is not one.
    """
    return _MANIFEST.validate_json(content)


def line_prefix(stream: StreamPath) -> bytes:
    """Return how every manifest line of a stream begins, to pick lines without decoding."""
    whole = TypeAdapter(StreamPath).dump_json(stream)
    return whole.removesuffix(b"}") + b","


def read_manifest(directory: Path) -> BatchManifest | None:
    """Return the manifest in an incoming folder; None = nothing landed there.

    Raises:
        StorageError: the file is damaged.
    """
    path = directory / MANIFEST_FILE
    if not path.is_file():
        return None
    try:
        return decode_manifest(path.read_bytes())
    except ValidationError as error:
        message = f"{path} is damaged ({error.error_count()} problems); extract again"
        raise StorageError(message) from None
