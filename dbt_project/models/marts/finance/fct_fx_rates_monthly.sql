with

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'flow'

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- Whole numbers of 10^-16, because a mean of decimals would be a DOUBLE.
rates_counted as (

    select
        dates.month_start_date,
        rates.from_currency,
        rates.to_currency,
        {{ round_ratio(
            "sum(cast(replace(cast(rates.rate as varchar), '.', '') as hugeint))", 'count(*)'
        ) }} as rate_units,
        count(*) as day_count

    from rates
    inner join dates
        on rates.rate_date = dates.date_day
    group by 1, 2, 3

)

select
    month_start_date,
    from_currency,
    to_currency,
    cast(
        cast(rate_units // 10000000000000000 as varchar) || '.'
        || lpad(cast(rate_units % 10000000000000000 as varchar), 16, '0')
        as decimal(38, 16)
    ) as rate,
    day_count

from rates_counted
