with

session_days as (

    select
        *,
        coalesce(nullif(lower(medium), ''), '(none)') as medium_name,
        lower(campaign) as campaign_name,
        -- A page is its path: queries, fragments and a slash at the end make no other page.
        lower(
            coalesce(
                nullif(
                    rtrim(regexp_replace(landing_page, '[?#].*$', ''), '/'), ''
                ),
                '/'
            )
        ) as page_path

    from {{ ref('stg_files__web_sessions_daily') }}
    where date <= {{ as_of_date() }}

),

content_map as (

    select * from {{ ref('content_map') }}

),

channel_map as (

    select * from {{ ref('channel_map') }}
    where platform = 'web'

),

pages as (

    select distinct
        page_path,
        campaign_name

    from session_days

),

-- The first rule that fits names the content; a rule without a name means the page itself.
pages_mapped as (

    select
        pages.page_path,
        pages.campaign_name,
        coalesce(content_map.content_piece, pages.page_path) as content_piece

    from pages
    inner join content_map
        on
            case content_map.match_on
                when 'landing_page' then pages.page_path
                when 'campaign' then pages.campaign_name
            end like content_map.pattern
    qualify row_number() over (
        partition by pages.page_path, pages.campaign_name
        order by content_map.rule_order
    ) = 1

)

select
    {{ surrogate_key([
        'session_days.source_name',
        'session_days.property_id',
        'session_days.date',
        'session_days.source',
        'session_days.medium',
        'session_days.campaign',
        'session_days.landing_page',
    ]) }} as web_session_day_id,
    session_days.source_name,
    session_days.legal_entity,
    session_days.property_id,
    session_days.date as report_date,
    session_days.source,
    session_days.medium,
    session_days.campaign,
    session_days.landing_page,
    session_days.content_group,
    coalesce(channel_map.channel, '(unknown)') as channel,
    coalesce(pages_mapped.content_piece, '(none)') as content_piece,
    session_days.sessions as session_count,
    session_days.users as user_count,
    session_days.key_events as key_event_count,
    session_days.key_event_sessions as key_event_session_count,
    '{{ var("build_id") }}' as build_id

from session_days
left join pages_mapped
    on
        session_days.page_path = pages_mapped.page_path
        and session_days.campaign_name = pages_mapped.campaign_name
left join channel_map
    on session_days.medium_name = channel_map.raw_channel
