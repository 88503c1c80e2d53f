with

versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

priced_items as (

    select * from {{ ref('int_subscription_item_mrr_priced') }}

),

-- A state that names its end says so as long as it holds. A source without states of it, as a
-- file of subscriptions, dates the request itself.
versions_leaving as (

    select
        subscription_id,
        customer_id,
        currency,
        legal_entity,
        {{ report_date(
            'case when cancel_at is null then greatest(valid_from, canceled_at) '
            'else valid_from end'
        ) }} as first_date,
        coalesce({{ report_date('least(valid_to, ended_at)') }} - 1, date '9999-12-31')
            as last_date,
        {{ report_date('canceled_at') }} as canceled_date,
        {{ report_date('coalesce(cancel_at, ended_at)') }} as ends_date

    from versions
    where
        coalesce(cancel_at, canceled_at) is not null
        and status <> 'canceled'

),

-- As for a stock, the end of the day decides: asked for and withdrawn on one day is nothing.
-- Items of a subscription leave together and states follow each other, so their days are run
-- together: none may count twice.
runs_begun as (

    select
        *,
        coalesce(
            first_date > max(last_date) over (
                partition by subscription_id
                order by first_date, last_date
                rows between unbounded preceding and 1 preceding
            ) + 1,
            true
        ) as is_first_of_run

    from versions_leaving
    where first_date <= last_date

),

runs_numbered as (

    select
        *,
        count(*) filter (where is_first_of_run) over (
            partition by subscription_id
            order by first_date, last_date
            rows between unbounded preceding and current row
        ) as run_number

    from runs_begun

),

runs as (

    select
        subscription_id,
        min(first_date) as first_date,
        max(last_date) as last_date,
        max_by(least(canceled_date, first_date), first_date) as requested_date,
        max_by(ends_date, row(first_date, ends_date)) as ends_date,
        min(customer_id) as customer_id,
        min(currency) as currency,
        min(legal_entity) as legal_entity

    from runs_numbered
    group by subscription_id, run_number

),

unpriced as (

    select distinct subscription_id
    from priced_items
    where
        is_price_unknown
        and {{ as_of_date() }} >= paid_from_date
        and {{ as_of_date() }} < coalesce(paid_to_date, date '9999-12-31')

)

select
    runs.subscription_id,
    runs.first_date,
    runs.last_date,
    runs.requested_date,
    runs.ends_date,
    runs.customer_id,
    runs.currency,
    runs.legal_entity,
    unpriced.subscription_id is not null as has_unknown_price

from runs
left join unpriced
    on runs.subscription_id = unpriced.subscription_id
