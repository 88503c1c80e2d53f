{#- How many periods back each comparison looks; beyond all history where a grain has no
    such period. -#}
{%- set earlier_periods = {
    'previous': '1',
    'quarter_ago': 'periods_per_quarter',
    'year_ago': 'periods_per_year',
} -%}
with

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}
    where basis = 'current' and grain <> 'day' and breakdown <> 'currency'

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

periods as (

    {{ numbered_periods() }}

),

targets as (

    select
        *,
        -- Targets are set for the standard variant, comments for months.
        'standard' as variant

    from {{ ref('rpt_target_values') }}

),

same_elapsed as (

    select * from {{ ref('rpt_same_elapsed_values') }}

),

comments as (

    select
        *,
        'month' as grain

    from {{ ref('fct_kpi_comments') }}

),

-- Since when a KPI has figures at all.
first_periods as (

    select
        kpi_values.kpi_key,
        kpi_values.grain,
        min(periods.period_number) as first_period_number

    from kpi_values
    inner join periods
        on
            kpi_values.grain = periods.grain
            and kpi_values.period_start_date = periods.period_start_date
    group by 1, 2

),

-- Joined before anything else, while DuckDB knows which side is the small one: later it
-- hashes every figure with all its columns.
values_with_targets as (

    select
        kpi_values.*,
        case
            when kpi_values.kpi_key not in ('sales_target', 'target_attainment')
                then targets.prorated_current_value
        end as target_value,
        case
            when kpi_values.kpi_key not in ('sales_target', 'target_attainment')
                then targets.first_approved_value
        end as target_first_approved_value,
        case
            when kpi_values.kpi_key not in ('sales_target', 'target_attainment')
                then targets.day_weighted_value
        end as target_day_weighted_value,
        same_elapsed.same_elapsed_value,
        comments.comment

    from kpi_values
    left join targets
        on
            {{ same_figure('kpi_values', 'targets') }}
    left join same_elapsed
        on
            {{ same_figure('kpi_values', 'same_elapsed') }}
    left join comments
        on
            kpi_values.kpi_key = comments.kpi_key
            and kpi_values.grain = comments.grain
            and kpi_values.breakdown = comments.breakdown
            and kpi_values.member_id = comments.member_id
            and kpi_values.period_start_date = comments.period_start_date

),

-- What the windows look at, and no more: they sort whole rows.
history as (

    select
        kpi_values.kpi_value_id,
        kpi_values.value,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.is_partial,
        periods.period_number,
        periods.has_tet,
        {{ surrogate_key([
            'kpi_values.kpi_key',
            'kpi_values.variant',
            'kpi_values.basis',
            'kpi_values.grain',
            'kpi_values.breakdown',
            'kpi_values.member_id',
            'kpi_values.currency',
        ]) }} as series_id,
        coalesce({{ periods_per('quarter', 'kpi_values.grain') }}, 1000000)
            as periods_per_quarter,
        {{ periods_per('year', 'kpi_values.grain') }} as periods_per_year

    from kpi_values
    inner join periods
        on
            kpi_values.grain = periods.grain
            and kpi_values.period_start_date = periods.period_start_date

),

