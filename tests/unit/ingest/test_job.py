"""One extraction from cursor to `incoming/`, against a scripted vendor."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
import pytest

from ingest.config import FilesSource, HubSpotSource, SourceConfig
from ingest.contracts import contract_of
from ingest.errors import (
    ConfigError,
    ContractViolation,
    CredentialsError,
    IngestError,
    RetryableError,
    TruncatedExtract,
)
from ingest.http import ApiClient, Authorization, dump_json
from ingest.job import extract_entity
from ingest.landing import LandedBatch, promote_batch, read_landed, record_gate
from ingest.paths import StreamPath
from ingest.sources import source_of, streams_of
from ingest.sources.protocol import AccountWindow, Extract, Record, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.entities import EntityContract
    from ingest.windows import Window

CONFIG = HubSpotSource(
    name="hubspot_main",
    kind="hubspot",
    legal_entity="acme_vn",
    functional_currency="VND",
    timezone="Asia/Ho_Chi_Minh",
    reporting_timezone="Asia/Ho_Chi_Minh",
    base_url="https://crm.test",
)
DEALS = Stream("hubspot", "deals", "hubspot_main")
WHERE = StreamPath("hubspot", "deals", "hubspot_main")


class PagedDeals:
    """A source of the plainest kind: pages of deals behind an `after` token."""

    kind = "hubspot"
    entities = (contract_of("hubspot", "deals"),)

    def __init__(self) -> None:
        self.windows: list[Window] = []

    def authorize(self, config: SourceConfig) -> Authorization:
        assert config is CONFIG
        return Authorization({"Authorization": "Bearer scripted-token"})

    def classify_error(self, status: int, body: object) -> type[IngestError] | None:
        del status, body
        return None

    def fetch(
        self,
        entity: EntityContract,
        window: Window,
        *,
        config: SourceConfig,
        client: ApiClient,
        cursor: str | None,
    ) -> Extract:
        del entity, config, cursor
        self.windows.append(window)
        extract = Extract(is_full_list=window.start is None)

        def rows() -> Iterator[Record]:
            after = ""
            while True:
                page = client.get("/deals", params={"after": after}, required="deals")
                for deal in page["deals"]:
                    yield Record(deal, dump_json(deal), f"/deals#{after}", "portal")
                    extract.new_cursor = deal["updated_at"]
                after = page.get("after", "")
                if not after:
                    break
            extract.coverage.append(AccountWindow("portal", window_end=window.end))

        extract.rows = rows()
        return extract


def deal(number: int, amount: str = "1000.50") -> dict[str, str]:
    return {
        "deal_id": str(number),
        "amount": amount,
        "currency": "USD",
        "updated_at": f"2026-10-31T0{number}:00:00+00:00",
    }


def vendor(*answers: httpx.Response) -> httpx.MockTransport:
    """Give the answers in order, the last one for ever."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer scripted-token"
        return left.pop(0) if len(left) > 1 else left[0]

    return httpx.MockTransport(answer)


def page(*deals: dict[str, str], after: str = "") -> httpx.Response:
    return httpx.Response(200, json={"deals": deals, "after": after})


def run(
    root: Path,
    transport: httpx.BaseTransport,
    *,
    source: PagedDeals | None = None,
    day: int = 31,
    full_refresh: bool = False,
    now: datetime | None = None,
    resume: bool = True,
) -> LandedBatch:
    return extract_entity(
        CONFIG,
        DEALS,
        root=root,
        as_of=date(2026, 10, day),
        now=now or datetime(2026, 10, day, 19, tzinfo=UTC),
        resume=resume,
        source=source or PagedDeals(),
        transport=transport,
        sleep=lambda _: None,
        full_refresh=full_refresh,
    )


