"""Control totals on small raw files: green when staging is right, named when it is not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from orchestration.night_run import NightRun
from orchestration.settings import SANDBOX_CONFIG, load_settings
from orchestration.totals import mart_breaks
from tests.pipeline.raw_fixture import RawBatch, write_raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 19, 0, tzinfo=UTC)
INVOICE = {"customer_id": "c1", "currency": "USD", "status": "paid"}
BATCHES = (
    RawBatch(
        kind="stripe",
        source_name="stripe_sg",
        entity="invoices",
        load_date=date(2026, 10, 31),
        rows=[
            {**INVOICE, "invoice_id": "i1", "total_minor": 1000},
            {**INVOICE, "invoice_id": "i2", "total_minor": 500},
        ],
    ),
    RawBatch(
        kind="stripe",
        source_name="stripe_sg",
        entity="invoices",
        load_date=date(2026, 11, 1),
        rows=[{**INVOICE, "invoice_id": "i1", "total_minor": 900}],
    ),
    RawBatch(
        kind="google_ads",
        source_name="google_main",
        entity="campaign_performance_daily",
        load_date=date(2026, 10, 31),
        first_day=date(2026, 10, 29),
        last_day=date(2026, 10, 30),
        source_account="acc",
        rows=[
            {"campaign_id": "k", "date": date(2026, 10, d), "cost_micros": d * 10**6,
             "currency": "VND"}
            for d in (29, 30)
        ],
    ),
    RawBatch(
        kind="google_ads",
        source_name="google_main",
        entity="campaign_performance_daily",
        load_date=date(2026, 11, 1),
        first_day=date(2026, 10, 30),
        last_day=date(2026, 10, 31),
        source_account="acc",
        # The 30th has vanished from the newer load, which covers it.
        rows=[
            {"campaign_id": "k", "date": date(2026, 10, 31), "cost_micros": 7 * 10**6,
             "currency": "VND"}
        ],
    ),
)  # fmt: skip
STAGED = """
    create table stg_stripe__invoices as select * from (values
        ('stripe_sg', '', 'i1', 'USD', 900), ('stripe_sg', '', 'i2', 'USD', 500))
        v(source_name, source_account, invoice_id, currency, total_minor);
    create table stg_google_ads__campaign_performance_daily as
        select 'google_main' as source_name, 'acc' as source_account, 'VND' as currency,
            date, micros as cost_micros from (values
            (date '2026-10-29', 29000000), (date '2026-10-31', 7000000)) v(date, micros);
    create table stg_meta_ads__campaign_insights_daily as select '' as source_name,
        '' as source_account, '' as currency, date '2026-01-01' as date,
        0::decimal(38,4) as spend where false;
    create table stg_files__ad_performance_daily as select 'drop' as source_name,
        '' as source_account, 'a1' as ad_account_id, null::varchar as currency,
        date '2026-10-31' as date, 9::decimal(38,4) as spend;
    create table fct_ad_performance_daily as select source_name, source_account as
        ad_account_id, currency, sum(cost_micros)::decimal(38,6) * 0.000001 as spend_amount
        from stg_google_ads__campaign_performance_daily group by all;
    insert into fct_ad_performance_daily values ('drop', 'a1', '(unknown)', 9);
    create table currency_exponents as select 'USD' as currency,
        0.01 as stripe_minor_unit_amount;
    create table stg_stripe__invoice_lines as select '' as source_name,
        '' as source_account, '' as currency, 0 as amount_minor, 0 as discount_minor
        where false;
    create table stg_stripe__credit_notes as select '' as source_name,
        '' as source_account, '' as currency, 0 as subtotal_minor where false;
    create table stg_files__invoice_lines as select * from (values
        ('drop', '', 'USD', 9.00), ('drop', '', 'USD', 5.00))
        v(source_name, source_account, currency, amount);
    create table stg_files__credit_notes as select 'drop' as source_name,
        '' as source_account, 'USD' as currency, 2.00 as amount;
    create table fct_invoice_lines as select * from (values
        ('drop', '', 'USD', 9.00), ('drop', '', 'USD', -2.00))
        v(source_name, source_account, currency, net_amount);
    create table int_revenue_events_classified as select 'drop' as source_name,
        '' as source_account, 'USD' as currency, 5.00 as net_amount,
        'draft' as exclusion_reason;
"""


@pytest.fixture
def breaks(tmp_path: Path) -> Callable[[str], tuple[set[str], list[str]]]:
    settings = load_settings(root=tmp_path, config_path=SANDBOX_CONFIG, environ={})
    write_raw(settings.home.raw, BATCHES)

    def compare(mistake: str) -> tuple[set[str], list[str]]:
        with duckdb.connect(str(settings.home.warehouse)) as con:
            con.execute(STAGED)
            con.execute(mistake)
        run = NightRun(settings, AS_OF, now=NOW, build_id="b", clock=lambda: NOW)
        return mart_breaks(run), run.report.control_breaks

    return compare


def test_right_staging_and_marts_agree_with_raw(
    breaks: Callable[[str], tuple[set[str], list[str]]],
) -> None:
    assert breaks("") == (set(), [])


@pytest.mark.parametrize(
    ("mistake", "theme", "said"),
    [
        (
            "delete from stg_stripe__invoices where invoice_id = 'i2'",
            "core",
            "raw to staging: stripe_sg invoices rows: 2 before, 1 after",
        ),
        (
            # An older version won.
            "update stg_stripe__invoices set total_minor = 1000 where invoice_id = 'i1'",
            "core",
            "raw to staging: stripe_sg invoices total_minor USD: 1400 before, 1500 after",
        ),
        (
            # A vanished ad day stayed.
            (
                "insert into stg_google_ads__campaign_performance_daily values"
                " ('google_main', 'acc', 'VND', date '2026-10-30', 30000000)"
            ),
            "core",
            "campaign_performance_daily cost_micros VND: 36000000 before, 66000000 after",
        ),
        (
            "update fct_ad_performance_daily set spend_amount = spend_amount - 1",
            "marketing",
            (
                "staging to mart: google_main ad_performance_daily spend_amount VND: "
                "36 before, 35 after"
            ),
        ),
        (
            # A line left the mart without a reason.
            "delete from int_revenue_events_classified",
            "finance",
            (
                "staging to mart: drop invoice_lines+credit_notes net_amount USD: "
                "12 before, 7 after"
            ),
        ),
    ],
)
def test_a_break_is_named(
    breaks: Callable[[str], tuple[set[str], list[str]]],
    mistake: str,
    theme: str,
    said: str,
) -> None:
    themes, texts = breaks(mistake)
    assert theme in themes
    assert any(said in text for text in texts), texts
