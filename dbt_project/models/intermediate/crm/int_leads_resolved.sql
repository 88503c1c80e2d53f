with

leads as (

    select * from {{ ref('int_leads_unioned') }}

),

identified as (

    select * from {{ ref('int_leads_identified') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where not is_merged_away and not is_deleted

),

source_map as (

    select * from {{ ref('lead_source_map') }}

),

records as (

    select
        leads.*,
        identified.person_key,
        identified.identity_rule

    from leads
    inner join identified
        on leads.lead_id = identified.lead_id

),

-- What counts today: records neither merged into another nor deleted by the as-of day.
living_records as (

    select *
    from records
    where not is_merged_away and not is_deleted

),

-- The source recorded at creation is the source: that of the person's earliest record.
first_records as (

    select *
    from living_records
    qualify row_number() over (
        partition by person_key
        order by created_at nulls last, lead_id
    ) = 1

),

-- A person deleted and entered again, or merged, keeps the earliest date ever known.
person_dates as (

    select
        person_key,
        min(created_at) as created_at,
        count(*) as record_count

    from records
    group by 1

),

qualification_dates as (

    select
        person_key,
        min(mql_at) as mql_at,
        min(sql_at) as sql_at,
        min(converted_at) as converted_at

    from living_records
    group by 1

),

opportunity_links as (

    select
        opportunities.created_at,
        records.person_key

    from opportunities
    inner join records
        on opportunities.lead_id = records.lead_id
    union all
    select
        opportunities.created_at,
        records.person_key

    from opportunities
    inner join records
        on opportunities.opportunity_id = records.opportunity_id

),

first_opportunities as (

    select
        person_key,
        min(created_at) as first_opportunity_at

    from opportunity_links
    group by 1

)

select
    first_records.lead_id,
    first_records.person_key,
    first_records.identity_rule,
    person_dates.record_count,
    first_records.source_name,
    first_records.source_record_id,
    first_records.legal_entity,
    person_dates.created_at,
    first_records.source,
    first_records.source_detail,
    first_records.is_bulk_import,
    coalesce(source_map.lead_source_group, '(unknown)') as lead_source_group,
    coalesce(source_map.is_paid, false) as is_paid_source,
    first_records.source_campaign_id,
    first_records.click_id,
    first_records.click_platform,
    first_records.utm_source,
    first_records.utm_medium,
    first_records.utm_campaign,
    first_records.source_owner_id,
    first_records.source_creator_id,
    first_records.account_id,
    first_records.status,
    case when qualification_dates.mql_at < {{ as_of_end() }} then qualification_dates.mql_at end
        as mql_at,
    -- Accepted by sales, or tied to an opportunity, whichever came first.
    case
        when
            least(qualification_dates.sql_at, first_opportunities.first_opportunity_at)
            < {{ as_of_end() }}
            then least(qualification_dates.sql_at, first_opportunities.first_opportunity_at)
    end as sql_at,
    case
        when qualification_dates.converted_at < {{ as_of_end() }}
            then qualification_dates.converted_at
    end as converted_at

from first_records
inner join person_dates
    on first_records.person_key = person_dates.person_key
inner join qualification_dates
    on first_records.person_key = qualification_dates.person_key
left join first_opportunities
    on first_records.person_key = first_opportunities.person_key
left join source_map
    on lower(first_records.source) = source_map.source
