{#- Rows whose key parts together occur more than once, or of which a part is NULL. One test
    for both because a NULL part would slip through a uniqueness test alone. -#}
{% test unique_key(model, columns) %}
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
