"""Extract one stream and land it: the only composition of ingest.

Belongs here: cursor -> window -> source -> `incoming/`. Stays out: the gate and promotion
(the orchestrator asks for them), which streams run in which order.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from ingest import ledger
from ingest.config import SourceConfig, VendorSource
from ingest.contracts import contract_of
from ingest.cursors import read_cursor
from ingest.errors import CredentialsError, IngestError, RetryableError, StorageError
from ingest.http import RETRY_BUDGET_SECONDS, TIMEOUT_SECONDS, ApiClient
from ingest.landing import BatchOrigin, LandedBatch, land_batch
from ingest.pages import open_journal
from ingest.paths import StreamPath, archive_dir, pages_dir
from ingest.sources import file_source, source_of
from ingest.windows import look_back_of, window_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime
    from pathlib import Path

    import httpx

    from ingest.entities import EntityContract
    from ingest.pages import PageJournal
    from ingest.sources.protocol import Extract, FileSource, Source, Stream

_log = logging.getLogger(__name__)


def extract_entity(
    config: SourceConfig,
    stream: Stream,
    *,
    root: Path,
    as_of: date,
    now: datetime,
    acknowledged: frozenset[str] = frozenset(),
    full_refresh: bool = False,
    until: datetime | None = None,
    source: Source | FileSource | None = None,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
    retry_budget_seconds: float = RETRY_BUDGET_SECONDS,
    timeout_seconds: float = TIMEOUT_SECONDS,
    resume: bool = True,
) -> LandedBatch:
    """Land one stream for the night of `as_of` in `incoming/`; nothing is promoted.

    `now` is the instant of extraction; nothing below asks the clock. `acknowledged` holds
    the ids of shrunken lists a person has accepted. `full_refresh` reads from the beginning
    instead of from the cursor, `until` is where the window of a missed night ends at the
    latest. `resume`: pages an earlier try of the night received are not asked for again.
    `source` None = the registered one of the kind.

    Raises:
        IngestError: classified by what has to happen next; nothing is landed.
    """
    contract = contract_of(stream.kind, stream.entity)
    where = StreamPath(kind=stream.kind, entity=stream.entity, stream=stream.name)
    zone = ZoneInfo(config.reporting_timezone)
    load_date = window_for(contract, None, as_of=as_of, tz=zone, now=now).load_date
    cursor = None if full_refresh else read_cursor(root, where, before=load_date)
    look_back = None
    journal = None
    if isinstance(config, VendorSource):
        look_back = look_back_of(
            contract,
            lookback_days=config.lookback_days,
            deep_reread_days=config.deep_reread_days,
        )
        journal = open_journal(
            pages_dir(root, where),
            load_date=load_date,
            cursor=cursor,
            now=now,
            resume=resume,
        )
        # What is gone on with is asked as of the instant it began.
        now = journal.started_at
    window = window_for(
        contract,
        cursor,
        as_of=as_of,
        tz=zone,
        now=now,
        look_back=look_back,
        until=until,
    )
    if window.has_gap:
        _log.warning("source_memory_exceeded", extra={"stream": str(where)})

    def land(extract: Extract) -> LandedBatch:
        return land_batch(
            extract,
            contract,
            window,
            root=root,
            origin=BatchOrigin(where, config.name, config.legal_entity),
            baseline=ledger.last_full_list(root, where, before=load_date),
            acknowledged=acknowledged,
        )

    if isinstance(config, VendorSource):
        vendor = cast("Source", source or source_of(config.kind))
        with (
            _going_on(journal),
            _open_client(
                config,
                vendor,
                now=now,
                transport=transport,
                sleep=sleep,
                retry_budget_seconds=retry_budget_seconds,
                timeout_seconds=timeout_seconds,
                journal=journal,
            ) as client,
        ):
            extract = vendor.fetch(
                contract, window, config=config, client=client, cursor=cursor
            )
            extract.quarantine_share = config.max_quarantine_share
            landed = land(extract)
    else:
        drop = cast("FileSource", source or file_source())
        known, own = ledger.loaded_files(root, where, load_date=load_date)
        newest = ledger.newest_date(root, where)
        extract = drop.fetch_files(
            stream,
            window,
            config=config,
            archive_dir=archive_dir(root),
            known_files=known,
            replay_files=own,
            # A new file is the newest night's: an earlier date is only read again, else what
            # corrects a file would count as older than the file.
            takes_new=newest is None or newest <= load_date,
        )
        landed = land(extract)
    _log_landed(landed, contract)
    return landed


@contextmanager
def _going_on(journal: PageJournal | None) -> Iterator[None]:
    """Forget the pages when they lead nowhere.

    They stay when the same questions may be answered later (a source out of reach, a token to
    renew, a full disk, a kill), and until what they became is promoted or held.
    """
    try:
        yield
    except (RetryableError, CredentialsError, StorageError):
        raise
    except IngestError:
        if journal is not None:
            journal.discard()
        raise


def _open_client(
    config: VendorSource,
    source: Source,
    *,
    now: datetime,
    transport: httpx.BaseTransport | None,
    sleep: Callable[[float], None],
    retry_budget_seconds: float,
    timeout_seconds: float,
    journal: PageJournal | None,
) -> ApiClient:
    return ApiClient(
        config.base_url,
        source=config.name,
        authorization=source.authorize(config),
        classify_error=source.classify_error,
        transport=transport,
        sleep=sleep,
        clock=lambda: now,
        retry_budget_seconds=retry_budget_seconds,
        timeout_seconds=timeout_seconds,
        journal=journal,
    )


def _log_landed(landed: LandedBatch, contract: EntityContract) -> None:
    manifest = landed.manifest
    _log.info(
        "batch_landed",
        extra={
            "source": manifest.source_name,
            "entity": contract.name,
            "batch_id": manifest.batch_id,
            "row_count": manifest.row_count,
            "quarantined_count": manifest.quarantined_count,
            "unknown_fields": manifest.unknown_fields,
        },
    )
