with

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

member_days as (

    select * from {{ ref('rpt_kpi_member_days') }}

),

periods as (

    select * from {{ ref('dim_periods') }}

),

-- Only a period in progress needs its predecessor cut to the same number of days.
periods_in_progress as (

    select
        kpi_periods.kpi_key,
        kpi_periods.aggregation,
        kpi_periods.is_ratio,
        kpi_periods.grain,
        kpi_periods.period_start_date,
        earlier.period_start_date as previous_start_date,
        least(
            earlier.period_start_date
            + cast({{ as_of_date() }} - kpi_periods.period_start_date as integer),
            earlier.period_end_date
        ) as previous_elapsed_date

    from kpi_periods
    inner join periods as earlier
        on
            kpi_periods.grain = earlier.grain
            and earlier.period_end_date = kpi_periods.period_start_date - 1
    where
        kpi_periods.period_end_date > {{ as_of_date() }}
        and kpi_periods.grain <> 'day'
        and kpi_periods.aggregation in ('sum', 'last')

)

select
    periods_in_progress.kpi_key,
    member_days.variant,
    periods_in_progress.grain,
    periods_in_progress.period_start_date,
    member_days.breakdown,
    member_days.member_id,
    member_days.currency,
    case
        when
            sum(member_days.unknown_count) > 0
            -- A sum of parts none of which has an amount.
            or (
                not bool_and(periods_in_progress.is_ratio)
                and sum(member_days.denominator) = 0
            )
            then null
        when member_days.variant = 'median'
            then {{ exact_median('flatten(list(member_days.case_values))') }}
        when bool_and(periods_in_progress.is_ratio)
            then
                {{ safe_divide(
                    'sum(member_days.numerator)', 'sum(member_days.denominator)'
                ) }}
        else cast(sum(member_days.numerator) as decimal(38, 6))
    end as same_elapsed_value

from periods_in_progress
inner join member_days
    on
        periods_in_progress.kpi_key = member_days.kpi_key
        and periods_in_progress.previous_elapsed_date >= member_days.report_date
        and (
            (
                periods_in_progress.aggregation = 'last'
                and periods_in_progress.previous_elapsed_date = member_days.report_date
            )
            or (
                periods_in_progress.aggregation <> 'last'
                and periods_in_progress.previous_start_date <= member_days.report_date
            )
        )
group by 1, 2, 3, 4, 5, 6, 7
