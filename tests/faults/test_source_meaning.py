"""Rows D5-D12 of the fault matrix: answers that are whole and still mean something wrong.

Lists that lost records, fields that came, went, changed name or type, keys left out; ad days are
in `test_restated_ads.py`. Judged where a night judges them: extraction, raw gate, promotion;
`test_nights_of_bad_meaning` in the long lane does it through the command.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from expectations.changes import BatchChanges, judge_changes
from ingest.config import VendorSource, load_config
from ingest.errors import ContractViolation, TruncatedExtract
from ingest.job import extract_entity
from ingest.landing import LandedBatch, promote_batch
from ingest.sandbox.company import build_company
from ingest.sandbox.server import SandboxHandle, start_sandbox
from ingest.sources.protocol import Stream
from orchestration.acknowledgements import (
    Acknowledgement,
    acknowledge,
    read_acknowledged,
)
from orchestration.batch_changes import Freshness
from orchestration.column_use import used_columns
from orchestration.gates import judge_batch
from orchestration.night import Outcome
from orchestration.night_run import night_instant
from orchestration.settings import PACKAGES, SANDBOX_CONFIG, load_settings
from tests.faults.desk import Desk
from tests.pipeline.conftest import Warehouse
from tests.pipeline.test_bad_nights import script_faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expectations.results import GateResult

DAY = timedelta(days=1)
AS_OF = date(2026, 10, 31)
ZONE = "Asia/Ho_Chi_Minh"
NOW = night_instant(AS_OF, ZONE)
DEALS = Stream("hubspot", "deals", "hubspot_main")
SEARCH = "/hubspot/crm/v3/objects/deals/search"
READS = r"/hubspot/crm/v3/objects/deals(/search|\?)"
"""The search and the recycle bin: a property that is gone is gone from both."""
ITEMS = Stream("stripe", "subscription_items", "stripe_vn")


def test_a_list_that_lost_a_handful_of_a_few_is_no_finding() -> None:
    """D5: the bound is the larger of 50 records and 1 %."""

    def is_red(removed: int, known: int) -> bool:
        changes = BatchChanges("s.e", removed_count=removed, known_count=known)
        return not judge_changes(changes)[0].passed

    assert not is_red(50, 60)
    assert is_red(51, 60)
    assert not is_red(100, 10_000)
    assert is_red(101, 10_000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    until = NOW + 5 * DAY
    with start_sandbox(build_company(seed=7, scale=1, until=until), NOW) as handle:
        yield handle


@dataclass
class Bench:
    """Single streams of the sandbox, judged night after night."""

    sandbox: SandboxHandle
    root: Path
    source_changes: dict[str, object] = field(default_factory=dict)

    def source(self, name: str) -> VendorSource:
        config = load_config(
            SANDBOX_CONFIG,
            environ={},
            sandbox_url=self.sandbox.url,
            sandbox_root=self.root,
        )
        source = config.source(name)
        assert isinstance(source, VendorSource)
        return source.model_copy(update=self.source_changes)

    def land(self, stream: Stream, night: int, *faults: dict[str, Any]) -> LandedBatch:
        now = NOW + night * DAY
        self.sandbox.set_clock(now)
        self.sandbox.set_faults(faults)
        return extract_entity(
            self.source(stream.name), stream, root=self.root, as_of=AS_OF + night * DAY,
            now=now, sleep=lambda _: None, acknowledged=read_acknowledged(self.root),
            resume=False,
        )  # fmt: skip

    def judge(self, batch: LandedBatch, night: int) -> GateResult:
        verdict = judge_batch(
            batch, root=self.root, as_of=AS_OF + night * DAY,
            acknowledged=read_acknowledged(self.root), freshness=Freshness(26, 50),
        )  # fmt: skip
        if verdict.passed:
            promote_batch(self.root, batch)
        return verdict

    def night(self, stream: Stream, night: int, *faults: dict[str, Any]) -> GateResult:
        return self.judge(self.land(stream, night, *faults), night)


@pytest.fixture
def bench(sandbox: SandboxHandle, tmp_path: Path) -> Iterator[Bench]:
    yield Bench(sandbox, tmp_path)
    sandbox.set_faults([])


def fault(path: str, action: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "times": 0, "action": action, **more}


def test_a_truncated_list_deletes_nothing_until_a_person_accepts(bench: Bench) -> None:
    """D5: 40 % of the subscriptions missing from a whole, well-formed list."""
    assert bench.night(ITEMS, 0).passed
    before = sorted(p.name for p in (bench.root / "raw").rglob("*.parquet"))
    cut = fault("/stripe_vn/v1/subscriptions", "drop_rows", share="0.4")
    verdict = bench.night(ITEMS, 1, cut)
    assert not verdict.passed
    (red,) = [
        rule for rule in verdict.failed if rule.rule_id.endswith("removed_records")
    ]
    assert "no deletion is applied" in red.why
    assert sorted(p.name for p in (bench.root / "raw").rglob("*.parquet")) == before
    # Held again the next night, whatever it delivers, until a person accepts.
    again = bench.night(ITEMS, 2, cut)
    assert [rule.finding for rule in again.failed] == [red.finding]
    acknowledge(
        bench.root, Acknowledgement(red.finding, "moved to Paddle", "lan", "now")
    )
    assert bench.night(ITEMS, 2, cut).passed
    # What was accepted is the new measure: the smaller list is no finding from now on.
    assert bench.night(ITEMS, 3, cut).passed


def test_an_empty_list_is_not_even_landed(bench: Bench) -> None:
    """D20: a full list with nothing in it, against one with hundreds."""
    assert bench.night(ITEMS, 0).passed
    empty = fault(
        "/stripe_vn/v1/subscriptions", "status", status=200,
        payload={"object": "list", "data": [], "has_more": False},
    )  # fmt: skip
    with pytest.raises(
        TruncatedExtract, match=r"has 0 rows, .* acknowledge drop-stripe_vn"
    ):
        bench.land(ITEMS, 1, empty)


def test_a_new_field_lands_is_said_once_and_changes_nothing(bench: Bench) -> None:
    """D8: kept in the payload, noted in its first night; typed rows are the same."""
    assert bench.night(DEALS, 0).notes == ()
    calm = bench.land(DEALS, 1)
    added = fault(SEARCH, "add_field", field="hs_new_score", value="17")
    batch = bench.land(DEALS, 1, added)
    columns = ["deal_id", "_row_hash"]
    rows, same = (
        sorted(pq.read_table(b.parquet, columns=columns).to_pylist(), key=str)
        for b in (batch, calm)
    )
    assert rows == same
    payload = pq.read_table(batch.parquet, columns=["_payload"]).column(0)[0].as_py()
    assert json.loads(payload)["properties"]["hs_new_score"] == "17"
    first = bench.judge(batch, 1)
    assert first.passed
    assert first.notes == ("new field 'hs_new_score'",)
    assert bench.night(DEALS, 2, added).notes == ()


def test_a_field_that_vanished_is_held_if_a_figure_needs_it(bench: Bench) -> None:
    """D9: `amount` stops the source in a night of few deals; `dealname` is only said."""
    assert bench.night(DEALS, 0).passed
    verdict = bench.night(DEALS, 1, fault(READS, "drop_field", field="amount"))
    (red,) = verdict.failed
    assert red.rule_id == "hubspot.deals.amount.still_sent"
    assert "no longer sends 'amount' (column amount)" in str(red.observed)
    assert red.finding.startswith("lost-amount-hubspot_main-deals-")
    said = verdict.describe()
    assert "amount" in said
    unneeded = bench.night(DEALS, 2, fault(READS, "drop_field", field="dealname"))
    assert unneeded.passed
    (note,) = unneeded.notes
    assert note.startswith("the source no longer sends 'dealname' (column deal_name); ")
    assert note.endswith("no published figure needs it")
    # Said once: the load it is compared with lacks it, too.
    after = bench.night(DEALS, 3, fault(READS, "drop_field", field="dealname"))
    assert after.notes == ()


@pytest.mark.parametrize("new_name", ["deal_amount", "tcv_local"])
def test_a_renamed_field_is_held_with_both_names(bench: Bench, new_name: str) -> None:
    """D10: found by a similar name, and by the same values under another one."""
    assert bench.night(DEALS, 0).passed
    renamed = fault(READS, "rename_field", field="amount", to=new_name)
    verdict = bench.night(DEALS, 1, renamed)
    (red,) = verdict.failed
    said = str(red.observed)
    assert "no longer sends 'amount'" in said
    assert f"now sends {new_name!r}" in said
    assert "same value in" in said


@pytest.mark.parametrize(
    ("per_page", "pages", "passes"), [(1, 1, True), (2, 0, False), (120, 0, False)]
)
def test_a_changed_type_is_quarantined_up_to_the_declared_share(
    bench: Bench, per_page: int, pages: int, *, passes: bool
) -> None:
    """D11: one row of a thousand goes on and is counted; 1 % and 60 % of the rows do not."""
    rule = {
        "path": SEARCH, "times": pages, "action": "retype_field", "field": "amount",
        "type": "list", "count": per_page,
    }  # fmt: skip
    if not passes:
        with pytest.raises(
            ContractViolation, match=r"rows cannot be typed.* amount "
        ) as caught:
            bench.land(DEALS, 0, rule)
        assert caught.value.exit_code == 65
        return
    batch = bench.land(DEALS, 0, rule)
    assert batch.manifest.quarantined_count == 1
    assert bench.judge(batch, 0).passed


def test_rows_without_a_key_are_listed_and_their_money_is_said(
    sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """D12: three deals without id: position in quarantine, rows and amount in the report."""
    config = tmp_path / "warehouse.yml"
    config.write_text(
        f"company: {{name: A, reporting_currency: VND, timezone: {ZONE}}}\n"
        "sources:\n"
        "  - {name: hubspot_main, kind: hubspot, base_url: sandbox:/hubspot,\n"
        '     portal_id: "44120077", max_quarantine_share: 0.01}\n'
    )
    settings = load_settings(
        root=tmp_path / "root", config_path=config, sandbox_url=sandbox.url, environ={}
    )
    sandbox.set_clock(NOW)
    sandbox.set_faults(
        [{"path": SEARCH, "body": "dealname", "times": 1, "action": "retype_field",
          "field": "id", "type": "null", "count": 3}]
    )  # fmt: skip
    run = Desk(settings).night(AS_OF)
    sandbox.set_faults([])
    deals = {r.entity: r for r in run.report.streams}["deals"]
    assert deals.outcome is Outcome.PROMOTED
    assert deals.quarantined_count == 3
    (note,) = deals.notes
    assert note.startswith("excluded 3 rows, amount ")
    (listed,) = (tmp_path / "root" / "quarantine" / "hubspot" / "deals").rglob(
        "*.jsonl"
    )
    findings = [json.loads(text) for text in listed.read_text().splitlines()]
    assert [f["column"] for f in findings] == ["deal_id"] * 3
    assert {f["source_ref"] for f in findings} == {
        f"{SEARCH.removeprefix('/hubspot')}#1"
    }
    assert {f["reason"] for f in findings} == {"is a key and is missing"}


def test_what_a_figure_needs_is_read_from_the_models() -> None:
    """D9: through casts and calls to the name downstream models use."""
    project = PACKAGES / "dbt_project"
    calls = used_columns(project, "hubspot", "calls")
    deals = used_columns(project, "hubspot", "deals")
    assert calls is not None
    assert deals is not None
    assert "duration_ms" in calls  # cast(duration_ms as …) * 0.001 as duration_seconds
    assert (
        "closed_lost_reason" in deals
    )  # coalesce(closed_lost_reason, …) as close_reason
    assert "deal_name" not in deals
    assert used_columns(project, "hubspot", "no_such_entity") is None


def test_the_night_of_an_instant_is_two_hours_after_its_day() -> None:
    """D21: 26 and 50 h are one and two missing days at the hour the night runs."""
    ended = datetime(2026, 10, 31, 17, tzinfo=UTC)  # midnight in Vietnam
    assert NOW - ended == timedelta(hours=2)
    changes = BatchChanges("s.e", newest_day=AS_OF - DAY, as_of_date=AS_OF)
    assert changes.age_hours == 26


@pytest.mark.faults
def test_nights_of_bad_meaning(tmp_path: Path) -> None:
    """D5, D9, D20 through the command: each stops the build with its own line; then it heals.

    An empty extract, a 60 % drop, a truncated list and a vanished field in one night: what is
    published stays as it was, every message names its source and what to do.
    """
    warehouse = Warehouse(tmp_path / "root")
    warehouse.night(AS_OF - DAY)
    before = warehouse.manifest()
    empty = {"object": "list", "data": [], "has_more": False}
    script_faults(
        warehouse,
        fault("/stripe_vn/v1/charges", "status", status=200, payload=empty),
        fault(r"/stripe_sg/v1/invoices\?", "drop_rows", share="0.6"),
        fault("/stripe_vn/v1/subscriptions", "drop_rows", share="0.4"),
        fault(READS, "drop_field", field="amount"),
    )
    warehouse.night(AS_OF, expect=65)
    assert warehouse.manifest() == before
    report = json.loads((warehouse.root / f"state/nights/{AS_OF}.json").read_text())
    said = {
        (s["source"], s["entity"]): f"{s['problem']} {' '.join(s['red'])}"
        for s in report["streams"]
        if s["outcome"] in ("held", "failed")
    }
    wanted = {
        ("stripe_vn", "charges"): "has 0 rows",
        ("stripe_sg", "invoices"): "taken for a cut answer",
        ("stripe_vn", "subscription_items"): "removed_records",
        ("hubspot_main", "deals"): "no longer sends 'amount'",
    }
    for stream, text in wanted.items():
        assert text in said[stream]
        (finding,) = re.findall(r"warehouse acknowledge (\S+)", said[stream])
        warehouse.run("acknowledge", finding, "--reason", "seen in the long lane")
    kept = (warehouse.root / "state" / "acknowledged.jsonl").read_text().splitlines()
    assert len(kept) == len(wanted)
    # The sources are well again; what was accepted for a smaller list does not bind.
    script_faults(warehouse)
    warehouse.night(AS_OF)
    assert warehouse.manifest()["as_of_date"] == AS_OF.isoformat()
