with

standing as (

    {{ file_rows(
        'email_campaign_daily',
        ['campaign_id', 'date'],
        day='date'
    ) }}

)

select
    -- ids
    campaign_id,

    -- numerics
    sent,
    bounced,
    dropped,
    delivered,
    unique_opens,
    unique_opens_filtered,
    unique_clicks,
    conversions,
    unsubscribes,

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
