"""Pages received of a batch that is not promoted yet: what a next try need not ask for.

Belongs here: keeping answers under `pages/` until their batch is promoted or held, and
deciding whether a later try may go on from them. Stays out: requests (`ingest.http`), what a
page means.

A source that throttles on page 7 of 12, a kill, an expired token: the next run asks the same
questions as of the same instant, so the answers it has are read from disk and the first one
missing is the first one asked. Answers are restricted like raw data and gone with the
promotion.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.paths import TEMPORARY, StreamPath, pages_dir
from ingest.storage import disk_errors

if TYPE_CHECKING:
    from pathlib import Path

MAX_AGE: Final = timedelta(hours=6)
"""Later, paging cursors may have expired at the vendor and the world has moved on."""
_STARTED: Final = "started.json"
_PAGE: Final = ".page"
_DIGEST_BYTES: Final = 32


class PageJournal:
    """The answers of one extraction, by request; `started_at` is the instant it is as of.

    Only answers of earlier tries are replayed, each once: a connector that asks the same
    question again wants another answer.
    """

    def __init__(self, folder: Path, started_at: datetime) -> None:
        """Keep answers in an existing folder."""
        self._folder = folder
        self.started_at = started_at
        self._earlier = {path.name for path in folder.glob(f"*{_PAGE}")}

    def get(self, request: bytes) -> bytes | None:
        """Return the kept answer to a request; one torn by a crash was never kept."""
        path = self._path(request)
        if path.name not in self._earlier:
            return None
        self._earlier.discard(path.name)
        content = path.read_bytes()
        digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            return None
        return body

    def put(self, request: bytes, answer: bytes) -> None:
        """Keep a proper answer. Not synced: a power cut costs one question, nothing more."""
        path = self._path(request)
        aside = path.with_suffix(TEMPORARY)
        with disk_errors("keep a page of an extraction"):
            aside.write_bytes(hashlib.sha256(answer).digest() + answer)
            aside.replace(path)

    def discard(self) -> None:
        """Forget everything: these answers lead nowhere."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, request: bytes) -> Path:
        return self._folder / f"{hashlib.sha256(request).hexdigest()}{_PAGE}"


def forget_pages(root: Path, stream: StreamPath) -> None:
    """Forget what a stream received: it is promoted, or its source must be asked anew."""
    shutil.rmtree(pages_dir(root, stream), ignore_errors=True)


def open_journal(
    folder: Path,
    *,
    load_date: date,
    cursor: str | None,
    now: datetime,
    resume: bool = True,
) -> PageJournal:
    """Go on from what an earlier try of the same load date received, or start anew.

    `resume` False forgets it, for who wants the source asked again.

    Raises:
        StorageError: the disk refused.
    """
    about = {"load_date": load_date.isoformat(), "cursor": cursor}
    if resume:
        started = _read_start(folder, about)
        if started is not None and timedelta(0) <= now - started <= MAX_AGE:
            return PageJournal(folder, started)
    with disk_errors("keep the pages of an extraction"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        start = {**about, "started_at": now.isoformat()}
        (folder / _STARTED).write_text(json.dumps(start), encoding="utf-8")
    return PageJournal(folder, now)


def _read_start(folder: Path, about: dict[str, str | None]) -> datetime | None:
    """Return when an extraction of the same question began, if one is there."""
    try:
        found = json.loads((folder / _STARTED).read_text("utf-8"))
        started = datetime.fromisoformat(found.pop("started_at"))
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return started if found == about else None
