"""A company whose months are closed while its past goes on changing.

Belongs here: its loads, the builds between them, publishing and closing as the commands do.
Stays out: what must hold (`test_closed_periods`). The rows are those of a random company, and
one deal is that of worked case F-10.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb

from ingest import ledger
from ingest.config_policies import POLICIES
from ingest.manifest import AccountCoverage, BatchManifest
from orchestration.night import NightReport, write_report
from orchestration.periods.chain import HEAD, head_of
from orchestration.periods.closing import Closed, close_period, proven_chain
from orchestration.periods.export import export_closes
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.settings import Settings, load_settings
from tests.pipeline import random_companies
from tests.pipeline.raw_fixture import RawBatch, vn, write_raw
from tests.pipeline.warehouse_build import build_warehouse

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)
ZONE = "Asia/Ho_Chi_Minh"
SEED = 7
FIRST_AS_OF = date(2026, 4, 2)
SELECT = "+rpt_restatements +rpt_kpi_values +rpt_build_info dim_currencies"
PUBLISHED = {
    "rpt_kpi_values": "core",
    "rpt_restatements": "core",
    "dim_closes": "core",
    "kpi_registry": "core",
    "dim_periods": "core",
    "dim_currencies": "core",
    "build_info": "core",
    "fct_invoice_lines": "finance",
    "fct_opportunities": "sales",
    "fct_leads": "marketing",
}
CONFIG = """\
company:
  name: Acme
  reporting_currency: VND
  presentation_currencies: [VND, USD]
  timezone: Asia/Ho_Chi_Minh
sources:
  - name: drop_07
    kind: files
    path: drop
    settle_seconds: 0
    legal_entity: acme
    datasets:
      users:
        files: "*.csv"
        mode: upsert
        columns: {user_id: id, user_name: name, valid_from: since}
