{#- Rows that agree in all these columns, NULL counting as a value: for tables whose key
    parts may not apply. -#}
{% test unique_row(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count

from {{ model }}
group by all
having count(*) > 1
{% endtest %}
