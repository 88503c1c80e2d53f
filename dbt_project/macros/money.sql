{#- Integer minor units to exact major units by the currency's own exponent (VND 0, USD 2,
    KWD 3): a literal 100 would turn 500,000 dong into 5,000. `minor_unit_amount` is the
    column of seed currency_exponents (1, 0.01, 0.001 …); multiplying keeps DECIMAL, where
    DuckDB's division would return DOUBLE. -#}
{% macro to_major_units(minor_column, minor_unit_amount='minor_unit_amount') -%}
    cast(
        cast({{ minor_column }} as decimal(28, 0)) * {{ minor_unit_amount }}
        as decimal(38, 4)
    )
{%- endmacro %}


{#- Money of one event row in another currency, rounded once, half away from zero, to the
    target's minor unit. One branch per exponent of ISO 4217, because DuckDB's round()
    takes a constant precision only. -#}
{% macro convert_money(amount, rate, exponent) -%}
    case {{ exponent }}
        when 0 then cast(round(({{ amount }}) * ({{ rate }}), 0) as decimal(38, 4))
        when 2 then cast(round(({{ amount }}) * ({{ rate }}), 2) as decimal(38, 4))
        when 3 then cast(round(({{ amount }}) * ({{ rate }}), 3) as decimal(38, 4))
        when 4 then cast(round(({{ amount }}) * ({{ rate }}), 4) as decimal(38, 4))
    end
{%- endmacro %}


{#- The only division allowed: NULL on zero, never inf, nan or 0, and exact. DuckDB divides
    decimals as DOUBLE (and returns inf for x/0), which loses the sixth decimal of an average
    in dong; whole millionths do not. Rounded once, half away from zero. -#}
{% macro safe_divide(numerator, denominator) -%}
    {%- set top = 'cast(cast(' ~ numerator ~ ' as decimal(38, 6)) * 1000000 as hugeint)' -%}
    {%- set bottom = 'cast(cast(' ~ denominator ~ ' as decimal(38, 6)) * 1000000 as hugeint)' -%}
    cast(
        cast(
            {{ round_ratio(top ~ ' * 1000000 * sign(' ~ bottom ~ ')', 'abs(' ~ bottom ~ ')') }}
            as decimal(32, 0)
        ) * 0.000001 as decimal(38, 6)
    )
{%- endmacro %}
