"""What the ad platforms say of the large company: campaigns and their days.

Belongs here: their queries by contract column, of two APIs and a file. Stays out: the life they
tell of (`ingest.sandbox.bulk_lives`), other sources (`ingest.sandbox.bulk_rows`).
"""

from __future__ import annotations

from typing import Final

from ingest.sandbox.bulk_entity import BulkEntity

_AD_FIGURES: Final = """
    2000 + pick(n, 'impressions', 40000) as impressions,
    20 + pick(n, 'clicks', 900) as clicks,
    -- Conversions of a click keep coming in for a month.
    cast(
        pick(n, 'conversions', 40) * least(30, date '{as_of}' - date + 1) / 30.0
        as decimal(18, 6)
    ) as conversions
"""

AD_ENTITIES: Final = (
    *(
        BulkEntity(
            kind, "campaigns", source, account=account, is_full_list=True,
            query=f"""
            select distinct campaign('{letter}', slot, day::date) as campaign_id,
                'Campaign ' || campaign('{letter}', slot, day::date) as campaign_name,
                'ENABLED' as status,
                {more}
            from range({{{slots}}}) as slots (slot)
            cross join range(
                timestamp '{{first_day}}', timestamp '{{as_of}}' + interval 1 day,
                interval 7 day
            ) as days (day)
            """,  # noqa: S608 - our own text, no input
        )
        for kind, source, account, letter, slots, more in (
            ("google_ads", "google_main", "999", "g", "google_slots",
             "['SEARCH', 'DISPLAY', 'VIDEO'][1 + slot % 3] as channel_type"),
            ("meta_ads", "meta_main", "777", "m", "meta_slots",
             "'OUTCOME_LEADS' as objective"),
        )
    ),
    BulkEntity(
        "google_ads", "campaign_performance_daily", "google_main", account="999",
        restated_days=30,
        query=f"""
        select campaign('g', slot, date) as campaign_id, date,
            (50000 + pick(n, 'spend', 3000000)) * 1000000 as cost_micros,
            'VND' as currency, {_AD_FIGURES}, 'Asia/Ho_Chi_Minh' as source_timezone
        from (
            select slot, slot * 100000 + (day - date '{{first_day}}') as n, day as date
            from (
                select unnest(range(date '{{first_day}}', date '{{as_of}}' + 1,
                    interval 1 day))::date as day
            ) as days
            cross join range({{google_slots}}) as slots (slot)
            where day > greatest(
                date '{{first_day}}' - 1,
                case when timestamptz '{{since}}' < '1971-01-01' then date '1970-01-01'
                    else date '{{as_of}}' - 30 end
            )
        ) as slot_days
        """,  # noqa: S608 - our own text, no input
    ),
    BulkEntity(
        "meta_ads", "campaign_insights_daily", "meta_main", account="777",
        restated_days=28,
        query=f"""
        select * exclude (conversions)
        from (
            select campaign('m', slot, date) as campaign_id, date,
                (500 + pick(n, 'spend', 30000)) * 0.01 as spend,
                'USD' as currency, {_AD_FIGURES},
                pick(n, 'reported', 5) as reported_leads,
                'Asia/Ho_Chi_Minh' as source_timezone
            from (
                select slot, 7 + slot * 100000 + (day - date '{{first_day}}') as n,
                    day as date
                from (
                    select unnest(range(date '{{first_day}}', date '{{as_of}}' + 1,
                        interval 1 day))::date as day
                ) as days
                cross join range({{meta_slots}}) as slots (slot)
                where day > greatest(
                    date '{{first_day}}' - 1,
                    case when timestamptz '{{since}}' < '1971-01-01'
                        then date '1970-01-01' else date '{{as_of}}' - 28 end
                )
            ) as slot_days
        ) as figures
        """,  # noqa: S608 - our own text, no input
    ),
    BulkEntity(
        "files", "ad_performance_daily", "ads_drop", dataset="ads",
        mode="replace_period", restated_days=7,
        query=f"""
        select if(slot % 2 = 0, 'tiktok', 'linkedin') as platform,
            'acc' || (slot % 4) as ad_account_id,
            campaign('f', slot, date) as campaign_id, 'group' || (ad // 10) as ad_group_id,
            'ad' || ad as ad_id, date,
            (10000 + pick(n, 'spend', 300000)) as spend, 'VND' as currency,
            {_AD_FIGURES}, 'Asia/Ho_Chi_Minh' as source_timezone
        from (
            select slot, ad, day as date,
                (slot * 1000 + ad) * 100000 + (day - date '{{first_day}}') + 13 as n
            from (
                select unnest(range(date '{{first_day}}', date '{{as_of}}' + 1,
                    interval 1 day))::date as day
            ) as days
            cross join range({{file_slots}}) as slots (slot)
            cross join range({{ads}}) as ads (ad)
            where day > greatest(
                date '{{first_day}}' - 1,
                case when timestamptz '{{since}}' < '1971-01-01' then date '1970-01-01'
                    else date '{{as_of}}' - 7 end
            )
        ) as slot_days
        """,  # noqa: S608 - our own text, no input
    ),
)  # fmt: skip
"""Streams of the ad platforms, in the order they land."""
