{#- Tables and views are replaced in place, in one transaction. dbt's own materializations build
    beside the old relation, rename both and drop the old one, so that readers never find
    nothing: here nobody reads the build file, and four statements a node were a fifth of
    `dbt run` (tests/benchmarks/README.md). A build that fails or is killed leaves the old relation, as it stood. -#}


{% materialization table, adapter='duckdb' %}
    {{ return(replace_in_place('table')) }}
{% endmaterialization %}


{% materialization view, adapter='duckdb' %}
    {{ return(replace_in_place('view')) }}
{% endmaterialization %}


{#- Replace `this` by a table or a view of the compiled model; return what dbt is to note. -#}
{% macro replace_in_place(kind) %}
    {%- set old = load_cached_relation(this) -%}
    {%- set new = this.incorporate(type=kind) -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {%- if old is not none %}
        drop {{ old.type }} {{ old }};
        {%- endif %}
        {%- if kind == 'table' %}
        {{ create_table_as(False, new, compiled_code) }}
        {%- else %}
        {{ create_view_as(new, compiled_code) }}
        {%- endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ return({'relations': [new]}) }}
{% endmacro %}
