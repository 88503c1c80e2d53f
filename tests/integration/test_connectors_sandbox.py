"""Every connector against the sandbox company over loopback: all records, every field.

The expectation is the company's own state at the clock, so a field that a connector drops,
shifts or misreads shows as a difference and not as a plausible value.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from ingest.config_sources import (
    GoogleAdsSource,
    HubSpotSource,
    MetaAdsSource,
    StripeSource,
    VendorSource,
)
from ingest.conform import Tally, conform_rows
from ingest.contracts import contract_of
from ingest.entities import EntityContract, Type
from ingest.http import ApiClient
from ingest.sandbox.company import build_company
from ingest.sandbox.model import Company, Fields, StripeAccount, Versioned, present
from ingest.sandbox.server import SandboxHandle, start_sandbox
from ingest.sources import source_of
from ingest.typing_rules import TYPERS
from ingest.windows import window_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.sources.protocol import Extract

AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 19, tzinfo=UTC)
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
BIN = timedelta(days=90)
MEMORY = timedelta(days=30)
STRIPE_NAMES = ("stripe_vn", "stripe_sg")

Rows = dict[tuple[object, ...], dict[str, object]]


@pytest.fixture(scope="module")
def company() -> Company:
    return build_company(seed=7, scale=1, until=NOW)


@pytest.fixture(scope="module")
def sandbox(company: Company) -> Iterator[SandboxHandle]:
    with start_sandbox(company, NOW) as handle:
        yield handle


@pytest.fixture(autouse=True)
def reset_sandbox(sandbox: SandboxHandle) -> Iterator[None]:
    yield
    sandbox.set_clock(NOW)
    sandbox.set_faults([])


def config_of(name: str, company: Company, url: str) -> VendorSource:
    shared = {
        "name": name,
        "legal_entity": "acme",
        "functional_currency": "VND",
        "timezone": "Asia/Ho_Chi_Minh",
        "reporting_timezone": "Asia/Ho_Chi_Minh",
        "base_url": f"{url}/{name}",
        "is_sandbox": True,
    }
    if name == "hubspot":
        return HubSpotSource(
            kind="hubspot", account=company.hubspot.portal_id, **shared
        )
    if name == "google_ads":
        ids = (str(company.google.account["account_id"]),)
        return GoogleAdsSource(kind="google_ads", customer_ids=ids, **shared)
    if name == "meta_ads":
        ids = (str(company.meta.account["account_id"]),)
        return MetaAdsSource(kind="meta_ads", account_ids=ids, **shared)
    account_id = company.stripe[name].account_id
    return StripeSource(kind="stripe", account=account_id, **shared)


def extract(
    config: VendorSource,
    entity: str,
    *,
    cursor: str | None = None,
    now: datetime = NOW,
    as_of: date = AS_OF,
) -> tuple[Extract, list[dict[str, object]]]:
    """Return what a night of `as_of` gets, typed as it would land."""
    source = source_of(config.kind)
    contract = contract_of(config.kind, entity)
    window = window_for(contract, cursor, as_of=as_of, tz=HANOI, now=now)
    with ApiClient(
        config.base_url,
        source=config.name,
        authorization=source.authorize(config),
        classify_error=source.classify_error,
        sleep=lambda _: None,
    ) as client:
        answer = source.fetch(
            contract, window, config=config, client=client, cursor=cursor
        )
        tally = Tally()
        batches = list(conform_rows(answer.rows, contract, tally=tally))
    assert tally.rejected == []
    names = [column.name for column in contract.columns]
    rows = [row for batch in batches for row in batch.select(names).to_pylist()]
    return answer, rows


def by_key(contract: EntityContract, rows: Iterable[dict[str, object]]) -> Rows:
    """Return rows by key; a key that comes twice fails."""
    keyed = [(tuple(row[name] for name in contract.key), row) for row in rows]
    counts = Counter(key for key, _ in keyed)
    assert [key for key, count in counts.items() if count > 1] == []
    return dict(keyed)


def typed(
    contract: EntityContract, fields: Fields, **given: object
) -> dict[str, object]:
    """Return a state of the model as the contract's row."""
    state = {**fields, **given}
    return {
        c.name: None if state.get(c.name) is None else TYPERS[c.type](state[c.name])
        for c in contract.columns
    }


