with

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where not is_merged_away

),

lead_records as (

    select * from {{ ref('int_leads_identified') }}

),

leads as (

    select * from {{ ref('int_leads_resolved') }}

)

select
    opportunities.opportunity_id,
    leads.lead_id,
    -- Who buys: the account, or the person where the deal has no account.
    coalesce(opportunities.account_id, 'lead:' || leads.lead_id) as buyer_id

from opportunities
left join lead_records
    on opportunities.lead_id = lead_records.lead_id
-- The lead behind a deal is the person, whichever of their records the deal hangs on.
left join leads
    on lead_records.person_key = leads.person_key
