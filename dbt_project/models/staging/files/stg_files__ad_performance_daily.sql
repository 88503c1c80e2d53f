with

standing as (

    {{ file_rows(
        'ad_performance_daily',
        ['platform', 'ad_account_id', 'campaign_id', 'ad_group_id', 'ad_id', 'date'],
        day='date'
    ) }}

)

select
    -- ids
    ad_account_id,
    campaign_id,
    ad_group_id,
    ad_id,

    -- strings
    platform,
    currency,
    source_timezone,

    -- numerics
    spend,
    impressions,
    clicks,
    conversions,
    conversion_value,
    reported_leads,

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
