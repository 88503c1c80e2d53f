"""The watch from outside: who is told, when, and how often. The clock is given."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.settings import AlertSettings, Home
from orchestration.status import Finding, Status, read_status
from orchestration.watch import NO_CHANNEL, tell_people

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLISHED_AT = datetime(2026, 10, 31, 19, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Chat:
    """A webhook on loopback; `status` is what it answers with."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    @contextmanager
    def open(self) -> Iterator[AlertSettings]:
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                chat.bodies.append(json.loads(self.rfile.read(length)))
                self.send_response(chat.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name its base gives it
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}/hook"
            yield AlertSettings(webhook_url=SecretStr(url))
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def publish(root: Path, at: datetime) -> None:
    with duckdb.connect(str(root / "warehouse.duckdb")) as con:
        con.execute("create or replace table core_table as select 1 as a")
    publish_build(
        PublishRequest(
            warehouse=root / "warehouse.duckdb",
            published=root / "published",
            tables=(PublishedTable("core_table", "main", "core", ()),),
            build_id=f"b-{at:%d%H%M}",
            as_of=date(2026, 10, 31),
            code_version="c",
            company_name="Acme",
            now=at,
        )
    )


def look(root: Path, at: datetime, alerts: AlertSettings) -> int:
    status = read_status(Home(root), None, now=at)
    tell_people(status, company="Acme", state=root / "state", alerts=alerts)
    return status.exit_code


@pytest.mark.parametrize("minute", [0, 7, 59])
def test_a_dead_scheduler_is_told_within_26_hours_of_the_last_publication(
    tmp_path: Path, minute: int
) -> None:
    publish(tmp_path, PUBLISHED_AT)
    chat = Chat()
    tick, told_after = PUBLISHED_AT.replace(minute=minute) + HOUR, timedelta(0)
    with chat.open() as alerts:
        while not chat.bodies:
            code = look(tmp_path, tick, alerts)
            assert (code != 0) == bool(chat.bodies), "the code and the alert agree"
            told_after = tick - PUBLISHED_AT
            tick += HOUR
    assert timedelta(hours=25) < told_after <= timedelta(hours=26)
    assert chat.bodies[0]["title"].startswith(
        "KPI warehouse Acme: nothing was published"
    )


def test_the_same_trouble_is_told_once_a_day_and_again_after_it_healed(
    tmp_path: Path,
) -> None:
    publish(tmp_path, PUBLISHED_AT)
    chat = Chat()
    first = PUBLISHED_AT + 26 * HOUR
    with chat.open() as alerts:
        for hour in range(48):
            look(tmp_path, first + hour * HOUR, alerts)
        assert len(chat.bodies) == 2
        healed = first + 48 * HOUR
        publish(tmp_path, healed)
        assert look(tmp_path, healed, alerts) == 0
        assert len(chat.bodies) == 2
        look(tmp_path, healed + 26 * HOUR, alerts)
    assert len(chat.bodies) == 3


def test_a_root_in_which_nothing_was_ever_published_is_told(tmp_path: Path) -> None:
    """A watch over a mistyped root, or over nights that never began, is not silent."""
    chat = Chat()
    with chat.open() as alerts:
        for hour in range(3):
            assert look(tmp_path / "kpi", PUBLISHED_AT + hour * HOUR, alerts) == 69
    [body] = chat.bodies
    assert "nothing has ever been published" in body["title"]
    assert str(tmp_path / "kpi") in body["title"]


def test_people_are_told_though_the_watch_cannot_note_it(tmp_path: Path) -> None:
    """As on the full or read-only disk it has to tell of."""
    state = tmp_path / "state"
    state.write_text("no folder")
    chat = Chat()
    with chat.open() as alerts:
        for _ in range(2):
            [problem] = tell_people(
                status_of(OLD), company="Acme", state=state, alerts=alerts
            )
            assert problem.startswith("not remembered, so it is told again (")
    assert len(chat.bodies) == 2


def status_of(*findings: Finding, at: datetime = PUBLISHED_AT) -> Status:
    return Status(checked_at=at, findings=list(findings))


OLD = Finding("publish_age", "nothing was published for 26 h", "see the scheduler", 69)
NEW = Finding("stuck", "process 7 hangs", "kill 7", 75)


def test_something_new_is_told_at_once_and_alone(tmp_path: Path) -> None:
    chat = Chat()
    with chat.open() as alerts:
        for status in (status_of(OLD), status_of(OLD, NEW)):
            tell_people(status, company="Acme", state=tmp_path, alerts=alerts)
    assert [body["findings"] for body in chat.bodies] == [
        ["nothing was published for 26 h · next: see the scheduler"],
        ["process 7 hangs · next: kill 7"],
    ]


def test_a_channel_that_refused_is_tried_again(tmp_path: Path) -> None:
    chat = Chat(status=500)
    with chat.open() as alerts:
        said = tell_people(
            status_of(OLD), company="Acme", state=tmp_path, alerts=alerts
        )
        assert said == ["webhook not reached (HTTPStatusError)"]
        chat.status = 200
        again = status_of(OLD, at=PUBLISHED_AT + HOUR)
        assert not tell_people(again, company="Acme", state=tmp_path, alerts=alerts)
    assert len(chat.bodies) == 2


def test_without_a_channel_it_says_that_nobody_was_told(tmp_path: Path) -> None:
    nowhere = AlertSettings()
    said = tell_people(status_of(OLD), company="Acme", state=tmp_path, alerts=nowhere)
    assert said == [NO_CHANNEL]
    assert tell_people(status_of(), company="A", state=tmp_path, alerts=nowhere) == []


def test_the_command_alerts_and_leaves_with_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, datetime.now(UTC) - 30 * HOUR)
    chat = Chat()
    with chat.open() as alerts:
        url = alerts.webhook_url
        assert url is not None
        monkeypatch.setenv("WAREHOUSE_ALERT_WEBHOOK", url.get_secret_value())
        late = CliRunner().invoke(app, ["watch", "--root", str(tmp_path)])
        allowed = CliRunner().invoke(
            app, ["watch", "--root", str(tmp_path), "--max-age", "2d"]
        )
    assert (late.exit_code, allowed.exit_code) == (69, 0)
    assert len(chat.bodies) == 1
    assert url.get_secret_value() not in late.output
