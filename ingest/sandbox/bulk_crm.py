"""What HubSpot says of the large company: people, records, histories, calls.

Belongs here: its queries by contract column. Stays out: the life they tell of
(`ingest.sandbox.bulk_lives`), other sources (`ingest.sandbox.bulk_rows`).
"""

from __future__ import annotations

from typing import Final

from ingest.sandbox.bulk_entity import BulkEntity

CRM_ENTITIES: Final = (
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
)  # fmt: skip
"""Streams of the CRM, in the order they land."""
