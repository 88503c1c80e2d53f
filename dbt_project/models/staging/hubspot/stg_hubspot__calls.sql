with

live as (

    {{ live_rows('hubspot', 'calls') }}

)

select
    -- ids
    call_id as activity_id,
    owner_id,
    contact_id as lead_id,
    company_id as account_id,
    deal_id as opportunity_id,
    disposition_id,

    -- strings
    coalesce(activity_type, 'call') as activity_type,
    lower(direction) as direction,
    status,

    -- numerics
    cast(duration_ms as decimal(28, 0)) * 0.001 as duration_seconds,

    -- booleans
    coalesce(is_deleted, false) as is_deleted,

    -- timestamps
    occurred_at,
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
{{ latest_version(['call_id'], 'updated_at') }}
