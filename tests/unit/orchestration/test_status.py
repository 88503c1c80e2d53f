"""What `status` says of a warehouse, with the clock given and every state made by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ingest import ledger
from ingest.config import WarehouseConfig, load_config
from ingest.landing import LandedBatch, record_gate
from ingest.manifest import BatchManifest, encode_manifest
from ingest.paths import StreamPath, incoming_dir, quarantine_dir, raw_dir
from ingest.quarantine import write_quarantine
from ingest.sources.protocol import Rejected
from orchestration.acknowledgements import Acknowledgement, acknowledge
from orchestration.backfill import begin_backfill, plan_backfill
from orchestration.cli import app
from orchestration.lock import hold_run_lock
from orchestration.night import NightReport, Outcome, StreamReport, write_report
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.settings import Home
from orchestration.status import Limits, Status, read_status

if TYPE_CHECKING:
    from collections.abc import Sequence

PUBLISHED_AT = datetime(2026, 10, 31, 19, 10, tzinfo=UTC)
"""02:10 of 1 November in the company's zone: the night of 31 October has ended."""
AS_OF = date(2026, 10, 31)

CONFIG = """\
company: {name: Acme, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - {name: ads, kind: google_ads, developer_token_env: D, token_env: T, customer_ids: ["1"]}
  - {name: crm, kind: hubspot, token_env: T, optional: true}
  - name: drop
    kind: files
    path: drop
    datasets: {targets: {files: t.csv}}
"""
OLD_LOCK = ("pid", "started_at", "step")
ADS = StreamPath("google_ads", "campaign_performance_daily", "ads")
DEALS = StreamPath("hubspot", "deals", "crm")


@dataclass(frozen=True)
class Made:
    """A warehouse made by hand, one state at a time."""

    root: Path

    @property
    def home(self) -> Home:
        return Home(self.root)

    def config(self) -> WarehouseConfig:
        path = self.root / "warehouse.yml"
        path.write_text(CONFIG, encoding="utf-8")
        return load_config(path, environ={}, require_secrets=False)

    def publish(
        self,
        as_of: date = AS_OF,
        at: datetime = PUBLISHED_AT,
        *,
        red: frozenset[str] = frozenset(),
    ) -> None:
        warehouse = self.root / "warehouse.duckdb"
        if not warehouse.exists():
            with duckdb.connect(str(warehouse)) as con:
                con.execute("create table core_table as select 1 as a")
                con.execute("create table sales_table as select 1 as a")
        publish_build(
            PublishRequest(
                warehouse=warehouse,
                published=self.home.published,
                tables=(
                    PublishedTable("core_table", "main", "core", ()),
                    PublishedTable("sales_table", "main", "sales", ()),
                ),
                build_id=f"{as_of}-{at:%H%M}",
                as_of=as_of,
                code_version="c",
                company_name="Acme",
                now=at,
                red_themes=red,
            )
        )

    def load(
        self, stream: StreamPath, as_of: date, rows: dict[str, Sequence[Any]]
    ) -> BatchManifest:
        manifest = make_manifest(stream, as_of, len(next(iter(rows.values()))))
        folder = raw_dir(self.root, stream, manifest.load_date)
        folder.mkdir(parents=True)
        pq.write_table(pa.table(dict(rows)), folder / manifest.parquet_name)
        ledger.append(self.root, manifest)
        return manifest

    def report(self, *streams: StreamReport, **more: Any) -> None:
        report = NightReport(
            AS_OF.isoformat(), "b", PUBLISHED_AT.isoformat(), streams=list(streams)
        )
        for name, value in {"state": "published", "published": "b", **more}.items():
            setattr(report, name, value)
        write_report(self.home.nights, report)

    def look(
        self, now: datetime = PUBLISHED_AT, config: WarehouseConfig | None = None
    ) -> Status:
        return read_status(self.home, config, now=now)


def make_manifest(stream: StreamPath, as_of: date, rows: int) -> BatchManifest:
    load_date = as_of + timedelta(days=1)
    return BatchManifest(
        kind=stream.kind,
        entity=stream.entity,
        stream=stream.stream,
        load_date=load_date,
        batch_id=f"{stream.stream}-{stream.entity}-{load_date}-0a1b2c3d",
        source_name=stream.stream,
        legal_entity="acme",
        mode="",
        is_full_list=False,
        has_gap=False,
        row_count=rows,
        quarantined_count=0,
        extracted_at=datetime(2026, 11, 1, tzinfo=UTC),
        coverage=(),
        totals=(),
        new_cursor=None,
        file_sha256s=(),
        unknown_fields=(),
        parquet_sha256="",
        parquet_bytes=0,
    )


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def topics(status: Status) -> dict[str, int]:
    return {finding.topic: finding.exit_code for finding in status.findings}


