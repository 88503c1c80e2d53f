"""What the rows of the large company say, as SQL by contract column.

Belongs here: the queries and which stream each fills. Stays out: types, load columns, files
(`ingest.sandbox.bulk`). Columns a query leaves out land as NULL.

Everything follows from row numbers through DuckDB's hash, so any slice of time can be made
alone: a batch holds what changed in `({since}, {until}]`, in the state of `{until}`. Volumes
grow over the years, deals take weeks, customers leave, platforms restate conversions for a
month, people move team, records are merged and deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class BulkEntity:
    """One stream of landed batches."""

    kind: str
    name: str
    source_name: str
    query: str
    account: str = ""
    dataset: str = ""
    mode: str = ""
    legal_entity: str = "bulk_vn"
    is_full_list: bool = False
    restated_days: int | None = None

    @property
    def stream(self) -> str:
        """Return the folder of the stream."""
        return (
            f"{self.source_name}.{self.dataset}" if self.dataset else self.source_name
        )


_PLANS: Final = "(1 + hash(i, k, 'price', {seed}) % 6)"

HISTORY: Final = (
    # Uniform in [0, 1), and an instant of the company's life, later ones likelier.
    """
    create macro chance(i, salt) as (hash(i, salt, {seed}) % 1000003) / 1000003.0
    """,
    "create macro pick(i, salt, n) as cast(hash(i, salt, {seed}) % n as bigint)",
    """
    create macro born(i, salt) as
        timestamptz '{first_day} 00:00:00+07'
        + to_seconds(cast({days} * 86400 * pow(chance(i, salt), 0.7) as bigint))
    """,
    """
    create macro known(instant) as
        case when instant <= timestamptz '{until}' then instant end
    """,
    # A campaign runs a quarter of a year in its slot, then the next one takes it over.
    """
    create macro campaign(platform, slot, day) as
        platform || slot || '-' || ((day - date '{first_day}') // 91)
    """,
    """
    create temp table lead_lives as
    select
        i,
        born(i, 'lead') as created_at,
        case when chance(i, 'mql') < 0.4
            then born(i, 'lead') + to_seconds(cast(chance(i, 'mql at') * 1e6 as bigint))
        end as mql_at,
        case when chance(i, 'mql') < 0.18
            then born(i, 'lead')
                + to_seconds(cast((1 + chance(i, 'sql at')) * 1e6 as bigint))
        end as sql_at,
        case when i % 200 = 0 then born(i, 'lead') + interval 20 day end as merged_at,
        case when i % 230 = 1 then born(i, 'lead') + interval 30 day end as deleted_at
    from range({leads}) as numbers (i)
    """,
    """
    create temp table deal_lives as
    select
        i,
        created_at,
        created_at + to_seconds(cast(length * 0.2 as bigint)) as qualified_at,
        created_at + to_seconds(cast(length * 0.6 as bigint)) as offered_at,
        case when chance(i, 'outcome') < 0.85
            then created_at + to_seconds(cast(length as bigint))
        end as closed_at,
        chance(i, 'outcome') < 0.3 as is_won,
        case when chance(i, 'currency') < 0.7 then 'VND' else 'USD' end as currency,
        case when chance(i, 'currency') < 0.7 then 1000000 else 40 end
            * (5 + pick(i, 'amount', 200)) as amount,
        pick(i, 'owner', 60) as rep
    from (
        select i, born(i, 'deal') as created_at,
            (5 - ln(1 - chance(i, 'length')) * 35) * 86400 as length
        from range({deals}) as numbers (i)
    ) as deals
    """,
    """
    create temp table deal_changes as
    select i, created_at as changed_at, 'dealstage' as property, 'new' as value
    from deal_lives
    union all
    select i, qualified_at, 'dealstage', 'qualified' from deal_lives
    union all
    select i, offered_at, 'dealstage', 'offer' from deal_lives
    union all
    select i, closed_at, 'dealstage', if(is_won, 'closedwon', 'closedlost')
    from deal_lives where closed_at is not null
    union all
    select i, created_at, 'amount', cast(amount as varchar) from deal_lives
    union all
    select i, offered_at, 'amount', cast(amount * 9 // 10 as varchar)
    from deal_lives where chance(i, 'discounted') < 0.4
    union all
    select i, created_at, 'hubspot_owner_id', cast(100 + rep as varchar) from deal_lives
    union all
    select i, qualified_at, 'hubspot_owner_id', cast(100 + (rep + 7) % 60 as varchar)
    from deal_lives where chance(i, 'handed over') < 0.1
    union all
    select i, created_at, 'closedate',
        strftime(created_at + interval 60 day, '%Y-%m-%dT%H:%M:%SZ')
    from deal_lives
    """,
    "delete from deal_changes where changed_at > timestamptz '{until}'",
    """
    create temp table subscription_lives as
    select
        i,
        started_at,
        case when started_at + life < timestamptz '{until}' then started_at + life end
            as ended_at,
        case when chance(i, 'grows') < 0.3 and growth < life then started_at + growth end
            as grown_at,
        chance(i, 'money') < 0.3 as is_usd
    from (
        select i, born(i, 'customer') as started_at,
            to_days(cast(20 - ln(1 - chance(i, 'life')) * 900 as integer)) as life,
            to_days(cast(20 + chance(i, 'growth') * 400 as integer)) as growth
        from range({customers}) as numbers (i)
    ) as customers
    where started_at <= timestamptz '{until}'
    """,
    f"""
    create temp table item_lives as
    select
        i, k, started_at, ended_at, grown_at, is_usd,
        'si_' || i || '_' || k as item_id,
        'prod_' || (hash(i, k, 'product', {{seed}}) % 6) as product_id,
        if(is_usd, 4900, 1200000) * {_PLANS} as unit_amount_minor,
        1 + hash(i, k, 'quantity', {{seed}}) % 12 as quantity
    from subscription_lives cross join range(2) as items (k)
    where k = 0 or chance(i, 'second item') < 0.5
    """,  # noqa: S608 - our own text, no input
    """
    create temp table item_states as
    select *, started_at as valid_from, quantity as units,
        coalesce(known(grown_at), ended_at) as valid_to, 'created' as event
    from item_lives
    union all
    select *, grown_at, quantity * 2, ended_at, 'updated'
    from item_lives
    where known(grown_at) is not null
    """,
    """
    create temp table invoice_lives as
    select
        i,
        n,
        'in_' || i || '_' || n as invoice_id,
        is_usd,
        started_at + to_months(cast(n as integer)) as created_at,
        case when chance(i * 1000 + n, 'paid') < 0.97
            then started_at + to_months(cast(n as integer))
                + to_hours(cast(2 + pick(i * 1000 + n, 'paid after', 240) as integer))
        end as paid_at
    from subscription_lives cross join range({days} // 28) as months (n)
    where started_at + to_months(cast(n as integer))
        < coalesce(ended_at, timestamptz '{until}')
    """,
    """
    create temp table line_lives as
    select
        invoice_lives.invoice_id || '_' || item_lives.k as line_id,
        invoice_lives.invoice_id,
        invoice_lives.created_at,
        item_lives.i,
        item_lives.item_id,
        item_lives.product_id,
        item_lives.is_usd,
        if(invoice_lives.created_at >= item_lives.grown_at, 2, 1) * item_lives.quantity
            as quantity,
        item_lives.unit_amount_minor
    from invoice_lives
    inner join item_lives using (i)
    """,
)
"""Statements that make the company's life up to `{until}`, run before the queries."""

_ITEM_STATE: Final = """
    item_id, 'sub_' || i as subscription_id, 'cus_' || i as customer_id,
    started_at, 'price_' || item_id as price_id, product_id, unit_amount_minor,
    if(is_usd, 'USD', 'VND') as currency, units as quantity, 'month' as interval,
    1 as interval_count, 'licensed' as usage_type,
    if(i % 3 = 0, cast(i % '{deals}' as varchar), null) as opportunity_id
"""

_AD_FIGURES: Final = """
    2000 + pick(n, 'impressions', 40000) as impressions,
    20 + pick(n, 'clicks', 900) as clicks,
    -- Conversions of a click keep coming in for a month.
    cast(
        pick(n, 'conversions', 40) * least(30, date '{as_of}' - date + 1) / 30.0
        as decimal(18, 6)
    ) as conversions
"""

BULK_ENTITIES: Final = (
    BulkEntity(
        "files", "users", "people_drop", dataset="users", mode="upsert",
        query="""
        select 'NV' || i as user_id, date '2015-01-01' as valid_from,
            'Nhân viên ' || i as user_name, 'nv' || i || '@bulk.example' as email,
            'Team ' || (i % 8) as team, 'Department ' || (i % 8 // 4) as department,
            case when i % 5 = 0 then date '{first_day}' + 499 end as valid_to,
            '{"hubspot_main": "' || (100 + i) || '"}' as external_ids
        from range(60) as reps (i)
        union all
        select 'NV' || i, date '{first_day}' + 500, 'Nhân viên ' || i,
            'nv' || i || '@bulk.example', 'Team ' || ((i + 1) % 8),
            'Department ' || ((i + 1) % 8 // 4), null,
            '{"hubspot_main": "' || (100 + i) || '"}'
        from range(0, 60, 5) as movers (i)
        """,
    ),
    BulkEntity(
        "files", "fx_rates", "finance_drop", dataset="fx_rates", mode="upsert",
        query="""
        select rate_date, 'USD' as base_currency, 'VND' as quote_currency, rate_type,
            rate_date + interval 1 hour as published_at,
            if(rate_type = 'plan', 25000, 24800 + pick(rate_date, rate_type, 600))
                as rate,
            'bank' as rate_source
        from (
            select unnest(range(date '{first_day}', date '{as_of}' + 1, interval 1 day))
                ::date as rate_date
        ) as days
        cross join (values ('average_transfer'), ('closing'), ('plan'))
            as types (rate_type)
        where rate_date > timestamptz '{since}' - interval 8 day
        """,
    ),
    BulkEntity(
        "files", "targets", "finance_drop", dataset="targets", mode="upsert",
        query="""
        select 'sales_revenue' as kpi_key, 'total' as scope_type, '' as scope_id,
            month::date as period_start, month::date as effective_from,
            last_day(month) as period_end, 1000000000 as value, 'money' as unit,
            'VND' as currency, month::date as approved_at
        from range(
            date_trunc('month', date '{first_day}')::timestamp,
            timestamp '{as_of}', interval 1 month
        ) as months (month)
        """,
    ),
    BulkEntity(
        "hubspot", "owners", "hubspot_main", is_full_list=True,
        query="""
        select cast(100 + i as varchar) as owner_id, cast(900 + i as varchar) as user_id,
            'nv' || i || '@bulk.example' as email
        from range(60) as reps (i)
        """,
    ),
    BulkEntity(
        "hubspot", "deal_stages", "hubspot_main", is_full_list=True,
        query="""
        select 'default' as pipeline_id, stage as stage_id, stage as stage_label,
            'Sales' as pipeline_label, n as display_order, probability,
            stage like 'closed%' as is_closed
        from (values ('new', 0, 0.1), ('qualified', 1, 0.3), ('offer', 2, 0.6),
            ('closedwon', 3, 1), ('closedlost', 4, 0)) as stages (stage, n, probability)
        """,
    ),
    BulkEntity(
        "hubspot", "call_dispositions", "hubspot_main", is_full_list=True,
        query="select 'd1' as disposition_id, 'Connected' as label",
    ),
    BulkEntity(
        "hubspot", "companies", "hubspot_main",
        query="""
        select cast(i as varchar) as company_id, 'Công ty ' || i as company_name,
            ['smb', 'mid', 'enterprise'][1 + pick(i, 'segment', 3)] as segment,
            'VN' as country, cast(100 + pick(i, 'account owner', 60) as varchar)
                as owner_id,
            born(i, 'account') as created_at, born(i, 'account') as updated_at
        from range({accounts}) as companies (i)
        where born(i, 'account') > timestamptz '{since}'
            and born(i, 'account') <= timestamptz '{until}'
        """,
    ),
    BulkEntity(
        "hubspot", "contacts", "hubspot_main",
        query="""
        select cast(i as varchar) as contact_id, created_at,
            greatest(created_at, known(mql_at), known(sql_at), known(merged_at),
                known(deleted_at)) as updated_at,
            -- One in thirty shares an address with the record before.
            'person' || (i - (chance(i, 'same') < 0.03)::integer) || '@x.example'
                as email,
            cast(100 + pick(i, 'lead owner', 60) as varchar) as owner_id,
            if(chance(i, 'by hand') < 0.3,
                cast(900 + pick(i, 'creator', 60) as varchar), null) as created_by_id,
            if(chance(i, 'company') < 0.6,
                cast(pick(i, 'company of', {accounts}) as varchar), null) as company_id,
            known(mql_at) as mql_at, known(sql_at) as sql_at,
            ['PAID_SEARCH', 'PAID_SOCIAL', 'ORGANIC_SEARCH', 'REFERRALS', 'OFFLINE',
                'DIRECT_TRAFFIC'][1 + pick(i, 'source', 6)] as source,
            case pick(i, 'source', 6)
                when 0 then campaign('g', pick(i, 'slot', {google_slots}),
                    created_at::date)
                when 1 then campaign('m', pick(i, 'slot', {meta_slots}),
                    created_at::date)
            end as utm_campaign,
            case pick(i, 'source', 6) when 0 then 'google' when 1 then 'facebook' end
                as utm_source,
            if(pick(i, 'source', 6) < 2, 'cpc', null) as utm_medium,
            if(known(merged_at) is null, null, cast(i - 1 as varchar))
                as merged_object_ids,
            known(deleted_at) is not null as is_deleted, known(deleted_at) as deleted_at
        from lead_lives
        where greatest(created_at, known(mql_at), known(sql_at), known(merged_at),
                known(deleted_at)) > timestamptz '{since}'
            and created_at <= timestamptz '{until}'
        """,
    ),
    BulkEntity(
        "hubspot", "contact_property_history", "hubspot_main",
        query="""
        select cast(i as varchar) as contact_id, 'hubspot_owner_id' as property,
            created_at as changed_at,
            cast(100 + pick(i, 'lead owner', 60) as varchar) as value
        from lead_lives
        where created_at > timestamptz '{since}' and created_at <= timestamptz '{until}'
        """,
    ),
    BulkEntity(
        "hubspot", "deal_property_history", "hubspot_main",
        query="""
        select cast(i as varchar) as deal_id, property, changed_at, value
        from deal_changes
        where changed_at > timestamptz '{since}'
        """,
    ),
    BulkEntity(
        "hubspot", "deals", "hubspot_main",
        query="""
        with changed as (
            select i, max(changed_at) as updated_at,
                max_by(value, (changed_at, value)) filter (where property = 'dealstage')
                    as stage_id,
                max_by(value, changed_at) filter (where property = 'amount') as amount,
                max_by(value, changed_at) filter (where property = 'hubspot_owner_id')
                    as owner_id
            from deal_changes
            group by i
            having max(changed_at) > timestamptz '{since}'
        )
        select cast(i as varchar) as deal_id, 'default' as pipeline_id,
            changed.stage_id, cast(changed.amount as decimal(18, 4)) as amount,
            currency, created_at, changed.updated_at,
            coalesce(known(closed_at), created_at + interval 60 day) as close_at,
            changed.owner_id, cast(900 + rep as varchar) as created_by_id,
            ['newbusiness', 'existingbusiness'][1 + (i % 4 = 0)::integer] as deal_type,
            if(not is_won and known(closed_at) is not null, 'price', null)
                as closed_lost_reason,
            'P' || (i % 6) as product_id,
            if(chance(i, 'account') < 0.8,
                cast(pick(i, 'deal company', {accounts}) as varchar), null)
                as company_id,
            cast(pick(i, 'deal lead', {leads}) as varchar) as contact_id
        from changed
        inner join deal_lives using (i)
        """,
    ),
    BulkEntity(
        "hubspot", "calls", "hubspot_main",
        query="""
        select cast(i as varchar) as call_id, occurred_at, occurred_at as updated_at,
            pick(i, 'duration', 900000) as duration_ms,
            if(chance(i, 'answered') < 0.4, 'd1', null) as disposition_id,
            if(chance(i, 'inbound') < 0.1, 'INBOUND', 'OUTBOUND') as direction,
            if(chance(i, 'answered') < 0.4, 'COMPLETED', 'NO_ANSWER') as status,
            cast(100 + pick(i, 'caller', 60) as varchar) as owner_id,
            cast(pick(i, 'called', {leads}) as varchar) as contact_id,
            if(chance(i, 'call company') < 0.5,
                cast(pick(i, 'called company', {accounts}) as varchar), null)
                as company_id
        from (
            select i, born(i, 'call') as occurred_at
            from range({calls}) as calls (i)
        ) as calls
        where occurred_at > timestamptz '{since}' and occurred_at <= timestamptz '{until}'
        """,
    ),
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
    BulkEntity(
        "stripe", "products", "stripe_main", is_full_list=True,
        query="""
        select 'prod_' || i as product_id, 'Sản phẩm ' || i as product_name,
            'P' || i as product_code, true as is_active
        from range(6) as products (i)
        """,
    ),
    BulkEntity(
        "stripe", "customers", "stripe_main",
        query="""
        select 'cus_' || i as customer_id, 'Khách hàng ' || i as customer_name,
            'VN' as country, if(is_usd, 'USD', 'VND') as currency,
            if(chance(i, 'linked') < 0.9, cast(i % {accounts} as varchar), null)
                as crm_account_id,
            started_at as created_at
        from subscription_lives
        where started_at > timestamptz '{since}'
        """,
    ),
    # The vendor's log reaches back 30 days; what was before is a one-time export.
    BulkEntity(
        "files", "subscription_items", "stripe_main", dataset="history", mode="upsert",
        query="""
        select item_id, valid_from, 'sub_' || i as subscription_id,
            'cus_' || i as customer_id, product_id,
            unit_amount_minor * if(is_usd, 0.01, 1) as unit_price,
            if(is_usd, 'USD', 'VND') as currency, units as quantity,
            'month' as interval, 1 as interval_count, valid_to
        from item_states
        where timestamptz '{since}' < '1971-01-01'
        """,
    ),
    BulkEntity(
        "stripe", "subscription_items", "stripe_main", is_full_list=True,
        query=f"""
        select started_at as subscription_created_at, ended_at,
            ended_at as canceled_at, if(ended_at is null, 'active', 'canceled') as status,
            {_ITEM_STATE}
        from item_states
        where event = 'updated' or known(grown_at) is null
        """,  # noqa: S608 - our own text, no input
    ),
    BulkEntity(
        "stripe", "subscription_events", "stripe_main",
        query=f"""
        select 'evt_' || i || '_' || event as event_id,
            'customer.subscription.' || event as event_type, occurred_at,
            if(event = 'deleted', 'canceled', 'active') as status,
            if(event = 'deleted', ended_at, null) as ended_at,
            {_ITEM_STATE}
        from (
            select *, valid_from as occurred_at from item_states
            union all
            select * replace ('deleted' as event), ended_at
            from item_states
            where ended_at is not null and (event = 'updated' or known(grown_at) is null)
        ) as events
        where occurred_at > greatest(
            timestamptz '{{since}}', timestamptz '{{until}}' - interval 30 day
        )
        """,  # noqa: S608 - our own text, no input
    ),
    BulkEntity(
        "stripe", "invoices", "stripe_main",
        query="""
        with sums as (
            select invoice_id, sum(quantity * unit_amount_minor) as total
            from line_lives
            group by 1
        )
        select invoice_id, 'N-' || invoice_id as invoice_number,
            'cus_' || i as customer_id, 'sub_' || i as subscription_id,
            if(known(paid_at) is null, 'open', 'paid') as status,
            if(is_usd, 'USD', 'VND') as currency, total as subtotal_minor,
            0 as discount_minor, total // 10 as tax_minor, total + total // 10
                as total_minor,
            if(known(paid_at) is null, 0, total + total // 10) as amount_paid_minor,
            created_at, created_at + interval 1 hour as finalized_at,
            created_at + interval 14 day as due_at, known(paid_at) as paid_at
        from invoice_lives
        inner join sums using (invoice_id)
        where coalesce(known(paid_at), created_at) > timestamptz '{since}'
        """,
    ),
    BulkEntity(
        "stripe", "invoice_lines", "stripe_main",
        query="""
        select line_id, invoice_id, 'sub_' || i as subscription_id, item_id, product_id,
            'price_' || item_id as price_id, 'Monthly plan' as description, quantity,
            quantity * unit_amount_minor as amount_minor, 0 as discount_minor,
            quantity * unit_amount_minor // 10 as tax_minor,
            if(is_usd, 'USD', 'VND') as currency, created_at as service_starts_at,
            created_at + interval 1 month as service_ends_at, false as is_proration
        from line_lives
        where created_at > timestamptz '{since}'
        """,
    ),
    BulkEntity(
        "stripe", "charges", "stripe_main",
        query="""
        select 'ch_' || invoice_id as charge_id, 'cus_' || i as customer_id, invoice_id,
            'succeeded' as status, sum(quantity * unit_amount_minor) * 11 // 10
                as amount_minor,
            0 as amount_refunded_minor, if(is_usd, 'USD', 'VND') as currency,
            paid_at as created_at, 'txn_' || invoice_id as balance_transaction_id
        from invoice_lives
        inner join line_lives using (invoice_id, i, is_usd)
        where known(paid_at) > timestamptz '{since}'
        group by invoice_id, i, is_usd, paid_at
        """,
    ),
    BulkEntity(
        "stripe", "credit_notes", "stripe_main",
        query="""
        select 'cn_' || invoice_id as credit_note_id, invoice_id, 'cus_' || i as customer_id,
            50000 as subtotal_minor, 5000 as tax_minor, 55000 as total_minor,
            'VND' as currency, created_at + interval 6 day as created_at,
            'issued' as status
        from invoice_lives
        where not is_usd and pick(i * 1000 + n, 'credited', 100) = 0
            and known(created_at + interval 6 day) > timestamptz '{since}'
        """,
    ),
)  # fmt: skip
"""Every stream of the large company, in the order it lands."""
