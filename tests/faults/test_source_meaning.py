"""Rows D1-D21 of the fault matrix: answers that are whole and still mean something wrong.

Figures restated, lists that lost records, fields that came, went, changed name or type, keys
left out, days that are thin or late. Judged where a night judges them: extraction, raw gate,
promotion; `test_nights_of_bad_meaning` in the long lane does it through the command.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from expectations.changes import BatchChanges, judge_changes
from ingest.config import VendorSource, load_config
from ingest.errors import ContractViolation, TruncatedExtract
from ingest.job import extract_entity
from ingest.landing import LandedBatch, promote_batch, record_gate
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
from orchestration.ingestion import blocking_problems, land_source, promote_source
from orchestration.night import Outcome
from orchestration.night_run import NightRun, night_instant
from orchestration.settings import PACKAGES, SANDBOX_CONFIG, Settings, load_settings
from tests.faults import invariants
from tests.faults.vendors import serving
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


# Ads that are restated


@dataclass
class AdAccount:
    """One Meta ad account whose figures change by the day they are asked on.

    `facts` maps (campaign, day) to what is said from which as-of day on; None = the row has
    vanished. Days without an entry have the plain figure.
    """

    campaigns: tuple[str, ...]
    first_day: date
    as_of: date
    facts: dict[tuple[str, date], list[tuple[date, str | None]]] = field(
        default_factory=dict
    )
    newest: date | None = None
    """Newest day the account reports; None = the as-of day."""
    rows_on: dict[date, int] = field(default_factory=dict)
    """Campaigns that have a row on a day; others have all."""

    def truth(self) -> dict[tuple[str, date], str]:
        """Return what the account says on the as-of day."""
        said: dict[tuple[str, date], str] = {}
        day = self.first_day
        while day <= (self.newest or self.as_of):
            shown = self.campaigns[: self.rows_on.get(day, len(self.campaigns))]
            for campaign in shown:
                value: str | None = str(1000 + day.day)
                for since, changed in self.facts.get((campaign, day), ()):
                    if since <= self.as_of:
                        value = changed
                if value is not None:
                    said[campaign, day] = value
            day += DAY
        return said

    def answer(
        self, _method: str, path: str, query: dict[str, str], _body: bytes
    ) -> tuple[int, Any]:
        if path.endswith("/campaigns"):
            rows = [
                {"id": c, "name": c, "effective_status": "ACTIVE"}
                for c in self.campaigns
            ]
            return 200, {"data": rows, "paging": {"cursors": {"after": "x"}}}
        if not path.endswith("/insights"):
            return 200, {
                "account_id": "11", "name": "Tiny", "currency": "VND", "timezone_name": ZONE,
            }  # fmt: skip
        span = json.loads(query["time_range"])
        since, until = (date.fromisoformat(span[name]) for name in ("since", "until"))
        by_account: dict[date, Decimal] = {}
        rows = []
        for (campaign, day), spend in self.truth().items():
            if since <= day <= until:
                by_account[day] = by_account.get(day, Decimal(0)) + Decimal(spend)
                rows.append(_insight(day, spend, campaign_id=campaign))
        if query["level"] == "account":
            rows = [_insight(day, str(spend)) for day, spend in by_account.items()]
        start = int(query.get("after", "0"))
        page = rows[start : start + int(query["limit"])]
        paging: dict[str, Any] = {"cursors": {"after": str(start + len(page))}}
        if start + len(page) < len(rows):
            paging["next"] = "more"
        return 200, {"data": page, "paging": paging}


def _insight(day: date, spend: str, **key: str) -> dict[str, str]:
    return {
        **key, "account_id": "11", "account_currency": "VND", "spend": spend,
        "date_start": day.isoformat(), "date_stop": day.isoformat(),
        "impressions": "100", "inline_link_clicks": "3",
    }  # fmt: skip


@dataclass
class Desk:
    """One warehouse over one vendor: nights of extraction, gate and promotion."""

    settings: Settings

    @property
    def root(self) -> Path:
        return self.settings.home.root

    def night(self, as_of: date, *, only: frozenset[str] = frozenset()) -> NightRun:
        """Land, judge and promote a night."""
        now = night_instant(as_of, ZONE)
        run = NightRun(
            self.settings, as_of, now=now, build_id="b", clock=lambda: now,
            acknowledged=read_acknowledged(self.root),
        )  # fmt: skip
        for source in self.settings.config.sources:
            if not only or source.name in only:
                list(land_source(run, source))
                list(promote_source(run, source))
        return run

    def accept(self, finding: str, reason: str = "looked at it") -> None:
        acknowledge(self.root, Acknowledgement(finding, reason, "lan", "now"))


def desk_of(account_url: str, folder: Path, **more: object) -> Desk:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "warehouse.yml"
    lines = "".join(f"    {name}: {value}\n" for name, value in more.items())
    config.write_text(
        f"company: {{name: A, reporting_currency: VND, timezone: {ZONE}}}\n"
        "sources:\n"
        f"  - name: meta_main\n    kind: meta_ads\n    base_url: {account_url}\n"
        f'    token_env: T\n    account_ids: ["11"]\n{lines}'
    )
    environ = {"T": "EAAscripted"}
    return Desk(
        load_settings(root=folder / "root", config_path=config, environ=environ)
    )


def test_restated_figures_are_the_truth_after_each_night(tmp_path: Path) -> None:
    """D1, D2: up at +1, down at +3, vanished at +7, back at +28: right the same night.

    At +45, outside the look-back, they are right after the next Sunday night.
    """
    first = date(2026, 9, 1)
    account = AdAccount(("c1", "c2"), first - 40 * DAY, first)
    account.facts["c1", first] = [
        (first + 1 * DAY, "1500.5"),
        (first + 3 * DAY, "900"),
        (first + 7 * DAY, None),
        (first + 28 * DAY, "1100"),
        (first + 45 * DAY, "1099"),
    ]
    with serving(account.answer) as url:
        source = desk_of(url, tmp_path).settings.config.source("meta_main")
        late: list[date] = []
        # The night before each change is there, so that no cursor lags behind.
        for offset in (0, 1, 3, 7, 27, 28, 44, 45, 46, 47, 48):
            account.as_of = first + offset * DAY
            land_insights(source, tmp_path, account.as_of)
            wanted = {k: Decimal(v) for k, v in account.truth().items()}
            standing = {
                (key[2], key[4]): spend
                for key, spend in invariants.standing_rows(tmp_path)
            }
            if standing != wanted:
                late.append(account.as_of)
    # The 45th day is a Friday: Friday's and Saturday's nights still say 1100.
    assert late == [first + 45 * DAY, first + 46 * DAY]
    assert (first + 47 * DAY).weekday() == 6


def land_insights(source: Any, root: Path, as_of: date) -> None:
    """Land and promote the campaign days of one night."""
    batch = extract_entity(
        source, Stream("meta_ads", "campaign_insights_daily", "meta_main"), root=root,
        as_of=as_of, now=night_instant(as_of, ZONE), sleep=lambda _: None,
    )  # fmt: skip
    record_gate(batch, passed=True)
    promote_batch(root, batch)


@pytest.fixture(scope="module")
def usual_month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights of an account with 30 campaigns, whole and on time."""
    folder = tmp_path_factory.mktemp("usual") / "desk"
    account = AdAccount(tuple(f"c{n}" for n in range(30)), AS_OF - 60 * DAY, AS_OF)
    with serving(account.answer) as url:
        desk = desk_of(url, folder)
        for back in (3, 2, 1):
            account.as_of = AS_OF - back * DAY
            run = desk.night(account.as_of)
            assert [r.red for r in run.report.streams if r.red] == []
            assert [r.notes for r in run.report.streams if r.notes] == []
    return folder


