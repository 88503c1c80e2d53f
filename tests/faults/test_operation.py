"""A data team's first days: set up from files, connect, and be told when a night was killed.

Everything runs as a user runs it, through the command, on the clock of this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from orchestration.instance import open_instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.faults

WAREHOUSE = Path(sys.executable).with_name("warehouse")
OLD_CLIENT = "1.4"
DEALS = """\
Deal ID,Deal stage,Deal status,Sales rep,Account,Close value,Created date,Close date
D-1,Proposal,Open,Lan,A-1,1200000.50,2026-09-01,
D-2,Closed,Won,Lan,A-1,250000.00,2026-09-02,2026-09-28
D-3,Closed,Lost,Minh,A-2,75000.00,2026-09-15,2026-09-30
"""
ACCOUNTS = "Account ID,Account name,Industry\nA-1,Sông Hồng,retail\nA-2,Cửu Long,food\n"


@dataclass(frozen=True)
class Office:
    """A folder as a data team has it: a drop, a configuration, a root."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / ".warehouse"

    @property
    def served(self) -> Path:
        return (self.root / "published" / "current").resolve()

    def run(
        self, *arguments: str, expect: int = 0, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(WAREHOUSE), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DO_NOT_TRACK": "1", **(extra or {})},  # noqa: TID251 - a child
        )
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        return done

    def status(self, *, expect: int = 0) -> dict[str, Any]:
        return json.loads(self.run("status", "--json", expect=expect).stdout)


def set_up(folder: Path) -> Office:
    """init → doctor on two small files."""
    made = Office(folder)
    (made.folder / "drop").mkdir()
    (made.folder / "drop" / "deals.csv").write_text(DEALS, encoding="utf-8")
    (made.folder / "drop" / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
    made.run(
        "init", "--kind", "files", "--path", "drop", "--company", "Acme", "--no-ask"
    )
    assert "valid" in made.run("doctor").stdout
    assert "deals.csv): 1 file" in made.run("doctor", "--live").stdout
    return made


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """init → doctor → nightly."""
    made = set_up(tmp_path_factory.mktemp("office"))
    made.run("nightly")
    return made


def test_a_warehouse_set_up_from_two_files_publishes_their_figures(
    office: Office,
) -> None:
    rows = json.loads(office.run("kpi", "deals_won", "--json", "--last", "24").stdout)
    won = {row["period_start_date"]: Decimal(row["value"] or 0) for row in rows}
    assert {month: count for month, count in won.items() if count} == {"2026-09-01": 1}
    told = office.status()
    assert told["healthy"]
    assert told["themes"]["sales"]["state"] == "fresh"
    assert [source["source"] for source in told["sources"]] == ["drop"]


@pytest.fixture(scope="module")
def old_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of an older DuckDB in an environment of its own."""
    home = tmp_path_factory.mktemp("old_client")
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    installed = subprocess.run(
        [
            *(str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"),
            *("--disable-pip-version-check", f"duckdb=={OLD_CLIENT}.*", "duckdb-cli"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode != 0:
        pytest.skip(
            f"the package index gives no older client: {installed.stderr[-300:]}"
        )
    return home / "bin"


READ_ALL = """
import json, sys, time
from pathlib import Path
import duckdb
began, read = time.monotonic(), {}
for path in sorted(Path(sys.argv[1]).glob("*.duckdb")):
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute(
            "select table_name from information_schema.tables order by 1").fetchall()
        for (table,) in tables:
            rows = con.execute(f'select * from "{table}"').fetchall()
            read[f"{path.stem}.{table}"] = len(rows)
print(json.dumps({"version": duckdb.__version__, "seconds": time.monotonic() - began,
                  "read": read}))
"""


def test_an_older_client_reads_every_served_table(
    office: Office, old_client: Path
) -> None:
    done = subprocess.run(
        [str(old_client / "python"), "-c", READ_ALL, str(office.served)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["version"].startswith(OLD_CLIENT)
    manifest = json.loads((office.served / "manifest.json").read_text("utf-8"))
    expected = {
        f"{file}.{name}": table["row_count"]
        for name, table in manifest["tables"].items()
        for file in table["audiences"]
    }
    assert told["read"] == expected
    assert sum(expected.values()) > 1000


def test_the_duckdb_command_line_runs_the_snippet(
    office: Office, old_client: Path, tmp_path: Path
) -> None:
    script = tmp_path / "warehouse.sql"
    script.write_text(office.run("connect", "duckdb").stdout, encoding="utf-8")
    done = subprocess.run(
        [str(old_client / "duckdb"), "-csv", "-c", f".read {script}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert office.served.name in done.stdout
    assert "kpi_key,name_vi,name_en" in done.stdout


def test_python_snippets_run_as_they_are_shown(office: Office, tmp_path: Path) -> None:
    for tool in ("python", "pandas"):
        script = tmp_path / f"{tool}_snippet.py"
        script.write_text(office.run("connect", tool).stdout, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "deals_won" in (tmp_path / "kpi_monthly.csv").read_text("utf-8")


@dataclass
class Chat:
    """A webhook on loopback."""

    bodies: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[str]:
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                chat.bodies.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name its base gives it
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def runs_of(office: Office) -> list[dg.DagsterRunStatus]:
    with open_instance(office.root / "dagster_home") as instance:
        return [run.status for run in instance.get_runs()]


def test_a_killed_night_is_noticed_told_and_healed_without_hand_work(
    office: Office,
) -> None:
    build = office.served.name
    killed = office.run(
        "nightly", expect=-9, extra={"WAREHOUSE_FAULTS": "publish.began=kill"}
    )
    assert "publishing" in killed.stderr
    told = office.status(expect=75)
    assert told["current"] == build
    assert [finding["topic"] for finding in told["findings"]] == ["killed"]
    assert runs_of(office)[0] is dg.DagsterRunStatus.STARTED
    chat = Chat()
    with chat.open() as url:
        for _ in range(2):
            office.run("watch", expect=75, extra={"WAREHOUSE_ALERT_WEBHOOK": url})
    [body] = chat.bodies
    assert "ended without a word" in body["title"]

    office.run("nightly")
    assert office.status()["current"] != build
    statuses = runs_of(office)
    assert statuses[0] is dg.DagsterRunStatus.SUCCESS
    assert statuses[1] is dg.DagsterRunStatus.FAILURE


def test_a_dead_alert_channel_does_not_change_how_a_night_ends(
    tmp_path: Path,
) -> None:
    """And what the live one tells names the file and the reason, and nobody in it."""
    office = set_up(tmp_path)
    (office.folder / "drop" / "deals.csv").write_text(
        DEALS.replace("Deal status", "State of the deal").replace("Lan", "lan@acme.vn"),
        encoding="utf-8",
    )
    chat = Chat()
    with chat.open() as url:
        live = office.run("nightly", expect=65, extra=_alerts(url))
    dead = _alerts("http://127.0.0.1:9/secret-path")
    said = office.run("nightly", expect=65, extra=dead)
    assert "alert: webhook not reached" in said.stderr
    assert "secret-path" not in said.stderr + said.stdout
    assert said.stderr.splitlines()[-1] == live.stderr.splitlines()[-1]
    [body] = chat.bodies
    assert "opportunities" in body["text"]
    assert "Deal status" in body["text"]
    assert "lan@acme.vn" not in json.dumps(body)
    told = office.status(expect=65)
    assert told["current"] is None
    assert "drop opportunities" in told["findings"][-1]["text"]


def _alerts(url: str) -> dict[str, str]:
    return {"WAREHOUSE_ALERT_WEBHOOK": url}
