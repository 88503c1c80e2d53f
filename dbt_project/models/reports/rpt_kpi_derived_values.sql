with

run_rate_values as (

    select * from {{ ref('rpt_run_rate_values') }}

),

base_values as (

    select * from {{ ref('rpt_kpi_base_values') }}

),

quotient_values as (

    select * from {{ ref('rpt_quotient_values') }}

),

retention_values as (

    select * from {{ ref('rpt_retention_values') }}

),

capacity_values as (

    select * from {{ ref('rpt_capacity_values') }}

),

pipeline_coverage_values as (

    select * from {{ ref('rpt_pipeline_coverage_values') }}

),

forecast_accuracy_values as (

    select * from {{ ref('rpt_forecast_accuracy_values') }}

),

-- Products and quotients of what is put together already.
compounds as (

    select * from {{ ref('rpt_compound_values') }}

),

-- What every worth of a customer is made of: what one pays a month, over churn.
lifetimes as (

    select
        {{ figure_key() | join(', ') }},
        numerator as arpa,
        denominator as churn_rate

    from compounds
    where kpi_key = 'ltv_revenue'

),

-- A worth that has no value says why; of several reasons the first. A missing source or rate
-- is one already.
compound_values as (

    select
        compounds.* exclude (flag),
        list_concat(
            compounds.flag,
            list_filter(
                [
                    case
                        when
                            compounds.kpi_key not in (
                                'customer_ltv', 'ltv_revenue', 'ltv_cac_ratio'
                            )
                            or compounds.value is not null
                            or list_has_any(compounds.flag, ['no_source', 'no_rate'])
                            then null
                        when lifetimes.churn_rate = 0 then 'ltv_undefined_no_churn'
                        when
                            lifetimes.churn_rate is null
                            and list_contains(compounds.flag, 'no_history')
                            then 'ltv_undefined_no_history'
                        when lifetimes.churn_rate is null or lifetimes.arpa is null
                            then 'ltv_undefined_no_customers'
                        when compounds.numerator is null then 'ltv_undefined_no_margin'
                        else 'no_acquisition_cost'
                    end
                ],
                lambda one: one is not null
            )
        ) as flag

    from compounds
    left join lifetimes
        on {{ same_figure('compounds', 'lifetimes', but=['kpi_key']) }}

),

target_values as (

    select * from {{ ref('rpt_target_values') }}
    where kpi_key = 'sales_revenue'

),

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

