{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_restated_days('google_ads', 'campaign_performance_daily') }}",
    post_hook="{{ remember_batches('google_ads', 'campaign_performance_daily') }}",
) }}

with

standing as (

    {{ newest_covering_load('google_ads', 'campaign_performance_daily') }}

)

select
    -- ids
    source_account as ad_account_id,
    campaign_id,

    -- strings
    upper(currency) as currency,
    source_timezone,

    -- numerics
    cost_micros,
    impressions,
    clicks,
    conversions,
    conversion_value,

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
