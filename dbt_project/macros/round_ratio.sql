{#- Exact integer division rounded half away from zero. DuckDB divides decimals as DOUBLE,
    which misses a half minor unit now and then; whole numbers do not. Both arguments are
    whole numbers, the denominator positive; NULL on 0. -#}
{% macro round_ratio(numerator, denominator) -%}
    (sign({{ numerator }})::hugeint * (
        (2 * abs(({{ numerator }})::hugeint) + ({{ denominator }})::hugeint)
        // nullif(2 * ({{ denominator }})::hugeint, 0)
    ))
{%- endmacro %}
