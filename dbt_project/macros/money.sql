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


{#- A part's share of a converted whole: the running total with it less the one before it, so
    that the parts add up to the whole converted once (R-SPLIT). -#}
{% macro convert_share(earlier_amount, running_amount, rate, exponent) -%}
    {{ convert_money(running_amount, rate, exponent) }}
    - {{ convert_money(earlier_amount, rate, exponent) }}
{%- endmacro %}


{#- The only division allowed: NULL on zero, never inf, nan or 0, and exact. -#}
{% macro safe_divide(numerator, denominator) -%}
    divide_exactly({{ numerator }}, {{ denominator }})
{%- endmacro %}


{#- What safe_divide calls. DuckDB divides decimals as DOUBLE (and returns inf for x/0), which
    loses the sixth decimal of an average in dong. So DOUBLE only guesses: the remainder, exact
    in decimals, corrects the guess and then decides the last digit. Rounded once, half away
    from zero. Dividing whole millionths as 128-bit numbers gives the same at five times the
    cost. A guess that lies further from a half of the last digit than DOUBLE can err needs no
    such proof, which is nearly every one. A function of the engine, because written out it
    would be pages at every call. -#}
{% macro create_functions() %}
    create or replace macro {{ target.schema }}.divide_roughly(top, bottom) as
    cast(round(cast(top as double) / cast(bottom as double), 6) as decimal(38, 6));

    create or replace macro {{ target.schema }}.divide_nearly(top, bottom) as
    divide_roughly(top, bottom)
    + divide_roughly(top - divide_roughly(top, bottom) * bottom, bottom);

    -- Remainder times two million: at least one divisor = half of the last digit is missing.
    create or replace macro {{ target.schema }}.divide_settled(top, bottom, near) as
    cast(
        near + (
            case
                when
                    (case when top < 0 then -1 else 1 end)
                    * ((top - near * bottom) * 2000000) >= abs(bottom) then 1
                when
                    (case when top < 0 then -1 else 1 end)
                    * ((top - near * bottom) * 2000000) < -abs(bottom) then -1
                else 0
            end
        ) * (case when (top < 0) = (bottom < 0) then 0.000001 else -0.000001 end)
        as decimal(38, 6)
    );

    create or replace macro {{ target.schema }}.divide_to_millionths(top, bottom) as
    1000000 * cast(top as double) / cast(bottom as double);

    -- Two conversions, a product and a quotient of DOUBLE err by less than 4e-15 of the result.
    -- A clear guess is below 125 million, so what is cast fits 18 digits.
    create or replace macro {{ target.schema }}.divide_by_guess(top, bottom, millionths) as
    case
        when millionths is null then null
        when abs(abs(millionths - trunc(millionths)) - 0.5) > abs(millionths) * 4e-15
            then cast(cast(round(millionths) / 1000000 as decimal(18, 6)) as decimal(38, 6))
        else divide_settled(top, bottom, divide_nearly(top, bottom))
    end;

    create or replace macro {{ target.schema }}.divide_exactly(numerator, denominator) as
    divide_by_guess(
        cast(numerator as decimal(38, 6)),
        nullif(cast(denominator as decimal(38, 6)), 0),
        divide_to_millionths(
            cast(numerator as decimal(38, 6)), nullif(cast(denominator as decimal(38, 6)), 0)
        )
    )
{% endmacro %}
