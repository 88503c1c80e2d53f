"""What a night the schedule starts tells people: what it held back, and a failure once."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from orchestration import resources
from orchestration.lock import BusyError, hold_run_lock
from orchestration.night import NightReport, TableReport
from orchestration.schedules import failure_alert
from orchestration.session import Session
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestration.night_run import NightRun

NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)


class QuietSession(Session):
    """A session whose dbt is never asked."""

    def start_dbt(self) -> Any:
        """Start nothing."""
        return None


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            bodies.append(json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name its base gives it
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", bodies
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def quiet_session(root: Path, given: Settings) -> Iterator[Session]:
    with ExitStack() as stack, hold_run_lock(root, step="x", now=NOW) as lock:
        yield QuietSession(given, "x", lock, lambda: NOW, lambda _: None, None, stack)


@pytest.mark.parametrize(
    ("published", "red", "titles"),
    [
        ("b", ["win_rate is 7"], ["published with findings"]),
        ("b", [], []),
        # A failed run is told by the sensor, once.
        ("", ["win_rate is 7"], []),
    ],
)
def test_what_a_scheduled_night_held_back_is_told_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    told: tuple[str, list[dict[str, Any]]],
    published: str,
    red: list[str],
    titles: list[str],
) -> None:
    url, bodies = told
    settings = load_settings(
        root=tmp_path,
        environ={"WAREHOUSE_ALERT_WEBHOOK": url},
        sandbox_url="http://127.0.0.1:9",
    )

    monkeypatch.setattr(
        resources, "open_session", lambda given, **_: quiet_session(tmp_path, given)
    )

    @dg.op(required_resource_keys={"night"})
    def work(context) -> None:  # noqa: ANN001 - Dagster reads annotations itself
        night: NightRun = context.resources.night
        night.report.published = published
        night.report.tables = [TableReport("kpi_sales", "sales", 1, red)]

    @dg.job(resource_defs={"night": resources.night_resource(settings)})
    def nightly() -> None:
        work()

    with dg.DagsterInstance.ephemeral() as instance:
        tags = {"dagster/partition": "2026-10-31"}
        assert nightly.execute_in_process(instance=instance, tags=tags).success
    assert len(bodies) == len(titles)
    for body, title in zip(bodies, titles, strict=True):
        assert title in body["title"]
        assert "win_rate is 7" in body["text"]


@pytest.mark.parametrize("in_its_way", ["a missed night", "another run", "itself"])
def test_a_failure_is_told_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    told: tuple[str, list[dict[str, Any]]],
    in_its_way: str,
) -> None:
    url, bodies = told
    settings = load_settings(
        root=tmp_path,
        environ={"WAREHOUSE_ALERT_WEBHOOK": url},
        sandbox_url="http://127.0.0.1:9",
    )

    def open_session(given: Settings, **_more: object) -> Any:
        if in_its_way == "another run":
            raise BusyError(None)
        return quiet_session(tmp_path, given)

    def land_missed(session: Session, as_of: date) -> NightReport | None:
        if in_its_way != "a missed night":
            return None
        missed = session.open_night(as_of - timedelta(days=1))
        session.end_night(missed, problem="Stripe refuses the key")
        return missed.report

    monkeypatch.setattr(resources, "open_session", open_session)
    monkeypatch.setattr(resources, "land_missed", land_missed)

    @dg.op(required_resource_keys={"night"})
    def work() -> None:
        message = "dbt broke"
        raise RuntimeError(message)

    @dg.job(resource_defs={"night": resources.night_resource(settings)})
    def nightly() -> None:
        work()

    sensor = failure_alert(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        ended = nightly.execute_in_process(
            instance=instance,
            tags={"dagster/partition": "2026-10-31"},
            raise_on_error=False,
        )
        run = instance.get_run_by_id(ended.run_id)
        assert run is not None
        sensor(
            dg.build_run_status_sensor_context(
                sensor_name=sensor.name,
                dagster_event=ended.get_run_failure_event(),
                dagster_instance=instance,
                dagster_run=run,
            ).for_run_failure()
        )

    words = {"a missed night": ["Stripe refuses the key"], "itself": ["2026-10-31"]}
    assert len(bodies) == len(words.get(in_its_way, []))
    for body, word in zip(bodies, words.get(in_its_way, []), strict=True):
        assert word in body["title"] + body["text"]
