with

terms as (

    select * from {{ ref('fct_customer_mrr_terms') }}

),

cancellations as (

    select * from {{ ref('fct_subscription_cancellations') }}

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

-- The part of a term in which the cancellation of its subscription stands requested is told
-- beside the term, of which it changes nothing.
terms_told as (

    select
        *,
        cast(0 as decimal(38, 4)) as churn_scheduled_amount

    from terms
    union all
    select
        terms.* replace (
            greatest(terms.first_date, cancellations.first_date) as first_date,
            least(terms.last_date, cancellations.last_date) as last_date,
            cast(0 as decimal(38, 4)) as mrr_amount,
            cast(0 as decimal(38, 4)) as list_mrr_amount,
            cast(null as decimal(38, 6)) as quantity
        ),
        terms.mrr_amount as churn_scheduled_amount

    from terms
    inner join cancellations
        on
            terms.subscription_id = cancellations.subscription_id
            and terms.first_date <= cancellations.last_date
            and terms.last_date >= cancellations.first_date

),

-- Terms are added up before they are spread over days: between two days on which a term of a
-- customer begins or has ended nothing changes, and days are a hundred times as many.
changes as (

    select
        customer_id,
        currency,
        first_date

    from terms_told
    union
    select
        customer_id,
        currency,
        last_date + 1 as first_date

    from terms_told
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
        terms_told.customer_id,
        terms_told.product_id,
        terms_told.currency,
        terms_told.source_name,
        terms_told.legal_entity,
        terms_told.segment,
        terms_told.rep_id,
        spans.first_date,
        spans.last_date,
        sum(terms_told.mrr_amount) as mrr_amount,
        sum(terms_told.list_mrr_amount) as list_mrr_amount,
        sum(terms_told.churn_scheduled_amount) as churn_scheduled_amount,
        sum(terms_told.quantity) as quantity,
        count(distinct terms_told.subscription_id) as subscription_count,
        min(terms_told.history_basis) as history_basis

    from spans
    inner join terms_told
        on
            spans.customer_id is not distinct from terms_told.customer_id
            and spans.currency = terms_told.currency
            and spans.first_date between terms_told.first_date and terms_told.last_date
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
    -- Bills give back what a change of plan left unused: nothing is left of the old one.
    having sum(terms_told.mrr_amount) > 0

),

-- What a customer's other lines say of a line is told per span, too: sorted per day, it is
-- the largest sort of a build.
mrr_by_span_planned as (

    select
        *,
        sum(mrr_amount) over lines_so_far - mrr_amount as earlier_mrr_amount,
        sum(churn_scheduled_amount) over lines_so_far - churn_scheduled_amount
            as earlier_churn_scheduled_amount,
        max_by(
            coalesce(product_id, '(unknown)'),
            row(mrr_amount, coalesce(product_id, '(unknown)'))
        ) over (
            partition by customer_id, currency, first_date
        ) as plan

    from mrr_by_span
    window
        lines_so_far as (
            partition by customer_id, currency, first_date
            order by coalesce(product_id, '(unknown)')
            rows between unbounded preceding and current row
        )

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
    cast(mrr_by_day.churn_scheduled_amount as decimal(38, 4)) as churn_scheduled_amount,
    cast(mrr_by_day.earlier_mrr_amount as decimal(38, 4)) as earlier_mrr_amount,
    cast(mrr_by_day.earlier_churn_scheduled_amount as decimal(38, 4))
        as earlier_churn_scheduled_amount,
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
