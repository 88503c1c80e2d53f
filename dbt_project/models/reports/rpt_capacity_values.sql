with

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}
    where kpi_key = 'capacity_coverage'

),

registry as (

    select * from {{ ref('dim_kpis') }}
    where kpi_key = 'capacity_coverage'

),

forecasts as (

    select * from {{ ref('rpt_kpi_base_values') }}
    where
        kpi_key = 'forecast_deals'
        and variant = 'standard'
        and breakdown = 'total'
        and grain in ('month', 'quarter')

),

capacity as (

    select * from {{ ref('fct_capacity_monthly') }}

),

periods as (

    select * from {{ ref('dim_periods') }}

),

months_of_periods as (

    select
        longer.grain,
        longer.period_start_date,
        months.period_start_date as month_start_date,
        count(*) over (partition by longer.grain, longer.period_start_date) as month_count

    from periods as longer
    inner join periods as months
        on
            months.grain = 'month'
            and months.period_start_date
            between longer.period_start_date and longer.period_end_date
    where longer.grain in ('month', 'quarter')

),

-- A month without a statement makes the quarter's capacity unknown, not smaller.
capacity_of_periods as (

    select
        months_of_periods.grain,
        months_of_periods.period_start_date,
        capacity.business_function,
        case
            when count(*) = min(months_of_periods.month_count) then sum(capacity.capacity)
        end as capacity,
        case
            when
                count(capacity.need_per_deal) = count(*)
                and count(distinct capacity.need_per_deal) = 1
                then min(capacity.need_per_deal)
        end as need_per_deal

    from months_of_periods
    inner join capacity
        on months_of_periods.month_start_date = capacity.month_start_date
    group by 1, 2, 3

),

functions_valued as (

    select
        kpi_periods.grain,
        kpi_periods.period_start_date,
        kpi_periods.period_end_date,
        kpi_periods.is_partial,
        kpi_periods.is_before_history,
        capacity_of_periods.business_function,
        cast(capacity_of_periods.capacity as decimal(38, 6)) as capacity,
        capacity_of_periods.need_per_deal,
        cast(
            forecasts.value * capacity_of_periods.need_per_deal as decimal(38, 6)
        ) as demand

    from kpi_periods
    inner join capacity_of_periods
        on
            kpi_periods.grain = capacity_of_periods.grain
            and kpi_periods.period_start_date = capacity_of_periods.period_start_date
    left join forecasts
        on
            kpi_periods.grain = forecasts.grain
            and kpi_periods.period_start_date = forecasts.period_start_date

),

functions_covered as (

    select
        *,
        {{ safe_divide('capacity', 'demand') }} as coverage

    from functions_valued

),

-- Hours of one function do not help another: a company can deliver what its tightest can.
tightest as (

    select *
    from functions_covered
    where coverage is not null
    qualify row_number() over (
        partition by grain, period_start_date
        order by coverage, business_function
    ) = 1

),

stacked as (

    select
        grain,
        period_start_date,
        period_end_date,
        is_partial,
        is_before_history,
        'business_function' as breakdown,
        business_function as member_id,
        capacity,
        demand,
        coverage,
        need_per_deal is null as is_without_need

    from functions_covered

    union all

    select
        kpi_periods.grain,
        kpi_periods.period_start_date,
        kpi_periods.period_end_date,
        kpi_periods.is_partial,
        kpi_periods.is_before_history,
        'total' as breakdown,
        '(total)' as member_id,
        tightest.capacity,
        tightest.demand,
        tightest.coverage,
        false as is_without_need

    from kpi_periods
    left join tightest
        on
            kpi_periods.grain = tightest.grain
            and kpi_periods.period_start_date = tightest.period_start_date

)

select
    registry.kpi_key,
    'standard' as variant,
    stacked.grain,
    stacked.period_start_date,
    stacked.period_end_date,
    stacked.breakdown,
    stacked.member_id,
    cast(null as varchar) as currency,
    cast(null as decimal(38, 6)) as original_amount,
    case when registry.has_source then stacked.capacity end as numerator,
    case when registry.has_source then stacked.demand end as denominator,
    case when registry.has_source then stacked.coverage end as value,
    stacked.is_partial,
    stacked.is_before_history,
    case
        when not registry.has_source then ['no_source']
        when stacked.is_without_need then ['no_capacity_need']
        when stacked.capacity is null then ['no_capacity']
        else cast([] as varchar[])
    end as flag

from stacked
cross join registry
