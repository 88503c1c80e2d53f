"""A hand-made published build months are closed from: two KPIs, one dated table, four months.

Belongs here: writing the build, the night's report and the ledger. Stays out: tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from orchestration.night import (
    NightReport,
    Outcome,
    StreamReport,
    TableReport,
    write_report,
)
from orchestration.periods.chain import HEAD, head_of, read_chain
from orchestration.periods.closing import Closed, close_period, reopen_period
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
company:
  name: Acme
  reporting_currency: VND
  presentation_currencies: [VND]
  timezone: Asia/Ho_Chi_Minh
sources:
  - name: drop
    kind: files
    path: drop
    settle_seconds: 0
    legal_entity: acme
    datasets:
      invoices:
        files: "*.csv"
        mode: upsert
        columns: {invoice_id: id, customer_id: customer, status: status, currency: currency,
          finalized_at: issued, subtotal: total, total: total}
"""
NOW = datetime(2026, 12, 3, 9, 0, tzinfo=UTC)
HOA = "Lê Thị Hoa"
MONTHS = ("2026-09", "2026-10", "2026-11", "2026-12")


@dataclass
class Desk:
    """One warehouse root whose published build is written by hand."""

    root: Path
    figures: dict[tuple[str, str], str] = field(default_factory=dict)
    """Value by KPI and month label; NULL where it is left out."""
    builds: int = 0

    @property
    def settings(self) -> Settings:
        config = self.root / "warehouse.yml"
        config.write_text(CONFIG, "utf-8")
        return load_settings(root=self.root, config_path=config)

    def publish(
        self,
        as_of: date = date(2026, 12, 2),
        *,
        red: frozenset[str] = frozenset(),
        partial: tuple[str, ...] = (),
        differences: list[tuple[Any, ...]] | None = None,
        quality: dict[str, Any] | None = None,
        author: str = "Trần Văn Nam",
    ) -> str:
        """Publish a build and keep its night's report; return its id."""
        self.builds += 1
        build_id = f"{as_of}T{self.builds}"
        warehouse = self.root / "warehouse.duckdb"
        warehouse.unlink(missing_ok=True)
        with duckdb.connect(str(warehouse)) as con:
            self._write(con, as_of, build_id, partial, differences)
        tables = {
            "rpt_kpi_values": "core",
            "kpi_registry": "core",
            "dim_periods": "core",
            "dim_currencies": "core",
            "build_info": "core",
            "fct_mrr_monthly": "finance",
            "fct_trials": "sales",
            **({"rpt_reconciliation": "finance"} if differences is not None else {}),
        }
        now = NOW + timedelta(minutes=self.builds)
        change = {"author": author, "email": "", "commit": "c1", "at": ""}
        publish_build(
            PublishRequest(
                warehouse=warehouse,
                published=self.root / "published",
                tables=tuple(
                    PublishedTable(name, "main", theme, ())
                    for name, theme in tables.items()
                ),
                build_id=build_id,
                as_of=as_of,
                code_version="0.1+abc",
                company_name="Acme",
                now=now,
                red_themes=red,
                quality={
                    "gates": [],
                    "control_totals": [],
                    "built_from": {
                        "models": "m1",
                        HEAD: head_of(read_chain(self.root)),
                        "model_changes": {"finance": change} if author else {},
                    },
                    **(quality or {}),
                },
            )
        )
        self.report(build_id, as_of, now)
        return build_id

    def report(
        self, build_id: str, as_of: date, now: datetime, **parts: Any
    ) -> NightReport:
        """Keep the report of a night; `parts` are what it says beyond being published."""
        report = NightReport(
            as_of.isoformat(), build_id, now.isoformat(), state="published"
        )
        report.published = build_id
        for name, value in parts.items():
            setattr(report, name, value)
        write_report(self.settings.home.nights, report)
        return report

    def close(self, label: str, area: str = "finance", **words: Any) -> Closed:
        given = {"by": HOA, "now": NOW, **words}
        return close_period(self.settings, label, area, **given)

    def reopen(self, label: str, area: str = "finance", **words: Any) -> Any:
        given = {"by": HOA, "now": NOW, "reason": "late invoice", **words}
        return reopen_period(self.settings, label, area, **given)

    def _write(
        self,
        con: duckdb.DuckDBPyConnection,
        as_of: date,
        build_id: str,
        partial: tuple[str, ...],
        differences: list[tuple[Any, ...]] | None,
    ) -> None:
        con.execute(
            "create table dim_periods as"
            " select 'month' as grain, d::date as period_start_date,"
            " last_day(d::date) as period_end_date, strftime(d, '%Y-%m') as period_label"
            " from range(timestamp '2026-01-01', timestamp '2027-06-01',"
            " interval 1 month) r(d)"
        )
        con.execute(
            "create table kpi_registry as select * from (values"
            " ('billings', 'finance', 'invoices', 'period_close', null::integer, null),"
            " ('pay_rate', 'finance', 'invoices', 'window_end', 30, null),"
            " ('deals_won', 'sales', 'opportunities', 'period_close', null, '2*billings'))"
            " v(kpi_key, theme, required_entities, freezes_at, window_days, numerator_kpis),"
            " (select 'sum' as aggregation, null::varchar as denominator_kpis)"
        )
        con.execute(
            "create table rpt_kpi_periods as select '' as kpi_key, '' as grain,"
            " null::date as last_known_date"
        )
        con.execute(
            "create table dim_currencies as select * from (values ('VND', 0), ('USD', 2))"
            " v(currency_id, exponent)"
        )
        con.execute(
            f"create table build_info as select 'drop' as source_name,"
            f" date '{as_of}' - {10 if partial else 0} as data_through_date,"
            f" '{build_id}' as build_id"
        )
        con.execute(
            "create table rpt_kpi_values (kpi_key varchar, kpi_version varchar,"
            " variant varchar, basis varchar, grain varchar, period_start_date date,"
            " period_end_date date, breakdown varchar, member_id varchar,"
            " currency varchar, numerator decimal(38, 6), denominator decimal(38, 6),"
            " value decimal(38, 6), is_partial boolean, theme varchar)"
        )
        con.execute(
            "create table fct_mrr_monthly as select d::date as month_start_date,"
            " 100.00::decimal(38, 2) as mrr_amount"
            " from range(timestamp '2026-09-01', timestamp '2027-01-01',"
            " interval 1 month) r(d)"
        )
        con.execute("create table fct_trials as select 't1' as trial_id")
        for month in MONTHS:
            for kpi, theme in (
                ("billings", "finance"),
                ("pay_rate", "finance"),
                ("deals_won", "sales"),
            ):
                value = self.figures.get((kpi, month))
                for grain in ("month", "day"):
                    con.execute(
                        "insert into rpt_kpi_values values (?, '1+none', 'standard',"
                        " 'current', ?, ?, if(? = 'day', ?::date, last_day(?::date)),"
                        " 'total', '(total)', 'VND', ?, null, ?, ?, ?)",
                        [
                            kpi, grain, f"{month}-01", grain, f"{month}-01",
                            f"{month}-01", value, value, kpi in partial, theme,
                        ],
                    )  # fmt: skip
        if differences is not None:
            con.execute(
                "create table rpt_reconciliation (period_start_date date,"
                " legal_entity varchar, line varchar, reference varchar, currency varchar,"
                " difference_amount decimal(38, 6), reason_code varchar,"
                " is_explained boolean, blocks_close boolean)"
            )
            for row in differences:
                con.execute(
                    "insert into rpt_reconciliation"
                    " values (?, ?, ?, ?, ?, ?, ?, ?, true)",
                    row,
                )


