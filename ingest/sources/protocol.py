"""What a source gives and what it is given: the border between connectors and landing.

Belongs here: `Record`, `Extract` and the two shapes of a source (`Source` for an API,
`FileSource` for dropped files). Stays out: HTTP (`ingest.http`), typing of values
(`ingest.conform`), anything one vendor does.

How a connector is written: `fetch` returns at once an `Extract` whose `rows` is a generator;
pages are requested while the caller consumes it, so memory stays at one page. The generator
itself fills `coverage`, `new_cursor`, `unknown_fields` and `rejected` on the way:

    def fetch(self, entity, window, *, config, client, cursor):
        extract = Extract(is_full_list=window.start is None)
        extract.rows = _read_pages(extract, entity, window, config, client)
        return extract

Values are keyed by contract column; a column left out is NULL. Accepted are Python values
(`str`, `int`, `Decimal`, `bool`, `date`, aware `datetime`) and the vendor's own text for the
column's type ("12.50", "true", "2026-10-31", ISO instants with a zone). Epoch numbers go
through `ingest.instants` first, because nobody downstream can tell seconds from
milliseconds. A value that cannot be typed is landing's problem: pass it on as received and
the row is quarantined with its reason. Never drop a row, never repair one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date, datetime
    from pathlib import Path

    import pyarrow as pa

    from ingest.config import SourceConfig
    from ingest.entities import EntityContract
    from ingest.errors import IngestError
    from ingest.http import ApiClient, Authorization
    from ingest.windows import Window

QUARANTINE_SHARE: Final = Decimal("0.001")
"""Share of rows that may be refused before the whole extract is (reliability.md D11)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a source delivered it.

    `values` is keyed by contract column. `payload` is the JSON text as received
    (`ingest.http.dump_json` keeps numbers exact). `source_ref` finds it again:
    `<path>#<page>` of an API, `<sha256>:<line>` of a file. Neither may hold a query string.
    """

    values: Mapping[str, object]
    payload: str
    source_ref: str
    source_account: str


@dataclass(frozen=True)
class Block:
    """Many rows a source has typed itself, column by column: nothing is left to type.

    `columns` are arrays of the contract's types; a column left out is NULL. `received` holds
    rows and sum of each money column as received, by (column, currency). `others` are the
    rows of the same stretch that have to be typed one by one, each with the number of block
    rows that stand before it.
    """

    columns: Mapping[str, pa.Array]
    payloads: pa.Array
    source_refs: pa.Array
    source_account: str
    received: Mapping[tuple[str, str], tuple[int, Decimal]]
    others: tuple[tuple[int, Record], ...] = ()


@dataclass(frozen=True)
class AccountWindow:
    """What one account was asked for: instants, or inclusive days of restated facts.

    An account that answered with no rows still gets one: that is how its vanished rows are
    known to be gone.
    """

    source_account: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    start_date: date | None = None
    end_date: date | None = None


@dataclass(frozen=True)
class Rejected:
    """One row refused: where it was, which column, the shape of the value, and why.

    `value_class` is a shape such as `9.999,9` (`ingest.quarantine.shape_of`), never the
    value. A file's `source_ref` is `<sha256>:<line>`; `column` '' = the row as a whole.
    """

    source_ref: str
    source_account: str
    column: str
    value_class: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value the source refuses to read, given in place of the value.

    For text that breaks its declared format although another reading exists ("12.5" in a
    file declared as "1.234,56"): passed on as text it would be typed by that other reading.
    """

    text: str
    reason: str


def always_settled() -> bool:
    """Say that rows stand as they were read."""
    return True