def test_a_warehouse_in_order_needs_nobody(made: Made) -> None:
    made.publish()
    made.load(ADS, AS_OF, {"date": [AS_OF]})
    made.report()
    status = made.look(config=made.config())
    assert status.findings == []
    assert status.exit_code == 0
    assert status.build_age == timedelta(0)


@pytest.mark.parametrize(("age", "code"), [(25, 0), (26, 69)])
def test_nothing_published_in_time_is_said(made: Made, age: int, code: int) -> None:
    made.publish()
    status = made.look(PUBLISHED_AT + timedelta(hours=age))
    assert status.exit_code == code
    assert topics(status) == ({"publish_age": 69} if code else {})


def test_missed_nights_are_counted_once_they_should_have_ended(made: Made) -> None:
    made.publish(AS_OF, PUBLISHED_AT)
    config = made.config()
    # 03:59 of 3 November there: the night of 1 November is due, that of the 2nd may run.
    early = datetime(2026, 11, 2, 20, 59, tzinfo=UTC)
    assert made.look(early, config).missed == [date(2026, 11, 1)]
    late = early + timedelta(minutes=1)
    assert made.look(late, config).missed == [date(2026, 11, 1), date(2026, 11, 2)]
    generous = Limits(publish_age=timedelta(days=9))
    status = read_status(made.home, config, now=late, limits=generous)
    [finding] = status.findings
    assert finding.text.endswith("2026-11-01 to 2026-11-02")
    assert finding.exit_code == 69


def test_a_damaged_served_file_comes_before_everything(made: Made) -> None:
    made.publish()
    made.report(state="failed", published="", problem="x", exit_code=69)
    served = made.home.published / "current" / "bi.duckdb"
    served.chmod(0o644)
    content = bytearray(served.read_bytes())
    content[-1] ^= 1
    served.write_bytes(content)
    status = made.look()
    assert status.exit_code == 74
    assert [f.topic for f in status.findings] == ["served", "last_run"]
    assert "bi.duckdb differs" in status.findings[0].text


def test_a_run_at_work_is_no_trouble_until_it_lasts_too_long(made: Made) -> None:
    made.publish()
    with hold_run_lock(made.root, step="night of 2026-10-31", now=PUBLISHED_AT):
        early = made.look(PUBLISHED_AT + timedelta(hours=2))
        assert early.findings == []
        assert early.running is not None
        late = made.look(PUBLISHED_AT + timedelta(hours=2, minutes=1))
    assert topics(late) == {"stuck": 75}
    assert "night of 2026-10-31" in late.findings[0].text
    assert made.look(PUBLISHED_AT + timedelta(hours=9)).findings == []


def test_a_killed_run_is_noticed_though_its_lock_is_free(made: Made) -> None:
    script = (
        "import os, signal, sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from orchestration.lock import hold_run_lock\n"
        "with hold_run_lock(Path(sys.argv[1]), step='dbt', now=datetime.now(UTC)):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(made.root)],
        check=False,
        cwd=Path(__file__).parents[3],
    )
    status = made.look()
    assert topics(status) == {"killed": 75}
    assert "during dbt" in status.findings[0].text
    with hold_run_lock(made.root, step="next night", now=PUBLISHED_AT):
        pass
    assert topics(made.look()) == {"never": 69}


def rewrite_lock(made: Made, **more: Any) -> None:
    """Change what the run lock says of its holder."""
    path = made.root / "state" / "run.lock"
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


@pytest.mark.parametrize("process", ["another boot 1", "1"])
def test_another_process_with_the_number_of_a_killed_run_is_not_taken_for_it(
    made: Made, process: str
) -> None:
    """After a restart of the machine the number belongs to a stranger nobody should kill."""
    with hold_run_lock(made.root, step="night of 2026-10-31", now=PUBLISHED_AT):
        assert made.look().running is not None
        rewrite_lock(made, process=process)
        status = made.look(PUBLISHED_AT + timedelta(hours=3))
    assert status.running is None
    assert topics(status) == {"killed": 75}
    assert "kill" not in status.findings[0].next_step


def test_a_run_on_another_machine_is_at_work_until_it_lasts_too_long(
    made: Made,
) -> None:
    """Its process cannot be seen from here, which is no proof that it was killed."""
    with hold_run_lock(made.root, step="night of 2026-10-31", now=PUBLISHED_AT):
        rewrite_lock(made, host="kpi-1.example", pid=2**22 - 1, process="x 1")
        assert topics(made.look(PUBLISHED_AT + timedelta(minutes=30))) == {}
        late = made.look(PUBLISHED_AT + timedelta(hours=3))
    assert topics(late) == {"stuck": 75}
    assert "process 4194303 on kpi-1.example" in late.findings[0].text


