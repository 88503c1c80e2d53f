with

registry as (

    select * from {{ ref('dim_kpis') }}

),

periods as (

    select * from {{ ref('dim_periods') }}

),

member_days as (

    select * from {{ ref('rpt_kpi_member_days') }}

),

sources as (

    select * from {{ ref('dim_sources') }}

),

billing_sources as (

    select * from {{ ref('dim_billing_sources') }}

),

grains as (

    select
        grain.grain,
        grain.grain_order

    from (
        values ('day', 1), ('week', 2), ('month', 3), ('quarter', 4), ('year', 5)
    ) as grain (grain, grain_order)

),

-- The first day any KPI has a figure: before it there is nothing to show. Members' old days
-- stand at the start of their month, the company's own at their day.
first_days as (

    select coalesce(min(report_date), {{ as_of_date() }}) as first_date
    from member_days
    where breakdown = 'total'

),

needed_entities as (

    select
        kpi_key,
        unnest(string_split(required_entities, '|')) as entity

    from registry

),

-- A KPI reaches as far as the source of it that reaches least far.
kpi_reach as (

    select
        needed_entities.kpi_key,
        min(sources.data_through_date) as data_through_date

    from needed_entities
    inner join sources
        on needed_entities.entity = sources.entity
    group by 1

),

-- Subscription history is complete only from where that of every billing source is.
subscription_history as (

    select max(known_from_date) as known_from_date from billing_sources

),

kpi_periods as (

    select
        registry.kpi_key,
        registry.aggregation,
        registry.additivity = 'ratio' as is_ratio,
        periods.grain,
        periods.period_start_date,
        periods.period_end_date,
        periods.last_known_date,
        coalesce(kpi_reach.data_through_date, {{ as_of_date() }}) as data_through_date,
        periods.period_end_date
        > coalesce(kpi_reach.data_through_date, {{ as_of_date() }}) as is_partial,
        -- How long cases of the period had to be decided in; more than any window is enough.
        case
            when registry.window_days is not null
                then
                    least(
                        coalesce(kpi_reach.data_through_date, {{ as_of_date() }})
                        - periods.period_end_date,
                        1000
                    )
        end as matured_days,
        -- A stock needs its own day, a movement the day before its period begins.
        coalesce(
            list_contains(
                string_split(registry.required_entities, '|'), 'subscription_items'
            )
            and case
                when registry.aggregation = 'last' then periods.last_known_date
                else periods.period_start_date - 1
            end < subscription_history.known_from_date,
            false
        ) as is_before_history

    from registry
    cross join periods
    cross join first_days
    cross join subscription_history
    inner join grains as lowest_grains
        on registry.lowest_grain = lowest_grains.grain
    inner join grains as period_grains
        on
            periods.grain = period_grains.grain
            and lowest_grains.grain_order <= period_grains.grain_order
    left join kpi_reach
        on registry.kpi_key = kpi_reach.kpi_key
    where
        periods.is_started
        and periods.period_end_date >= first_days.first_date
        -- Weeks are not parts of months, so what is official at month has no weeks.
        and (registry.lowest_grain <> 'month' or periods.grain <> 'week')
        and (
            registry.grains is null
            or list_contains(string_split(registry.grains, '|'), periods.grain)
        )
        -- Stocks are taken daily for the recent past, before that at period ends.
        and (
            registry.aggregation <> 'last'
            or periods.grain <> 'day'
            or periods.period_start_date
            > {{ as_of_date() }} - {{ var('recent_days') }}
        )

)

select * from kpi_periods
