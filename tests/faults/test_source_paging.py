"""Rows C12-C15 of the fault matrix: lists read page by page while they change or never end.

The counterparty is a vendor of a few lines (`vendors`), because the sandbox company neither
changes between two pages nor holds more than one answer may; time is injected.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from ingest.config import (
    HubSpotSource,
    MetaAdsSource,
    StripeSource,
)
from ingest.errors import (
    ContractViolation,
    TruncatedExtract,
)
from ingest.job import extract_entity
from ingest.landing import promote_batch
from ingest.sources.protocol import Stream
from orchestration.gates import judge_batch
from tests.faults.vendors import Portal, instant_of, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 19, tzinfo=UTC)
DAY_MS = 86_400_000
NOON = round(NOW.timestamp() * 1000) - DAY_MS


def contacts_of(url: str) -> HubSpotSource:
    return HubSpotSource(
        name="hubspot_main", kind="hubspot", base_url=url, is_sandbox=True, account="1",
        legal_entity="acme", functional_currency="VND", timezone="UTC", reporting_timezone="UTC",
    )  # fmt: skip


def land_contacts(
    answer: Callable[[str, str, dict[str, str], bytes], tuple[int, Any]],
    root: Path,
    *,
    night: int = 0,
    promote: bool = False,
) -> dict[str, int]:
    """Land the contacts of a night; return id -> newest millisecond landed.

    No version of a record comes twice; two versions may, and staging takes the newer one.
    """
    with serving(answer) as url:
        batch = extract_entity(
            contacts_of(url), Stream("hubspot", "contacts", "hubspot_main"), root=root,
            as_of=AS_OF + timedelta(days=night), now=NOW + timedelta(days=night, hours=6),
            sleep=lambda _: None,
        )  # fmt: skip
    table = pq.read_table(
        batch.parquet, columns=["contact_id", "updated_at"]
    ).to_pylist()
    versions = Counter(tuple(row.values()) for row in table)
    assert max(versions.values(), default=0) <= 1
    assert judge_batch(batch, root=root, as_of=batch.manifest.load_date).passed
    if promote:
        promote_batch(root, batch)
    known: dict[str, int] = {}
    for row in table:
        stamp = round(row["updated_at"].timestamp() * 1000)
        known[row["contact_id"]] = max(stamp, known.get(row["contact_id"], 0))
    return known


def test_a_search_that_goes_round_in_circles_is_stopped(tmp_path: Path) -> None:
    """C12: the first page for ever, whatever is asked: ended after two repeats."""
    portal = Portal({n: NOON + n * 1_000 for n in range(1, 1_001)})
    first: list[tuple[int, Any]] = []
    asked = 0

    def answer(
        method: str, path: str, query: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        nonlocal asked
        asked += method == "POST"
        first.append(portal.answer(method, path, query, body))
        return first[0]

    with pytest.raises(ContractViolation, match="endless loop"):
        land_contacts(answer, tmp_path)
    assert asked <= 4


@pytest.mark.parametrize("cursors", ["AA", "ABA"])
def test_cursors_that_come_again_are_stopped(tmp_path: Path, cursors: str) -> None:
    """C12: Meta's cursor goes A, B, A: the list never ends; nothing is landed."""
    given = iter(cursors * 20)
    asked = 0

    def answer(
        _method: str, path: str, _query: dict[str, str], _body: bytes
    ) -> tuple[int, Any]:
        nonlocal asked
        asked += 1
        if path.endswith("act_1"):
            return 200, {"account_id": "1", "timezone_name": "UTC", "currency": "VND"}
        row = {"id": str(asked), "name": "c", "effective_status": "ACTIVE"}
        return 200, {
            "data": [row],
            "paging": {"cursors": {"after": next(given)}, "next": "x"},
        }

    with serving(answer) as url:
        source = MetaAdsSource(
            name="meta_main", kind="meta_ads", base_url=url, is_sandbox=True, account_ids=("1",),
            legal_entity="acme", functional_currency="VND", timezone="UTC",
            reporting_timezone="UTC",
        )  # fmt: skip
        with pytest.raises(TruncatedExtract, match="repeats a page cursor"):
            extract_entity(
                source, Stream("meta_ads", "campaigns", "meta_main"), root=tmp_path,
                as_of=AS_OF, now=NOW + timedelta(hours=6), sleep=lambda _: None,
            )  # fmt: skip
    assert asked <= 1 + len(cursors)
    assert not list((tmp_path / "incoming").rglob("*.parquet"))