def cut_to(
    microseconds: int, contract: EntityContract, row: dict[str, object]
) -> dict[str, object]:
    """Return the row with instants as fine as the vendor keeps them."""
    cut = dict(row)
    for column in contract.columns:
        value = cut[column.name]
        if column.type is Type.INSTANT and isinstance(value, datetime):
            fine = value.microsecond // microseconds * microseconds
            cut[column.name] = value.replace(microsecond=fine)
    return cut


in_milliseconds = partial(cut_to, 1_000)
in_seconds = partial(cut_to, 1_000_000)


def assert_same(got: Rows, expected: Rows) -> None:
    """Compare keys first, then fields, naming the first differences only."""
    assert sorted(map(str, expected.keys() - got.keys()))[:5] == []
    assert sorted(map(str, got.keys() - expected.keys()))[:5] == []
    differences = [
        (key, name, got[key][name], value)
        for key, row in expected.items()
        for name, value in row.items()
        if got[key][name] != value
    ]
    assert differences[:5] == []


# HubSpot


def hubspot_states(records: Iterable[Versioned], now: datetime) -> list[Fields]:
    """Return what the portal still has: live records and those in the bin."""
    return [
        state
        for state in present(records, now)
        if not state.get("is_deleted") or state["deleted_at"] + BIN >= now
    ]


def survivors(records: Iterable[Versioned], now: datetime) -> dict[str, str]:
    """Return loser id -> survivor id of merged records."""
    return {
        loser: str(state[key])
        for state in present(records, now)
        for key in ("contact_id", "company_id", "deal_id")
        if key in state and "merged_object_ids" in state
        for loser in str(state["merged_object_ids"] or "").split(";")
        if loser
    }


@pytest.mark.parametrize("entity", ["contacts", "companies"])
def test_hubspot_contacts_and_companies(
    company: Company, sandbox: SandboxHandle, entity: str
) -> None:
    contract = contract_of("hubspot", entity)
    answer, rows = extract(config_of("hubspot", company, sandbox.url), entity)
    records = getattr(company.hubspot, entity)
    expected = []
    for state in hubspot_states(records, NOW):
        more: dict[str, object] = {"is_deleted": bool(state.get("is_deleted"))}
        if state.get("annual_revenue") is None:
            more["annual_revenue_currency"] = None
        expected.append(in_milliseconds(contract, typed(contract, state, **more)))
    assert_same(by_key(contract, rows), by_key(contract, expected))
    assert answer.unknown_fields == set()
    assert answer.is_full_list
    newest = max(row["updated_at"] for row in expected)
    assert answer.new_cursor == newest.isoformat()


@pytest.mark.parametrize("entity", ["deals", "calls", "emails", "meetings"])
def test_hubspot_deals_and_activities_with_their_links(
    company: Company, sandbox: SandboxHandle, entity: str
) -> None:
    contract = contract_of("hubspot", entity)
    _, rows = extract(config_of("hubspot", company, sandbox.url), entity)
    portal = company.hubspot
    moved = {
        "company_id": survivors(portal.companies, NOW),
        "contact_id": survivors(portal.contacts, NOW),
        "deal_id": survivors(portal.deals, NOW),
    }
    alive = {
        column: {
            str(one[column])
            for one in present(records, NOW)
            if not one.get("is_deleted")
        }
        for column, records in (
            ("company_id", portal.companies),
            ("contact_id", portal.contacts),
            ("deal_id", portal.deals),
        )
    }
    own = f"{entity[:-1]}_id"
    expected = []
    for state in hubspot_states(getattr(portal, entity), NOW):
        more: dict[str, object] = {"is_deleted": bool(state.get("is_deleted"))}
        for column in alive.keys() - {own}:
            target = moved[column].get(str(state.get(column)), state.get(column))
            # Links of an archived record, and links to one, are gone.
            gone = state.get("is_deleted") or str(target) not in alive[column]
            more[column] = None if gone else target
        expected.append(in_milliseconds(contract, typed(contract, state, **more)))
    assert_same(by_key(contract, rows), by_key(contract, expected))


