with

subscriptions as (

    select * from {{ ref('int_subscriptions_unioned') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

candidates as (

    select
        subscriptions.subscription_id,
        opportunities.surviving_opportunity_id as opportunity_id,
        case
            when opportunities.source_name = subscriptions.source_name then 1
            when opportunities.legal_entity = subscriptions.legal_entity then 2
            else 3
        end as match_order

    from subscriptions
    inner join opportunities
        on subscriptions.source_opportunity_id = opportunities.source_record_id

),

best_candidates as (

    select *
    from candidates
    qualify match_order = min(match_order) over (partition by subscription_id)

)

select
    subscription_id,
    min(opportunity_id) as opportunity_id

from best_candidates
group by 1
having count(distinct opportunity_id) = 1
