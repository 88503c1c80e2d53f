{#- Company day of an instant: the one conversion out of UTC (a payment at
    2025-01-31T17:30Z is 1 February in Asia/Ho_Chi_Minh). -#}
{% macro report_date(instant) -%}
    cast(timezone('{{ var("reporting_timezone") }}', {{ instant }}) as date)
{%- endmacro %}


{#- UTC instant at which a company day ends (exclusive). -#}
{% macro end_of_day(day) -%}
    timezone(
        '{{ var("reporting_timezone") }}',
        cast({{ day }} + interval 1 day as timestamp)
    )
{%- endmacro %}


{#- UTC instant at which the as-of day ends. The night extracts about two hours later, so
    sources already hold events of the next day: every model cuts events and states here. -#}
{% macro as_of_end() -%}
    {{ end_of_day(as_of_date()) }}
{%- endmacro %}


{% macro as_of_date() -%}
    date '{{ var("as_of_date") }}'
{%- endmacro %}
