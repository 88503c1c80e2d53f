"""Closing and reopening a period: the order of the steps.

Belongs here: `close_period`, `reopen_period`. Stays out: the conditions (`refusals`), what is
written (`freezing`), the chain. Call both under the run lock; a night never runs beside them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ingest.config_yaml import nearest
from ingest.errors import ConfigError
from ingest.faults import fault
from ingest.paths import TEMPORARY
from ingest.storage import disk_errors, sha256_of, write_file
from orchestration.periods import AREAS
from orchestration.periods.chain import (
    APPROVE,
    CLOSE,
    HEAD,
    REOPEN,
    Entry,
    append_entry,
    close_dir,
    closed_now,
    name_close,
    repair_closes,
    verify_closes,
)
from orchestration.periods.freezing import Signature, freeze, read_record
from orchestration.periods.moved import waiting_changes
from orchestration.periods.refusals import (
    Candidate,
    CloseRefusedError,
    reasons_against,
    refuse_out_of_order,
)
from orchestration.periods.served import open_served, read_quality
from orchestration.publish import current_build
from orchestration.rehearsal import BUILT_FROM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from orchestration.settings import Settings


MOVES_FILE: Final = "moves.json"
"""What an approval keeps: every closed figure the change moves, before and after."""


@dataclass(frozen=True)
class Closed:
    """One close that was made, and its record."""

    entry: Entry
    record: Mapping[str, Any]


def close_period(
    settings: Settings,
    label: str,
    area: str,
    *,
    by: str,
    now: datetime,
    tolerance_minor: int | None = None,
) -> Closed:
    """Freeze a month of an area as readers see it now, signed by a named person.

    Differences up to `tolerance_minor` block nothing; None = what the configuration's policy
    says.

    Raises:
        ConfigError: no such month or area, no name, not its turn.
        CloseRefusedError: the figures cannot be signed off; every reason is named.
        ChainBrokenError: an earlier close was changed.
        StorageError: the disk refused, or what is served is damaged; nothing is closed.
    """
    _check_words(area, by)
    root = settings.home.root
    repair_closes(root)
    served = open_served(settings.home.published)
    chain = verify_closes(root, known_head=served.built_from.get(HEAD, ""))
    candidate = Candidate(served.find_period(label), area, served, chain)
    refuse_out_of_order(candidate)
    reasons = reasons_against(
        candidate,
        config=settings.config,
        nights=settings.home.nights,
        tolerance_minor=_tolerance(settings)
        if tolerance_minor is None
        else tolerance_minor,
    )
    if reasons:
        what = f"{area} {label}"
        raise CloseRefusedError(what, reasons)
    at = now.isoformat(timespec="seconds")
    signature = Signature(
        close_id=_close_id(candidate, by, at),
        by=by.strip(),
        at=at,
        replaces=_reopened(chain, label, area),
    )
    return _commit(settings, candidate, signature)


def _commit(settings: Settings, candidate: Candidate, signature: Signature) -> Closed:
    """Write the files aside, then the chain's line, then give the files their name."""
    root, served = settings.home.root, candidate.served
    entry = Entry(
        sequence=0,
        kind=CLOSE,
        at=signature.at,
        by=signature.by,
        subject=signature.close_id,
        period=candidate.period.label,
        area=candidate.area,
        as_of_date=served.manifest.as_of_date,
        build_id=served.build_id,
        code_version=served.manifest.code_version,
    )
    final = close_dir(root, entry)
    aside = final.with_name(f"{final.name}{TEMPORARY}")
    with disk_errors(f"freeze {candidate.area} {candidate.period.label}"):
        aside.mkdir(parents=True)
        fault("close.began")
        try:
            files = freeze(candidate, signature, root=root, folder=aside)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    fault("close.frozen")
    sealed = append_entry(root, candidate.chain, replace(entry, files=files))
    name_close(root, sealed)
    return Closed(sealed, read_record(final))