def write_build_file(path: Path, billings: str) -> Path:
    """Write a build file that computes October's billings, which are frozen, as an amount."""
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute("create table dim_closes as select 'finance' as area")
        con.execute(
            "create table fct_closed_figures as select 'finance' as area,"
            " 'billings' as kpi_key, 'month' as grain,"
            " date '2026-10-01' as period_start_date"
        )
        con.execute(
            "create table rpt_kpi_values as select kpi_key, '2+none' as kpi_version,"
            " 'standard' as variant, 'current' as basis, 'month' as grain,"
            " period_start_date, 'total' as breakdown, '(total)' as member_id,"
            " 'VND' as currency, value::decimal(38, 6) as numerator,"
            " null::decimal(38, 6) as denominator, value::decimal(38, 6) as value"
            f" from (values ('billings', date '2026-10-01', {billings}),"
            " ('billings', date '2026-11-01', 99))"
            " v(kpi_key, period_start_date, value)"
        )
    return path


def stale(source: str = "drop") -> StreamReport:
    """Return the report of a stream the raw gate held."""
    return StreamReport(
        source, source, "invoices", optional=True, outcome=Outcome.HELD, red=["rows: 0"]
    )


def red_table(theme: str) -> TableReport:
    """Return the report of a table the mart gate found red."""
    return TableReport("fct_mrr_monthly", theme, 3, ["mrr_amount.not_null: 1"])
