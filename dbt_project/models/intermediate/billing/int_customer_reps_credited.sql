with

subscriptions as (

    select * from {{ ref('int_subscriptions_unioned') }}

),

subscription_opportunities as (

    select * from {{ ref('int_subscription_opportunities_linked') }}

),

closed_opportunities as (

    select * from {{ ref('int_opportunities_closed') }}

),

-- The deal that won the customer is the first that sold it a subscription.
won_subscriptions as (

    select
        subscriptions.customer_id,
        closed_opportunities.opportunity_id,
        closed_opportunities.rep_id,
        closed_opportunities.closed_at,
        subscriptions.started_at,
        subscriptions.subscription_id

    from subscriptions
    inner join subscription_opportunities
        on subscriptions.subscription_id = subscription_opportunities.subscription_id
    inner join closed_opportunities
        on subscription_opportunities.opportunity_id = closed_opportunities.opportunity_id
    where closed_opportunities.status = 'won'
    qualify row_number() over (
        partition by subscriptions.customer_id
        order by
            closed_opportunities.closed_at,
            subscriptions.started_at,
            subscriptions.subscription_id
    ) = 1

)

select
    customer_id,
    opportunity_id as winning_opportunity_id,
    rep_id as closing_rep_id

from won_subscriptions
