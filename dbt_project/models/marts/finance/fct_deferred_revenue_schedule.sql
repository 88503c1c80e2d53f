with

deferred_months as (

    select * from {{ ref('fct_deferred_revenue_monthly') }}

),

plans as (

    select * from {{ ref('int_revenue_plans_laid') }}
    where held_until is null

),

months as (

    select distinct
        month_start_date,
        month_end_date

    from {{ ref('dim_dates') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

-- What each line has been billed, credited and recognised by the as-of day.
lines as (

    select
        deferred_months.revenue_event_id,
        deferred_months.legal_entity,
        deferred_months.original_currency,
        deferred_months.functional_currency,
        deferred_months.functional_rate,
        currencies.exponent as functional_exponent,
        sum(deferred_months.credited_original_amount) as credited_amount,
        sum(deferred_months.credited_functional_amount) as credited_functional_amount,
        sum(deferred_months.recognised_original_amount) as recognised_amount,
        sum(deferred_months.recognised_functional_amount) as recognised_functional_amount

    from deferred_months
    left join currencies
        on deferred_months.functional_currency = currencies.currency_id
    group by
        deferred_months.revenue_event_id,
        deferred_months.legal_entity,
        deferred_months.original_currency,
        deferred_months.functional_currency,
        deferred_months.functional_rate,
        currencies.exponent

),

-- The calendar ends with the next year; what is served after it is one rest.
months_to_come as (

    select
        month_start_date,
        month_end_date

    from months
    where month_end_date > {{ as_of_date() }}
    union all
    select
        max(month_end_date) + 1 as month_start_date,
        cast(null as date) as month_end_date

    from months

),

plans_to_come as (

    select
        revenue_event_id,
        max(cut_on) as cut_on

    from plans
    group by revenue_event_id
    having max(cut_on) > {{ as_of_date() }} + 1

),

recognised_to_date as (

    select
        plans.revenue_event_id,
        months_to_come.month_start_date,
        months_to_come.month_end_date,
        sum({{ recognised_amount(
            'plans.plan_amount',
            'plans.exponent',
            "(least(coalesce(months_to_come.month_end_date + 1, date '9999-12-31'), "
            ~ 'plans.cut_on) - plans.starts_on)',
            'plans.service_days',
        ) }}) as recognised_amount

    from plans_to_come
    inner join months_to_come
        on plans_to_come.cut_on > months_to_come.month_start_date
    inner join plans
        on plans_to_come.revenue_event_id = plans.revenue_event_id
    group by
        plans.revenue_event_id,
        months_to_come.month_start_date,
        months_to_come.month_end_date

),

-- At the rate of the invoice, as what is deferred is (D-403).
to_date_valued as (

    select
        lines.*,
        recognised_to_date.month_start_date,
        recognised_to_date.month_end_date,
        recognised_to_date.recognised_amount as recognised_to_date,
        {{ convert_money(
            'recognised_to_date.recognised_amount + lines.credited_amount',
            'lines.functional_rate', 'lines.functional_exponent'
        ) }}
        - lines.credited_functional_amount as recognised_functional_to_date

    from lines
    inner join recognised_to_date
        on lines.revenue_event_id = recognised_to_date.revenue_event_id

),

parts as (

    select
        *,
        recognised_to_date - lag(recognised_to_date, 1, recognised_amount) over line
            as original_amount,
        recognised_functional_to_date
        - lag(recognised_functional_to_date, 1, recognised_functional_amount) over line
            as functional_amount

    from to_date_valued
    window line as (
        partition by revenue_event_id
        order by month_start_date
    )

)

select
    {{ surrogate_key(['legal_entity', 'original_currency', 'month_start_date']) }}
        as schedule_id,
    legal_entity,
    month_start_date,
    month_end_date,
    month_end_date is null as is_beyond_calendar,
    original_currency,
    cast(sum(original_amount) as decimal(38, 4)) as to_recognise_original_amount,
    functional_currency,
    cast({{ sum_known('functional_amount') }} as decimal(38, 4))
        as to_recognise_functional_amount,
    count(distinct revenue_event_id) filter (where original_amount <> 0) as line_count,
    '{{ var("build_id") }}' as build_id

from parts
group by legal_entity, month_start_date, month_end_date, original_currency, functional_currency