def test_more_records_than_a_search_may_answer_all_land(tmp_path: Path) -> None:
    """C15: 25,000 changed in one day and 10,001 in one millisecond, cap 10,000 a query."""
    spread = {n: NOON + n * 3_000 for n in range(1, 25_001)}
    bulk_edit = NOON + 13_001
    stamps = spread | dict.fromkeys(range(50_000, 60_001), bulk_edit)
    portal = Portal(dict(stamps))
    landed = land_contacts(portal.answer, tmp_path)
    assert landed == {str(n): stamp for n, stamp in stamps.items()}


def test_records_created_and_changed_between_pages_are_landed_once(
    tmp_path: Path,
) -> None:
    """C13, C14: people work on while we read; after the next night nothing is missing."""
    portal = Portal({n: NOON + n * 1_000 for n in range(1, 1_001)})
    later = round(NOW.timestamp() * 1000) + 7 * 3_600_000

    def people_work(page: int) -> None:
        if page == 2:
            portal.touch(
                9_001, NOON + 1
            )  # created with a stamp before the page read last
            portal.touch(17, later)  # on a page already read
            portal.touch(903, later + 1)  # on a page not read yet
        if page == 3:
            portal.remove(5)  # the walk goes by stamps, so nothing moves up
            portal.touch(350, NOON + 990_500)  # moves from a page read to one ahead

    portal.before_page = people_work
    first = land_contacts(portal.answer, tmp_path, promote=True)
    second = land_contacts(portal.answer, tmp_path, night=1)
    known = first | second
    truth = {str(n): stamp for n, stamp in portal.stamps.items()}
    # Back-dated by 16 minutes only; the overlap of a day reads it again.
    assert {k: v for k, v in known.items() if k != "5"} == truth


def test_a_ledger_row_created_between_pages_moves_no_other(tmp_path: Path) -> None:
    """C13: Stripe lists newest first; a charge at the head shifts no page by its id."""
    rows = [_refund(n) for n in range(1, 401)]
    pages = 0

    def answer(
        _method: str, path: str, query: dict[str, str], _body: bytes
    ) -> tuple[int, Any]:
        nonlocal pages
        assert path == "/v1/refunds"
        pages += 1
        if pages > 1:
            rows.append(_refund(1_000 + pages))
        newest_first = rows[::-1]
        ids = [row["id"] for row in newest_first]
        start = (
            ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        )
        page = newest_first[start : start + 100]
        return 200, {
            "object": "list",
            "data": page,
            "has_more": start + 100 < len(rows),
        }

    with serving(answer) as url:
        source = StripeSource(
            name="stripe_vn", kind="stripe", base_url=url, is_sandbox=True, account="acct",
            legal_entity="acme", functional_currency="VND", timezone="UTC",
            reporting_timezone="UTC",
        )  # fmt: skip
        batch = extract_entity(
            source, Stream("stripe", "refunds", "stripe_vn"), root=tmp_path, as_of=AS_OF,
            now=NOW + timedelta(hours=6), sleep=lambda _: None,
        )  # fmt: skip
    ids = pq.read_table(batch.parquet, columns=["refund_id"]).column(0).to_pylist()
    assert sorted(ids) == sorted(f"re_{n}" for n in range(1, 401))


def _refund(number: int) -> dict[str, Any]:
    return {
        "id": f"re_{number}", "object": "refund", "amount": 100, "currency": "usd",
        "created": 1_790_000_000 + number, "status": "succeeded", "charge": "ch_1",
    }  # fmt: skip


def test_instants_and_pages_of_the_small_vendors_are_what_they_say() -> None:
    """The counterparty of this file must refuse what HubSpot refuses."""
    portal = Portal({n: NOON + n for n in range(1, 11)})
    body = {"filterGroups": [{"filters": [
        {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(NOON + 4)},
    ]}], "limit": 3}  # fmt: skip
    status_code, answer = portal.answer(
        "POST", "/contacts/search", {}, json.dumps(body).encode()
    )
    assert (status_code, answer["total"], len(answer["results"])) == (200, 7, 3)
    body |= {"after": "9999"}
    assert (
        portal.answer("POST", "/contacts/search", {}, json.dumps(body).encode())[0]
        == 400
    )
    stamps = [instant_of(NOON + n) for n in range(3)]
    assert all(a < b for a, b in pairwise(stamps))
