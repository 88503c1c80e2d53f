"""Extract -> `incoming/`, and after a green gate `incoming/` -> `raw/`.

Belongs here: writing one batch whole or not at all, promotion and what follows from it,
the schema-only files, repair at start. Stays out: typing rows (`ingest.conform`), control
figures (`ingest.control`), the gate itself (`expectations`), which window to read.

Order of a promotion: the file is renamed into `raw/`; the ledger line is written (the commit
point); superseded files are deleted; the cursor moves. A kill before the line leaves the
batch unpromoted, a kill after it leaves only work that `repair` finishes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest import cursors, ledger
from ingest.batch_file import fill_batch_id, write_empty_file, write_rows
from ingest.closed_files import ensure_empty_closes
from ingest.conform import Tally
from ingest.contracts import CONTRACTS
from ingest.control import check_not_shrunk, coverage_of, totals_of
from ingest.errors import ContractViolation, StorageError
from ingest.faults import fault
from ingest.manifest import (
    GATE_FILE,
    MANIFEST_FILE,
    BatchManifest,
    encode_manifest,
    read_manifest,
)
from ingest.pages import forget_pages
from ingest.paths import (
    TEMPORARY,
    StreamPath,
    empty_file,
    incoming_dir,
    quarantine_dir,
    raw_dir,
)
from ingest.quarantine import check_share, write_quarantine
from ingest.storage import (
    disk_errors,
    remove_leftovers,
    sha256_of,
    swap_directory,
    sync_directory,
    write_file,
)
from ingest.vendor_errors import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from ingest.entities import EntityContract
    from ingest.sources.protocol import Extract
    from ingest.windows import Window


_CODES_KEPT: Final = 20
"""Codes without a match kept of a column; more say the same: another list is meant."""
_ID_DIGITS: Final = 8
"""Digits of the content's digest in a batch id."""


@dataclass(frozen=True)
class LandedBatch:
    """One batch in `incoming/`: its manifest and the folder it lies in."""

    manifest: BatchManifest
    directory: Path

    @property
    def parquet(self) -> Path:
        """Return the data file, which the gate reads."""
        return self.directory / self.manifest.parquet_name


@dataclass(frozen=True)
class BatchOrigin:
    """Whose batch it is and where it goes."""

    stream: StreamPath
    source_name: str
    legal_entity: str


def land_batch(
    extract: Extract,
    contract: EntityContract,
    window: Window,
    *,
    root: Path,
    origin: BatchOrigin,
    baseline: BatchManifest | None = None,
    acknowledged: frozenset[str] = frozenset(),
) -> LandedBatch:
    """Consume an extract and put it into `incoming/`, replacing what its date had there.

    Grain: one row per record and extract; duplicates are kept.
    Units: money stays in the vendor's units; nothing is converted here.

    `baseline` is the last promoted full list of an earlier load date, if there is one;
    `acknowledged` holds the ids of shrunken lists a person has accepted.

    Raises:
        ContractViolation: too many rows cannot be typed.
        TruncatedExtract: a full list is less than half of the baseline.
        StorageError: the disk refused.
    """
    target = incoming_dir(root, origin.stream, window.load_date)
    working = target.with_name(f"{target.name}{TEMPORARY}")
    with disk_errors(f"land {origin.stream}"):
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        try:
            manifest = _write_batch(
                working,
                extract,
                contract,
                window,
                root=root,
                origin=origin,
                baseline=baseline,
                acknowledged=acknowledged,
            )
            fault("land.batch_written")
            swap_directory(working, target)
            fault("land.landed")
        finally:
            shutil.rmtree(working, ignore_errors=True)
    return LandedBatch(manifest=manifest, directory=target)


def read_landed(root: Path, stream: StreamPath, load_date: date) -> LandedBatch | None:
    """Return the batch waiting in `incoming/` for a stream and date, if there is one."""
    directory = incoming_dir(root, stream, load_date)
    manifest = read_manifest(directory)
    return None if manifest is None else LandedBatch(manifest, directory)


def waiting_batches(root: Path) -> list[LandedBatch]:
    """Return every batch that landed and is not promoted, by stream and load date."""
    waiting = []
    for path in sorted((root / "incoming").glob(f"*/*/*/*/{MANIFEST_FILE}")):
        manifest = read_manifest(path.parent)
        if manifest is not None and path.parent.suffix != TEMPORARY:
            waiting.append(LandedBatch(manifest, path.parent))
    return waiting


