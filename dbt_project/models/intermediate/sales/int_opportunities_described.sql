with

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where not is_merged_away

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

lead_records as (

    select * from {{ ref('int_leads_identified') }}

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

closes as (

    select * from {{ ref('int_opportunities_closed') }}

),

-- The lead behind a deal is the person, whichever of their records the deal hangs on.
opportunity_leads as (

    select
        opportunities.opportunity_id,
        leads.lead_id,
        leads.lead_source_group,
        coalesce(own_campaigns.campaign_id, leads_attributed.campaign_id) as campaign_id,
        coalesce(own_campaigns.platform, leads_attributed.platform) as platform

    from opportunities
    left join lead_records
        on opportunities.lead_id = lead_records.lead_id
    left join leads
        on lead_records.person_key = leads.person_key
    left join leads_attributed
        on leads.lead_id = leads_attributed.lead_id
    -- A campaign named on the deal itself beats the one its lead came by.
    left join campaigns as own_campaigns
        on opportunities.source_campaign_id = own_campaigns.source_record_id
    qualify row_number() over (
        partition by opportunities.opportunity_id
        order by own_campaigns.campaign_id
    ) = 1

),

-- Who buys: the account, or the person where the deal has no account.
buyers as (

    select
        opportunities.opportunity_id,
        opportunities.created_at,
        coalesce(opportunities.account_id, 'lead:' || opportunity_leads.lead_id) as buyer_id

    from opportunities
    inner join opportunity_leads
        on opportunities.opportunity_id = opportunity_leads.opportunity_id

),

first_wins as (

    select
        buyers.buyer_id,
        min(closes.closed_at) as first_won_at

    from closes
    inner join buyers
        on closes.opportunity_id = buyers.opportunity_id
    where closes.status = 'won' and buyers.buyer_id is not null
    group by 1

)

select
    opportunities.opportunity_id,
    opportunity_leads.lead_id,
    coalesce(opportunity_leads.lead_source_group, '(unknown)') as lead_source_group,
    coalesce(opportunity_leads.campaign_id, '(unknown)') as campaign_id,
    coalesce(opportunity_leads.platform, '(unknown)') as platform,
    coalesce(campaigns.channel, '(unknown)') as channel,
    coalesce(opportunities.product_id, '(unknown)') as product_id,
    coalesce(accounts.segment, '(unknown)') as segment,
    -- Existing = something was won from the same buyer strictly before this was created.
    case
        when buyers.buyer_id is null then '(unknown)'
        when first_wins.first_won_at < buyers.created_at then 'existing'
        else 'new'
    end as customer_type

from opportunities
inner join opportunity_leads
    on opportunities.opportunity_id = opportunity_leads.opportunity_id
inner join buyers
    on opportunities.opportunity_id = buyers.opportunity_id
left join first_wins
    on buyers.buyer_id = first_wins.buyer_id
left join campaigns
    on opportunity_leads.campaign_id = campaigns.campaign_id
left join accounts
    on opportunities.account_id = accounts.account_id
