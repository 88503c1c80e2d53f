with

standing as (

    {{ file_rows(
        'web_sessions_daily',
        ['property_id', 'date', 'source', 'medium', 'campaign', 'landing_page'],
        day='date'
    ) }}

)

select
    -- ids
    property_id,

    -- strings
    source,
    medium,
    campaign,
    landing_page,
    content_group,

    -- numerics
    sessions,
    users,
    key_events,
    key_event_sessions,

    -- dates
    date,

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