def test_a_lock_of_an_earlier_version_is_still_read(made: Made) -> None:
    with hold_run_lock(made.root, step="x", now=PUBLISHED_AT):
        path = made.root / "state" / "run.lock"
        old = {k: v for k, v in json.loads(path.read_text()).items() if k in OLD_LOCK}
        path.write_text(json.dumps(old))
        assert made.look().running is not None


def test_a_held_drop_names_the_command_until_it_is_accepted(made: Made) -> None:
    made.publish()
    manifest = make_manifest(DEALS, AS_OF, 3)
    folder = incoming_dir(made.root, DEALS, manifest.load_date)
    folder.mkdir(parents=True)
    (folder / "batch.json").write_bytes(encode_manifest(manifest))
    record_gate(LandedBatch(manifest, folder), passed=False)
    mark = f"drop-{manifest.batch_id}"
    made.report(
        StreamReport(
            "crm",
            "crm",
            "deals",
            optional=True,
            outcome=Outcome.HELD,
            red=[
                "deals.row_count (3)",
                f"if true: warehouse acknowledge {mark} --reason …",
            ],
            exit_code=65,
        )
    )
    status = made.look()
    assert topics(status) == {"stream crm deals": 65}
    assert f"warehouse acknowledge {mark} --reason" in status.findings[0].next_step
    [waiting] = status.waiting
    assert (waiting.entity, waiting.row_count, waiting.gate) == ("deals", 3, "red")

    acknowledge(made.root, Acknowledgement(mark, "moved", "lan", "2026-11-01"))
    after = made.look()
    assert after.exit_code == 0
    assert "the next night takes it" in after.findings[0].next_step


def test_a_held_theme_says_since_when(made: Made) -> None:
    made.publish(AS_OF - timedelta(days=1), PUBLISHED_AT - timedelta(days=1))
    made.publish(red=frozenset({"sales"}))
    status = made.look()
    assert topics(status) == {"theme sales": 65}
    assert "after 2026-10-30" in status.findings[0].text


def test_a_theme_that_was_never_green_needs_a_person(made: Made) -> None:
    """Tempting: only what is held. A first night's red theme would be nobody's business."""
    made.publish(red=frozenset({"sales"}))
    status = made.look()
    assert topics(status) == {"theme sales": 65}
    assert "was never green, so no figure of it is shown" in status.findings[0].text


def test_an_old_window_sent_again_is_stale_though_it_loads_every_night(
    made: Made,
) -> None:
    made.publish()
    for back in (2, 1, 0):
        day = AS_OF - timedelta(days=back)
        made.load(ADS, day, {"date": [date(2026, 10, 27), date(2026, 10, 28)]})
    made.load(DEALS, AS_OF, {"created_at": [PUBLISHED_AT - timedelta(days=30)]})
    status = made.look(config=made.config())
    ads, crm, drop = status.sources
    assert (ads.state, ads.data_through, ads.loaded_through) == (
        "stale",
        date(2026, 10, 28),
        AS_OF,
    )
    # Deals of last month only: nobody sells every day, so this is said and no alarm.
    assert (crm.state, crm.data_through) == ("quiet", date(2026, 10, 2))
    assert drop.state == "not loaded yet"
    assert topics(status) == {"source ads": 69}


@pytest.mark.parametrize(
    ("hours", "state"), [(26, "fresh"), (27, "late"), (50, "late"), (51, "stale")]
)
def test_late_after_26_hours_and_stale_after_50(
    made: Made, hours: int, state: str
) -> None:
    midnight = datetime(2026, 10, 31, 17, tzinfo=UTC)
    made.load(ADS, AS_OF, {"date": [AS_OF]})
    status = made.look(midnight + timedelta(hours=hours), made.config())
    assert status.sources[0].state == state
    assert ("source ads" in topics(status)) == (state == "stale")


def test_a_planned_day_does_not_make_a_source_fresh(made: Made) -> None:
    made.load(ADS, AS_OF, {"date": [date(2026, 10, 20), date(2027, 1, 31)]})
    assert made.look(config=made.config()).sources[0].data_through == date(2026, 10, 20)


def test_an_evening_in_utc_is_the_next_business_day_there(made: Made) -> None:
    instant = datetime(2026, 10, 30, 17, 30, tzinfo=UTC)
    made.load(DEALS, AS_OF, {"updated_at": [instant]})
    assert made.look(config=made.config()).sources[1].data_through == AS_OF


