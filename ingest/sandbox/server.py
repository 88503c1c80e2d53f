"""The sandbox's HTTP server: one loopback port, every vendor under its own path.

Belongs here: sockets, routing to the vendors, the virtual clock, the request log, carrying out
wire plans, `/_sandbox/*`. Stays out: what a vendor answers (`vendors`), what faults do to an
answer (`faults`), the simulated company (`model`, `company`), process life (`__main__`).

Control paths, all JSON: `GET /_sandbox/health`, `POST /_sandbox/clock {"now": ISO}`,
`POST /_sandbox/faults [rule, …]`, `POST /_sandbox/search_lag {"seconds": N}`,
`GET /_sandbox/requests?since=N`.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self, cast
from urllib.parse import parse_qs

from ingest.sandbox.faults import FaultScript, FaultScriptError, WirePlan
from ingest.sandbox.model import Company
from ingest.sandbox.vendors import build_vendors
from ingest.sandbox.wire import ApiAnswer, ApiRequest, VendorApi, dump_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOPBACK: Final = "127.0.0.1"
_CONTROL: Final = "/_sandbox"
_LOG_LENGTH: Final = 20_000
"""Requests kept for tests; a full first load of the default company makes about 600."""
_LOGGED_BODY: Final = 2_000


CompanySource = Callable[[datetime], Company]
"""Tells the company up to at least the given instant."""


@dataclass(frozen=True)
class LoggedRequest:
    """One request as tests see it; headers are left out, so no token is ever kept."""

    number: int
    method: str
    path: str
    query: str
    body: str
    has_token: bool
    status: int
    faults: tuple[str, ...]


@dataclass
class _World:
    """What all request threads share."""

    source: CompanySource
    now: datetime
    company: Company
    vendors: Mapping[str, VendorApi]
    search_lag: timedelta = timedelta(0)
    faults: FaultScript = field(default_factory=FaultScript)
    log: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_LOG_LENGTH))
    received: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def move_clock(self, now: datetime) -> None:
        """Set the clock; a company told only up to an earlier instant is told further."""
        with self.lock:
            if now > self.company.until:
                self.company = self.source(now)
                self.vendors = build_vendors(self.company, search_lag=self.search_lag)
            self.now = now

    def set_search_lag(self, lag: timedelta) -> None:
        """Let HubSpot's search know of writes only so much later."""
        with self.lock:
            self.search_lag = lag
            self.vendors = build_vendors(self.company, search_lag=lag)

    def record(self, request: ApiRequest, mounted_path: str, plan: WirePlan) -> None:
        """Log the request; numbers start at 1."""
        with self.lock:
            self.received += 1
            self.log.append(
                LoggedRequest(
                    number=self.received,
                    method=request.method,
                    path=mounted_path,
                    query=request.query_text,
                    body=request.body[:_LOGGED_BODY].decode("utf-8", "replace"),
                    has_token=request.has_bearer or "access_token" in request.query,
                    status=plan.status,
                    faults=plan.applied,
                )
            )

    def logged_since(self, number: int) -> list[LoggedRequest]:
        """Return the logged requests after that number, oldest first."""
        with self.lock:
            return [entry for entry in self.log if entry.number > number]


