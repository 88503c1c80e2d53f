{#- One-column key of a record across sources: `<source_name>:<id there>`. Ids are unique
    only inside one source, and two portals or files do collide ("1", "2" …). The name is
    kept readable, not hashed, so a figure can be looked up in its source. NULL stays NULL. -#}
{% macro record_key(id_column, source_name='source_name') -%}
    {{ source_name }} || ':' || {{ id_column }}
{%- endmacro %}


{#- One-column key of a row with several key parts; '' stands for a blank part, so nullable
    dimensions neither collide nor vanish. -#}
{% macro surrogate_key(columns) -%}
    md5(concat_ws('|'
        {%- for column in columns -%}
        , coalesce(cast({{ column }} as varchar), '')
        {%- endfor -%}
    ))
{%- endmacro %}
