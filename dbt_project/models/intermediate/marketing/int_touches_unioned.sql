with

file_touches as (

    select * from {{ ref('stg_files__touches') }}

),

lead_records as (

    select * from {{ ref('int_leads_unioned') }}

),

identified as (

    select * from {{ ref('int_leads_identified') }}

),

leads as (

    select * from {{ ref('int_leads_resolved') }}

),

leads_attributed as (

    select * from {{ ref('int_leads_attributed') }}

),

merged_records as (

    select * from {{ ref('int_record_merges_resolved') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

campaign_words as (

    select * from {{ ref('int_campaign_words_found') }}

),

source_map as (

    select * from {{ ref('lead_source_map') }}

),

touches as (

    select
        {{ record_key('file_touches.touch_id', 'file_touches.source_name') }} as touch_id,
        file_touches.source_name,
        file_touches.occurred_at,
        file_touches.person_key,
        file_touches.lead_id as source_lead_id,
        file_touches.account_id as source_account_id,
        lower(trim(file_touches.campaign_id)) as campaign_word,
        source_map.platform as word_platform,
        source_map.channel,
        source_map.lead_source_group,
        source_map.is_paid,
        source_map.is_marketing

    from file_touches
    left join source_map
        on lower(trim(file_touches.channel)) = source_map.source
    where
        file_touches.occurred_at < {{ as_of_end() }}
        and (
            '{{ policy("attribution_view_through") }}' = 'include'
            or not coalesce(file_touches.is_view_through, false)
        )

),

-- Ids a file may call a person by: of records, and of those merged away, which no source may
-- deliver any more.
lead_names as (

    select
        lead_records.source_name,
        lead_records.source_record_id,
        leads.lead_id

    from lead_records
    inner join identified
        on lead_records.lead_id = identified.lead_id
    inner join leads
        on identified.person_key = leads.person_key
    union
    select
        merged_records.source_name,
        merged_records.loser_id as source_record_id,
        leads.lead_id

    from merged_records
    inner join identified
        on
            merged_records.object_type = 'lead'
            and {{ record_key('merged_records.survivor_id', 'merged_records.source_name') }}
            = identified.lead_id
    inner join leads
        on identified.person_key = leads.person_key

),

-- Where two sources know the id, that of the file's own source is meant.
lead_candidates as (

    select
        touches.touch_id,
        lead_names.lead_id,
        touches.source_name = lead_names.source_name as is_own_source

    from touches
    inner join lead_names
        on touches.source_lead_id = lead_names.source_record_id
    qualify is_own_source = bool_or(is_own_source) over (partition by touches.touch_id)

),

leads_named as (

    select
        touch_id,
        min(lead_id) as lead_id

    from lead_candidates
    group by 1
    having count(distinct lead_id) = 1

),

-- Visits before the form carry the person's key alone; the form's touch says whose it is.
people_keyed as (

    select
        touches.source_name,
        touches.person_key,
        min(leads_named.lead_id) as lead_id

    from touches
    inner join leads_named
        on touches.touch_id = leads_named.touch_id
    where touches.person_key is not null
    group by 1, 2
    having count(distinct leads_named.lead_id) = 1

),

account_names as (

    select
        source_name,
        source_record_id,
        surviving_account_id as account_id

    from accounts
    union
    select
        source_name,
        loser_id as source_record_id,
        {{ record_key('survivor_id', 'source_name') }} as account_id

    from merged_records
    where object_type = 'account'

),

account_candidates as (

    select
        touches.touch_id,
        account_names.account_id,
        touches.source_name = account_names.source_name as is_own_source

    from touches
    inner join account_names
        on touches.source_account_id = account_names.source_record_id
    qualify is_own_source = bool_or(is_own_source) over (partition by touches.touch_id)

),

accounts_named as (

    select
        touch_id,
        min(account_id) as account_id

    from account_candidates
    group by 1
    having count(distinct account_id) = 1

),

campaign_candidates as (

    select
        touches.touch_id,
        campaign_words.campaign_id,
        campaign_words.platform,
        campaign_words.rule_order

    from touches
    inner join campaign_words
        on touches.campaign_word = campaign_words.word
    where coalesce(touches.word_platform, campaign_words.platform) = campaign_words.platform
    qualify
        campaign_words.rule_order
        = min(campaign_words.rule_order) over (partition by touches.touch_id)

),

-- Where the word names no platform, an id two platforms use names neither.
campaigns_named as (

    select
        touch_id,
        min(campaign_id) as campaign_id,
        min(platform) as platform

    from campaign_candidates
    group by 1
    having count(*) = 1

),

recorded_touches as (

    select
        touches.touch_id,
        'recorded' as touch_source,
        touches.occurred_at,
        coalesce(leads_named.lead_id, people_keyed.lead_id) as lead_id,
        accounts_named.account_id,
        campaigns_named.campaign_id,
        coalesce(campaigns_named.platform, touches.word_platform) as platform,
        -- A word that says paid, or nothing, takes the channel of its campaign.
        case
            when coalesce(touches.is_paid, true)
                then coalesce(campaigns.channel, touches.channel)
            else touches.channel
        end as channel,
        touches.lead_source_group,
        coalesce(touches.is_paid, campaigns_named.campaign_id is not null) as is_paid,
        coalesce(touches.is_marketing, campaigns_named.campaign_id is not null)
            as is_marketing

    from touches
    left join leads_named
        on touches.touch_id = leads_named.touch_id
    left join people_keyed
        on
            touches.source_name = people_keyed.source_name
            and touches.person_key = people_keyed.person_key
    left join accounts_named
        on touches.touch_id = accounts_named.touch_id
    left join campaigns_named
        on touches.touch_id = campaigns_named.touch_id
    left join campaigns
        on campaigns_named.campaign_id = campaigns.campaign_id

),

first_recorded as (

    select
        lead_id,
        min(occurred_at) as first_touch_at

    from recorded_touches
    where lead_id is not null
    group by 1

),

crm_touches as (

    select
        'crm:' || leads.lead_id as touch_id,
        'crm' as touch_source,
        leads.created_at as occurred_at,
        leads.lead_id,
        cast(null as varchar) as account_id,
        leads_attributed.campaign_id,
        coalesce(leads_attributed.platform, source_map.platform) as platform,
        coalesce(campaigns.channel, source_map.channel) as channel,
        leads.lead_source_group,
        leads_attributed.is_paid,
        leads_attributed.is_paid or coalesce(source_map.is_marketing, false)
            as is_marketing

    from leads
    inner join leads_attributed
        on leads.lead_id = leads_attributed.lead_id
    left join campaigns
        on leads_attributed.campaign_id = campaigns.campaign_id
    left join source_map
        on lower(leads.source) = source_map.source
    left join first_recorded
        on leads.lead_id = first_recorded.lead_id
    where
        leads.created_at is not null
        and (leads.source is not null or leads_attributed.is_paid)
        and coalesce(first_recorded.first_touch_at > leads.created_at, true)

),

stacked as (

    select * from recorded_touches
    union all
    select * from crm_touches

)

select
    touch_id,
    touch_source,
    occurred_at,
    {{ report_date('occurred_at') }} as touch_date,
    lead_id,
    account_id,
    coalesce(campaign_id, '(unknown)') as campaign_id,
    coalesce(platform, '(unknown)') as platform,
    coalesce(channel, '(unknown)') as channel,
    coalesce(lead_source_group, '(unknown)') as lead_source_group,
    is_paid,
    is_marketing

from stacked
