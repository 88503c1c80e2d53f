with

standing as (

    {{ file_rows('campaigns', ['platform', 'campaign_id']) }}

)

select
    -- ids
    campaign_id,
    product_id,

    -- strings
    platform,
    campaign_name,
    channel,
    objective,
    status,
    utm_campaign,

    -- dates
    started_on,
    ended_on,

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