class _Server(ThreadingHTTPServer):
    """A threading server that knows its world and never waits for idle connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, world: _World) -> None:
        """Bind to loopback; port 0 takes any free one."""
        self.world = world
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(
        self,
        request: socket.socket | tuple[bytes, socket.socket],
        client_address: object,
    ) -> None:
        """Stay silent on lines the client dropped; report everything else."""
        import sys  # noqa: PLC0415  # only needed on this rare path

        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Routes one request and carries out its wire plan."""

    protocol_version = "HTTP/1.1"
    # Without these two, header and body leave as two packets and every answer on a kept-alive
    # line waits 40 ms for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer GET."""
        self._serve()

    def do_POST(self) -> None:
        """Answer POST."""
        self._serve()

    def do_DELETE(self) -> None:
        """Answer DELETE; vendors refuse it."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # inherited name
        """Keep standard error quiet: the request log is the record."""

    @property
    def _world(self) -> _World:
        """The world of the server this request came to."""
        server = cast("_Server", self.server)
        return server.world

    def _serve(self) -> None:
        """Answer one request."""
        world = self._world
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if path.startswith(_CONTROL):
            answer = _answer_control(world, self.command, path, query, body)
            self._send(
                WirePlan(answer.status, _json_headers(), dump_json(answer.payload))
            )
            return
        mount, _, rest = path.lstrip("/").partition("/")
        request = ApiRequest(
            method=self.command,
            path=f"/{rest}",
            query_text=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            base_url=f"http://{self.headers.get('Host', LOOPBACK)}/{mount}",
        )
        vendor = world.vendors.get(mount)
        if vendor is None:
            answer = ApiAnswer(404, {"error": f"no vendor is mounted at /{mount}"})
        else:
            answer = vendor.answer(request, world.now)
        plan = world.faults.plan(path, self.path, body, answer)
        world.record(request, path, plan)
        if plan.delay_seconds:
            time.sleep(plan.delay_seconds)
        self._send(plan)

    def _send(self, plan: WirePlan) -> None:
        """Put the plan on the wire."""
        if plan.wire == "disconnect":
            self._drop_line()
            return
        self.send_response_only(plan.status)
        # The world's clock, not the machine's: clients that compare dates stay consistent.
        stamp = format_datetime(self._world.now, usegmt=True)
        self.send_header("Date", stamp)
        for name, value in plan.headers.items():
            self.send_header(name, value)
        if plan.wire == "no_length":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(plan.body)))
        self.end_headers()
        if plan.wire == "whole":
            self.wfile.write(plan.body)
            return
        self.wfile.write(plan.body[: plan.sent_bytes])
        self._drop_line()

    def _drop_line(self) -> None:
        """Close the connection now."""
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_WR)


def _json_headers() -> dict[str, str]:
    """Return the headers of a control answer."""
    return {"Content-Type": "application/json"}


def _answer_control(
    world: _World, method: str, path: str, query: str, body: bytes
) -> ApiAnswer:
    """Answer a control request."""
    name = f"{method} {path.removeprefix(_CONTROL)}"
    try:
        match name:
            case "GET /health":
                payload: object = {"status": "ok", "now": world.now.isoformat()}
            case "POST /clock":
                world.move_clock(parse_instant(json.loads(body)["now"]))
                payload = {"now": world.now.isoformat()}
            case "POST /faults":
                world.faults.load(json.loads(body))
                payload = {"rules": len(json.loads(body))}
            case "POST /search_lag":
                seconds = float(json.loads(body)["seconds"])
                world.set_search_lag(timedelta(seconds=seconds))
                payload = {"seconds": seconds}
            case "GET /requests":
                since = int(parse_qs(query).get("since", ["0"])[0])
                payload = [asdict(entry) for entry in world.logged_since(since)]
            case _:
                return ApiAnswer(404, {"error": f"no control path {name}"})
    except (KeyError, TypeError, ValueError) as error:
        return ApiAnswer(400, {"error": f"{name}: {error}"})
    return ApiAnswer(200, payload)


def parse_instant(text: str) -> datetime:
    """Return the instant in UTC.

    Raises:
        ValueError: the text is no ISO 8601 instant or carries no offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        message = (
            f"{text!r} has no UTC offset; write it with one, e.g. …T02:00:00+07:00"
        )
        raise ValueError(message)
    return instant.astimezone(UTC)


@dataclass
class SandboxHandle:
    """A running sandbox in this process; also a context manager that stops it."""

    url: str
    _server: _Server
    _thread: threading.Thread

    def set_clock(self, now: datetime) -> None:
        """Move the virtual clock; the state is rendered as of it from the next request."""
        self._server.world.move_clock(now.astimezone(UTC))

    def set_search_lag(self, lag: timedelta) -> None:
        """Let HubSpot's search know of writes only so much later."""
        self._server.world.set_search_lag(lag)

    def set_faults(self, rules: Sequence[Mapping[str, object]]) -> None:
        """Replace all fault rules.

        Raises:
            FaultScriptError: a rule is malformed.
        """
        self._server.world.faults.load(list(rules))

    def requests(self, since: int = 0) -> list[LoggedRequest]:
        """Return the vendor requests received after that number, oldest first."""
        return self._server.world.logged_since(since)

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """Return the running sandbox."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop it."""
        self.stop()


def start_sandbox(
    company: Company | CompanySource, now: datetime, *, port: int = 0
) -> SandboxHandle:
    """Serve the company on loopback from a thread of this process.

    Args:
        company: the simulated company, or what tells it up to a given instant; a plain one
            is served as it is, whatever the clock.
        now: the virtual clock at the start.
        port: 0 = any free port.
    """
    start = now.astimezone(UTC)
    source = company if callable(company) else _same(company)
    told = source(start)
    world = _World(source, now=start, company=told, vendors=build_vendors(told))
    server = _Server(port, world)
    thread = threading.Thread(
        target=server.serve_forever, args=(0.05,), name="sandbox", daemon=True
    )
    thread.start()
    url = f"http://{LOOPBACK}:{server.server_address[1]}"
    return SandboxHandle(url=url, _server=server, _thread=thread)


def _same(company: Company) -> CompanySource:
    """Return a source that knows one company only."""
    return lambda _until: company


__all__ = [
    "CompanySource",
    "FaultScriptError",
    "LoggedRequest",
    "SandboxHandle",
    "parse_instant",
    "start_sandbox",
]
