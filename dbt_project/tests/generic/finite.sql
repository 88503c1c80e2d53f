{#- Rates that are inf or nan: DuckDB returns them silently for x/0. -#}
{% test finite(model, column_name) %}
select {{ column_name }}
from {{ model }}
where not isfinite(cast({{ column_name }} as double))
{% endtest %}