@dataclass
class Case:
    """One bad night of the account: what it answers, and what must be said."""

    account: AdAccount
    rule: str
    finding: str


def bad_account(**more: Any) -> AdAccount:
    return AdAccount(tuple(f"c{n}" for n in range(30)), AS_OF - 60 * DAY, AS_OF, **more)


@pytest.mark.parametrize(
    ("case", "through"),
    [
        pytest.param(
            Case(bad_account(rows_on={AS_OF: 12}), "newest_day_rows", "day-"),
            "12 rows on 2026-10-31",
            id="-60 % on the newest day",
        ),
        pytest.param(
            Case(bad_account(newest=AS_OF - 2 * DAY), "newest_day_age", "stale-"),
            "newest day 2026-10-29, 50 h old",
            id="the old window sent again",
        ),
        pytest.param(
            Case(AdAccount((), AS_OF - 60 * DAY, AS_OF), "row_count", "drop-"),
            "observed 0",
            id="nothing at all",
        ),
    ],
)
def test_a_thin_late_or_empty_extract_is_held_until_a_person_accepts(
    usual_month: Path, tmp_path: Path, case: Case, through: str
) -> None:
    """D20, D21: zero rows, -60 %, an old window; held with 65, let through by acknowledging."""
    shutil.copytree(usual_month, tmp_path / "desk")
    with serving(case.account.answer) as url:
        desk = desk_of(url, tmp_path / "desk")
        run = desk.night(AS_OF)
        held = {r.entity: r for r in run.report.streams}["campaign_insights_daily"]
        assert held.outcome is Outcome.HELD
        assert held.exit_code == 65
        said = " ".join(held.red)
        assert "meta_ads.campaign_insights_daily" in said
        assert case.rule in said
        assert through in said
        assert blocking_problems(run)[0].startswith("meta_main campaign")
        # The acceptance is named in the message and recorded with its reason.
        assert (
            f"warehouse acknowledge {case.finding}meta_main-campaign_insights" in said
        )
        for stream in run.report.streams:
            text = f"{stream.problem} {' '.join(stream.red)}"
            for finding in re.findall(r"warehouse acknowledge (\S+)", text):
                desk.accept(finding, "the campaigns were paused")
        kept = (desk.root / "state" / "acknowledged.jsonl").read_text()
        assert "the campaigns were paused" in kept
        again = desk.night(AS_OF)
        assert [r.red for r in again.report.streams if r.red] == []
        assert blocking_problems(again) == []
        # Valid the night after as well, as long as nothing newer came.
        if case.rule != "newest_day_rows":
            case.account.as_of = AS_OF + DAY
            assert blocking_problems(desk.night(AS_OF + DAY)) == []


