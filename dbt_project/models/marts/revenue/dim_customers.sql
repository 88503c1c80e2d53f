with

customers as (

    select * from {{ ref('int_customers_unioned') }}

),

customer_accounts as (

    select * from {{ ref('int_customer_accounts_linked') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

customer_reps as (

    select * from {{ ref('int_customer_reps_credited') }}

),

opportunities_described as (

    select * from {{ ref('int_opportunities_described') }}

),

priced_items as (

    select * from {{ mrr_priced() }}

),

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}
    where exclusion_reason is null

),

first_payments as (

    select
        customer_id,
        min(paid_from_date) as first_paid_date

    from priced_items
    where mrr_amount > 0
    group by 1

),

customers_met as (

    select
        customer_id,
        source_name,
        legal_entity,
        currency

    from priced_items
    union all
    select
        customer_id,
        source_name,
        legal_entity,
        currency

    from revenue_events

),

-- Facts of a customer the customer list does not know keep their customer, and those of
-- nobody in particular have one, so that no join loses them.
customers_known as (

    select
        customer_id,
        source_name,
        legal_entity,
        customer_name,
        country,
        currency,
        {{ report_date('created_at') }} as created_date,
        is_deleted

    from customers

    union all

    select
        customers_met.customer_id,
        min(customers_met.source_name) as source_name,
        min(customers_met.legal_entity) as legal_entity,
        cast(null as varchar) as customer_name,
        cast(null as varchar) as country,
        min(customers_met.currency) as currency,
        cast(null as date) as created_date,
        cast(null as boolean) as is_deleted

    from customers_met
    anti join customers
        on customers_met.customer_id = customers.customer_id
    where customers_met.customer_id is not null
    group by 1

    union all

    select
        '(unknown)' as customer_id,
        cast(null as varchar) as source_name,
        cast(null as varchar) as legal_entity,
        '(unknown)' as customer_name,
        cast(null as varchar) as country,
        cast(null as varchar) as currency,
        cast(null as date) as created_date,
        cast(null as boolean) as is_deleted

)

select
    customers_known.customer_id,
    customers_known.source_name,
    customers_known.legal_entity,
    customers_known.customer_name,
    customers_known.country,
    customers_known.currency,
    customer_accounts.account_id,
    coalesce(accounts.segment, '(unknown)') as segment,
    coalesce(customer_reps.closing_rep_id, '(unknown)') as closing_rep_id,
    coalesce(opportunities_described.lead_source_group, '(unknown)') as lead_source_group,
    coalesce(opportunities_described.channel, '(unknown)') as channel,
    customers_known.created_date,
    first_payments.first_paid_date,
    customers_known.is_deleted,
    '{{ var("build_id") }}' as build_id

from customers_known
left join customer_accounts
    on customers_known.customer_id = customer_accounts.customer_id
left join accounts
    on customer_accounts.account_id = accounts.account_id
left join customer_reps
    on customers_known.customer_id = customer_reps.customer_id
left join opportunities_described
    on customer_reps.winning_opportunity_id = opportunities_described.opportunity_id
left join first_payments
    on customers_known.customer_id = first_payments.customer_id
