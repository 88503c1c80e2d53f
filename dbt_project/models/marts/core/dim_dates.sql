with

history_bounds as (

    select * from {{ ref('int_history_bounds_found') }}

),

-- From the start of the year history begins in (and one before, for comparisons) to the end
-- of the year after the as-of day, where targets already lie.
days as (

    select
        unnest(generate_series(
            date_trunc('year', first_date) - interval 1 year,
            date_trunc('year', as_of_date) + interval 2 year - interval 1 day,
            interval 1 day
        ))::date as date_day

    from history_bounds

),

days_shifted as (

    select
        date_day,
        -- Months into the fiscal year: 0 in its first month.
        (month(date_day) - {{ var('fiscal_year_start_month') }} + 12) % 12 as fiscal_month_index

    from days

)

select
    date_day,
    isodow(date_day)::integer as iso_weekday,
    isodow(date_day) >= 6 as is_weekend,
    date_trunc('week', date_day)::date as week_start_date,
    (date_trunc('week', date_day) + interval 6 day)::date as week_end_date,
    isoyear(date_day)::varchar || '-W' || lpad(week(date_day)::varchar, 2, '0') as week_label,
    date_trunc('month', date_day)::date as month_start_date,
    last_day(date_day) as month_end_date,
    strftime(date_day, '%Y-%m') as month_label,
    date_trunc('quarter', date_day)::date as quarter_start_date,
    date_trunc('year', date_day)::date as year_start_date,
    (date_trunc('month', date_day) - to_months((fiscal_month_index % 3)::integer))::date
        as fiscal_quarter_start_date,
    (
        date_trunc('month', date_day) + to_months((3 - fiscal_month_index % 3)::integer)
        - interval 1 day
    )::date as fiscal_quarter_end_date,
    (fiscal_month_index // 3 + 1)::integer as fiscal_quarter,
    (date_trunc('month', date_day) - to_months(fiscal_month_index::integer))::date
        as fiscal_year_start_date,
    (
        date_trunc('month', date_day) + to_months((12 - fiscal_month_index)::integer)
        - interval 1 day
    )::date as fiscal_year_end_date,
    -- A fiscal year is named after the calendar year it ends in.
    year(
        date_trunc('month', date_day) + to_months((11 - fiscal_month_index)::integer)
    )::integer as fiscal_year,
    date_day <= {{ as_of_date() }} as is_past,
    -- Days stocks are taken on: period ends, the as-of day, and every day of the recent past.
    date_day <= {{ as_of_date() }}
    and (
        date_day = last_day(date_day)
        or isodow(date_day) = 7
        or date_day > {{ as_of_date() }} - {{ var('recent_days') }}
    ) as is_stock_day

from days_shifted
