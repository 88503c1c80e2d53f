"""Asking every vendor before the first night: the sandbox company answers over loopback."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ingest.config import WarehouseConfig, load_config
from ingest.contracts import contract_of
from ingest.entities import EntityContract, money, text
from ingest.sandbox.company import build_company
from ingest.sandbox.server import SandboxHandle, start_sandbox
from orchestration.cli.words import describe_source_check
from orchestration.doctor_live import (
    SourceCheck,
    check_sources,
    show_value,
    worst_code,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.sandbox.model import Company

NOW = datetime(2026, 10, 31, 19, tzinfo=UTC)

CONFIG = """\
company: {name: Acme, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - {name: crm, kind: hubspot, base_url: "sandbox:/hubspot"}
  - {name: billing, kind: stripe, base_url: "sandbox:/stripe_vn"}
  - name: google
    kind: google_ads
    base_url: "sandbox:/google_ads"
    customer_ids: ["481-516-2342"]
  - name: meta
    kind: meta_ads
    base_url: "sandbox:/meta_ads"
    account_ids: ["220145790311045"]
"""


@pytest.fixture(scope="module")
def company() -> Company:
    return build_company(seed=7, scale=1, until=NOW)


@pytest.fixture(scope="module")
def sandbox(company: Company) -> Iterator[SandboxHandle]:
    with start_sandbox(company, NOW) as handle:
        yield handle


@pytest.fixture
def config(tmp_path: Path, sandbox: SandboxHandle) -> Iterator[WarehouseConfig]:
    path = tmp_path / "warehouse.yml"
    path.write_text(CONFIG, encoding="utf-8")
    yield load_config(path, environ={}, sandbox_url=sandbox.url)
    sandbox.set_faults([])


def ask(config: WarehouseConfig, name: str) -> SourceCheck:
    [result] = check_sources([config.source(name)], now=NOW, sleep=lambda _: None)
    return result


def refused(result: SourceCheck) -> dict[str, str]:
    return {c.what: f"{c.problem} {c.scope}" for c in result.checks if c.problem}


def script(
    sandbox: SandboxHandle, path: str, status: int, payload: Any, **more: Any
) -> None:
    rule = {"path": path, "times": 0, "action": "status", "status": status}
    sandbox.set_faults([{**rule, "payload": payload, **more}])


def test_sizes_are_those_of_the_vendors(
    config: WarehouseConfig, company: Company
) -> None:
    crm = {c.what: c.size.rows for c in ask(config, "crm").checks}
    living = {
        name: sum(
            not (state := record.state_at(NOW)) or not state.get("is_deleted")
            for record in getattr(company.hubspot, name)
            if record.state_at(NOW)
        )
        for name in ("companies", "deals")
    }
    assert {name: crm[name] for name in living} == living

    billing = ask(config, "billing")
    sizes = {c.what: c.size for c in billing.checks}
    account = company.stripe["stripe_vn"]
    invoices = sum(1 for one in account.invoices if one.state_at(NOW))
    assert sizes["invoices"].basis == "estimated"
    # Dense and thin months differ; a first load is planned with this, nothing is booked.
    assert invoices * 0.6 < sizes["invoices"].rows < invoices * 1.6
    assert sizes["products"].basis == "counted"
    assert billing.seconds > billing.rows / 20_000


def test_rows_are_shown_without_saying_who_is_in_them(
    config: WarehouseConfig, company: Company
) -> None:
    shown = "\n".join(
        "\n".join(describe_source_check(ask(config, name)))
        + json.dumps(asdict(ask(config, name)), default=str, ensure_ascii=False)
        for name in ("crm", "billing")
    )
    contacts = [one.state_at(NOW) for one in company.hubspot.contacts]
    known = {
        str(contact[field])
        for contact in contacts
        if contact
        for field in ("email", "phone")
        if contact.get(field)
    }
    assert len(known) > 1000
    assert not [value for value in known if value in shown]
    assert "contact_id text" in shown
    assert "@aaaa" in shown


def test_what_may_be_shown_is_decided_by_the_contract() -> None:
    contacts = contract_of("hubspot", "contacts")
    pay = EntityContract(
        "t", "t", "g", ("k",), (text("k", ""), money("m", ""), text("currency", ""))
    )
    shown = {
        "contact_id": ("171", "171"),
        "created_at": ("2026-10-31T19:00:00.123Z", "2026-10-31T19:00:00"),
        "email": ("lan@khach.vn", "aaa@aaaaa.aa"),
        "lifecycle_stage": ("lead", "aaaa"),
        "owner_id": (None, ""),
    }
    for name, (value, expected) in shown.items():
        assert show_value(contacts.column(name), value, contacts) == expected, name
    assert show_value(pay.column("m"), "1200.50", pay) == "9999.99"


def test_every_missing_hubspot_scope_is_named_and_the_rest_still_asked(
    config: WarehouseConfig, sandbox: SandboxHandle
) -> None:
    script(
        sandbox,
        r"objects/(deals|companies)/search",
        403,
        {
            "status": "error",
            "message": "This app hasn't been granted all required scopes to make this call.",
            "errors": [
                {
                    "message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": ["crm.objects.deals.read"]},
                }
            ],
            "category": "MISSING_SCOPES",
        },
    )
    result = ask(config, "crm")
    assert set(refused(result)) == {"companies", "deals"}
    assert "Scope needed: crm.objects.deals.read" in refused(result)["deals"]
    assert "crm.objects.companies.read" in refused(result)["companies"]
    assert result.exit_code == 77
    assert [c.what for c in result.checks if c.size.rows] == [
        "contacts",
        "calls",
        "emails",
        "meetings",
    ]
    samples = {sample.entity: sample for sample in result.samples}
    assert len(samples["contacts"].rows) == 5
    assert "access refused" in samples["deals"].problem


def test_a_restricted_stripe_key_names_the_permission_and_hides_the_key(
    config: WarehouseConfig, sandbox: SandboxHandle
) -> None:
    message = (
        "The provided key 'rk_live_abcdef123456' does not have the required permissions "
        "for this endpoint. Having the 'rak_credit_note_read' permission would allow this."
    )
    payload = {"error": {"type": "invalid_request_error", "message": message}}
    script(sandbox, r"/v1/credit_notes", 403, payload)
    result = ask(config, "billing")
    [(what, said)] = refused(result).items()
    assert what == "credit notes"
    assert "rak_credit_note_read" in said
    assert "Credit notes: read" in said
    assert "rk_live_abcdef" not in said
    assert result.exit_code == 77


@pytest.mark.parametrize(
    ("status", "group", "code"),
    [
        (403, "authorizationError", "USER_PERMISSION_DENIED"),
        (403, "authorizationError", "DEVELOPER_TOKEN_NOT_APPROVED"),
        (401, "authenticationError", "OAUTH_TOKEN_EXPIRED"),
    ],
)
def test_google_says_whether_token_or_customer_access_is_missing(
    config: WarehouseConfig, sandbox: SandboxHandle, status: int, group: str, code: str
) -> None:
    error = {"errorCode": {group: code}, "message": "See the documentation."}
    body = {
        "code": status,
        "message": "The caller does not have permission",
        "details": [{"errors": [error]}],
    }
    script(sandbox, "searchStream", status, {"error": body})
    result = ask(config, "google")
    assert result.exit_code == 77
    assert code in refused(result)["customer 481-516-2342"]
    assert "developer token" in refused(result)["customer 481-516-2342"]


def test_a_meta_token_without_ads_read_is_told_what_it_has(
    config: WarehouseConfig, sandbox: SandboxHandle
) -> None:
    granted = [
        {"permission": "pages_show_list", "status": "granted"},
        {"permission": "ads_read", "status": "declined"},
    ]
    script(sandbox, "/me/permissions", 200, {"data": granted})
    result = ask(config, "meta")
    assert list(refused(result)) == ["token"]
    assert "lacks ads_read; it has pages_show_list" in refused(result)["token"]
    assert result.exit_code == 77


def test_a_token_that_may_not_ask_about_itself_is_judged_by_its_accounts(
    config: WarehouseConfig, sandbox: SandboxHandle
) -> None:
    payload = {"error": {"message": "Unsupported get request", "code": 100}}
    script(sandbox, "/me/permissions", 400, payload)
    result = ask(config, "meta")
    assert refused(result) == {}
    assert [c.what for c in result.checks if c.size.rows] == [
        "campaign-days of 220145790311045"
    ]


@pytest.mark.parametrize("name", ["crm", "billing", "google", "meta"])
def test_a_wrong_secret_and_a_dead_vendor_leave_with_their_codes(
    config: WarehouseConfig, sandbox: SandboxHandle, name: str
) -> None:
    script(sandbox, "", 401, {"error": {"message": "Invalid token", "code": 190}})
    wrong = ask(config, name)
    assert wrong.exit_code == 77
    assert all(c.problem for c in wrong.checks)
    # Google's token is exchanged elsewhere, by a client with a clock of its own.
    script(sandbox, "^/(hubspot|stripe_vn|meta_ads|google_ads/v)", 503, {})
    dead = ask(config, name)
    assert dead.exit_code == 69
    assert worst_code([dead.exit_code, wrong.exit_code, 0]) == 77
    assert worst_code([0]) == 0


def test_the_drop_folder_says_which_files_it_would_read(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "targets.csv").write_text("a\n", encoding="utf-8")
    path = tmp_path / "warehouse.yml"
    path.write_text(
        "company: {name: A, reporting_currency: VND, timezone: UTC}\n"
        "sources:\n  - {name: d, kind: files, path: drop, datasets: {\n"
        "      targets: {files: targets.csv}, costs: {files: target.csv}}}\n",
        encoding="utf-8",
    )
    [result] = check_sources(load_config(path, environ={}).sources, now=NOW)
    told = "\n".join(describe_source_check(result))
    assert "targets (targets.csv): 1 file" in told
    assert "did you mean 'targets.csv'?" in told
    (tmp_path / "drop" / "targets.csv").unlink()
    (tmp_path / "drop").rmdir()
    [gone] = check_sources(load_config(path, environ={}).sources, now=NOW)
    assert gone.exit_code == 69
