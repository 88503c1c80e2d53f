"""Rows C1-C12, C14 of the fault matrix: what goes wrong on the wire, through the real connectors.

The counterparty is the sandbox company over loopback with its scripted faults; lists that change
between two pages or never end are in `test_source_paging.py`. What must land is what the same
company delivers on a calm night, row by row; time is injected.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from ingest.config import (
    VendorSource,
    load_config,
)
from ingest.errors import (
    CredentialsError,
    FatalSourceError,
    IngestError,
    RetryableError,
    TruncatedExtract,
)
from ingest.job import extract_entity
from ingest.landing import LandedBatch, promote_batch, record_gate
from ingest.sandbox.company import build_company
from ingest.sandbox.server import SandboxHandle, start_sandbox
from ingest.sources.protocol import Stream
from orchestration.ingestion import land_source
from orchestration.night import Outcome
from orchestration.night_run import NightRun
from orchestration.settings import SANDBOX_CONFIG, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 19, tzinfo=UTC)
CONTACTS = ("hubspot_main", "contacts", "/hubspot/crm/v3/objects/contacts/search")
INVOICES = ("stripe_vn", "invoices", r"/stripe_vn/v1/invoices\?")
GOOGLE = ("google_main", "campaign_performance_daily", "googleAds:searchStream")
META = ("meta_main", "campaign_insights_daily", r"/insights\?")
EVERY = [
    pytest.param(CONTACTS, id="hubspot"),
    pytest.param(INVOICES, id="stripe"),
    pytest.param(GOOGLE, id="google_ads"),
    pytest.param(META, id="meta_ads"),
]

Target = tuple[str, str, str]
Rule = dict[str, Any]


@dataclass
class Landing:
    """What one extraction landed and what it took."""

    batch: LandedBatch
    slept: list[float]
    asked: list[str]

    @property
    def rows(self) -> Counter[tuple[str, str]]:
        table = pq.read_table(
            self.batch.parquet, columns=["source_account", "_row_hash"]
        )
        return Counter(tuple(row.values()) for row in table.to_pylist())


@dataclass
class Line:
    """The sandbox at the other end, and a root to land in."""

    sandbox: SandboxHandle
    root: Path
    slept: list[float] = field(default_factory=list)

    def source(self, name: str) -> VendorSource:
        config = load_config(
            SANDBOX_CONFIG,
            environ={},
            sandbox_url=self.sandbox.url,
            sandbox_root=self.root,
        )
        source = config.source(name)
        assert isinstance(source, VendorSource)
        return source

    def land(self, target: Target, *faults: Rule, **options: Any) -> Landing:
        """Land one stream while the faults are in force."""
        name, entity, _ = target
        source = self.source(name)
        before = len(self.sandbox.requests())
        self.slept = []
        self.sandbox.set_faults(faults)
        batch = extract_entity(
            source,
            Stream(source.kind, entity, name),
            root=self.root,
            as_of=AS_OF,
            now=NOW,
            sleep=options.pop("sleep", self.slept.append),
            **options,
        )
        asked = [r.path + "?" + r.query for r in self.sandbox.requests()[before:]]
        return Landing(batch, self.slept, asked)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHandle]:
    with start_sandbox(build_company(seed=7, scale=1, until=NOW), NOW) as handle:
        yield handle


@pytest.fixture
def line(sandbox: SandboxHandle, tmp_path: Path) -> Iterator[Line]:
    yield Line(sandbox, tmp_path)
    sandbox.set_faults([])


@pytest.fixture(scope="module")
def calm(
    sandbox: SandboxHandle, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Target], Landing]:
    """What a target lands when nothing goes wrong; asked once per target."""
    known: dict[Target, Landing] = {}

    def land(target: Target) -> Landing:
        if target not in known:
            known[target] = Line(sandbox, tmp_path_factory.mktemp("calm")).land(target)
        return known[target]

    return land


def on(
    target: Target, action: str, *, page: int = 1, times: int = 1, **more: Any
) -> Rule:
    return {"path": target[2], "nth": page, "times": times, "action": action, **more}


def status(
    target: Target, code: int, *, page: int = 1, times: int = 1, **more: Any
) -> Rule:
    more.setdefault("payload", {"message": "scripted"})
    return on(target, "status", page=page, times=times, status=code, **more)


def nothing_landed(line: Line) -> bool:
    return not list((line.root / "incoming").rglob("*.parquet"))


def test_throttled_pages_are_waited_for_as_told(
    line: Line, calm: Callable[[Target], Landing]
) -> None:
    """C1: Retry-After in seconds on page 2 and 7, as an HTTP date on page 3 (a 429 counts)."""
    date_header = format_datetime(NOW + timedelta(seconds=11), usegmt=True)
    landed = line.land(
        CONTACTS,
        status(CONTACTS, 429, page=2, headers={"Retry-After": "7"}),
        status(CONTACTS, 429, page=4, headers={"Retry-After": date_header}),
        status(CONTACTS, 429, page=9, headers={"Retry-After": "2.5"}),
    )
    assert landed.slept == [7.0, 11.0, 2.5]
    assert landed.rows == calm(CONTACTS).rows


def test_throttled_for_ever_gives_up_at_the_budget_and_goes_on_later(
    line: Line, calm: Callable[[Target], Landing]
) -> None:
    """C2: exit 69 after at most 900 s of waiting; the pages received are kept."""
    with pytest.raises(RetryableError) as caught:
        line.land(
            CONTACTS,
            status(CONTACTS, 429, page=6, times=0, headers={"Retry-After": "290"}),
        )
    assert caught.value.exit_code == 69
    assert sum(line.slept) == 870.0  # the next wait would pass 900
    assert "hubspot_main" in str(caught.value)
    assert "870 s of waiting (budget 900 s)" in str(caught.value)
    assert nothing_landed(line)
    later = line.land(CONTACTS)
    searches = [path for path in later.asked if "/search" in path]
    whole = [path for path in calm(CONTACTS).asked if "/search" in path]
    assert len(searches) == len(whole) - 5
    assert later.rows == calm(CONTACTS).rows


def test_a_source_out_of_quota_leaves_the_others_their_night(
    sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """C2: the daily quota of one stream is gone; its neighbours land."""
    settings = load_settings(
        root=tmp_path, config_path=SANDBOX_CONFIG, sandbox_url=sandbox.url, environ={}
    )
    run = NightRun(settings, AS_OF, now=NOW, build_id="b", clock=lambda: NOW)
    # A wait longer than the budget is not begun, so no time passes here.
    sandbox.set_faults([status(META, 429, times=0, headers={"Retry-After": "86400"})])
    reports = {
        s.entity: r for s, r in land_source(run, settings.config.source("meta_main"))
    }
    sandbox.set_faults([])
    assert {e for e, r in reports.items() if r.outcome is Outcome.LANDED} == {
        "accounts", "campaigns",
    }  # fmt: skip
    for entity in ("campaign_insights_daily", "account_insights_daily"):
        assert reports[entity].outcome is Outcome.FAILED
        assert reports[entity].exit_code == 69


@pytest.mark.parametrize("target", EVERY)
def test_a_burst_of_server_errors_costs_time_and_no_row(
    line: Line, calm: Callable[[Target], Landing], target: Target
) -> None:
    """C3: five of 500, 502 and 503 in a row on one page; at most six tries, growing waits."""
    codes = (500, 502, 503, 503, 500)
    page = 1 if target is GOOGLE else 2
    landed = line.land(
        target, *(status(target, code, page=page + n) for n, code in enumerate(codes))
    )
    assert len(landed.slept) == 5
    for number, wait in enumerate(landed.slept):
        assert 0.5 * 2**number <= wait <= 2**number
    assert landed.rows == calm(target).rows


def test_a_sixth_failure_ends_the_stream_and_names_the_cause(line: Line) -> None:
    """C3: the cap on tries is seen."""
    with pytest.raises(
        RetryableError, match=r"status 503: scripted; gave up after 6 tries"
    ):
        line.land(INVOICES, status(INVOICES, 503, page=2, times=0))
    assert nothing_landed(line)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"action": "delay", "seconds": 1.0}, "ReadTimeout"),
        ({"action": "disconnect"}, "RemoteProtocolError"),
    ],
)
def test_silence_is_an_error_with_a_text(line: Line, rule: Rule, said: str) -> None:
    """C4: stalled and dropped lines; class, host and path are named, no query string."""
    with pytest.raises(RetryableError) as caught:
        line.land(
            INVOICES,
            {"path": INVOICES[2], "nth": 2, "times": 0, **rule},
            timeout_seconds=0.2,
            retry_budget_seconds=3.0,
        )
    text = str(caught.value)
    assert (
        f"stripe_vn: 127.0.0.1/stripe_vn/v1/invoices: no complete answer ({said}"
        in text
    )
    assert "limit=" not in text
    assert re.search(r"gave up after \d tries", text)


@pytest.mark.parametrize("target", EVERY)
@pytest.mark.parametrize("share", ["0.25", "0.5", "0.99"])
def test_a_cut_answer_is_read_again(
    line: Line, calm: Callable[[Target], Landing], target: Target, share: str
) -> None:
    """C5: cut under a Content-Length; C6: the same without any length at all."""
    landed = line.land(
        target,
        on(target, "cut", share=share),
        on(target, "no_length", page=2, share=share),
    )
    assert len(landed.slept) == 2
    assert landed.rows == calm(target).rows


@pytest.mark.parametrize("target", EVERY)
def test_a_stream_cut_at_a_row_end_never_passes_for_a_whole_one(
    line: Line, calm: Callable[[Target], Landing], target: Target
) -> None:
    """C6: no length, cut right behind a row: the closing bracket is the proof that is missing.

    Every vendor here answers in JSON, whose end closes its beginning, and pages say whether
    more follow; so a stream is proven by its last page.
    """
    behind = (1, 5, 37)
    landed = line.land(
        target,
        *(on(target, "no_length", page=n, rows=row) for n, row in enumerate(behind, 1)),
    )
    assert len(landed.slept) == len(behind)
    assert landed.rows == calm(target).rows


def test_a_page_with_fewer_rows_than_it_counts_is_refused(line: Line) -> None:
    """C6: a whole body from which rows are missing is caught by the search's own total."""
    last = on(CONTACTS, "drop_rows", page=12, share="0.5")
    with pytest.raises(
        TruncatedExtract, match=r"records match but page \d+ ends after"
    ):
        line.land(CONTACTS, last)
    assert nothing_landed(line)


