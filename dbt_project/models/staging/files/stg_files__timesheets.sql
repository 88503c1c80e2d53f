with

standing as (

    {{ file_rows('timesheets', ['user_id', 'date', 'activity_type'], day='date') }}

)

select
    -- ids
    user_id,

    -- strings
    lower(trim(activity_type)) as activity_type,
    currency,

    -- numerics
    hours,
    hourly_cost as hourly_cost_amount,

    -- dates
    date as date_day,

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