-- Frames are ranges of period numbers, so that a member's missing period is not skipped.
history_rolled as (

    select
        kpi_value_id,
        period_number,
        has_tet,
        periods_per_quarter,
        periods_per_year,
        {%- for name, length in earlier_periods.items() %}
            first_value(value) over {{ name }} as {{ name }}_value_found,
            count(*) over {{ name }} as {{ name }}_count,
        {%- endfor %}
        {%- for length in [3, 12] %}
            sum(numerator) over rolling_{{ length }} as numerator_{{ length }},
            sum(denominator) over rolling_{{ length }} as denominator_{{ length }},
            sum(value) over rolling_{{ length }} as value_{{ length }},
            count(value) over rolling_{{ length }} as count_{{ length }},
            bool_or(is_partial or numerator is null) over rolling_{{ length }}
                as is_broken_{{ length }},
        {%- endfor %}
        list(cast(value as double)) filter (where value is not null and not is_partial)
            over (
                partition by series_id
                order by period_number
                range between 5 preceding and current row
            ) as recent_values,
        -- Periods with Tết in them are still in one month this year and another the next.
        list(cast(value as double))
        filter (where value is not null and not is_partial and not has_tet)
            over (
                partition by series_id
                order by period_number
                range between 12 preceding and 1 preceding
            ) as earlier_values

    from history
    window
        {%- for name, length in earlier_periods.items() %}
            {{ name }} as (
                partition by series_id
                order by period_number
                range between {{ length }} preceding and {{ length }} preceding
            ),
        {%- endfor %}
        rolling_3 as (
            partition by series_id
            order by period_number
            range between 2 preceding and current row
        ),
        rolling_12 as (
            partition by series_id
            order by period_number
            range between 11 preceding and current row
        )

),

-- How periods of a KPI are put together over a rolling window.
series as (

    select
        values_with_targets.*,
        registry.direction,
        case
            when values_with_targets.kpi_key like 'sales_growth%' then 'none'
            -- The median of a quarter does not follow from those of its months.
            when values_with_targets.variant = 'median' then 'none'
            -- People reached in three months are not those of each added up.
            when registry.aggregation = 'single' then 'none'
            when registry.additivity = 'ratio' then 'ratio'
            when registry.aggregation = 'last' or registry.additivity = 'semi_additive'
                then 'average'
            else 'sum'
        end as rolling_rule,
        registry.aggregation = 'sum' and registry.additivity <> 'ratio' as is_sum,
        first_periods.first_period_number,
        kpi_periods.data_through_date,
        history_rolled.* exclude (kpi_value_id)

    from values_with_targets
    inner join history_rolled
        on values_with_targets.kpi_value_id = history_rolled.kpi_value_id
    inner join registry
        on values_with_targets.kpi_key = registry.kpi_key
    inner join kpi_periods
        on
            values_with_targets.kpi_key = kpi_periods.kpi_key
            and values_with_targets.grain = kpi_periods.grain
            and values_with_targets.period_start_date = kpi_periods.period_start_date
    inner join first_periods
        on
            values_with_targets.kpi_key = first_periods.kpi_key
            and values_with_targets.grain = first_periods.grain

),

-- A member without a row in a period the KPI has did nothing in it, where nothing is 0.
series_compared as (

    select
        {%- for name, length in earlier_periods.items() %}
            coalesce(
                {{ name }}_value_found,
                case
                    when
                        is_sum
                        and period_number - {{ length }} >= first_period_number
                        and {{ name }}_count = 0
                        then 0
                end
            ) as {{ name }}_value,
        {%- endfor %}
        *

    from series

),

-- Theil-Sen: the median of the slopes of all pairs, deaf to a single odd month. The pairs
-- are written out, six values having fifteen: nested lambdas take ten times as long.
series_sloped as (

    select
        *,
        list_aggregate(
            [
                {%- for i in range(1, 6) %}
                    {%- for j in range(i + 1, 7) %}
                        (recent_values[{{ j }}] - recent_values[{{ i }}]) / {{ j - i }}
                        {{- "," if i < 5 }}
                    {%- endfor %}
                {%- endfor %}
            ],
            'median'
        ) as slope,
        list_aggregate(recent_values, 'median') as recent_median,
        list_aggregate(earlier_values, 'median') as earlier_median,
        list_aggregate(earlier_values, 'mad') as earlier_deviation

    from series_compared

),

