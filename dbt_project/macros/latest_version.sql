{#- Keeps the newest version of each mutable record. The source's own version column comes
    first because an older state can arrive later (look-back, replayed page); the load only
    breaks ties. The row hash last makes the choice the same on every run. -#}
{% macro latest_version(key, version_column=none) %}
    qualify row_number() over (
        partition by source_name, source_account, {{ key | join(', ') }}
        order by
            {%- if version_column %}
            {{ version_column }} desc nulls last,
            {%- endif %}
            _load_date desc,
            _extracted_at desc,
            _row_hash desc
    ) = 1
{% endmacro %}
