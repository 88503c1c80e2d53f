with

mrr_at as (

    select * from {{ ref('int_customer_mrr_at') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

users_versioned as (

    select * from {{ ref('int_users_versioned') }}

)

select
    {{ surrogate_key([
        'mrr_at.customer_id',
        'mrr_at.product_id',
        'mrr_at.currency',
        'mrr_at.date_day',
    ]) }} as customer_mrr_id,
    mrr_at.date_day as report_date,
    mrr_at.customer_id,
    coalesce(mrr_at.product_id, '(unknown)') as product_id,
    mrr_at.currency,
    mrr_at.mrr_amount,
    mrr_at.list_mrr_amount,
    mrr_at.quantity,
    mrr_at.legal_entity,
    coalesce(customers.segment, '(unknown)') as segment,
    coalesce(customers.closing_rep_id, '(unknown)') as rep_id,
    coalesce(users_versioned.team_id, '(unknown)') as team_id,
    mrr_at.subscription_count,
    mrr_at.history_basis,
    '{{ var("build_id") }}' as build_id

from mrr_at
left join customers
    on mrr_at.customer_id = customers.customer_id
left join users_versioned
    on
        customers.closing_rep_id = users_versioned.user_id
        and mrr_at.date_day
        between users_versioned.credited_from and users_versioned.credited_to
