with

live as (

    {{ live_rows('hubspot', 'deal_stages') }}

)

select
    -- ids
    pipeline_id as pipeline,
    stage_id as stage,

    -- strings
    pipeline_label,
    stage_label,

    -- numerics
    display_order,
    probability,

    -- booleans
    coalesce(is_closed, false) as is_closed,

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
{{ latest_version(['pipeline_id', 'stage_id']) }}
