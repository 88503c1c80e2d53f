"""A company small enough to work out by hand: CRM, ads, organisation, rates.

Belongs here: its raw rows and the figures they must give, arithmetic shown. Stays out: how a
warehouse is built from them (`tests.pipeline`).

The as-of day is 2026-05-31 in Hà Nội (UTC+7). Flows convert at 1 USD = 25,000 VND, stocks at
1 USD = 26,000 VND, every day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tests.pipeline.raw_fixture import RawBatch, Row, vn

AS_OF = date(2026, 5, 31)
LOADED = date(2026, 6, 1)
EARLIER = date(2026, 5, 1)


def _crm(entity: str, *rows: Row, load_date: date = LOADED) -> RawBatch:
    return RawBatch("hubspot", "hubspot_main", entity, load_date, rows)


def _drop(entity: str, *rows: Row) -> RawBatch:
    return RawBatch("files", "finance_drop", entity, LOADED, rows, mode="upsert")


def _history(deal: str, name: str, *changes: tuple[str, str | None]) -> list[Row]:
    return [
        {"deal_id": deal, "property": name, "changed_at": vn(at), "value": value}
        for at, value in changes
    ]


def _days(kind: str, *rows: Row, load_date: date, last_day: date) -> RawBatch:
    source, entity, account = {
        "google_ads": ("google_main", "campaign_performance_daily", "999"),
        "meta_ads": ("meta_main", "campaign_insights_daily", "777"),
    }[kind]
    return RawBatch(
        kind, source, entity, load_date, rows, source_account=account,
        first_day=date(2026, 3, 1), last_day=last_day,
    )  # fmt: skip


ORGANISATION = (
    # An moves from North to South on 1 April; Bình stays.
    _drop(
        "users",
        {"user_id": "NV1", "valid_from": date(2026, 1, 1), "user_name": "An",
         "team": "North", "department": "Sales", "valid_to": date(2026, 3, 31),
         "external_ids": '{"hubspot_main": "101"}'},
        {"user_id": "NV1", "valid_from": date(2026, 4, 1), "user_name": "An",
         "team": "South", "department": "Sales",
         "external_ids": '{"hubspot_main": "101"}'},
        {"user_id": "NV2", "valid_from": date(2026, 1, 1), "user_name": "Bình",
         "email": "BINH@acme.example", "team": "North", "department": "Sales"},
    ),
    # 102 is found by e-mail, 103 is nobody in the organisation.
    _crm(
        "owners",
        {"owner_id": "101", "user_id": "901", "email": "an@acme.example"},
        {"owner_id": "102", "user_id": "902", "email": "binh@acme.example"},
        {"owner_id": "103", "user_id": "903", "email": "ghost@acme.example",
         "is_deleted": True},
    ),
)  # fmt: skip

LEADS = (
    # L6 was seen before it was merged into L5; its later load no longer has it.
    _crm(
        "contacts",
        {"contact_id": "L6", "created_at": vn("2026-04-12 10:00"), "email": "c@x.vn",
         "updated_at": vn("2026-04-12 10:00"), "source": "REFERRALS"},
        load_date=EARLIER,
    ),
    _crm(
        "contacts",
        # One minute before midnight: March. Qualified ten seconds into April.
        {"contact_id": "L1", "created_at": vn("2026-03-31 23:59"), "email": "a@x.vn",
         "updated_at": vn("2026-04-02 10:00"), "source": "PAID_SEARCH",
         "google_click_id": "g1", "utm_campaign": "11", "utm_medium": "cpc",
         "owner_id": "102",
         "mql_at": vn("2026-04-01 00:00:10")},
        # L2 and L3 share an address written differently: one person, earliest record.
        {"contact_id": "L2", "created_at": vn("2026-04-01 00:00:10"),
         "email": "B@X.vn ", "updated_at": vn("2026-04-01 09:00"), "source": "OFFLINE",
         "created_by_id": "901"},
        {"contact_id": "L3", "created_at": vn("2026-04-10 09:00"), "email": "b@x.vn",
         "updated_at": vn("2026-04-10 09:00"), "source": "PAID_SOCIAL",
         "facebook_click_id": "f1"},
        # Spam, deleted in May: no lead any more.
        {"contact_id": "L4", "created_at": vn("2026-04-05 09:00"), "email": "d@x.vn",
         "updated_at": vn("2026-05-02 09:00"), "is_deleted": True,
         "deleted_at": vn("2026-05-02 09:00")},
        # The survivor carries the earlier date of the two, and a source nobody mapped.
        {"contact_id": "L5", "created_at": vn("2026-04-12 10:00"), "email": "c@x.vn",
         "updated_at": vn("2026-05-03 09:00"), "source": "WEIRD",
         "merged_object_ids": "L6"},
        # Half past midnight after the as-of day: tomorrow's business.
        {"contact_id": "L7", "created_at": vn("2026-06-01 00:30"), "email": "e@x.vn",
         "updated_at": vn("2026-06-01 00:30"), "source": "OFFLINE"},
    ),
    # L1 was An's until Bình took over in May; L2 was assigned to An five minutes after it
    # came, and handed to Bình the day before its deal.
    _crm(
        "contact_property_history",
        *({"contact_id": contact, "property": "hubspot_owner_id", "changed_at": vn(at),
           "value": value}
          for contact, at, value in (
              ("L1", "2026-03-31 23:59", "101"), ("L1", "2026-05-02 09:00", "102"),
              ("L2", "2026-04-01 00:00:10", None), ("L2", "2026-04-01 00:05", "101"),
              ("L2", "2026-04-14 09:00", "102"),
          )),
        # L1 fell back to lead on 20 April and was MQL again on 4 May, Bình's by then; L3, of
        # the person of L2, was MQL for the first time. L6, merged away, came back too.
        *({"contact_id": contact, "property": "lifecyclestage", "changed_at": vn(at),
           "value": value}
          for contact, at, value in (
              ("L1", "2026-03-31 23:59", "lead"),
              ("L1", "2026-04-01 00:00:10", "marketingqualifiedlead"),
              ("L1", "2026-04-20 09:00", "lead"),
              ("L1", "2026-05-04 09:00", "marketingqualifiedlead"),
              ("L3", "2026-04-10 09:00", "lead"),
              ("L3", "2026-04-11 09:00", "marketingqualifiedlead"),
              ("L6", "2026-04-12 10:00", "marketingqualifiedlead"),
              ("L6", "2026-04-12 11:00", "lead"),
              ("L6", "2026-04-12 12:00", "marketingqualifiedlead"),
          )),
    ),
    _crm(
        "companies",
        *({"company_id": company_id, "company_name": name, "segment": "smb",
           "created_at": vn("2026-03-01 09:00"), "updated_at": vn("2026-03-01 09:00")}
          for company_id, name in (("C1", "Mía"), ("C2", "Tre"))),
    ),
)  # fmt: skip

_STAGES: list[Row] = [
    {"pipeline_id": pipeline, "stage_id": stage, "stage_label": stage,
     "pipeline_label": pipeline, "display_order": order, "probability": Decimal(share),
     "is_closed": is_closed}
    for pipeline, stage, order, share, is_closed in (
        ("default", "new", 0, "0.2", False), ("default", "offer", 1, "0.5", False),
        ("default", "closedwon", 2, "1", True), ("default", "closedlost", 3, "0", True),
        ("renewals", "due", 0, "0.6", False), ("renewals", "renewed", 1, "1", True),
    )
]  # fmt: skip


def _deal(deal_id: str, created: str, **more: object) -> Row:
    stamp = {"created_at": vn(created), "updated_at": datetime(2026, 5, 31, tzinfo=UTC)}
    return {"deal_id": deal_id, "pipeline_id": "default", **stamp, **more}


DEALS = (
    _crm("deal_stages", *_STAGES),
    _crm(
        "deals",
        _deal("D1", "2026-04-15 09:00", stage_id="closedwon", amount=Decimal(1000),
              currency="USD", owner_id="102", created_by_id="901", contact_id="L3",
              company_id="C1", product_id="CRM"),
        _deal("D2", "2026-03-10 09:00", stage_id="closedwon", amount=Decimal(90),
              currency="USD", owner_id="102", merged_object_ids="D7"),
        _deal("D3", "2026-05-05 09:00", stage_id="closedlost", owner_id="102",
              company_id="C1", closed_lost_reason="price"),
        _deal("D4", "2026-05-20 09:00", stage_id="new", owner_id="103"),
        _deal("D5", "2026-04-02 09:00", stage_id="new", amount=Decimal(5_000_000),
              currency="VND", owner_id="102", is_deleted=True,
              deleted_at=vn("2026-05-15 10:00")),
        _deal("D6", "2026-04-06 09:00", pipeline_id="renewals", stage_id="renewed",
              amount=Decimal(7), currency="USD", owner_id="102"),
        # Won within days, without an amount; D10 by the buyer of D1, D11 by one who had
        # paid an invoice, though nobody kept the deal.
        _deal("D10", "2026-05-06 09:00", stage_id="closedwon", owner_id="102",
              company_id="C1"),
        _deal("D11", "2026-05-11 09:00", stage_id="closedwon", owner_id="102",
              company_id="C2"),
        _deal("D8", "2026-06-01 00:30", stage_id="new", amount=Decimal(1),
              currency="USD", owner_id="102"),
        # Its stage moved after midnight: at the end of the as-of day it was still new.
        _deal("D9", "2026-03-31 23:50", stage_id="offer", amount=Decimal(2_000_000),
              currency="VND", owner_id="102"),
    ),
    _crm("deals", _deal("D7", "2026-03-11 09:00", stage_id="new", amount=Decimal(100),
                        currency="USD"), load_date=EARLIER),
    _crm(
        "deal_property_history",
        *_history("D1", "dealstage", ("2026-04-15 09:00", "new"),
                  ("2026-04-30 23:59", "closedwon")),
        *_history("D1", "hubspot_owner_id", ("2026-04-15 09:00", "101"),
                  ("2026-05-10 10:00", "102")),
        *_history("D1", "amount", ("2026-04-15 09:00", "1000")),
        *_history("D2", "dealstage", ("2026-03-10 09:00", "new"),
                  ("2026-03-28 10:00", "closedwon"), ("2026-04-10 10:00", "offer"),
                  ("2026-05-02 10:00", "closedwon")),
        *_history("D2", "amount", ("2026-03-10 09:00", "100"),
                  ("2026-05-02 10:00", "90")),
        *_history("D2", "hubspot_owner_id", ("2026-03-10 09:00", "102")),
        *_history("D3", "dealstage", ("2026-05-05 09:00", "new"),
                  ("2026-05-05 16:00", "closedlost")),
        *_history("D5", "dealstage", ("2026-04-02 09:00", "new")),
        *_history("D6", "dealstage", ("2026-04-06 09:00", "due"),
                  ("2026-05-06 09:00", "renewed")),
        *_history("D10", "dealstage", ("2026-05-06 09:00", "new"),
                  ("2026-05-10 16:00", "closedwon")),
        *_history("D11", "dealstage", ("2026-05-11 09:00", "closedwon")),
        *_history("D9", "dealstage", ("2026-03-31 23:50", "new"),
                  ("2026-06-01 01:00", "offer")),
    ),
)  # fmt: skip


def _call(call_id: str, at: str, **more: object) -> Row:
    usual = {"direction": "OUTBOUND", "status": "COMPLETED", "owner_id": "101"}
    return {
        "call_id": call_id, "occurred_at": vn(at), "updated_at": vn(at), **usual, **more
    }  # fmt: skip


CALLS = (
    _crm("call_dispositions", {"disposition_id": "x1", "label": "Connected"}),
    _crm(
        "calls",
        _call("K1", "2026-04-30 23:59:50", disposition_id="x1", duration_ms=61_500),
        _call("K2", "2026-05-01 00:00:10", status="NO_ANSWER"),
        _call("K3", "2026-05-04 09:00", direction="INBOUND"),
        _call("K4", "2026-05-04 09:10", status="QUEUED"),
        _call("K5", "2026-05-04 09:20", is_deleted=True,
              deleted_at=vn("2026-05-06 09:00")),
        _call("K6", "2026-06-01 00:10"),
    ),
)  # fmt: skip


BILLING = (
    _drop("customers", {"customer_id": "B2", "account_id": "C2"}),
    # Paid a second before D11 was created.
    _drop("invoices", {"invoice_id": "I1", "customer_id": "B2", "status": "paid",
                       "currency": "USD", "total": Decimal(5),
                       "finalized_at": vn("2026-05-10 09:00"),
                       "paid_at": vn("2026-05-11 08:59:59")}),
)  # fmt: skip


def _google(
    campaign: str, day: date, micros: int, impressions: int, clicks: int
) -> Row:
    return {
        "campaign_id": campaign, "date": day, "cost_micros": micros, "currency": "VND",
        "impressions": impressions, "clicks": clicks,
        "source_timezone": "Asia/Ho_Chi_Minh",
    }  # fmt: skip


ADS = (
    RawBatch("google_ads", "google_main", "campaigns", LOADED,
             ({"campaign_id": "11", "campaign_name": "Search", "channel_type": "SEARCH",
               "status": "ENABLED"},), source_account="999"),
    # First load: campaign 11 with 200,000 and 12 with 50,000 on 31 March …
    _days("google_ads",
          _google("11", date(2026, 3, 31), 200_000_000_000, 100, 10),
          _google("12", date(2026, 3, 31), 50_000_000_000, 40, 4),
          load_date=EARLIER, last_day=date(2026, 4, 30)),
    # … restated down to 150,000, and 12 vanished; 20,000 without a click came in May.
    _days("google_ads",
          _google("11", date(2026, 3, 31), 150_000_000_000, 90, 8),
          _google("11", date(2026, 5, 3), 20_000_000_000, 30, 0),
          load_date=LOADED, last_day=AS_OF),
    _days("meta_ads",
          {"campaign_id": "77", "date": date(2026, 4, 10), "spend": Decimal("12.34"),
           "currency": "USD", "impressions": 50, "clicks": 5},
          load_date=LOADED, last_day=AS_OF),
)  # fmt: skip

RATES = (
    _drop(
        "fx_rates",
        *(
            {"rate_date": date(2026, 3, 1) + timedelta(days=day),
             "base_currency": "USD", "quote_currency": "VND", "rate_type": rate_type,
             "published_at": datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day),
             "rate": Decimal(rate), "rate_source": "bank"}
            for day in range((AS_OF - date(2026, 3, 1)).days + 1)
            for rate_type, rate in (("average_transfer", 25_000), ("closing", 26_000))
        ),
    ),
)  # fmt: skip

BATCHES = (*ORGANISATION, *LEADS, *DEALS, *CALLS, *BILLING, *ADS, *RATES)

Figures = dict[tuple[str, str, str | None], tuple[str, str | None]]

FLOWS: Figures = {
    # March: L1. April: the person of L2 and L3, and L5 (its loser L6 is the same person).
    ("leads_created", "2026-03", None): ("1", None),
    ("leads_created", "2026-04", None): ("2", None),
    # L1 is paid search; of April's two, WEIRD is no named group.
    ("lead_source_completeness", "2026-03", None): ("1", "1"),
    ("lead_source_completeness", "2026-04", None): ("1", "2"),
    ("mql_count", "2026-04", None): ("1", None),
    # Nobody accepted L2 or L3, but deal D1 hangs on L3 since 15 April.
    ("sql_count", "2026-04", None): ("1", None),
    # March 150,000 VND = 6.00 USD; April 12.34 USD = 308,500 VND; May 20,000 = 0.80.
    ("ad_spend", "2026-03", "VND"): ("150000", None),
    ("ad_spend", "2026-03", "USD"): ("6", None),
    ("ad_spend", "2026-04", "VND"): ("308500", None),
    ("ad_spend", "2026-04", "USD"): ("12.34", None),
    ("ad_spend", "2026-05", "VND"): ("20000", None),
    ("ad_spend", "2026-05", "USD"): ("0.8", None),
    ("impressions", "2026-03", None): ("90", None),
    ("impressions", "2026-04", None): ("50", None),
    ("impressions", "2026-05", None): ("30", None),
    ("clicks", "2026-03", None): ("8", None),
    ("clicks", "2026-04", None): ("5", None),
    ("clicks", "2026-05", None): ("0", None),
    ("ctr", "2026-03", None): ("8", "90"),
    ("ctr", "2026-04", None): ("5", "50"),
    ("ctr", "2026-05", None): ("0", "30"),
    ("cpc", "2026-03", "VND"): ("150000", "8"),
    ("cpc", "2026-03", "USD"): ("6", "8"),
    ("cpc", "2026-04", "VND"): ("308500", "5"),
    ("cpc", "2026-04", "USD"): ("12.34", "5"),
    ("cpc", "2026-05", "VND"): ("20000", "0"),
    ("cpc", "2026-05", "USD"): ("0.8", "0"),
    # Paid: L1 in March. The person of L2 counts by its first record, which was not paid.
    ("cpl_media", "2026-03", "VND"): ("150000", "1"),
    ("cpl_media", "2026-03", "USD"): ("6", "1"),
    ("cpl_media", "2026-04", "VND"): ("308500", "0"),
    ("cpl_media", "2026-04", "USD"): ("12.34", "0"),
    ("cpl_media", "2026-05", "VND"): ("20000", "0"),
    ("cpl_media", "2026-05", "USD"): ("0.8", "0"),
    # March: D2, D9. April: D1 (D5 deleted, D6 a renewal). May: D3, D4, D10, D11.
    ("opportunities_created", "2026-03", None): ("2", None),
    ("opportunities_created", "2026-04", None): ("1", None),
    ("opportunities_created", "2026-05", None): ("4", None),
    # D1 on 30 April; D2, won in March, was reopened and won again on 2 May; D10, D11.
    ("deals_won", "2026-04", None): ("1", None),
    ("deals_won", "2026-05", None): ("3", None),
    ("deals_lost", "2026-05", None): ("1", None),
    ("win_rate", "2026-04", None): ("1", "1"),
    ("win_rate", "2026-05", None): ("3", "4"),
    # D1: 1,000 USD × 25,000. D2: 90 USD × 25,000, the amount of its second win. The second
    # figure counts the wins with an amount.
    ("sales_bookings", "2026-04", "VND"): ("25000000", "1"),
    ("sales_bookings", "2026-04", "USD"): ("1000", "1"),
    ("sales_bookings", "2026-05", "VND"): ("2250000", "1"),
    ("sales_bookings", "2026-05", "USD"): ("90", "1"),
    ("avg_deal_size", "2026-04", "VND"): ("25000000", "1"),
    ("avg_deal_size", "2026-04", "USD"): ("1000", "1"),
    ("avg_deal_size", "2026-05", "VND"): ("2250000", "1"),
    ("avg_deal_size", "2026-05", "USD"): ("90", "1"),
    # D1: 15 to 30 April = 15. D2: 10 March to 2 May = 21 + 30 + 2 = 53. D10: 4, D11: 0.
    ("sales_cycle_days", "2026-04", None): ("15", "1"),
    ("sales_cycle_days", "2026-05", None): ("57", "3"),
    # K1 ten seconds before May, K2 ten seconds into it; inbound, queued, deleted out.
    ("calls_made", "2026-04", None): ("1", None),
    ("calls_made", "2026-05", None): ("1", None),
}
"""(KPI, month, currency) -> (numerator, denominator), summed over the month."""

STOCKS: Figures = {
    # 31 March: D9 (D2 stood won). 30 April: D2 reopened, D5, D9. 31 May: D4, D9.
    ("active_deals", "2026-03-31", None): ("1", None),
    ("active_deals", "2026-04-30", None): ("3", None),
    ("active_deals", "2026-05-31", None): ("2", None),
    # 2,000,000 VND ÷ 26,000 = 76.923 -> 76.92 USD. The second figure counts the deals with
    # an amount.
    ("open_pipeline_value", "2026-03-31", "VND"): ("2000000", "1"),
    ("open_pipeline_value", "2026-03-31", "USD"): ("76.92", "1"),
    # 100 USD × 26,000 + 5,000,000 + 2,000,000; 100 + 192.31 + 76.92 USD.
    ("open_pipeline_value", "2026-04-30", "VND"): ("9600000", "3"),
    ("open_pipeline_value", "2026-04-30", "USD"): ("369.23", "3"),
    # D4 has no amount: open, without a value.
    ("open_pipeline_value", "2026-05-31", "VND"): ("2000000", "1"),
    ("open_pipeline_value", "2026-05-31", "USD"): ("76.92", "1"),
}
"""(KPI, day, currency) -> (numerator, denominator) at the end of the day."""

MEDIAN_CYCLES = {
    # One deal is its own middle.
    ("month", "2026-04-01"): ("15", "1"),
    # 0, 4, 53: the middle is 4, where the mean is 57 / 3 = 19.
    ("month", "2026-05-01"): ("4", "3"),
    # 0, 4, 15, 53: (4 + 15) / 2 = 9.5, which is neither the mean nor the median of the two
    # months' medians; the mean is 72 / 4 = 18.
    ("quarter", "2026-04-01"): ("9.5", "4"),
    ("year", "2026-01-01"): ("9.5", "4"),
    # Nothing was won in March, nor in the quarter it ends.
    ("month", "2026-03-01"): (None, "0"),
    ("quarter", "2026-01-01"): (None, "0"),
}
"""(grain, first day) -> (median days of sales_cycle_days, wins), of the company."""

CUSTOMER_TYPES = {
    # D9 names no buyer, D2 neither; D1's company had bought nothing.
    ("opportunities_created", "2026-03", "(unknown)"): "2",
    ("opportunities_created", "2026-04", "new"): "1",
    # D3 and D10 by the buyer of D1, D11 after a paid invoice; D4 names no buyer.
    ("opportunities_created", "2026-05", "existing"): "3",
    ("opportunities_created", "2026-05", "(unknown)"): "1",
    # A first win is no earlier purchase of itself.
    ("deals_won", "2026-04", "new"): "1",
    ("deals_won", "2026-05", "existing"): "2",
    ("deals_won", "2026-05", "(unknown)"): "1",
    ("deals_lost", "2026-05", "existing"): "1",
}
"""(KPI, month, customer type) -> count."""

LEAD_REPS = {
    # L1 in March; the source of a lead is named by who entered it: nobody did.
    ("leads_created", "2026-03", "NV1", "North"): "1",
    ("lead_source_completeness", "2026-03", "(unknown)", "(unknown)"): "1",
    # L1 qualified ten seconds into April, when An was in South; it is Bình's only today.
    ("mql_count", "2026-04", "NV1", "South"): "1",
    # The person of L2, An's first; entered by user 901, who is An. L5 has no owner.
    ("leads_created", "2026-04", "NV1", "South"): "1",
    ("leads_created", "2026-04", "(unknown)", "(unknown)"): "1",
    ("lead_source_completeness", "2026-04", "NV1", "South"): "1",
    ("lead_source_completeness", "2026-04", "(unknown)", "(unknown)"): "0",
    # By 15 April, when deal D1 came, L2 was Bình's.
    ("sql_count", "2026-04", "NV2", "North"): "1",
}
"""(KPI, month, rep, team) -> numerator."""

RETURNS = [("2026-05", "NV2", "North", "website", 1)]
"""(month, rep, team, source group, count) of who qualified again."""

REPS = {
    # An won D1 and handed it over later; by April An was in South.
    ("deals_won", "2026-04"): ("NV1", "South"),
    # D2's owner has been Bình throughout.
    ("deals_won", "2026-05"): ("NV2", "North"),
    ("calls_made", "2026-04"): ("NV1", "South"),
    ("calls_made", "2026-05"): ("NV1", "South"),
}
"""(KPI, month) -> the one (rep, team) credited."""