@dataclass
class Extract:
    """The answer of a source for one entity and window; filled while `rows` is consumed.

    `is_full_list`: these rows are every record that exists now (a record absent is gone). A
    list that a condition cut short, and a file stream without a new file, say False. `mode`
    of a dropped dataset: replace, replace_period, upsert or append; '' for vendors and for a
    night without a new file, which must not count as "replaced by nothing".
    `new_cursor`: the maximum seen, never "now"; None = keep no cursor. `unknown_fields`:
    names the contract does not know (schema drift). `rejected`: rows the source itself could
    not read (a ragged line). `file_sha256s`: contents landed with this batch; they count as
    loaded once it is promoted. `source_name` and `legal_entity`: '' = those of the
    configured source; a history export lands under the name of the source it stands for.
    `quarantine_share`: see `QUARANTINE_SHARE`; a file dataset may configure another.
    `absorbed`: rows of a file that stand in no row of their own, counted by cause (added up,
    equal duplicate, older version, replaced by a later file, total row, repeated header).
    `received`: rows the files held, counted where they were read; landing holds it against
    what became of them. None = the source does not count.
    `unmatched_codes`: codes, by column, a lookup file does not hold; their cells are NULL.
    `unproven`: SHA-256 -> name of files landed that nothing proves to be whole. `read_as`: how
    they were declared to be read.
    `rows` may hold, in place of a record, a function that returns a `Block`: blocks are read
    side by side. `is_settled` is asked once all rows were consumed; False = what was read
    does not stand (two rows of one key), `rows` now gives it anew.
    """

    rows: Iterable[Record | Callable[[], Block]] = ()
    is_settled: Callable[[], bool] = always_settled
    coverage: list[AccountWindow] = field(default_factory=list)
    is_full_list: bool = False
    mode: str = ""
    new_cursor: str | None = None
    unknown_fields: set[str] = field(default_factory=set)
    rejected: list[Rejected] = field(default_factory=list)
    file_sha256s: tuple[str, ...] = ()
    source_name: str = ""
    legal_entity: str = ""
    quarantine_share: Decimal = QUARANTINE_SHARE
    absorbed: dict[str, int] = field(default_factory=dict)
    received: int | None = None
    unmatched_codes: dict[str, list[str]] = field(default_factory=dict)
    unproven: dict[str, str] = field(default_factory=dict)
    read_as: str = ""


@dataclass(frozen=True)
class Stream:
    """One thing that is extracted, landed, gated and promoted on its own.

    `name` is unique per entity: the source's name for a vendor, `<source>.<dataset>` for
    files, where several datasets may feed one entity.
    """

    kind: str
    entity: str
    name: str
    dataset: str = ""


class Source(Protocol):
    """A vendor API. Stateless: everything a call needs is passed in."""

    kind: str
    entities: tuple[EntityContract, ...]

    def authorize(self, config: SourceConfig) -> Authorization:
        """Return the secret headers of every request (and how to renew them, if at all)."""
        ...

    def classify_error(self, status: int, body: object) -> type[IngestError] | None:
        """Return the error class of a vendor's error body; None = judge by HTTP status.

        Also asked about answers with status 200 that hold an `error`. Meta, for one, says
        "too many calls" and "token expired" with status 400.
        """
        ...

    def fetch(
        self,
        entity: EntityContract,
        window: Window,
        *,
        config: SourceConfig,
        client: ApiClient,
        cursor: str | None,
    ) -> Extract:
        """Return the records of one entity in the window; see the module for how."""
        ...


class FileSource(Protocol):
    """Dropped files. `config.kind` is always `files`."""

    kind: str
    entities: tuple[EntityContract, ...]

    def streams(self, config: SourceConfig) -> tuple[Stream, ...]:
        """Return one stream per configured dataset, in the order of the configuration."""
        ...

    def fetch_files(
        self,
        stream: Stream,
        window: Window,
        *,
        config: SourceConfig,
        archive_dir: Path,
        known_files: frozenset[str],
        replay_files: tuple[str, ...],
        takes_new: bool = True,
    ) -> Extract:
        """Return the rows of the dataset's files that no other load date has loaded.

        Files whose SHA-256 is in `known_files` are left out. `replay_files` were landed by
        the batch this one will replace, so they are delivered again: from the drop, or from
        `archive_dir/<sha256>` when they are gone from there. Every file delivered is
        archived before its first row is yielded. No file at all: an empty extract with
        `is_full_list=False`. Without `takes_new` nothing but `replay_files` is delivered.
        """
        ...
