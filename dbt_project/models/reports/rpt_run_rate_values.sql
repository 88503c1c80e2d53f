with

revenue as (

    select * from {{ ref('rpt_kpi_base_values') }}
    where kpi_key = 'sales_revenue' and variant = 'standard'

),

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- Working days of the month up to each day, and of the whole month.
month_days as (

    select
        date_day,
        month_start_date,
        count(*) filter (where is_working_day) over (
            partition by month_start_date
            order by date_day
        ) as elapsed_count,
        count(*) filter (where is_working_day) over (partition by month_start_date)
            as working_day_count

    from dates

),

-- A month's figure is its sum so far; the company's is there for every day too.
amounts_to_date as (

    select
        grain,
        period_start_date,
        breakdown,
        member_id,
        currency,
        original_amount,
        value,
        is_before_history,
        flag

    from revenue
    where grain = 'month' and breakdown in ('total', 'rep', 'team', 'product')
    union all
    select
        revenue.grain,
        revenue.period_start_date,
        revenue.breakdown,
        revenue.member_id,
        revenue.currency,
        revenue.original_amount,
        -- One day nobody knows makes the rest of the month unknown.
        case
            when
                count(revenue.value) over month_so_far = count(*) over month_so_far
                then sum(revenue.value) over month_so_far
        end as value,
        revenue.is_before_history,
        revenue.flag

    from revenue
    inner join month_days
        on revenue.period_start_date = month_days.date_day
    where revenue.grain = 'day' and revenue.breakdown = 'total'
    window
        month_so_far as (
            partition by month_days.month_start_date, revenue.currency
            order by revenue.period_start_date
        )

),

amounts_asked as (

    select
        kpi_periods.kpi_key,
        kpi_periods.period_end_date,
        kpi_periods.is_partial,
        month_days.elapsed_count,
        month_days.working_day_count,
        amounts_to_date.*

    from amounts_to_date
    inner join kpi_periods
        on
            amounts_to_date.grain = kpi_periods.grain
            and amounts_to_date.period_start_date = kpi_periods.period_start_date
    inner join month_days
        on kpi_periods.last_known_date = month_days.date_day
    where
        kpi_periods.kpi_key in ('sales_revenue_mtd', 'sales_run_rate')

),

-- Two working days say nothing about a month.
run_rates as (

    select
        *,
        case when kpi_key = 'sales_run_rate' and elapsed_count >= 3 then elapsed_count end
            as run_rate_days

    from amounts_asked

)

select
    kpi_key,
    'standard' as variant,
    grain,
    period_start_date,
    period_end_date,
    breakdown,
    member_id,
    currency,
    cast(null as decimal(38, 6)) as original_amount,
    cast(
        case
            when kpi_key = 'sales_revenue_mtd' then value
            when run_rate_days is not null then value * working_day_count
        end as decimal(38, 6)
    ) as numerator,
    cast(run_rate_days as decimal(38, 6)) as denominator,
    case
        when kpi_key = 'sales_revenue_mtd' then cast(value as decimal(38, 6))
        else {{ safe_divide('value * working_day_count', 'run_rate_days') }}
    end as value,
    is_partial,
    is_before_history,
    flag

from run_rates
