with

period_targets as (

    select * from {{ ref('fct_period_targets') }}

),

base_values as (

    select * from {{ ref('rpt_kpi_base_values') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

periods as (

    select * from {{ ref('dim_periods') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

-- Months of a quarter or year, to add up targets where the longer period has none.
months_of_periods as (

    select
        longer.grain,
        longer.period_start_date,
        longer.period_end_date,
        months.period_start_date as month_start_date,
        count(*) over (partition by longer.grain, longer.period_start_date) as month_count

    from periods as longer
    inner join periods as months
        on
            months.grain = 'month'
            and months.period_start_date
            between longer.period_start_date and longer.period_end_date
    where longer.grain in ('quarter', 'year')

),

-- Money targets are promises in their own currency: shown in another one at the plan rate
-- of the period's first day, so that a target does not move with the market.
targets_converted as (

    select
        period_targets.kpi_key,
        period_targets.scope_type as breakdown,
        period_targets.scope_id as member_id,
        period_targets.grain,
        period_targets.period_start_date,
        period_targets.period_end_date,
        period_targets.target_type,
        currencies.currency_id as currency,
        period_targets.currency as target_currency,
        case
            when period_targets.target_type = 'absolute'
                then
                    {{ convert_money(
                        'period_targets.first_approved_value',
                        'plan_rates.rate',
                        'currencies.exponent'
                    ) }}
            else period_targets.first_approved_value
        end as first_approved_value,
        case
            when period_targets.target_type = 'absolute'
                then
                    {{ convert_money(
                        'period_targets.current_value',
                        'plan_rates.rate',
                        'currencies.exponent'
                    ) }}
            else period_targets.current_value
        end as current_value,
        case
            when period_targets.target_type = 'absolute'
                then
                    {{ convert_money(
                        'period_targets.day_weighted_value',
                        'plan_rates.rate',
                        'currencies.exponent'
                    ) }}
            else period_targets.day_weighted_value
        end as day_weighted_value,
        case
            when period_targets.target_type = 'absolute'
                then
                    {{ convert_money(
                        'period_targets.prorated_current_value',
                        'plan_rates.rate',
                        'currencies.exponent'
                    ) }}
            else period_targets.prorated_current_value
        end as prorated_current_value

    from period_targets
    inner join registry
        on
            period_targets.kpi_key = registry.kpi_key
            and registry.unit = 'money'
    cross join currencies
    left join rates as plan_rates
        on
            plan_rates.rate_purpose = 'plan'
            and plan_rates.rate_date = least(
                period_targets.period_start_date, {{ as_of_date() }}
            )
            and period_targets.currency = plan_rates.from_currency
            and currencies.currency_id = plan_rates.to_currency

    union all

    select
        period_targets.kpi_key,
        period_targets.scope_type as breakdown,
        period_targets.scope_id as member_id,
        period_targets.grain,
        period_targets.period_start_date,
        period_targets.period_end_date,
        period_targets.target_type,
        cast(null as varchar) as currency,
        cast(null as varchar) as target_currency,
        period_targets.first_approved_value,
        period_targets.current_value,
        period_targets.day_weighted_value,
        period_targets.prorated_current_value

    from period_targets
    inner join registry
        on
            period_targets.kpi_key = registry.kpi_key
            and registry.unit <> 'money'

),

month_targets as (

    select * from targets_converted
    where grain = 'month' and target_type = 'absolute'

),

targets_added_up as (

    select
        month_targets.kpi_key,
        month_targets.breakdown,
        month_targets.member_id,
        months_of_periods.grain,
        months_of_periods.period_start_date,
        months_of_periods.period_end_date,
        'absolute' as target_type,
        month_targets.currency,
        month_targets.target_currency,
        sum(month_targets.first_approved_value) as first_approved_value,
        sum(month_targets.current_value) as current_value,
        sum(month_targets.day_weighted_value) as day_weighted_value,
        sum(month_targets.prorated_current_value) as prorated_current_value,
        true as is_added_up

    from month_targets
    inner join registry
        on
            month_targets.kpi_key = registry.kpi_key
            and registry.additivity in ('additive', 'distinct')
    inner join months_of_periods
        on month_targets.period_start_date = months_of_periods.month_start_date
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
    -- A missing month would make the sum a lower target than anyone set.
    having count(month_targets.current_value) = min(months_of_periods.month_count)

),

targets_stacked as (

    select
        kpi_key,
        breakdown,
        member_id,
        grain,
        period_start_date,
        period_end_date,
        target_type,
        currency,
        target_currency,
        first_approved_value,
        current_value,
        day_weighted_value,
        prorated_current_value,
        false as is_added_up

    from targets_converted
    union all
    select * from targets_added_up

),

targets_chosen as (

    select *
    from targets_stacked
    qualify row_number() over (
        partition by kpi_key, breakdown, member_id, grain, period_start_date, currency
        order by is_added_up
    ) = 1

),

previous_periods as (

    select
        later.grain,
        later.period_start_date,
        earlier.period_start_date as previous_start_date,
        earlier.is_ended as is_previous_ended

    from periods as later
    inner join periods as earlier
        on
            later.grain = earlier.grain
            and earlier.period_end_date = later.period_start_date - 1

),

-- A growth target stands on the figure of the period before; until that is over there is
-- no base to grow from.
growth_baselines as (

    select
        targets_chosen.*,
        case when previous_periods.is_previous_ended then base_values.value end
            as baseline_value

    from targets_chosen
    left join previous_periods
        on
            targets_chosen.grain = previous_periods.grain
            and targets_chosen.period_start_date = previous_periods.period_start_date
    -- The type of target is asked within the key: beside it, DuckDB compares every target
    -- with every figure.
    left join base_values
        on
            case when targets_chosen.target_type = 'growth_pct' then targets_chosen.kpi_key end
            = base_values.kpi_key
            and base_values.variant = 'standard'
            and targets_chosen.grain = base_values.grain
            and previous_periods.previous_start_date = base_values.period_start_date
            and targets_chosen.breakdown = base_values.breakdown
            and targets_chosen.member_id = base_values.member_id
            and targets_chosen.currency is not distinct from base_values.currency

)

select
    {{ surrogate_key([
        'kpi_key', 'breakdown', 'member_id', 'grain', 'period_start_date', 'currency'
    ]) }} as target_value_id,
    kpi_key,
    breakdown,
    member_id,
    grain,
    period_start_date,
    period_end_date,
    currency,
    target_currency,
    target_type,
    {%- for column in [
        'first_approved_value',
        'current_value',
        'day_weighted_value',
        'prorated_current_value',
    ] %}
        cast(
            case target_type
                when 'growth_pct'
                    then baseline_value * (1 + cast({{ column }} as decimal(12, 4)) * 0.01)
                else {{ column }}
            end as decimal(38, 6)
        ) as {{ column }},
    {%- endfor %}
    baseline_value

from growth_baselines
