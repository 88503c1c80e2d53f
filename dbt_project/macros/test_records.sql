{#- Leaves test records of an entity out of the model that unites it: joined, none may be found.
    `of` is the relation, `key` its id as the source writes it. -#}
{% macro anti_join_test_records(entity, of, key) -%}
    anti join {{ ref('int_test_records_found') }} as test_records
        on
            test_records.entity = '{{ entity }}'
            and {{ of }}.source_name = test_records.source_name
            and {{ of }}.{{ key }} = test_records.record_id
{%- endmacro %}
