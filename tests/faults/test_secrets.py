"""Rows J7 and J8: no secret and no person in what a night leaves behind or says.

Secrets and people are planted where they could get out: tokens in the environment and echoed
by the vendor (plain, URL-encoded, base64), addresses and phone numbers in refusals, in values
that cannot be typed, in names of fields. Everything below the root, everything said, every
alert and every command line of the machine is searched. Whole nights are in the long lane.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import duckdb
import pytest

from ingest.sandbox.company import build_company
from ingest.sandbox.model import present
from ingest.sandbox.server import start_sandbox
from orchestration.night_run import night_instant
from tests.faults import invariants
from tests.faults.vendors import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "Asia/Ho_Chi_Minh"
AS_OF = date(2026, 10, 30)
WAREHOUSE = Path(sys.executable).with_name("warehouse")
SECRETS = {
    "HUBSPOT_TOKEN": "pat-na1-planted/hub+spot=token",
    "STRIPE_KEY": "rk_live_planted/stripe+key=0123456789",
    "META_TOKEN": "EAAplanted/meta+token=0123456789",
    "GOOGLE_DEVELOPER": "planted-developer+token/0123=",
    "GOOGLE_CLIENT": "planted-client.apps.example/0123=",
    "GOOGLE_SECRET": "GOCSPX-planted+secret/0123=",
    "GOOGLE_REFRESH": "1//planted-refresh+token/0123=",
}
PEOPLE = ("lan.nguyen@planted.example", "+84 903 771 159", "0903771158")

CONFIG = """\
company: {{name: Planted, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}}
sources:
  - {{name: hubspot_main, kind: hubspot, base_url: "{url}/hubspot", token_env: HUBSPOT_TOKEN,
     portal_id: "44120077", legal_entity: acme_vn, max_quarantine_share: 0.9}}
  - {{name: stripe_vn, kind: stripe, base_url: "{url}/stripe_vn", key_env: STRIPE_KEY,
     account: acct_1AcmeVn0000000000, legal_entity: acme_vn, optional: {optional}}}
  - {{name: google_main, kind: google_ads, base_url: "{url}/google_ads",
     token_url: "{url}/google_ads/token", developer_token_env: GOOGLE_DEVELOPER,
     client_id_env: GOOGLE_CLIENT, client_secret_env: GOOGLE_SECRET,
     refresh_token_env: GOOGLE_REFRESH, customer_ids: ["4815162342"], optional: {optional}}}
  - {{name: meta_main, kind: meta_ads, base_url: "{url}/meta_ads", token_env: META_TOKEN,
     account_ids: ["220145790311045"], optional: {optional}}}
"""


SENT = {
    "hubspot": ("HUBSPOT_TOKEN",),
    "stripe_vn": ("STRIPE_KEY",),
    "google_ads": (
        "GOOGLE_DEVELOPER", "GOOGLE_CLIENT", "GOOGLE_SECRET", "GOOGLE_REFRESH",
    ),
    "meta_ads": ("META_TOKEN",),
}  # fmt: skip
"""What each vendor is sent, and so could quote."""


def echo(vendor: str, people: tuple[str, ...] = PEOPLE) -> str:
    """Return what a talkative vendor says: its secrets in every form, and people."""
    forms = [
        form
        for name in SENT[vendor]
        for form in (
            SECRETS[name],
            quote(SECRETS[name], safe=""),
            base64.b64encode(SECRETS[name].encode()).decode(),
        )
    ]
    return f"no rights for {', '.join(people)} with {' '.join(forms)}"


def talkative(
    method: str, path: str, _query: dict[str, str], body: bytes
) -> tuple[int, Any]:
    """Answer as a vendor that quotes what it was sent, in refusals, values and names."""
    said = echo(path.split("/")[1])
    if path.endswith("/token"):
        if b"planted-client" not in body:
            return 400, {"error": "invalid_client"}
        return 200, {"access_token": "planted-access-token-0123456789"}
    if path.endswith("/contacts/search"):
        person = {
            "id": "1", "archived": False, PEOPLE[0]: "a field named like a person",
            "properties": {
                "lastmodifieddate": "2026-10-30T00:00:00Z", "createdate": PEOPLE[0],
                "email": PEOPLE[0], "phone": PEOPLE[1],
            },
        }  # fmt: skip
        well = {**person, "id": "2"}
        well["properties"] = {
            **person["properties"],
            "createdate": "2026-10-30T00:00:00Z",
        }
        return 200, {"total": 2, "results": [person, well]}
    if method == "GET" and path.endswith("/contacts"):
        return 200, {"results": []}
    code = 401 if "stripe" in path else 400
    return code, {"error": {"message": said, "code": 100}, "message": said}


class Watch:
    """Everything the outside sees while a command runs: command lines, alerts, output."""

    def __init__(self) -> None:
        self.command_lines: set[bytes] = set()
        self.alerts: list[bytes] = []
        self.said: list[str] = []

    @contextmanager
    def looking(self) -> Iterator[str]:
        """Look at every process of the machine and take in alerts; yield their address."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.1):
                for path in Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        self.command_lines.add(path.read_bytes())
                    except OSError:  # it ended meanwhile
                        continue

        def alert(_m: str, _p: str, _q: dict[str, str], body: bytes) -> tuple[int, Any]:
            self.alerts.append(body)
            return 200, {}

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            with serving(alert) as url:
                yield url
        finally:
            over.set()
            watcher.join()

    def run(self, *arguments: str, root: Path, config: Path) -> int:
        """Run one command with the secrets in its environment."""
        with self.looking() as webhook:
            done = subprocess.run(
                [str(WAREHOUSE), *arguments, "--config", str(config), "--root", str(root)],
                capture_output=True, text=True, check=False,
                env={**os.environ, **SECRETS, "WAREHOUSE_ALERT_WEBHOOK": webhook},  # noqa: TID251 - a child process
            )  # fmt: skip
        self.said += [done.stdout, done.stderr]
        return done.returncode

    def leaks(self, root: Path, persons: tuple[str, ...]) -> list[str]:
        """Return where a secret or a person can be found."""
        texts = [
            t.decode("utf-8", "replace") for t in (*self.command_lines, *self.alerts)
        ]
        return invariants.nothing_leaks(
            root, secrets=SECRETS.values(), persons=persons, said=[*self.said, *texts]
        )


