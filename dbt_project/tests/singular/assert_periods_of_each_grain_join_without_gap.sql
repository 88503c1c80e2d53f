-- A period that overlaps its neighbour would count a day twice, a gap would lose one; a
-- quarter has three months and a year twelve, whichever month the fiscal year begins in.
with

periods as (

    select * from {{ ref('dim_periods') }}

),

periods_compared as (

    select
        grain,
        period_start_date,
        period_end_date,
        lead(period_start_date) over (
            partition by grain
            order by period_start_date
        ) as next_start_date,
        -- Months of 28 to 42 days: a quarter has 90 to 98, a year 364 to 371.
        round((period_end_date - period_start_date + 1) / 30.4375) as month_count

    from periods

)

select *
from periods_compared
where
    next_start_date <> period_end_date + 1
    or (grain = 'quarter' and month_count <> 3)
    or (grain = 'year' and month_count <> 12)
