{#- Exact integer division rounded half away from zero. DuckDB divides decimals as DOUBLE,
    which misses a half minor unit now and then; whole numbers do not. Both arguments are
    whole numbers, the denominator positive; NULL on 0. -#}
{% macro round_ratio(numerator, denominator) -%}
    (cast(sign({{ numerator }}) as hugeint) * (
        (2 * abs(cast({{ numerator }} as hugeint)) + cast({{ denominator }} as hugeint))
        // nullif(2 * cast({{ denominator }} as hugeint), 0)
    ))
{%- endmacro %}
