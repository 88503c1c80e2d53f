"""Telling people that a night failed, held something back, or never came.

Belongs here: the text of an alert and the two channels, webhook and mail. Stays out: when to
alert (a night's end, the run-failure sensor, `warehouse watch`). An alert carries rule ids,
counts and reasons, never a cell of data; addresses and tokens never appear in an error text.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestration.settings import AlertSettings

_TIMEOUT_SECONDS: Final = 10.0
"""For one step of a conversation: connect, a line of an answer."""
DEADLINE_SECONDS: Final = 30.0
"""For a channel as a whole. A server that answers one byte at a time never reaches the other
limit, and must not keep a night from ending."""
_MAX_FINDINGS: Final = 20
_MAX_LENGTH: Final = 600
"""Of one finding; a dbt error may quote pages of SQL, which nobody reads in a chat."""

_PRIVATE: Final = (
    (re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']*"), r"\1"),
    (re.compile(r"\bBearer\s+\S+", re.IGNORECASE), "<secret>"),
    (re.compile(r"\b(?:sk|rk|pk)_(?:live|test)_\S+"), "<secret>"),
    (re.compile(r"\b(?:pat-[a-z0-9]{2,4}-|EAA|ya29\.)\S+"), "<secret>"),
    (re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+"), "<e-mail>"),
    # Not after a digit, letter or hyphen: batch ids and dates must survive, because the
    # command that accepts a finding names them.
    (re.compile(r"(?<![\w.:-])(?:\+|0)\d(?:[\s().-]?\d){7,}(?![\w-])"), "<phone>"),
)
"""Findings are made without personal data. This is the last look before a text leaves the
machine, because the text of a library's error is not ours to promise for."""


@dataclass(frozen=True)
class Alert:
    """What happened, in one line, and the findings behind it."""

    title: str
    findings: tuple[str, ...]
    next_step: str

    def text(self) -> str:
        """Return the message people read; long lists are cut with a count."""
        shown = [f"- {finding}" for finding in self.findings[:_MAX_FINDINGS]]
        more = len(self.findings) - len(shown)
        if more > 0:
            shown.append(f"- and {more} more")
        return "\n".join([self.title, *shown, f"Next: {self.next_step}"])


def send_alert(
    alert: Alert, settings: AlertSettings, *, deadline: float = DEADLINE_SECONDS
) -> list[str]:
    """Send to every configured channel; return what could not be sent.

    A dead channel never changes the outcome of a night, so nothing is raised for it.
    """
    safe = _without_private(alert, settings)
    problems: list[str] = []
    if settings.webhook_url is not None:
        url = settings.webhook_url.get_secret_value()
        problem = _attempt(lambda: _post(safe, url), deadline)
        problems += [f"webhook not reached ({problem})"] if problem else []
    if settings.smtp_host:
        problem = _attempt(lambda: _mail(safe, settings), deadline)
        where = settings.smtp_host
        problems += [f"mail not sent by {where} ({problem})"] if problem else []
    return problems


def _attempt(send: Callable[[], None], deadline: float) -> str:
    """Return '' once it is sent, else the kind of what went wrong."""
    problem = [f"no end within {deadline:.0f} s"]

    def work() -> None:
        try:
            send()
            problem[0] = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, the night goes on
            # Only the class: the text of some of them holds the address with its token.
            problem[0] = type(error).__name__

    thread = threading.Thread(target=work, name="alert", daemon=True)
    thread.start()
    thread.join(deadline)
    return problem[0]


def _without_private(alert: Alert, settings: AlertSettings) -> Alert:
    """Return the alert as it may leave the machine: one line per finding, nothing private."""
    own = [
        secret.get_secret_value()
        for secret in (settings.webhook_url, settings.smtp_password)
        if secret is not None
    ]

    def clean(text: str) -> str:
        for secret in own:
            text = text.replace(secret, "<secret>")
        for pattern, replacement in _PRIVATE:
            text = pattern.sub(replacement, text)
        text = " ".join(text.split())
        return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"

    return Alert(
        clean(alert.title), tuple(map(clean, alert.findings)), clean(alert.next_step)
    )


def _post(alert: Alert, url: str) -> None:
    """Post as JSON; `text` is what Slack, Teams, Mattermost and Google Chat show."""
    body = {
        "text": alert.text(),
        "title": alert.title,
        "findings": list(alert.findings),
        "next_step": alert.next_step,
    }
    httpx.post(url, json=body, timeout=_TIMEOUT_SECONDS).raise_for_status()


def _mail(alert: Alert, settings: AlertSettings) -> None:
    message = EmailMessage()
    message["Subject"] = alert.title
    message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.mail_to)
    # Relays between machines of a company add neither; mailboxes sort and filter by both.
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid()
    message.set_content(alert.text())
    with _open_mail(settings) as server:
        if settings.smtp_password is not None:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        server.send_message(message)


def _open_mail(settings: AlertSettings) -> smtplib.SMTP:
    """Return a connection, encrypted as configured.

    `auto` takes STARTTLS where the server offers it, whoever signed its certificate: better
    than nothing towards the relay next door. With a password encryption is a must and the
    certificate is checked: somebody in between could hide the offer and read along.
    """
    where = (settings.smtp_host, settings.smtp_port)
    must = settings.smtp_tls == "starttls" or settings.smtp_password is not None
    # smtplib's own default context accepts any certificate.
    context = ssl.create_default_context(cafile=settings.smtp_ca_file or None)
    if settings.smtp_tls == "tls":
        return smtplib.SMTP_SSL(*where, timeout=_TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(*where, timeout=_TIMEOUT_SECONDS)
    try:
        server.ehlo()
        if settings.smtp_tls != "none" and (must or server.has_extn("starttls")):
            if not must:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server
