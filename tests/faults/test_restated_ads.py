"""Rows D1, D2, D20 and D21 of the fault matrix: ad days that are restated, thin, late or missing.

Judged where a night judges them: extraction, raw gate, promotion, of one scripted ad account.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from ingest.job import extract_entity
from ingest.landing import promote_batch, record_gate
from ingest.sources.protocol import Stream
from orchestration.ingestion import blocking_problems
from orchestration.night import Outcome
from orchestration.night_run import night_instant
from orchestration.settings import load_settings
from tests.faults import invariants
from tests.faults.desk import Desk
from tests.faults.vendors import serving

if TYPE_CHECKING:
    from pathlib import Path


DAY = timedelta(days=1)
AS_OF = date(2026, 10, 31)
ZONE = "Asia/Ho_Chi_Minh"
NOW = night_instant(AS_OF, ZONE)


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
