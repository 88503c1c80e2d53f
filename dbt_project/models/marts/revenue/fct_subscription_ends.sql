with

versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

statuses as (

    select
        customer_id,
        {{ report_date('valid_from') }} as ended_date,
        status,
        lag(status) over (
            partition by item_id
            order by valid_from
        ) as previous_status

    from versions

),

-- A service that ends while its payment is overdue ended because nobody paid.
ends as (

    select
        customer_id,
        ended_date,
        status = 'unpaid' or coalesce(previous_status in ('past_due', 'unpaid'), false)
            as has_failed_payment

    from statuses
    where
        customer_id is not null
        and status in ('canceled', 'unpaid')
        and status is distinct from previous_status

)

select
    customer_id,
    ended_date,
    case when bool_or(has_failed_payment) then 'failed_payment' else 'voluntary' end
        as churn_reason

from ends
group by 1, 2