def record_gate(
    batch: LandedBatch, *, passed: bool, findings: Iterable[Mapping[str, object]] = ()
) -> None:
    """Write the verdict of the raw gate beside the batch; promotion asks for it."""
    verdict = {
        "batch_id": batch.manifest.batch_id,
        "parquet_sha256": batch.manifest.parquet_sha256,
        "passed": passed,
        "findings": list(findings),
    }
    with disk_errors(f"record the gate of {batch.manifest.stream_path}"):
        write_file(
            batch.directory / GATE_FILE,
            json.dumps(verdict, ensure_ascii=False, default=str, indent=1).encode(),
        )


def promote_batch(root: Path, batch: LandedBatch) -> None:
    """Move a batch the gate passed into `raw/` and make it count.

    Can be repeated after a kill at any point: what is done already is not done again.

    Raises:
        ContractViolation: no green verdict for exactly this batch.
        StorageError: the data file is gone or damaged, or the disk refused.
    """
    manifest = batch.manifest
    _check_gate(batch)
    target = raw_dir(root, manifest.stream_path, manifest.load_date)
    with disk_errors(f"promote {manifest.stream_path}"):
        _move_data(batch, target / manifest.parquet_name)
        fault("promote.moved")
        ledger.append(root, manifest)
        fault("promote.recorded")
        finish_promotion(root, manifest)


def finish_promotion(root: Path, manifest: BatchManifest) -> None:
    """Do what follows from a ledger line: delete what it supersedes, move the cursor."""
    stream, load_date = manifest.stream_path, manifest.load_date
    _keep_only(raw_dir(root, stream, load_date), manifest.parquet_name)
    _keep_only(quarantine_dir(root, stream, load_date), f"{manifest.batch_id}.jsonl")
    fault("promote.superseded")
    cursors.write_cursor(root, manifest)
    forget_pages(root, stream)
    fault("promote.cursor_moved")
    # An older date still waiting is superseded: this window began at the same cursor.
    folder = incoming_dir(root, stream, load_date).parent
    for waiting in folder.glob("load_date=*"):
        if waiting.name <= f"load_date={load_date.isoformat()}":
            shutil.rmtree(waiting)


def repair(root: Path) -> None:
    """Put the root in order after a kill; call it once at start, under the run lock.

    Cuts a torn ledger line, removes half-written files, finishes the newest promotion of
    every stream. Files the ledger does not know are left alone: they are ignored by dbt, and
    would be the only copy if the ledger had been restored from an older backup.
    """
    with disk_errors("repair the warehouse root"):
        ledger.repair(root)
        for name in ("incoming", "raw", "quarantine", "archive", "state"):
            remove_leftovers(root / name)
        cursors.repair(root)
        promoted = ledger.read(root)
        known = {batch.batch_id for batch in promoted}
        live = ledger.live(promoted)
        for batch in live:
            for path in raw_dir(root, batch.stream_path, batch.load_date).glob(
                "*.parquet"
            ):
                if path.stem != batch.batch_id and path.stem in known:
                    path.unlink()
        for waiting in waiting_batches(root):
            if waiting.manifest in live and not waiting.parquet.exists():
                shutil.rmtree(waiting.directory)


def ensure_empty_batches(root: Path) -> None:
    """Write a schema-only file for every entity of every kind, so models never branch."""
    with disk_errors("write the empty batches"):
        for kind, contracts in CONTRACTS.items():
            for name, contract in contracts.items():
                write_empty_file(empty_file(root, kind, name), contract.arrow_schema())
        ensure_empty_closes(root)


