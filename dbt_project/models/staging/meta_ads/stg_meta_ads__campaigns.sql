with

live as (

    {{ live_rows('meta_ads', 'campaigns') }}

)

select
    -- ids
    campaign_id,

    -- strings
    campaign_name,
    status,
    objective,
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

from live
{{ latest_version(['campaign_id']) }}
