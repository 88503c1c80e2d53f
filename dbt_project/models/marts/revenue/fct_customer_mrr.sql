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

-- Terms are added up before they are spread over days: between two days on which a term of a
-- customer begins or has ended nothing changes, and days are a hundred times as many.
changes as (

    select
        customer_id,
        currency,
        first_date

    from terms
    union
    select
        customer_id,
        currency,
        last_date + 1 as first_date

    from terms
    where last_date < date '9999-12-31'

),

spans as (

    select
        customer_id,
        currency,
        first_date,
        coalesce(
            lead(first_date) over (
                partition by customer_id, currency
                order by first_date
            ) - 1,
            date '9999-12-31'
        ) as last_date

    from changes

),

-- A line is what one row a day is made of: several terms, where a customer pays for a product
-- by several subscriptions or items.
mrr_by_span as (

    select
        terms.customer_id,
        terms.product_id,
        terms.currency,
        terms.source_name,
        terms.legal_entity,
        terms.segment,
        terms.rep_id,
        spans.first_date,
        spans.last_date,
        sum(terms.mrr_amount) as mrr_amount,
        sum(terms.list_mrr_amount) as list_mrr_amount,
        sum(terms.quantity) as quantity,
        count(distinct terms.subscription_id) as subscription_count,
        min(terms.history_basis) as history_basis

    from spans
    inner join terms
        on
            spans.customer_id is not distinct from terms.customer_id
            and spans.currency = terms.currency
            and spans.first_date between terms.first_date and terms.last_date
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
    -- Bills give back what a change of plan left unused: nothing is left of the old one.
    having sum(terms.mrr_amount) > 0

),

mrr_by_span_planned as (

    select
        *,
        max_by(
            coalesce(product_id, '(unknown)'),
            row(mrr_amount, coalesce(product_id, '(unknown)'))
        ) over (
            partition by customer_id, currency, first_date
        ) as plan

    from mrr_by_span

),

mrr_by_day as (

    select
        spans_planned.*,
        dates_asked.date_day

    from mrr_by_span_planned as spans_planned
    inner join dates_asked
        on dates_asked.date_day between spans_planned.first_date and spans_planned.last_date

)

select
    {{ surrogate_key([
        'mrr_by_day.customer_id',
        'mrr_by_day.product_id',
        'mrr_by_day.currency',
        'mrr_by_day.date_day',
    ]) }} as customer_mrr_id,
    mrr_by_day.date_day as report_date,
    mrr_by_day.customer_id,
    coalesce(mrr_by_day.product_id, '(unknown)') as product_id,
    mrr_by_day.currency,
    mrr_by_day.mrr_amount,
    mrr_by_day.list_mrr_amount,
    mrr_by_day.quantity,
    mrr_by_day.legal_entity,
    mrr_by_day.segment,
    mrr_by_day.rep_id,
    coalesce(users_versioned.team_id, '(unknown)') as team_id,
    mrr_by_day.plan,
    mrr_by_day.subscription_count,
    mrr_by_day.history_basis

from mrr_by_day
left join users_versioned
    on
        mrr_by_day.rep_id = users_versioned.user_id
        and mrr_by_day.date_day
        between users_versioned.credited_from and users_versioned.credited_to