def test_refused_rows_are_counted_by_source_entity_and_reason(made: Made) -> None:
    for day, count in ((AS_OF, 3), (AS_OF - timedelta(days=7), 5)):
        manifest = make_manifest(DEALS, day, 9)
        folder = quarantine_dir(made.root, DEALS, manifest.load_date)
        write_quarantine(
            folder / f"{manifest.batch_id}.jsonl",
            [
                Rejected(f"x:{n}", "", "amount", "9.9,9", "is not a number")
                for n in range(count)
            ],
        )
        counted = {**vars(manifest), "quarantined_count": count}
        ledger.append(made.root, BatchManifest(**counted))
    [found] = made.look().quarantine
    assert (
        found.source,
        found.entity,
        found.column,
        found.reason,
        found.row_count,
    ) == (
        "crm",
        "deals",
        "amount",
        "is not a number",
        3,
    )


def test_a_backfill_that_broke_off_names_the_words_to_go_on(made: Made) -> None:
    plan = plan_backfill(
        made.root, date(2026, 9, 1), AS_OF, source="crm", now=PUBLISHED_AT
    )
    begin_backfill(made.root, plan)
    made.publish()
    status = made.look()
    assert status.exit_code == 0
    [finding] = status.findings
    assert finding.next_step == (
        "warehouse backfill --from 2026-09-01 --to 2026-10-31 --source crm"
    )
    with hold_run_lock(made.root, step="backfill of …", now=PUBLISHED_AT):
        assert made.look().findings == []


def test_what_a_drop_holds_in_vain_is_said_and_calls_nobody(made: Made) -> None:
    told = "drop: deal_10.csv feeds nothing; did you mean it for 'deals*.csv'?"
    made.publish()
    made.report(notices=[told])
    status = made.look()
    assert [(f.text, f.next_step) for f in status.findings] == [
        (told, "warehouse files check")
    ]
    assert status.exit_code == 0


def test_subscriptions_without_a_price_are_shown_with_the_way_out(made: Made) -> None:
    made.publish(at=datetime.now(UTC))
    made.report(unpriced="2 subscriptions in service have no price per unit")
    ((text, step),) = [(f.text, f.next_step) for f in made.look().findings]
    assert text.startswith("2 subscriptions")
    assert "mrr_source: invoice_lines" in step


def test_files_nothing_proves_and_files_read_otherwise_are_shown(made: Made) -> None:
    made.publish(at=datetime.now(UTC))
    made.config()
    stream = StreamPath("files", "targets", "drop.targets")
    manifest = replace(
        make_manifest(stream, AS_OF, 1),
        file_sha256s=("1" * 64,),
        unproven={"1" * 64: "t.csv"},
        read_as="as nobody would today",
    )
    ledger.append(made.root, manifest)
    asked = ["status", "--root", str(made.root), "--config"]
    asked.append(str(made.root / "warehouse.yml"))

    shown = CliRunner().invoke(app, asked).output
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)

    assert "drop.targets: t.csv, loaded by the night of 2026-10-31" in shown
    assert "next: have the sender put a manifest.json beside them" in shown
    command = "warehouse backfill --from 2026-10-31 --to 2026-10-31 --source drop"
    assert f"next: {command}" in shown
    assert told["unproven_files"] == [
        {"stream": "drop.targets", "file": "t.csv", "since": "2026-10-31"}
    ]
    assert [one["next"] for one in told["read_otherwise"]] == [command]


def test_the_command_leaves_with_the_code_of_the_worst_finding(made: Made) -> None:
    made.publish(at=datetime.now(UTC))
    made.report(
        StreamReport(
            "crm", "crm", "deals", optional=True, outcome=Outcome.FAILED,
            problem="access refused", exit_code=77,
        ),
        StreamReport(
            "ads", "ads", "campaigns", optional=True, outcome=Outcome.FAILED,
            problem="no answer", exit_code=69,
        ),
    )  # fmt: skip
    done = CliRunner().invoke(app, ["status", "--root", str(made.root), "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == told["exit_code"] == 77
    assert not told["healthy"]
    shown = CliRunner().invoke(app, ["status", "--root", str(made.root)])
    assert shown.exit_code == 77
    assert shown.output.index("access refused") < shown.output.index("no answer")


def test_a_wrong_configuration_does_not_blind_the_status(made: Made) -> None:
    made.publish(at=datetime.now(UTC))
    config = made.root / "broken.yml"
    config.write_text("company: {name: Acme}\n", encoding="utf-8")
    done = CliRunner().invoke(
        app, ["status", "--root", str(made.root), "--config", str(config)]
    )
    assert done.exit_code == 78
    assert "published as of 2026-10-31" in done.output
    assert "broken.yml" in done.output
