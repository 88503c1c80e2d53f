with

closed_figures as (

    select * from {{ ref('fct_closed_figures') }}

),

kpi_values as (

    select * from {{ ref('rpt_kpi_values_judged') }}
    where grain in ('month', 'quarter', 'year')

),

-- A KPI is frozen for a period with all its members: whoever appears later is a difference.
periods_frozen as (

    select
        kpi_key,
        grain,
        period_start_date,
        any_value(close_id) as close_id,
        any_value(area) as area,
        any_value(kpi_version) as kpi_version

    from closed_figures
    group by 1, 2, 3

),

kpi_values_again as (

    select
        kpi_values.*,
        periods_frozen.close_id,
        periods_frozen.area,
        periods_frozen.kpi_version as signed_kpi_version

    from kpi_values
    inner join periods_frozen
        on
            kpi_values.kpi_key = periods_frozen.kpi_key
            and kpi_values.grain = periods_frozen.grain
            and kpi_values.period_start_date = periods_frozen.period_start_date

)

select
    coalesce(closed_figures.close_id, kpi_values_again.close_id) as close_id,
    coalesce(closed_figures.area, kpi_values_again.area) as area,
    coalesce(closed_figures.kpi_key, kpi_values_again.kpi_key) as kpi_key,
    coalesce(closed_figures.kpi_version, kpi_values_again.signed_kpi_version)
        as signed_kpi_version,
    kpi_values_again.kpi_version,
    coalesce(closed_figures.variant, kpi_values_again.variant) as variant,
    coalesce(closed_figures.grain, kpi_values_again.grain) as grain,
    coalesce(closed_figures.period_start_date, kpi_values_again.period_start_date)
        as period_start_date,
    coalesce(closed_figures.period_end_date, kpi_values_again.period_end_date)
        as period_end_date,
    coalesce(closed_figures.breakdown, kpi_values_again.breakdown) as breakdown,
    coalesce(closed_figures.member_id, kpi_values_again.member_id) as member_id,
    closed_figures.member_name,
    coalesce(closed_figures.unit, kpi_values_again.unit) as unit,
    coalesce(closed_figures.currency, kpi_values_again.currency) as currency,
    coalesce(closed_figures.additivity, kpi_values_again.additivity) as additivity,
    closed_figures.kpi_key is not null as is_frozen,
    kpi_values_again.kpi_key is not null as is_computed,
    {%- for measure in ['value_original', 'numerator', 'denominator', 'value'] %}
        closed_figures.{{ measure }} as signed_{{ measure }},
        closed_figures.computed_{{ measure }},
        kpi_values_again.{{ measure }},
    {%- endfor %}
    '{{ var("build_id") }}' as build_id

from closed_figures
full join kpi_values_again
    on
        {{ same_figure('closed_figures', 'kpi_values_again') }}
