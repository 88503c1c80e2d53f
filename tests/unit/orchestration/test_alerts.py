"""Alerts against real sockets on loopback."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

from pydantic import SecretStr

from orchestration.alerts import Alert, send_alert
from orchestration.settings import AlertSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ALERT = Alert(
    title="KPI warehouse Acme: night of 2026-10-31 failed",
    findings=("stripe_sg invoices: raw gate red: row_count (observed 0)",),
    next_step="look at the account, then run `warehouse nightly` again",
)


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_webhook_gets_title_findings_and_next_step() -> None:
    bodies: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            bodies.append(json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with serving(HTTPServer(("127.0.0.1", 0), Handler)) as port:
        url = SecretStr(f"http://127.0.0.1:{port}/hook")
        assert send_alert(ALERT, AlertSettings(webhook_url=url)) == []
    assert bodies[0]["findings"] == list(ALERT.findings)
    assert str(bodies[0]["text"]).startswith(ALERT.title)
    assert ALERT.next_step in str(bodies[0]["text"])


def test_mail_is_sent_to_every_receiver() -> None:
    told: list[str] = []

    class Smtp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            in_data = False
            while line := self.rfile.readline():
                text = line.decode().strip()
                told.append(text)
                if in_data and text != ".":
                    continue
                answer = b"250 ok\r\n"
                if text.upper() == "DATA":
                    in_data, answer = True, b"354 go\r\n"
                elif text == ".":
                    in_data = False
                elif text.upper() == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                self.wfile.write(answer)

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)) as port:
        settings = AlertSettings(
            smtp_host="127.0.0.1",
            smtp_port=port,
            mail_from="nights@acme.test",
            mail_to=("data@acme.test", "cfo@acme.test"),
        )
        assert send_alert(ALERT, settings) == []
    receivers = [line for line in told if line.lower().startswith("rcpt to")]
    assert receivers == ["rcpt TO:<data@acme.test>", "rcpt TO:<cfo@acme.test>"]
    assert any("raw gate red" in line for line in told)


def test_dead_channels_are_named_without_their_secret() -> None:
    settings = AlertSettings(
        webhook_url=SecretStr("http://127.0.0.1:9/services/T0/SECRET"),
        smtp_host="127.0.0.1",
        smtp_port=9,
        mail_from="a@acme.test",
        mail_to=("b@acme.test",),
    )
    problems = send_alert(ALERT, settings)
    assert problems == [
        "webhook not reached (ConnectError)",
        "mail not sent by 127.0.0.1 (ConnectionRefusedError)",
    ]


def test_long_lists_are_cut_with_a_count() -> None:
    alert = Alert("t", tuple(f"finding {n}" for n in range(25)), "look")
    assert "- finding 19" in alert.text()
    assert "- finding 20" not in alert.text()
    assert "- and 5 more" in alert.text()
