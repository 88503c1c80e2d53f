{#- One theme's company figures side by side: one row per month and presentation currency,
    one column per KPI that the model documents. Figures come from the long table, so the two
    never differ. A cohort ripens for months after its period: that is no reason to call the
    month's other figures partial. -#}
{% macro kpi_months(kpi_values, currencies, theme) %}
    {%- set own = [
        'kpi_month_id', 'month_start_date', 'month_end_date', 'currency', 'is_partial',
        'as_of_date', 'build_id',
    ] %}
    select
        {{ month_name(kpi_values ~ '.period_start_date') }}
        || ':' || {{ currencies }}.currency_id as kpi_month_id,
        {{ kpi_values }}.period_start_date as month_start_date,
        {{ kpi_values }}.period_end_date as month_end_date,
        {{ currencies }}.currency_id as currency,
        bool_or({{ kpi_values }}.is_partial and registry.window_days is null) as is_partial,
        {%- for kpi_key in model.columns if kpi_key not in own %}
        max(case when {{ kpi_values }}.kpi_key = '{{ kpi_key }}' then {{ kpi_values }}.value end)
            as {{ kpi_key }},
        {%- endfor %}
        {{ as_of_date() }} as as_of_date,
        '{{ var("build_id") }}' as build_id

    from {{ kpi_values }}
    cross join {{ currencies }}
    inner join {{ ref('dim_kpis') }} as registry
        on {{ kpi_values }}.kpi_key = registry.kpi_key
    where
        {{ kpi_values }}.theme = '{{ theme }}'
        and {{ kpi_values }}.grain = 'month'
        and {{ kpi_values }}.breakdown = 'total'
        and {{ kpi_values }}.variant = 'standard'
        and (
            {{ kpi_values }}.currency is null
            or {{ kpi_values }}.currency = {{ currencies }}.currency_id
        )
    group by 1, 2, 3, 4
{% endmacro %}
