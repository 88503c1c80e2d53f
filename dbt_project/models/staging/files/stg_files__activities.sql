with

standing as (

    {{ file_rows(
        'activities',
        ['activity_id'],
        day=report_date('occurred_at'),
        version_column='updated_at'
    ) }}

)

select
    -- ids
    activity_id,
    owner_id,
    lead_id,
    account_id,
    opportunity_id,

    -- strings
    activity_type,
    direction,
    outcome,
    status,

    -- numerics
    duration_seconds,

    -- booleans
    is_deleted,

    -- timestamps
    occurred_at,
    due_at,
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

from standing
