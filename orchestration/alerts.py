"""Telling people that a night failed or held something back.

Belongs here: the text of an alert and the two channels, webhook and mail. Stays out: when to
alert (the command line and the run-failure sensor decide). An alert carries rule ids, counts
and reasons, never a cell of data; addresses and tokens never appear in an error text.
"""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from orchestration.settings import AlertSettings

_TIMEOUT_SECONDS: Final = 10.0
_MAX_FINDINGS: Final = 20


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


def send_alert(alert: Alert, settings: AlertSettings) -> list[str]:
    """Send to every configured channel; return what could not be sent.

    A dead channel never changes the outcome of a night, so nothing is raised for it.
    """
    problems: list[str] = []
    if settings.webhook_url is not None:
        try:
            _post(alert, settings.webhook_url.get_secret_value())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problems.append(f"webhook not reached ({type(error).__name__})")
    if settings.smtp_host:
        try:
            _mail(alert, settings)
        except (OSError, smtplib.SMTPException) as error:
            problems.append(
                f"mail not sent by {settings.smtp_host} ({type(error).__name__})"
            )
    return problems


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
    message.set_content(alert.text())
    with smtplib.SMTP(
        settings.smtp_host, settings.smtp_port, timeout=_TIMEOUT_SECONDS
    ) as server:
        if server.has_extn("starttls") or settings.smtp_password is not None:
            server.starttls()
        if settings.smtp_password is not None:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        server.send_message(message)
