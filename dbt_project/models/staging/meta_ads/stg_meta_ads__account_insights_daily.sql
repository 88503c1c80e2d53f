{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ forget_restated_days('meta_ads', 'account_insights_daily') }}",
    post_hook="{{ remember_batches('meta_ads', 'account_insights_daily') }}",
) }}

with

standing as (

    {{ newest_covering_load('meta_ads', 'account_insights_daily') }}

)

select
    -- ids
    account_id as ad_account_id,

    -- strings
    upper(currency) as currency,
    source_timezone,

    -- numerics
    spend,
    impressions,
    clicks,
    reported_leads,
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
