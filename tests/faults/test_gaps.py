"""Away longer than a source remembers: everything it still has is read again, and said.

Real connectors, landing and gates against the sandbox company; no marts are built.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from ingest import ledger
from ingest.sandbox.company import build_company
from ingest.sandbox.server import SandboxHandle, start_sandbox
from orchestration.backfill import land_missed, land_night
from orchestration.gaps import known_gaps
from orchestration.night_run import NightRun
from orchestration.outcome import close_night
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestration.night import NightReport
    from orchestration.session import Session

pytestmark = pytest.mark.faults

FIRST = date(2026, 9, 1)
EVENING = datetime(2026, 9, 1, 19, tzinfo=UTC)
DAY = timedelta(days=1)
CONFIG = """
company: {name: Acme, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - name: stripe_sg
    kind: stripe
    base_url: sandbox:/stripe_sg
    account: ACCOUNT
    legal_entity: acme_sg
    functional_currency: USD
"""


@dataclass
class Nights:
    """Lands nights of one source at a clock of its own."""

    settings: Settings
    sandbox: SandboxHandle
    now: datetime = EVENING

    def say(self, text: str) -> None:
        """Say nothing."""

    def open_night(self, as_of: date) -> NightRun:
        return NightRun(
            self.settings, as_of, now=self.now, build_id="b", clock=lambda: self.now
        )

    def end_night(self, night: NightRun, *, problem: str = "") -> None:
        close_night(night, finished_at=self.now, problem=problem)

    def run(self, as_of: date, now: datetime) -> NightReport:
        self.now = now
        self.sandbox.set_clock(now)
        session = cast("Session", self)
        failed = land_missed(session, as_of)
        assert failed is None, failed
        night = self.open_night(as_of)
        report = land_night(session, night)
        assert report.exit_code == 0, report.findings()
        return report


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[SandboxHandle, str]]:
    company = build_company(until=EVENING + 60 * DAY)
    with start_sandbox(company, EVENING) as handle:
        yield handle, company.stripe["stripe_sg"].account_id


@pytest.fixture
def nights(tmp_path: Path, sandbox: tuple[SandboxHandle, str]) -> Nights:
    handle, account = sandbox
    (tmp_path / "warehouse.yml").write_text(CONFIG.replace("ACCOUNT", account))
    settings = load_settings(
        root=tmp_path / "root",
        config_path=tmp_path / "warehouse.yml",
        sandbox_url=handle.url,
        environ={},
    )
    return Nights(settings, handle)


def batches(nights: Nights, entity: str) -> list[Any]:
    found = ledger.live(ledger.read(nights.settings.home.root))
    return [batch for batch in found if batch.entity == entity]


def test_forty_days_away_the_stream_is_read_whole_and_the_gap_is_said(
    nights: Nights,
) -> None:
    nights.run(FIRST, EVENING)
    away = 40
    back = FIRST + away * DAY
    report = nights.run(back, EVENING + away * DAY)

    events = batches(nights, "subscription_events")
    gaps = [batch for batch in events if batch.has_gap]
    # The first missed night finds the gap and reads all there is; the others go on from it.
    assert [batch.load_date for batch in gaps] == [FIRST + 2 * DAY]
    (gap,) = gaps
    known_from = EVENING + (away - 30) * DAY
    assert gap.coverage[0].window_start == known_from
    assert gap.row_count > 0
    between = [b for b in events if gap.load_date < b.load_date <= back]
    assert {b.row_count for b in between} == {0}, "nothing is left for the later ones"

    last = events[0].new_cursor
    sentence = (
        f"stripe_sg subscription_events: what changed between {last[:10]} and "
        f"{known_from:%Y-%m-%d} is unknown, the source had forgotten it on "
        f"{EVENING + away * DAY:%Y-%m-%d}; all it still had was read again"
    )
    root = nights.settings.home.root
    assert known_gaps(root, until=back + DAY) == [sentence]
    # A build of before the gap does not have it.
    assert known_gaps(root, until=FIRST + DAY) == []
    report.gaps = known_gaps(root, until=back + DAY)
    assert sentence in report.info_notes()

    # What there is now is known from the complete list, read by the newest night alone.
    lists = batches(nights, "subscription_items")
    assert [(b.load_date, b.is_full_list) for b in lists] == [
        (FIRST + DAY, True),
        (back + DAY, True),
    ]


def test_twenty_days_away_every_event_is_still_there(nights: Nights) -> None:
    nights.run(FIRST, EVENING)
    nights.run(FIRST + 20 * DAY, EVENING + 20 * DAY)
    missed = batches(nights, "subscription_events")
    assert not [batch for batch in missed if batch.has_gap]
    assert known_gaps(nights.settings.home.root, until=FIRST + 21 * DAY) == []
    # Read in pieces, oldest first: each night up to its own end.
    ends = [batch.coverage[0].window_end for batch in missed]
    assert ends == [EVENING + number * DAY for number in range(21)]
