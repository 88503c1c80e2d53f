with

live as (

    {{ live_rows('hubspot', 'deals') }}

)

select
    -- ids
    deal_id as opportunity_id,
    company_id as account_id,
    contact_id as lead_id,
    owner_id,
    created_by_id,
    campaign_id,
    product_id,
    merged_object_ids,

    -- strings
    stage_id as stage,
    pipeline_id as pipeline,
    deal_type,
    upper(currency) as currency,
    coalesce(closed_lost_reason, closed_won_reason) as close_reason,
    competitor,
    contact_method,

    -- numerics
    amount,
    term_months,

    -- booleans
    coalesce(is_deleted, false) as is_deleted,

    -- dates
    min(_load_date) over (
        partition by source_name, source_account, deal_id
    ) as first_load_date,

    -- timestamps
    created_at,
    close_at,
    next_activity_at as next_step_at,
    updated_at,
    deleted_at,

    -- load
    source_name,
    source_account,
    legal_entity,
    _source_ref,
    _batch_id,
    _load_date,
    _extracted_at,
    _row_hash

from live
{{ latest_version(['deal_id'], 'updated_at') }}
