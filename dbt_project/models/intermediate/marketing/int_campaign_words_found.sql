with

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

-- Words a campaign answers to, strongest first.
campaign_words as (

    select
        platform,
        campaign_id,
        lower(source_record_id) as word,
        1 as rule_order

    from campaigns
    union all
    select
        platform,
        campaign_id,
        utm_campaign as word,
        2 as rule_order

    from campaigns
    where utm_campaign is not null
    union all
    select
        platform,
        campaign_id,
        lower(campaign_name) as word,
        3 as rule_order

    from campaigns
    where campaign_name is not null

)

-- A word two campaigns of a platform share (copied names) names neither.
select
    platform,
    word,
    rule_order,
    min(campaign_id) as campaign_id

from campaign_words
group by 1, 2, 3
having count(distinct campaign_id) = 1