periods as (

    {{ numbered_periods() }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

breakdowns as (

    select
        kpi_key,
        unnest(string_split(breakdowns, '|')) as breakdown

    from registry

),

revenue as (

    select * from base_values
    where kpi_key = 'sales_revenue'

),

-- Which earlier period each growth KPI looks back to, and at which grains.
comparisons as (
    {%- for kpi_key, periods_back in [
        ('sales_growth_mom', "case later.grain when 'month' then 1 end"),
        ('sales_growth_qoq', "case later.grain when 'quarter' then 1 end"),
        (
            'sales_growth_yoy',
            "case when later.grain <> 'week' then " ~ periods_per('year', 'later.grain') ~ " end",
        ),
    ] %}
        {{ 'union all' if not loop.first }}
        select
            '{{ kpi_key }}' as kpi_key,
            later.grain,
            later.period_start_date,
            earlier.period_start_date as base_start_date

        from periods as later
        inner join periods as earlier
            on
                later.grain = earlier.grain
                and earlier.period_number = later.period_number - {{ periods_back }}
    {%- endfor %}

),

growth_pairs as (

    select
        comparisons.kpi_key,
        revenue.variant,
        revenue.grain,
        revenue.period_start_date,
        revenue.period_end_date,
        revenue.breakdown,
        revenue.member_id,
        revenue.currency,
        comparisons.base_start_date,
        revenue.value as current_value,
        -- A member without a row in the earlier period invoiced nothing in it; the company
        -- has a row for every period since the first, so none means before all history.
        case
            when earlier.value is not null then earlier.value
            when revenue.breakdown <> 'total' and earlier_totals.value is not null then 0
        end as base_value,
        revenue.is_partial,
        revenue.is_before_history,
        revenue.flag

    from revenue
    inner join comparisons
        on
            revenue.grain = comparisons.grain
            and revenue.period_start_date = comparisons.period_start_date
    inner join breakdowns
        on
            comparisons.kpi_key = breakdowns.kpi_key
            and revenue.breakdown = breakdowns.breakdown
    left join revenue as earlier
        on
            revenue.variant = earlier.variant
            and revenue.grain = earlier.grain
            and comparisons.base_start_date = earlier.period_start_date
            and revenue.breakdown = earlier.breakdown
            and revenue.member_id = earlier.member_id
            and revenue.currency = earlier.currency
    left join revenue as earlier_totals
        on
            revenue.variant = earlier_totals.variant
            and revenue.grain = earlier_totals.grain
            and comparisons.base_start_date = earlier_totals.period_start_date
            and earlier_totals.breakdown = 'total'
            and revenue.currency = earlier_totals.currency

),

working_days as (

    select
        periods.grain,
        periods.period_start_date,
        count(*) as working_day_count

    from periods
    inner join dates
        on dates.date_day between periods.period_start_date and periods.period_end_date
    where dates.is_working_day
    group by 1, 2

),

-- Growth per working day is (now / days now) over (then / days then), which is both times the
-- days of the other: nothing is rounded before it is divided.
growth_readings as (

    select
        *,
        1 as current_weight,
        1 as base_weight

    from growth_pairs
    union all
    select
        growth_pairs.* replace ('working_days' as variant),
        -- A period without a row has no working day.
        coalesce(earlier_days.working_day_count, 0) as current_weight,
        coalesce(later_days.working_day_count, 0) as base_weight

    from growth_pairs
    inner join registry
        on
            growth_pairs.kpi_key = registry.kpi_key
            and list_contains(string_split(registry.variants, '|'), 'working_days')
    left join working_days as later_days
        on
            growth_pairs.grain = later_days.grain
            and growth_pairs.period_start_date = later_days.period_start_date
    left join working_days as earlier_days
        on
            growth_pairs.grain = earlier_days.grain
            and growth_pairs.base_start_date = earlier_days.period_start_date
    where growth_pairs.variant = 'standard'

),

growth_weighted as (

    select
        * exclude (current_value, base_value),
        cast(current_value * current_weight as decimal(38, 6)) as current_value,
        cast(base_value * base_weight as decimal(38, 6)) as base_value

    from growth_readings

),

-- R-PARTIAL: a month in progress has no growth. R-BASE: nothing to grow from, or a negative
-- base, has no percentage either.
growth_values as (

    select
        kpi_key,
        variant,
        grain,
        period_start_date,
        period_end_date,
        breakdown,
        member_id,
        currency,
        cast(null as decimal(38, 6)) as original_amount,
        cast(
            case when not is_partial then current_value - base_value end
            as decimal(38, 6)
        ) as numerator,
        cast(case when not is_partial then base_value end as decimal(38, 6))
            as denominator,
        case
            when is_partial or base_value <= 0 then null
            else {{ safe_divide('current_value - base_value', 'base_value') }}
        end as value,
        is_partial,
        is_before_history,
        list_concat(
            flag,
            list_filter(
                [
                    case when not is_partial and base_value < 0 then 'negative_base' end,
                    case
                        when not is_partial and base_value = 0 and current_value <> 0
                            then 'new_from_zero'
                    end,
                    case
                        when current_value is not null and base_value is null
                            then 'no_previous'
                    end
                ],
                lambda one: one is not null
            )
        ) as flag

    from growth_weighted

),

-- The company's target stands in every period; without one the row says so.
target_rows as (

    select
        kpi_periods.grain,
        kpi_periods.period_start_date,
        kpi_periods.period_end_date,
        kpi_periods.is_partial,
        kpi_periods.is_before_history,
        'total' as breakdown,
        '(total)' as member_id,
        currencies.currency_id as currency

    from kpi_periods
    cross join currencies
    where kpi_periods.kpi_key = 'sales_target'

    union all

    select
        kpi_periods.grain,
        kpi_periods.period_start_date,
        kpi_periods.period_end_date,
        kpi_periods.is_partial,
        kpi_periods.is_before_history,
        target_values.breakdown,
        target_values.member_id,
        target_values.currency

    from kpi_periods
    inner join target_values
        on
            kpi_periods.grain = target_values.grain
            and kpi_periods.period_start_date = target_values.period_start_date
    inner join breakdowns
        on
            breakdowns.kpi_key = 'sales_target'
            and target_values.breakdown = breakdowns.breakdown
    where
        kpi_periods.kpi_key = 'sales_target'
        and target_values.breakdown <> 'total'

),

targets_and_actuals as (

    select
        target_rows.*,
        target_values.prorated_current_value as target_value,
        -- A scope with a target and no invoice has invoiced nothing.
        case
            when revenue.value is not null then revenue.value
            when target_rows.breakdown <> 'total' and revenue_totals.value is not null
                then 0
        end as actual_value,
        target_registry.has_source as has_targets,
        attainment_registry.has_source as has_both

    from target_rows
    cross join registry as target_registry
    cross join registry as attainment_registry
    left join target_values
        on
            target_rows.grain = target_values.grain
            and target_rows.period_start_date = target_values.period_start_date
            and target_rows.breakdown = target_values.breakdown
            and target_rows.member_id = target_values.member_id
            and target_rows.currency = target_values.currency
    left join revenue
        on
            revenue.variant = 'standard'
            and target_rows.grain = revenue.grain
            and target_rows.period_start_date = revenue.period_start_date
            and target_rows.breakdown = revenue.breakdown
            and target_rows.member_id = revenue.member_id
            and target_rows.currency = revenue.currency
    left join revenue as revenue_totals
        on
            revenue_totals.variant = 'standard'
            and target_rows.grain = revenue_totals.grain
            and target_rows.period_start_date = revenue_totals.period_start_date
            and revenue_totals.breakdown = 'total'
            and target_rows.currency = revenue_totals.currency
    where
        target_registry.kpi_key = 'sales_target'
        and attainment_registry.kpi_key = 'target_attainment'

),

sales_targets as (

    select
        'sales_target' as kpi_key,
        'standard' as variant,
        grain,
        period_start_date,
        period_end_date,
        breakdown,
        member_id,
        currency,
        cast(null as decimal(38, 6)) as original_amount,
        case when has_targets then target_value end as numerator,
        cast(null as decimal(38, 6)) as denominator,
        case when has_targets then target_value end as value,
        is_partial,
        is_before_history,
        case
            when not has_targets then ['no_source']
            when target_value is null then ['no_target']
            else cast([] as varchar[])
        end as flag

    from targets_and_actuals

),

attainments as (

    select
        'target_attainment' as kpi_key,
        'standard' as variant,
        grain,
        period_start_date,
        period_end_date,
        breakdown,
        member_id,
        currency,
        cast(null as decimal(38, 6)) as original_amount,
        case when has_both then actual_value end as numerator,
        case when has_both then target_value end as denominator,
        case when has_both then {{ safe_divide('actual_value', 'target_value') }} end
            as value,
        is_partial,
        is_before_history,
        case
            when not has_both then ['no_source']
            when target_value is null then ['no_target']
            when target_value = 0 then ['target_zero']
            else cast([] as varchar[])
        end as flag

    from targets_and_actuals

),

derived as (

    select * from quotient_values
    union all
    select * from compound_values
    union all
    select * from run_rate_values
    union all
    select * from retention_values
    union all
    select * from capacity_values
    union all
    select * from pipeline_coverage_values
    union all
    select * from forecast_accuracy_values
    union all
    select * from growth_values
    union all
    select * from sales_targets
    union all
    select * from attainments

)

select * from derived
