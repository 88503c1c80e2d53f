with

google_days as (

    select * from {{ ref('stg_google_ads__campaign_performance_daily') }}

),

meta_days as (

    select * from {{ ref('stg_meta_ads__campaign_insights_daily') }}

),

file_days as (

    select * from {{ ref('stg_files__ad_performance_daily') }}

),

ad_days as (

    select
        source_name,
        source_account,
        legal_entity,
        'google' as platform,
        ad_account_id,
        campaign_id,
        date,
        -- Micros keep six places: dong and cents both come out exact.
        cast(cast(cost_micros as decimal(28, 0)) * 0.000001 as decimal(38, 6)) as spend_amount,
        currency,
        impressions,
        clicks,
        conversions,
        conversion_value,
        cast(null as bigint) as reported_lead_count,
        source_timezone

    from google_days
    union all
    select
        source_name,
        source_account,
        legal_entity,
        'meta' as platform,
        ad_account_id,
        campaign_id,
        date,
        cast(spend as decimal(38, 6)) as spend_amount,
        currency,
        impressions,
        clicks,
        cast(null as decimal(38, 6)) as conversions,
        conversion_value,
        reported_leads as reported_lead_count,
        source_timezone

    from meta_days
    union all
    select
        source_name,
        source_account,
        legal_entity,
        lower(platform) as platform,
        ad_account_id,
        campaign_id,
        date,
        cast(spend as decimal(38, 6)) as spend_amount,
        upper(currency) as currency,
        impressions,
        clicks,
        conversions,
        conversion_value,
        reported_leads as reported_lead_count,
        source_timezone

    from file_days

)

select
    source_name,
    source_account,
    legal_entity,
    platform,
    ad_account_id,
    -- '' stands for spend of the account that no campaign row carries.
    coalesce({{ record_key("nullif(campaign_id, '')", 'platform') }}, '(unknown)')
        as campaign_id,
    date as report_date,
    -- Spend in a currency nobody recorded is spend; it has no rate and converts to NULL.
    coalesce(currency, '(unknown)') as currency,
    sum(spend_amount) as spend_amount,
    cast(sum(impressions) as bigint) as impression_count,
    cast(sum(clicks) as bigint) as click_count,
    sum(conversions) as conversion_count,
    sum(conversion_value) as conversion_value_amount,
    cast(sum(reported_lead_count) as bigint) as reported_lead_count,
    min(source_timezone) as source_timezone

from ad_days
where date <= {{ as_of_date() }}
-- Totals are taken at campaign and day: files may come finer.
group by all
