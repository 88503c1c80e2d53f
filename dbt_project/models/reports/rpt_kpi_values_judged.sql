with

base_values as (

    select * from {{ ref('rpt_kpi_base_values') }}

),

derived_values as (

    select * from {{ ref('rpt_kpi_derived_values') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

stacked_values as (

    select * from base_values
    union all
    select * from derived_values

),

-- Counts say how many cases stand behind a rate; a growth or an attainment has none.
values_described as (

    select
        stacked_values.*,
        registry.version as kpi_version,
        registry.unit,
        registry.additivity,
        registry.theme,
        (registry.additivity = 'ratio' and registry.aggregation <> 'derived')
        or stacked_values.kpi_key in ('customer_churn_rate', 'customer_retention_rate')
            as is_rate_of_cases

    from stacked_values
    inner join registry
        on stacked_values.kpi_key = registry.kpi_key
)

select
    {{ surrogate_key([
        'kpi_key',
        'variant',
        "'current'",
        'grain',
        'period_start_date',
        'breakdown',
        'member_id',
        'currency',
    ]) }} as kpi_value_id,
    kpi_key,
    kpi_version,
    variant,
    'current' as basis,
    grain,
    period_start_date,
    period_end_date,
    breakdown,
    member_id,
    unit,
    currency,
    case
        when breakdown <> 'currency' then null
        when is_rate_of_cases then {{ safe_divide('original_amount', 'denominator') }}
        else original_amount
    end as value_original,
    numerator,
    denominator,
    value,
    additivity,
    is_partial,
    coalesce(
        is_rate_of_cases and denominator < {{ policy('low_sample_threshold') }}, false
    ) as low_sample,
    list_sort(flag) as flag,
    case
        when is_before_history then 'not_available'
        when list_contains(flag, 'no_source') then 'not_available'
        else 'source_history'
    end as history_basis,
    theme

from values_described
