with

history_bounds as (

    select * from {{ ref('int_history_bounds_found') }}

),

calendar as (

    select * from {{ ref('stg_files__working_calendar') }}

),

-- The company's own calendar; of two that disagree, the one that works.
company_days as (

    select
        date_day,
        bool_or(is_working) as is_working,
        min(holiday_name) as holiday_name

    from calendar
    where user_id is null
    group by 1

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

days_placed as (

    select
        date_day,
        {{ month_start('date_day') }} as month_start_date,
        {{ fiscal_quarter_start('date_day') }} as fiscal_quarter_start_date,
        {{ fiscal_year_start('date_day') }} as fiscal_year_start_date

    from days

),

-- The next period begins at the latest so many days after this one's first: a month has 28 to
-- 42 days, a quarter 90 to 98, a year 364 to 371.
days_bounded as (

    select
        *,
        {{ next_month_start('month_start_date') }} - 1 as month_end_date,
        {{ fiscal_quarter_start('(fiscal_quarter_start_date + 98)') }} - 1
            as fiscal_quarter_end_date,
        {{ fiscal_year_start('(fiscal_year_start_date + 371)') }} - 1 as fiscal_year_end_date,
        -- Quarters have 90 to 98 days, so 89 tells them apart.
        ((fiscal_quarter_start_date - fiscal_year_start_date) // 89 + 1)::integer
            as fiscal_quarter,
        -- A fiscal year is named after the calendar year it ends in; one of whole weeks may
        -- begin three days before its first month.
        year(fiscal_year_start_date + 3 + interval 11 month)::integer as fiscal_year

    from days_placed

),

days_worked as (

    select
        days_bounded.*,
        coalesce(company_days.is_working, isodow(days_bounded.date_day) < 6)
            as is_working_day,
        case when not company_days.is_working then company_days.holiday_name end
            as holiday_name

    from days_bounded
    left join company_days
        on days_bounded.date_day = company_days.date_day

)

select
    date_day,
    isodow(date_day)::integer as iso_weekday,
    isodow(date_day) >= 6 as is_weekend,
    is_working_day,
    holiday_name,
    date_trunc('week', date_day)::date as week_start_date,
    (date_trunc('week', date_day) + interval 6 day)::date as week_end_date,
    isoyear(date_day)::varchar || '-W' || lpad(week(date_day)::varchar, 2, '0') as week_label,
    month_start_date,
    month_end_date,
    case
        when '{{ var("calendar") }}' = '4-4-5'
            then
                fiscal_year::varchar || '-P' || lpad(
                    (
                        (fiscal_quarter - 1) * 3
                        + (month_start_date - fiscal_quarter_start_date) // 28
                        + 1
                    )::varchar,
                    2,
                    '0'
                )
        else strftime(date_day, '%Y-%m')
    end as month_label,
    date_trunc('quarter', date_day)::date as quarter_start_date,
    date_trunc('year', date_day)::date as year_start_date,
    fiscal_quarter_start_date,
    fiscal_quarter_end_date,
    fiscal_quarter,
    fiscal_year_start_date,
    fiscal_year_end_date,
    fiscal_year,
    date_day <= {{ as_of_date() }} as is_past,
    -- Days stocks are taken on: period ends, the as-of day, and every day of the recent past.
    date_day <= {{ as_of_date() }}
    and (
        date_day = month_end_date
        or isodow(date_day) = 7
        or date_day > {{ as_of_date() }} - {{ var('recent_days') }}
    ) as is_stock_day

from days_worked
