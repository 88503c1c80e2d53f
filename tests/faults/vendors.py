"""Vendors of a few lines, for what the sandbox company cannot be: huge, or changing mid-page.

Belongs here: a loopback server around one function, and HubSpot's search over a sorted list.
Stays out: what is asserted. Limits and answers as in the sandbox's `hubspot_search`.
"""

from __future__ import annotations

import bisect
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RESULT_LIMIT = 10_000

Reply = tuple[int, Any]


@contextmanager
def serving(
    answer: Callable[[str, str, dict[str, str], bytes], Reply],
) -> Iterator[str]:
    """Serve one function of (method, path, query, body) on loopback; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            where = urlsplit(self.path)
            query = {n: v[0] for n, v in parse_qs(where.query).items()}
            status, payload = answer(self.command, where.path, query, body)
            content = json.dumps(payload).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - the base class's names

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - inherited name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def instant_of(milliseconds: int) -> str:
    return (EPOCH + timedelta(milliseconds=milliseconds)).isoformat()


@dataclass
class Portal:
    """HubSpot contacts as (last-modified millisecond, id), searched as HubSpot searches.

    `before_page` is called with the number of the search about to be answered: that is where
    people go on working while we read.
    """

    stamps: dict[int, int]
    before_page: Callable[[int], None] = lambda _: None
    pages: int = 0
    _ordered: list[tuple[int, int]] = field(default_factory=list)

    def touch(self, number: int, stamp: int) -> None:
        """Change a record, or create it."""
        self.stamps[number] = stamp
        self._ordered.clear()

    def remove(self, number: int) -> None:
        """Delete a record."""
        del self.stamps[number]
        self._ordered.clear()

    def answer(
        self, method: str, path: str, _query: dict[str, str], body: bytes
    ) -> Reply:
        if method == "GET":  # the recycle bin
            return 200, {"results": []}
        assert path.endswith("/contacts/search")
        self.pages += 1
        self.before_page(self.pages)
        search = json.loads(body)
        if int(search.get("after") or 0) + search["limit"] > RESULT_LIMIT:
            return 400, {"status": "error", "message": "Paging beyond 10000 results"}
        found = self._matching(search)
        rows = found[: search["limit"]]
        answer: dict[str, Any] = {
            "total": len(found),
            "results": [_contact(stamp, number) for stamp, number in rows],
        }
        if len(rows) < len(found):
            answer["paging"] = {"next": {"after": str(len(rows))}}
        return 200, answer

    def _matching(self, search: dict[str, Any]) -> list[tuple[int, int]]:
        if not self._ordered:
            self._ordered = sorted((stamp, n) for n, stamp in self.stamps.items())
        wanted = {
            (f["propertyName"], f["operator"]): int(f["value"])
            for f in search["filterGroups"][0]["filters"]
        }
        name = "lastmodifieddate"
        same = wanted.get((name, "EQ"))
        low = wanted.get((name, "GTE"), same)
        assert low is not None
        high = wanted.get((name, "LT"), low + 1 if same is not None else 1 << 62)
        first = bisect.bisect_left(self._ordered, (low, 0))
        last = bisect.bisect_left(self._ordered, (high, 0))
        found = self._ordered[first:last]
        if same is not None:
            after = wanted[("hs_object_id", "GT")]
            found = found[bisect.bisect_right(found, (same, after)) :]
        return found


def _contact(stamp: int, number: int) -> dict[str, Any]:
    changed = instant_of(stamp)
    return {
        "id": str(number),
        "properties": {"lastmodifieddate": changed, "createdate": changed},
        "createdAt": changed,
        "updatedAt": changed,
        "archived": False,
    }
