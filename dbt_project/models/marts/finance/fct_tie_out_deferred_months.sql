{%- if var('calendar') == '4-4-5' -%}
    with

    deferred_months as (

        {{ deferred_months("date_trunc('month', date_day)::date", "last_day(date_day)") }}

    )

    select * from deferred_months
{%- else -%}
    select * from {{ ref('fct_deferred_revenue_monthly') }}
{%- endif %}
