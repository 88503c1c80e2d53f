with

standing as (

    {{ file_rows('working_calendar', ['calendar_id', 'date'], day='date') }}

)

select
    -- ids
    calendar_id,
    user_id,

    -- strings
    holiday_name,

    -- booleans
    is_working,

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
