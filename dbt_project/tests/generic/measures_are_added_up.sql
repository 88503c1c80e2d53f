{#- A table of measures: one row per KPI, variant, day, currency and set of dimension members;
    the cases of a median are those of its mean. -#}
{% test measures_are_added_up(model) %}
{%- set dimensions = var('kpi_dimensions').values() | join(', ') %}
select
    'repeated' as finding,
    any_value(kpi_key) as kpi_key,
    any_value(report_date) as report_date

from {{ model }}
group by
    kpi_key, variant, report_date, currency, original_currency, {{ dimensions }}
having count(*) > 1
union all
select
    'without a key' as finding,
    kpi_key,
    report_date

from {{ model }}
where kpi_key is null or variant is null or report_date is null
union all
select
    'cases of another sum' as finding,
    kpi_key,
    report_date

from {{ model }}
where
    case_values is not null
    and (list_sum(case_values) <> numerator or len(case_values) <> denominator)
{% endtest %}
