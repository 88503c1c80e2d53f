"""Reading Stripe's lists page by page.

Belongs here: `Account` (one account read for one extract), paging of lists and sub-lists,
leaving out test data, drift. Stays out: what an object means (the other modules).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ingest.errors import ContractViolation, FatalSourceError
from ingest.http import ApiClient, PageGuard
from ingest.instants import from_epoch_seconds
from ingest.sources.wire import Json, flag, list_of, required, unknown_names

PAGE_SIZE: Final = 100

Params = Mapping[str, str | Sequence[str]]
Row = tuple[dict[str, object], Json, str]
"""Contract values, record as received, origin."""

_log = logging.getLogger(__name__)


@dataclass
class Account:
    """One Stripe account as one extract reads it, at one pinned API version.

    `drift` collects names of objects we do not know; `newest` is the latest `created` seen.
    """

    client: ApiClient
    source: str
    version: str
    drift: set[str] = field(default_factory=set)
    newest: datetime | None = None
    live_rows: int = 0
    test_rows: int = 0

    def get(self, path: str, params: Params | None = None) -> Json:
        """Return one answer at the pinned version."""
        return self.client.get(
            path, params=params, headers={"Stripe-Version": self.version}
        )

    def list_all(
        self, path: str, known: frozenset[str], params: Params | None = None
    ) -> Iterator[tuple[Json, str]]:
        """Yield every live-mode object of a list, newest first, with its origin.

        Raises:
            ContractViolation: a page has no `data` or `has_more`.
            TruncatedExtract: a page starts where an earlier one did.
            FatalSourceError: the list holds test data only, so the key is a test key.
        """
        for row, origin in self.pages(path, params):
            # Objects that can exist in test mode only with a test key carry no flag.
            if row.get("livemode") is False:
                self.test_rows += 1
                continue
            self.live_rows += 1
            self.drift |= unknown_names(row, known)
            created = from_epoch_seconds(row.get("created"))
            if created is not None and (self.newest is None or created > self.newest):
                self.newest = created
            yield row, origin
        self._report_test_rows(path)

    def pages(
        self, path: str, params: Params | None = None, *, after: str | None = None
    ) -> Iterator[tuple[Json, str]]:
        """Yield every row of a list, following `starting_after`."""
        guard = PageGuard(f"{self.source} {path}")
        page = 0
        while True:
            page += 1
            asked: dict[str, Any] = {"limit": str(PAGE_SIZE), **(params or {})}
            if after is not None:
                guard.check(after)
                asked["starting_after"] = after
            answer = self.get(path, asked)
            rows = list_of(answer, "data", path)
            for row in rows:
                yield row, f"{path}#{page}"
            if not flag(answer, "has_more", path):
                return
            if not rows:
                message = (
                    f"{self.source} {path}: page {page} is empty but says has_more"
                )
                raise ContractViolation(message)
            after = str(required(rows[-1], "id", path))

    def whole(
        self, sublist: object, path: str, params: Params | None = None
    ) -> list[Json]:
        """Return every row of a list embedded in an object, reading on where it is cut.

        Stripe embeds at most 10 invoice lines or 20 subscription items.
        """
        rows = list_of(sublist, "data", path)
        if not flag(sublist, "has_more", path):
            return rows
        if not rows:
            message = f"{self.source} {path}: an empty embedded list says has_more"
            raise ContractViolation(message)
        last = str(required(rows[-1], "id", path))
        return [*rows, *(row for row, _ in self.pages(path, params, after=last))]

    def _report_test_rows(self, path: str) -> None:
        if not self.test_rows:
            return
        if not self.live_rows:
            message = (
                f"{self.source} {path}: all {self.test_rows} rows have livemode=false; the "
                "key is a test key. Configure the live one"
            )
            raise FatalSourceError(message)
        _log.info(
            "test_rows_left_out",
            extra={"source": self.source, "entity": path, "row_count": self.test_rows},
        )


def id_of(reference: object) -> str | None:
    """Return the id of a reference, expanded or not; None stays None."""
    if isinstance(reference, Mapping):
        reference = reference.get("id")
    return None if reference is None else str(reference)


def upper(code: object) -> object:
    """Return a currency code in upper case; Stripe sends lower."""
    return code.upper() if isinstance(code, str) else code


def total_of(entries: object, path: str) -> int:
    """Return the sum of `amount` over a list; null or absent is no entry.

    Units: minor units.
    """
    if entries is None:
        return 0
    return sum(required(e, "amount", path) for e in list_of({"_": entries}, "_", path))


def utc_date(seconds: int | None) -> object:
    """Return the UTC date of an epoch second; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).date()