def _write_batch(
    working: Path,
    extract: Extract,
    contract: EntityContract,
    window: Window,
    *,
    root: Path,
    origin: BatchOrigin,
    baseline: BatchManifest | None,
    acknowledged: frozenset[str],
) -> BatchManifest:
    prefix = f"{origin.stream.stream}-{origin.stream.entity}-{window.load_date}-"
    placeholder = f"{prefix}{'~' * _ID_DIGITS}"
    source_name = extract.source_name or origin.source_name
    legal_entity = extract.legal_entity or origin.legal_entity
    written = working / "rows.parquet"
    shared = {
        "source_name": source_name,
        "legal_entity": legal_entity,
        "_batch_id": placeholder,
        "_load_date": window.load_date,
        "_extracted_at": window.extracted_at,
    }
    while True:
        tally = Tally()
        digest = write_rows(extract, contract, tally=tally, path=written, shared=shared)
        if extract.is_settled():
            break
    # Everything the source fills while its rows are consumed is complete from here on.
    _count_rejected(extract, tally)
    check_nothing_lost(extract, tally, what=str(origin.stream))
    coverage = coverage_of(extract.coverage, tally, contract, window)
    for part in coverage:
        days = (
            f"{part.source_account}|{part.window_start_date}|{part.window_end_date}\n"
        )
        digest.update(days.encode())
    digest.update(f"{extract.is_full_list}|{extract.mode}".encode())
    batch_id = f"{prefix}{digest.hexdigest()[:_ID_DIGITS]}"
    refused = tally.quarantined_rows.total()
    if tally.rejected:
        folder = quarantine_dir(root, origin.stream, window.load_date)
        write_quarantine(folder / f"{batch_id}.jsonl", tally.rejected)
    check_share(
        refused=refused,
        received=tally.received,
        share=extract.quarantine_share,
        what=str(origin.stream),
        findings=tally.rejected,
    )
    if extract.is_full_list:
        check_not_shrunk(coverage, baseline, acknowledged=acknowledged)
    fill_batch_id(written, placeholder, batch_id)
    parquet = written.rename(working / f"{batch_id}.parquet")
    manifest = BatchManifest(
        kind=origin.stream.kind,
        entity=origin.stream.entity,
        stream=origin.stream.stream,
        load_date=window.load_date,
        batch_id=batch_id,
        source_name=source_name,
        legal_entity=legal_entity,
        mode=extract.mode,
        is_full_list=extract.is_full_list,
        has_gap=window.has_gap,
        row_count=tally.landed_rows.total(),
        quarantined_count=refused,
        extracted_at=window.extracted_at,
        coverage=coverage,
        totals=totals_of(parquet, contract, tally),
        new_cursor=extract.new_cursor,
        file_sha256s=tuple(extract.file_sha256s),
        # A map keyed by addresses would make a person a field name.
        unknown_fields=tuple(sorted(map(clean_text, extract.unknown_fields))),
        parquet_sha256=sha256_of(parquet),
        parquet_bytes=parquet.stat().st_size,
        absorbed=dict(sorted(extract.absorbed.items())),
        unmatched_codes={
            column: tuple(map(clean_text, codes[:_CODES_KEPT]))
            for column, codes in sorted(extract.unmatched_codes.items())
        },
        unproven=extract.unproven,
        read_as=extract.read_as,
    )
    write_file(working / MANIFEST_FILE, encode_manifest(manifest))
    return manifest


def _count_rejected(extract: Extract, tally: Tally) -> None:
    """Add the rows the source itself could not read; several findings may name one row."""
    rows = {
        (finding.source_account, finding.source_ref) for finding in extract.rejected
    }
    for account, _ in rows:
        tally.quarantined_rows[account] += 1
    tally.received += len(rows)
    for finding in extract.rejected:
        tally.reject(finding)


def check_nothing_lost(extract: Extract, tally: Tally, *, what: str) -> None:
    """Hold the rows a source counted against what became of them.

    Raises:
        StorageError: some are neither landed nor quarantined nor absorbed, or are twice: a
            mistake of this program, and nothing is landed with it.
    """
    if extract.received is None:
        return
    landed, refused = tally.landed_rows.total(), tally.quarantined_rows.total()
    absorbed = sum(extract.absorbed.values())
    if landed + refused + absorbed != extract.received:
        message = (
            f"{what}: {extract.received} rows were read, but {landed} landed, {refused} were "
            f"quarantined and {absorbed} absorbed; please report this file"
        )
        raise StorageError(message)


def _check_gate(batch: LandedBatch) -> None:
    path = batch.directory / GATE_FILE
    verdict: object = None
    if path.is_file():
        try:
            verdict = json.loads(path.read_bytes())
        except ValueError:
            verdict = None
    wanted = (batch.manifest.batch_id, batch.manifest.parquet_sha256, True)
    if isinstance(verdict, dict):
        found = tuple(verdict.get(n) for n in ("batch_id", "parquet_sha256", "passed"))
        if found == wanted:
            return
    message = (
        f"{batch.manifest.stream_path}: batch {batch.manifest.batch_id} has not passed the "
        "raw gate; it stays in incoming/"
    )
    raise ContractViolation(message)


def _move_data(batch: LandedBatch, target: Path) -> None:
    """Rename the data file into `raw/`, or recognise it there after a kill."""
    source = batch.parquet
    here = source if source.exists() else target
    if not here.exists() or sha256_of(here) != batch.manifest.parquet_sha256:
        message = (
            f"{batch.manifest.stream_path}: the data file of {batch.manifest.batch_id} is "
            "missing or damaged; extract the date again"
        )
        raise StorageError(message)
    if here is source:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        sync_directory(target.parent)


def _keep_only(directory: Path, name: str) -> None:
    if not directory.exists():
        return
    for path in directory.iterdir():
        if path.name != name:
            path.unlink()