def write_config(folder: Path, url: str, *, optional: bool) -> Path:
    path = folder / "warehouse.yml"
    path.write_text(CONFIG.format(url=url, optional=str(optional).lower()), "utf-8")
    return path


def test_a_talkative_vendor_is_not_quoted(tmp_path: Path) -> None:
    """J7, J8: refusals, quarantine, manifests, night report, alert and command lines."""
    watch = Watch()
    with serving(talkative) as url:
        config = write_config(tmp_path, url, optional=False)
        code = watch.run(
            "nightly",
            "--as-of",
            AS_OF.isoformat(),
            root=tmp_path / "root",
            config=config,
        )
    assert code in (65, 69, 77)
    report = json.loads((tmp_path / "root/state/nights" / f"{AS_OF}.json").read_text())
    problems = {s["entity"]: s["problem"] for s in report["streams"]}
    # Each was refused with words of the vendor's own, so there was something to clean.
    assert "no rights for <e-mail>" in problems["deals"]
    assert "access refused (status 401: no rights" in problems["charges"]
    quarantined = list((tmp_path / "root/quarantine").rglob("*.jsonl"))
    assert "aaa.aaaaaa@aaaaaaa.aaaaaaa" in quarantined[0].read_text()
    assert watch.alerts
    assert any(b"nightly" in line for line in watch.command_lines)
    assert watch.leaks(tmp_path / "root", PEOPLE) == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """J7: a secret in any form, in a file, an alert or a command line, is found."""
    word = SECRETS["META_TOKEN"]
    for number, form in enumerate(
        (word, quote(word, safe=""), base64.b64encode(word.encode()).decode())
    ):
        (tmp_path / f"{number}.log").write_text(f"GET /x?token={form}", "utf-8")
    (tmp_path / "person.log").write_text(f"dear {PEOPLE[0]}", "utf-8")
    watch = Watch()
    child = [sys.executable, "-c", "import time; time.sleep(1)", word]
    with watch.looking(), subprocess.Popen(child):
        time.sleep(0.3)
    assert len(watch.leaks(tmp_path, PEOPLE)) == 5


@pytest.mark.faults
def test_fault_nights_leave_no_trace_of_secrets_or_people(tmp_path: Path) -> None:
    """J7, J8: a good night, a bad one and a red one: dbt artefacts, event log, build, page."""
    second = AS_OF + timedelta(days=1)
    now = night_instant(second, ZONE)
    company = build_company(seed=7, scale=1, until=now)
    contacts = present(company.hubspot.contacts, now)
    people = tuple(
        str(contact[name])
        for contact in contacts[::150]
        for name in ("email", "phone")
        if contact.get(name)
    )
    assert len(people) > 10
    watch, root = Watch(), tmp_path / "root"
    with start_sandbox(company, night_instant(AS_OF, ZONE)) as sandbox:
        config = write_config(tmp_path, sandbox.url, optional=True)
        assert (
            watch.run("nightly", "--as-of", AS_OF.isoformat(), root=root, config=config)
            == 0
        )
        sandbox.set_clock(now)
        sandbox.set_faults([
            {"path": "/contacts/search", "times": 0, "action": "retype_field",
             "field": "createdate", "type": "list", "count": 3},
            {"path": "/stripe_vn/v1/charges", "times": 0, "action": "status", "status": 403,
             "payload": {"error": {"message": echo("stripe_vn", people)}}},
            {"path": "/meta_ads/", "times": 0, "action": "cut"},
            {"path": "/google_ads/token", "times": 0, "action": "status", "status": 400,
             "payload": {"error": "invalid_grant", "error_description": echo("google_ads")}},
        ])  # fmt: skip
        assert (
            watch.run(
                "nightly", "--as-of", second.isoformat(), root=root, config=config
            )
            == 0
        )
        sandbox.set_faults([
            {"path": "/deals", "times": 0, "action": "drop_field", "field": "dealstage"}
        ])  # fmt: skip
        assert watch.run(
            "nightly", "--refetch", "--as-of", second.isoformat(), root=root, config=config
        ) == 65  # fmt: skip
    assert len(watch.alerts) >= 2
    assert watch.leaks(root, people) == []
    assert in_served_tables(root, people) == []


def in_served_tables(root: Path, people: tuple[str, ...]) -> list[str]:
    """Return the served columns a person stands in; their pages are compressed on disk."""
    found: list[str] = []
    for file in (root / "published" / "current").resolve().glob("*.duckdb"):
        with duckdb.connect(str(file), read_only=True) as db:
            columns = db.execute(
                "select table_name, column_name from information_schema.columns"
                " where data_type = 'VARCHAR'"
            ).fetchall()
            for table, column in columns:
                sql = (
                    f'select count(*) from "{table}" where list_contains(?, "{column}")'
                )
                (count,) = db.execute(sql, [list(people)]).fetchone() or (0,)
                found += [f"{file.name} {table}.{column}"] if count else []
    return found
