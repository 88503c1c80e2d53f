"""The sandbox over loopback: routing, virtual clock, request log, wire faults, process life."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from ingest.sandbox.company import build_company
from ingest.sandbox.server import FaultScriptError, start_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.sandbox.server import SandboxHandle

NOW = datetime(2025, 2, 1, 19, 0, tzinfo=UTC)
OWNERS = "/hubspot/crm/v3/owners"
CONTACTS = "/hubspot/crm/v3/objects/contacts?limit=20"
CHARGES = "/stripe_vn/v1/charges?limit=10"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with start_sandbox(lambda until: build_company(until=until), NOW) as handle:
        yield handle


@pytest.fixture
def client(sandbox: SandboxHandle) -> Iterator[httpx.Client]:
    sandbox.set_faults([])
    sandbox.set_clock(NOW)
    headers = {"Authorization": "Bearer t", "developer-token": "t"}
    with httpx.Client(base_url=sandbox.url, headers=headers, trust_env=False) as opened:
        yield opened


def test_every_vendor_answers_under_its_own_path(client: httpx.Client) -> None:
    query = {"query": "SELECT customer.id FROM customer"}
    answers = {
        "hubspot": client.get(OWNERS),
        "stripe_vn": client.get("/stripe_vn/v1/customers"),
        "stripe_sg": client.get("/stripe_sg/v1/customers"),
        "google_ads": client.post(
            "/google_ads/v26/customers/4815162342/googleAds:search", json=query
        ),
        "meta_ads": client.get("/meta_ads/v24.0/act_220145790311045"),
        "other": client.get("/other/v1/customers"),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "hubspot": 200,
        "stripe_vn": 200,
        "stripe_sg": 200,
        "google_ads": 200,
        "meta_ads": 200,
        "other": 404,
    }


def test_state_is_that_of_the_virtual_clock(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    def total() -> int:
        search = "/hubspot/crm/v3/objects/contacts/search"
        return client.post(search, json={"limit": 1}).json()["total"]

    now = total()
    moved = client.post("/_sandbox/clock", json={"now": "2024-11-08T02:00:00+07:00"})
    assert moved.json() == {"now": "2024-11-07T19:00:00+00:00"}
    earlier = total()
    # Later than the company was told at the start: it is told further.
    sandbox.set_clock(datetime(2025, 3, 1, tzinfo=UTC))
    assert 0 < earlier < now < total()


def test_a_clock_without_offset_is_refused(client: httpx.Client) -> None:
    answer = client.post("/_sandbox/clock", json={"now": "2024-11-08T02:00:00"})
    assert answer.status_code == 400
    assert "UTC offset" in answer.json()["error"]


def test_answers_carry_length_and_the_virtual_date(client: httpx.Client) -> None:
    answer = client.get(OWNERS)
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["date"] == "Sat, 01 Feb 2025 19:00:00 GMT"


def test_a_kept_connection_serves_many_requests_quickly(client: httpx.Client) -> None:
    client.get(OWNERS)
    started = time.perf_counter()
    for _ in range(50):
        client.get(OWNERS)
    # Delayed acknowledgements would cost 40 ms each, 2 s in all.
    assert time.perf_counter() - started < 1


def test_log_holds_requests_without_tokens(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    before = len(sandbox.requests())
    last = sandbox.requests()[-1].number if before else 0
    client.get(f"{OWNERS}?archived=true", headers={"Authorization": "Bearer secret"})
    entries = client.get(f"/_sandbox/requests?since={last}").json()
    assert entries == [
        {
            "number": last + 1,
            "method": "GET",
            "path": OWNERS,
            "query": "archived=true",
            "body": "",
            "has_token": True,
            "status": 200,
            "faults": [],
        }
    ]


def test_scripted_status_strikes_at_the_nth_match_for_so_many_times(
    client: httpx.Client,
) -> None:
    rule = {
        "path": "/owners",
        "nth": 2,
        "times": 2,
        "action": "status",
        "status": 429,
        "headers": {"Retry-After": "3"},
        "payload": {"status": "error", "category": "RATE_LIMITS"},
    }
    assert client.post("/_sandbox/faults", json=[rule]).json() == {"rules": 1}
    answers = [client.get(OWNERS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["retry-after"] == "3"
    assert answers[1].json() == {"status": "error", "category": "RATE_LIMITS"}


def test_a_cut_body_breaks_its_promise_of_length(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    sandbox.set_faults([{"path": "contacts", "action": "cut", "share": 0.5}])
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(CONTACTS)
    assert len(client.get(CONTACTS).json()["results"]) == 20


def test_a_body_without_length_ends_early_in_silence(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    sandbox.set_faults([{"path": "contacts", "action": "no_length", "share": 0.5}])
    answer = client.get(CONTACTS)
    assert answer.status_code == 200
    assert "content-length" not in answer.headers
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_dropped_line_is_a_transport_error(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    sandbox.set_faults([{"path": "contacts", "action": "disconnect"}])
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(CONTACTS)


def test_a_login_page_claims_success(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    sandbox.set_faults([{"path": "contacts", "action": "html"}])
    answer = client.get(CONTACTS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")


def test_a_delayed_answer_times_out(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    sandbox.set_faults([{"path": "contacts", "action": "delay", "seconds": 0.4}])
    with pytest.raises(httpx.ReadTimeout):
        client.get(CONTACTS, timeout=0.1)


def test_the_page_before_is_sent_again(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    sandbox.set_faults([{"path": "/charges", "nth": 2, "action": "repeat_page"}])
    first = client.get(CHARGES).json()
    after = first["data"][-1]["id"]
    assert client.get(f"{CHARGES}&starting_after={after}").json() == first
    third = client.get(f"{CHARGES}&starting_after={after}").json()
    assert third["data"][0]["id"] != first["data"][0]["id"]


def test_rows_go_missing_and_come_twice(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    sandbox.set_faults(
        [
            {"path": "/charges", "nth": 1, "action": "drop_rows", "share": 0.5},
            {"path": "/charges", "nth": 2, "action": "duplicate_rows", "count": 2},
        ]
    )
    assert len(client.get(CHARGES).json()["data"]) == 5
    assert len(client.get(CHARGES).json()["data"]) == 12


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"action": "drop_field", "field": "amount"}, {}),
        ({"action": "rename_field", "field": "amount", "to": "sum"}, {"sum": 1}),
        (
            {"action": "retype_field", "field": "amount", "type": "null"},
            {"amount": None},
        ),
        (
            {"action": "retype_field", "field": "amount", "type": "string"},
            {"amount": "1"},
        ),
        ({"action": "add_field", "field": "mood", "value": "good"}, {"mood": "good"}),
    ],
)
def test_fields_drift(
    sandbox: SandboxHandle,
    client: httpx.Client,
    rule: dict[str, object],
    expected: dict[str, object],
) -> None:
    plain = client.get(CHARGES).json()["data"][0]
    sandbox.set_faults([{"path": "/charges", **rule}])
    changed = client.get(CHARGES).json()["data"][0]
    difference = {k: v for k, v in changed.items() if k not in plain or plain[k] != v}
    amount = plain["amount"]
    worked = {k: {1: amount, "1": str(amount)}.get(v, v) for k, v in expected.items()}
    assert difference == worked
    assert ("amount" in changed) is (rule["action"] in {"retype_field", "add_field"})


def test_a_fault_may_look_at_the_request_body(
    sandbox: SandboxHandle, client: httpx.Client
) -> None:
    rule = {"path": "search", "body": '"after": ?"100"', "action": "html", "times": 0}
    sandbox.set_faults([rule])
    search = "/hubspot/crm/v3/objects/contacts/search"
    types = [
        client.post(search, json=body).headers["content-type"]
        for body in ({"limit": 100}, {"limit": 100, "after": "100"})
    ]
    assert types == ["application/json;charset=utf-8", "text/html"]


@pytest.mark.parametrize(
    "rule",
    [
        {"path": "x", "action": "explode"},
        {"path": "x", "action": "status"},
        {"path": "(", "action": "html"},
        {"path": "x", "action": "rename_field", "field": "amount"},
    ],
)
def test_a_malformed_fault_is_refused(
    sandbox: SandboxHandle, rule: dict[str, object]
) -> None:
    with pytest.raises(FaultScriptError):
        sandbox.set_faults([rule])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    command = [sys.executable, "-m", "ingest.sandbox", "serve", "--root", str(tmp_path)]
    clock = ["--now", "2024-11-08T02:00:00+07:00", "--parent-pid", str(os.getpid())]
    process = subprocess.Popen([*command, *clock], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process, tmp_path / "server.json"
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_process_says_where_it_listens_and_ends_on_sigterm(
    served: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, state_file = served
    state = json.loads(state_file.read_text())
    health = httpx.get(f"{state['url']}/_sandbox/health", trust_env=False).json()
    assert health == {"status": "ok", "now": "2024-11-07T19:00:00+00:00"}
    assert state["pid"] == process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert not state_file.exists()


def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ingest.sandbox", "serve", "--root", str(tmp_path)]
    clock = ["--now", "2024-11-08T02:00:00+07:00"]
    script = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen({[*command, *clock]!r} + "
        "['--parent-pid', str(os.getpid())], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    deadline = time.monotonic() + 10
    while (tmp_path / "server.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not (tmp_path / "server.json").exists()


def test_the_company_writes_its_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ingest.sandbox", "write", "--root", str(tmp_path)]
    subprocess.run([*command, "--now", "2024-11-08T02:00:00+07:00"], check=True)
    written = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv")
    }
    assert {path.split("/")[0] for path in written} == {"drop", "export"}
    assert {"drop/nhan_su.csv", "drop/chi_tieu.csv"} <= written
