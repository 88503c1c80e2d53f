with

leads as (

    select * from {{ ref('int_leads_resolved') }}

),

campaign_words as (

    select * from {{ ref('int_campaign_words_found') }}

),

-- The platform a lead came from, where its click id or tag says so: ids and names of
-- campaigns are only compared inside it.
leads_tagged as (

    select
        lead_id,
        source_campaign_id,
        utm_campaign,
        lower(source_detail) as detail_name,
        click_id,
        is_paid_source,
        coalesce(
            click_platform,
            case
                when utm_source in ('google', 'adwords', 'google ads') then 'google'
                when utm_source in ('facebook', 'instagram', 'fb', 'ig', 'meta') then 'meta'
                when utm_source in ('linkedin', 'tiktok', 'microsoft') then utm_source
                when utm_source = 'bing' then 'microsoft'
            end
        ) as platform,
        coalesce(
            utm_medium in (
                'cpc', 'ppc', 'paid', 'paid_social', 'paidsocial', 'paid-social', 'cpm',
                'display'
            ),
            false
        ) as has_paid_medium

    from leads

),

lead_words as (

    select
        lead_id,
        platform,
        lower(source_campaign_id) as word,
        1 as word_order

    from leads_tagged
    where source_campaign_id is not null
    union all
    select
        lead_id,
        platform,
        utm_campaign as word,
        2 as word_order

    from leads_tagged
    where utm_campaign is not null
    union all
    select
        lead_id,
        platform,
        detail_name as word,
        3 as word_order

    from leads_tagged
    where detail_name is not null and (is_paid_source or has_paid_medium)

),

campaign_matches as (

    select
        lead_words.lead_id,
        campaign_words.campaign_id,
        campaign_words.platform,
        case lead_words.word_order
            when 1 then 'campaign_id'
            when 2 then 'utm_campaign'
            else 'campaign_name'
        end as match_rule

    from lead_words
    inner join campaign_words
        on
            lead_words.word = campaign_words.word
            and coalesce(lead_words.platform, campaign_words.platform) = campaign_words.platform
    qualify row_number() over (
        partition by lead_words.lead_id
        order by
            lead_words.word_order,
            campaign_words.rule_order,
            campaign_words.platform
    ) = 1

)

select
    leads_tagged.lead_id,
    campaign_matches.campaign_id,
    coalesce(campaign_matches.platform, leads_tagged.platform) as platform,
    case
        when campaign_matches.match_rule is not null then campaign_matches.match_rule
        when leads_tagged.click_id is not null then 'click_id'
        when leads_tagged.has_paid_medium then 'utm_medium'
        when leads_tagged.is_paid_source then 'source'
        else 'none'
    end as match_rule,
    -- Paid: a click id, a campaign of an ad platform, or a tag or source that says so.
    campaign_matches.campaign_id is not null
    or leads_tagged.click_id is not null
    or leads_tagged.has_paid_medium
    or leads_tagged.is_paid_source as is_paid

from leads_tagged
left join campaign_matches
    on leads_tagged.lead_id = campaign_matches.lead_id
