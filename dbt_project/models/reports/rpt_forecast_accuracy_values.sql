{#- Days before the end of the month at which the forecast is taken at the latest. -#}
{%- set leads = {'standard': 14, 'one_week_before': 7} -%}
with

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}
    where kpi_key = 'forecast_accuracy'

),

registry as (

    select * from {{ ref('dim_kpis') }}
    where kpi_key = 'forecast_accuracy'

),

base_values as (

    select * from {{ ref('rpt_kpi_base_values') }}
    where variant = 'standard' and breakdown = 'total'

),

-- Forecasts of weeks stay for ever, those of days for 92 days only: a figure of last year must
-- not vanish. A week shows the forecast of the month its last day is in.
forecasts as (

    select * from base_values
    where kpi_key = 'forecast_sales' and grain = 'week'

),

signed as (

    select * from base_values
    where kpi_key = 'sales_bookings'

),

variants as (

    select unnest({{ leads.keys() | list }}) as variant

),

forecasts_made as (
    {%- for variant, days in leads.items() %}
        {{ 'union all' if not loop.first }}
        select
            '{{ variant }}' as variant,
            kpi_periods.grain,
            kpi_periods.period_start_date,
            forecasts.currency,
            arg_max(
                struct_pack(amount := forecasts.value), forecasts.period_end_date
            ).amount as forecast_value

        from kpi_periods
        inner join forecasts
            on
                forecasts.period_end_date between kpi_periods.period_start_date
                and kpi_periods.period_end_date - {{ days }}
        group by 1, 2, 3, 4
    {%- endfor %}

),

compared as (

    select
        variants.variant,
        kpi_periods.grain,
        kpi_periods.period_start_date,
        kpi_periods.period_end_date,
        kpi_periods.is_partial,
        kpi_periods.is_before_history,
        signed.currency,
        signed.value as signed_value,
        forecasts_made.forecast_value,
        signed.flag

    from kpi_periods
    cross join variants
    inner join signed
        on
            kpi_periods.grain = signed.grain
            and kpi_periods.period_start_date = signed.period_start_date
    left join forecasts_made
        on
            variants.variant = forecasts_made.variant
            and kpi_periods.period_start_date = forecasts_made.period_start_date
            and signed.currency = forecasts_made.currency

)

-- How much of what was signed the forecast got right: all less what it was off by.
select
    registry.kpi_key,
    compared.variant,
    compared.grain,
    compared.period_start_date,
    compared.period_end_date,
    'total' as breakdown,
    '(total)' as member_id,
    compared.currency,
    cast(null as decimal(38, 6)) as original_amount,
    case
        when registry.has_source and not compared.is_partial
            then
                cast(
                    compared.signed_value
                    - abs(compared.forecast_value - compared.signed_value)
                    as decimal(38, 6)
                )
    end as numerator,
    case
        when registry.has_source and not compared.is_partial then compared.signed_value
    end as denominator,
    case
        when registry.has_source and not compared.is_partial
            then
                {{ safe_divide(
                    'compared.signed_value'
                    ~ ' - abs(compared.forecast_value - compared.signed_value)',
                    'compared.signed_value'
                ) }}
    end as value,
    compared.is_partial,
    compared.is_before_history,
    compared.flag

from compared
cross join registry