@pytest.mark.parametrize("target", EVERY)
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"action": "html"}, id="html"),
        pytest.param({"action": "status", "status": 200, "text": ""}, id="empty body"),
        pytest.param({"action": "status", "status": 200, "payload": {}}, id="{}"),
        pytest.param(
            {"action": "status", "status": 200,
             "payload": {"error": {"message": "Internal backend error", "code": 13}}},
            id="error inside 200",
        ),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_never_an_empty_page(
    line: Line, target: Target, rule: Rule
) -> None:
    """C7: the stream fails with 69; nothing is landed, not even zero rows."""
    with pytest.raises(IngestError) as caught:
        line.land(target, {"path": target[2], "times": 0, **rule})
    assert caught.value.exit_code == 69
    assert isinstance(caught.value, (RetryableError, FatalSourceError))
    assert nothing_landed(line)


def test_a_cut_in_page_seven_of_twelve_asks_that_page_again_only(
    line: Line, calm: Callable[[Target], Landing]
) -> None:
    """C8: pages 1-6 are not fetched twice, neither in the same run nor in the next one."""
    whole = calm(CONTACTS)
    assert sum("/search" in path for path in whole.asked) == 12
    landed = line.land(CONTACTS, on(CONTACTS, "cut", page=7))
    assert len(landed.asked) == len(whole.asked) + 1
    assert landed.rows == whole.rows


