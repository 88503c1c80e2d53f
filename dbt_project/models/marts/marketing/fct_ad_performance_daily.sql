with

ad_days as (

    select * from {{ ref('int_ad_performance_unioned') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

)

select
    ad_days.source_name || '|' || ad_days.ad_account_id || '|' || ad_days.campaign_id
    || '|' || ad_days.currency || '|' || strftime(ad_days.report_date, '%Y-%m-%d')
        as ad_performance_id,
    ad_days.source_name,
    ad_days.legal_entity,
    ad_days.platform,
    ad_days.ad_account_id,
    ad_days.campaign_id,
    campaigns.channel,
    coalesce(campaigns.product_id, '(unknown)') as product_id,
    ad_days.report_date,
    ad_days.source_timezone,
    ad_days.currency,
    ad_days.spend_amount,
    ad_days.impression_count,
    ad_days.click_count,
    ad_days.conversion_count,
    ad_days.conversion_value_amount,
    ad_days.reported_lead_count,
    '{{ var("build_id") }}' as build_id

from ad_days
left join campaigns
    on ad_days.campaign_id = campaigns.campaign_id