"""


@dataclass
class Company:
    """One root, its loads so far and what is closed."""

    root: Path
    loads: list[RawBatch] = field(default_factory=list)
    builds: int = 0

    @property
    def settings(self) -> Settings:
        config = self.root / "warehouse.yml"
        config.write_text(CONFIG, "utf-8")
        return load_settings(root=self.root, config_path=config)

    def build(self, as_of: date, *batches: RawBatch, is_tested: bool = False) -> None:
        """Load batches, build as of a day and publish, as a night does."""
        self.loads += batches
        self.builds += 1
        write_raw(self.root / "raw", self.loads)
        self._write_ledger()
        chain = proven_chain(self.settings)
        export_closes(self.root, chain, as_of=as_of, zone=ZONE)
        policies = {
            name: list(p.default) if isinstance(p.default, tuple) else p.default
            for name, p in POLICIES.items()
        }
        warehouse = build_warehouse(
            self.root,
            as_of=as_of,
            select=SELECT,
            entities=sorted({b.entity for b in self.loads}),
            policies=policies,
            is_tested=is_tested,
        )
        build_id = f"{as_of}T{self.builds}"
        now = datetime(as_of.year, as_of.month, as_of.day, 20, tzinfo=UTC)
        publish_build(
            PublishRequest(
                warehouse=warehouse,
                published=self.root / "published",
                tables=tuple(
                    PublishedTable(name, "main", theme, ())
                    for name, theme in PUBLISHED.items()
                ),
                build_id=build_id,
                as_of=as_of,
                code_version="test",
                company_name="Acme",
                now=now,
                quality={
                    "control_totals": [],
                    "built_from": {HEAD: head_of(chain), "models": "m"},
                },
            )
        )
        report = NightReport(
            as_of.isoformat(), build_id, now.isoformat(), state="published"
        )
        report.published = build_id
        write_report(self.settings.home.nights, report)

    def close(self, label: str, area: str, on: date) -> Closed:
        now = datetime(on.year, on.month, on.day, 21, tzinfo=UTC)
        return close_period(self.settings, label, area, by="Hoa", now=now)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        path = self.root / "published" / "current" / "bi.duckdb"
        with duckdb.connect(str(path), read_only=True) as db:
            return db.execute(sql).fetchall()

    def _write_ledger(self) -> None:
        """Write the ledger of what `write_raw` put there, which is what changes are found by."""
        path = self.root / "state" / "ledger.jsonl"
        path.unlink(missing_ok=True)
        for batch in self.loads:
            part = AccountCoverage("", len(batch.rows), 0, None, None, None, None)
            ledger.append(
                self.root,
                BatchManifest(
                    kind=batch.kind, entity=batch.entity, stream=batch.stream,
                    load_date=batch.load_date, batch_id=batch.batch_id,
                    source_name=batch.source_name, legal_entity=batch.legal_entity,
                    mode=batch.mode, is_full_list=False, has_gap=False,
                    row_count=len(batch.rows), quarantined_count=0,
                    extracted_at=batch.extracted_at, coverage=(part,), totals=(),
                    new_cursor=None, file_sha256s=(), unknown_fields=(),
                    parquet_sha256=batch.batch_id, parquet_bytes=1,
                ),
            )  # fmt: skip


def first_load() -> list[RawBatch]:
    """Everything the random company and its rates say, landed before the first close."""
    company = random_companies._Company(SEED)
    whole = [random_companies._rates(), *company.batches()]
    loads = [replace(batch, load_date=FIRST_AS_OF + DAY) for batch in whole]
    return [_with_reopened_deal(batch) for batch in loads]


def later_load(before: list[RawBatch], as_of: date, *, late: date) -> list[RawBatch]:
    """Change, add and void rows of any month, as sources do to their past.

    `late` is a day of a closed month that an invoice nobody had sent is dated.
    """
    chance = random.Random(as_of.toordinal())  # noqa: S311 - seeded on purpose
    load = as_of + DAY
    newest: dict[str, dict[str, dict[str, Any]]] = {}
    for batch in before:
        key = {"invoices": "invoice_id", "invoice_lines": "line_id",
               "opportunities": "opportunity_id"}.get(batch.entity)  # fmt: skip
        for row in batch.rows if key else ():
            newest.setdefault(batch.entity, {})[str(row[key])] = dict(row)
    lines = [
        {**row, "amount": row["amount"] + chance.randint(-50, 70)}
        for row in chance.sample(sorted(newest["invoice_lines"].values(), key=str), 12)
    ]
    voided = [
        {**row, "status": "void", "voided_at": vn(f"{as_of} 09:00"), "paid_at": None}
        for row in chance.sample(sorted(newest["invoices"].values(), key=str), 4)
    ]
    deals = [
        {**row, "amount": Decimal(chance.randint(1, 900_000)),
         "updated_at": vn(f"{as_of} 10:00"), "is_deleted": chance.random() < 0.3}
        for row in chance.sample(sorted(newest["opportunities"].values(), key=str), 6)
        if row["opportunity_id"] != F10
    ]  # fmt: skip
    at = vn(f"{late} 11:00")
    new = f"late-{as_of}"
    invoice = {
        "invoice_id": new, "customer_id": f"cus-{SEED}-0", "status": "open",
        "currency": "VND", "subtotal": Decimal(4321), "total": Decimal(4321),
        "finalized_at": at,
    }  # fmt: skip
    line = {
        "line_id": f"{new}-0", "invoice_id": new, "product_id": "CRM",
        "amount": Decimal(4321), "quantity": Decimal(1), "currency": "VND",
        "service_starts_at": at, "service_ends_at": at + timedelta(days=30),
    }  # fmt: skip
    changed = {"invoices": [*voided, invoice], "invoice_lines": [*lines, line]}
    entities = {batch.entity: batch for batch in before if batch.source_name == SOURCE}
    return [
        replace(entities[entity], rows=rows, load_date=load)
        for entity, rows in {**changed, "opportunities": deals}.items()
    ]


SOURCE = f"drop_{SEED:02}"
F10 = "deal-F-10"
F10_REP = "rep-F-10"


def f10_load(
    as_of: date, *rows: dict[str, Any], deal: dict[str, Any]
) -> list[RawBatch]:
    """The deal of worked case F-10 as it stands, and what its history has gained."""
    shared = {"mode": "upsert", "legal_entity": f"company_{SEED:02}"}
    return [
        RawBatch("files", SOURCE, "opportunities", as_of + DAY, [deal],
                 dataset="f10", **shared),
        RawBatch("files", SOURCE, "opportunity_changes", as_of + DAY, list(rows),
                 dataset="f10_changes", **shared),
    ]  # fmt: skip


def f10_deal(**now: Any) -> dict[str, Any]:
    """The deal's row."""
    return {
        "opportunity_id": F10, "created_at": vn("2026-03-10 09:00"), "currency": "VND",
        "owner_id": F10_REP, "stage": "engaging", "status": "open", **now,
    }  # fmt: skip


def f10_change(at: str, old: str, new: str) -> dict[str, Any]:
    """One change of the deal's status."""
    return {
        "opportunity_id": F10, "changed_at": vn(at), "field": "status",
        "old_value": old, "new_value": new,
    }  # fmt: skip


def _with_reopened_deal(batch: RawBatch) -> RawBatch:
    if batch.entity != "users":
        return batch
    rep = {"user_id": F10_REP, "valid_from": random_companies.FIRST, "user_name": F10_REP,
           "team": "team-F-10", "department": "Sales", "role": "rep"}  # fmt: skip
    return replace(batch, rows=[*batch.rows, rep])
