with

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions_unioned') }}

),

item_versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

subscription_opportunities as (

    select * from {{ ref('int_subscription_opportunities_linked') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

closed_opportunities as (

    select * from {{ ref('int_opportunities_closed') }}

),

customer_accounts as (

    select * from {{ ref('int_customer_accounts_linked') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

),

-- The term a deal was signed for; an open-ended one is one billing period.
billing_periods as (

    select
        subscription_id,
        greatest(
            max(
                case billing_interval
                    when 'year' then 12 * interval_count
                    when 'month' then interval_count
                    else 1
                end
            ),
            1
        ) as period_months

    from item_versions
    group by 1

),

first_terms as (

    select
        subscriptions.subscription_id,
        subscription_opportunities.opportunity_id,
        closed_opportunities.rep_id,
        subscriptions.started_at
        + to_months(cast(
            coalesce(opportunities.term_months, billing_periods.period_months, 1)
            as integer
        )) as first_term_ends_at

    from subscriptions
    inner join subscription_opportunities
        on subscriptions.subscription_id = subscription_opportunities.subscription_id
    inner join opportunities
        on subscription_opportunities.opportunity_id = opportunities.opportunity_id
    inner join closed_opportunities
        on opportunities.opportunity_id = closed_opportunities.opportunity_id
    left join billing_periods
        on subscriptions.subscription_id = billing_periods.subscription_id
    where closed_opportunities.status = 'won'

),

account_owners as (

    select
        customer_accounts.customer_id,
        identities.user_id as owner_id,
        accounts.updated_at as owned_since

    from customer_accounts
    inner join accounts
        on customer_accounts.account_id = accounts.account_id
    inner join identities
        on
            accounts.source_name = identities.source_name
            and accounts.source_owner_id = identities.source_user_id

),

-- Today's account owner is the owner at the invoice only if the account has not changed
-- since; otherwise nobody knows, and the revenue is shown as unassigned.
events_credited as (

    select
        revenue_events.*,
        case
            when
                first_terms.rep_id is not null
                and revenue_events.occurred_at < first_terms.first_term_ends_at
                then first_terms.rep_id
            when account_owners.owned_since <= revenue_events.occurred_at
                then account_owners.owner_id
        end as rep_id,
        -- The deal the revenue was signed with: in its term only.
        case
            when revenue_events.occurred_at < first_terms.first_term_ends_at
                then first_terms.opportunity_id
        end as signed_opportunity_id

    from revenue_events
    left join first_terms
        on revenue_events.subscription_id = first_terms.subscription_id
    left join account_owners
        on revenue_events.customer_id = account_owners.customer_id

)

select * from events_credited
