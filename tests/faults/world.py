"""The smallest company a whole night can be run on: one vendor of four lists, one dropped file.

Belongs here: its configuration, what its sources say on each day, the truth about both, and a
dbt project of five models around the real staging and macros. Stays out: running nights
(`theatre`), judging them (`invariants`). Everything is a function of the as-of day, so a night
can be repeated and compared.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = date(2026, 10, 30)
SECOND = date(2026, 10, 31)
BEGAN = date(2026, 10, 26)
DAY = timedelta(days=1)
CAMPAIGNS = ("c1", "c2", "c3")
ACCOUNT = "11"
PAGE_ROWS = 4

TOKEN = "EAAplantedtoken0123456789secret"  # noqa: S105 - planted to be found
TOKEN_ENV = "FAULTS_META_TOKEN"  # noqa: S105 - a name
PERSON = "nguyen.thi.lan@planted.example"

CONFIG = f"""\
company:
  name: Tiny
  reporting_currency: VND
  presentation_currencies: [VND]
  timezone: Asia/Ho_Chi_Minh
sources:
  - name: meta_main
    kind: meta_ads
    base_url: URL
    token_env: {TOKEN_ENV}
    account_ids: ["act_{ACCOUNT}"]
    legal_entity: tiny
    functional_currency: VND
    timezone: Asia/Ho_Chi_Minh
  - name: drop
    kind: files
    path: drop
    settle_seconds: 0
    legal_entity: tiny
    datasets:
      ad_performance_daily:
        files: "ads_*.csv"
        mode: upsert
        columns:
          {{date: day, campaign_id: campaign, ad_account_id: account, spend: spend,
           clicks: clicks, impressions: shown}}
        constants: {{platform: linkedin, currency: USD}}
publish: {{keep: 4}}
"""

MODELS = {
    "int_ad_days_unioned": """
        select source_name, legal_entity, source_account, ad_account_id, campaign_id,
            currency, date as report_date, cast(spend as decimal(38, 6)) as spend_amount
        from {{ ref('stg_meta_ads__campaign_insights_daily') }}
        union all
        select source_name, legal_entity, source_account, ad_account_id, campaign_id,
            currency, date, cast(spend as decimal(38, 6))
        from {{ ref('stg_files__ad_performance_daily') }}
    """,
    "fct_ad_performance_daily": """
        select source_name || '|' || ad_account_id || '|' || campaign_id || '|' || report_date
            as ad_performance_id, source_name, ad_account_id, campaign_id, currency,
            report_date, spend_amount, '{{ var("build_id") }}' as build_id
        from {{ ref('int_ad_days_unioned') }} where report_date <= date '{{ var("as_of_date") }}'
    """,
    "build_info": """
        select source_name, max(load_date) as load_date, '{{ var("build_id") }}' as build_id
        from {{ ref('stg_ledger__batches') }} group by 1
    """,
}
SCHEMA = """\
version: 2
models:
  - name: fct_ad_performance_daily
    config: {meta: {theme: marketing, audience: [all]}}
    columns: [{name: ad_performance_id, data_tests: [not_null, unique]}]
  - name: build_info
    config: {meta: {theme: core, audience: [all]}}
    columns: [{name: source_name, data_tests: [not_null, unique]}]
"""
REAL = Path(__file__).resolve().parents[2] / "dbt_project"
STAGING = (
    "ledger/_ledger__sources.yml",
    "ledger/stg_ledger__batches.sql",
    "meta_ads/_meta_ads__sources.yml",
    "meta_ads/stg_meta_ads__campaign_insights_daily.sql",
    "files/_files__sources.yml",
    "files/stg_files__ad_performance_daily.sql",
)


def write_project(folder: Path) -> Path:
    """Write the dbt project: real macros and staging, two marts of its own."""
    shutil.copytree(REAL / "macros", folder / "macros")
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copyfile(REAL / name, folder / name)
    project = folder / "dbt_project.yml"
    text = project.read_text("utf-8")
    # Contracts and documentation of real marts have no meaning for the two written here.
    text = text.replace("+contract: {enforced: true}", "")
    project.write_text(text.replace("+persist_docs", "# +persist_docs"), "utf-8")
    for name in STAGING:
        target = folder / "models" / "staging" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REAL / "models" / "staging" / name, target)
    marts = folder / "models" / "marts"
    marts.mkdir()
    for name, sql in MODELS.items():
        (marts / f"{name}.sql").write_text(sql, "utf-8")
    (marts / "marts.yml").write_text(SCHEMA, "utf-8")
    return folder


def days_until(as_of: date) -> Iterator[date]:
    """Yield every day the company has existed."""
    for offset in range((as_of - BEGAN).days + 1):
        yield BEGAN + offset * DAY


def vendor_spend(campaign: str, day: date, as_of: date) -> Decimal:
    """Return what the vendor says on a day; yesterday's figure is restated once."""
    base = Decimal(1000 * int(campaign[1:]) + day.day)
    return base + (Decimal("0.25") if day < as_of else Decimal(0))