series_judged as (

    select
        *,
        case
            when is_partial then null
            when coalesce(len(recent_values), 0) < 4 then 'not_enough_history'
            -- Less than a fiftieth of the usual level per period is standing still.
            when abs(slope) <= abs(recent_median) * 0.02 then 'flat'
            when slope > 0 then 'up'
            else 'down'
        end as trend_direction,
        coalesce(len(earlier_values), 0) as anomaly_history_count,
        -- How far a value may lie from the median of those periods; where they hardly differ, a
        -- tenth of it.
        case
            when is_partial or value is null or has_tet then null
            when coalesce(len(earlier_values), 0) < 8 then null
            when earlier_deviation = 0 then abs(earlier_median) * 0.1
            else 3.5 * 1.4826 * earlier_deviation
        end as usual_distance

    from series_sloped

),

scored as (

    select
        *,
        abs(cast(value as double) - earlier_median) > usual_distance as is_anomaly

    from series_judged

)

select
    kpi_value_id,
    kpi_key,
    kpi_version,
    variant,
    basis,
    grain,
    period_start_date,
    period_end_date,
    breakdown,
    member_id,
    member_name,
    unit,
    currency,
    numerator,
    denominator,
    value,
    is_partial,
    low_sample,
    flag,
    history_basis,
    target_value,
    {{ attainment('value', 'target_value', 'direction') }} as attainment,
    target_first_approved_value,
    {{ attainment('value', 'target_first_approved_value', 'direction') }}
        as attainment_first_approved,
    target_day_weighted_value,
    {{ attainment('value', 'target_day_weighted_value', 'direction') }}
        as attainment_day_weighted,
    previous_value,
    {{ growth_rate('value', 'previous_value', 'is_partial') }} as previous_growth_rate,
    {{ difference('value', 'previous_value', 'is_partial') }} as previous_difference,
    same_elapsed_value,
    {{ growth_rate('value', 'same_elapsed_value', 'not is_partial') }}
        as same_elapsed_growth_rate,
    quarter_ago_value,
    {{ growth_rate('value', 'quarter_ago_value', 'is_partial') }} as qoq_growth_rate,
    {{ difference('value', 'quarter_ago_value', 'is_partial') }} as qoq_difference,
    year_ago_value,
    {{ growth_rate('value', 'year_ago_value', 'is_partial') }} as yoy_growth_rate,
    {{ difference('value', 'year_ago_value', 'is_partial') }} as yoy_difference,
    {%- for length in [3, 12] %}
        case
            when is_broken_{{ length }} then null
            when period_number - {{ length - 1 }} < first_period_number then null
            when rolling_rule = 'sum' then cast(numerator_{{ length }} as decimal(38, 6))
            when rolling_rule = 'ratio'
                then {{ safe_divide('numerator_' ~ length, 'denominator_' ~ length) }}
            when rolling_rule = 'average' and count_{{ length }} = {{ length }}
                then {{ safe_divide('value_' ~ length, 'count_' ~ length) }}
        end as rolling_{{ length }}_value,
    {%- endfor %}
    trend_direction,
    case
        when trend_direction in ('flat', 'not_enough_history') then trend_direction
        when trend_direction is null or direction = 'neutral' then null
        when (trend_direction = 'up') = (direction = 'higher_is_better') then 'good'
        else 'bad'
    end as trend_judgement,
    is_anomaly,
    case
        when is_partial then 'partial_period'
        when value is null then 'no_value'
        when has_tet then 'tet_period'
        when is_anomaly is null then 'not_enough_history'
        when is_anomaly and cast(value as double) > earlier_median then 'above_usual_range'
        when is_anomaly then 'below_usual_range'
    end as anomaly_reason,
    cast(
        case when is_anomaly then cast(value as double) - earlier_median end
        as decimal(38, 6)
    ) as anomaly_difference,
    cast(earlier_median - usual_distance as decimal(38, 6)) as usual_low_value,
    cast(earlier_median + usual_distance as decimal(38, 6)) as usual_high_value,
    anomaly_history_count,
    data_through_date,
    comment,
    theme,
    as_of_date,
    build_id

from scored
