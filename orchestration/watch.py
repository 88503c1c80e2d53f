"""The dead man's watch: telling people what no night can tell, because none runs.

Belongs here: which findings of a status are news, and remembering what was told. Stays out:
finding them (`status`), the channels (`alerts`). It needs no scheduler of ours: any cron that
is not the one it watches over will do.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.errors import EXIT_OK
from orchestration.alerts import Alert, send_alert

if TYPE_CHECKING:
    from pathlib import Path

    from orchestration.settings import AlertSettings
    from orchestration.status import Finding, Status

REPEAT_AFTER: Final = timedelta(hours=24)
"""The same trouble is told once a day, however often the watch looks."""
MEMORY: Final = "watch.json"
NO_CHANNEL: Final = (
    "nobody was told: set WAREHOUSE_ALERT_WEBHOOK or WAREHOUSE_ALERT_SMTP_HOST"
)


def tell_people(
    status: Status, *, company: str, state: Path, alerts: AlertSettings
) -> list[str]:
    """Send one alert if there is news, and return what went wrong with sending.

    News is remembered only once a channel took it, so a dead channel is tried again.
    """
    path = state / MEMORY
    wrong = [finding for finding in status.findings if finding.exit_code != EXIT_OK]
    told = _read(path)
    kept = {topic: told[topic] for f in wrong if (topic := f.topic) in told}
    news = [
        finding
        for finding in wrong
        if status.checked_at - kept.get(finding.topic, _LONG_AGO) >= REPEAT_AFTER
    ]
    problems: list[str] = []
    if news:
        channels = (alerts.webhook_url is not None) + bool(alerts.smtp_host)
        problems = send_alert(_alert(news, company), alerts)
        if not channels:
            return [NO_CHANNEL]
        if len(problems) < channels:
            kept |= {finding.topic: status.checked_at for finding in news}
    if kept != told:
        try:
            _write(path, kept)
        except OSError as error:
            # A full disk is the very thing to be told of, and must not end the telling.
            reason = error.strerror or type(error).__name__
            problems.append(f"not remembered, so it is told again ({reason})")
    return problems


_LONG_AGO: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def _alert(news: list[Finding], company: str) -> Alert:
    return Alert(
        title=f"KPI warehouse {company}: {news[0].text}",
        findings=tuple(f"{f.text} · next: {f.next_step}" for f in news),
        next_step="warehouse status",
    )


def _read(path: Path) -> dict[str, datetime]:
    """Return what was told and when; a damaged memory only tells things twice."""
    try:
        content = json.loads(path.read_text("utf-8"))
        return {topic: datetime.fromisoformat(at) for topic, at in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write(path: Path, told: dict[str, datetime]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    content = {topic: at.isoformat() for topic, at in told.items()}
    aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    aside.replace(path)
