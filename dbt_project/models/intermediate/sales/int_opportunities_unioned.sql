with

deals as (

    select * from {{ ref('stg_hubspot__deals') }}

),

file_opportunities as (

    select * from {{ ref('stg_files__opportunities') }}
    where is_standing

),

stages as (

    select * from {{ ref('int_stages_mapped') }}

),

pipeline_map as (

    select * from {{ ref('pipeline_map') }}

),

sales_pipelines as (

    select
        source_name,
        pipeline,
        bool_and(is_sales_pipeline) as is_sales_pipeline

    from stages
    where pipeline is not null
    group by 1, 2

),

merged_records as (

    select * from {{ ref('int_record_merges_resolved') }}
    where object_type = 'opportunity'

),

account_merges as (

    select * from {{ ref('int_record_merges_resolved') }}
    where object_type = 'account'

),

hubspot_rows as (

    select
        deals.source_name,
        deals.source_account,
        deals.legal_entity,
        -- HubSpot logs every change of every field: no entry means never changed.
        true as is_change_logged,
        deals.opportunity_id,
        deals.account_id,
        deals.lead_id,
        deals.owner_id,
        deals.created_by_id,
        deals.campaign_id,
        deals.product_id,
        deals.pipeline,
        coalesce(sales_pipelines.is_sales_pipeline, true) as is_sales_pipeline,
        deals.stage,
        stages.status,
        case deals.deal_type
            when 'newbusiness' then 'new'
            when 'existingbusiness' then 'expansion'
            else deals.deal_type
        end as deal_type,
        deals.amount,
        deals.currency,
        cast(null as decimal(38, 6)) as probability,
        case when stages.status = 'open' then {{ report_date('deals.close_at') }} end
            as expected_close_date,
        case when stages.status in ('won', 'lost') then deals.close_at end as closed_at,
        deals.close_reason,
        deals.competitor,
        deals.contact_method,
        deals.term_months,
        deals.next_step_at,
        deals.created_at,
        deals.is_deleted,
        deals.deleted_at,
        -- Not needed: HubSpot dates every deal and logs every change.
        deals._load_date as first_load_date,
        deals._source_ref,
        deals._batch_id

    from deals
    left join stages
        on
            deals.source_name = stages.source_name
            and deals.stage = stages.stage
    left join sales_pipelines
        on
            deals.source_name = sales_pipelines.source_name
            and deals.pipeline = sales_pipelines.pipeline

),

file_rows as (

    select
        file_opportunities.source_name,
        file_opportunities.source_account,
        file_opportunities.legal_entity,
        false as is_change_logged,
        file_opportunities.opportunity_id,
        file_opportunities.account_id,
        file_opportunities.lead_id,
        file_opportunities.owner_id,
        file_opportunities.created_by_id,
        file_opportunities.campaign_id,
        file_opportunities.product_id,
        file_opportunities.pipeline,
        coalesce(pipeline_map.is_sales, true) as is_sales_pipeline,
        file_opportunities.stage,
        file_opportunities.status,
        file_opportunities.deal_type,
        file_opportunities.amount,
        file_opportunities.currency,
        file_opportunities.probability,
        file_opportunities.expected_close_date,
        case when file_opportunities.status in ('won', 'lost') then file_opportunities.closed_at
        end as closed_at,
        file_opportunities.close_reason,
        file_opportunities.competitor,
        file_opportunities.contact_method,
        file_opportunities.term_months,
        file_opportunities.next_step_at,
        file_opportunities.created_at,
        coalesce(file_opportunities.is_deleted, false) as is_deleted,
        file_opportunities.deleted_at,
        file_opportunities.first_load_date,
        file_opportunities._source_ref,
        file_opportunities._batch_id

    from file_opportunities
    left join pipeline_map
        on lower(file_opportunities.pipeline) = pipeline_map.pipeline

),

opportunities as (

    select * from hubspot_rows
    union all
    select * from file_rows

)

select
    {{ record_key('opportunities.opportunity_id', 'opportunities.source_name') }}
        as opportunity_id,
    {{ record_key(
        'coalesce(merged_records.survivor_id, opportunities.opportunity_id)',
        'opportunities.source_name'
    ) }} as surviving_opportunity_id,
    merged_records.survivor_id is not null as is_merged_away,
    opportunities.opportunity_id as source_record_id,
    opportunities.source_name,
    opportunities.source_account,
    opportunities.legal_entity,
    opportunities.is_change_logged,
    {{ record_key(
        'coalesce(account_merges.survivor_id, opportunities.account_id)',
        'opportunities.source_name'
    ) }} as account_id,
    {{ record_key('opportunities.lead_id', 'opportunities.source_name') }} as lead_id,
    opportunities.owner_id as source_owner_id,
    opportunities.created_by_id as source_creator_id,
    opportunities.campaign_id as source_campaign_id,
    nullif(trim(opportunities.product_id), '') as product_id,
    opportunities.pipeline,
    opportunities.is_sales_pipeline,
    opportunities.stage,
    opportunities.status,
    opportunities.deal_type,
    opportunities.amount,
    -- A portal with one currency does not name it on its deals.
    coalesce(opportunities.currency, '{{ var("reporting_currency") }}') as currency,
    opportunities.probability,
    opportunities.expected_close_date,
    opportunities.closed_at,
    nullif(trim(opportunities.close_reason), '') as close_reason,
    opportunities.competitor,
    opportunities.contact_method,
    opportunities.term_months,
    opportunities.next_step_at,
    opportunities.created_at,
    -- An open deal without a creation date is a deal: it exists from the day it was seen.
    coalesce(opportunities.created_at, {{ end_of_day('opportunities.first_load_date - 2') }})
        as known_from,
    -- What has no history is known from the first day it was seen, not before.
    greatest(
        opportunities.created_at,
        {{ end_of_day('opportunities.first_load_date - 2') }}
    ) as observed_from,
    opportunities.is_deleted
    and coalesce(opportunities.deleted_at < {{ as_of_end() }}, true) as is_deleted,
    opportunities.deleted_at,
    opportunities._source_ref,
    opportunities._batch_id

from opportunities
{{ anti_join_test_records('opportunities', 'opportunities', 'opportunity_id') }}
left join merged_records
    on
        opportunities.source_name = merged_records.source_name
        and opportunities.opportunity_id = merged_records.loser_id
left join account_merges
    on
        opportunities.source_name = account_merges.source_name
        and opportunities.account_id = account_merges.loser_id
-- A record born after the as-of day is not known yet; one without a date is.
where coalesce(opportunities.created_at < {{ as_of_end() }}, true)
