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
        date_diff('month', period_start_date, period_end_date) + 1 as month_count

    from periods

)

select *
from periods_compared
where
    next_start_date <> period_end_date + 1
    or (grain = 'quarter' and month_count <> 3)
    or (grain = 'year' and month_count <> 12)
