{#- Rows whose key (of one column, or of several parts) occurs more than once or is NULL. One test
    for both: a NULL part would slip through a uniqueness test alone, and each test costs every
    night some 40 ms. -#}
{% test unique_key(model, columns=none, column_name=none) %}
{%- set columns = columns or [column_name] %}
select
    {{ columns | join(', ') }},
    count(*) as row_count

from {{ model }}
group by all
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