def reopen_period(
    settings: Settings, label: str, area: str, *, by: str, reason: str, now: datetime
) -> Entry:
    """Open a closed month again; its frozen figures stay on record beside the next ones.

    Raises:
        ConfigError: no name or reason, the month is not closed, or a later one is.
        ChainBrokenError: an earlier close was changed.
        StorageError: the disk refused.
    """
    _check_words(area, by)
    if not reason.strip():
        message = "--reason must say why the period is opened again"
        raise ConfigError(message)
    root = settings.home.root
    repair_closes(root)
    served = open_served(settings.home.published)
    chain = verify_closes(root, known_head=served.built_from.get(HEAD, ""))
    closed = closed_now(chain, area)
    if label not in closed:
        known = ", ".join(closed) or "none"
        message = (
            f"{area} {label} is not closed; closed: {known}{nearest(label, closed)}"
        )
        raise ConfigError(message)
    later = [period for period in closed if period > label]
    if later:
        message = (
            f"{area} {', '.join(later)} must be reopened before {label}, newest first: what "
            "came late was booked there"
        )
        raise ConfigError(message)
    entry = Entry(
        sequence=0,
        kind=REOPEN,
        at=now.isoformat(timespec="seconds"),
        by=by.strip(),
        subject=closed[label].subject,
        period=label,
        area=area,
        reason=reason.strip(),
        as_of_date=served.manifest.as_of_date,
        build_id=served.build_id,
        code_version=settings.code_version,
    )
    return append_entry(root, chain, entry)


def approve_change(
    settings: Settings, change_id: str, *, by: str, reason: str, now: datetime
) -> Entry:
    """Let a change of models or policies move closed figures; what it moves is kept.

    The signed figures stay; the next night publishes what the changed models make of the
    closed periods' own rows, as restatements.

    Raises:
        ConfigError: no name or reason, or no such change waits.
        ChainBrokenError: an earlier entry was changed.
        StorageError: the disk refused.
    """
    _check_person(by)
    if not reason.strip():
        message = "--reason must say why closed figures may move"
        raise ConfigError(message)
    root = settings.home.root
    chain = proven_chain(settings)
    waiting = waiting_changes(root)
    if change_id not in waiting:
        known = ", ".join(waiting) or "none"
        hint = nearest(change_id, waiting)
        message = f"no change {change_id!r} waits for approval{hint}; waiting: {known}"
        raise ConfigError(message)
    told = json.loads(waiting[change_id].read_text("utf-8"))
    entry = Entry(
        sequence=0,
        kind=APPROVE,
        at=now.isoformat(timespec="seconds"),
        by=by.strip(),
        subject=change_id,
        area=told["area"],
        reason=reason.strip(),
        code_version=settings.code_version,
    )
    folder = close_dir(root, entry)
    aside = folder.with_name(f"{folder.name}{TEMPORARY}")
    with disk_errors(f"keep what {change_id} moves"):
        write_file(aside / MOVES_FILE, waiting[change_id].read_bytes())
    files = {MOVES_FILE: sha256_of(aside / MOVES_FILE)}
    sealed = append_entry(root, chain, replace(entry, files=files))
    name_close(root, sealed)
    return sealed


def _tolerance(settings: Settings) -> int:
    return int(str(settings.config.policies["recon_tolerance_minor_units"]))


def _check_person(by: str) -> None:
    if not by.strip():
        message = "--by must name the person who decides"
        raise ConfigError(message)


def _check_words(area: str, by: str) -> None:
    if area not in AREAS:
        message = f"no area {area!r}{nearest(area, AREAS)}; areas: {', '.join(AREAS)}"
        raise ConfigError(message)
    _check_person(by)


def _reopened(chain: Sequence[Entry], label: str, area: str) -> str:
    """Return the id of the last close of a month that was reopened; '' = there is none."""
    found = [
        e.subject for e in chain if (e.kind, e.period, e.area) == (REOPEN, label, area)
    ]
    return found[-1] if found else ""


def _close_id(candidate: Candidate, by: str, at: str) -> str:
    """Return an id that sorts by the order of closes and says what was closed."""
    said = f"{candidate.period.label}|{candidate.area}|{by}|{at}|{candidate.served.build_id}"
    mark = hashlib.sha256(said.encode()).hexdigest()[:8]
    return f"{candidate.area}-{len(candidate.chain) + 1:04d}-{mark}"


def proven_chain(settings: Settings) -> tuple[Entry, ...]:
    """Return the chain after finishing what was killed and proving every byte of it.

    Call it under the run lock.

    Raises:
        ChainBrokenError: the first entry that is not as it was written.
    """
    repair_closes(settings.home.root)
    return verify_closes(settings.home.root, known_head=_served_head(settings))


def _served_head(settings: Settings) -> str:
    """Return the end of the chain the build readers see knows of; '' = none."""
    folder = current_build(settings.home.published)
    return str(read_quality(folder).get(BUILT_FROM, {}).get(HEAD, "")) if folder else ""