def test_pages_become_one_landed_batch(tmp_path: Path) -> None:
    batch = run(tmp_path, vendor(page(deal(1), deal(2), after="x"), page(deal(3))))
    manifest = batch.manifest
    assert (manifest.row_count, manifest.load_date) == (3, date(2026, 11, 1))
    assert (manifest.stream, manifest.legal_entity) == ("hubspot_main", "acme_vn")
    assert manifest.new_cursor == "2026-10-31T03:00:00+00:00"
    assert manifest.totals[0].source_sum == Decimal("3001.5")
    assert read_landed(tmp_path, WHERE, date(2026, 11, 1)) == batch


def test_a_burst_of_errors_inside_a_page_costs_no_row(tmp_path: Path) -> None:
    calm = vendor(page(deal(1), after="x"), page(deal(2)))
    stormy = vendor(
        httpx.Response(429, headers={"Retry-After": "3"}),
        page(deal(1), after="x"),
        *[httpx.Response(500)] * 5,
        page(deal(2)),
    )
    expected = run(tmp_path / "calm", calm).manifest
    assert run(tmp_path / "stormy", stormy).manifest == expected


@pytest.mark.parametrize(
    ("answer", "error", "exit_code"),
    [
        (httpx.Response(503), RetryableError, 69),
        (httpx.Response(200, content=b"<html>"), RetryableError, 69),
        (httpx.Response(200, content=b""), RetryableError, 69),
        (httpx.Response(401), CredentialsError, 77),
    ],
)
def test_a_source_that_fails_lands_nothing(
    tmp_path: Path, answer: httpx.Response, error: type[IngestError], exit_code: int
) -> None:
    with pytest.raises(error) as caught:
        run(tmp_path, vendor(page(deal(1), after="x"), answer))
    assert caught.value.exit_code == exit_code
    # What was received waits for the next try; nothing else is there.
    assert {path.name for path in tmp_path.iterdir()} <= {"incoming", "pages"}
    assert [p for p in (tmp_path / "incoming").rglob("*") if p.is_file()] == []


def test_the_next_try_goes_on_from_the_page_that_was_not_answered(
    tmp_path: Path,
) -> None:
    """C2, C8: pages received are not asked for again; the batch is that of a calm night."""
    pages = [page(deal(1), after="x"), page(deal(2), after="y"), page(deal(3))]
    calm = run(tmp_path / "calm", vendor(*pages)).manifest
    with pytest.raises(RetryableError):
        run(tmp_path / "r", vendor(*pages[:2], httpx.Response(503)))
    only_the_last = vendor(pages[2])
    landed = run(tmp_path / "r", only_the_last)
    assert landed.manifest == calm
    # Killed after landing: what lies in incoming/ is landed again without a question.
    assert run(tmp_path / "r", vendor(httpx.Response(503))).manifest == calm
    record_gate(landed, passed=True)
    promote_batch(tmp_path / "r", landed)
    assert not list((tmp_path / "r" / "pages").rglob("*.page"))


def test_an_old_or_unwanted_beginning_is_not_gone_on_with(tmp_path: Path) -> None:
    pages = [page(deal(1), after="x"), httpx.Response(503)]
    began = datetime(2026, 10, 31, 19, tzinfo=UTC)
    for now, resume in ((began + timedelta(hours=7), True), (began, False)):
        with pytest.raises(RetryableError):
            run(tmp_path, vendor(*pages), resume=False)
        whole = vendor(page(deal(7), after="x"), page(deal(8)))
        landed = run(tmp_path, whole, now=now, resume=resume)
        assert landed.manifest.row_count == 2
        assert landed.manifest.extracted_at == now


def test_a_wrong_answer_is_not_gone_on_with(tmp_path: Path) -> None:
    """What a contract refuses must be asked anew, or it would be refused for ever."""
    broken = {**deal(1), "deal_id": None}
    with pytest.raises(ContractViolation):
        run(tmp_path, vendor(page(broken)))
    assert not list((tmp_path / "pages").rglob("*.page"))


