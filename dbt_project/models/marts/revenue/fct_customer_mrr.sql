with

-- A line is what one row a day is made of: several terms, where a customer pays for a product
-- by several subscriptions or items.
terms as (

    select
        *,
        {{ surrogate_key([
            'customer_id',
            'product_id',
            'currency',
            'source_name',
            'legal_entity',
            'segment',
            'rep_id',
        ]) }} as line_id

    from {{ ref('fct_customer_mrr_terms') }}

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

-- Lines are added up before they are spread over days: between two days on which a term
-- begins or has ended nothing of a line changes, and days are a hundred times as many.
line_changes as (

    select
        line_id,
        first_date

    from terms
    union
    select
        line_id,
        last_date + 1 as first_date

    from terms
    where last_date < date '9999-12-31'

),

line_spans as (

    select
        line_id,
        first_date,
        coalesce(
            lead(first_date) over (
                partition by line_id
                order by first_date
            ) - 1,
            date '9999-12-31'
        ) as last_date

    from line_changes

),

mrr_by_span as (

    select
        terms.customer_id,
        terms.product_id,
        terms.currency,
        terms.source_name,
        terms.legal_entity,
        terms.segment,
        terms.rep_id,
        line_spans.first_date,
        line_spans.last_date,
        sum(terms.mrr_amount) as mrr_amount,
        sum(terms.list_mrr_amount) as list_mrr_amount,
        sum(terms.quantity) as quantity,
        count(distinct terms.subscription_id) as subscription_count,
        min(terms.history_basis) as history_basis

    from line_spans
    inner join terms
        on
            line_spans.line_id = terms.line_id
            and line_spans.first_date between terms.first_date and terms.last_date
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
    -- Bills give back what a change of plan left unused: nothing is left of the old one.
    having sum(terms.mrr_amount) > 0

),

mrr_by_day as (

    select
        mrr_by_span.*,
        dates_asked.date_day

    from mrr_by_span
    inner join dates_asked
        on dates_asked.date_day between mrr_by_span.first_date and mrr_by_span.last_date

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
    max_by(
        coalesce(mrr_by_day.product_id, '(unknown)'),
        row(mrr_by_day.mrr_amount, coalesce(mrr_by_day.product_id, '(unknown)'))
    ) over (
        partition by mrr_by_day.customer_id, mrr_by_day.currency, mrr_by_day.date_day
    ) as plan,
    mrr_by_day.subscription_count,
    mrr_by_day.history_basis

from mrr_by_day
left join users_versioned
    on
        mrr_by_day.rep_id = users_versioned.user_id
        and mrr_by_day.date_day
        between users_versioned.credited_from and users_versioned.credited_to
