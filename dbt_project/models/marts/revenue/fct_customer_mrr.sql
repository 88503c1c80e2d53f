with

terms as (

    select * from {{ ref('fct_customer_mrr_terms') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

users_versioned as (

    select * from {{ ref('int_users_versioned') }}

),

-- Evaluating only the days a stock is asked for keeps the cost with the data and not with
-- the age of the company.
dates_asked as (

    select date_day
    from dates
    where is_stock_day

),

mrr_by_product as (

    select
        terms.customer_id,
        terms.product_id,
        terms.currency,
        terms.source_name,
        terms.legal_entity,
        terms.segment,
        terms.rep_id,
        dates_asked.date_day,
        sum(terms.mrr_amount) as mrr_amount,
        sum(terms.list_mrr_amount) as list_mrr_amount,
        sum(terms.quantity) as quantity,
        count(distinct terms.subscription_id) as subscription_count,
        min(terms.history_basis) as history_basis

    from terms
    inner join dates_asked
        on dates_asked.date_day between terms.first_date and terms.last_date
    group by 1, 2, 3, 4, 5, 6, 7, 8

)

select
    {{ surrogate_key([
        'mrr_by_product.customer_id',
        'mrr_by_product.product_id',
        'mrr_by_product.currency',
        'mrr_by_product.date_day',
    ]) }} as customer_mrr_id,
    mrr_by_product.date_day as report_date,
    mrr_by_product.customer_id,
    coalesce(mrr_by_product.product_id, '(unknown)') as product_id,
    mrr_by_product.currency,
    mrr_by_product.mrr_amount,
    mrr_by_product.list_mrr_amount,
    mrr_by_product.quantity,
    mrr_by_product.legal_entity,
    mrr_by_product.segment,
    mrr_by_product.rep_id,
    coalesce(users_versioned.team_id, '(unknown)') as team_id,
    mrr_by_product.subscription_count,
    mrr_by_product.history_basis

from mrr_by_product
left join users_versioned
    on
        mrr_by_product.rep_id = users_versioned.user_id
        and mrr_by_product.date_day
        between users_versioned.credited_from and users_versioned.credited_to