def test_one_day_late_is_said_and_not_held(usual_month: Path, tmp_path: Path) -> None:
    """D21: 26 h is a warning; both ages are keys of the source."""
    account = bad_account(newest=AS_OF - DAY)
    with serving(account.answer) as url:
        shutil.copytree(usual_month, tmp_path / "desk")
        desk = desk_of(url, tmp_path / "desk")
        run = desk.night(AS_OF)
        notes = {r.entity: r.notes for r in run.report.streams}
        assert notes["campaign_insights_daily"] == ["newest day 2026-10-30, 26 h old"]
        assert blocking_problems(run) == []
    with serving(account.answer) as url:
        shutil.copytree(usual_month, tmp_path / "strict")
        strict = desk_of(
            url, tmp_path / "strict", freshness_fail_hours=26, freshness_warn_hours=2
        )
        assert "26 h old" in blocking_problems(strict.night(AS_OF))[0]


def test_small_numbers_and_first_loads_are_not_judged(tmp_path: Path) -> None:
    """D20: four campaigns of which two have a row, and a first load of anything."""
    account = AdAccount(("c1", "c2", "c3", "c4"), AS_OF - 60 * DAY, AS_OF)
    with serving(account.answer) as url:
        desk = desk_of(url, tmp_path)
        for back in (3, 2, 1, 0):
            account.as_of = AS_OF - back * DAY
            account.rows_on = {AS_OF: 1}
            run = desk.night(account.as_of)
            assert [r.red for r in run.report.streams if r.red] == []


def test_a_list_that_lost_a_handful_of_a_few_is_no_finding() -> None:
    """D5: the bound is the larger of 50 records and 1 %."""

    def is_red(removed: int, known: int) -> bool:
        changes = BatchChanges("s.e", removed_count=removed, known_count=known)
        return not judge_changes(changes)[0].passed

    assert not is_red(50, 60)
    assert is_red(51, 60)
    assert not is_red(100, 10_000)
    assert is_red(101, 10_000)


# Lists and fields of the sandbox company


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