def vendor_rows(since: date, until: date, as_of: date) -> list[dict[str, Any]]:
    """Return the daily rows the vendor answers with."""
    return [
        {
            "account_id": ACCOUNT,
            "campaign_id": campaign,
            "account_currency": "VND",
            "date_start": day.isoformat(),
            "date_stop": day.isoformat(),
            "spend": str(vendor_spend(campaign, day, as_of)),
            "impressions": "100",
            "inline_link_clicks": "3",
        }
        for day in days_until(as_of)
        if since <= day <= until
        for campaign in CAMPAIGNS
    ]


def write_drop(folder: Path, as_of: date) -> None:
    """Write the files dropped by the night of a day; a person's address is in each."""
    folder.mkdir(parents=True, exist_ok=True)
    for day in days_until(as_of):
        rows = [
            f"{day},d{n},77,{dropped_spend(f'd{n}', day)},2,50,{PERSON}" for n in (1, 2)
        ]
        header = "day,campaign,account,spend,clicks,shown,contact"
        (folder / f"ads_{day}.csv").write_text("\n".join([header, *rows]) + "\n")


def dropped_spend(campaign: str, day: date) -> Decimal:
    """Return what the file of a day says."""
    return Decimal(int(campaign[1:]) * 10 + day.day) + Decimal("0.0001")


Key = tuple[str, str, str, str, date]
"""Source, account, campaign, currency, day."""


def truth(as_of: date) -> dict[Key, Decimal]:
    """Return the spend of every ad day as it stands on a day: what marts must say."""
    known: dict[Key, Decimal] = {}
    for day in days_until(as_of):
        for campaign in CAMPAIGNS:
            key = ("meta_main", ACCOUNT, campaign, "VND", day)
            known[key] = vendor_spend(campaign, day, as_of)
        for campaign in ("d1", "d2"):
            known["drop", "77", campaign, "USD", day] = dropped_spend(campaign, day)
    return known


def raw_truth(nights: list[date]) -> Counter[tuple[Key, Decimal]]:
    """Return every version the sources told in these nights: what raw must at least hold."""
    seen: Counter[tuple[Key, Decimal]] = Counter()
    for as_of in nights:
        for key, spend in truth(as_of).items():
            if key[0] == "meta_main":
                seen[key, spend] += 1
    for key, spend in truth(nights[-1]).items():
        if key[0] == "drop":
            seen[key, spend] += 1
    return seen


class Vendor(ThreadingHTTPServer):
    """Answers as the ads platform does on one day; counts the pages it handed out."""

    daemon_threads = True

    def __init__(self, as_of: date, asked: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.as_of = as_of
        self.asked = asked
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Vendor
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        with self.server.asked.open("a", encoding="utf-8") as log:
            log.write(f"{self.path}\n")
        body = json.dumps(self._answer(where.path, query)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        as_of = self.server.as_of
        if path.endswith("/campaigns"):
            rows = [
                {"id": c, "name": c, "effective_status": "ACTIVE"} for c in CAMPAIGNS
            ]
        elif path.endswith("/insights"):
            span = json.loads(query["time_range"])
            since, until = (date.fromisoformat(span[n]) for n in ("since", "until"))
            rows = vendor_rows(since, until, as_of)
            if query["level"] == "account":
                rows = _by_account(rows)
        else:
            return {
                "id": f"act_{ACCOUNT}", "account_id": ACCOUNT, "name": "Tiny",
                "currency": "VND", "timezone_name": "Asia/Ho_Chi_Minh",
            }  # fmt: skip
        start = int(query.get("after", "0"))
        page = rows[start : start + PAGE_ROWS]
        paging: dict[str, Any] = {"cursors": {"after": str(start + PAGE_ROWS)}}
        if start + PAGE_ROWS < len(rows):
            paging["next"] = "more"
        return {"data": page, "paging": paging}

    def log_message(self, *_: object) -> None:
        """Say nothing: the test's output is the night's."""


def _by_account(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    days: dict[str, dict[str, Any]] = {}
    for row in rows:
        kept = {k: v for k, v in row.items() if k != "campaign_id"}
        day = days.setdefault(row["date_start"], {**kept, "spend": "0"})
        day["spend"] = str(Decimal(day["spend"]) + Decimal(row["spend"]))
    return list(days.values())
