with

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where not is_merged_away

),

buyers as (

    select * from {{ ref('int_opportunity_buyers_identified') }}

),

first_purchases as (

    select * from {{ ref('int_buyers_first_bought') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

leads as (

    select * from {{ ref('int_leads_resolved') }}

),

leads_attributed as (

    select * from {{ ref('int_leads_attributed') }}

),

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

-- Campaign ids a deal itself names; an id two platforms use names neither.
campaigns_named as (

    select
        source_record_id,
        min(campaign_id) as campaign_id

    from campaigns
    group by 1
    having count(*) = 1

),

opportunity_campaigns as (

    select
        buyers.opportunity_id,
        -- A campaign named on the deal itself beats the one its lead came by.
        coalesce(campaigns_named.campaign_id, leads_attributed.campaign_id) as campaign_id,
        case
            when campaigns_named.campaign_id is null then leads_attributed.platform
        end as lead_platform,
        coalesce(leads_attributed.is_paid, false)
        or campaigns_named.campaign_id is not null as is_paid

    from buyers
    inner join opportunities
        on buyers.opportunity_id = opportunities.opportunity_id
    left join leads_attributed
        on buyers.lead_id = leads_attributed.lead_id
    left join campaigns_named
        on opportunities.source_campaign_id = campaigns_named.source_record_id

)

select
    opportunities.opportunity_id,
    buyers.lead_id,
    coalesce(leads.lead_source_group, '(unknown)') as lead_source_group,
    coalesce(opportunity_campaigns.campaign_id, '(unknown)') as campaign_id,
    coalesce(campaigns.platform, opportunity_campaigns.lead_platform, '(unknown)')
        as platform,
    opportunity_campaigns.is_paid,
    coalesce(campaigns.channel, '(unknown)') as channel,
    coalesce(opportunities.product_id, '(unknown)') as product_id,
    coalesce(accounts.segment, '(unknown)') as segment,
    -- At creation; a close is judged at its own instant (fct_opportunity_closes).
    {{ customer_type(
        'buyers.buyer_id', 'first_purchases.first_bought_at', 'opportunities.created_at'
    ) }} as customer_type

from opportunities
inner join buyers
    on opportunities.opportunity_id = buyers.opportunity_id
inner join opportunity_campaigns
    on opportunities.opportunity_id = opportunity_campaigns.opportunity_id
left join first_purchases
    on buyers.buyer_id = first_purchases.buyer_id
left join leads
    on buyers.lead_id = leads.lead_id
left join campaigns
    on opportunity_campaigns.campaign_id = campaigns.campaign_id
left join accounts
    on opportunities.account_id = accounts.account_id