def test_an_expired_token_of_google_is_renewed_once(
    line: Line, calm: Callable[[Target], Landing]
) -> None:
    """C9: 401 on the second request: one exchange more, and no other."""
    landed = line.land(GOOGLE, status(GOOGLE, 401))
    assert sum(path.startswith("/google_ads/token") for path in landed.asked) == 2
    assert landed.rows == calm(GOOGLE).rows
    with pytest.raises(CredentialsError) as caught:
        line.land(GOOGLE, status(GOOGLE, 401, times=0), resume=False)
    assert caught.value.exit_code == 77


def test_a_revoked_refresh_token_is_for_a_person(line: Line, tmp_path: Path) -> None:
    """C9: Google answers 400 invalid_grant; that is 77 and names what to renew."""
    config = tmp_path / "warehouse.yml"
    config.write_text(f"""
company: {{name: A, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}}
sources:
  - {{name: google_main, kind: google_ads, base_url: "{line.sandbox.url}/google_ads",
     token_url: "{line.sandbox.url}/google_ads/token", developer_token_env: DEV,
     client_id_env: ID, client_secret_env: SECRET, refresh_token_env: REFRESH,
     customer_ids: ["4815162342"]}}
""")
    environ = {"DEV": "developer-1", "ID": "client-1", "SECRET": "secret-one"}
    for refresh, error in (
        ("good-refresh", None),
        ("revoked-refresh", CredentialsError),
    ):
        source = load_config(config, environ={**environ, "REFRESH": refresh}).source(
            "google_main"
        )
        root = tmp_path / refresh

        def land(source: Any = source, root: Path = root) -> LandedBatch:
            return extract_entity(
                source, Stream("google_ads", "accounts", "google_main"), root=root, as_of=AS_OF,
                now=NOW, sleep=lambda _: None,
            )  # fmt: skip

        if error is None:
            assert land().manifest.row_count == 1
            continue
        with pytest.raises(error, match="expired or revoked") as caught:
            land()
        assert caught.value.exit_code == 77
        for secret in (*environ.values(), refresh):
            assert secret not in str(caught.value)
        # The vendor quotes the whole account back, with what it was never sent here.
        line.sandbox.set_faults([{
            "path": "/google_ads/token", "times": 0, "action": "status", "status": 400,
            "payload": {"error": "invalid_grant",
                        "error_description": " ".join((*environ.values(), refresh))},
        }])  # fmt: skip
        with pytest.raises(error, match=r"invalid_grant: (<secret> ?){4}") as caught:
            land()
        for secret in (*environ.values(), refresh):
            assert secret not in str(caught.value)


