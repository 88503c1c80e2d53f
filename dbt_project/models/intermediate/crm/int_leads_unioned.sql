with

contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}

),

file_leads as (

    select * from {{ ref('stg_files__leads') }}

),

merged_records as (

    select * from {{ ref('int_record_merges_resolved') }}
    where object_type = 'lead'

),

leads as (

    select
        source_name,
        source_account,
        legal_entity,
        lead_id,
        created_at,
        source,
        source_detail,
        cast(null as varchar) as campaign_id,
        click_id,
        click_platform,
        utm_source,
        utm_medium,
        utm_campaign,
        owner_id,
        created_by_id,
        email,
        phone,
        account_id,
        status,
        mql_at,
        sql_at,
        converted_at,
        cast(null as varchar) as opportunity_id,
        coalesce(is_bulk_import, false) as is_bulk_import,
        is_deleted,
        deleted_at

    from contacts
    union all
    select
        source_name,
        source_account,
        legal_entity,
        lead_id,
        created_at,
        source,
        source_detail,
        campaign_id,
        click_id,
        cast(null as varchar) as click_platform,
        utm_source,
        utm_medium,
        utm_campaign,
        owner_id,
        created_by_id,
        email,
        phone,
        account_id,
        status,
        mql_at,
        sql_at,
        converted_at,
        opportunity_id,
        cast(null as boolean) as is_bulk_import,
        coalesce(is_deleted, false) as is_deleted,
        deleted_at

    from file_leads

)

select
    {{ record_key('leads.lead_id', 'leads.source_name') }} as lead_id,
    {{ record_key('coalesce(merged_records.survivor_id, leads.lead_id)', 'leads.source_name') }}
        as surviving_lead_id,
    leads.lead_id as source_record_id,
    leads.source_name,
    leads.source_account,
    leads.legal_entity,
    merged_records.survivor_id is not null as is_merged_away,
    leads.created_at,
    nullif(trim(leads.source), '') as source,
    nullif(trim(leads.source_detail), '') as source_detail,
    leads.campaign_id as source_campaign_id,
    leads.click_id,
    leads.click_platform,
    lower(nullif(trim(leads.utm_source), '')) as utm_source,
    lower(nullif(trim(leads.utm_medium), '')) as utm_medium,
    lower(nullif(trim(leads.utm_campaign), '')) as utm_campaign,
    leads.owner_id as source_owner_id,
    leads.created_by_id as source_creator_id,
    leads.email,
    leads.phone,
    {{ record_key('leads.account_id', 'leads.source_name') }} as account_id,
    leads.status,
    leads.mql_at,
    leads.sql_at,
    leads.converted_at,
    {{ record_key('leads.opportunity_id', 'leads.source_name') }} as opportunity_id,
    leads.is_bulk_import,
    leads.is_deleted and coalesce(leads.deleted_at < {{ as_of_end() }}, true) as is_deleted,
    leads.deleted_at

from leads
{{ anti_join_test_records('leads', 'leads', 'lead_id') }}
left join merged_records
    on
        leads.source_name = merged_records.source_name
        and leads.lead_id = merged_records.loser_id
-- A record born after the as-of day is not known yet; one without a date is.
where coalesce(leads.created_at < {{ as_of_end() }}, true)
