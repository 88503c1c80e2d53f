with

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

ad_days as (

    select * from {{ ref('int_ad_performance_unioned') }}

),

channel_map as (

    select * from {{ ref('channel_map') }}
    where raw_channel is null

),

-- Spend can name a campaign whose own record never came; it keeps its spend and its id.
unlisted_campaigns as (

    select distinct
        ad_days.campaign_id,
        ad_days.platform,
        coalesce(channel_map.channel, '(unknown)') as channel

    from ad_days
    anti join campaigns
        on ad_days.campaign_id = campaigns.campaign_id
    left join channel_map
        on ad_days.platform = channel_map.platform
    where ad_days.campaign_id <> '(unknown)'

)

select
    campaign_id,
    platform,
    source_name,
    source_record_id,
    legal_entity,
    campaign_name,
    channel,
    objective,
    status,
    utm_campaign,
    product_id,
    started_on,
    ended_on

from campaigns
union all
select
    campaign_id,
    platform,
    null as source_name,
    substr(campaign_id, length(platform) + 2) as source_record_id,
    null as legal_entity,
    substr(campaign_id, length(platform) + 2) as campaign_name,
    channel,
    null as objective,
    null as status,
    null as utm_campaign,
    null as product_id,
    null as started_on,
    null as ended_on

from unlisted_campaigns
union all
select
    '(unknown)' as campaign_id,
    '(unknown)' as platform,
    null as source_name,
    null as source_record_id,
    null as legal_entity,
    '(unknown)' as campaign_name,
    '(unknown)' as channel,
    null as objective,
    null as status,
    null as utm_campaign,
    null as product_id,
    null as started_on,
    null as ended_on
