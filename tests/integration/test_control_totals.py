"""Control totals on small raw files: green when all is right, named when it is not.

Each row of staging and marts below is what the models would make of the raw batches; each
mistake is one statement that a wrong model would come to.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from orchestration.mart_totals import MART_TOTALS
from orchestration.night_run import NightRun
from orchestration.settings import SANDBOX_CONFIG, load_settings
from orchestration.totals import mart_breaks
from tests.pipeline.raw_fixture import RawBatch, vn, write_raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pipeline.raw_fixture import Row

AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 19, 0, tzinfo=UTC)
FIRST, SECOND = date(2026, 10, 31), date(2026, 11, 1)
COST = {"cost_type": "tool", "department": "", "channel": "", "product_id": "",
        "currency": "VND"}  # fmt: skip
INVOICE = {"customer_id": "c1", "currency": "USD", "status": "paid"}


def drop(
    entity: str,
    mode: str,
    *rows: Row,
    load_date: date = SECOND,
    days: tuple[date, date] | None = None,
) -> RawBatch:
    first, last = days or (None, None)
    return RawBatch(
        "files", "drop", entity, load_date, rows, mode=mode, first_day=first, last_day=last
    )  # fmt: skip


def deal(deal_id: str, **more: object) -> Row:
    return {"opportunity_id": deal_id, "created_at": vn("2026-10-01 09:00"), **more}


def portal(entity: str, *rows: Row) -> RawBatch:
    return RawBatch("hubspot", "crm", entity, SECOND, rows, source_account="portal")


BATCHES = (
    RawBatch(
        kind="stripe",
        source_name="stripe_sg",
        entity="invoices",
        load_date=FIRST,
        rows=[
            {**INVOICE, "invoice_id": "i1", "total_minor": 1000},
            {**INVOICE, "invoice_id": "i2", "total_minor": 500},
        ],
    ),
    RawBatch(
        kind="stripe",
        source_name="stripe_sg",
        entity="invoices",
        load_date=SECOND,
        rows=[{**INVOICE, "invoice_id": "i1", "total_minor": 900}],
    ),
    RawBatch(
        kind="google_ads",
        source_name="google_main",
        entity="campaign_performance_daily",
        load_date=FIRST,
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
        load_date=SECOND,
        first_day=date(2026, 10, 30),
        last_day=date(2026, 10, 31),
        source_account="acc",
        # The 30th has vanished from the newer load, which covers it.
        rows=[
            {"campaign_id": "k", "date": date(2026, 10, 31), "cost_micros": 7 * 10**6,
             "currency": "VND"}
        ],
    ),
    drop("ad_performance_daily", "append",
         {"platform": "x", "ad_account_id": "a1", "campaign_id": "", "ad_group_id": "",
          "ad_id": "", "date": AS_OF, "spend": 9}),
    drop("email_campaign_daily", "replace_period",
         *({"campaign_id": "letter", "date": day, "sent": 9}
           for day in (AS_OF, date(2026, 11, 1))),
         days=(AS_OF, date(2026, 11, 1))),
    drop("invoice_lines", "append",
         {"line_id": "l1", "invoice_id": "f1", "amount": 9, "currency": "USD"},
         {"line_id": "l2", "invoice_id": "f2", "amount": 5, "currency": "USD"}),
    drop("credit_notes", "append",
         {"credit_note_id": "n1", "invoice_id": "f1", "amount": 2, "currency": "USD"}),
    portal("deals",
           {"deal_id": "D1", "amount": 40},
           *({"deal_id": f"D{n}", "amount": amount, "currency": "USD"}
             for n, amount in ((2, 7), (3, 6), (4, 3), (5, 2)))),
    portal("deal_property_history",
           *({"deal_id": f"D{n}", "property": "amount", "changed_at": vn(at)}
             for n, at in ((1, "2026-10-02 07:00"), (1, "2026-10-31 23:59:59"),
                           (1, "2026-11-01 00:00"), (5, "2026-11-01 01:00")))),
    portal("contacts", *({"contact_id": f"C{n}"} for n in (1, 2, 3))),
    portal("calls", *({"call_id": f"K{n}"} for n in (1, 2, 3))),
    # A full list each time: G, listed the day before, is gone.
    drop("opportunities", "replace", deal("G", amount=99, currency="USD"),
         load_date=FIRST),
    drop("opportunities", "replace",
         deal("W", amount=50, currency="USD", status="won"),
         deal("U", amount=8, currency="USD", status="won"),
         deal("M", amount=5, currency="USD", merged_into_id="W")),
    # October is replaced: L2 is gone; the lead of September stays, the one without a date
    # only from the newest file.
    drop("leads", "replace_period",
         {"lead_id": "L0", "created_at": vn("2026-09-30 23:59")},
         {"lead_id": "L2", "created_at": vn("2026-10-01 00:00")},
         {"lead_id": "L9"},
         load_date=FIRST, days=(date(2026, 9, 1), date(2026, 10, 30))),
    drop("leads", "replace_period",
         {"lead_id": "L1", "created_at": vn("2026-10-05 09:00")},
         {"lead_id": "L3", "created_at": vn("2026-10-06 09:00"), "is_deleted": True},
         {"lead_id": "L4"},
         days=(date(2026, 10, 1), AS_OF)),
    # Corrected the next day; A2 is only in the first file.
    drop("activities", "upsert",
         {"activity_id": "A1", "occurred_at": vn("2026-10-30 09:00")},
         {"activity_id": "A2", "occurred_at": vn("2026-10-30 10:00")},
         load_date=FIRST),
    drop("activities", "upsert",
         {"activity_id": "A1", "occurred_at": vn("2026-10-30 09:01")}),
    # Costs name their month only in their key: September is replaced, August stands.
    drop("costs", "replace_period", *(
         {**COST, "month": date(2026, month, 1), "amount": month} for month in (8, 9)),
         load_date=FIRST, days=(date(2026, 8, 1), date(2026, 9, 30))),
    drop("costs", "replace_period",
         {**COST, "month": date(2026, 9, 1), "amount": 7}, days=(date(2026, 9, 1), AS_OF)),
    drop("targets", "replace",
         *({"kpi_key": "sales_revenue", "scope_type": "total", "scope_id": "",
            "period_start": date(2026, 11, 1), "period_end": date(2026, 11, 30),
            "effective_from": date(2026, 10, day), "approved_at": approved,
            "value": 100 + day, "currency": "VND"}
           for day, approved in ((1, date(2026, 10, 1)), (2, None),
                                 (3, date(2026, 11, 2))))),
)  # fmt: skip

STAGED = """
    create table stg_stripe__invoices as select * from (values
        ('stripe_sg', '', 'i1', 'USD', 900), ('stripe_sg', '', 'i2', 'USD', 500))
        v(source_name, source_account, invoice_id, currency, total_minor);

    create table stg_google_ads__campaign_performance_daily as
        select 'google_main' as source_name, 'acc' as source_account, 'VND' as currency,
            date, micros as cost_micros, 10 as impressions, 1 as clicks from (values
            (date '2026-10-29', 29000000), (date '2026-10-31', 7000000)) v(date, micros);
    create table stg_meta_ads__campaign_insights_daily as select '' as source_name,
        '' as source_account, '' as currency, date '2026-01-01' as date,
        0::decimal(38, 4) as spend, 0 as impressions, 0 as clicks where false;
    create table stg_files__ad_performance_daily as select 'drop' as source_name,
        '' as source_account, 'a1' as ad_account_id, null::varchar as currency,
        date '2026-10-31' as date, 9::decimal(38, 4) as spend, null::bigint as impressions,
        null::bigint as clicks;
    create table fct_ad_performance_daily as select source_name,
        source_account as ad_account_id, currency,
        sum(cost_micros)::decimal(38, 6) * 0.000001 as spend_amount,
        sum(impressions) as impression_count, sum(clicks) as click_count
        from stg_google_ads__campaign_performance_daily group by all;
    insert into fct_ad_performance_daily values ('drop', 'a1', '(unknown)', 9, null, null);

    create table stg_files__email_campaign_daily as select 'drop' as source_name,
        '' as source_account, unnest([date '2026-10-31', date '2026-11-01']) as date,
        9::bigint as sent;
    create table fct_email_campaigns_daily as select source_name, sent as sent_count
        from stg_files__email_campaign_daily where date = date '2026-10-31';
    create table stg_files__social_posts_daily as select '' as source_name,
        '' as source_account, date '2026-10-31' as date, 0::bigint as impressions
        where false;
    create table fct_social_posts_daily as select '' as source_name,
        0::bigint as impression_count where false;
    create table stg_files__web_sessions_daily as select '' as source_name,
        '' as source_account, date '2026-10-31' as date, 0::bigint as sessions
        where false;
    create table fct_web_sessions_daily as select '' as source_name,
        0::bigint as session_count where false;

    create table currency_exponents as select 'USD' as currency,
        0.01 as stripe_minor_unit_amount;
    create table stg_stripe__invoice_lines as select '' as source_name,
        '' as source_account, '' as line_id, '' as currency, 0 as amount_minor,
        0 as discount_minor where false;
    create table stg_stripe__credit_notes as select '' as source_name,
        '' as source_account, '' as credit_note_id, '' as currency, 0 as subtotal_minor
        where false;
    create table stg_files__invoice_lines as select * from (values
        ('drop', '', 'l1', 'USD', 9.00), ('drop', '', 'l2', 'USD', 5.00))
        v(source_name, source_account, line_id, currency, amount);
    create table stg_files__credit_notes as select 'drop' as source_name,
        '' as source_account, 'n1' as credit_note_id, 'USD' as currency, 2.00 as amount;
    create table stg_files__costs as select 'drop' as source_name, '' as source_account,
        unnest([8, 7])::decimal(38, 4) as amount, 'VND' as currency;
    create table fct_invoice_lines as select * from (values
        ('drop', '', 'USD', 9.00), ('drop', '', 'USD', -2.00))
        v(source_name, source_account, currency, net_amount);
    create table int_revenue_events_classified as select 'drop' as source_name,
        '' as source_account, 'USD' as currency, 5.00 as net_amount,
        'draft' as exclusion_reason;

    create table stg_files__opportunities as select 'drop' as source_name,
        '' as source_account, id as opportunity_id, 'USD' as currency,
        amount::decimal(38, 4) as amount, timestamptz '2026-10-01 02:00:00+00' as created_at,
        closed_at::timestamptz as closed_at, false as is_deleted,
        null::timestamptz as deleted_at, is_standing from (values
        ('G', 99, null, false), ('W', 50, '2026-10-20 00:00:00+00', true),
        ('U', 8, null, true), ('M', 5, null, true)) v(id, amount, closed_at, is_standing);
    create table stg_files__opportunity_changes as select '' as source_name,
        '' as source_account, '' as opportunity_id, '' as field,
        timestamptz '2026-01-01 00:00:00+00' as changed_at, '' as new_value where false;
    create table stg_hubspot__deals as select 'crm' as source_name,
        'portal' as source_account, id as opportunity_id, currency,
        amount::decimal(38, 4) as amount, created_at::timestamptz as created_at,
        deleted_at is not null as is_deleted, deleted_at::timestamptz as deleted_at from (values
        -- without a currency it is the company's; its amount was 30 as the day ended
        ('D1', null, 40, '2026-10-02 00:00:00+00', null),
        -- in the bin since the 30th; since a second after the day; born after it
        ('D2', 'USD', 7, '2026-10-02 00:00:00+00', '2026-10-30 00:00:00+00'),
        ('D3', 'USD', 6, '2026-10-02 00:00:00+00', '2026-10-31 17:00:00+00'),
        ('D4', 'USD', 3, '2026-10-31 17:00:00+00', null),
        -- its amount was typed only after the day
        ('D5', 'USD', 2, '2026-10-03 00:00:00+00', null))
        v(id, currency, amount, created_at, deleted_at);
    create table stg_hubspot__deal_property_history as select 'crm' as source_name,
        'portal' as source_account, id as opportunity_id, 'amount' as field,
        told::timestamptz as changed_at, value as new_value from (values
        ('D1', '2026-10-02 00:00:00+00', '20'), ('D1', '2026-10-31 16:59:59+00', '30'),
        ('D1', '2026-10-31 17:00:00+00', '40'), ('D5', '2026-10-31 18:00:00+00', '2'))
        v(id, told, value);
    create table int_record_merges_resolved as select * from (values
        ('opportunity', 'drop', 'M', 'W'), ('lead', 'crm', 'C2', 'C1'))
        v(object_type, source_name, loser_id, survivor_id);
    create table fct_opportunities as select source || ':' || id as opportunity_id,
        source as source_name, id as source_record_id, currency, status,
        amount::decimal(38, 4) as amount from (values
        ('drop', 'W', 'USD', 'won', 50), ('drop', 'U', 'USD', 'won', 8),
        ('crm', 'D1', 'VND', 'open', 30), ('crm', 'D3', 'USD', 'open', 6),
        ('crm', 'D5', 'USD', 'open', null)) v(source, id, currency, status, amount);
    create table fct_opportunity_closes as select opportunity_id, currency, amount
        from fct_opportunities where source_record_id = 'W';

    create table stg_files__leads as select 'drop' as source_name, '' as source_account,
        id as lead_id, told::timestamptz as created_at, is_deleted,
        null::timestamptz as deleted_at from (values
        ('L0', '2026-09-30 16:59:00+00', null), ('L1', '2026-10-05 02:00:00+00', null),
        ('L3', '2026-10-06 02:00:00+00', true), ('L4', null, null)) v(id, told, is_deleted);
    create table stg_hubspot__contacts as select 'crm' as source_name,
        'portal' as source_account, id as lead_id, told::timestamptz as created_at,
        false as is_deleted, null::timestamptz as deleted_at from (values
        ('C1', '2026-10-05 02:00:00+00'), ('C2', '2026-10-05 02:00:00+00'),
        ('C3', '2026-10-31 17:00:00+00')) v(id, told);
    create table int_leads_identified as select * from (values
        ('drop:L0', 'p0'), ('drop:L1', 'p1'), ('drop:L3', 'p3'), ('drop:L4', 'p4'),
        ('crm:C1', 'p1'), ('crm:C2', 'p1')) v(lead_id, person_key);
    create table fct_leads as select unnest(['drop:L0', 'drop:L1', 'drop:L4']) as lead_id;

    create table int_test_records_found as select 'leads' as entity,
        'drop' as source_name, 'L9' as record_id;
    create table stg_files__activities as select 'drop' as source_name,
        '' as source_account, id as activity_id, told::timestamptz as occurred_at,
        null::boolean as is_deleted, null::timestamptz as deleted_at from (values
        ('A1', '2026-10-30 02:01:00+00'), ('A2', '2026-10-30 03:00:00+00')) v(id, told);
    create table stg_hubspot__calls as select 'crm' as source_name,
        'portal' as source_account, id as activity_id, told::timestamptz as occurred_at,
        is_deleted, null::timestamptz as deleted_at from (values
        ('K1', '2026-10-31 16:59:59+00', false), ('K2', '2026-10-31 17:00:00+00', false),
        ('K3', '2026-10-30 00:00:00+00', true)) v(id, told, is_deleted);
    create table stg_hubspot__emails as select * from stg_hubspot__calls limit 0;
    create table stg_hubspot__meetings as select * from stg_hubspot__calls limit 0;
    create table fct_activities as select * from (values
        ('drop', 'A1'), ('drop', 'A2'), ('crm', 'K1')) v(source_name, source_record_id);

    create table stg_files__targets as select 'drop' as source_name, '' as source_account,
        'sales_revenue' as kpi_key, 'total' as scope_type, '' as scope_id,
        date '2026-11-01' as period_start, effective::date as effective_from,
        approved::date as approved_at, value, 'VND' as currency,
        date '2026-11-01' as _load_date from (values
        ('2026-10-01', '2026-10-01', 101), ('2026-10-02', null, 102),
        ('2026-10-03', '2026-11-02', 103)) v(effective, approved, value);
    create table fct_targets as select source_name, kpi_key, scope_type,
        period_start as period_start_date, effective_from as effective_from_date, currency,
        value as target_value from stg_files__targets where approved_at <= date '2026-10-31';
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landed batches, written once: no mistake below touches them."""
    folder = tmp_path_factory.mktemp("control_totals") / "raw"
    write_raw(folder, BATCHES)
    return folder


@pytest.fixture
def breaks(tmp_path: Path, raw: Path) -> Callable[[str], tuple[set[str], list[str]]]:
    settings = load_settings(root=tmp_path, config_path=SANDBOX_CONFIG, environ={})
    settings.home.raw.symlink_to(raw)

    def compare(mistake: str) -> tuple[set[str], list[str]]:
        with duckdb.connect(str(settings.home.warehouse)) as con:
            con.execute("set TimeZone = 'UTC'")
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
            (
                "raw to staging: stripe_sg invoices rows USD: 2 before, 1 after; invoices i2 1 "
                "before, none after ["
            ),
        ),
        (
            # An older version won.
            "update stg_stripe__invoices set total_minor = 1000 where invoice_id = 'i1'",
            "core",
            (
                "raw to staging: stripe_sg invoices total_minor USD: 1400 before, 1500 after; "
                "invoices i1 900 before, 1000 after ["
            ),
        ),
        (
            # A vanished ad day stayed.
            (
                "insert into stg_google_ads__campaign_performance_daily values"
                " ('google_main', 'acc', 'VND', date '2026-10-30', 30000000, 0, 0)"
            ),
            "core",
            "campaign_performance_daily cost_micros VND: 36000000 before, 66000000 after",
        ),
        (
            # A full list replaces what stood before.
            "update stg_files__opportunities set is_standing = true",
            "core",
            "raw to staging: drop opportunities rows USD: 3 before, 4 after",
        ),
        (
            # A day of a replaced period stayed.
            (
                "insert into stg_files__leads values ('drop', '', 'L2',"
                " '2026-09-30 17:00:00+00', false, null)"
            ),
            "core",
            "raw to staging: drop leads rows: 4 before, 5 after",
        ),
        (
            # A period took a day with it that it does not cover.
            "delete from stg_files__leads where lead_id = 'L0'",
            "core",
            "raw to staging: drop leads rows: 4 before, 3 after",
        ),
        (
            # Both versions of an upserted record stand.
            (
                "insert into stg_files__activities"
                " select * from stg_files__activities where activity_id = 'A1'"
            ),
            "core",
            "raw to staging: drop activities rows: 2 before, 3 after",
        ),
        (
            "delete from stg_files__invoice_lines where line_id = 'l2'",
            "core",
            "raw to staging: drop invoice_lines amount USD: 14 before, 9 after",
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
            "update fct_ad_performance_daily set click_count = click_count + 1",
            "marketing",
            "google_main ad_performance_daily clicks VND: 2 before, 3 after",
        ),
        (
            "update fct_email_campaigns_daily set sent_count = 8",
            "marketing",
            "drop email_campaign_daily sent: 18 before, 17 after (left out: after_as_of 9)",
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
        (
            # The same amount in fewer rows.
            (
                "delete from fct_invoice_lines;"
                " insert into fct_invoice_lines values ('drop', '', 'USD', 7.00)"
            ),
            "finance",
            (
                "drop invoice_lines+credit_notes rows USD: 3 before, 2 after "
                "(left out: draft 1)"
            ),
        ),
        (
            # A test that is counted all the same.
            "insert into int_test_records_found values ('activities', 'crm', 'K1')",
            "sales",
            "crm activities rows: 3 before, 4 after",
        ),
        (
            "delete from fct_opportunities where source_record_id = 'D3'",
            "sales",
            (
                "staging to mart: crm opportunities rows USD: 4 before, 3 after "
                "(left out: after_as_of 1, deleted 1)"
            ),
        ),
        (
            # A merged record counts again.
            (
                "insert into fct_opportunities values"
                " ('drop:M', 'drop', 'M', 'USD', 'open', 5)"
            ),
            "sales",
            "opportunities rows USD: 3 before, 4 after (left out: merged 1)",
        ),
        (
            # A deal nobody staged.
            (
                "insert into fct_opportunities values"
                " ('crm:X', 'crm', 'X', 'USD', 'open', 5)"
            ),
            "sales",
            "crm opportunities rows USD: 0 before, 1 after",
        ),
        (
            # The amount of the reading instead of that of the day's end.
            "update fct_opportunities set amount = 40 where source_record_id = 'D1'",
            "sales",
            "crm opportunities amount VND: 30 before, 40 after",
        ),
        (
            # An amount typed only after the day.
            "update fct_opportunities set amount = 2 where source_record_id = 'D5'",
            "sales",
            "crm opportunities amount USD: 16 before, 18 after",
        ),
        (
            "delete from fct_opportunity_closes",
            "sales",
            (
                "drop opportunities closed rows USD: 2 before, 1 after "
                "(left out: no_close_date 1)"
            ),
        ),
        (
            "update fct_opportunity_closes set amount = amount + 1",
            "sales",
            "drop opportunities closed amount USD: 58 before, 59 after",
        ),
        (
            # A person's only living record is lost with all that were merged into it.
            "delete from fct_leads where lead_id = 'drop:L1'",
            "marketing",
            "crm leads rows: 3 before, 1 after (left out: after_as_of 1)",
        ),
        (
            "insert into fct_leads values ('drop:L3')",
            "marketing",
            "drop leads rows: 4 before, 5 after (left out: deleted 1)",
        ),
        (
            "delete from fct_activities where source_name = 'crm'",
            "sales",
            "crm activities rows: 3 before, 2 after (left out: after_as_of 1, deleted 1)",
        ),
        (
            "insert into fct_activities values ('crm', 'K2')",
            "sales",
            "crm activities rows: 3 before, 4 after (left out: after_as_of 1, deleted 1)",
        ),
        (
            "delete from fct_targets",
            "core",
            (
                "drop targets value VND: 306 before, 205 after "
                "(left out: after_as_of 103, not_approved 102)"
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


def test_every_fact_of_rows_that_sources_deliver_is_checked() -> None:
    """A new fact with rows of its own belongs into the table, or here with its reason."""
    filled_from_them = {
        "fct_opportunity_states": "days of fct_opportunities",
        "fct_opportunity_stage_visits": "stages of fct_opportunities",
        "fct_reengagements": "losses of fct_opportunities",
        "fct_trials": "states of items, counted in fct_customer_mrr",
        "fct_fx_rates_daily": "one rate per day, filled forward",
        "fct_period_targets": "months of fct_targets added up",
        "fct_customer_mrr_terms": "states of items, counted in fct_customer_mrr",
        "fct_lead_requalifications": "days of fct_leads, from the history of stages",
        "fct_paid_orders": "invoices of fct_order_lines that are paid",
        "fct_lead_conversions": "people won of fct_leads",
        "fct_capacity_monthly": "every row staged, by function and month",
        "fct_order_lines": "rows of fct_invoice_lines with their order's value",
        "fct_customer_mrr": "held against its stock by assert_mrr_movements_equal_stock",
        "fct_mrr_monthly": "held against its stock by assert_mrr_bridge_closes",
        "fct_costs_daily": "months of costs spread over their days",
        "fct_attribution_credits": "held by assert_credit_adds_up_to_every_conversion",
        "fct_user_postings": "rows of the users file, as dim_users",
        "fct_user_days_off": "days of the working calendar, distinct",
        "fct_deal_lines": "amounts of fct_opportunity_closes by line",
        "fct_subscription_cancellations": "states of items, counted in fct_customer_mrr",
        "fct_subscription_ends": "ends of fct_customer_mrr with their reason",
        "fct_timesheets": "a view over all rows staged",
        "fct_hourly_costs": "changes found in fct_timesheets",
        "fct_kpi_assignments": "a view over all rows staged",
        "fct_gl_balances": "every row staged; a lost one is a difference of the tie-out",
        "fct_gl_entries": "every row staged; a lost one is a difference of the tie-out",
        "fct_recon_explanations": "words about differences; a lost one explains nothing",
        "fct_tie_out_billing_records": "both sides of what is checked above",
        "fct_tie_out_cash_records": "both sides of cash, held against each other",
        "fct_tie_out_contract_records": "deals of fct_opportunity_closes and contracts, both told",
        "fct_tie_out_deferred_months": "rows of fct_deferred_revenue_monthly by calendar months",
        "fct_tie_out_recognition_records": "months of the one above",
        "fct_mrr_to_billings": "held by assert_mrr_leads_to_billings_without_residue",
        "fct_tie_out_ledger_records": "lines of fct_gl_balances and fct_gl_entries",
        "fct_tie_out_records": "those above and below in one",
        "fct_tie_out_voided_days": "void documents, each on two days",
        "fct_tie_out_differences": "held by assert_what_agrees_in_the_tie_out_does_not_differ",
        "fct_tie_out_judged": "every row of fct_tie_out_differences",
        "fct_cash_transactions": "held against the provider's ledger by the tie-out's lines",
        "fct_changed_rows": "what landing says changed since a close, from its records",
        "fct_closed_figures": "figures of closes, proven by their own hashes",
        "fct_deferred_revenue_monthly": "held by assert_deferred_revenue_rolls_forward",
        "fct_deferred_revenue_presented": "rows of the one above in each currency",
        "fct_deferred_revenue_schedule": "held by assert_deferred_revenue_is_scheduled",
        "fct_fx_rates_monthly": "rates of fct_fx_rates_daily at ends of months",
        "fct_receivable_events": "held by assert_receivables_roll_forward",
        "fct_receivables_monthly": "held by assert_receivables_roll_forward",
        "fct_kpi_comments": "words, and a source of its own it does not name",
    }
    project = Path(__file__).resolve().parents[2] / "dbt_project"
    models = project.rglob("models/marts/*/fct_*.sql")
    checked = {total.mart for total in MART_TOTALS}
    assert {path.stem for path in models} == checked | set(filled_from_them)