def test_the_next_night_starts_a_day_before_the_promoted_cursor(
    tmp_path: Path,
) -> None:
    source = PagedDeals()
    first = run(tmp_path, vendor(page(deal(1))), source=source, day=30)
    run(tmp_path, vendor(page(deal(2))), source=source)
    record_gate(first, passed=True)
    promote_batch(tmp_path, first)
    run(tmp_path, vendor(page(deal(2))), source=source)
    run(tmp_path, vendor(page(deal(1))), source=source, day=30)
    run(tmp_path, vendor(page(deal(2))), source=source, full_refresh=True)
    # Landed but not promoted moves nothing; a date run again starts where it started.
    assert [window.start for window in source.windows] == [
        None,
        None,
        datetime(2026, 10, 30, 1, tzinfo=UTC),
        None,
        None,
    ]


def test_a_cut_full_list_is_refused_against_the_promoted_one(tmp_path: Path) -> None:
    many = [deal(number) for number in range(1, 7)]
    first = run(tmp_path, vendor(page(*many)), day=30)
    record_gate(first, passed=True)
    promote_batch(tmp_path, first)
    with pytest.raises(TruncatedExtract, match=r"hubspot_main/deals.* has 2 rows"):
        run(tmp_path, vendor(page(*many[:2])), full_refresh=True)


class Drop:
    """A files source that notes what it was asked and delivers one row."""

    kind = "files"
    entities = (contract_of("files", "costs"),)

    def __init__(self) -> None:
        self.asked: list[tuple[frozenset[str], tuple[str, ...], Path]] = []

    def streams(self, config: SourceConfig) -> tuple[Stream, ...]:
        return (Stream("files", "costs", f"{config.name}.costs", "costs"),)

    def fetch_files(
        self,
        stream: Stream,
        window: Window,
        *,
        config: SourceConfig,
        archive_dir: Path,
        known_files: frozenset[str],
        replay_files: tuple[str, ...],
        takes_new: bool = True,
    ) -> Extract:
        del stream, config, takes_new
        self.asked.append((known_files, replay_files, archive_dir))
        sha256 = f"sha-of-{window.load_date}"
        row = {
            "month": date(2026, 10, 1),
            "cost_type": "tool",
            "amount": Decimal(5),
            "currency": "VND",
        }
        return Extract(
            rows=[Record(row, "{}", f"{sha256}:2", "")],
            mode="replace",
            file_sha256s=(sha256,),
        )


def test_files_are_loaded_once_and_replayed_with_their_date(tmp_path: Path) -> None:
    config = FilesSource(
        name="drop",
        kind="files",
        legal_entity="acme_vn",
        functional_currency="VND",
        timezone="Asia/Ho_Chi_Minh",
        reporting_timezone="Asia/Ho_Chi_Minh",
        path=tmp_path / "drop",
        datasets=(),
    )
    drop = Drop()
    for day in (30, 31, 31):
        batch = extract_entity(
            config,
            drop.streams(config)[0],
            root=tmp_path,
            as_of=date(2026, 10, day),
            now=datetime(2026, 10, 31, 19, tzinfo=UTC),
            source=drop,
        )
        record_gate(batch, passed=True)
        promote_batch(tmp_path, batch)
    archive = tmp_path / "archive"
    assert drop.asked == [
        (frozenset(), (), archive),
        (frozenset({"sha-of-2026-10-31"}), (), archive),
        (frozenset({"sha-of-2026-10-31"}), ("sha-of-2026-11-01",), archive),
    ]
    assert (batch.manifest.mode, batch.manifest.stream) == ("replace", "drop.costs")


def test_a_vendor_has_one_stream_per_contract() -> None:
    names = [stream.entity for stream in streams_of(CONFIG)]
    assert {"contacts", "companies", "deals"} <= set(names)
    assert len(names) == len(set(names))
    assert {stream.name for stream in streams_of(CONFIG)} == {"hubspot_main"}


def test_an_unknown_kind_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="unknown source kind 'sap'; known: files"):
        source_of("sap")
