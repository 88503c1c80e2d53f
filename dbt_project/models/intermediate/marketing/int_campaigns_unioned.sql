with

google_campaigns as (

    select * from {{ ref('stg_google_ads__campaigns') }}

),

meta_campaigns as (

    select * from {{ ref('stg_meta_ads__campaigns') }}

),

file_campaigns as (

    select * from {{ ref('stg_files__campaigns') }}

),

channel_map as (

    select * from {{ ref('channel_map') }}

),

campaigns as (

    select
        source_name,
        legal_entity,
        'google' as platform,
        campaign_id,
        campaign_name,
        lower(channel_type) as raw_channel,
        cast(null as varchar) as channel,
        cast(null as varchar) as objective,
        lower(status) as status,
        utm_campaign,
        cast(null as varchar) as product_id,
        started_on,
        ended_on,
        _load_date

    from google_campaigns
    union all
    select
        source_name,
        legal_entity,
        'meta' as platform,
        campaign_id,
        campaign_name,
        cast(null as varchar) as raw_channel,
        cast(null as varchar) as channel,
        lower(objective) as objective,
        lower(status) as status,
        utm_campaign,
        cast(null as varchar) as product_id,
        started_on,
        ended_on,
        _load_date

    from meta_campaigns
    union all
    select
        source_name,
        legal_entity,
        lower(platform) as platform,
        campaign_id,
        campaign_name,
        cast(null as varchar) as raw_channel,
        lower(nullif(trim(channel), '')) as channel,
        lower(objective) as objective,
        lower(status) as status,
        utm_campaign,
        product_id,
        started_on,
        ended_on,
        _load_date

    from file_campaigns

)

select
    {{ record_key('campaigns.campaign_id', 'campaigns.platform') }} as campaign_id,
    campaigns.campaign_id as source_record_id,
    campaigns.source_name,
    campaigns.legal_entity,
    campaigns.platform,
    campaigns.campaign_name,
    coalesce(
        campaigns.channel, mapped_by_type.channel, mapped_by_platform.channel, '(unknown)'
    ) as channel,
    campaigns.objective,
    campaigns.status,
    lower(nullif(trim(campaigns.utm_campaign), '')) as utm_campaign,
    campaigns.product_id,
    campaigns.started_on,
    campaigns.ended_on

from campaigns
left join channel_map as mapped_by_type
    on
        campaigns.platform = mapped_by_type.platform
        and campaigns.raw_channel = mapped_by_type.raw_channel
left join channel_map as mapped_by_platform
    on
        campaigns.platform = mapped_by_platform.platform
        and mapped_by_platform.raw_channel is null
-- The same campaign exported by two sources is one campaign: the platform's id is global.
qualify row_number() over (
    partition by campaigns.platform, campaigns.campaign_id
    order by campaigns._load_date desc, campaigns.source_name asc
) = 1