def test_a_token_that_expires_on_the_way_ends_with_77(line: Line) -> None:
    """C9: HubSpot's private-app token has no refresh: 401 on page 5 publishes nothing."""
    with pytest.raises(CredentialsError) as caught:
        line.land(CONTACTS, status(CONTACTS, 401, page=5, times=0))
    assert caught.value.exit_code == 77
    assert "Renew the secret" in str(caught.value)
    assert nothing_landed(line)


def test_a_page_delivered_twice_is_in_the_batch_once(
    line: Line, calm: Callable[[Target], Landing]
) -> None:
    """C11: the third page comes twice."""
    landed = line.land(CONTACTS, on(CONTACTS, "repeat_page", page=4))
    assert landed.rows == calm(CONTACTS).rows


def test_a_list_that_starts_again_is_stopped(line: Line) -> None:
    """C12: Stripe answers every page with the one before; no page is read twice for ever."""
    with pytest.raises(TruncatedExtract, match="repeats"):
        line.land(INVOICES, on(INVOICES, "repeat_page", page=2, times=0))
    assert nothing_landed(line)


def test_a_400_of_google_says_what_was_wrong(line: Line) -> None:
    """The outer message of every 400 is the same; the reason inside is what a person needs."""
    inner = {
        "code": 400, "status": "INVALID_ARGUMENT",
        "message": "Request contains an invalid argument.",
        "details": [{
            "@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure",
            "errors": [{
                "errorCode": {"queryError": "UNRECOGNIZED_FIELD"},
                "message": "Unrecognized field in the query: 'metrics.cost_micros', see "
                "https://developers.google.com/x?access_token=ya29.hidden-token",
            }],
        }],
    }  # fmt: skip
    with pytest.raises(FatalSourceError) as caught:
        line.land(GOOGLE, status(GOOGLE, 400, times=0, payload=[{"error": inner}]))
    text = str(caught.value)
    assert "Unrecognized field in the query: 'metrics.cost_micros'" in text
    assert "UNRECOGNIZED_FIELD" in text
    assert "hidden-token" not in text
    assert "access_token" not in text


def test_documented_rate_limits_cost_waits_and_no_row(
    line: Line, calm: Callable[[Target], Landing]
) -> None:
    """A vendor's limit a second is kept to by waiting as long as it says."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    # Twelve answers of this sandbox may take two seconds, so the limit is set under that.
    search = on(CONTACTS, "rate_limit", requests=3, seconds=1)
    landed = line.land(CONTACTS, search, sleep=sleep)
    assert landed.rows == calm(CONTACTS).rows
    assert slept
    assert set(slept) == {1.0}


def test_writes_the_search_does_not_know_yet_come_the_next_night(
    sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """C14, search lag: what the index learns an hour late is inside the next overlap."""
    line = Line(sandbox, tmp_path)
    source = line.source("hubspot_main")
    known: dict[str, str] = {}
    for lag, back in ((timedelta(hours=1), 1), (timedelta(0), 0)):
        night = NOW - timedelta(days=back)
        sandbox.set_clock(night)
        sandbox.set_search_lag(lag)
        batch = extract_entity(
            source, Stream("hubspot", "deals", "hubspot_main"), root=tmp_path,
            as_of=AS_OF - timedelta(days=back), now=night, sleep=lambda _: None,
        )  # fmt: skip
        rows = pq.read_table(
            batch.parquet, columns=["deal_id", "_row_hash"]
        ).to_pylist()
        known |= {row["deal_id"]: row["_row_hash"] for row in rows}
        record_gate(batch, passed=True)
        promote_batch(tmp_path, batch)
    whole = extract_entity(
        source, Stream("hubspot", "deals", "hubspot_main"), root=tmp_path / "whole",
        as_of=AS_OF, now=NOW, sleep=lambda _: None,
    )  # fmt: skip
    rows = pq.read_table(whole.parquet, columns=["deal_id", "_row_hash"]).to_pylist()
    assert {row["deal_id"]: row["_row_hash"] for row in rows} == {
        i: known.get(i) for i in (row["deal_id"] for row in rows)
    }
