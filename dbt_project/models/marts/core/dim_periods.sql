with

dates as (

    select * from {{ ref('dim_dates') }}

),

periods as (

    select distinct
        'day' as grain,
        date_day as period_start_date,
        date_day as period_end_date,
        strftime(date_day, '%Y-%m-%d') as period_label

    from dates
    union all
    select distinct
        'week' as grain,
        week_start_date as period_start_date,
        week_end_date as period_end_date,
        week_label as period_label

    from dates
    union all
    select distinct
        'month' as grain,
        month_start_date as period_start_date,
        month_end_date as period_end_date,
        month_label as period_label

    from dates
    union all
    select distinct
        'quarter' as grain,
        fiscal_quarter_start_date as period_start_date,
        fiscal_quarter_end_date as period_end_date,
        fiscal_year::varchar || '-Q' || fiscal_quarter::varchar as period_label

    from dates
    union all
    select distinct
        'year' as grain,
        fiscal_year_start_date as period_start_date,
        fiscal_year_end_date as period_end_date,
        fiscal_year::varchar as period_label

    from dates

)

select
    grain || ':' || strftime(period_start_date, '%Y-%m-%d') as period_id,
    grain,
    period_start_date,
    period_end_date,
    period_label,
    period_start_date <= {{ as_of_date() }} as is_started,
    period_end_date <= {{ as_of_date() }} as is_ended,
    -- The day a stock of the period is taken on: its last one that is over.
    least(period_end_date, {{ as_of_date() }}) as last_known_date

from periods
