with

cancellations as (

    select * from {{ ref('fct_subscription_cancellations') }}
    where {{ as_of_date() }} between first_date and last_date

),

terms as (

    select * from {{ ref('fct_customer_mrr_terms') }}
    where {{ as_of_date() }} between first_date and last_date

),

customer_mrr as (

    select * from {{ ref('fct_customer_mrr') }}
    where report_date = {{ as_of_date() }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

users as (

    select * from {{ ref('dim_users') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where
        rate_purpose = 'stock'
        and to_currency = '{{ var("reporting_currency") }}'
        and rate_date = {{ as_of_date() }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where currency_id = '{{ var("reporting_currency") }}'

),

subscription_mrr as (

    select
        subscription_id,
        currency,
        min(customer_id) as customer_id,
        min(legal_entity) as legal_entity,
        sum(mrr_amount) as mrr_amount

    from terms
    group by 1, 2

),

customers_paying as (

    select
        customer_id,
        currency,
        min(plan) as plan,
        sum(mrr_amount - churn_scheduled_amount) as kept_mrr_amount

    from customer_mrr
    group by 1, 2

),

-- What is paid for, or would be if its price were known; a trial or a free subscription that
-- ends is nothing lost.
subscriptions_leaving as (

    select
        cancellations.subscription_id,
        cancellations.requested_date,
        cancellations.ends_date,
        cancellations.has_unknown_price,
        coalesce(subscription_mrr.customer_id, cancellations.customer_id) as customer_id,
        coalesce(subscription_mrr.legal_entity, cancellations.legal_entity) as legal_entity,
        coalesce(subscription_mrr.currency, cancellations.currency) as currency,
        case when not cancellations.has_unknown_price then subscription_mrr.mrr_amount end
            as mrr_amount

    from cancellations
    left join subscription_mrr
        on cancellations.subscription_id = subscription_mrr.subscription_id
    where cancellations.has_unknown_price or subscription_mrr.mrr_amount > 0

)

select
    leaving.subscription_id,
    leaving.requested_date,
    leaving.ends_date,
    leaving.ends_date - {{ as_of_date() }} as days_left,
    leaving.mrr_amount,
    leaving.currency,
    {{ convert_money('leaving.mrr_amount', 'rates.rate', 'currencies.exponent') }}
        as reporting_mrr_amount,
    currencies.currency_id as reporting_currency,
    coalesce(paying.kept_mrr_amount, 0) as kept_mrr_amount,
    paying.plan,
    leaving.customer_id,
    customers.account_id,
    coalesce(customers.segment, '(unknown)') as segment,
    coalesce(accounts.owner_id, '(unknown)') as owner_id,
    users.user_name as owner_name,
    leaving.legal_entity,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from subscriptions_leaving as leaving
cross join currencies
left join rates
    on leaving.currency = rates.from_currency
-- A customer who pays nothing in the currency keeps nothing in it.
left join customers_paying as paying
    on
        leaving.customer_id = paying.customer_id
        and leaving.currency = paying.currency
left join customers
    on leaving.customer_id = customers.customer_id
left join accounts
    on customers.account_id = accounts.account_id
left join users
    on coalesce(accounts.owner_id, '(unknown)') = users.user_id
