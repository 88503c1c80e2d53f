with

email_days as (

    select * from {{ ref('stg_files__email_campaign_daily') }}
    where date <= {{ as_of_date() }}

)

select
    source_name || '|' || campaign_id || '|' || strftime(date, '%Y-%m-%d')
        as email_campaign_day_id,
    source_name,
    legal_entity,
    {{ record_key('campaign_id', "'email'") }} as campaign_id,
    date as report_date,
    sent as sent_count,
    bounced as bounced_count,
    dropped as dropped_count,
    -- A tool that knows no drops reports none; one that does not say what bounced does not
    -- say what arrived.
    coalesce(delivered, sent - bounced - coalesce(dropped, 0)) as delivered_count,
    unique_opens as open_count,
    unique_opens_filtered as filtered_open_count,
    unique_clicks as click_count,
    conversions as conversion_count,
    unsubscribes as unsubscribe_count,
    '{{ var("build_id") }}' as build_id

from email_days