def test_hubspot_contact_history(company: Company, sandbox: SandboxHandle) -> None:
    contract = contract_of("hubspot", "contact_property_history")
    _, rows = extract(config_of("hubspot", company, sandbox.url), contract.name)
    alive = {
        str(state["contact_id"])
        for state in hubspot_states(company.hubspot.contacts, NOW)
        if not state["is_deleted"]
    }
    names = {"hubspot_owner_id": "owner_id", "lifecyclestage": "lifecycle_stage"}
    expected = {
        (
            contact.id,
            name,
            at.replace(microsecond=at.microsecond // 1000 * 1000),
        ): (None if value is None else str(value), by)
        for contact in company.hubspot.contacts
        if contact.id in alive
        for name, field in names.items()
        for at, value, by in contact.changes(field, NOW)
    }
    got = {
        (r["contact_id"], r["property"], r["changed_at"]): (
            r["value"],
            r["changed_by_id"],
        )
        for r in rows
    }
    assert len(got) == len(rows)
    assert got == expected
    # Somebody's leads were handed over, and people move on.
    for name in names:
        assert sum(key[1] == name for key in got) > len(alive)


def test_hubspot_deal_history(company: Company, sandbox: SandboxHandle) -> None:
    contract = contract_of("hubspot", "deal_property_history")
    _, rows = extract(config_of("hubspot", company, sandbox.url), contract.name)
    names = {
        "dealstage": "stage_id",
        "amount": "amount",
        "closedate": "close_at",
        "hubspot_owner_id": "owner_id",
        "pipeline": "pipeline_id",
        "notes_next_activity_date": "next_activity_at",
    }
    there = {
        str(state["deal_id"]) for state in hubspot_states(company.hubspot.deals, NOW)
    }
    expected: dict[tuple[object, ...], object] = {}
    for deal in company.hubspot.deals:
        if deal.id not in there:
            continue
        for name, field in names.items():
            for at, value, by in deal.changes(field, NOW):
                cut = at.replace(microsecond=at.microsecond // 1000 * 1000)
                expected[deal.id, name, cut] = (value is None, by)
    got = {
        (r["deal_id"], r["property"], r["changed_at"]): (
            r["value"] is None,
            r["changed_by_id"],
        )
        for r in rows
    }
    assert len(got) == len(rows)
    assert got == expected
    # The last value of a stage is the stage the deal is in.
    last = {
        r["deal_id"]: r["value"]
        for r in sorted(rows, key=lambda r: r["changed_at"])
        if r["property"] == "dealstage"
    }
    assert last == {
        str(state["deal_id"]): state["stage_id"]
        for state in hubspot_states(company.hubspot.deals, NOW)
    }


def test_hubspot_lists(company: Company, sandbox: SandboxHandle) -> None:
    config = config_of("hubspot", company, sandbox.url)
    owners = contract_of("hubspot", "owners")
    _, rows = extract(config, "owners")
    expected = [
        in_milliseconds(owners, typed(owners, s))
        for s in present(company.hubspot.owners, NOW)
    ]
    assert_same(by_key(owners, rows), by_key(owners, expected))
    assert any(row["is_deleted"] for row in rows)
    for name, states in (
        ("call_dispositions", company.hubspot.call_dispositions),
        ("deal_stages", company.hubspot.deal_stages),
    ):
        contract = contract_of("hubspot", name)
        _, rows = extract(config, name)
        given = {"is_deleted": False} if name == "call_dispositions" else {}
        assert_same(
            by_key(contract, rows),
            by_key(contract, [typed(contract, {**given, **state}) for state in states]),
        )


def test_hubspot_nights_add_up_to_the_whole(
    company: Company, sandbox: SandboxHandle
) -> None:
    """Five nights by cursor leave the same newest rows as one full read at the end."""
    config = config_of("hubspot", company, sandbox.url)
    contract = contract_of("hubspot", "deals")
    kept: Rows = {}
    cursor = None
    for back in range(4, -1, -1):
        night = NOW - timedelta(days=back)
        sandbox.set_clock(night)
        answer, rows = extract(
            config,
            "deals",
            cursor=cursor,
            now=night,
            as_of=AS_OF - timedelta(days=back),
        )
        assert answer.is_full_list is (cursor is None)
        cursor = answer.new_cursor
        kept |= by_key(contract, rows)
    _, whole = extract(config, "deals")
    expected = by_key(contract, whole)
    # Merged losers and records past the bin are gone at the source, not from what was kept.
    assert_same({key: row for key, row in kept.items() if key in expected}, expected)


# Stripe


def stripe_rows(
    company: Company, sandbox: SandboxHandle, name: str, entity: str
) -> tuple[EntityContract, Rows, Extract]:
    contract = contract_of("stripe", entity)
    answer, rows = extract(config_of(name, company, sandbox.url), entity)
    assert answer.unknown_fields == set()
    return contract, by_key(contract, rows), answer


@pytest.mark.parametrize("name", STRIPE_NAMES)
@pytest.mark.parametrize(
    "entity",
    ["products", "prices", "invoices", "charges", "refunds", "credit_notes", "payouts"],
)
def test_stripe_objects(
    company: Company, sandbox: SandboxHandle, name: str, entity: str
) -> None:
    contract, got, answer = stripe_rows(company, sandbox, name, entity)
    states = present(getattr(company.stripe[name], entity), NOW)
    expected = [in_seconds(contract, typed(contract, state)) for state in states]
    assert_same(got, by_key(contract, expected))
    assert answer.is_full_list
    assert got


@pytest.mark.parametrize("name", STRIPE_NAMES)
def test_stripe_customers_with_the_deleted_ones_of_thirty_days(
    company: Company, sandbox: SandboxHandle, name: str
) -> None:
    contract, got, _ = stripe_rows(company, sandbox, name, "customers")
    expected = []
    for customer in company.stripe[name].customers:
        version = customer.version_at(NOW)
        if version is None or version.fields is None:
            continue
        deleted = bool(version.fields.get("is_deleted"))
        if deleted and version.at < NOW - MEMORY:
            continue
        row = typed(contract, version.fields, is_deleted=deleted)
        expected.append(in_seconds(contract, row))
    assert_same(got, by_key(contract, expected))


@pytest.mark.parametrize("name", STRIPE_NAMES)
def test_stripe_invoice_lines(
    company: Company, sandbox: SandboxHandle, name: str
) -> None:
    contract, got, _ = stripe_rows(company, sandbox, name, "invoice_lines")
    expected = [
        in_seconds(contract, typed(contract, line, invoice_id=invoice["invoice_id"]))
        for invoice in present(company.stripe[name].invoices, NOW)
        for line in invoice["lines"]
    ]
    assert_same(got, by_key(contract, expected))


def item_states(
    contract: EntityContract, subscription: Fields, **given: object
) -> Iterator[dict[str, object]]:
    for item in subscription["items"]:
        yield in_seconds(contract, typed(contract, {**subscription, **item}, **given))


@pytest.mark.parametrize("name", STRIPE_NAMES)
def test_stripe_subscription_items(
    company: Company, sandbox: SandboxHandle, name: str
) -> None:
    contract, got, _ = stripe_rows(company, sandbox, name, "subscription_items")
    expected = [
        row
        for state in present(company.stripe[name].subscriptions, NOW)
        for row in item_states(
            contract, state, subscription_created_at=state["created_at"]
        )
    ]
    assert_same(got, by_key(contract, expected))
    for column in ("discount_percent", "canceled_at", "ended_at", "opportunity_id"):
        assert any(row[column] for row in got.values()), column


@pytest.mark.parametrize("name", STRIPE_NAMES)
def test_stripe_subscription_events_of_the_account_version(
    company: Company, sandbox: SandboxHandle, name: str
) -> None:
    contract, got, answer = stripe_rows(company, sandbox, name, "subscription_events")
    account = company.stripe[name]
    expected = [
        {**row, "api_version": None}
        for event in account.events(NOW, NOW - MEMORY)
        for row in item_states(
            contract,
            event.subscription,
            event_id=event.event_id,
            event_type=event.event_type,
            occurred_at=event.occurred_at,
        )
    ]
    versions = {row["api_version"] for row in got.values()}
    assert len(versions) == 1
    found = {key: {**row, "api_version": None} for key, row in got.items()}
    assert_same(found, by_key(contract, expected))
    assert got
    assert answer.new_cursor == newest_event(account).isoformat()


def newest_event(account: StripeAccount) -> datetime:
    return account.events(NOW, NOW - MEMORY)[-1].occurred_at.replace(microsecond=0)


def test_stripe_accounts_speak_different_versions(
    company: Company, sandbox: SandboxHandle
) -> None:
    versions = set()
    for name in STRIPE_NAMES:
        _, rows = extract(config_of(name, company, sandbox.url), "subscription_events")
        versions |= {row["api_version"] for row in rows}
    assert len(versions) == 2


@pytest.mark.parametrize("name", STRIPE_NAMES)
@pytest.mark.parametrize("version", ["2024-06-20", "2025-09-30.clover"])
@pytest.mark.parametrize(
    "entity",
    ["subscription_items", "invoices", "invoice_lines", "charges", "credit_notes"],
)
def test_stripe_reads_the_same_at_every_version(
    company: Company, sandbox: SandboxHandle, name: str, version: str, entity: str
) -> None:
    config = config_of(name, company, sandbox.url)
    contract = contract_of("stripe", entity)
    _, pinned = extract(config, entity)
    _, other = extract(config.model_copy(update={"api_version": version}), entity)
    assert_same(by_key(contract, other), by_key(contract, pinned))


@pytest.mark.parametrize("name", STRIPE_NAMES)
def test_stripe_ledger_whole_then_by_cursor(
    company: Company, sandbox: SandboxHandle, name: str
) -> None:
    contract = contract_of("stripe", "balance_transactions")
    config = config_of(name, company, sandbox.url)
    sandbox.set_clock(NOW - timedelta(days=1))
    before = NOW - timedelta(days=1)
    first, rows = extract(
        config, contract.name, now=before, as_of=AS_OF - timedelta(days=1)
    )
    sandbox.set_clock(NOW)
    assert first.is_full_list
    second, more = extract(config, contract.name, cursor=first.new_cursor)
    assert len(more) < len(rows)
    assert not second.is_full_list
    expected = [
        in_seconds(contract, typed(contract, state))
        for state in present(company.stripe[name].balance_transactions, NOW)
    ]
    assert_same(
        by_key(contract, rows) | by_key(contract, more), by_key(contract, expected)
    )


# Ads


def test_google_ads(company: Company, sandbox: SandboxHandle) -> None:
    config = config_of("google_ads", company, sandbox.url)
    platform = company.google
    contract = contract_of("google_ads", "accounts")
    _, rows = extract(config, "accounts")
    assert rows == [typed(contract, platform.account)]
    contract = contract_of("google_ads", "campaigns")
    _, rows = extract(config, "campaigns")
    expected = [typed(contract, state) for state in present(platform.campaigns, NOW)]
    assert_same(by_key(contract, rows), by_key(contract, expected))
    account = {
        "currency": platform.account["currency"],
        "source_timezone": platform.account["timezone"],
    }
    contract = contract_of("google_ads", "campaign_performance_daily")
    answer, rows = extract(config, contract.name)
    first = answer.coverage[0].start_date
    assert first is not None
    facts = platform.campaign_days(NOW, first, AS_OF)
    expected = [
        typed(contract, state, campaign_id=fact.campaign_id, date=fact.date, **account)
        for fact, state in facts
    ]
    assert_same(by_key(contract, rows), by_key(contract, expected))
    contract = contract_of("google_ads", "account_performance_daily")
    _, rows = extract(config, contract.name)
    account["account_id"] = platform.account["account_id"]
    expected = [
        typed(contract, total, date=day, **account)
        for day, total in platform.account_days(NOW, first, AS_OF).items()
    ]
    assert_same(by_key(contract, rows), by_key(contract, expected))


def test_meta_ads(company: Company, sandbox: SandboxHandle) -> None:
    config = config_of("meta_ads", company, sandbox.url)
    platform = company.meta
    account_id = str(platform.account["account_id"]).removeprefix("act_")
    contract = contract_of("meta_ads", "accounts")
    _, rows = extract(config, "accounts")
    assert rows == [typed(contract, platform.account, account_id=account_id)]
    contract = contract_of("meta_ads", "campaigns")
    _, rows = extract(config, "campaigns")
    expected = []
    for state in present(platform.campaigns, NOW):
        # The ads of a deleted campaign, which carry the tags, are gone with it.
        gone = {"utm_campaign": None} if state["status"] == "DELETED" else {}
        expected.append(typed(contract, state, **gone))
    assert_same(by_key(contract, rows), by_key(contract, expected))
    account = {
        "currency": platform.account["currency"],
        "source_timezone": platform.account["timezone"],
    }
    contract = contract_of("meta_ads", "campaign_insights_daily")
    answer, rows = extract(config, contract.name)
    first = answer.coverage[0].start_date
    assert first is not None
    expected = [
        typed(contract, state, campaign_id=fact.campaign_id, date=fact.date, **account)
        for fact, state in platform.campaign_days(NOW, first, AS_OF)
    ]
    assert_same(by_key(contract, rows), by_key(contract, expected))
    contract = contract_of("meta_ads", "account_insights_daily")
    _, rows = extract(config, contract.name)
    account["account_id"] = account_id
    expected = [
        typed(contract, total, date=day, **account)
        for day, total in platform.account_days(NOW, first, AS_OF).items()
    ]
    assert_same(by_key(contract, rows), by_key(contract, expected))
