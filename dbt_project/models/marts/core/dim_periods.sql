with

dates as (

    select * from {{ ref('dim_dates') }}

),

-- Offices close from some days before the new year to some days after it; only a company that
-- works by the Vietnamese calendar is still on those days.
tet_weeks as (

    select
        first_day - 3 as first_still_date,
        first_day + 6 as last_still_date

    from {{ ref('tet_days') }}
    where '{{ var("reporting_timezone") }}' in ('Asia/Ho_Chi_Minh', 'Asia/Saigon')

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
    periods.grain || ':' || strftime(periods.period_start_date, '%Y-%m-%d') as period_id,
    periods.grain,
    periods.period_start_date,
    periods.period_end_date,
    periods.period_label,
    periods.period_start_date <= {{ as_of_date() }} as is_started,
    periods.period_end_date <= {{ as_of_date() }} as is_ended,
    -- The day a stock of the period is taken on: its last one that is over.
    least(periods.period_end_date, {{ as_of_date() }}) as last_known_date,
    -- Longer than the period before because its year has 53 weeks.
    case periods.grain
        when 'month' then periods.period_end_date - periods.period_start_date >= 41
        when 'quarter' then periods.period_end_date - periods.period_start_date >= 97
        when 'year' then periods.period_end_date - periods.period_start_date >= 370
        else false
    end as has_extra_week,
    -- A quarter or a year always holds all of Tết, so it compares like with like.
    periods.grain in ('day', 'week', 'month') and tet_weeks.first_still_date is not null
        as has_tet

from periods
left join tet_weeks
    on
        periods.period_start_date <= tet_weeks.last_still_date
        and periods.period_end_date >= tet_weeks.first_still_date
