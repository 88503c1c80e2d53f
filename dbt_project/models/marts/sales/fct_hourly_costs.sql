with

timesheets as (

    select * from {{ ref('fct_timesheets') }}
    where hourly_cost_amount is not null

),

-- A person with two costs on one day is an oversight; the dearer one stands.
days_costed as (

    select
        rep_id,
        worked_date,
        max(hourly_cost_amount) as hourly_cost_amount,
        max_by(currency, hourly_cost_amount) as currency

    from timesheets
    group by 1, 2

),

costs_changed as (

    select *
    from days_costed
    qualify
        (hourly_cost_amount, currency) is distinct from (
            lag(hourly_cost_amount) over (partition by rep_id order by worked_date),
            lag(currency) over (partition by rep_id order by worked_date)
        )

)

select
    rep_id,
    -- Before anything was written down the first cost holds.
    case
        when row_number() over (partition by rep_id order by worked_date) = 1
            then date '1900-01-01'
        else worked_date
    end as valid_from,
    coalesce(
        lead(worked_date) over (partition by rep_id order by worked_date) - 1,
        date '9999-12-31'
    ) as valid_to,
    hourly_cost_amount,
    currency

from costs_changed
