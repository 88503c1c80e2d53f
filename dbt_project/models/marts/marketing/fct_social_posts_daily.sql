with

post_days as (

    select * from {{ ref('stg_files__social_posts_daily') }}
    where date <= {{ as_of_date() }}

),

-- What counts as an engagement on which platform; those not listed count everything.
engagement_map as (

    select * from {{ ref('engagement_map') }}

),

post_days_named as (

    select
        *,
        lower(platform) as platform_name

    from post_days

)

select
    post_days_named.source_name || '|' || post_days_named.platform_name
    || '|' || post_days_named.post_id
    || '|' || strftime(post_days_named.date, '%Y-%m-%d') as social_post_day_id,
    post_days_named.source_name,
    post_days_named.legal_entity,
    post_days_named.platform_name as platform,
    {{ record_key('post_days_named.post_id', 'post_days_named.platform_name') }} as post_id,
    post_days_named.date as report_date,
    post_days_named.reach as reach_count,
    post_days_named.impressions as impression_count,
    post_days_named.reactions as reaction_count,
    post_days_named.comments as comment_count,
    post_days_named.shares as share_count,
    post_days_named.saves as save_count,
    post_days_named.clicks as click_count,
    post_days_named.followers as follower_count,
    -- What a platform does not report is not there to be counted; a row that reports none of
    -- what counts says nothing.
    list_sum([
        {%- for interaction in ['reactions', 'comments', 'shares', 'saves', 'clicks'] %}
            case
                when coalesce(engagement_map.counts_{{ interaction }}, true)
                    then post_days_named.{{ interaction }}
            end{{ ',' if not loop.last }}
        {%- endfor %}
    ])::bigint as engagement_count,
    '{{ var("build_id") }}' as build_id

from post_days_named
left join engagement_map
    on post_days_named.platform_name = engagement_map.platform
