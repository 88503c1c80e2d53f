"""Alerts against real sockets on loopback."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from orchestration.alerts import Alert, send_alert
from orchestration.settings import AlertSettings

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

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
        yield server.server_address[1]
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

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name its base gives it
            pass

    with serving(HTTPServer(("127.0.0.1", 0), Handler)) as port:
        url = SecretStr(f"http://127.0.0.1:{port}/hook")
        assert send_alert(ALERT, AlertSettings(webhook_url=url)) == []
    assert bodies[0]["findings"] == list(ALERT.findings)
    assert str(bodies[0]["text"]).startswith(ALERT.title)
    assert ALERT.next_step in str(bodies[0]["text"])


@dataclass
class Mailbox:
    """A mail server on loopback: what it offers, and what it was told."""

    context: ssl.SSLContext | None = None
    told: list[str] = field(default_factory=list)
    encrypted_from: int | None = None

    @contextmanager
    def serving(self) -> Iterator[int]:
        box = self

        class Smtp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with ExitStack() as stack:
                    box.talk(self.request, stack)

        with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)) as port:
            yield port

    def talk(self, line: socket.socket, stack: ExitStack) -> None:
        line.sendall(b"220 test\r\n")
        reader, in_data = stack.enter_context(line.makefile("rb")), False
        while got := reader.readline():
            text = got.decode().rstrip("\r\n")
            self.told.append(text)
            verb = text.upper().partition(" ")[0]
            if in_data:
                if text == ".":
                    in_data = False
                    line.sendall(b"250 ok\r\n")
            elif verb == "EHLO":
                more = b"250-STARTTLS\r\n" if self.context else b""
                line.sendall(b"250-test\r\n" + more + b"250 AUTH PLAIN\r\n")
            elif verb == "STARTTLS" and self.context:
                line.sendall(b"220 go\r\n")
                try:
                    line = self.context.wrap_socket(line, server_side=True)
                except ssl.SSLError:
                    return
                stack.enter_context(line)
                reader = stack.enter_context(line.makefile("rb"))
                self.encrypted_from = len(self.told)
            elif verb == "DATA":
                in_data = True
                line.sendall(b"354 go\r\n")
            elif verb == "AUTH":
                line.sendall(b"235 welcome\r\n")
            elif verb == "QUIT":
                line.sendall(b"221 bye\r\n")
                return
            else:
                line.sendall(b"250 ok\r\n")

    def body(self) -> str:
        """The message as its reader sees it."""
        first = self.told.index("data") + 1
        text = "\n".join(self.told[first : self.told.index(".", first)])
        return message_from_string(text, policy=policy.default).get_content()


def mail_settings(port: int, **more: Any) -> AlertSettings:
    return AlertSettings(
        smtp_host="127.0.0.1",
        smtp_port=port,
        mail_from="nights@acme.test",
        mail_to=("data@acme.test", "cfo@acme.test"),
        **more,
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that nobody but itself vouches for, key included."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def encrypting(certificate: Path) -> Mailbox:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return Mailbox(context)


def test_mail_with_the_findings_reaches_every_receiver() -> None:
    box = Mailbox()
    with box.serving() as port:
        assert send_alert(ALERT, mail_settings(port)) == []
    receivers = [line for line in box.told if line.lower().startswith("rcpt to")]
    assert receivers == ["rcpt TO:<data@acme.test>", "rcpt TO:<cfo@acme.test>"]
    assert box.body().strip() == ALERT.text()
    headers = {line.partition(":")[0] for line in box.told}
    assert {"Subject", "From", "To", "Date", "Message-ID"} <= headers


def test_mail_is_encrypted_where_the_server_offers_it(encrypting: Mailbox) -> None:
    with encrypting.serving() as port:
        assert send_alert(ALERT, mail_settings(port)) == []
    assert encrypting.encrypted_from is not None
    assert encrypting.told.index("data") > encrypting.encrypted_from
    assert "raw gate red" in encrypting.body()


def test_the_password_goes_only_to_a_server_with_the_right_certificate(
    encrypting: Mailbox, certificate: Path
) -> None:
    password = SecretStr("correct-horse")
    with encrypting.serving() as port:
        settings = mail_settings(port, smtp_user="n", smtp_password=password)
        [problem] = send_alert(ALERT, settings)
        assert "SSLCertVerificationError" in problem
        assert not any(line.startswith("AUTH") for line in encrypting.told)
        trusted = replace(settings, smtp_ca_file=str(certificate))
        assert send_alert(ALERT, trusted) == []
    logins = [n for n, line in enumerate(encrypting.told) if line.startswith("AUTH")]
    assert len(logins) == 1
    assert logins[0] > (encrypting.encrypted_from or 0) > 0


@pytest.mark.parametrize(
    "more",
    [{"smtp_tls": "starttls"}, {"smtp_user": "n", "smtp_password": SecretStr("pw")}],
)
def test_an_offer_of_encryption_that_is_missing_is_refused_where_it_is_a_must(
    more: dict[str, Any],
) -> None:
    box = Mailbox()
    with box.serving() as port:
        problems = send_alert(ALERT, mail_settings(port, **more))
    assert problems == ["mail not sent by 127.0.0.1 (SMTPNotSupportedError)"]
    assert "data" not in box.told


def test_nothing_private_leaves_even_when_a_finding_holds_it() -> None:
    url = "http://127.0.0.1:9/services/T0/SECRET"
    alert = Alert(
        "night of 2026-10-31 failed\nin two lines",
        (
            "row of lan.nguyen@khach.vn, phone +84 912 345 678 or 0912345678",
            f"posted to {url} with Bearer abc.def and sk_live_51Habc",
            "warehouse acknowledge drop-stripe_sg-refunds-2026-11-01-01234567 --reason …",
            "9876543210 rows at 2026-11-01 02:00:00+07:00",
            "x" * 5000,
        ),
        "look",
    )
    box = Mailbox()
    with box.serving() as port:
        settings = mail_settings(port, webhook_url=SecretStr(url))
        assert send_alert(alert, settings) == ["webhook not reached (ConnectError)"]
    said = box.body()
    for private in ("lan.nguyen", "345 678", "0912345678", "SECRET", "abc.def", "51H"):
        assert private not in said, private
    # What a person has to type, and figures, are left as they are.
    assert "drop-stripe_sg-refunds-2026-11-01-01234567 --reason" in said
    assert "9876543210 rows at 2026-11-01 02:00:00+07:00" in said
    assert "x" * 599 + "…" in said
    assert "Subject: night of 2026-10-31 failed in two lines" in box.told


def test_a_channel_that_answers_one_byte_at_a_time_is_given_up() -> None:
    enough = threading.Event()

    class Drip(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while not enough.wait(0.02):
                self.request.sendall(b"2")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip)
    with serving(server) as port:
        began = time.monotonic()
        problems = send_alert(ALERT, mail_settings(port), deadline=0.3)
        took = time.monotonic() - began
        enough.set()
    assert problems == ["mail not sent by 127.0.0.1 (no end within 0 s)"]
    assert took < 5


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
